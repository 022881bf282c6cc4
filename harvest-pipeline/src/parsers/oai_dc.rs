use resync_core::xml::{Cursor, Element, ParseError, text_of};
use serde::{Serialize, Serializer};

use crate::batch::{Item, Payload};
use crate::error::{RecordError, Stage};
use crate::parser::{Fields, Issue, IssueLevel, Keys, Parsed, Parser, Preview};

const OAI_DC: &str = "http://www.openarchives.org/OAI/2.0/oai_dc/";
const DC: &str = "http://purl.org/dc/elements/1.1/";

/// Reads `oai_dc`, unqualified Dublin Core, into a [`DublinCoreRecord`].
///
/// It is read as repositories write it. A root element `dc` in another namespace or in none (such as
/// `dc:dc`), and the fifteen elements in another version of their namespace or in none, are taken
/// for what they mean, each with a warning. Elements of other vocabularies are kept as
/// [`extras`](DublinCoreRecord::extras). White space around a value is cut off, and empty values are
/// left out.
///
/// For filters, [`Fields`] has the values under the names of the elements: `title`, `creator`, ….
///
/// # Errors
/// If the metadata is not well-formed, or its root element is not called `dc`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // there is nothing to set
pub struct DublinCore;

macro_rules! elements {
    ($($name:ident $text:literal),*) => {
        /// A record in unqualified Dublin Core: fifteen elements, each any number of times.
        ///
        /// As JSON, elements that are missing are left out, and a value is a string, or, with a
        /// language, an object: `{"title":["Babička",{"value":"The Grandmother","lang":"en"}]}`.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct DublinCoreRecord {
            $(
                #[doc = concat!("The values of `dc:", $text, "`, in order.")]
                #[serde(skip_serializing_if = "Vec::is_empty")]
                pub $name: Vec<Text>,
            )*
            /// Elements of other vocabularies, in order.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            pub extras: Vec<Extra>,
        }

        impl DublinCoreRecord {
            /// The values of an element, by its name without prefix; `None` if Dublin Core has no
            /// such element.
            #[must_use]
            pub fn values(&self, name: &str) -> Option<&[Text]> {
                match name {
                    $($text => Some(&self.$name),)*
                    _ => None,
                }
            }

            /// The fifteen elements by name, with their values.
            pub fn elements(&self) -> impl Iterator<Item = (&'static str, &[Text])> {
                [$(($text, self.$name.as_slice()),)*].into_iter()
            }

            fn values_mut(&mut self, name: &str) -> Option<&mut Vec<Text>> {
                match name {
                    $($text => Some(&mut self.$name),)*
                    _ => None,
                }
            }
        }
    };
}

elements!(
    title "title",
    creator "creator",
    subject "subject",
    description "description",
    publisher "publisher",
    contributor "contributor",
    date "date",
    r#type "type",
    format "format",
    identifier "identifier",
    source "source",
    language "language",
    relation "relation",
    coverage "coverage",
    rights "rights"
);

/// A value, and its language if the record says so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Text {
    /// The value, without white space around it.
    pub value: String,
    /// Its language as `xml:lang` has it, not checked.
    pub lang: Option<String>,
}

impl Text {
    /// A value whose language is not known.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), lang: None }
    }

    /// Says in which language it is.
    #[must_use]
    pub fn in_language(mut self, lang: impl Into<String>) -> Self {
        self.lang = Some(lang.into());
        self
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct InLanguage<'a> {
            value: &'a str,
            lang: &'a str,
        }
        match &self.lang {
            None => serializer.serialize_str(&self.value),
            Some(lang) => InLanguage { value: &self.value, lang }.serialize(serializer),
        }
    }
}

/// An element that is not one of the fifteen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Extra {
    /// The name without its prefix.
    pub name: String,
    /// The namespace, if it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The text in it, without white space around it.
    pub value: String,
    /// Its language as `xml:lang` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Its other attributes, by name as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(String, String)>,
}

impl DublinCoreRecord {
    /// Reads a document; `None` if its root element is not called `dc`.
    ///
    /// # Errors
    /// If it is not well-formed.
    pub fn read(xml: &str) -> Result<Option<Parsed<Self>>, ParseError> {
        let mut cursor = Cursor::new(xml);
        let Some(root) = cursor.next_child()?.filter(|root| root.local() == "dc") else {
            return Ok(None);
        };
        let mut parsed = Parsed::new(Self::default());
        if root.namespace() != Some(OAI_DC) {
            parsed.issues.push(wrong_namespace("dc", &root, OAI_DC));
        }
        while let Some(element) = cursor.next_child()? {
            read_element(&mut cursor, &element, &mut parsed)?;
        }
        for issue in cursor.issues() {
            parsed.issues.push(Issue::new(IssueLevel::Warning, "dc", issue.to_string()));
        }
        Ok(Some(parsed))
    }
}

impl DublinCore {
    /// The parser.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Parser for DublinCore {
    type Record = DublinCoreRecord;

    fn format(&self) -> &str {
        "oai_dc"
    }

    fn fields(
        &self,
        item: &Item,
        payload: &Payload,
        wanted: &Keys,
    ) -> Result<Preview<DublinCoreRecord>, RecordError> {
        let parsed = self.parse(item, payload)?;
        let mut fields = Fields::new();
        for (name, values) in parsed.record.elements().filter(|(name, _)| wanted.has(name)) {
            values.iter().for_each(|text| fields.add(name, &*text.value));
        }
        Ok(Preview::new(fields, parsed))
    }

    fn parse(
        &self,
        item: &Item,
        payload: &Payload,
    ) -> Result<Parsed<DublinCoreRecord>, RecordError> {
        let failed = |why| RecordError::new(item.identifier.clone(), Stage::Parse, why);
        let xml = &*payload.body;
        match DublinCoreRecord::read(xml) {
            Ok(Some(parsed)) => Ok(parsed),
            Ok(None) => Err(failed(format!(
                "the metadata is not oai_dc: its root element is not called dc: {:?}",
                xml.trim_start().chars().take(60).collect::<String>()
            ))),
            Err(error) => Err(failed(format!("the metadata cannot be read: {error}"))),
        }
    }
}

fn read_element(
    cursor: &mut Cursor<'_>,
    element: &Element<'_>,
    parsed: &mut Parsed<DublinCoreRecord>,
) -> Result<(), ParseError> {
    let name = element.local();
    let is_dc = element.is_in(DC);
    // Other vocabularies have a title, too; a namespace that only ends differently does not count.
    let meant = is_dc || element.namespace().is_none_or(is_meant_as_dc);
    let text = cursor.trimmed()?;
    let Some(values) = parsed.record.values_mut(name).filter(|_| meant) else {
        parsed.record.extras.push(extra(element, text.into_owned()));
        return Ok(());
    };
    if text.is_empty() {
        return Ok(());
    }
    if values.is_empty() {
        // Most elements stand there once; a vector would take room for four.
        values.reserve_exact(1);
    }
    values.push(Text { value: text.into_owned(), lang: lang(element) });
    if !is_dc {
        // Once a record: a record is wrong in all its elements or in none.
        let known = parsed.issues.iter().any(|issue| issue.path.starts_with("dc/"));
        if !known {
            parsed.issues.push(wrong_namespace(&format!("dc/{name}"), element, DC));
        }
    }
    Ok(())
}

/// Namespaces in which the fifteen elements are found by mistake.
fn is_meant_as_dc(namespace: &str) -> bool {
    let bare = namespace
        .trim()
        .trim_end_matches('/')
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    matches!(
        bare,
        "" | "purl.org/dc/elements/1.1"
            | "purl.org/dc/elements/1.0"
            | "purl.org/dc"
            | "www.openarchives.org/OAI/2.0/oai_dc"
            | "www.openarchives.org/OAI/2.0"
    )
}

fn wrong_namespace(path: &str, element: &Element<'_>, right: &str) -> Issue {
    let found = element.namespace().unwrap_or("no namespace");
    let message = format!("<{}> is in {found} instead of {right}", element.name());
    Issue::new(IssueLevel::Warning, path, message)
}

fn lang(element: &Element<'_>) -> Option<String> {
    let mut attributes = element.attributes();
    let (_, lang) = attributes.find(|(name, _)| *name == "xml:lang")?;
    Some(lang.trim_ascii()).filter(|lang| !lang.is_empty()).map(str::to_owned)
}

fn extra(element: &Element<'_>, value: String) -> Extra {
    let attributes = element
        .attributes()
        .filter(|(name, _)| *name != "xml:lang" && *name != "xmlns" && !name.starts_with("xmlns:"));
    Extra {
        name: element.local().to_owned(),
        namespace: element.namespace().map(str::to_owned),
        value,
        lang: lang(element),
        attributes: attributes
            .map(|(name, value)| (name.to_owned(), text_of(value).into_owned()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(xml: &str) -> Result<Parsed<DublinCoreRecord>, RecordError> {
        let item = Item::put("id", Payload::new("oai_dc", xml.to_owned()));
        DublinCore.parse(&item, item.payload().unwrap())
    }

    fn values<'r>(record: &'r DublinCoreRecord, name: &str) -> Vec<&'r str> {
        record.values(name).unwrap().iter().map(|text| &*text.value).collect()
    }

    fn dc(content: &str) -> String {
        format!(
            r#"<oai_dc:dc xmlns:oai_dc="{OAI_DC}" xmlns:dc="{DC}" xmlns:x="urn:x">{content}</oai_dc:dc>"#
        )
    }

    #[test]
    fn values_keep_order_language_and_characters() {
        let parsed = parse(&dc("<dc:title xml:lang=\"cs\"> Babi\u{10d}ka &amp; spol. </dc:title>\
             <dc:title><![CDATA[a < b]]></dc:title><dc:title/>\
             <dc:type>Text</dc:type><dc:creator>B, A</dc:creator><dc:creator>A, B</dc:creator>"))
        .unwrap();
        assert_eq!(parsed.issues, []);
        let record = parsed.record;
        assert_eq!(values(&record, "title"), ["Babička & spol.", "a < b"]);
        assert_eq!(record.title[0].lang.as_deref(), Some("cs"));
        assert_eq!(values(&record, "creator"), ["B, A", "A, B"]);
        assert_eq!(values(&record, "type"), ["Text"]);
        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            r#"{"title":[{"value":"Babička & spol.","lang":"cs"},"a < b"],"creator":["B, A","A, B"],"type":["Text"]}"#
        );
    }

    #[test]
    fn other_vocabularies_are_kept_beside() {
        let parsed = parse(&dc(
            "<x:title xml:lang=\"en\" q=\"1 &lt; 2\">else</x:title><dc:audience>all</dc:audience>",
        ))
        .unwrap();
        assert_eq!(parsed.issues, []);
        assert!(parsed.record.title.is_empty());
        let [title, audience] = &*parsed.record.extras else { panic!("{:?}", parsed.record) };
        assert_eq!((&*title.name, title.namespace.as_deref()), ("title", Some("urn:x")));
        assert_eq!(title.lang.as_deref(), Some("en"));
        assert_eq!(title.attributes, [("q".to_owned(), "1 < 2".to_owned())]);
        assert_eq!((&*audience.name, &*audience.value), ("audience", "all"));
    }

    #[test]
    fn wrong_namespaces_are_taken_for_what_they_mean_with_a_warning() {
        let wild = [
            (format!(r#"<dc:dc xmlns:dc="{DC}"><dc:title>t</dc:title></dc:dc>"#), 1),
            ("<dc><title>t</title></dc>".to_owned(), 2),
            ("<oai_dc:dc><dc:title>t</dc:title></oai_dc:dc>".to_owned(), 2),
            (format!(r#"<dc xmlns="{OAI_DC}"><title>t</title><date>1</date></dc>"#), 1),
            (dc(r#"<title xmlns="http://purl.org/dc/elements/1.0/">t</title>"#), 1),
        ];
        for (xml, warnings) in wild {
            let parsed = parse(&xml).unwrap();
            assert_eq!(values(&parsed.record, "title"), ["t"], "{xml}");
            assert_eq!(parsed.issues.len(), warnings, "{xml}: {:?}", parsed.issues);
        }
    }

    #[test]
    fn markup_in_a_value_is_read_as_text_with_a_warning() {
        let parsed = parse(&dc("<dc:description>a <b>bold</b> word</dc:description>")).unwrap();
        assert_eq!(values(&parsed.record, "description"), ["a bold word"]);
        assert_eq!(parsed.issues.len(), 1);
    }

    #[test]
    fn what_is_not_dublin_core_is_an_error_that_names_the_record() {
        for xml in ["<mods/>", "", "<dc><title>", "no xml", "<dc></title></dc>"] {
            let error = parse(xml).unwrap_err();
            assert_eq!((error.identifier.as_deref(), error.stage), (Some("id"), Stage::Parse));
        }
        assert!(parse("<mods/>").unwrap_err().message.contains("<mods/>"));
    }

    #[test]
    fn filters_see_the_elements_as_fields() {
        let item = Item::put("id", Payload::new("oai_dc", dc("<dc:type>Text</dc:type>")));
        let payload = item.payload().unwrap();
        let preview = DublinCore.fields(&item, payload, &Keys::all()).unwrap();
        assert_eq!(preview.fields.get("type"), ["Text"]);
        assert!(preview.fields.get("title").is_empty());
        assert_eq!(preview.parsed, Some(DublinCore.parse(&item, payload).unwrap()));

        let others = Keys::from_iter(["title", "date"]);
        let preview = DublinCore.fields(&item, payload, &others).unwrap();
        assert_eq!(preview.fields, Fields::new());
    }
}
