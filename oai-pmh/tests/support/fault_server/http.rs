//! Just enough HTTP/1.1 to be precise about how it goes wrong.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use url::form_urlencoded;

use super::Shared;
use super::reply::{Delivery, Reply};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct SeenRequest {
    /// The port it came in by.
    pub port: u16,
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query as sent, nothing decoded.
    pub target: String,
    /// The path alone.
    pub path: String,
    /// The query, nothing decoded.
    pub raw_query: String,
    /// The arguments of the query and of a form body, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl SeenRequest {
    /// The value of the first argument of this name.
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a header field; the name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let port = listener.local_addr().expect("bound").port();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A client that goes away in the middle is none of the server's business.
            let _ = converse(stream, port, &shared).await;
        });
    }
}

async fn converse(stream: TcpStream, port: u16, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream, port).await? {
        let reply = shared.answer(&request);
        if !write(&mut stream, &reply).await? {
            break;
        }
    }
    Ok(())
}

/// The next request of the connection; `None` when the client has closed it.
async fn read(
    stream: &mut BufReader<TcpStream>,
    port: u16,
) -> std::io::Result<Option<SeenRequest>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace().map(str::to_owned);
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();

    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;

    let (path, raw_query) = target.split_once('?').unwrap_or((&target, ""));
    let (path, raw_query) = (path.to_owned(), raw_query.to_owned());
    let mut query: Vec<_> = form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect();
    if method == "POST" {
        query.extend(form_urlencoded::parse(&body).into_owned());
    }
    Ok(Some(SeenRequest { port, method, target, path, raw_query, query, headers, body }))
}

/// Sends the reply; whether the connection can be used again.
async fn write(stream: &mut BufReader<TcpStream>, reply: &Reply) -> std::io::Result<bool> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let body = reply.body.as_slice();
    head += &match reply.delivery {
        Delivery::Chunked { .. } => "Transfer-Encoding: chunked\r\n\r\n".to_owned(),
        Delivery::UntilClose { .. } => "Connection: close\r\n\r\n".to_owned(),
        _ => format!("Content-Length: {}\r\n\r\n", body.len()),
    };

    match reply.delivery {
        Delivery::Whole => {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body).await?;
            stream.flush().await?;
            return Ok(true);
        }
        Delivery::Cut { at } => {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body[..at.min(body.len())]).await?;
        }
        Delivery::Chunked { cut_at } => {
            stream.write_all(head.as_bytes()).await?;
            for chunk in body[..cut_at.unwrap_or(body.len())].chunks(1000) {
                stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
                stream.write_all(chunk).await?;
                stream.write_all(b"\r\n").await?;
            }
            if cut_at.is_none() {
                stream.write_all(b"0\r\n\r\n").await?;
                stream.flush().await?;
                return Ok(true);
            }
        }
        Delivery::UntilClose { at } => {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body[..at.min(body.len())]).await?;
        }
        Delivery::Reset { at } => {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body[..at.min(body.len())]).await?;
            stream.flush().await?;
            // Closing with a linger time of zero sends RST in place of FIN.
            stream.get_ref().set_zero_linger()?;
            return Ok(false);
        }
        Delivery::Drip { bytes, pause } => {
            stream.write_all(head.as_bytes()).await?;
            for drop in body.chunks(bytes) {
                stream.write_all(drop).await?;
                stream.flush().await?;
                tokio::time::sleep(pause).await;
            }
            return Ok(true);
        }
        Delivery::Silence => {
            until_client_leaves(stream).await;
            return Ok(false);
        }
        Delivery::Stall { at } => {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body[..at.min(body.len())]).await?;
            stream.flush().await?;
            until_client_leaves(stream).await;
            return Ok(false);
        }
    }
    stream.shutdown().await?;
    Ok(false)
}

/// Waits without a clock, so that paused time makes no difference.
async fn until_client_leaves(stream: &mut BufReader<TcpStream>) {
    let mut ignored = [0; 1024];
    while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        301 => "Moved Permanently",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}
