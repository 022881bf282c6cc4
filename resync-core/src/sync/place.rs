use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};
use url::Url;

/// The longest file or folder name, in bytes: every file system takes it, with room to spare.
const LONGEST_NAME: usize = 200;
/// What is left of a longer one, beside `~h~` and a hash.
const CUT_NAME: usize = LONGEST_NAME - 35;
/// The longest query or fragment that is written out.
const LONGEST_SUFFIX: usize = 64;
/// The longest path, in bytes and in names.
const LONGEST_PATH: usize = 1024;
const DEEPEST_PATH: usize = 64;

/// Where the files of a local copy go: from URI to path.
///
/// URIs below the base keep their path, others go to `~host/<scheme>-<host>[~<port>]/`, and what
/// has no sensible path goes to `~other/`. Every path stays inside the copy and can be written on
/// any common file system.
///
/// Two URIs share a path only if they are the same URL once parsed: `HTTP://H:80/a/../b` is
/// `http://h/b`. Other spellings of one name, such as `%62` for `b`, get paths of their own. File
/// systems may still confuse paths that differ in case: see [`Place::key`].
///
/// ```
/// use resync_core::sync::Places;
///
/// let places = Places::new("http://example.com/data/".parse().unwrap());
/// assert_eq!(places.place("http://example.com/data/a/B%20c.txt").as_str(), "a/B c.txt");
/// assert_eq!(places.place("http://example.com/x").as_str(), "~host/http-example.com/x");
/// ```
#[derive(Debug, Clone)]
pub struct Places {
    base: Url,
}

impl Places {
    /// Maps what is below this URL, taken as a folder: query and fragment do not count.
    #[must_use]
    pub fn new(mut base: Url) -> Self {
        // These fail only for URLs that have no such parts; nothing is below those.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_query(None);
        base.set_fragment(None);
        if !base.path().ends_with('/') {
            let folder = format!("{}/", base.path());
            base.set_path(&folder);
        }
        Self { base }
    }

    /// The path of a URI.
    ///
    /// Each segment of the URI is decoded once, and characters that are not plain are encoded
    /// again; `~`, which is always encoded, sets off what we add:
    /// - `~index` and `~empty` stand for an empty last or inner segment,
    /// - `~x~` and a hash follow a name that was spelled in an unusual way,
    /// - `~q~` precedes the query and `~f~` the fragment, or `~h~` and `~f~h~` its hash,
    /// - `~h~` and a hash end a name that was too long.
    #[must_use]
    pub fn place(&self, uri: &str) -> Place {
        Url::parse(uri)
            .ok()
            .and_then(|url| self.readable(&url))
            .unwrap_or_else(|| Self::fallback(uri))
    }

    /// The path of a URI whose own path cannot be had: too long, or taken by another.
    ///
    /// It says nothing but a hash and the extension.
    #[must_use]
    pub fn fallback(uri: &str) -> Place {
        let url = Url::parse(uri).ok();
        let uri = url.as_ref().map_or(uri, Url::as_str);
        let hash = hash("", uri, 32);
        let path = uri.split(['?', '#']).next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let extension = name.rsplit_once('.').map(|(_, extension)| extension).filter(|extension| {
            (1..=8).contains(&extension.len())
                && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
                // The end of a host is no extension.
                && url.as_ref().is_none_or(|url| url.path().ends_with(name))
        });
        let dot = if extension.is_some() { "." } else { "" };
        Place(format!("~other/{}/{hash}{dot}{}", &hash[..2], extension.unwrap_or_default()))
    }

    fn readable(&self, url: &Url) -> Option<Place> {
        // User names and passwords are part of the URI, but have no business in a file name.
        if !url.has_authority() || !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let same_origin = url.scheme() == self.base.scheme()
            && url.host() == self.base.host()
            && url.port() == self.base.port();
        let below = url.path().strip_prefix(self.base.path()).filter(|_| same_origin);
        let mut path = String::with_capacity(url.as_str().len());
        if below.is_none() {
            path.push_str("~host/");
            path.push_str(&host_name(url)?);
            path.push('/');
        }
        let rest = below.or_else(|| url.path().strip_prefix('/'))?;
        let mut segments = rest.split('/').peekable();
        while let Some(written) = segments.next() {
            let last = segments.peek().is_none();
            let mut name = match (written, last) {
                ("", true) => "~index".to_owned(),
                ("", false) => "~empty".to_owned(),
                _ => file_name(written, path.is_empty()),
            };
            if last {
                push_suffix(&mut name, "~q~", "~h~", "?", url.query());
                push_suffix(&mut name, "~f~", "~f~h~", "#", url.fragment());
            }
            path.push_str(&shortened(name));
            if !last {
                path.push('/');
            }
            if path.len() > LONGEST_PATH {
                return None;
            }
        }
        let deep = path.matches('/').count() >= DEEPEST_PATH;
        (!deep).then_some(Place(path))
    }
}

/// The path of one file in a local copy: relative, its parts separated by `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(String);

impl Place {
    /// A path that was kept, such as in a database; `None` if no URI can have it.
    #[must_use]
    pub fn from_kept(path: &str) -> Option<Self> {
        let is_sound = |name: &str| {
            !name.is_empty()
                && name.len() <= LONGEST_NAME
                && !name.ends_with(['.', ' '])
                && name.chars().all(|c| is_plain(c) || matches!(c, '%' | '~'))
        };
        let mut names = path.split('/');
        let is_own = names.next().is_some_and(is_reserved);
        (!is_own && path.len() <= LONGEST_PATH && path.split('/').all(is_sound))
            .then(|| Self(path.to_owned()))
    }

    /// The path, as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path, for the file system.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// A number that paths share if they differ in nothing but case.
    ///
    /// Only case is folded. File systems that also take composed and decomposed letters for the
    /// same do so for some paths whose keys differ.
    #[must_use]
    pub fn key(&self) -> u64 {
        // Some letters have several small forms, which only their capital brings together.
        let folded = self.0.to_uppercase().to_lowercase();
        let digest = Sha256::digest(folded.as_bytes());
        digest.iter().take(8).fold(0, |key, &byte| key << 8 | u64::from(byte))
    }

    /// The folders it lies in, outermost first: `a` and `a/b` for `a/b/c`.
    #[must_use]
    pub fn ancestors(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.match_indices('/').map(|(end, _)| &self.0[..end])
    }

    /// Its folder, empty for the root, and its name.
    pub(super) fn split(&self) -> (&str, &str) {
        split(&self.0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder of a path, empty for the root, and the name in it.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

// `None` if the parts could not be told apart.
fn host_name(url: &Url) -> Option<String> {
    let scheme = url.scheme();
    if scheme.contains('-') {
        return None;
    }
    let mut name = encoded(format!("{scheme}-{}", url.host_str().unwrap_or_default()).as_bytes());
    if let Some(port) = url.port() {
        name.push_str(&format!("~{port}"));
    }
    Some(shortened(name))
}

fn file_name(written: &str, top: bool) -> String {
    let bytes = decoded(written);
    let mut name = encoded(&bytes);
    if is_device(&name) || (top && is_reserved(&name)) {
        let first = name.remove(0);
        let mut start = String::new();
        push_escaped(&mut start, first.encode_utf8(&mut [0; 4]).as_bytes());
        name.insert_str(0, &start);
    }
    if usual_spelling(&bytes) != written {
        name.push_str("~x~");
        name.push_str(&hash("%", written, 16));
    }
    name
}

fn push_suffix(name: &mut String, short: &str, long: &str, kind: &str, text: Option<&str>) {
    let Some(text) = text else { return };
    let plain = encoded(text.as_bytes());
    if plain.len() <= LONGEST_SUFFIX {
        name.push_str(short);
        name.push_str(&plain);
    } else {
        name.push_str(long);
        name.push_str(&hash(kind, text, 32));
    }
}

fn shortened(mut name: String) -> String {
    if name.len() > LONGEST_NAME {
        let hash = hash("/", &name, 32);
        let mut end = name.floor_char_boundary(CUT_NAME);
        if let Some(escape) = name[..end].rfind('%')
            && escape + 3 > end
        {
            end = escape;
        }
        name.truncate(end);
        name.push_str("~h~");
        name.push_str(&hash);
    }
    name
}

// The name of our own folder, whichever way a file system may read it.
fn is_reserved(name: &str) -> bool {
    name.to_uppercase() == ".RESYNC"
}

// The names that mean a device on Windows, in every folder and with any extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |rest: &str| {
        let mut chars = rest.chars();
        let digit = chars.next().is_some_and(|c| matches!(c, '0'..='9' | '¹' | '²' | '³'));
        digit && chars.next().is_none()
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).is_some_and(numbered)
}

// Stands for itself in names, on every file system. Marks that combine with letters do not, so
// that most names stay apart where composed and decomposed letters are the same.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || " !#$&'()+,-.;=@[]^_{}".contains(c)
}

// Decoding this gives the same bytes again: `%` is not plain.
fn encoded(bytes: &[u8]) -> String {
    let mut name = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_plain(c) {
                name.push(c);
            } else {
                push_escaped(&mut name, c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        push_escaped(&mut name, chunk.invalid());
    }
    // Windows drops them. This also deals with `.` and `..`.
    let end = name.trim_end_matches(['.', ' ']).len();
    let dropped = name.split_off(end);
    push_escaped(&mut name, dropped.as_bytes());
    name
}

// A segment as RFC 3986 would have it: the one spelling that needs no mark.
fn usual_spelling(bytes: &[u8]) -> String {
    let mut segment = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            push_escaped(&mut segment, &[byte]);
        }
    }
    segment
}

fn push_escaped(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        text.push_str(&format!("%{byte:02X}"));
    }
}

/// Percent-decodes once; a `%` that starts no escape stands for itself.
pub(super) fn decoded(text: &str) -> Vec<u8> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if let (b'%', [high, low, after @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            bytes.push(high << 4 | low);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    bytes
}

// The kind keeps apart what is hashed in different roles: otherwise, somebody could choose a query
// that is hashed like a long name.
fn hash(kind: &str, text: &str, digits: usize) -> String {
    let digest = Sha256::new().chain_update(kind).chain_update(text).finalize();
    digest.iter().take(digits / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
