//! Getting one document over HTTP, and reading it as one.

use std::io::Read as _;

use resync_core::transport::{Answer, BodyLimits, Payload, Request, Transport};
use resync_core::xml::{Cursor, Issues, Mode, ParseError, ParseErrorKind, decode};
use resync_core::{Error, ErrorKind, Result};

/// A document that came whole.
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    pub(crate) charset: Option<String>,
}

/// Sends the request and receives the answer, which must be a success of at most `max` bytes.
pub(crate) async fn fetch(
    transport: &dyn Transport,
    request: Request,
    limits: &BodyLimits,
) -> Result<Fetched> {
    let url = request.url.clone();
    let max = limits.max;
    let check = move |answer: &Answer| {
        answer.success()?;
        match answer.payload.len() > max {
            true => Err(Error::new(ErrorKind::TooLarge, format!("more than {max} bytes"))),
            false => Ok(()),
        }
    };
    let request = request.accept_if(check);
    let received = async {
        let answer = transport.send(request.clone()).await?.collect(limits).await?;
        // Once more, for transports that do not look.
        request.check(&answer)?;
        let charset = answer.charset();
        let bytes = match answer.payload {
            Payload::Memory(bytes) => bytes,
            Payload::Spooled(spool) => {
                let read = tokio::task::spawn_blocking(move || {
                    let mut bytes = Vec::new();
                    spool.reader()?.read_to_end(&mut bytes).map(|_| bytes)
                });
                read.await.unwrap_or_else(|error| Err(error.into())).map_err(|error| {
                    Error::new(ErrorKind::Io, "a temporary file cannot be read").with_source(error)
                })?
            }
            _ => return Err(Error::new(ErrorKind::Unexpected, "an answer of an unknown kind")),
        };
        Ok(Fetched { bytes, charset })
    };
    received.await.map_err(|error: Error| match error.url() {
        Some(_) => error,
        None => error.with_url(&url),
    })
}

/// A well-formed XML document, as a payload holds it: its root element as UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct XmlDocument {
    pub(crate) namespace: Option<String>,
    pub(crate) root: String,
    pub(crate) body: String,
}

impl XmlDocument {
    /// Reads a document, and repairs nothing.
    pub(crate) fn read(
        bytes: Vec<u8>,
        charset: Option<&str>,
    ) -> std::result::Result<Self, ParseError> {
        let text = decode(bytes, charset, Mode::Strict, &mut Issues::default())?;
        let mut cursor = Cursor::new(&text).mode(Mode::Strict);
        let Some(root) = cursor.next_child()? else {
            return Err(cursor.error(ParseErrorKind::Structure, "the document is empty"));
        };
        let raw = cursor.raw(&root)?;
        cursor.finish()?;
        Ok(Self {
            namespace: root.namespace().map(str::to_owned),
            root: root.local().to_owned(),
            body: raw.standalone().into_owned(),
        })
    }

    /// The name of the format: what repositories call it, else the namespace.
    pub(crate) fn format(&self) -> &str {
        let Some(namespace) = self.namespace.as_deref() else { return &self.root };
        let known = FORMATS.iter().find(|(begin, _)| namespace.starts_with(begin));
        known.map_or(namespace, |(_, name)| name)
    }
}

/// How namespaces begin, and what repositories call the format.
const FORMATS: &[(&str, &str)] = &[
    ("http://www.openarchives.org/OAI/2.0/oai_dc/", "oai_dc"),
    ("http://www.loc.gov/MARC21/slim", "marc21"),
    ("http://www.loc.gov/mods/", "mods"),
    ("eml://ecoinformatics.org/eml", "eml"),
    ("https://eml.ecoinformatics.org/eml", "eml"),
    ("https://github.com/JPCOAR/schema/blob/master/1.", "jpcoar_1.0"),
    ("https://github.com/JPCOAR/schema/blob/master/2.", "jpcoar_2.0"),
    ("http://datacite.org/schema/", "datacite"),
];
