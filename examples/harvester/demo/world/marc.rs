//! Works in MARC 21, as XML.

use chrono::Datelike as _;

use super::xml::{Xml, document};
use super::{Kind, Work};

pub(crate) const NAMESPACE: &str = "http://www.loc.gov/MARC21/slim";
pub(crate) const SCHEMA: &str = "http://www.loc.gov/standards/marcxml/schema/MARC21slim.xsd";

/// The work as a document.
pub(crate) fn write(work: &Work) -> String {
    let attributes = [
        ("xmlns", NAMESPACE),
        ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
        ("xsi:schemaLocation", &format!("{NAMESPACE} {SCHEMA}")),
    ];
    document("record", &attributes, |marc| {
        let kind = match work.kind {
            Kind::Map => "em",
            Kind::Dataset => "mm",
            Kind::Article => "ab",
            Kind::Thesis | Kind::Book => "am",
        };
        let status = if work.version > 1 { 'c' } else { 'n' };
        marc.leaf("leader", &[], format!("00000{status}{kind} a2200000 i 4500"));
        control(marc, "001", format!("demo{:07}", work.number));
        control(marc, "005", format!("{}120000.0", work.issued.format("%Y%m%d")));
        let year = work.issued.year();
        let entered = work.issued.format("%y%m%d");
        let (place, language) = (place(work), work.language.marc);
        control(marc, "008", format!("{entered}s{year}    {place}     o     |00 0 {language} d"));
        field(marc, "024", "7 ", &[("a", &work.doi()), ("2", "doi")]);
        field(marc, "041", "0 ", &[("a", language)]);
        field(marc, "080", "  ", &[("a", work.topic.ndc)]);
        let mut people = work.people.iter();
        if let Some(first) = people.next() {
            field(marc, "100", "1 ", &[("a", &first.name()), ("4", "aut")]);
        }
        let title = work.title();
        let (title, rest) = title.split_once(work.language.colon).unwrap_or((&title, ""));
        let title = format!("{title} :");
        field(
            marc,
            "245",
            "10",
            &[("6", "880-01"), ("a", &title), ("b", rest)]
                [usize::from(work.readings().is_none())..],
        );
        if let Some(edition) = work.edition() {
            field(marc, "250", "  ", &[("a", &edition)]);
        }
        field(marc, "264", " 1", &[("b", work.publisher), ("c", &year.to_string())]);
        field(marc, "300", "  ", &[("a", &format!("{} s.", work.pages))]);
        if work.kind == Kind::Thesis {
            field(
                marc,
                "502",
                "  ",
                &[("b", "Ph.D."), ("c", work.publisher), ("d", &year.to_string())],
            );
        }
        field(marc, "520", "  ", &[("a", &work.description())]);
        field(marc, "650", " 7", &[("a", work.topic.subject), ("2", "czenas")]);
        for person in people {
            field(marc, "700", "1 ", &[("a", &person.name()), ("4", "aut")]);
        }
        field(marc, "856", "40", &[("u", &work.handle()), ("y", "online")]);
        if let Some((kana, latin)) = work.readings() {
            field(marc, "880", "10", &[("6", "245-01/$1"), ("a", &kana)]);
            field(marc, "880", "10", &[("6", "245-01/(B"), ("a", &latin)]);
        }
    })
}

fn place(work: &Work) -> &'static str {
    match work.language.code {
        "cs" => "xr ",
        "ja" => "ja ",
        _ => "enk",
    }
}

fn control(marc: &mut Xml, tag: &str, value: String) {
    marc.leaf("controlfield", &[("tag", tag)], value);
}

fn field(marc: &mut Xml, tag: &str, indicators: &str, subfields: &[(&str, &str)]) {
    let (first, second) = indicators.split_at(1);
    let attributes = [("tag", tag), ("ind1", first), ("ind2", second)];
    marc.node("datafield", &attributes, |marc| {
        for (code, value) in subfields {
            marc.leaf("subfield", &[("code", code)], value);
        }
    });
}
