use std::collections::BTreeMap;

use super::tree::{Shape, Tree};
use super::{Asked, Refused, datacite, eml, jpcoar, mods};
use crate::batch::{Item, Payload};
use crate::error::{RecordError, Stage};
use crate::parser::{Fields, Issue, IssueLevel, Keys, Parsed, Parser, Preview};
use crate::parsers::{Bibliographic, DublinCore, Marc, marc_to_bibliographic};

/// A format that can be read into [`Bibliographic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BibliographicFormat {
    /// DataCite, kernels 2 to 4, by itself or in the wrapper of `oai_datacite`.
    DataCite,
    /// Unqualified Dublin Core.
    DublinCore,
    /// Ecological Metadata Language 2.
    Eml,
    /// JPCOAR 1.0, 2.0 and 2.1.
    Jpcoar,
    /// MARC 21 in XML, and `oai_marc`.
    Marc21,
    /// MODS 3.
    Mods,
}

const NAMES: [(&str, BibliographicFormat); 21] = [
    ("datacite", BibliographicFormat::DataCite),
    ("datacite3", BibliographicFormat::DataCite),
    ("datacite4", BibliographicFormat::DataCite),
    ("eml", BibliographicFormat::Eml),
    ("eml-2.0.1", BibliographicFormat::Eml),
    ("eml-2.1.0", BibliographicFormat::Eml),
    ("eml-2.1.1", BibliographicFormat::Eml),
    ("eml-2.2.0", BibliographicFormat::Eml),
    ("jpcoar", BibliographicFormat::Jpcoar),
    ("jpcoar_1.0", BibliographicFormat::Jpcoar),
    ("jpcoar_2.0", BibliographicFormat::Jpcoar),
    ("jpcoar_2.1", BibliographicFormat::Jpcoar),
    ("marc21", BibliographicFormat::Marc21),
    ("marcxml", BibliographicFormat::Marc21),
    ("marc", BibliographicFormat::Marc21),
    ("oai_marc", BibliographicFormat::Marc21),
    ("mods", BibliographicFormat::Mods),
    ("oai_datacite", BibliographicFormat::DataCite),
    ("oai_datacite4", BibliographicFormat::DataCite),
    ("oai_dc", BibliographicFormat::DublinCore),
    ("oai_openaire_datacite", BibliographicFormat::DataCite),
];

impl BibliographicFormat {
    /// The format that is usually meant by the name of a metadata format, such as the prefix of an
    /// OAI-PMH repository, in upper or lower case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let is_named = |(known, _): &&(&str, Self)| known.eq_ignore_ascii_case(name);
        NAMES.iter().find(is_named).map(|(_, format)| *format)
    }
}

/// Reads several formats into [`Bibliographic`], each record by the name of its format.
///
/// | format names | are read as |
/// |---|---|
/// | `oai_dc` | Dublin Core |
/// | `marc21`, `marcxml`, `marc`, `oai_marc` | MARC 21, by [`marc_to_bibliographic`] |
/// | `jpcoar`, `jpcoar_1.0`, `jpcoar_2.0`, `jpcoar_2.1` | JPCOAR, the version by its namespace |
/// | `eml`, `eml-2.1.1` and others | EML 2, children by their names only |
/// | `datacite`, `datacite4`, `oai_datacite` and others | DataCite |
/// | `mods` | MODS |
///
/// Elements are taken in any order. JPCOAR records are asked by the rules of an aggregator: what
/// breaks one is refused, loses the field, or is only told, as the rule says.
///
/// For filters, [`Fields`] has what [`Bibliographic::fields`] says, and for MARC 21 the fields by
/// tag and code besides.
///
/// ```
/// use harvest_pipeline::parsers::{BibliographicFormat, ByFormat};
/// use harvest_pipeline::{Item, Parser, Payload};
///
/// let parser = ByFormat::new().reading("mods_local", BibliographicFormat::Mods);
/// let xml = "<mods><titleInfo><title>Babička</title></titleInfo></mods>";
/// let item = Item::put("1", Payload::new("mods_local", xml));
/// let parsed = parser.parse(&item, item.payload().expect("not a deletion"))?;
/// assert_eq!(parsed.record.title(), Some("Babička"));
/// # Ok::<_, harvest_pipeline::RecordError>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct ByFormat {
    names: BTreeMap<Box<str>, BibliographicFormat>,
    marc: Marc<Bibliographic>,
    keeps_others: bool,
    asked: Asked,
}

impl Default for ByFormat {
    fn default() -> Self {
        Self::new()
    }
}

impl ByFormat {
    /// A parser of the formats above; others are record errors.
    pub fn new() -> Self {
        Self {
            names: BTreeMap::new(),
            marc: marc_to_bibliographic().put_together(),
            keeps_others: false,
            asked: Asked { most_elements: 100_000, rules_only_warn: false },
        }
    }

    /// Reads what is called `name` as this format.
    pub fn reading(mut self, name: &str, format: BibliographicFormat) -> Self {
        self.names.insert(name.into(), format);
        self
    }

    /// Lets records in other formats through as they are, with nothing read and a warning.
    pub fn keep_others(mut self) -> Self {
        self.keeps_others = true;
        self
    }

    /// Lets no rule cost a record or a field: what breaks one is a warning.
    pub fn rules_only_warn(mut self) -> Self {
        self.asked.rules_only_warn = true;
        self
    }

    /// How many elements a record may have before it is refused, in the formats that are read as a
    /// tree: 100 000 if nothing is said.
    pub fn most_elements(mut self, most: usize) -> Self {
        self.asked.most_elements = most;
        self
    }

    fn format_of(&self, payload: &Payload) -> Option<BibliographicFormat> {
        let name = &*payload.format;
        self.names.get(name).copied().or_else(|| BibliographicFormat::named(name))
    }

    fn read_tree(
        &self,
        payload: &Payload,
        shape: &Shape,
        read: fn(&mut Tree<'_>, &Asked) -> Result<Parsed<Bibliographic>, Refused>,
    ) -> Result<Parsed<Bibliographic>, Refused> {
        let tree = Tree::read(&payload.body, shape, self.asked.most_elements);
        match tree.map_err(|error| Refused::new(format!("the metadata cannot be read: {error}")))? {
            Some(mut tree) => read(&mut tree, &self.asked),
            None => Err(Refused::new("the metadata is empty")),
        }
    }
}

impl Parser for ByFormat {
    type Record = Bibliographic;

    fn format(&self) -> &str {
        "*"
    }

    fn fields(
        &self,
        item: &Item,
        payload: &Payload,
        wanted: &Keys,
    ) -> Result<Preview<Bibliographic>, RecordError> {
        let is_marc = self.format_of(payload) == Some(BibliographicFormat::Marc21);
        let Preview { mut fields, parsed } = if is_marc {
            self.marc.fields(item, payload, wanted)?
        } else {
            Preview::new(Fields::new(), self.parse(item, payload)?)
        };
        if let Some(parsed) = &parsed {
            parsed.record.add_fields(wanted, &mut fields);
        }
        Ok(Preview { fields, parsed })
    }

    fn parse(&self, item: &Item, payload: &Payload) -> Result<Parsed<Bibliographic>, RecordError> {
        let name = &*payload.format;
        let read = match self.format_of(payload) {
            Some(BibliographicFormat::Marc21) => return self.marc.parse(item, payload),
            Some(BibliographicFormat::DublinCore) => {
                let Parsed { record, issues } = DublinCore.parse(item, payload)?;
                return Ok(Parsed { record: record.into(), issues });
            }
            Some(BibliographicFormat::Jpcoar) => {
                self.read_tree(payload, &jpcoar::SHAPE, jpcoar::read)
            }
            Some(BibliographicFormat::Eml) => self.read_tree(payload, &eml::SHAPE, eml::read),
            Some(BibliographicFormat::DataCite) => {
                self.read_tree(payload, &datacite::SHAPE, datacite::read)
            }
            Some(BibliographicFormat::Mods) => self.read_tree(payload, &mods::SHAPE, mods::read),
            None if self.keeps_others => {
                let mut parsed = Parsed::new(Bibliographic::default());
                let message = format!("nothing was read: no parser for {name}");
                parsed.issues.push(Issue::new(IssueLevel::Warning, "record", message));
                Ok(parsed)
            }
            None => Err(Refused::new(format!(
                "there is no parser for the format {name}: harvest another one, say what it is \
                 with ByFormat::reading, or keep it unread with ByFormat::keep_others"
            ))),
        };
        read.map_err(|Refused(why)| RecordError::new(item.identifier.clone(), Stage::Parse, why))
    }
}
