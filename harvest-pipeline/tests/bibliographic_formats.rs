//! Nested formats into the one bibliographic model, and what rules cost a record.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use harvest_pipeline::parsers::{
    AgentKind, Bibliographic, BibliographicFormat, ByFormat, Date, DateKind, Identifier, Text,
    TitleKind,
};
use harvest_pipeline::{
    Fields, IssueLevel, Item, Keys, Parsed, Parser, Payload, RecordError, Stage,
};
use proptest::prelude::*;

const JPCOAR: &str = include_str!("bibliographic_records/jpcoar.xml");
const EML: &str = include_str!("bibliographic_records/eml.xml");
const DATACITE: &str = include_str!("bibliographic_records/datacite.xml");
const MODS: &str = include_str!("bibliographic_records/mods.xml");

fn item(format: &str, xml: &str) -> Item {
    Item::put("oai:x:1", Payload::new(format, xml))
}

fn parse_as(
    parser: &ByFormat,
    format: &str,
    xml: &str,
) -> Result<Parsed<Bibliographic>, RecordError> {
    let item = item(format, xml);
    parser.parse(&item, item.payload().unwrap())
}

fn parse(format: &str, xml: &str) -> Result<Parsed<Bibliographic>, RecordError> {
    parse_as(&ByFormat::new(), format, xml)
}

fn read(format: &str, xml: &str) -> Bibliographic {
    let parsed = parse(format, xml).unwrap();
    assert_eq!(parsed.issues, []);
    parsed.record
}

fn fields(format: &str, xml: &str) -> Fields {
    let item = item(format, xml);
    ByFormat::new().fields(&item, item.payload().unwrap(), &Keys::all()).unwrap().fields
}

fn values(texts: &[Text]) -> Vec<&str> {
    texts.iter().map(|text| &*text.value).collect()
}

/// The JPCOAR record with something in it replaced, which must be there.
fn jpcoar_with(old: &str, new: &str) -> String {
    assert!(JPCOAR.contains(old), "{old}");
    JPCOAR.replacen(old, new, 1)
}

#[test]
fn jpcoar_is_read_with_languages_identifiers_and_affiliations() {
    let work = read("jpcoar_2.0", JPCOAR);
    let titles: Vec<_> = work
        .titles
        .iter()
        .map(|title| (title.text.lang.as_deref().unwrap(), &title.kind))
        .collect();
    assert_eq!(titles.len(), 4);
    assert_eq!(titles[1], ("ja-Kana", &TitleKind::Main));
    assert_eq!(titles[3], ("en", &TitleKind::Alternative));
    let author = &work.creators[0];
    assert_eq!(values(&author.names), ["田中, 花子", "Tanaka, Hanako"]);
    assert_eq!(author.kind, Some(AgentKind::Person));
    assert_eq!(author.identifiers, [Identifier::new("ORCID", "0000-0000-0000-0001")]);
    assert_eq!(values(&author.affiliations[0].names), ["例大学", "Example University"]);
    assert_eq!(author.affiliations[0].identifiers[0].scheme.as_deref(), Some("ROR"));
    assert_eq!(work.contributors[0].roles, ["Supervisor"]);
    assert_eq!(work.access.as_ref().unwrap().text.value, "open access");
    assert_eq!(values(&work.publishers), ["例大学", "Example University Press"]);
    assert_eq!(work.dates[0], Date::new(DateKind::Issued, "2021-03-25"));
    assert_eq!(work.dates[1].kind, None);
    assert_eq!(work.identifier("doi"), Some("https://doi.org/10.5555/thesis.1"));
    assert_eq!(work.places[0].point, Some([139.7, 35.6]));
    assert_eq!(work.funding[0].award_number.as_deref(), Some("12345"));
    let host = work.host.as_ref().unwrap();
    assert_eq!((host.volume.as_deref(), host.first_page.as_deref()), (Some("12"), Some("1")));
    let thesis = work.thesis.as_ref().unwrap();
    assert_eq!(
        (thesis.number.as_deref(), &*thesis.degrees[0].value),
        (Some("甲第1号"), "博士（農学）")
    );
    assert_eq!(work.files[0].kind.as_deref(), Some("fulltext"));
    assert_eq!(work.files[0].sizes, ["2.3 MB"]);
}

#[test]
fn the_version_of_jpcoar_is_seen_from_the_namespace() {
    for namespace in [
        "https://github.com/JPCOAR/schema/blob/master/1.0/",
        "https://irdb.nii.ac.jp/schema/jpcoar/1.0/",
        "https://github.com/JPCOAR/schema/blob/master/2.1/",
    ] {
        let xml = jpcoar_with("https://github.com/JPCOAR/schema/blob/master/2.0/", namespace);
        assert_eq!(read("jpcoar", &xml), read("jpcoar", JPCOAR), "{namespace}");
    }
    let xml = jpcoar_with("https://github.com/JPCOAR/schema/blob/master/2.0/", "urn:other");
    let parsed = parse("jpcoar", &xml).unwrap();
    assert_eq!(parsed.record, read("jpcoar", JPCOAR));
    assert!(parsed.issues[0].message.contains("urn:other"), "{:?}", parsed.issues);
    // An identifier has to be there since 2.0.
    let start = JPCOAR.find("<jpcoar:identifier ").unwrap();
    let end = JPCOAR.find("<jpcoar:identifierRegistration").unwrap();
    let without = format!("{}{}", &JPCOAR[..start], &JPCOAR[end..]);
    assert_eq!(parse("jpcoar", &without).unwrap().issues.len(), 1);
    assert_eq!(parse("jpcoar", &without.replace("/2.0/", "/1.0/")).unwrap().issues, []);
}

#[test]
fn elements_in_another_order_are_read_with_one_warning() {
    let (head, rest) = JPCOAR.split_once("<dc:title xml:lang=\"ja\">").unwrap();
    let (title, rest) = rest.split_once("</dc:title>").unwrap();
    let (rest, tail) = rest.split_once("<jpcoar:file>").unwrap();
    let xml =
        format!("{head}{rest}<dc:title xml:lang=\"ja\">{title}</dc:title><jpcoar:file>{tail}");
    let parsed = parse("jpcoar", &xml).unwrap();
    assert_eq!(parsed.issues.len(), 1, "{:?}", parsed.issues);
    assert_eq!(parsed.issues[0].level, IssueLevel::Warning);
    assert_eq!(parsed.record.titles.len(), 4);
    assert_eq!(parsed.record.files, read("jpcoar", JPCOAR).files);
}

#[test]
fn a_record_error_refuses_the_record_and_says_why() {
    let errors = [
        ("xml:lang=\"ja-Kana\">", "xml:lang=\"ja\">", "there is another one in ja"),
        ("<dc:title xml:lang=\"ja\">稲作の水管理に関する研究</dc:title>", "", "none in ja"),
        (">doctoral thesis<", ">big thesis<", "\"big thesis\" is not in the vocabulary"),
        (">doctoral thesis<", "><", "type: it is missing or empty"),
        ("identifierType=\"JaLC\"", "identifierType=\"Mine\"", "identifierRegistration"),
    ];
    for (old, new, why) in errors {
        let error = parse("jpcoar", &jpcoar_with(old, new)).unwrap_err();
        assert_eq!((error.identifier.as_deref(), error.stage), (Some("oai:x:1"), Stage::Parse));
        assert!(error.message.contains(why), "{error}");
    }
    let start = JPCOAR.find("<jpcoar:creator>").unwrap();
    let end = JPCOAR.find("<jpcoar:contributor ").unwrap();
    let without = format!("{}{}", &JPCOAR[..start], &JPCOAR[end..]);
    let error = parse("jpcoar", &without).unwrap_err();
    assert!(error.message.contains("creator: it is missing, and dc:type is doctoral"), "{error}");
    let article = without.replace("doctoral thesis", "journal article");
    assert_eq!(parse("jpcoar", &article).unwrap().issues, []);
}

#[test]
fn a_field_error_costs_the_field_only() {
    let whole = read("jpcoar", JPCOAR);
    let lost = |old: &str, new: &str| {
        let parsed = parse("jpcoar", &jpcoar_with(old, new)).unwrap();
        assert_eq!(parsed.issues.len(), 1, "{new}: {:?}", parsed.issues);
        assert_eq!(parsed.issues[0].level, IssueLevel::FieldError);
        (parsed.record, parsed.issues[0].path.clone())
    };
    let (work, path) = lost(" dateType=\"Issued\"", "");
    assert_eq!((&*path, work.dates.len()), ("date", whole.dates.len() - 1));
    let (work, path) = lost(">614.3<", ">614.3 rice<");
    assert_eq!((&*path, work.subjects.len()), ("subject[1]", 1));
    let (work, path) = lost(
        "<jpcoar:affiliationName xml:lang=\"en\">",
        "<jpcoar:affiliationName xml:lang=\"ja\">",
    );
    assert_eq!(path, "creator[1]/affiliation[1]/affiliationName[2]");
    assert_eq!(values(&work.creators[0].affiliations[0].names), ["例大学"]);
    let (work, _) = lost(">139.7<", ">1397<");
    assert_eq!((work.places[0].point, work.places[0].names.len()), (None, 1));
    let (work, path) = lost("<jpcoar:issue>", "<jpcoar:volume>13</jpcoar:volume><jpcoar:issue>");
    assert_eq!((&*path, work.host), ("volume[2]", whole.host));
    let (work, path) = lost(">Example Society<", "><");
    assert_eq!((&*path, work.funding.len()), ("fundingReference[1]/funderName", 0));
}

#[test]
fn a_warning_costs_nothing() {
    let warned = [
        (">2021-03-25</datacite:date>", ">25 March</datacite:date>", "25 March"),
        (">jpn<", ">Japanese<", "ISO 639-3"),
        (">1</jpcoar:pageStart>", ">S1</jpcoar:pageStart>", "S1"),
        ("nameIdentifierScheme=\"ORCID\"", "nameIdentifierScheme=\"Mine\"", "Mine"),
    ];
    for (old, new, why) in warned {
        let parsed = parse("jpcoar", &jpcoar_with(old, new)).unwrap();
        assert_eq!(parsed.issues.len(), 1, "{new}: {:?}", parsed.issues);
        assert_eq!(parsed.issues[0].level, IssueLevel::Warning);
        assert!(parsed.issues[0].message.contains(why), "{:?}", parsed.issues);
        let whole = serde_json::to_string(&parsed.record).unwrap();
        assert!(whole.contains(new.split(['>', '<', '"']).nth(1).unwrap()), "{whole}");
    }
}

#[test]
fn rules_can_be_told_only_to_warn() {
    let xml = jpcoar_with(">doctoral thesis<", ">big thesis<").replace(">614.3<", ">rice<");
    let parsed = parse_as(&ByFormat::new().rules_only_warn(), "jpcoar", &xml).unwrap();
    assert_eq!(parsed.issues.len(), 2, "{:?}", parsed.issues);
    assert!(parsed.issues.iter().all(|issue| issue.level == IssueLevel::Warning));
    assert_eq!(parsed.record.types[0].text.value, "big thesis");
    assert_eq!(parsed.record.subjects.len(), 2);
}

#[test]
fn eml_is_read_by_the_names_of_its_elements() {
    let work = read("eml", EML);
    let schemes: Vec<_> = work.identifiers.iter().map(|id| id.scheme.as_deref()).collect();
    assert_eq!(schemes, [Some("knb"), Some("DOI")]);
    assert_eq!(work.title(), Some("Water temperature of small lakes, 1990-2020"));
    let author = &work.creators[0];
    assert_eq!(values(&author.names), ["Lake, Anna B."]);
    assert_eq!(values(&author.affiliations[0].names), ["Example Station"]);
    assert_eq!(author.identifiers[0].scheme.as_deref(), Some("ORCID"));
    assert_eq!(work.creators[1].kind, Some(AgentKind::Organisation));
    let roles: Vec<_> =
        work.contributors.iter().map(|agent| (&*agent.names[0].value, &*agent.roles[0])).collect();
    assert_eq!(roles, [("Lake, Anna B.", "data manager"), ("Lake, Anna B.", "contact")]);
    assert_eq!(
        work.dates,
        [
            Date::new(DateKind::Issued, "2021"),
            Date::new(DateKind::Coverage, "1990-05-01/2020-10-31")
        ]
    );
    assert!(work.descriptions[0].text.value.starts_with("Measured hourly."), "{work:?}");
    let subjects: Vec<_> =
        work.subjects.iter().map(|term| (&*term.text.value, term.scheme.as_deref())).collect();
    assert_eq!(
        subjects,
        [
            ("lakes", Some("LTER")),
            ("temperature", Some("LTER")),
            ("ice", None),
            ("Daphnia", Some("Genus")),
            ("pulex", Some("Species"))
        ]
    );
    assert_eq!(work.places[0].bounds, Some([-89.7, 45.9, -89.5, 46.1]));
    assert_eq!(work.rights.len(), 2);
    assert_eq!(work.funding[0].award_number.as_deref(), Some("DEB-1"));
    assert_eq!(work.files[1].label.as_deref(), Some("temperature.csv"));
    assert_eq!(values(&work.publishers), ["Example Data Centre"]);
}

#[test]
fn eml_children_in_a_namespace_are_read_all_the_same() {
    let wild = EML.replace("<dataset ", "<dataset xmlns=\"http://www.openarchives.org/OAI/2.0/\" ");
    assert_eq!(read("eml-2.2.0", &wild), read("eml", EML));
    let old = EML
        .replace("https://eml.ecoinformatics.org/eml-2.2.0", "eml://ecoinformatics.org/eml-2.0.1");
    assert_eq!(read("eml", &old), read("eml", EML));
    let unbound = EML.replace("https://eml.ecoinformatics.org/eml-2.2.0", "urn:x");
    assert_eq!(parse("eml", &unbound).unwrap().issues.len(), 1);
}

#[test]
fn an_eml_party_that_refers_to_nobody_is_left_out_and_reported() {
    let parsed = parse("eml", &EML.replace("<contact><references>anna", "<contact><references>x"));
    let Parsed { record, issues, .. } = parsed.unwrap();
    assert_eq!((record.contributors.len(), issues.len()), (1, 1));
    assert!(issues[0].message.starts_with("parties left out: 1"), "{issues:?}");
}

#[test]
fn datacite_is_read_by_itself_and_in_its_wrapper() {
    let work = read("oai_datacite", DATACITE);
    assert_eq!(work.identifier("DOI"), Some("10.5555/DATA.1"));
    assert_eq!(work.titles[1].kind, TitleKind::Translated);
    assert_eq!(work.creators[0].affiliations[0].identifiers[0].value, "https://ror.org/000000002");
    assert_eq!(work.contributors[0].roles, ["DataCurator"]);
    assert_eq!(
        work.dates,
        [Date::new(DateKind::Issued, "2022"), Date::new(DateKind::Collected, "2019-05/2019-09")]
    );
    assert_eq!(work.types[0].scheme.as_deref(), Some("Dataset"));
    assert_eq!(work.rights[0].text.value, "https://creativecommons.org/publicdomain/zero/1.0/");
    assert_eq!(work.places[0].bounds, Some([10.1, 50.1, 10.2, 50.2]));
    assert_eq!(work.host.as_ref().unwrap().first_page.as_deref(), Some("e12"));
    assert_eq!(work.relations[0].kind.as_deref(), Some("IsSupplementTo"));
    let start = DATACITE.find("<resource ").unwrap();
    let end = DATACITE.find("</payload>").unwrap();
    let bare = &DATACITE[start..end];
    assert_eq!(read("datacite4", bare), work);
    assert_eq!(read("datacite3", &bare.replace("kernel-4", "kernel-3")), work);
}

#[test]
fn mods_core_fields_are_read() {
    let work = read("mods", MODS);
    assert_eq!(work.title(), Some("The harvest : a history. Part 2"));
    assert_eq!(work.titles[1].kind, TitleKind::Alternative);
    assert_eq!(values(&work.creators[0].names), ["Field, Ann"]);
    assert_eq!(work.creators[0].identifiers, [Identifier::new("ORCID", "0000-0000-0000-0004")]);
    assert_eq!(work.contributors[0].kind, Some(AgentKind::Organisation));
    assert_eq!(work.dates, [Date::new(DateKind::Issued, "2018-05")]);
    assert_eq!(work.descriptions[0].text.value, "What grows when it rains.");
    assert_eq!(work.subjects[0].text.value, "Crops--England");
    let host = work.host.as_ref().unwrap();
    assert_eq!((host.volume.as_deref(), host.last_page.as_deref()), (Some("12"), Some("56")));
    assert_eq!(work.relations[0].kind.as_deref(), Some("series"));
    assert_eq!(work.rights[0].uri.as_deref(), Some("https://creativecommons.org/licenses/by/4.0/"));
    assert_eq!(work.access.as_ref().unwrap().text.value, "open access");
    let collection = format!("<modsCollection>{MODS}{MODS}</modsCollection>");
    let parsed = parse("mods", &collection).unwrap();
    assert_eq!((parsed.record, parsed.issues.len()), (work, 1));
}

#[test]
fn each_record_is_read_by_the_name_of_its_format() {
    let dc = r#"<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>t</dc:title></oai_dc:dc>"#;
    let marc = r#"<record xmlns="http://www.loc.gov/MARC21/slim"><leader>00714nam a2200217 a 4500</leader><datafield tag="245" ind1="0" ind2="0"><subfield code="a">t /</subfield></datafield></record>"#;
    for (format, xml) in [("oai_dc", dc), ("marc21", marc), ("MARCXML", marc), ("oai_marc", marc)] {
        assert_eq!(read(format, xml).title(), Some("t"), "{format}");
        assert_eq!(fields(format, xml).get("title"), ["t"], "{format}");
    }
    assert_eq!(fields("marc21", marc).get("245a"), ["t /"]);
    assert_eq!(fields("mods", MODS).get("subject"), ["Crops--England"]);
}

#[test]
fn another_format_is_a_record_error_or_kept_unread_by_choice() {
    let error = parse("lido", "<lido/>").unwrap_err();
    assert!(error.message.contains("lido"), "{error}");
    let parsed = parse_as(&ByFormat::new().keep_others(), "lido", "<lido/>").unwrap();
    assert_eq!((parsed.record, parsed.issues.len()), (Bibliographic::default(), 1));
    let told = ByFormat::new().reading("lido", BibliographicFormat::Mods);
    assert!(parse_as(&told, "lido", MODS).is_ok());
}

#[test]
fn what_is_not_of_its_format_is_an_error_that_names_the_record() {
    for format in ["jpcoar", "eml", "datacite", "mods", "marc21", "oai_dc"] {
        for xml in ["", "no xml", "<other/>", "<mods><a></mods>", "<eml/>", "<oai_datacite/>"] {
            let error = parse(format, xml).unwrap_err();
            assert_eq!(error.identifier.as_deref(), Some("oai:x:1"), "{format}: {xml}");
        }
    }
}

#[test]
fn a_record_with_too_many_elements_is_refused() {
    let xml = format!("<mods>{}</mods>", "<note/>".repeat(100_000));
    let error = parse("mods", &xml).unwrap_err();
    assert!(error.message.contains("more than 100000 elements"), "{error}");
    let more = ByFormat::new().most_elements(200_000);
    assert!(parse_as(&more, "mods", &xml).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_makes_it_panic(
        which in 0_usize..4,
        edits in prop::collection::vec((0_usize..9000, "\\PC{0,6}|[<>/&\"a-d0-9. -]{0,6}", 0_usize..60), 1..4),
        only_warn: bool,
    ) {
        let (format, xml) = [("jpcoar", JPCOAR), ("eml", EML), ("datacite", DATACITE), ("mods", MODS)][which];
        let mut xml = xml.to_owned();
        for (at, junk, cut) in edits {
            let at = at % (xml.len() + 1);
            let start = (0..=at).rev().find(|at| xml.is_char_boundary(*at)).unwrap();
            let end = (start + cut..=xml.len()).find(|at| xml.is_char_boundary(*at)).unwrap_or(xml.len());
            xml.replace_range(start..end, &junk);
        }
        let parser = if only_warn { ByFormat::new().rules_only_warn() } else { ByFormat::new() };
        match parse_as(&parser, format, &xml) {
            Ok(parsed) => drop(serde_json::to_string(&parsed.record).unwrap()),
            Err(error) => assert!(!error.message.is_empty()),
        }
    }
}

#[test]
fn what_one_record_can_make_of_others_is_bounded() {
    let name = format!("<givenName>{}</givenName>", "x".repeat(10_000));
    let party = format!("<individualName>{name}<surName>y</surName></individualName>");
    let references = "<contact><references>a</references></contact>".repeat(20_000);
    let dataset = format!(
        "<dataset><title>t</title><creator id=\"a\">{party}</creator>{references}</dataset>"
    );
    let xml = format!(
        "<eml:eml xmlns:eml=\"https://eml.ecoinformatics.org/eml-2.2.0\">{dataset}</eml:eml>"
    );
    let parsed = parse("eml", &xml).unwrap();
    assert_eq!(parsed.issues[0].level, IssueLevel::FieldError);
    let work = parsed.record;
    assert!((10..200).contains(&work.contributors.len()), "{}", work.contributors.len());

    let readings = "<dc:title xml:lang=\"ja-Kana\">x</dc:title>".repeat(90_000);
    let error = parse(
        "jpcoar",
        &jpcoar_with("<dcterms:alternative", &format!("{readings}<dcterms:alternative")),
    );
    assert!(error.unwrap_err().message.len() < 10_000);
}
