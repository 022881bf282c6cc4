use resync_core::xml::{Cursor, RawXml};

/// The namespaces of the containers that are understood.
pub(crate) mod namespace {
    pub(crate) const OAI_IDENTIFIER: &str = "http://www.openarchives.org/OAI/2.0/oai-identifier";
    /// An older version with the same elements.
    pub(crate) const OAI_IDENTIFIER_1_1: &str =
        "http://www.openarchives.org/OAI/1.1/oai-identifier";
    pub(crate) const FRIENDS: &str = "http://www.openarchives.org/OAI/2.0/friends/";
    pub(crate) const BRANDING: &str = "http://www.openarchives.org/OAI/2.0/branding/";
    pub(crate) const RIGHTS: &str = "http://www.openarchives.org/OAI/2.0/rights/";
}

/// A description of a repository or a set: kept as it was sent, and typed where it is known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Description {
    /// The element inside `description` or `setDescription`.
    pub raw: RawXml,
    /// What it says.
    pub container: Container,
}

/// What a description says (the implementation guidelines' containers).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Container {
    /// How identifiers are made.
    OaiIdentifier(OaiIdentifier),
    /// Base URLs of other repositories.
    Friends(Vec<String>),
    /// How to show where records come from.
    Branding(Branding),
    /// Under which rights the metadata may be used.
    Rights(RightsManifest),
    /// Something else, or something that could not be read.
    Other,
}

/// How identifiers are made: `oai:` repository `:` local.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OaiIdentifier {
    /// `oai`.
    pub scheme: String,
    /// A domain name.
    pub repository_identifier: String,
    /// `:`.
    pub delimiter: String,
    /// An identifier that exists.
    pub sample_identifier: String,
}

impl OaiIdentifier {
    /// Identifiers such as `oai:example.org:1`, of the repository `example.org`.
    #[must_use]
    pub fn new(repository: impl Into<String>, sample: impl Into<String>) -> Self {
        Self {
            scheme: "oai".to_owned(),
            repository_identifier: repository.into(),
            delimiter: ":".to_owned(),
            sample_identifier: sample.into(),
        }
    }
}

/// How to show where records come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Branding {
    /// URL of an icon.
    pub icon: Option<String>,
    /// Where the icon links to.
    pub link: Option<String>,
    /// The icon's title.
    pub title: Option<String>,
    /// Style sheets, by the namespace of the metadata they are for.
    pub renderings: Vec<(String, String)>,
}

/// Under which rights the metadata may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RightsManifest {
    /// What they apply to.
    pub applies_to: Option<String>,
    /// URLs of the rights; definitions that are written out are in the raw description.
    pub references: Vec<String>,
}

impl Description {
    pub(crate) fn new(raw: RawXml) -> Self {
        // A description that is broken is kept raw: nothing depends on it.
        let container = container(&raw).unwrap_or(Container::Other);
        Self { raw, container }
    }
}

fn container(raw: &RawXml) -> Option<Container> {
    let xml = raw.standalone();
    let mut cursor = Cursor::new(&xml);
    let root = cursor.next_child().ok()??;
    Some(match (root.namespace()?, root.local()) {
        (namespace::OAI_IDENTIFIER | namespace::OAI_IDENTIFIER_1_1, "oai-identifier") => {
            Container::OaiIdentifier(oai_identifier(&mut cursor)?)
        }
        (namespace::FRIENDS, "friends") => {
            let mut friends = Vec::new();
            while let Some(child) = cursor.next_child().ok()? {
                let url = cursor.trimmed().ok()?;
                if child.local() == "baseURL" && !url.is_empty() {
                    friends.push(url.into_owned());
                }
            }
            Container::Friends(friends)
        }
        (namespace::BRANDING, "branding") => Container::Branding(branding(&mut cursor)?),
        (namespace::RIGHTS, "rightsManifest") => {
            let applies_to = cursor.attribute(&root, "appliesTo").ok()?.map(Into::into);
            Container::Rights(RightsManifest { applies_to, references: references(&mut cursor)? })
        }
        _ => Container::Other,
    })
}

fn oai_identifier(cursor: &mut Cursor<'_>) -> Option<OaiIdentifier> {
    let mut found = OaiIdentifier::default();
    while let Some(child) = cursor.next_child().ok()? {
        let value = cursor.trimmed().ok()?.into_owned();
        match child.local() {
            "scheme" => found.scheme = value,
            "repositoryIdentifier" => found.repository_identifier = value,
            "delimiter" => found.delimiter = value,
            "sampleIdentifier" => found.sample_identifier = value,
            _ => {}
        }
    }
    Some(found)
}

fn branding(cursor: &mut Cursor<'_>) -> Option<Branding> {
    let mut found = Branding::default();
    while let Some(child) = cursor.next_child().ok()? {
        match child.local() {
            "collectionIcon" => {
                while let Some(part) = cursor.next_child().ok()? {
                    let value = cursor.trimmed().ok()?.into_owned();
                    match part.local() {
                        "url" => found.icon = Some(value),
                        "link" => found.link = Some(value),
                        "title" => found.title = Some(value),
                        _ => {}
                    }
                }
            }
            "metadataRendering" => {
                let namespace = cursor.attribute(&child, "metadataNamespace").ok()?;
                let url = cursor.trimmed().ok()?.into_owned();
                found.renderings.push((namespace.unwrap_or_default().into_owned(), url));
            }
            _ => cursor.skip().ok()?,
        }
    }
    Some(found)
}

/// The URLs of all `rightsReference` elements below.
fn references(cursor: &mut Cursor<'_>) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let depth = cursor.depth();
    loop {
        match cursor.next_child().ok()? {
            Some(child) if child.local() == "rightsReference" => {
                found.extend(cursor.attribute(&child, "ref").ok()?.map(|url| url.into_owned()));
            }
            Some(_) => {}
            None if cursor.depth() < depth => return Some(found),
            None => {}
        }
    }
}
