//! Options that nobody may read: passwords, tokens, keys.
//!
//! Which options of a kind are secret, its schema says ([`Kind::secrets`]). A store that was given
//! [`Secrets`] seals them before it writes a definition, so that rows, snapshots of runs and whoever
//! reads them have them sealed; only the [engine](crate::engine) opens them, for the run that needs
//! them.
//!
//! ```text
//! form, command line ──clear──▶ store ──sealed──▶ pages, runs, audit log
//!                                 └────sealed──▶ engine ──clear──▶ transport, source
//! ```
//!
//! With which key and how that is done is a [`Vault`]'s business.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::{Origin, Url};

use crate::registry::{Kind, Receiver, Registry};
use crate::sign_in;
use crate::store::{SourceDefinition, TargetDefinition};

/// Whose secret it is. What was sealed for one place opens at no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place<'a> {
    /// What it belongs to: a `source` or a `target`.
    pub of: &'static str,
    /// Which one: its id or name.
    pub owner: &'a str,
    /// The name of the option.
    pub option: &'a str,
}

impl<'a> Place<'a> {
    /// This option of that source.
    #[must_use]
    pub fn of_source(owner: &'a str, option: &'a str) -> Self {
        Self { of: "source", owner, option }
    }

    /// This option of that target.
    #[must_use]
    pub fn of_target(owner: &'a str, option: &'a str) -> Self {
        Self { of: "target", owner, option }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} of the {} {}", self.option, self.of, self.owner)
    }
}

/// A secret as it is stored: in JSON an object, so that no text somebody types is taken for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    #[serde(rename = "$sealed")]
    envelope: String,
}

impl Sealed {
    /// What a vault made of a secret.
    #[must_use]
    pub fn new(envelope: impl Into<String>) -> Self {
        Self { envelope: envelope.into() }
    }

    /// The sealed secret that an option holds, if it holds one.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        value.get("$sealed")?;
        Self::deserialize(value).ok()
    }

    /// What the vault made.
    #[must_use]
    pub fn envelope(&self) -> &str {
        &self.envelope
    }
}

impl From<Sealed> for Value {
    fn from(sealed: Sealed) -> Self {
        serde_json::json!({ "$sealed": sealed.envelope })
    }
}

/// Seals secrets, and opens them again.
pub trait Vault: fmt::Debug + Send + Sync {
    /// Seals a secret for this place.
    ///
    /// # Errors
    /// If there is no key; the message says what to do.
    fn seal(&self, place: Place<'_>, secret: &str) -> Result<Sealed, VaultError>;

    /// What was sealed for this place.
    ///
    /// # Errors
    /// If it was sealed with a key that is not there, for another place, or was altered; the message
    /// says what to do.
    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<String, VaultError>;

    /// Whether it was sealed with the key that secrets are sealed with now.
    fn is_current(&self, sealed: &Sealed) -> bool;
}

/// A secret cannot be sealed or opened. The message says why and what to do, and nothing of the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct VaultError(String);

impl VaultError {
    /// With this message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// What a store needs to keep secrets: which options they are, and what seals them.
#[derive(Clone, Debug)]
pub struct Secrets {
    sources: Registry,
    targets: Registry<Receiver>,
    vault: Arc<dyn Vault>,
}

impl Secrets {
    /// The secrets of these kinds, sealed by this vault.
    #[must_use]
    pub fn new(sources: Registry, targets: Registry<Receiver>, vault: Arc<dyn Vault>) -> Self {
        Self { sources, targets, vault }
    }

    /// The source with its secrets sealed; a name and a password in its URL become options first.
    /// Those of a kind that is not known stay: it is never harvested.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub fn seal(&self, source: &SourceDefinition) -> Result<SourceDefinition, VaultError> {
        let mut sealed = source.clone();
        if let Some(kind) = self.sources.kind(&source.kind) {
            if kind.signs_in() {
                sign_in::hide_in(&mut sealed.extra);
            }
            let id = source.id.as_str();
            self.seal_options(kind, &mut sealed.options, Place::of_source(id, ""))?;
        }
        Ok(sealed)
    }

    /// The same of a target.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub fn seal_target(&self, target: &TargetDefinition) -> Result<TargetDefinition, VaultError> {
        let mut sealed = target.clone();
        if let Some(kind) = self.targets.kind(&target.kind) {
            self.seal_options(kind, &mut sealed.options, Place::of_target(&target.name, ""))?;
        }
        Ok(sealed)
    }

    fn seal_options<T: ?Sized>(
        &self,
        kind: &Kind<T>,
        options: &mut Value,
        holder: Place<'_>,
    ) -> Result<(), VaultError> {
        if kind.signs_in() {
            sign_in::take_from_url(options);
        }
        for option in kind.secrets() {
            if let Some(value) = options.get_mut(option)
                && let Some(secret) = value.as_str()
            {
                *value = self.vault.seal(Place { option, ..holder }, secret)?.into();
            }
        }
        Ok(())
    }

    /// The same for a source that was stored before there was a vault, or when that had another key;
    /// `None`: it can stay as it is.
    ///
    /// # Errors
    /// As [`Vault::open`] and [`Vault::seal`].
    pub fn seal_anew(
        &self,
        source: &SourceDefinition,
    ) -> Result<Option<SourceDefinition>, VaultError> {
        let (mut old, id) = (source.clone(), source.id.as_str());
        self.open_old(&mut old.options, Place::of_source(id, ""))?;
        let sealed = self.seal(&old)?;
        Ok((sealed != *source).then_some(sealed))
    }

    /// The same for a target.
    ///
    /// # Errors
    /// As [`Vault::open`] and [`Vault::seal`].
    pub fn seal_target_anew(
        &self,
        target: &TargetDefinition,
    ) -> Result<Option<TargetDefinition>, VaultError> {
        let mut old = target.clone();
        self.open_old(&mut old.options, Place::of_target(&target.name, ""))?;
        let sealed = self.seal_target(&old)?;
        Ok((sealed != *target).then_some(sealed))
    }

    /// Opens what was sealed with another key than the current one.
    fn open_old(&self, options: &mut Value, holder: Place<'_>) -> Result<(), VaultError> {
        for (option, value) in options.as_object_mut().into_iter().flatten() {
            if let Some(sealed) = Sealed::of(value).filter(|it| !self.vault.is_current(it)) {
                *value = self.vault.open(Place { option, ..holder }, &sealed)?.into();
            }
        }
        Ok(())
    }

    /// Whether options may follow others: what is sealed for the old address must not be sent to a new
    /// one.
    ///
    /// # Errors
    /// If it would.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn check_change(&self, before: &Value, after: &Value) -> Result<(), VaultError> {
        if leads_to(before) == leads_to(after) {
            return Ok(());
        }
        let options = after.as_object().into_iter().flatten();
        let mut kept = options
            .filter(|(name, value)| Sealed::of(value).is_some() && before.get(name) == Some(value));
        kept.next().map_or(Ok(()), |(option, _)| {
            let elsewhere = LeadsElsewhere { option: option.clone() };
            Err(VaultError::new(elsewhere.to_string()))
        })
    }
}

/// Keeps the secrets of options that are changed, as far as the new ones do not mention them; one that
/// is `null` there is taken away.
///
/// # Errors
/// If one would be kept and the address leads elsewhere: whoever may change that need not be somebody
/// who knows the secret, and must not have it sent to himself.
pub fn carry<T: ?Sized>(
    kind: &Kind<T>,
    before: &Value,
    options: &mut Value,
) -> Result<(), LeadsElsewhere> {
    let same_place = leads_to(options) == leads_to(before);
    let Some(options) = options.as_object_mut() else { return Ok(()) };
    for name in kind.secrets() {
        match (options.get(name), before.get(name)) {
            (Some(Value::Null), _) => _ = options.remove(name),
            (None, Some(kept)) if same_place => _ = options.insert(name.to_owned(), kept.clone()),
            (None, Some(_)) => return Err(LeadsElsewhere { option: name.to_owned() }),
            _ => {}
        }
    }
    Ok(())
}

/// A secret would be sent to another place than the one it was set for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address leads elsewhere: set the {option} again, or take it away")]
pub struct LeadsElsewhere {
    option: String,
}

impl LeadsElsewhere {
    /// The secret option.
    #[must_use]
    pub fn option(&self) -> &str {
        &self.option
    }
}

/// Where an address leads: scheme, host and port.
#[must_use]
pub fn leads_to(options: &Value) -> Option<Origin> {
    let url = Url::parse(options.get("url")?.as_str()?).ok()?;
    Some(url.origin()).filter(Origin::is_tuple)
}

/// The source with its secrets in clear, for whoever makes it and the way to it.
///
/// # Errors
/// As [`Vault::open`]; or if something is sealed and there is no vault.
pub fn open(
    vault: Option<&dyn Vault>,
    source: &SourceDefinition,
) -> Result<SourceDefinition, VaultError> {
    let (mut clear, id) = (source.clone(), source.id.as_str());
    open_options(vault, &mut clear.options, Place::of_source(id, ""))?;
    Ok(clear)
}

/// The target with its secrets in clear.
///
/// # Errors
/// As [`open`].
pub fn open_target(
    vault: Option<&dyn Vault>,
    target: &TargetDefinition,
) -> Result<TargetDefinition, VaultError> {
    let mut clear = target.clone();
    open_options(vault, &mut clear.options, Place::of_target(&target.name, ""))?;
    Ok(clear)
}

fn open_options(
    vault: Option<&dyn Vault>,
    options: &mut Value,
    holder: Place<'_>,
) -> Result<(), VaultError> {
    for (option, value) in options.as_object_mut().into_iter().flatten() {
        if let Some(sealed) = Sealed::of(value) {
            let vault = vault.ok_or_else(|| {
                VaultError::new(format!("the {option} is sealed, and nothing here can open it"))
            })?;
            *value = vault.open(Place { option, ..holder }, &sealed)?.into();
        }
    }
    Ok(())
}

/// The options as they may be checked: in the place of what is sealed stands some text.
#[must_use]
pub fn covered(options: &Value) -> Value {
    let mut covered = options.clone();
    for value in covered.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        if Sealed::of(value).is_some() {
            *value = "sealed".into();
        }
    }
    covered
}

/// Whether nobody may read this option: by its kind, if that is known, or because it is sealed.
#[must_use]
pub fn is_secret<T: ?Sized>(kind: Option<&Kind<T>>, option: &str, value: &Value) -> bool {
    kind.is_some_and(|kind| kind.is_secret(option)) || Sealed::of(value).is_some()
}

/// Where the kind is not known.
pub const NO_KIND: Option<&Kind> = None;

/// The options as they may be shown: without those that are secret, sealed or not.
#[must_use]
pub fn shown<T: ?Sized>(kind: Option<&Kind<T>>, options: &Value) -> Value {
    let mut shown = options.clone();
    if let Some(options) = shown.as_object_mut() {
        options.retain(|name, value| !is_secret(kind, name, value));
    }
    if let Some(url) = shown.get("url").and_then(sign_in::without_credentials) {
        shown["url"] = url.into();
    }
    shown
}

/// The names of the secret options that are set.
#[must_use]
pub fn set<T: ?Sized>(kind: Option<&Kind<T>>, options: &Value) -> Vec<String> {
    let options = options.as_object().into_iter().flatten();
    let secret = options.filter(|(name, value)| is_secret(kind, name, value) && !value.is_null());
    secret.map(|(name, _)| name.clone()).collect()
}
