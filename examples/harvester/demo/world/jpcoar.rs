//! Works in JPCOAR, as Japanese institutional repositories have them: versions 1.0 and 2.0.

use super::work::Person;
use super::xml::{Xml, document};
use super::{Flaw, Kind, Work};

/// A version of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1_0,
    V2_0,
}

impl Version {
    /// Its namespace.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::V1_0 => "https://github.com/JPCOAR/schema/blob/master/1.0/",
            Self::V2_0 => "https://github.com/JPCOAR/schema/blob/master/2.0/",
        }
    }

    /// Where its schema is.
    pub(crate) fn schema(self) -> String {
        format!("{}jpcoar_scm.xsd", self.namespace())
    }
}

/// The work as a document, with the faults it has, if any.
pub(crate) fn write(work: &Work, version: Version) -> String {
    let flaw = Flaw::of(work.seed, work.number, work.version);
    let has = |other| flaw == Some(other);
    let attributes = [
        ("xmlns:jpcoar", version.namespace()),
        ("xmlns:dc", "http://purl.org/dc/elements/1.1/"),
        ("xmlns:dcterms", "http://purl.org/dc/terms/"),
        ("xmlns:datacite", "https://schema.datacite.org/meta/kernel-4/"),
        ("xmlns:dcndl", "http://ndl.go.jp/dcndl/terms/"),
        ("xmlns:oaire", "http://namespace.openaire.eu/schema/oaire/"),
        ("xmlns:rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ];
    document("jpcoar:jpcoar", &attributes, |jpcoar| {
        let language = [("xml:lang", work.language.code)];
        if has(Flaw::Order) {
            jpcoar.leaf("dc:publisher", &language, work.publisher);
        }
        titles(jpcoar, work, version, flaw);
        for (place, person) in work.people.iter().enumerate() {
            let twice = has(Flaw::TwoAffiliations) && place == 0;
            creator(jpcoar, work, person, version, twice);
        }
        let open = [("rdf:resource", "http://purl.org/coar/access_right/c_abf2")];
        jpcoar.leaf("dcterms:accessRights", &open, "open access");
        let license = "https://creativecommons.org/licenses/by/4.0/";
        jpcoar.leaf("dc:rights", &[("rdf:resource", license)], "CC BY 4.0");
        let subject = [("xml:lang", work.language.code), ("subjectScheme", "Other")];
        jpcoar.leaf("jpcoar:subject", &subject, work.topic.subject);
        let ndc = if has(Flaw::Classification) { "K290地" } else { work.topic.ndc };
        jpcoar.leaf("jpcoar:subject", &[("subjectScheme", "NDC")], ndc);
        let kind = [("xml:lang", work.language.code), ("descriptionType", "Abstract")];
        jpcoar.leaf("datacite:description", &kind, work.description());
        if !has(Flaw::Order) {
            jpcoar.leaf("dc:publisher", &language, work.publisher);
        }
        let issued = [("dateType", "Issued")];
        let of_nothing = usize::from(has(Flaw::DateOfNothing));
        jpcoar.leaf("datacite:date", &issued[of_nothing..], work.issued.to_string());
        jpcoar.leaf("dc:language", &[], work.language.code3);
        kind_of_work(jpcoar, work, has(Flaw::UnknownType));
        if let Some(edition) = work.edition() {
            jpcoar.leaf("datacite:version", &[], edition);
        }
        let published = [("rdf:resource", "http://purl.org/coar/version/c_970fb48d4fbd8a85")];
        jpcoar.leaf("oaire:version", &published, "VoR");
        jpcoar.leaf("jpcoar:identifier", &[("identifierType", "HDL")], work.handle());
        let doi = format!("https://doi.org/{}", work.doi());
        jpcoar.leaf("jpcoar:identifier", &[("identifierType", "DOI")], doi);
        if work.kind == Kind::Article {
            journal(jpcoar, work, has(Flaw::PageName));
        } else if has(Flaw::PageName) {
            jpcoar.leaf("jpcoar:pageStart", &[], format!("e{}", work.first_page));
        }
        if work.kind == Kind::Thesis {
            thesis(jpcoar, work, version);
        }
        if work.has_full_text {
            file(jpcoar, work);
        }
    })
}

fn titles(jpcoar: &mut Xml, work: &Work, version: Version, flaw: Option<Flaw>) {
    let language = [("xml:lang", work.language.code)];
    let is_missing = matches!(flaw, Some(Flaw::NoTitle | Flaw::ReadingAlone));
    if !is_missing {
        jpcoar.leaf("dc:title", &language, work.title());
    }
    if flaw == Some(Flaw::TwoTitles) {
        jpcoar.leaf("dc:title", &language, format!("{} (2)", work.title()));
    }
    if flaw == Some(Flaw::NoTitle) {
        return;
    }
    match work.readings() {
        Some((kana, latin)) => {
            jpcoar.leaf("dc:title", &[("xml:lang", "ja-Kana")], kana);
            if version == Version::V2_0 && !is_missing {
                jpcoar.leaf("dc:title", &[("xml:lang", "ja-Latn")], latin);
            }
        }
        None if is_missing => jpcoar.leaf("dc:title", &[("xml:lang", "ja-Kana")], "ダイメイ"),
        None => {}
    }
}

fn creator(jpcoar: &mut Xml, work: &Work, person: &Person, version: Version, twice: bool) {
    let language = [("xml:lang", work.language.code)];
    jpcoar.node("jpcoar:creator", &[], |jpcoar| {
        if let Some(orcid) = person.orcid {
            let orcid = format!("0000-0002-{:04}-{:04}", orcid / 10_000 % 10_000, orcid % 10_000);
            let uri = format!("https://orcid.org/{orcid}");
            let scheme = [("nameIdentifierScheme", "ORCID"), ("nameIdentifierURI", &*uri)];
            jpcoar.leaf("jpcoar:nameIdentifier", &scheme, orcid);
        }
        jpcoar.leaf("jpcoar:creatorName", &language, person.name());
        let (family, given) = (person.family, person.given);
        if !family.kana.is_empty() {
            let mut reading = |code, family: &str, given: &str| {
                let name = format!("{family}, {given}");
                jpcoar.leaf("jpcoar:creatorName", &[("xml:lang", code)], name);
            };
            reading("ja-Kana", family.kana, given.kana);
            if version == Version::V2_0 {
                reading("ja-Latn", family.latin, given.latin);
            }
        }
        jpcoar.leaf("jpcoar:familyName", &language, family.text);
        jpcoar.leaf("jpcoar:givenName", &language, given.text);
        jpcoar.node("jpcoar:affiliation", &[], |jpcoar| {
            jpcoar.leaf("jpcoar:affiliationName", &language, work.publisher);
            if twice {
                jpcoar.leaf("jpcoar:affiliationName", &language, work.publisher);
            }
        });
    });
}

fn kind_of_work(jpcoar: &mut Xml, work: &Work, is_unknown: bool) {
    let (name, code) = match is_unknown {
        true => ("紀要論文", "c_0000"),
        false => work.kind.coar(),
    };
    let uri = format!("http://purl.org/coar/resource_type/{code}");
    jpcoar.leaf("dc:type", &[("rdf:resource", &uri)], name);
}

fn journal(jpcoar: &mut Xml, work: &Work, has_page_name: bool) {
    jpcoar.leaf("jpcoar:sourceIdentifier", &[("identifierType", "PISSN")], "0123-4567");
    let language = [("xml:lang", work.language.code)];
    jpcoar.leaf("jpcoar:sourceTitle", &language, work.publisher);
    jpcoar.leaf("jpcoar:volume", &[], (work.years.0 % 90 + 1).to_string());
    jpcoar.leaf("jpcoar:issue", &[], (work.pages % 4 + 1).to_string());
    let prefix = if has_page_name { "e" } else { "" };
    jpcoar.leaf("jpcoar:pageStart", &[], format!("{prefix}{}", work.first_page));
    jpcoar.leaf("jpcoar:pageEnd", &[], (work.first_page + work.pages).to_string());
}

fn thesis(jpcoar: &mut Xml, work: &Work, version: Version) {
    let language = [("xml:lang", work.language.code)];
    jpcoar.leaf("dcndl:dissertationNumber", &[], format!("甲第{}号", work.number % 9_000 + 1));
    jpcoar.leaf("dcndl:degreeName", &[("xml:lang", "ja")], "博士（文学）");
    jpcoar.leaf("dcndl:dateGranted", &[], work.issued.to_string());
    jpcoar.node("jpcoar:degreeGrantor", &[], |jpcoar| {
        let scheme = [("nameIdentifierScheme", "kakenhi")];
        jpcoar.leaf("jpcoar:nameIdentifier", &scheme, "99999");
        jpcoar.leaf("jpcoar:degreeGrantorName", &language, work.publisher);
    });
    if version == Version::V2_0 {
        jpcoar.leaf("dcndl:originalLanguage", &[], work.language.code3);
    }
}

fn file(jpcoar: &mut Xml, work: &Work) {
    jpcoar.node("jpcoar:file", &[], |jpcoar| {
        let uri = format!("https://repository.example.org/bitstream/{}/1.pdf", work.number);
        jpcoar.leaf("jpcoar:URI", &[("objectType", "fulltext")], uri);
        jpcoar.leaf("jpcoar:mimeType", &[], "application/pdf");
        jpcoar.leaf("jpcoar:extent", &[], format!("{} KB", 90 * u32::from(work.pages)));
    });
}
