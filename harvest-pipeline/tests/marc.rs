//! MARC 21: records as they come, and processors by tag.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use harvest_pipeline::parsers::{FieldProcessor, Marc, MarcField, MarcRecord};
use harvest_pipeline::{Issue, IssueLevel, Item, Keys, Parsed, Parser, Payload};
use proptest::prelude::*;

const SLIM: &str = "http://www.loc.gov/MARC21/slim";

/// Babička, as a Czech library writes it.
const BABICKA: &str = r#"
  <leader>00714nam a2200217 a 4500</leader>
  <controlfield tag="001">nkc20051601234</controlfield>
  <controlfield tag="008">050906s2005    xr ac  g      000 1 cze  </controlfield>
  <datafield tag="100" ind1="1" ind2=" "><subfield code="a">Němcová, Božena,</subfield><subfield code="d">1820-1862</subfield></datafield>
  <datafield tag="245" ind1="1" ind2="0"><subfield code="a">Babička :</subfield><subfield code="b">obrazy &amp; život /</subfield></datafield>
  <datafield tag="700" ind1="1" ind2=" "><subfield code="a">Špála, Václav</subfield></datafield>"#;

#[derive(Debug, Default, PartialEq)]
struct Book {
    id: String,
    title: String,
    authors: Vec<String>,
}

struct Authors;

impl FieldProcessor<Book> for Authors {
    fn tags(&self) -> &[&str] {
        &["100", "700"]
    }

    fn process(&self, field: &MarcField<'_>, book: &mut Book) -> Vec<Issue> {
        let Some(name) = field.get('a') else {
            return vec![Issue::new(
                IssueLevel::FieldError,
                field.tag(),
                "an author without a name",
            )];
        };
        book.authors.push(name.trim_end_matches(',').to_owned());
        Vec::new()
    }
}

fn books() -> Marc<Book> {
    Marc::builder()
        .on(&["001"], |field: &MarcField<'_>, book: &mut Book| {
            book.id = field.value().unwrap_or_default().to_owned();
        })
        .on(&["245"], |field: &MarcField<'_>, book: &mut Book| {
            book.title = field.get('a').unwrap_or_default().trim_end_matches([' ', ':']).to_owned();
        })
        .processor(Authors)
        .build()
        .unwrap()
}

fn record(content: &str) -> String {
    format!("<record xmlns=\"{SLIM}\">{content}</record>")
}

fn item(xml: &str) -> Item {
    Item::put("oai:x:1", Payload::new("marc21", xml))
}

fn parse(xml: &str) -> Parsed<Book> {
    let item = item(xml);
    books().parse(&item, item.payload().unwrap()).unwrap()
}

fn read(xml: &str) -> Parsed<MarcRecord> {
    MarcRecord::read(xml).unwrap().unwrap()
}

#[test]
fn processors_by_tag_fill_a_type_of_ones_own() {
    let parsed = parse(&record(BABICKA));
    assert_eq!(parsed.issues, []);
    assert_eq!(parsed.record.id, "nkc20051601234");
    assert_eq!(parsed.record.title, "Babička");
    assert_eq!(parsed.record.authors, ["Němcová, Božena", "Špála, Václav"]);
}

#[test]
fn an_issue_of_a_processor_costs_the_field_only() {
    let parsed =
        parse(&record(&format!("{BABICKA}<datafield tag=\"700\" ind1=\" \" ind2=\" \"/>")));
    assert_eq!(parsed.record.authors.len(), 2);
    assert_eq!(parsed.issues[0].level, IssueLevel::FieldError);
}

#[test]
fn a30_a_tag_taken_twice_is_an_error_when_the_parser_is_built() {
    let twice = || {
        Marc::<Book>::builder()
            .processor(Authors)
            .on(&["700"], |_: &MarcField<'_>, _: &mut Book| ())
    };
    let error = twice().build().unwrap_err();
    assert_eq!(error.tag, "700");
    assert!(error.to_string().contains("Authors"), "{error}");
    assert!(twice().share("700").build().is_ok());
}

#[test]
fn filters_see_fields_by_tag_and_code() {
    let item = item(&record(BABICKA));
    let payload = item.payload().unwrap();
    let fields = books().fields(&item, payload, &Keys::all()).unwrap().fields;
    assert_eq!(fields.get("001"), ["nkc20051601234"]);
    assert_eq!(fields.get("100a"), ["Němcová, Božena,"]);
    assert_eq!(fields.get("245b"), ["obrazy & život /"]);
    let wanted = Keys::from_iter(["100a", "LDR", "001", "999x"]);
    let preview = books().fields(&item, payload, &wanted).unwrap();
    let keys: Vec<_> = preview.fields.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["001", "100a", "LDR"]);
    assert_eq!(preview.parsed, Some(books().parse(&item, payload).unwrap()));
}

#[test]
fn the_record_keeps_order_and_white_space_that_means_something() {
    let record = read(&record(BABICKA)).record;
    assert_eq!(record.leader().len(), 24);
    assert!(record.field("008").unwrap().value().unwrap().ends_with("cze  "));
    let tags: Vec<_> = record.fields().map(|field| field.tag()).collect();
    assert_eq!(tags, ["001", "008", "100", "245", "700"]);
    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["fields"][0]["001"], "nkc20051601234");
    assert_eq!(json["fields"][3]["245"]["subfields"][0]["a"], "Babička :");
    assert_eq!(json["fields"][3]["245"]["ind2"], "0");
}

#[test]
fn wild_forms_are_read_with_warnings() {
    let prefixed = format!(
        "<marc:record xmlns:marc=\"{SLIM}\"><marc:leader>00714nam a2200217 a 4500</marc:leader>\
         <marc:controlfield tag=\"001\">1</marc:controlfield></marc:record>"
    );
    let leader = "<leader>00714nam a2200217 a 4500</leader>";
    let wild = [
        (prefixed, 0),
        (format!("<record>{leader}<controlfield tag=\"001\">1</controlfield></record>"), 1),
        (record(r#"<leader>short</leader><controlfield tag="001">1</controlfield>"#), 1),
        (
            record(&format!(
                r#"{leader}<controlfield tag="001">1</controlfield><datafield tag="CAT" ind1=" " ind2=" "/><datafield tag="SYS" ind1=" " ind2=" "/>"#
            )),
            1,
        ),
        (
            record(&format!(
                r#"{leader}<controlfield tag="001">1</controlfield><datafield tag="245"/>"#
            )),
            1,
        ),
        (
            record(&format!(
                r#"{leader}<controlfield tag="001">1</controlfield><datafield tag="245" ind1="1" ind2="0"><subfield>x</subfield></datafield>"#
            )),
            1,
        ),
    ];
    for (xml, issues) in wild {
        let parsed = read(&xml);
        assert_eq!(parsed.record.values("001").collect::<Vec<_>>(), ["1"], "{xml}");
        assert_eq!(parsed.issues.len(), issues, "{xml}: {:?}", parsed.issues);
    }
}

#[test]
fn of_several_records_the_first_bibliographic_one_is_taken() {
    let holdings = "<record><leader>00000nx  a2200000un 4500</leader></record>";
    let xml =
        format!("<collection xmlns=\"{SLIM}\">{holdings}<record>{BABICKA}</record></collection>");
    let parsed = read(&xml);
    assert_eq!(parsed.record.values("001").next(), Some("nkc20051601234"));
    assert!(parsed.issues[0].message.starts_with("2 records"), "{:?}", parsed.issues);
}

#[test]
fn oai_marc_is_read_as_what_it_means() {
    let parsed = read(
        r#"<oai_marc xmlns="http://www.openarchives.org/OAI/1.1/oai_marc" status="n" type="a" level="m">
        <fixfield id="1">"000123"</fixfield><fixfield id="8">"990101s1999^^^^fi"</fixfield>
        <varfield id="245" i1="1" i2="^"><subfield label="a">Kalevala</subfield></varfield></oai_marc>"#,
    );
    assert_eq!(parsed.issues, []);
    assert_eq!(parsed.record.values("001").next(), Some("000123"));
    assert_eq!(parsed.record.values("008").next(), Some("990101s1999    fi"));
    assert_eq!(parsed.record.field("245").unwrap().indicators(), ['1', ' ']);
    assert_eq!(parsed.record.values("245a").next(), Some("Kalevala"));
}

#[test]
fn a25_what_is_not_marc_is_an_error_that_names_the_record() {
    for xml in ["<mods/>", "", "<record><leader>", "no xml", "<collection/>"] {
        let item = item(xml);
        let error = books().parse(&item, item.payload().unwrap()).unwrap_err();
        assert_eq!(error.identifier.as_deref(), Some("oai:x:1"), "{xml}");
    }
    let deep = format!("<record>{}", "<datafield tag=\"1\">".repeat(1000));
    assert!(MarcRecord::read(&deep).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_makes_it_panic(at in 0_usize..900, junk in "\\PC{0,6}|[<>/&\"a-d]{0,6}", cut in 0_usize..40) {
        let mut xml = record(BABICKA);
        let start = (0..=at.min(xml.len())).rev().find(|at| xml.is_char_boundary(*at)).unwrap();
        let end = (start + cut..=xml.len()).find(|at| xml.is_char_boundary(*at)).unwrap_or(xml.len());
        xml.replace_range(start..end.max(start), &junk);
        if let Ok(Some(parsed)) = MarcRecord::read(&xml) {
            serde_json::to_string(&parsed.record).unwrap();
        }
        let item = item(&xml);
        _ = books().fields(&item, item.payload().unwrap(), &Keys::all());
    }
}
