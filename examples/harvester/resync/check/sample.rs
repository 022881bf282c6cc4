//! Some of the resources and packages, compared with what the list says of them.

use std::io::Cursor;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, header};
use resync_core::document::{Document, Entry, Reader, rel};
use resync_core::dump::Package;
use resync_core::fixity::{Fixity, verify};
use resync_core::sync::Authority;
use resync_core::transport::{BodyLimits, Payload, Request, Transport};
use resync_core::xml::Mode;
use url::Url;

use super::failed::Failed;
use super::line::{
    CONTENTS_DIFFER, Line, RESOURCE_CHANGED, RESOURCE_DIFFERS, RESOURCE_LASTMOD, RESOURCE_MISSING,
    RESOURCE_TYPE,
};
use super::step::reader;

/// The most bytes of a resource that is fetched.
pub(super) const LARGEST: u64 = 64 << 20;

/// A resource as a list has it.
pub(super) struct Sample {
    pub(super) url: Url,
    entry: Entry<'static>,
}

/// So many entries of a list, spread over it.
pub(super) fn choose(
    payload: &Payload,
    charset: Option<&str>,
    base: &Url,
    entries: u64,
    wanted: usize,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    let Ok(source) = reader(payload) else { return samples };
    let step = (entries / wanted.max(1) as u64).max(1);
    let mut reader = Reader::with(source, charset, Mode::Tolerant);
    let mut n = 0;
    // Where it cannot be read any further has been told.
    while let Ok(Some(part)) = reader.next_part() {
        for entry in part.flatten() {
            let is_chosen = n % step == 0 && samples.len() < wanted;
            n += 1;
            if let Ok(url) = base.join(entry.loc.trim())
                && is_chosen
                && entry.md.length.is_none_or(|length| length <= LARGEST)
            {
                samples.push(Sample { url, entry: entry.into_owned() });
            }
        }
        if samples.len() == wanted {
            break;
        }
    }
    samples
}

impl Sample {
    /// Fetches it, and gives what is not as the list has it, which is of this time.
    pub(super) async fn compare(
        &self,
        transport: &dyn Transport,
        authority: &Authority,
        listed: Option<DateTime<Utc>>,
    ) -> Vec<Line> {
        let (headers, body) = match fetch(&self.url, transport, authority).await {
            Ok(fetched) => fetched,
            Err(failed) => return vec![Line::of(&RESOURCE_MISSING, failed.message())],
        };
        let modified = last_modified(&headers);
        if let (Some(modified), Some(listed)) = (modified, listed)
            && modified > listed
        {
            let detail = format!("it has changed since the list was made, at {modified}");
            return vec![Line::of(&RESOURCE_CHANGED, detail)];
        }
        let Entry { md, lastmod, .. } = &self.entry;
        let mut lines = Vec::new();
        // With an encoding, what is said is about the encoded body.
        if md.encoding.is_none() {
            let mut fixity = Fixity::new(md.hash.digests().map(|digest| digest.algorithm()));
            fixity.update(&body);
            if let Err(mismatch) = verify(&fixity.finish(), md.length, &md.hash) {
                lines.push(Line::of(&RESOURCE_DIFFERS, mismatch.to_string()));
            }
        }
        let essence =
            |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let sent = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        if let (Some(said), Some(sent)) = (&md.media_type, sent)
            && essence(said) != essence(sent)
        {
            let detail = format!("{said:?} in the list, {sent:?} from the server");
            lines.push(Line::of(&RESOURCE_TYPE, detail));
        }
        if let Some(copy) = self.contents()
            && let Ok((_, copy)) = fetch(&copy, transport, authority).await
            && let Some(detail) = other_contents(body, &copy)
        {
            lines.push(Line::of(&CONTENTS_DIFFER, detail));
        }
        if let (Some(said), Some(sent)) = (lastmod, modified)
            && said.timestamp() != sent.timestamp()
        {
            let detail = format!("lastmod is {said}, Last-Modified {sent}");
            lines.push(Line::of(&RESOURCE_LASTMOD, detail));
        }
        lines
    }

    /// Where a copy of the manifest inside a package is.
    fn contents(&self) -> Option<Url> {
        let link = self.entry.links(rel::CONTENTS).into_iter().next()?;
        self.url.join(link.href.trim()).ok()
    }
}

/// Fetches something as it is.
async fn fetch(
    url: &Url,
    transport: &dyn Transport,
    authority: &Authority,
) -> Result<(HeaderMap, Vec<u8>), Failed> {
    let permit = |url: &Url| authority.check(url).map_err(|why| Failed::Forbidden(why.to_string()));
    permit(url)?;
    let as_it_is = HeaderValue::from_static("identity");
    let request = Request::get(url.clone()).header(header::ACCEPT_ENCODING, as_it_is);
    let response = transport.send(request).await?;
    response.success()?;
    // A redirect may have led where nobody may go.
    permit(&response.url)?;
    let limits = BodyLimits::default().max(LARGEST).sniff(false);
    let answer = response.collect(&limits).await?;
    let length = usize::try_from(answer.payload.len()).unwrap_or(usize::MAX);
    let body = match answer.payload {
        Payload::Memory(body) => body,
        other => other.head(length).map_err(|error| Failed::Forbidden(error.to_string()))?,
    };
    Ok((answer.headers, body))
}

/// What is in the manifest inside of a package and not in its copy outside, or the other way round.
fn other_contents(package: Vec<u8>, copy: &[u8]) -> Option<String> {
    let mut package = match Package::open(Cursor::new(package)) {
        Ok(package) => package,
        Err(error) => return Some(error.to_string()),
    };
    let inner = match package.manifest() {
        Ok(manifest) => Document::collect(manifest).ok()?,
        Err(error) => return Some(error.to_string()),
    };
    let outer = match Document::collect(Reader::with(copy, None, Mode::Tolerant)) {
        Ok(outer) => outer,
        Err(error) => return Some(format!("the copy cannot be read: {error}")),
    };
    let (inner, outer) = (inner.entries, outer.entries);
    if inner.len() != outer.len() {
        return Some(format!("{} entries inside, {} in the copy", inner.len(), outer.len()));
    }
    let mut pairs = inner.iter().zip(&outer);
    let (inner, _) =
        pairs.find(|(inner, outer)| (&inner.loc, &inner.md) != (&outer.loc, &outer.md))?;
    Some(format!("{} is listed otherwise in the copy", inner.loc))
}

fn last_modified(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(header::LAST_MODIFIED)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|time| time.to_utc())
}
