//! Static repositories: one XML file that holds a small repository (the static repository
//! specification, version 2.0).

use std::sync::Arc;

use resync_core::xml::{Cursor, Issues, Mode, ParseError, RawXml, decode};

use crate::{Datestamp, Error, NAMESPACE as OAI, Request, Result, Selection};

/// The namespace of a static repository's root element.
pub(crate) const NAMESPACE: &str = "http://www.openarchives.org/OAI/2.0/static-repository";

/// A static repository's file, read whole, that answers requests as a repository would: day
/// granularity, no sets, no deletions, no resumption tokens.
#[derive(Debug)]
pub struct StaticRepository {
    /// The children of the elements: these are in the static repository's own namespace.
    identify: Vec<RawXml>,
    formats: Vec<(String, RawXml)>,
    lists: Vec<(String, Vec<Item>)>,
}

#[derive(Debug)]
struct Item {
    identifier: String,
    datestamp: Option<Datestamp>,
    header: RawXml,
    record: RawXml,
}

impl StaticRepository {
    /// Reads the file; `charset` is what an HTTP header says.
    ///
    /// # Errors
    /// When it is not a static repository, or not well-formed.
    pub fn read(body: Vec<u8>, charset: Option<&str>) -> Result<Self> {
        let mut issues = Issues::default();
        let text = Arc::new(decode(body, charset, Mode::Tolerant, &mut issues)?);
        let mut cursor = Cursor::over(&text);
        let root = cursor.next_child()?;
        if !root.is_some_and(|root| root.is(NAMESPACE, "Repository")) {
            return Err(Error::not_oai("the file is not a static repository"));
        }
        let mut identify = None;
        let mut formats = None;
        let mut lists = Vec::new();
        while let Some(child) = cursor.next_child()? {
            match child.local() {
                "Identify" => identify = Some(children(&mut cursor)?),
                "ListMetadataFormats" => {
                    let prefixed = |raw: RawXml| (text_of_child(&raw, "metadataPrefix"), raw);
                    formats = Some(children(&mut cursor)?.into_iter().map(prefixed).collect());
                }
                "ListRecords" => {
                    let prefix = cursor.attribute(&child, "metadataPrefix")?.unwrap_or_default();
                    let mut items = Vec::new();
                    while let Some(record) = cursor.next_child()? {
                        items.push(item(cursor.raw(&record)?)?);
                    }
                    lists.push((prefix.into_owned(), items));
                }
                _ => cursor.skip()?,
            }
        }
        let missing = |what| Error::not_oai(format!("the static repository has no {what}"));
        Ok(Self {
            identify: identify.ok_or_else(|| missing("Identify"))?,
            formats: formats.ok_or_else(|| missing("ListMetadataFormats"))?,
            lists,
        })
    }

    /// The answer to a request, as a document.
    #[must_use]
    pub fn answer(&self, request: &Request) -> String {
        let now = Datestamp::second(chrono::Utc::now());
        let body = match request {
            Request::Identify => element("Identify", self.identify.iter()),
            Request::ListMetadataFormats { identifier: None } => {
                element("ListMetadataFormats", self.formats.iter().map(|(_, raw)| raw))
            }
            Request::ListMetadataFormats { identifier: Some(wanted) } => {
                let has = |prefix: &str| {
                    self.items(prefix).is_some_and(|items| find(items, wanted).is_some())
                };
                let formats: Vec<_> = self.formats.iter().filter(|(it, _)| has(it)).collect();
                match formats.is_empty() {
                    true => error("idDoesNotExist"),
                    false => element("ListMetadataFormats", formats.iter().map(|(_, raw)| raw)),
                }
            }
            Request::ListSets => error("noSetHierarchy"),
            Request::ListRecords(selection) => {
                self.list("ListRecords", selection, |item| &item.record)
            }
            Request::ListIdentifiers(selection) => {
                self.list("ListIdentifiers", selection, |item| &item.header)
            }
            Request::GetRecord { identifier, metadata_prefix } => {
                match self.items(metadata_prefix).map(|items| find(items, identifier)) {
                    None => error("cannotDisseminateFormat"),
                    Some(None) => {
                        match self.lists.iter().any(|(_, all)| find(all, identifier).is_some()) {
                            true => error("cannotDisseminateFormat"),
                            false => error("idDoesNotExist"),
                        }
                    }
                    Some(Some(item)) => {
                        format!("<GetRecord>{}</GetRecord>", item.record.standalone())
                    }
                }
            }
            Request::Resume { .. } => error("badResumptionToken"),
        };
        format!(
            "<OAI-PMH xmlns=\"{OAI}\"><responseDate>{now}</responseDate><request/>{body}</OAI-PMH>"
        )
    }

    fn items(&self, prefix: &str) -> Option<&[Item]> {
        self.lists.iter().find(|(known, _)| known == prefix).map(|(_, items)| items.as_slice())
    }

    fn list(&self, verb: &str, selection: &Selection, part: impl Fn(&Item) -> &RawXml) -> String {
        let Some(items) = self.items(selection.metadata_prefix()) else {
            return error("cannotDisseminateFormat");
        };
        if selection.set_spec().is_some() {
            return error("noSetHierarchy");
        }
        let mut list = String::new();
        for item in items {
            if item.datestamp.as_ref().is_none_or(|it| selection.time_span().contains(it)) {
                list.push_str(&part(item).standalone());
            }
        }
        match list.is_empty() {
            true => error("noRecordsMatch"),
            false => format!("<{verb}>{list}</{verb}>"),
        }
    }
}

fn element<'a>(name: &str, children: impl Iterator<Item = &'a RawXml>) -> String {
    let children: String = children.map(RawXml::standalone).collect();
    format!("<{name}>{children}</{name}>")
}

/// The children of the element just entered.
fn children(cursor: &mut Cursor<'_>) -> Result<Vec<RawXml>> {
    let mut children = Vec::new();
    while let Some(child) = cursor.next_child()? {
        children.push(cursor.raw(&child)?);
    }
    Ok(children)
}

/// The text of the first child of that name; empty where there is none.
fn text_of_child(raw: &RawXml, name: &str) -> String {
    let xml = raw.standalone();
    let mut cursor = Cursor::new(&xml);
    let mut read = || -> Result<String, ParseError> {
        cursor.next_child()?;
        while let Some(child) = cursor.next_child()? {
            let text = cursor.trimmed()?;
            if child.local() == name {
                return Ok(text.into_owned());
            }
        }
        Ok(String::new())
    };
    read().unwrap_or_default()
}

fn find<'a>(items: &'a [Item], identifier: &str) -> Option<&'a Item> {
    items.iter().find(|item| item.identifier == identifier)
}

fn error(code: &str) -> String {
    format!("<error code=\"{code}\"/>")
}

fn item(record: RawXml) -> Result<Item> {
    let xml = Arc::new(record.standalone().into_owned());
    let mut cursor = Cursor::over(&xml);
    cursor.next_child()?;
    let mut header = None;
    while let Some(child) = cursor.next_child()? {
        match child.local() {
            "header" => header = Some(cursor.raw(&child)?),
            _ => cursor.skip()?,
        }
    }
    let header = header.ok_or_else(|| Error::not_oai("a record without a header"))?;
    let identifier = text_of_child(&header, "identifier");
    let datestamp = Datestamp::read(&text_of_child(&header, "datestamp"));
    Ok(Item { identifier, datestamp, header, record })
}

/// The file at a `file:` URL, as if it had come over HTTP.
#[cfg(feature = "client")]
pub(crate) fn open(url: &url::Url) -> Result<resync_core::transport::Answer> {
    use resync_core::transport::{Answer, Payload};
    use resync_core::{Error as NetError, ErrorKind as NetKind};

    let fail = |what: &str| NetError::new(NetKind::Request, what).with_url(url);
    let path = url.to_file_path().map_err(|()| fail("the URL names no file"))?;
    let body =
        std::fs::read(&path).map_err(|error| fail("the file cannot be read").with_source(error))?;
    let (status, headers) = (http::StatusCode::OK, http::HeaderMap::new());
    Ok(Answer::new(status, headers, url.clone(), Payload::Memory(body)))
}
