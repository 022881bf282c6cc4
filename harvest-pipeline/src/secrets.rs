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

use crate::registry::{Kind, Registry};
use crate::sign_in;
use crate::store::SourceDefinition;

/// Whose secret it is. What was sealed for one place opens at no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place<'a> {
    /// What it belongs to: the id of a source.
    pub owner: &'a str,
    /// The name of the option.
    pub option: &'a str,
}

impl<'a> Place<'a> {
    /// This option of that source.
    #[must_use]
    pub fn new(owner: &'a str, option: &'a str) -> Self {
        Self { owner, option }
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
    registry: Registry,
    vault: Arc<dyn Vault>,
}

impl Secrets {
    /// The secrets of these kinds, sealed by this vault.
    #[must_use]
    pub fn new(registry: Registry, vault: Arc<dyn Vault>) -> Self {
        Self { registry, vault }
    }

    /// The definition with its secrets sealed; a name and a password in its URL become options first.
    /// Those of a kind that is not known stay: it is never harvested.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub fn seal(&self, definition: &SourceDefinition) -> Result<SourceDefinition, VaultError> {
        let mut sealed = definition.clone();
        let Some(kind) = self.registry.kind(&definition.kind) else { return Ok(sealed) };
        if kind.signs_in() {
            sign_in::take_from_url(&mut sealed.options);
            sign_in::hide_in(&mut sealed.extra);
        }
        for option in kind.secrets() {
            if let Some(value) = sealed.options.get_mut(option)
                && let Some(secret) = value.as_str()
            {
                let place = Place::new(definition.id.as_str(), option);
                *value = self.vault.seal(place, secret)?.into();
            }
        }
        Ok(sealed)
    }

    /// Whether one definition may follow another: what is sealed for the old address must not be sent
    /// to a new one.
    ///
    /// # Errors
    /// If it would.
    pub(crate) fn check_change(
        &self,
        before: &SourceDefinition,
        after: &SourceDefinition,
    ) -> Result<(), VaultError> {
        if leads_to(&before.options) == leads_to(&after.options) {
            return Ok(());
        }
        let options = after.options.as_object().into_iter().flatten();
        let mut kept = options.filter(|(name, value)| {
            Sealed::of(value).is_some() && before.options.get(name) == Some(value)
        });
        kept.next().map_or(Ok(()), |(option, _)| {
            let elsewhere = LeadsElsewhere { option: option.clone() };
            Err(VaultError::new(elsewhere.to_string()))
        })
    }

    /// The same for one that was stored before there was a vault, or when that had another key; `None`:
    /// it can stay as it is.
    ///
    /// # Errors
    /// As [`Vault::open`] and [`Vault::seal`].
    pub fn seal_anew(
        &self,
        definition: &SourceDefinition,
    ) -> Result<Option<SourceDefinition>, VaultError> {
        let mut old = definition.clone();
        for (option, value) in options(&mut old) {
            if let Some(sealed) = Sealed::of(value).filter(|it| !self.vault.is_current(it)) {
                let place = Place::new(definition.id.as_str(), option);
                *value = self.vault.open(place, &sealed)?.into();
            }
        }
        let sealed = self.seal(&old)?;
        Ok((sealed != *definition).then_some(sealed))
    }
}

/// Keeps the secrets of a definition that is changed, as far as the new options do not mention them;
/// one that is `null` there is taken away.
///
/// # Errors
/// If one would be kept and the address leads elsewhere: whoever may change that need not be somebody
/// who knows the secret, and must not have it sent to himself.
pub fn carry(
    kind: &Kind,
    before: &SourceDefinition,
    options: &mut Value,
) -> Result<(), LeadsElsewhere> {
    let same_place = leads_to(options) == leads_to(&before.options);
    let Some(options) = options.as_object_mut() else { return Ok(()) };
    for name in kind.secrets() {
        match (options.get(name), before.options.get(name)) {
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

/// The definition with its secrets in clear, for whoever makes the source and the way to it.
///
/// # Errors
/// As [`Vault::open`]; or if something is sealed and there is no vault.
pub(crate) fn opened(
    vault: Option<&dyn Vault>,
    definition: &SourceDefinition,
) -> Result<SourceDefinition, VaultError> {
    let mut clear = definition.clone();
    for (option, value) in options(&mut clear) {
        if let Some(sealed) = Sealed::of(value) {
            let vault = vault.ok_or_else(|| {
                VaultError::new(format!("its {option} is sealed, and nothing here can open it"))
            })?;
            *value = vault.open(Place::new(definition.id.as_str(), option), &sealed)?.into();
        }
    }
    Ok(clear)
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
pub fn is_secret(kind: Option<&Kind>, option: &str, value: &Value) -> bool {
    kind.is_some_and(|kind| kind.is_secret(option)) || Sealed::of(value).is_some()
}

/// The options as they may be shown: without those that are secret, sealed or not.
#[must_use]
pub fn shown(kind: Option<&Kind>, options: &Value) -> Value {
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
pub fn set(kind: Option<&Kind>, options: &Value) -> Vec<String> {
    let options = options.as_object().into_iter().flatten();
    let secret = options.filter(|(name, value)| is_secret(kind, name, value) && !value.is_null());
    secret.map(|(name, _)| name.clone()).collect()
}

fn options(definition: &mut SourceDefinition) -> impl Iterator<Item = (&str, &mut Value)> {
    let options = definition.options.as_object_mut().into_iter().flatten();
    options.map(|(name, value)| (name.as_str(), value))
}
