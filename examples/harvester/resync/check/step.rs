//! From a document to those it leads to.

use std::io::{self, Read};

use memchr::memmem;
use resync_core::document::{Capability, Code, Head, Metadata, ReadError, Reader, Report};
use resync_core::transport::Payload;
use resync_core::xml::Mode;
use url::Url;

/// A document to be checked.
pub(super) struct Step {
    pub(super) url: Url,
    /// What the one that leads to it says it is.
    pub(super) expected: Option<Capability>,
    /// The one that leads to it.
    pub(super) parent: Option<Url>,
    /// Whether an index lists it.
    pub(super) is_part: bool,
    pub(super) depth: u32,
    /// What an index or archive says of its times.
    pub(super) said: Metadata<'static>,
}

/// Whether it may be a document; what is wrong with it, checking it will tell.
pub(super) fn is_document(payload: &Payload) -> bool {
    let mut start = payload.head(8 << 10).unwrap_or_default();
    // UTF-16 seen as bytes has its ASCII characters apart.
    start.retain(|byte| *byte != 0);
    ["urlset", "sitemapindex"].iter().any(|it| memmem::find(&start, it.as_bytes()).is_some())
}

pub(super) fn reader(payload: &Payload) -> io::Result<Box<dyn Read + '_>> {
    Ok(match payload {
        Payload::Memory(bytes) => Box::new(&bytes[..]),
        Payload::Spooled(spool) => Box::new(spool.reader()?),
        _ => return Err(io::ErrorKind::Unsupported.into()),
    })
}

/// What a document says of itself, if it can be read at all.
pub(super) fn head_of(payload: &Payload, charset: Option<&str>) -> Option<Head> {
    let mut reader = Reader::with(reader(payload).ok()?, charset, Mode::Tolerant);
    reader.head().ok().cloned()
}

pub(super) fn link(head: &Head, rel: &str, base: &Url) -> Option<Url> {
    base.join(head.link(rel)?.trim()).ok()
}

/// The documents that a document leads to, the first one last.
pub(super) fn below(
    payload: &Payload,
    charset: Option<&str>,
    report: &Report,
    base: &Url,
    depth: u32,
) -> Vec<Step> {
    use Capability::{ChangeDump, ChangeList, ResourceDump, ResourceList};
    let own = report.head.capability();
    let is_index = report.head.is_index();
    // Lists are not read again, unless one of them may be an index.
    let suspicious = [Code::IndexAsList, Code::ForbiddenCapability, Code::WrongCapability];
    let is_list = matches!(own, Some(ResourceList | ResourceDump | ChangeList | ChangeDump) | None);
    if is_list && !is_index && suspicious.iter().all(|code| report.count(*code) == 0) {
        return Vec::new();
    }
    let mut kinds = [ResourceList, ResourceDump, ChangeList, ChangeDump].into_iter();
    let archived = kinds.find(|kind| own.is_some() && kind.archive().as_ref() == own);
    let mut steps = Vec::new();
    let mut collect = || -> Result<(), ReadError> {
        let source = reader(payload).map_err(ReadError::Source)?;
        let mut reader = Reader::with(source, charset, Mode::Tolerant);
        while let Some(part) = reader.next_part()? {
            for entry in part {
                let entry = entry?;
                let said = entry.md.capability.clone();
                let expected = match own {
                    Some(own) if is_index => Some(own.clone()),
                    None if is_index => None,
                    Some(Capability::Description) => Some(Capability::CapabilityList),
                    _ if archived.is_some() => archived.clone(),
                    _ if is_list && said.as_ref() != own => continue,
                    _ if said.is_none() => continue,
                    _ => said,
                };
                let Ok(mut url) = base.join(entry.loc.trim()) else { continue };
                url.set_fragment(None);
                let is_part = is_index || is_list;
                let parent = Some(base.clone());
                let said = match is_index || archived.is_some() {
                    true => entry.md.into_owned(),
                    false => Metadata::default(),
                };
                steps.push(Step { url, expected, parent, is_part, depth, said });
            }
        }
        Ok(())
    };
    // Where it cannot be read any further has been told.
    let _ = collect();
    steps.reverse();
    steps
}
