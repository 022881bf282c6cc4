//! What is sent back, and how much of it.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pub(super) delivery: Delivery,
}

/// How the body goes over the wire.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delivery {
    /// With its Content-Length.
    Whole,
    /// With the Content-Length of the whole, but closed after so many bytes.
    Cut { at: usize },
    /// Chunked; cut off without the last chunk if told.
    Chunked { cut_at: Option<usize> },
    /// Neither length nor chunks: whatever comes before the connection closes is the body.
    UntilClose { at: usize },
    /// Like `Cut`, with a reset instead of an orderly close.
    Reset { at: usize },
    /// A few bytes at a time.
    Drip { bytes: usize, pause: Duration },
    /// Nothing at all until the client gives up.
    Silence,
    /// The head, so many bytes, then nothing until the client gives up.
    Stall { at: usize },
}

impl Reply {
    pub(super) fn xml(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "text/xml; charset=UTF-8", body)
    }

    pub(super) fn html(status: u16, body: &str) -> Self {
        Self::new(status, "text/html; charset=UTF-8", body)
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        Self::new(status, "text/plain", body)
    }

    pub(super) fn redirect(status: u16, location: &str) -> Self {
        Self::html(status, "<html><body>Moved</body></html>").header("Location", location)
    }

    fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type", content_type.to_owned())];
        Self { status, headers, body: body.into(), delivery: Delivery::Whole }
    }

    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn content_type(mut self, value: &str) -> Self {
        self.headers.retain(|(name, _)| *name != "Content-Type");
        self.header("Content-Type", value)
    }

    pub(super) fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// The middle of the body: where the cut ones are cut.
    pub(super) fn half(&self) -> usize {
        self.body.len() / 2
    }

    /// Rewrites the body as text.
    pub(super) fn edit(self, edit: impl FnOnce(&str) -> String) -> Self {
        self.edit_bytes(|body| edit(std::str::from_utf8(body).expect("pages are UTF-8")).into())
    }

    /// Replaces every `from`.
    pub(super) fn replace(self, from: &str, to: &str) -> Self {
        self.edit(|body| body.replace(from, to))
    }

    pub(super) fn edit_bytes(mut self, edit: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        self.body = edit(&self.body);
        self
    }

    /// Writes the page in an encoding in which `é` is one byte.
    pub(super) fn latin1(self) -> Self {
        self.edit_bytes(|body| {
            let text = std::str::from_utf8(body).expect("pages are UTF-8");
            text.chars().map(|c| u8::try_from(c).expect("a Latin-1 page")).collect()
        })
    }
}

pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// What `Content-Encoding: deflate` means.
pub(super) fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// What some servers think `Content-Encoding: deflate` means.
pub(super) fn raw_deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}
