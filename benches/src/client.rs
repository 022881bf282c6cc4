//! The barest HTTP client that can follow a chain of resumption tokens.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    ops::Deref,
};

use memchr::memmem;

/// How far from the end of a page its token is looked for.
const TAIL: usize = 1_024;
/// The largest response head.
const HEAD: usize = 8_192;

/// One response body, in a buffer that is used again for the next.
#[derive(Debug, Default)]
pub struct Page {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Deref for Page {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }
}

/// A `ListRecords` chain over one [`Client`]: the next request leaves when the caller asks.
#[derive(Debug)]
pub struct Pages {
    client: Client,
    path: String,
    next: Option<String>,
}

impl Pages {
    /// Connects to a base URL (`http://host:port/path`).
    ///
    /// # Errors
    ///
    /// When the URL is of another kind or nobody answers.
    pub fn open(base_url: &str) -> io::Result<Self> {
        let rest = base_url.strip_prefix("http://").ok_or_else(|| invalid("not an http:// URL"))?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self {
            client: Client::connect(host)?,
            path: format!("/{path}"),
            next: Some("metadataPrefix=oai_dc".to_owned()),
        })
    }

    /// Fetches the next page; `false` when the last one was the end of the list.
    ///
    /// # Errors
    ///
    /// When the connection fails or the answer is not a complete `200`.
    pub fn next_into(&mut self, page: &mut Page) -> io::Result<bool> {
        let Some(arguments) = self.next.take() else { return Ok(false) };
        self.client.get(&format!("{}?verb=ListRecords&{arguments}", self.path), page)?;
        self.next = token(page).map(|token| format!("resumptionToken={token}"));
        Ok(true)
    }
}

/// One keep-alive connection.
///
/// There are no retries and no checks, and only bodies with a length are understood: this is what
/// the network and the kernel allow, not something to harvest with.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    host: String,
}

impl Client {
    /// Connects to `host:port`.
    ///
    /// # Errors
    ///
    /// When nobody answers.
    pub fn connect(host: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host: host.to_owned() })
    }

    /// Fetches one path.
    ///
    /// # Errors
    ///
    /// When the connection fails or the answer is not a complete `200`.
    pub fn get(&mut self, path: &str, page: &mut Page) -> io::Result<()> {
        // In one piece: `write!` on the stream would be a system call a part.
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.write_all(request.as_bytes())?;
        self.read_answer(page)
    }

    fn read_answer(&mut self, page: &mut Page) -> io::Result<()> {
        if page.buffer.len() < HEAD {
            page.buffer.resize(HEAD, 0);
        }
        let mut filled = 0;
        let head = loop {
            let read = self.stream.read(&mut page.buffer[filled..])?;
            filled += read;
            if let Some(end) = memmem::find(&page.buffer[..filled.min(HEAD)], b"\r\n\r\n") {
                break end + 4;
            }
            if read == 0 || filled >= HEAD {
                return Err(invalid("no response head"));
            }
        };
        let text = String::from_utf8_lossy(&page.buffer[..head]).to_ascii_lowercase();
        let length: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
            .filter(|_| text.starts_with("http/1.1 200 "))
            .ok_or_else(|| invalid("not a 200 with a content-length"))?;

        (page.start, page.end) = (head, head + length);
        // Grown once: the following pages are of about the same size.
        if page.buffer.len() < page.end {
            page.buffer.resize(page.end + length / 8, 0);
        }
        self.stream.read_exact(&mut page.buffer[filled..page.end])
    }
}

fn token(page: &[u8]) -> Option<&str> {
    let tail = &page[page.len().saturating_sub(TAIL)..];
    let element = &tail[memmem::rfind(tail, b"<resumptionToken")?..];
    let text = &element[memchr::memchr(b'>', element)? + 1..];
    let text = &text[..memmem::find(text, b"</resumptionToken")?];
    std::str::from_utf8(text).ok().filter(|token| !token.is_empty())
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_token_ends_the_list() {
        assert_eq!(token(b"<resumptionToken cursor=\"1\">ab</resumptionToken>"), Some("ab"));
        assert_eq!(token(b"<resumptionToken cursor=\"1\"></resumptionToken>"), None);
        assert_eq!(token(b"<resumptionToken cursor=\"1\"/></ListRecords>"), None);
        assert_eq!(token(b"</ListRecords>"), None);
    }
}
