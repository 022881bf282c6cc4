//! From bytes to text (XML 1.0 §4.3.3 and Appendix F; RFC 7303 §3 for who is believed).

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::{Issue, IssueKind, Issues, Mode, ParseError, ParseErrorKind};

/// How far into a document its declaration is looked for.
const SNIFFED: usize = 1024;

/// Turns a document into text.
///
/// Believed in this order: byte order mark, the character set of the HTTP header, the XML
/// declaration, what the first bytes look like, UTF-8. In tolerant mode text that is valid UTF-8
/// with characters beyond ASCII is taken as UTF-8 whatever the header or declaration says, and a
/// byte that UTF-8 does not allow is read as windows-1252, the commonest truth behind it. Valid
/// UTF-8 is not copied.
///
/// # Errors
/// In strict mode, when the bytes are not in the encoding they are said to be in.
pub fn decode(
    body: Vec<u8>,
    charset: Option<&str>,
    mode: Mode,
    issues: &mut Issues,
) -> Result<String, ParseError> {
    let mut decoder = Decoder::new(charset, mode);
    decoder.choose(&body, issues);
    if decoder.encoding == UTF_8 && !body.starts_with(b"\xEF\xBB\xBF") {
        return match String::from_utf8(body) {
            Ok(text) => Ok(text),
            Err(error) => decoder.decode(error.as_bytes(), true, issues),
        };
    }
    decoder.decode(&body, true, issues)
}

/// Turns a document into text piece by piece; see [`decode`].
pub struct Decoder {
    charset: Option<String>,
    mode: Mode,
    encoding: &'static Encoding,
    /// For encodings other than UTF-8.
    foreign: Option<encoding_rs::Decoder>,
    /// The beginning of a UTF-8 sequence whose end is in the next piece.
    pending: Vec<u8>,
    chosen: bool,
    /// Bytes of text given out.
    at: u64,
}

impl Decoder {
    /// A decoder for one document; `charset` is what the HTTP header says.
    #[must_use]
    pub fn new(charset: Option<&str>, mode: Mode) -> Self {
        Self {
            charset: charset.map(str::to_owned),
            mode,
            encoding: UTF_8,
            foreign: None,
            pending: Vec::new(),
            chosen: false,
            at: 0,
        }
    }

    /// The next piece as text. The first piece should hold the XML declaration; `last` says that
    /// nothing follows.
    ///
    /// # Errors
    /// In strict mode, when the bytes are not in the encoding they are said to be in.
    pub fn decode(
        &mut self,
        mut piece: &[u8],
        last: bool,
        issues: &mut Issues,
    ) -> Result<String, ParseError> {
        if !self.chosen {
            self.choose(piece, issues);
        }
        if self.at == 0 && self.pending.is_empty() && self.encoding == UTF_8 {
            piece = piece.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(piece);
        }
        let text = match &mut self.foreign {
            Some(foreign) => {
                let room = foreign.max_utf8_buffer_length(piece.len()).unwrap_or(piece.len() * 3);
                let mut text = String::with_capacity(room);
                let (_, _, broken) = foreign.decode_to_string(piece, &mut text, last);
                if broken {
                    self.invalid(
                        self.at,
                        format!("bytes that {} lacks", self.encoding.name()),
                        issues,
                    )?;
                }
                text
            }
            None => self.decode_utf8(piece, last, issues)?,
        };
        self.at += text.len() as u64;
        Ok(text)
    }

    fn choose(&mut self, start: &[u8], issues: &mut Issues) {
        self.chosen = true;
        if let Some((encoding, _)) = Encoding::for_bom(start) {
            self.set(encoding);
            return;
        }
        let header =
            self.charset.as_deref().and_then(|label| Encoding::for_label(label.as_bytes()));
        let sniffed = detect_wide(start).or_else(|| {
            let declared = declared_encoding(&start[..start.len().min(SNIFFED)])?;
            // A declaration that can be read byte by byte is not in UTF-16.
            Encoding::for_label(declared).filter(|e| *e != UTF_16LE && *e != UTF_16BE)
        });
        let said = header.or(sniffed).unwrap_or(UTF_8);
        if let (Some(header), Some(declared)) = (header, sniffed)
            && header != declared
        {
            issues.push(Issue::new(
                IssueKind::Http,
                0,
                format!("the header says {}, the document {}", header.name(), declared.name()),
            ));
        }
        if self.mode == Mode::Tolerant && said != UTF_8 && is_utf8_beyond_ascii(start) {
            let detail = format!("said to be {}, but is UTF-8", said.name());
            issues.push(Issue::new(IssueKind::WrongEncoding, 0, detail));
            return;
        }
        if self.mode == Mode::Tolerant && header == Some(UTF_8) && sniffed.is_some() {
            // A header set for the whole server against bytes that show they are something else.
            let declared = sniffed.unwrap_or(UTF_8);
            if declared != UTF_8
                && std::str::from_utf8(start).is_err_and(|e| e.error_len().is_some())
            {
                self.set(declared);
                return;
            }
        }
        self.set(said);
    }

    fn set(&mut self, encoding: &'static Encoding) {
        self.encoding = encoding;
        self.foreign = (encoding != UTF_8).then(|| encoding.new_decoder_with_bom_removal());
    }

    fn decode_utf8(
        &mut self,
        piece: &[u8],
        last: bool,
        issues: &mut Issues,
    ) -> Result<String, ParseError> {
        let mut bytes = std::mem::take(&mut self.pending);
        bytes.extend_from_slice(piece);
        let mut text = match String::from_utf8(bytes) {
            Ok(text) => return Ok(text),
            Err(error) => {
                bytes = error.into_bytes();
                String::with_capacity(bytes.len() + 16)
            }
        };
        let mut rest = bytes.as_slice();
        loop {
            let error = match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    return Ok(text);
                }
                Err(error) => error,
            };
            let (valid, after) = rest.split_at(error.valid_up_to());
            text.push_str(&String::from_utf8_lossy(valid));
            if error.error_len().is_none() && !last {
                self.pending = after.to_vec();
                return Ok(text);
            }
            let at = self.at + text.len() as u64;
            self.invalid(at, format!("the byte 0x{:02X} is not UTF-8", after[0]), issues)?;
            text.push_str(&WINDOWS_1252.decode_without_bom_handling(&after[..1]).0);
            rest = &after[1..];
        }
    }

    fn invalid(&self, at: u64, detail: String, issues: &mut Issues) -> Result<(), ParseError> {
        match self.mode {
            Mode::Strict => Err(ParseError::new(ParseErrorKind::Encoding, at, detail)),
            Mode::Tolerant => {
                issues.push(Issue::new(IssueKind::InvalidBytes, at, detail));
                Ok(())
            }
        }
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("encoding", &self.encoding.name())
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// UTF-16 without a byte order mark: a document begins with `<` (Appendix F.1).
fn detect_wide(start: &[u8]) -> Option<&'static Encoding> {
    match start {
        [0, b'<', 0, ..] => Some(UTF_16BE),
        [b'<', 0, _, 0, ..] => Some(UTF_16LE),
        _ => None,
    }
}

fn is_utf8_beyond_ascii(start: &[u8]) -> bool {
    let valid = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The end may cut a sequence in two.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.is_ascii() && !valid.contains('\0')
}

/// The label in `<?xml … encoding="label"?>`.
fn declared_encoding(start: &[u8]) -> Option<&[u8]> {
    let start = start.trim_ascii_start();
    let declaration = start.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..memchr::memmem::find(declaration, b"?>")?];
    let value = &declaration[memchr::memmem::find(declaration, b"encoding")? + 8..];
    let value = value.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let quote = *value.first().filter(|quote| matches!(quote, b'"' | b'\''))?;
    let end = value[1..].iter().position(|b| *b == quote)?;
    Some(&value[1..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8], charset: Option<&str>) -> (String, Vec<IssueKind>) {
        let mut issues = Issues::default();
        let text = decode(body.to_vec(), charset, Mode::Tolerant, &mut issues).unwrap();
        (text, issues.iter().map(|issue| issue.kind).collect())
    }

    fn wide(text: &str, big: bool) -> Vec<u8> {
        let pair = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(pair).collect()
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let latin1 = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>caf\xE9</a>";
        assert!(read(latin1, None).0.ends_with("<a>café</a>"));
        assert_eq!(read(b"<a>caf\xE9</a>", Some("iso-8859-1")).0, "<a>café</a>");
        assert_eq!(read("\u{FEFF}<a>café</a>".as_bytes(), Some("iso-8859-1")).0, "<a>café</a>");
        for big in [true, false] {
            assert_eq!(read(&wide("<a>café</a>", big), None).0, "<a>café</a>");
            assert_eq!(read(&wide("\u{FEFF}<a>café</a>", big), None).0, "<a>café</a>");
        }
    }

    #[test]
    fn utf8_is_recognised_against_header_and_declaration() {
        let body = "<?xml version='1.0' encoding='ISO-8859-1'?><a>café</a>".as_bytes();
        let (text, issues) = read(body, None);
        assert!(text.ends_with("<a>café</a>"));
        assert_eq!(issues, [IssueKind::WrongEncoding]);
        let (text, issues) = read("<a>café</a>".as_bytes(), Some("iso-8859-1"));
        assert_eq!((text.as_str(), issues), ("<a>café</a>", vec![IssueKind::WrongEncoding]));
    }

    #[test]
    fn stray_bytes_are_windows_1252_and_reported_one_by_one() {
        let mut issues = Issues::default();
        let text =
            decode(b"<a>\x93caf\xE9\x94 \xC3\xA9</a>".to_vec(), None, Mode::Tolerant, &mut issues);
        assert_eq!(text.unwrap(), "<a>\u{201C}café\u{201D} é</a>");
        assert_eq!(issues.iter().map(|issue| issue.at).collect::<Vec<_>>(), [3, 9, 11]);
    }

    #[test]
    fn strict_mode_refuses_a_stray_byte() {
        let result = decode(b"<a>\xE9</a>".to_vec(), None, Mode::Strict, &mut Issues::default());
        assert_eq!(result.unwrap_err().kind(), ParseErrorKind::Encoding);
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let body = "<?xml version='1.0'?><a>日本語 čeština \u{1F4DA}</a>".as_bytes();
        for size in 1..body.len() {
            let mut decoder = Decoder::new(None, Mode::Strict);
            let mut text = String::new();
            let pieces: Vec<_> = body.chunks(size).collect();
            for (n, piece) in pieces.iter().enumerate() {
                let last = n + 1 == pieces.len();
                text += &decoder.decode(piece, last, &mut Issues::default()).unwrap();
            }
            assert_eq!(text.as_bytes(), body, "pieces of {size}");
        }
    }
}
