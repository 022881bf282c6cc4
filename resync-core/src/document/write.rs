mod list;

use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use super::{Document, Entry, ForeignAttribute, Head, Link, Metadata, RESOURCESYNC, Root, SITEMAP};
use crate::xml::{Cursor, Mode};

pub use self::list::{ListPart, ListWriter, Size};

/// Writes a document entry by entry, holding one of them at a time.
///
/// ```
/// use resync_core::document::{Capability, Datetime, Entry, Head, Writer};
///
/// let mut head = Head::list(Capability::ResourceList);
/// head.md.at = Datetime::read("2024-01-01T00:00:00Z");
/// let mut writer = Writer::new(Vec::new(), &head)?;
/// writer.entry(&Entry::new("https://x.org/a?b&c"))?;
/// let list = String::from_utf8(writer.finish()?).unwrap();
/// assert!(list.contains("<loc>https://x.org/a?b&amp;c</loc>"));
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    root: Root,
    text: Text,
    written: u64,
}

/// Writes a whole document into memory.
///
/// # Errors
/// `InvalidInput` as [`Writer::entry`].
pub fn to_xml(document: &Document) -> io::Result<String> {
    let mut writer = Writer::new(Vec::new(), &document.head)?;
    for entry in &document.entries {
        writer.entry(entry)?;
    }
    String::from_utf8(writer.finish()?).map_err(io::Error::other)
}

impl<W: Write> Writer<W> {
    /// Begins a document: writes what stands before its entries.
    ///
    /// # Errors
    /// When `out` fails; `InvalidInput` as [`entry`](Self::entry).
    pub fn new(out: W, head: &Head) -> io::Result<Self> {
        Self::with_room(out, head, "").map(|(writer, _)| writer)
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// When `out` fails; `InvalidInput`, with nothing written, where XML cannot hold a value: for a
    /// character that it forbids (§2.2 of XML 1.0), the same attribute twice, an attribute whose
    /// prefix stands for nothing, or an extension that is no well-formed element.
    pub fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        self.text.entry(self.root, entry)?;
        self.put()
    }

    /// How many bytes have been written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Ends the document; without this it is cut off. Gives back where it was written to, flushed.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.end()?;
        Ok(self.out)
    }

    /// Leaves as many blanks as `link` has bytes where the link would belong, and says where.
    fn with_room(out: W, head: &Head, link: &str) -> io::Result<(Self, u64)> {
        let mut writer = Self { out, root: head.root, text: Text::default(), written: 0 };
        let text = &mut writer.text;
        let room = text.head(head, link)? as u64;
        writer.put()?;
        Ok((writer, room))
    }

    fn put(&mut self) -> io::Result<()> {
        self.out.write_all(self.text.0.as_bytes())?;
        self.written += self.text.0.len() as u64;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.text.0.clear();
        self.text.0.push_str(tail(self.root));
        self.put()?;
        self.out.flush()
    }
}

fn tail(root: Root) -> &'static str {
    match root {
        Root::UrlSet => "</urlset>\n",
        Root::SitemapIndex => "</sitemapindex>\n",
    }
}

#[cold]
fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.into())
}

/// The piece that is written next.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    /// What stands before the entries, with room for `link`; where that room is.
    fn head(&mut self, head: &Head, link: &str) -> io::Result<usize> {
        self.0.clear();
        let root = match head.root {
            Root::UrlSet => "urlset",
            Root::SitemapIndex => "sitemapindex",
        };
        let _ = write!(
            self.0,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <{root} xmlns=\"{SITEMAP}\" xmlns:rs=\"{RESOURCESYNC}\">\n"
        );
        // The standard leaves the order open; its examples have the links first (§9 to §13).
        for link in &head.links {
            self.link(link)?;
            self.0.push('\n');
        }
        let room = self.0.len();
        if !link.is_empty() {
            self.0.extend(std::iter::repeat_n(' ', link.len()));
            self.0.push('\n');
        }
        if !head.md.is_empty() {
            self.metadata(&head.md)?;
            self.0.push('\n');
        }
        for extension in &head.extensions {
            self.extension(extension)?;
            self.0.push('\n');
        }
        Ok(room)
    }

    fn entry(&mut self, root: Root, entry: &Entry<'_>) -> io::Result<()> {
        self.0.clear();
        let name = match root {
            Root::UrlSet => "url",
            Root::SitemapIndex => "sitemap",
        };
        self.0.extend(["<", name, ">"]);
        self.element("loc", &entry.loc)?;
        if let Some(time) = entry.lastmod {
            self.shown("<lastmod>", time, "</lastmod>");
        }
        if let Some(frequency) = entry.changefreq {
            self.element("changefreq", frequency.as_str())?;
        }
        if let Some(priority) = &entry.priority {
            self.element("priority", priority)?;
        }
        if !entry.md.is_empty() {
            self.metadata(&entry.md)?;
        }
        for link in &entry.links {
            self.link(link)?;
        }
        for extension in &entry.extensions {
            self.extension(extension)?;
        }
        self.0.extend(["</", name, ">\n"]);
        Ok(())
    }

    fn metadata(&mut self, md: &Metadata<'_>) -> io::Result<()> {
        let start = self.0.len();
        self.0.push_str("<rs:md");
        self.value("capability", md.capability.as_ref().map(|it| it.as_str()))?;
        let times = [
            ("at", md.at),
            ("completed", md.completed),
            ("from", md.from),
            ("until", md.until),
            ("datetime", md.datetime),
            ("modified", md.modified),
        ];
        for (name, time) in times {
            self.plain(name, time);
        }
        self.value("change", md.change.map(|change| change.as_str()))?;
        self.value("encoding", md.encoding.as_deref())?;
        self.value("hash", Some(md.hash.as_str()).filter(|hash| !hash.is_empty()))?;
        self.plain("length", md.length);
        self.value("type", md.media_type.as_deref())?;
        self.value("path", md.path.as_deref())?;
        self.foreign(start, &md.other)
    }

    fn link(&mut self, link: &Link<'_>) -> io::Result<()> {
        let start = self.0.len();
        self.0.push_str("<rs:ln");
        self.value("rel", Some(&link.rel))?;
        self.value("href", Some(&link.href))?;
        self.plain("pri", link.priority);
        self.plain("modified", link.modified);
        self.value("encoding", link.encoding.as_deref())?;
        self.value("hash", Some(link.hash.as_str()).filter(|hash| !hash.is_empty()))?;
        self.plain("length", link.length);
        self.value("type", link.media_type.as_deref())?;
        self.value("path", link.path.as_deref())?;
        self.foreign(start, &link.other)
    }

    /// The attributes of other namespaces, each with its declaration, and the end of the tag that
    /// begins at `start`.
    fn foreign(&mut self, start: usize, others: &[ForeignAttribute<'_>]) -> io::Result<()> {
        let mut declared: Vec<(String, &str)> = Vec::new();
        for other in others {
            let Some((prefix, local)) = other.name.split_once(':') else {
                self.once(start, &other.name, &other.value)?;
                continue;
            };
            let namespace = match (prefix, other.namespace.as_deref()) {
                ("xml", _) => {
                    self.once(start, &other.name, &other.value)?;
                    continue;
                }
                (_, Some(RESOURCESYNC)) => {
                    self.once(start, &format!("rs:{local}"), &other.value)?;
                    continue;
                }
                (_, Some(namespace)) => namespace,
                (_, None) => return Err(invalid(format!("{:?} has no namespace", other.name))),
            };
            let known = declared.iter().find(|(_, it)| *it == namespace);
            let prefix = if let Some((prefix, _)) = known {
                prefix.clone()
            } else {
                let is_taken =
                    prefix.starts_with("xml") || prefix == "rs" || prefix.starts_with("ns");
                let is_taken = is_taken || declared.iter().any(|(known, _)| known == prefix);
                let own =
                    if is_taken { format!("ns{}", declared.len()) } else { prefix.to_owned() };
                self.once(start, &format!("xmlns:{own}"), namespace)?;
                declared.push((own.clone(), namespace));
                own
            };
            self.once(start, &format!("{prefix}:{local}"), &other.value)?;
        }
        self.0.push_str("/>");
        Ok(())
    }

    /// An attribute whose name comes from elsewhere.
    fn once(&mut self, start: usize, name: &str, value: &str) -> io::Result<()> {
        let is_name = |part: &str| {
            !part.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.'))
                && !part.is_empty()
                && part.chars().all(|c| {
                    c.is_ascii_alphanumeric()
                        || matches!(c, '-' | '.' | '_')
                        || !c.is_ascii() && c.is_alphanumeric()
                })
        };
        if name == "xmlns" || name.split(':').count() > 2 || !name.split(':').all(is_name) {
            return Err(invalid(format!("{name:?} is no name of an attribute")));
        }
        // Values hold no quotation marks, so this is found in no value.
        if self.0[start..].contains(&format!(" {name}=\"")) {
            return Err(invalid(format!("the attribute {name} stands there twice")));
        }
        self.value(name, Some(value))
    }

    /// Keeps an element of another namespace out of ours: one without a prefix may be in none.
    fn extension(&mut self, xml: &str) -> io::Result<()> {
        let refused = |error: &dyn Display| invalid(format!("an extension is no XML: {error}"));
        let mut cursor = Cursor::new(xml).mode(Mode::Strict);
        let root = cursor.next_child().map_err(|error| refused(&error))?;
        let root = root.ok_or_else(|| refused(&"nothing is there"))?;
        let raw = cursor.raw(&root).map_err(|error| refused(&error))?;
        cursor.finish().map_err(|error| refused(&error))?;
        let raw = raw.as_str();
        if root.prefix().is_empty()
            && root.namespace().is_none()
            && !root.attributes().any(|(name, _)| name == "xmlns")
        {
            let (name, rest) = raw.split_at(1 + root.name().len());
            self.0.extend([name, " xmlns=\"\"", rest]);
        } else {
            self.0.push_str(raw);
        }
        Ok(())
    }

    fn element(&mut self, name: &str, value: &str) -> io::Result<()> {
        self.0.extend(["<", name, ">"]);
        self.escaped(value, name)?;
        self.0.extend(["</", name, ">"]);
        Ok(())
    }

    fn value(&mut self, name: &str, value: Option<&str>) -> io::Result<()> {
        let Some(value) = value else { return Ok(()) };
        self.0.extend([" ", name, "=\""]);
        self.escaped(value, name)?;
        self.0.push('"');
        Ok(())
    }

    /// An attribute that needs no escaping.
    fn plain(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.0.extend([" ", name]);
            self.shown("=\"", value, "\"");
        }
    }

    fn shown(&mut self, before: &str, value: impl Display, behind: &str) {
        let _ = write!(self.0, "{before}{value}{behind}"); // to a String: cannot fail
    }

    /// White space, too, which would be changed in attributes (§3.3.3 of XML) and, at line ends, in
    /// text (§2.11).
    fn escaped(&mut self, value: &str, name: &str) -> io::Result<()> {
        let mut done = 0;
        for (at, byte) in value.bytes().enumerate() {
            let escape = match byte {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                b'\t' => "&#9;",
                b'\n' => "&#10;",
                b'\r' => "&#13;",
                0..0x20 => return Err(forbidden(name, value)),
                // U+FFFE and U+FFFF.
                0xBE | 0xBF if value.as_bytes()[..at].ends_with(b"\xEF\xBF") => {
                    return Err(forbidden(name, value));
                }
                _ => continue,
            };
            self.0.extend([&value[done..at], escape]);
            done = at + 1;
        }
        self.0.push_str(&value[done..]);
        Ok(())
    }
}

#[cold]
fn forbidden(name: &str, value: &str) -> io::Error {
    let shown: String = value.chars().take(80).collect();
    invalid(format!("{name} has a character that XML forbids: {shown:?}"))
}
