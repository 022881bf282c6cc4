use std::io::{self, Read};
use std::sync::Arc;

use super::{Decoder, Issues, ParseError};

/// A document that is read through a window, for one too large to be held in memory.
///
/// The window holds the text that is not yet done with. Asked to [`advance`](Self::advance), it
/// drops what is done with and reads on; where nothing was done with, it grows.
pub struct Windows<R> {
    source: R,
    decoder: Decoder,
    piece: usize,
    text: Arc<String>,
    /// Offset of the window in the document.
    base: u64,
    ended: bool,
}

impl<R: Read> Windows<R> {
    /// Reads `source` in pieces of `piece` bytes.
    pub fn new(source: R, decoder: Decoder, piece: usize) -> Self {
        Self { source, decoder, piece, text: Arc::default(), base: 0, ended: false }
    }

    /// The window's text.
    pub fn text(&self) -> &Arc<String> {
        &self.text
    }

    /// Where the window begins: byte offset in the document, decoded to UTF-8.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Whether the window reaches the end of the document.
    pub fn is_last(&self) -> bool {
        self.ended
    }

    /// Drops the first `done` bytes of the window and reads on. At least as much is read as is
    /// kept, so that what grows beyond one window costs no more than twice its size.
    ///
    /// # Errors
    /// When the source cannot be read, or, as a [`ParseError`] inside, not be decoded.
    pub fn advance(&mut self, done: usize, issues: &mut Issues) -> io::Result<()> {
        let wanted = self.piece.max(self.text.len() - done);
        let mut bytes = Vec::with_capacity(wanted);
        (&mut self.source).take(wanted as u64).read_to_end(&mut bytes)?;
        self.ended = bytes.len() < wanted;
        let read = self
            .decoder
            .decode(&bytes, self.ended, issues)
            .map_err(|error: ParseError| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.base += done as u64;
        match Arc::get_mut(&mut self.text) {
            Some(text) => {
                text.drain(..done);
                text.push_str(&read);
            }
            // Pieces taken from it are still in use.
            None => self.text = Arc::new([&self.text[done..], &read].concat()),
        }
        Ok(())
    }
}

impl<R> std::fmt::Debug for Windows<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Windows")
            .field("base", &self.base)
            .field("len", &self.text.len())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
