use std::fmt;

/// What a document is, by its root's `capability`, or what an entry of it leads to (§7.2).
///
/// A list and the index of its parts have the same: only their root elements differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// A Source Description (§8), which lists Capability Lists.
    Description,
    /// A Capability List (§9), which lists what can be had of one set of resources.
    CapabilityList,
    /// A Resource List (§10): a snapshot of addresses.
    ResourceList,
    /// A Resource Dump (§11): a snapshot in packages.
    ResourceDump,
    /// The manifest in a package of a Resource Dump (§11.3).
    ResourceDumpManifest,
    /// A Change List (§12): what was created, updated and deleted.
    ChangeList,
    /// A Change Dump (§13): the same in packages.
    ChangeDump,
    /// The manifest in a package of a Change Dump (§13.3).
    ChangeDumpManifest,
    /// Older Resource Lists (ResourceSync Archives).
    ResourceListArchive,
    /// Older Resource Dumps (ResourceSync Archives).
    ResourceDumpArchive,
    /// Older Change Lists (ResourceSync Archives).
    ChangeListArchive,
    /// Older Change Dumps (ResourceSync Archives).
    ChangeDumpArchive,
    /// Changes of resources, sent by a hub (ResourceSync Change Notification).
    ChangeNotification,
    /// Changes of the documents themselves, sent by a hub (ResourceSync Framework Notification).
    FrameworkNotification,
    /// Something else, as written.
    Other(Box<str>),
}

const KNOWN: [(&str, Capability); 14] = [
    ("description", Capability::Description),
    ("capabilitylist", Capability::CapabilityList),
    ("resourcelist", Capability::ResourceList),
    ("resourcedump", Capability::ResourceDump),
    ("resourcedump-manifest", Capability::ResourceDumpManifest),
    ("changelist", Capability::ChangeList),
    ("changedump", Capability::ChangeDump),
    ("changedump-manifest", Capability::ChangeDumpManifest),
    ("resourcelist-archive", Capability::ResourceListArchive),
    ("resourcedump-archive", Capability::ResourceDumpArchive),
    ("changelist-archive", Capability::ChangeListArchive),
    ("changedump-archive", Capability::ChangeDumpArchive),
    ("change-notification", Capability::ChangeNotification),
    ("framework-notification", Capability::FrameworkNotification),
];

impl Capability {
    /// Reads what stands in a document; the words are compared as written.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let known = KNOWN.iter().find(|(name, _)| *name == text);
        known.map_or_else(|| Self::Other(text.into()), |(_, capability)| capability.clone())
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(text) => text,
            known => KNOWN.iter().find(|(_, it)| it == known).map_or("", |(name, _)| name),
        }
    }

    /// Whether a document of this kind tells of changes, each with what happened.
    #[must_use]
    pub fn tells_changes(&self) -> bool {
        matches!(self, Self::ChangeList | Self::ChangeDumpManifest | Self::ChangeNotification)
    }

    /// Whether the entries of such a list are packages.
    #[must_use]
    pub fn lists_packages(&self) -> bool {
        matches!(self, Self::ResourceDump | Self::ChangeDump)
    }

    /// The archive of such documents, where there is one.
    #[must_use]
    pub fn archive(&self) -> Option<Self> {
        Some(match self {
            Self::ResourceList => Self::ResourceListArchive,
            Self::ResourceDump => Self::ResourceDumpArchive,
            Self::ChangeList => Self::ChangeListArchive,
            Self::ChangeDump => Self::ChangeDumpArchive,
            _ => return None,
        })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happened to a resource (§12.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // the standard knows these three and no others
pub enum Change {
    /// It came into being.
    Created,
    /// It became another.
    Updated,
    /// It is gone.
    Deleted,
}

impl Change {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }

    /// Reads what stands in a document, in any case.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        [Self::Created, Self::Updated, Self::Deleted]
            .into_iter()
            .find(|change| text.trim_ascii().eq_ignore_ascii_case(change.as_str()))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
