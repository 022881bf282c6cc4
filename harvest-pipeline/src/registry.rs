//! Kinds of sources and targets by name: what a form, a command line or an API needs to make one.

use std::fmt;
use std::sync::Arc;

use resync_core::transport::Transport;
use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::parsers::Bibliographic;
use crate::sign_in::SignIn;
use crate::sink::Sink;
use crate::source::Source;

/// A kind of source, or of something else ([`Receiver`]): its name, what its options are, and how one is
/// made from them.
///
/// The options are a struct that is declared once: its fields are what can be set, their comments
/// what people are told about it.
///
/// ```
/// use harvest_pipeline::{Item, Kind, Payload, Registry, sources};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Options {
///     /// How many records there are.
///     records: usize,
/// }
///
/// let numbers = Kind::new("numbers", "Numbers, for trying things out", |options: Options, _| {
///     let items = (0..options.records).map(|n| Item::put(n.to_string(), Payload::new("n", "<n/>")));
///     Ok(Box::new(sources::items("numbers", items.collect::<Vec<_>>())))
/// });
/// let registry = Registry::standard().with(numbers);
/// # let transport = std::sync::Arc::new(Offline);
/// let source = registry.create("numbers", serde_json::json!({ "records": 3 }), transport.clone())?;
/// assert_eq!(source.id().as_str(), "numbers");
///
/// let error = registry.create("numbers", serde_json::json!({}), transport).unwrap_err();
/// assert_eq!(error.to_string(), "numbers: missing field `records`");
/// # #[derive(Debug)] struct Offline;
/// # #[async_trait::async_trait]
/// # impl resync_core::transport::Transport for Offline {
/// #     async fn send(&self, request: resync_core::transport::Request)
/// #     -> resync_core::Result<resync_core::transport::Response> {
/// #         Err(resync_core::Error::new(resync_core::ErrorKind::Connect, "offline"))
/// #     }
/// # }
/// # Ok::<(), harvest_pipeline::KindError>(())
/// ```
pub struct Kind<T: ?Sized = dyn Source> {
    name: Arc<str>,
    title: Arc<str>,
    schema: Schema,
    signs_in: bool,
    make: Make<T>,
}

type Make<T> = Arc<dyn Fn(Value, Arc<dyn Transport>) -> Result<Box<T>, String> + Send + Sync>;

/// What takes the records for a target.
pub type Receiver = dyn Sink<Bibliographic>;

impl Kind {
    /// A kind of source of this name, with a title for people; `make` makes a source from its options,
    /// and from the way to the network. What it says when it cannot is shown to whoever set the options.
    pub fn new<O, F>(name: &str, title: &str, make: F) -> Self
    where
        O: DeserializeOwned + JsonSchema,
        F: Fn(O, Arc<dyn Transport>) -> Result<Box<dyn Source>, String> + Send + Sync + 'static,
    {
        Self::declared(name, title, make)
    }
}

impl Kind<Receiver> {
    /// A kind of target of this name, with a title for people; `make` makes what takes the records.
    pub fn of_target<O, F>(name: &str, title: &str, make: F) -> Self
    where
        O: DeserializeOwned + JsonSchema,
        F: Fn(O, Arc<dyn Transport>) -> Result<Box<Receiver>, String> + Send + Sync + 'static,
    {
        Self::declared(name, title, make)
    }
}

impl<T: ?Sized + 'static> Kind<T> {
    /// The same with the options of [`SignIn`], which are for whoever makes the way to the network.
    #[must_use]
    pub fn with_sign_in(mut self) -> Self {
        let declared = schema_for!(SignIn);
        if let Some(declared) = declared.get("properties").and_then(Value::as_object)
            && let Some(object) = self.schema.as_object_mut()
            && let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut)
        {
            properties.extend(declared.clone());
        }
        let make = self.make;
        self.make = Arc::new(move |mut options, transport| {
            SignIn::take(&mut options)?;
            make(options, transport)
        });
        Self { signs_in: true, ..self }
    }
}

impl<T: ?Sized> Kind<T> {
    fn declared<O, F>(name: &str, title: &str, make: F) -> Self
    where
        O: DeserializeOwned + JsonSchema,
        F: Fn(O, Arc<dyn Transport>) -> Result<Box<T>, String> + Send + Sync + 'static,
    {
        let make = move |options, transport| {
            let options: O = serde_json::from_value(options).map_err(|error| error.to_string())?;
            make(options, transport)
        };
        Self {
            name: name.into(),
            title: title.into(),
            schema: schema_for!(O),
            signs_in: false,
            make: Arc::new(make),
        }
    }

    /// The name it is kept under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What people call it.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Its options, as a JSON Schema.
    ///
    /// Two keywords say who they are for: `writeOnly` (or the format `password`) that nobody may read
    /// what was set, and `x-privileged` that only those may set it who run the machine.
    #[must_use]
    pub fn schema(&self) -> &Value {
        self.schema.as_value()
    }

    /// The names of the options that nobody may read: passwords, tokens, keys.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.properties().filter(|(_, property)| is_secret(property)).map(|(name, _)| name)
    }

    /// Whether nobody may read this option.
    #[must_use]
    pub fn is_secret(&self, option: &str) -> bool {
        is_secret(&self.schema()["properties"][option])
    }

    /// The names of the options by which a source reads files of this machine, or reaches its network:
    /// not for everybody who may set up a source.
    pub fn privileged(&self) -> impl Iterator<Item = &str> {
        self.properties().filter(|(_, property)| is_privileged(property)).map(|(name, _)| name)
    }

    /// Whether no source of this kind can be set up without a [privileged](Self::privileged) option.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        let required = self.schema()["required"].as_array().into_iter().flatten();
        let mut required = required.filter_map(Value::as_str);
        required.any(|option| is_privileged(&self.schema()["properties"][option]))
    }

    /// Whether it has the options of [`SignIn`].
    #[must_use]
    pub fn signs_in(&self) -> bool {
        self.signs_in
    }

    fn properties(&self) -> impl Iterator<Item = (&str, &Value)> {
        let properties = self.schema()["properties"].as_object().into_iter().flatten();
        properties.map(|(name, property)| (name.as_str(), property))
    }
}

fn is_secret(property: &Value) -> bool {
    property["writeOnly"] == true || property["format"] == "password"
}

fn is_privileged(property: &Value) -> bool {
    property["x-privileged"] == true
}

impl<T: ?Sized> Clone for Kind<T> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            title: Arc::clone(&self.title),
            schema: self.schema.clone(),
            signs_in: self.signs_in,
            make: Arc::clone(&self.make),
        }
    }
}

impl<T: ?Sized> fmt::Debug for Kind<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kind").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The kinds of sources that there are, or of something else.
pub struct Registry<T: ?Sized = dyn Source> {
    kinds: Vec<Kind<T>>,
}

impl Registry {
    /// The kinds that come with this crate.
    #[must_use]
    pub fn standard() -> Self {
        let registry = Self::empty();
        #[cfg(feature = "oai-pmh")]
        let registry = registry.with(crate::OaiPmhSource::kind());
        #[cfg(feature = "resync")]
        let registry = registry.with(crate::ResyncSource::kind());
        #[cfg(feature = "document-list")]
        let registry = registry.with(crate::DocumentListSource::kind());
        #[cfg(feature = "folder")]
        let registry = registry.with(crate::sources::Folder::kind());
        registry.with(crate::sources::JsonLines::kind())
    }
}

impl<T: ?Sized> Registry<T> {
    /// No kinds.
    #[must_use]
    pub fn empty() -> Self {
        Self { kinds: Vec::new() }
    }

    /// Adds a kind, in place of the one that had its name.
    #[must_use]
    pub fn with(mut self, kind: Kind<T>) -> Self {
        self.kinds.retain(|other| other.name != kind.name);
        self.kinds.push(kind);
        self
    }

    /// All kinds, in the order they were added.
    #[must_use]
    pub fn kinds(&self) -> &[Kind<T>] {
        &self.kinds
    }

    /// The kind of this name.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<&Kind<T>> {
        self.kinds.iter().find(|kind| kind.name() == name)
    }

    /// Makes one of the named kind.
    ///
    /// # Errors
    /// If there is no such kind, or the options are not its.
    pub fn create(
        &self,
        kind: &str,
        options: Value,
        transport: Arc<dyn Transport>,
    ) -> Result<Box<T>, KindError> {
        let error = |what| KindError { kind: kind.to_owned(), what };
        let Some(found) = self.kind(kind) else {
            let names: Vec<_> = self.kinds.iter().map(Kind::name).collect();
            return Err(error(format!("there is no such kind, only {}", names.join(", "))));
        };
        (found.make)(options, transport).map_err(error)
    }
}

impl<T: ?Sized> Clone for Registry<T> {
    fn clone(&self) -> Self {
        Self { kinds: self.kinds.clone() }
    }
}

impl<T: ?Sized> Default for Registry<T> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T: ?Sized> fmt::Debug for Registry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("kinds", &self.kinds).finish()
    }
}

/// A source, or what else it is a kind of, cannot be made from its options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {what}")]
pub struct KindError {
    kind: String,
    what: String,
}

impl KindError {
    /// The kind that was named.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }
}
