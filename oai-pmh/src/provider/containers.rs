//! Descriptions, written (the implementation guidelines' containers).

use resync_core::xml::{ParseError, RawXml};

use super::xml::Writer;
use crate::description::namespace;
use crate::{Branding, Container, Description, OaiIdentifier, RightsManifest};

impl Description {
    /// A description of one's own, an XML document.
    ///
    /// # Errors
    /// When it is not well-formed.
    pub fn document(xml: &str) -> Result<Self, ParseError> {
        RawXml::document(xml).map(Self::new)
    }
}

/// Writes a description.
///
/// ```
/// use oai_pmh::{Container, Description, OaiIdentifier};
///
/// let scheme = OaiIdentifier::new("example.org", "oai:example.org:1");
/// let description = Description::try_from(Container::OaiIdentifier(scheme))?;
/// assert!(description.raw.as_str().contains("<delimiter>:</delimiter>"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Of [`Container::Other`] nothing is known that could be written: see [`Description::document`].
impl TryFrom<Container> for Description {
    type Error = ParseError;

    fn try_from(container: Container) -> Result<Self, ParseError> {
        let mut xml = Writer::fragment();
        match &container {
            Container::OaiIdentifier(it) => oai_identifier(&mut xml, it),
            Container::Friends(urls) => {
                xml.root("friends", namespace::FRIENDS, None);
                urls.iter().for_each(|url| xml.element("baseURL", url));
                xml.close("friends");
            }
            Container::Branding(it) => branding(&mut xml, it),
            Container::Rights(it) => rights(&mut xml, it),
            Container::Other => {}
        }
        Self::document(xml.text())
    }
}

fn oai_identifier(xml: &mut Writer, it: &OaiIdentifier) {
    xml.root("oai-identifier", namespace::OAI_IDENTIFIER, None);
    xml.element("scheme", &it.scheme);
    xml.element("repositoryIdentifier", &it.repository_identifier);
    xml.element("delimiter", &it.delimiter);
    xml.element("sampleIdentifier", &it.sample_identifier);
    xml.close("oai-identifier");
}

fn branding(xml: &mut Writer, it: &Branding) {
    xml.root("branding", namespace::BRANDING, None);
    if let Some(icon) = &it.icon {
        xml.open("collectionIcon");
        xml.element("url", icon);
        it.link.iter().for_each(|link| xml.element("link", link));
        it.title.iter().for_each(|title| xml.element("title", title));
        xml.close("collectionIcon");
    }
    for (namespace, url) in &it.renderings {
        let media_type = if url.ends_with(".css") { "text/css" } else { "text/xsl" };
        xml.tag("metadataRendering", &[("metadataNamespace", namespace), ("mimeType", media_type)]);
        xml.escaped(url);
        xml.close("metadataRendering");
    }
    xml.close("branding");
}

fn rights(xml: &mut Writer, it: &RightsManifest) {
    let applies_to =
        it.applies_to.as_deref().unwrap_or("http://www.openarchives.org/OAI/2.0/entity#metadata");
    xml.root("rightsManifest", namespace::RIGHTS, Some(("appliesTo", applies_to)));
    for url in &it.references {
        xml.open("rights");
        xml.tag("rightsReference", &[("ref", url)]);
        xml.close("rightsReference");
        xml.close("rights");
    }
    xml.close("rightsManifest");
}
