//! The least mail server.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::{io, thread};

/// A letter as it came.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) to: Vec<String>,
    /// Headers and body, as they were sent.
    pub(crate) text: String,
}

#[derive(Debug, Default)]
struct State {
    letters: Vec<Letter>,
    /// So many letters are not taken.
    refused: usize,
}

/// A mail server on a free port of loopback, for as long as the test runs.
pub(crate) struct MailServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl MailServer {
    /// Starts it; the first so many letters it is asked to take later.
    pub(crate) fn start(refused: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { refused, ..State::default() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that goes away leaves a broken connection.
                thread::spawn(move || drop(converse(&stream, &state)));
            }
        });
        Self { address, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn letters(&self) -> Vec<Letter> {
        self.state.lock().unwrap().letters.clone()
    }
}

fn converse(stream: &TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut out = stream;
    let mut lines = BufReader::new(stream).lines();
    let mut to = Vec::new();
    out.write_all(b"220 here\r\n")?;
    while let Some(line) = lines.next().transpose()? {
        let word = line.split(' ').next().unwrap_or_default().to_uppercase();
        let answer: &[u8] = match word.as_str() {
            "EHLO" | "HELO" => b"250-here\r\n250 8BITMIME\r\n",
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                to.push(address.to_owned());
                b"250 fine\r\n"
            }
            "DATA" => {
                out.write_all(b"354 go on\r\n")?;
                let mut text = String::new();
                for line in lines.by_ref() {
                    match line?.as_str() {
                        "." => break,
                        line => text = text + line.strip_prefix('.').unwrap_or(line) + "\n",
                    }
                }
                let mut state = state.lock().unwrap();
                let to = std::mem::take(&mut to);
                if state.refused > 0 {
                    state.refused -= 1;
                    b"451 not now\r\n"
                } else {
                    state.letters.push(Letter { to, text });
                    b"250 taken\r\n"
                }
            }
            "QUIT" => {
                out.write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => b"250 fine\r\n",
        };
        out.write_all(answer)?;
    }
    Ok(())
}
