//! Works in `oai_dc`.

use super::Work;
use super::xml::document;

pub(crate) const NAMESPACE: &str = "http://www.openarchives.org/OAI/2.0/oai_dc/";
pub(crate) const SCHEMA: &str = "http://www.openarchives.org/OAI/2.0/oai_dc.xsd";

/// The work as a document.
pub(crate) fn write(work: &Work) -> String {
    let attributes = [
        ("xmlns:oai_dc", NAMESPACE),
        ("xmlns:dc", "http://purl.org/dc/elements/1.1/"),
        ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
        ("xsi:schemaLocation", &format!("{NAMESPACE} {SCHEMA}")),
    ];
    document("oai_dc:dc", &attributes, |dc| {
        let language = [("xml:lang", work.language.code)];
        dc.leaf("dc:title", &language, work.title());
        if let Some((kana, latin)) = work.readings() {
            dc.leaf("dc:title", &[("xml:lang", "ja-Kana")], kana);
            dc.leaf("dc:title", &[("xml:lang", "ja-Latn")], latin);
        }
        for person in &work.people {
            dc.leaf("dc:creator", &[], person.name());
        }
        dc.leaf("dc:subject", &language, work.topic.subject);
        dc.leaf("dc:description", &language, work.description());
        if let Some(edition) = work.edition() {
            dc.leaf("dc:description", &language, edition);
        }
        dc.leaf("dc:publisher", &language, work.publisher);
        dc.leaf("dc:date", &[], work.issued.to_string());
        dc.leaf("dc:type", &[], work.kind.coar().0);
        dc.leaf("dc:identifier", &[], work.handle());
        dc.leaf("dc:identifier", &[], format!("https://doi.org/{}", work.doi()));
        dc.leaf("dc:language", &[], work.language.code3);
        dc.leaf("dc:rights", &[], "https://creativecommons.org/licenses/by/4.0/");
    })
}
