//! What is answered to each verb.

use chrono::{DateTime, Utc};
use url::form_urlencoded;

use super::arguments::{self, is_prefix};
use super::xml::Writer;
use super::{Failure, Provider};
use crate::{Datestamp, ErrorCode, MetadataFormat, OaiError, Request};

/// What came of a request: written, or all that speaks against it.
pub(super) type Outcome = Result<(), Vec<OaiError>>;

impl Provider {
    /// Answers a query such as `verb=Identify` (or a form, which looks the same) with an XML
    /// document. Protocol errors are answers, too.
    ///
    /// # Errors
    /// When the repository fails.
    pub async fn answer(&self, query: impl AsRef<[u8]>) -> Result<String, Failure> {
        let now = (self.clock)();
        let mut pairs = arguments::pairs(query.as_ref());
        self.leave_out_own(&mut pairs);
        let base = &self.identify.base_url;
        Ok(match arguments::read(pairs, self.identify.granularity) {
            Ok(request) => {
                let mut xml = Writer::new(now, base, Some(&request));
                if let Err(errors) = self.fulfil(&mut xml, request, now).await? {
                    xml.errors(&errors);
                }
                xml.finish()
            }
            Err(errors) => {
                let mut xml = Writer::new(now, base, None);
                xml.errors(&errors);
                xml.finish()
            }
        })
    }

    /// The base URL may have a query of its own, which is none of ours.
    fn leave_out_own(&self, pairs: &mut Vec<(Option<String>, Option<String>)>) {
        let base = self.identify.base_url.split_once('?');
        let own = base.map_or("", |(_, query)| query.split('#').next().unwrap_or_default());
        for (key, value) in form_urlencoded::parse(own.as_bytes()) {
            let own = (Some(key.into_owned()), Some(value.into_owned()));
            if let Some(at) = pairs.iter().position(|pair| *pair == own) {
                pairs.remove(at);
            }
        }
    }

    async fn fulfil(
        &self,
        xml: &mut Writer,
        request: Request,
        now: DateTime<Utc>,
    ) -> Result<Outcome, Failure> {
        match request {
            Request::Identify => self.identification(xml).await,
            Request::ListMetadataFormats { identifier } => {
                self.list_formats(xml, identifier.as_deref()).await
            }
            Request::ListSets => self.list_sets(xml, None, now).await,
            Request::ListIdentifiers(selection) => {
                self.list::<crate::Header>(xml, selection, None, now).await
            }
            Request::ListRecords(selection) => {
                self.list::<crate::Record>(xml, selection, None, now).await
            }
            Request::GetRecord { identifier, metadata_prefix } => {
                self.get_record(xml, &identifier, &metadata_prefix).await
            }
            Request::Resume { verb, token } => self.resume(xml, verb, &token, now).await,
        }
    }

    async fn identification(&self, xml: &mut Writer) -> Result<Outcome, Failure> {
        // Nothing is older than the epoch, whatever comes into a repository that is empty now.
        let earliest = self.repository.earliest_datestamp().await?;
        xml.identify(&self.identify, &earliest.unwrap_or(Datestamp::second(DateTime::UNIX_EPOCH)));
        Ok(Ok(()))
    }

    /// The formats that can be asked for.
    pub(super) async fn formats(&self) -> Result<Vec<MetadataFormat>, Failure> {
        let mut formats = self.repository.formats().await?;
        formats.retain(|format| is_prefix(&format.prefix));
        Ok(formats)
    }

    async fn list_formats(
        &self,
        xml: &mut Writer,
        identifier: Option<&str>,
    ) -> Result<Outcome, Failure> {
        let formats = match identifier {
            None => self.formats().await?,
            Some(identifier) => match self.repository.formats_of(identifier).await? {
                Some(formats) => formats,
                None => return Ok(Err(vec![no_such_item()])),
            },
        };
        if formats.is_empty() {
            return Ok(Err(vec![OaiError::new(
                ErrorCode::NoMetadataFormats,
                "there are no formats",
            )]));
        }
        xml.open("ListMetadataFormats");
        formats.iter().for_each(|format| xml.format(format));
        xml.close("ListMetadataFormats");
        Ok(Ok(()))
    }

    async fn get_record(
        &self,
        xml: &mut Writer,
        identifier: &str,
        prefix: &str,
    ) -> Result<Outcome, Failure> {
        let is_known = self.formats().await?.iter().any(|format| format.prefix == prefix);
        if is_known
            && let Some(record) = self.repository.record(identifier, prefix).await?
            && !self.hides(&record.header)
        {
            xml.open("GetRecord");
            xml.record(&record, self.identify.granularity);
            xml.close("GetRecord");
            return Ok(Ok(()));
        }
        let exists = self.repository.formats_of(identifier).await?.is_some();
        let mut errors = Vec::new();
        if exists || !is_known {
            errors.push(no_such_format(prefix));
        }
        if !exists {
            errors.push(no_such_item());
        }
        Ok(Err(errors))
    }
}

fn no_such_item() -> OaiError {
    OaiError::new(ErrorCode::IdDoesNotExist, "there is no item with this identifier")
}

pub(super) fn no_such_format(prefix: &str) -> OaiError {
    let message = format!("this is not to be had as {prefix}: see ListMetadataFormats");
    OaiError::new(ErrorCode::CannotDisseminateFormat, message)
}
