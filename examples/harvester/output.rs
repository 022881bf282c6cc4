//! Where results go: standard output, or a file.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use crate::report::Failure;

/// An output with a thread of its own, so that one buffer is written while the next is filled.
///
/// There are never more than two buffers, and they are used again and again.
#[derive(Debug)]
pub(crate) struct Output {
    full: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
}

impl Output {
    pub(crate) fn to(mut out: impl Write + Send + 'static) -> Self {
        // Without room: a buffer is handed over when the one before has been written.
        let (full, filled) = sync_channel::<Vec<u8>>(0);
        let (emptied, empty): (Sender<Vec<u8>>, _) = channel();
        let thread = thread::spawn(move || {
            for mut buffer in filled {
                out.write_all(&buffer)?;
                buffer.clear();
                // Nobody wants it back at the end.
                let _ = emptied.send(buffer);
            }
            out.flush()
        });
        Self { full, empty, thread }
    }

    pub(crate) fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// An empty buffer to fill.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        self.empty.try_recv().unwrap_or_default()
    }

    /// Writes a buffer, later but in order. Waits while the one before is being written; gives
    /// `false` when no more can be written, and [`finish`](Self::finish) says why.
    pub(crate) fn write(&mut self, buffer: Vec<u8>) -> bool {
        buffer.is_empty() || self.full.send(buffer).is_ok()
    }

    /// Waits until everything has been written.
    ///
    /// # Errors
    /// If it could not be.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        drop(self.full);
        let written = self.thread.join();
        written.unwrap_or_else(|_| Err(io::Error::other("the writer panicked")))?;
        Ok(())
    }
}

/// Prints a text at once.
///
/// # Errors
/// If nobody takes it.
pub(crate) fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref())?;
    out.flush()?;
    Ok(())
}

/// A text of somebody else's on one line, without what would move a terminal's cursor.
pub(crate) fn one_line(text: &str) -> String {
    let parts = text.split(char::is_control).map(str::trim).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let mut all = self.0.lock().map_err(|_| io::ErrorKind::Other)?;
            if all.len() > 100 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            all.extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn buffers_are_written_in_order() {
        let shared = Shared::default();
        let mut output = Output::to(shared.clone());
        for n in 0..10 {
            let mut buffer = output.buffer();
            assert!(buffer.is_empty());
            buffer.extend_from_slice(n.to_string().as_bytes());
            assert!(output.write(buffer));
        }
        output.finish().unwrap();
        assert_eq!(*shared.0.lock().unwrap(), b"0123456789");
    }

    #[test]
    fn when_nobody_reads_writing_stops() {
        let mut output = Output::to(Shared::default());
        let written = (0..10).take_while(|_| output.write(vec![b'x'; 60])).count();
        assert!((2..=4).contains(&written), "{written}");
        assert_eq!(output.finish().unwrap_err().text(), None);
    }

    #[test]
    fn foreign_texts_cannot_move_the_cursor() {
        assert_eq!(one_line("a\r\nb\u{1b}[2Jc"), "a b [2Jc");
    }
}
