//! Seeded metadata in the formats that libraries and archives describe their holdings in.

use std::fmt::Write;

use crate::corpus::Rng;
use crate::words::{CZECH, ENGLISH, JAPANESE, Language};

/// Appends to a string, which cannot fail.
macro_rules! put {
    ($to:expr, $($what:tt)*) => {{
        let _ = write!($to, $($what)*);
    }};
}

/// A document in a metadata format; it depends on the seed and the index alone.
pub type Document = fn(seed: u64, index: u64) -> String;

/// MARC 21 in XML as a national library writes it, 2.8 kB on average.
#[must_use]
pub fn marc(seed: u64, index: u64) -> String {
    let mut draw = Draw(Rng::new(seed, index));
    let language = if draw.0.below(4) == 0 { &ENGLISH } else { &CZECH };
    let code = if language.code == "en" { "eng" } else { "cze" };
    let (year, pages) = (1950 + draw.0.below(75), 40 + draw.0.below(800));
    let author = draw.name(language);
    let isbn = format!("978-80-{:04}-{:03}-{}", index / 997 % 10_000, index % 997, index % 10);
    let publisher = draw.0.pick(language.publishers);
    let mut xml = String::with_capacity(4_096);
    xml.push_str(concat!(
        "<record xmlns=\"http://www.loc.gov/MARC21/slim\"",
        " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"",
        " xsi:schemaLocation=\"http://www.loc.gov/MARC21/slim",
        " http://www.loc.gov/standards/marcxml/schema/MARC21slim.xsd\">\n",
        "<leader>02207nam a2200505 i 4500</leader>\n",
    ));
    for (tag, value) in [
        ("001", &*format!("nkc{index:08}")),
        ("003", "CZ-PrNK"),
        ("005", "20240517103305.0"),
        ("007", "ta"),
        ("008", &*format!("050906s{year}    xr a   e      000 0 {code}  ")),
    ] {
        put!(xml, "<controlfield tag=\"{tag}\">{value}</controlfield>\n");
    }
    let mut field = |tag: &str, indicators: [char; 2], subfields: &[(char, &str)]| {
        let [first, second] = indicators;
        put!(xml, "<datafield tag=\"{tag}\" ind1=\"{first}\" ind2=\"{second}\">\n");
        for (code, value) in subfields {
            put!(xml, "  <subfield code=\"{code}\">{value}</subfield>\n");
        }
        xml.push_str("</datafield>\n");
    };
    field("020", [' ', ' '], &[('a', &isbn), ('q', "(brož.)")]);
    field("040", [' ', ' '], &[('a', "ABA001"), ('b', "cze"), ('e', "rda")]);
    field("041", ['0', ' '], &[('a', code)]);
    let life = format!("{}-", 1900 + draw.0.below(90));
    let (authority, role) = (format!("jn{:08}", draw.0.below(100_000)), "aut");
    field(
        "100",
        ['1', ' '],
        &[('a', &format!("{author},")), ('d', &life), ('7', &authority), ('4', role)],
    );
    let (title, rest) = (draw.words(language, 3, 6), draw.words(language, 3, 7));
    field(
        "245",
        ['1', '0'],
        &[('a', &format!("{title} :")), ('b', &format!("{rest} /")), ('c', &author)],
    );
    field("250", [' ', ' '], &[('a', "Vydání první")]);
    field(
        "264",
        [' ', '1'],
        &[('a', "Praha :"), ('b', &format!("{publisher},")), ('c', &year.to_string())],
    );
    let extent = format!("{pages} stran :");
    field("300", [' ', ' '], &[('a', &extent), ('b', "ilustrace ;"), ('c', "21 cm")]);
    field("520", ['2', ' '], &[('a', &draw.words(language, 8, 24))]);
    for _ in 0..1 + draw.0.below(2) {
        let (word, number) =
            (draw.0.pick(language.subjects), format!("ph{}", draw.0.below(100_000)));
        field("650", ['0', '7'], &[('a', word), ('7', &number), ('2', "czenas")]);
    }
    field("655", [' ', '7'], &[('a', "monografie"), ('7', "fd132842"), ('2', "czenas")]);
    if draw.0.below(2) == 0 {
        field("700", ['1', ' '], &[('a', &format!("{},", draw.name(language))), ('4', "edt")]);
    }
    let url = format!("https://library.bench.example/{index:08}");
    field("856", ['4', '1'], &[('u', &url), ('y', "Digitalizovaný dokument")]);
    xml.push_str("</record>\n");
    xml
}

/// JPCOAR 2.0 as a university in Japan writes it, 3.8 kB on average; it breaks no rule.
#[must_use]
pub fn jpcoar(seed: u64, index: u64) -> String {
    let mut draw = Draw(Rng::new(seed, index));
    let mut xml = String::with_capacity(4_096);
    xml.push_str(concat!(
        "<jpcoar:jpcoar xmlns:jpcoar=\"https://github.com/JPCOAR/schema/blob/master/2.0/\"",
        " xmlns:dc=\"http://purl.org/dc/elements/1.1/\"",
        " xmlns:dcterms=\"http://purl.org/dc/terms/\"",
        " xmlns:datacite=\"https://schema.datacite.org/meta/kernel-4/\"",
        " xmlns:oaire=\"http://namespace.openaire.eu/schema/oaire/\"",
        " xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n",
    ));
    let [ja, en] = [&JAPANESE, &ENGLISH];
    for language in [ja, en] {
        let (code, title) = (language.code, draw.words(language, 4, 8));
        put!(xml, "<dc:title xml:lang=\"{code}\">{title}</dc:title>\n");
    }
    for _ in 0..1 + draw.0.below(3) {
        let id = draw.0.below(10_000);
        put!(xml, "<jpcoar:creator>\n<jpcoar:nameIdentifier nameIdentifierScheme=\"ORCID\"");
        put!(xml, " nameIdentifierURI=\"https://orcid.org/0000-0000-0000-{id:04}\">");
        put!(xml, "0000-0000-0000-{id:04}</jpcoar:nameIdentifier>\n");
        for language in [ja, en] {
            let (code, name) = (language.code, draw.name(language));
            put!(xml, "<jpcoar:creatorName xml:lang=\"{code}\" nameType=\"Personal\">{name}");
            put!(xml, "</jpcoar:creatorName>\n");
        }
        put!(xml, "<jpcoar:affiliation>\n");
        for language in [ja, en] {
            let (code, name) = (language.code, draw.0.pick(language.publishers));
            put!(xml, "<jpcoar:affiliationName xml:lang=\"{code}\">{name}");
            put!(xml, "</jpcoar:affiliationName>\n");
        }
        put!(xml, "</jpcoar:affiliation>\n</jpcoar:creator>\n");
    }
    put!(
        xml,
        "<dcterms:accessRights rdf:resource=\"http://purl.org/coar/access_right/c_abf2\">open \
         access</dcterms:accessRights>\n<dc:rights xml:lang=\"en\" \
         rdf:resource=\"http://creativecommons.org/licenses/by/4.0/\">CC BY 4.0</dc:rights>\n"
    );
    for language in [ja, en] {
        let (code, word) = (language.code, draw.0.pick(language.subjects));
        put!(xml, "<jpcoar:subject xml:lang=\"{code}\" subjectScheme=\"Other\">{word}");
        put!(xml, "</jpcoar:subject>\n");
    }
    for language in [ja, en] {
        let (code, text) = (language.code, draw.words(language, 15, 35));
        put!(xml, "<datacite:description xml:lang=\"{code}\" descriptionType=\"Abstract\">{text}");
        put!(xml, "</datacite:description>\n");
    }
    let (publisher, year) = (draw.0.pick(ja.publishers), 1990 + draw.0.below(35));
    put!(
        xml,
        "<dc:publisher xml:lang=\"ja\">{publisher}</dc:publisher>\n\
         <datacite:date dateType=\"Issued\">{year}-03-25</datacite:date>\n\
         <dc:language>jpn</dc:language>\n\
         <dc:type rdf:resource=\"http://purl.org/coar/resource_type/c_6501\">journal \
         article</dc:type>\n\
         <oaire:version rdf:resource=\"http://purl.org/coar/version/c_970fb48d4fbd8a85\">VoR\
         </oaire:version>\n\
         <jpcoar:identifier identifierType=\"HDL\">http://hdl.handle.net/10084/{index:08}\
         </jpcoar:identifier>\n\
         <jpcoar:sourceIdentifier identifierType=\"ISSN\">1234-5679</jpcoar:sourceIdentifier>\n\
         <jpcoar:sourceTitle xml:lang=\"ja\">{publisher}紀要</jpcoar:sourceTitle>\n\
         <jpcoar:volume>{}</jpcoar:volume>\n<jpcoar:issue>{}</jpcoar:issue>\n\
         <jpcoar:pageStart>{}</jpcoar:pageStart>\n<jpcoar:pageEnd>{}</jpcoar:pageEnd>\n\
         <jpcoar:file>\n<jpcoar:URI objectType=\"fulltext\">\
         https://repository.bench.example/files/{index:08}.pdf</jpcoar:URI>\n\
         <jpcoar:mimeType>application/pdf</jpcoar:mimeType>\n\
         <jpcoar:extent>2.3 MB</jpcoar:extent>\n</jpcoar:file>\n</jpcoar:jpcoar>\n",
        1 + draw.0.below(80),
        1 + draw.0.below(12),
        1 + draw.0.below(100),
        101 + draw.0.below(100),
    );
    xml
}

/// EML 2.2 as a research station writes it, 4.1 kB on average.
#[must_use]
pub fn eml(seed: u64, index: u64) -> String {
    let mut draw = Draw(Rng::new(seed, index));
    let language = &ENGLISH;
    let mut xml = String::with_capacity(6_144);
    put!(
        xml,
        "<eml:eml xmlns:eml=\"https://eml.ecoinformatics.org/eml-2.2.0\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         packageId=\"knb-lter-bench.{index}.1\" system=\"https://pasta.bench.example\">\n\
         <dataset>\n  <title>{}</title>\n",
        draw.words(language, 6, 12)
    );
    for role in ["creator", "creator", "contact"] {
        let name = draw.name(language);
        let (family, given) = name.split_once(", ").unwrap_or((&name, ""));
        put!(
            xml,
            "  <{role}>\n    <individualName>\n      <givenName>{given}</givenName>\n      \
             <surName>{family}</surName>\n    </individualName>\n    \
             <organizationName>{}</organizationName>\n    \
             <electronicMailAddress>{index}@bench.example</electronicMailAddress>\n    \
             <userId directory=\"https://orcid.org\">https://orcid.org/0000-0000-0000-{:04}\
             </userId>\n  </{role}>\n",
            draw.0.pick(language.publishers),
            draw.0.below(10_000),
        );
    }
    let year = 1985 + draw.0.below(40);
    put!(xml, "  <pubDate>{year}</pubDate>\n  <language>en</language>\n  <abstract>\n");
    for _ in 0..2 {
        put!(xml, "    <para>{}</para>\n", draw.words(language, 20, 40));
    }
    put!(xml, "  </abstract>\n  <keywordSet>\n");
    for _ in 0..3 {
        put!(xml, "    <keyword>{}</keyword>\n", draw.0.pick(language.subjects));
    }
    put!(
        xml,
        "    <keywordThesaurus>LTER Controlled Vocabulary</keywordThesaurus>\n  </keywordSet>\n  \
         <intellectualRights>\n    <para>This data package is released to the public domain.\
         </para>\n  </intellectualRights>\n  <coverage>\n    <geographicCoverage>\n      \
         <geographicDescription>{}</geographicDescription>\n      <boundingCoordinates>\n        \
         <westBoundingCoordinate>-72.2</westBoundingCoordinate>\n        \
         <eastBoundingCoordinate>-72.1</eastBoundingCoordinate>\n        \
         <northBoundingCoordinate>42.6</northBoundingCoordinate>\n        \
         <southBoundingCoordinate>42.5</southBoundingCoordinate>\n      </boundingCoordinates>\n    \
         </geographicCoverage>\n    <temporalCoverage>\n      <rangeOfDates>\n        \
         <beginDate><calendarDate>{year}-01-01</calendarDate></beginDate>\n        \
         <endDate><calendarDate>{}-12-31</calendarDate></endDate>\n      </rangeOfDates>\n    \
         </temporalCoverage>\n  </coverage>\n  <dataTable>\n    <entityName>table_{index}.csv\
         </entityName>\n    <physical>\n      <objectName>table_{index}.csv</objectName>\n      \
         <size unit=\"bytes\">{}</size>\n      <distribution>\n        <online>\n          \
         <url function=\"download\">https://pasta.bench.example/{index:08}</url>\n        \
         </online>\n      </distribution>\n    </physical>\n    <attributeList>\n",
        draw.words(language, 3, 6),
        year + 1,
        1_000 + draw.0.below(1_000_000),
    );
    for attribute in ["date", "site", "temperature", "discharge"] {
        put!(
            xml,
            "      <attribute>\n        <attributeName>{attribute}</attributeName>\n        \
             <attributeDefinition>{}</attributeDefinition>\n      </attribute>\n",
            draw.words(language, 4, 8)
        );
    }
    xml.push_str("    </attributeList>\n  </dataTable>\n</dataset>\n</eml:eml>\n");
    xml
}

struct Draw(Rng);

impl Draw {
    fn name(&mut self, language: &Language) -> String {
        format!("{}, {}", self.0.pick(language.families), self.0.pick(language.givens))
    }

    fn words(&mut self, language: &Language, least: u64, most: u64) -> String {
        let count = least + self.0.below(most - least + 1);
        let words: Vec<&str> = (0..count).map(|_| *self.0.pick(language.words)).collect();
        words.join(language.space)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_reproducible_well_formed_and_as_long_as_they_say() {
        for (document, bytes) in
            [(marc as Document, 2_800), (jpcoar as Document, 3_800), (eml as Document, 4_100)]
        {
            assert_eq!(document(7, 123), document(7, 123));
            assert_ne!(document(7, 123), document(8, 123));
            let mut sum = 0;
            for xml in (0..1_000).map(|index| document(1, index)) {
                let mut reader = quick_xml::Reader::from_str(&xml);
                while reader.read_event().unwrap() != quick_xml::events::Event::Eof {}
                sum += xml.len();
            }
            let mean = sum / 1_000;
            assert!(mean.abs_diff(bytes) < bytes / 20, "{mean} instead of {bytes}");
        }
    }
}
