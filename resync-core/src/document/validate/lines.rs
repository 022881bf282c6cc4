use std::io::{self, Read};

/// From offsets to lines, of a document that passes by in windows.
///
/// It remembers one place, and counts from there; what is asked for lies behind it and in the
/// window.
#[derive(Debug)]
pub(super) struct Lines {
    at: u64,
    place: Place,
}

/// Line and column, from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { at: 0, place: Place { line: 1, column: 1 } }
    }

    /// The place of an offset; the window is its text and its own offset.
    pub(super) fn locate(&self, offset: u64, (text, base): (&str, u64)) -> Place {
        let inside = |offset: u64| {
            let offset = usize::try_from(offset.saturating_sub(base)).unwrap_or(usize::MAX);
            text.floor_char_boundary(offset)
        };
        let (from, to) = (inside(self.at), inside(offset));
        if self.at < base || to <= from {
            return self.place;
        }
        let passed = &text[from..to];
        let chars = |text: &str| text.chars().count() as u64;
        match memchr::memrchr(b'\n', passed.as_bytes()) {
            None => Place { column: self.place.column + chars(passed), ..self.place },
            Some(last) => {
                let lines = memchr::memchr_iter(b'\n', passed.as_bytes()).count() as u64;
                Place { line: self.place.line + lines, column: chars(&passed[last + 1..]) + 1 }
            }
        }
    }

    /// Remembers this place from now on.
    pub(super) fn pass(&mut self, offset: u64, window: (&str, u64)) {
        if offset > self.at {
            self.place = self.locate(offset, window);
            self.at = offset;
        }
    }
}

/// Counts what is read, and remembers how it begins.
#[derive(Debug)]
pub(super) struct Counted<R> {
    source: R,
    pub(super) bytes: u64,
    start: [u8; 3],
}

impl<R: Read> Counted<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, bytes: 0, start: [0; 3] }
    }

    pub(super) fn has_mark(&self) -> bool {
        self.start == *b"\xEF\xBB\xBF"
    }

    pub(super) fn is_utf16(&self) -> bool {
        self.start.starts_with(b"\xFE\xFF") || self.start.starts_with(b"\xFF\xFE")
    }

    pub(super) fn is_gzip(&self) -> bool {
        self.start.starts_with(b"\x1F\x8B")
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        for (offset, byte) in (self.bytes..3).zip(&buffer[..read]) {
            self.start[offset as usize] = *byte;
        }
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_across_windows_and_inside_of_long_lines() {
        let text = "ab\nčd\n\néf";
        let mut lines = Lines::new();
        let place = |line, column| Place { line, column };
        assert_eq!(lines.locate(0, (text, 0)), place(1, 1));
        assert_eq!(lines.locate(5, (text, 0)), place(2, 2));
        lines.pass(5, (text, 0));
        assert_eq!(lines.locate(6, (&text[5..], 5)), place(2, 3));
        assert_eq!(lines.locate(8, (&text[5..], 5)), place(4, 1));
        assert_eq!(lines.locate(99, (&text[5..], 5)), place(4, 3), "no farther than the window");
        assert_eq!(lines.locate(2, (text, 0)), place(2, 2), "and not back");
    }

    #[test]
    fn the_start_is_remembered_however_it_comes() {
        for piece in 1..5 {
            let none: Box<dyn Read> = Box::new(io::empty());
            let pieces = b"\xEF\xBB\xBFrest".chunks(piece);
            let source = pieces.fold(none, |before, piece| Box::new(before.chain(piece)));
            let mut counted = Counted::new(source);
            io::copy(&mut counted, &mut io::sink()).unwrap();
            assert!(counted.has_mark() && !counted.is_gzip() && !counted.is_utf16());
            assert_eq!(counted.bytes, 7);
        }
    }
}
