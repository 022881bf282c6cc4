//! Resumption tokens (§3.5): signed, and all that is needed to go on is in them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Key;
use crate::{Datestamp, Selection, Verb, Window};

/// How much of the signature is in a token, in bytes.
const SIGNATURE: usize = 16;
/// The most bytes that are looked at.
const LONGEST: usize = 16 << 10;

/// Where a list stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The list, and what came last of it.
    pub(super) place: Place,
    /// How many items came before the next page.
    pub(super) cursor: u64,
    /// How long the whole list was thought to be when it began.
    pub(super) size: Option<u64>,
    /// When the token ceases to be valid.
    pub(super) expires: DateTime<Utc>,
}

/// A list, and the last item of a page of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Sets(String),
    Identifiers(Selection, Key),
    Records(Selection, Key),
}

impl Place {
    fn verb(&self) -> Verb {
        match self {
            Self::Sets(_) => Verb::ListSets,
            Self::Identifiers(..) => Verb::ListIdentifiers,
            Self::Records(..) => Verb::ListRecords,
        }
    }
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    /// It is not one of this repository, or was changed.
    Forged,
    /// It belongs to a list of another verb.
    OtherVerb,
    /// Its time is over.
    Expired,
}

impl Rejection {
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Forged => "the token is none of this repository: begin the list anew",
            Self::OtherVerb => "the token belongs to a list of another verb",
            Self::Expired => "the token has expired: begin the list anew",
        }
    }
}

/// Signs tokens, and reads those it has signed.
#[derive(Clone)]
pub(super) struct Signer(Hmac<Sha256>);

impl Signer {
    /// Tokens of one base URL are worth nothing at another, even with the same key.
    pub(super) fn new(key: &[u8], base_url: &str) -> Self {
        // HMAC takes keys of any length.
        #[allow(clippy::expect_used)]
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("any key will do");
        mac.update(base_url.as_bytes());
        mac.update(b"\n");
        Self(mac)
    }

    pub(super) fn sign(&self, position: &Position) -> String {
        let text = write(position);
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        let mut token = mac.finalize().into_bytes()[..SIGNATURE].to_vec();
        token.extend_from_slice(text.as_bytes());
        URL_SAFE_NO_PAD.encode(token)
    }

    pub(super) fn read(
        &self,
        token: &str,
        verb: Verb,
        now: DateTime<Utc>,
    ) -> Result<Position, Rejection> {
        let position = self.verified(token).ok_or(Rejection::Forged)?;
        if position.place.verb() != verb {
            return Err(Rejection::OtherVerb);
        }
        if position.expires < now {
            return Err(Rejection::Expired);
        }
        Ok(position)
    }

    fn verified(&self, token: &str) -> Option<Position> {
        if token.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signature, text) = bytes.split_at_checked(SIGNATURE)?;
        let mut mac = self.0.clone();
        mac.update(text);
        mac.verify_truncated_left(signature).ok()?;
        read(std::str::from_utf8(text).ok()?)
    }
}

/// One line each; the identifier, which may hold anything, comes last.
fn write(position: &Position) -> String {
    let size = position.size.map(|size| size.to_string()).unwrap_or_default();
    let expires = position.expires.timestamp();
    let head = format!("{}\n{}\n{size}\n{expires}", position.place.verb(), position.cursor);
    match &position.place {
        Place::Sets(spec) => format!("{head}\n{spec}"),
        Place::Identifiers(selection, key) | Place::Records(selection, key) => {
            let end = |end: Option<&Datestamp>| end.map(ToString::to_string).unwrap_or_default();
            let window = selection.time_span();
            format!(
                "{head}\n{}\n{}\n{}\n{}\n{}\n{}",
                selection.metadata_prefix(),
                end(window.from()),
                end(window.until()),
                selection.set_spec().unwrap_or_default(),
                key.datestamp,
                key.identifier
            )
        }
    }
}

fn read(text: &str) -> Option<Position> {
    let mut parts = text.splitn(5, '\n');
    let mut part = || parts.next();
    let verb = part()?;
    let cursor = part()?.parse().ok()?;
    let size = match part()? {
        "" => None,
        size => Some(size.parse().ok()?),
    };
    let expires = DateTime::from_timestamp(part()?.parse().ok()?, 0)?;
    let rest = part()?;
    let place = match verb {
        "ListSets" => Place::Sets(rest.to_owned()),
        "ListIdentifiers" => read_selection(rest).map(|(it, key)| Place::Identifiers(it, key))?,
        "ListRecords" => read_selection(rest).map(|(it, key)| Place::Records(it, key))?,
        _ => return None,
    };
    Some(Position { place, cursor, size, expires })
}

fn read_selection(text: &str) -> Option<(Selection, Key)> {
    let mut parts = text.splitn(6, '\n');
    let mut part = || parts.next();
    let selection = Selection::prefix(part()?);
    let end = |text: &str| match text {
        "" => Some(None),
        text => text.parse::<Datestamp>().ok().map(Some),
    };
    let (from, until) = (end(part()?)?, end(part()?)?);
    let selection = selection.window(Window::new(from, until).ok()?);
    let selection = match part()? {
        "" => selection,
        set => selection.set(set),
    };
    let datestamp = part()?.parse().ok()?;
    Some((selection, Key { datestamp, identifier: part()?.to_owned() }))
}
