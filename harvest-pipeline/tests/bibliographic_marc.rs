//! MARC 21 and Dublin Core into the one bibliographic model, processor by processor.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use harvest_pipeline::parsers::{
    AgentKind, Bibliographic, Date, DateKind, DublinCoreRecord, Identifier, TitleKind,
    marc_to_bibliographic,
};
use harvest_pipeline::{IssueLevel, Item, Keys, Parsed, Parser, Payload};
use proptest::prelude::*;

const HEAD: &str = "<leader>00714nam a2200217 a 4500</leader>";

/// Babička, as a Czech library writes it.
const CZECH: &str = r#"
  <controlfield tag="001">nkc20051601234</controlfield>
  <controlfield tag="008">050906s2005    xr ac  g      000 1 cze  </controlfield>
  <datafield tag="020" ind1=" " ind2=" "><subfield code="a">80-7360-245-1 (váz.) :</subfield><subfield code="c">Kč 199,00</subfield></datafield>
  <datafield tag="041" ind1="1" ind2=" "><subfield code="a">cze</subfield><subfield code="h">ger</subfield></datafield>
  <datafield tag="100" ind1="1" ind2=" "><subfield code="a">Němcová, Božena,</subfield><subfield code="d">1820-1862</subfield><subfield code="7">jk01082432</subfield><subfield code="4">aut</subfield></datafield>
  <datafield tag="245" ind1="1" ind2="0"><subfield code="a">Babička :</subfield><subfield code="b">obrazy venkovského života /</subfield><subfield code="c">Božena Němcová</subfield></datafield>
  <datafield tag="250" ind1=" " ind2=" "><subfield code="a">V tomto uspoř. 1. vyd.</subfield></datafield>
  <datafield tag="260" ind1=" " ind2=" "><subfield code="a">Praha :</subfield><subfield code="b">Levné knihy,</subfield><subfield code="c">2005</subfield></datafield>
  <datafield tag="300" ind1=" " ind2=" "><subfield code="a">213 s. ;</subfield><subfield code="c">21 cm</subfield></datafield>
  <datafield tag="648" ind1=" " ind2="7"><subfield code="a">1801-1850</subfield><subfield code="2">czenas</subfield></datafield>
  <datafield tag="653" ind1=" " ind2=" "><subfield code="a">venkov</subfield><subfield code="a">tradice</subfield></datafield>
  <datafield tag="655" ind1=" " ind2="7"><subfield code="a">české povídky</subfield><subfield code="7">fd133975</subfield><subfield code="2">czenas</subfield></datafield>
  <datafield tag="700" ind1="1" ind2=" "><subfield code="a">Špála, Václav,</subfield><subfield code="d">1885-1946</subfield><subfield code="4">ill</subfield></datafield>"#;

/// An article, as an English repository writes it.
const ENGLISH: &str = r#"
  <controlfield tag="001">1234</controlfield>
  <controlfield tag="008">190114s2018    xxu     o     000 0 eng d</controlfield>
  <datafield tag="022" ind1=" " ind2=" "><subfield code="a">0028-0836</subfield></datafield>
  <datafield tag="024" ind1="7" ind2=" "><subfield code="a">10.5555/abc.1</subfield><subfield code="2">doi</subfield></datafield>
  <datafield tag="110" ind1="2" ind2=" "><subfield code="a">Example University.</subfield><subfield code="b">Library.</subfield></datafield>
  <datafield tag="240" ind1="1" ind2="0"><subfield code="a">Works.</subfield><subfield code="l">English</subfield></datafield>
  <datafield tag="245" ind1="1" ind2="4"><subfield code="a">The harvest.</subfield><subfield code="n">Part 2,</subfield><subfield code="p">Storms</subfield></datafield>
  <datafield tag="246" ind1="3" ind2=" "><subfield code="a">Harvest</subfield></datafield>
  <datafield tag="264" ind1=" " ind2="1"><subfield code="a">Oxford :</subfield><subfield code="b">Example Press,</subfield><subfield code="c">[2018]</subfield></datafield>
  <datafield tag="264" ind1=" " ind2="4"><subfield code="c">©2017</subfield></datafield>
  <datafield tag="506" ind1="0" ind2=" "><subfield code="a">Open access.</subfield><subfield code="2">star</subfield></datafield>
  <datafield tag="520" ind1="3" ind2=" "><subfield code="a">What grows when it rains.</subfield></datafield>
  <datafield tag="540" ind1=" " ind2=" "><subfield code="a">CC BY 4.0</subfield><subfield code="u">https://creativecommons.org/licenses/by/4.0/</subfield></datafield>
  <datafield tag="650" ind1=" " ind2="0"><subfield code="a">Crops</subfield><subfield code="z">England</subfield><subfield code="y">20th century.</subfield></datafield>
  <datafield tag="651" ind1=" " ind2="7"><subfield code="a">Oxford</subfield><subfield code="2">fast</subfield><subfield code="1">http://id.example.org/ox</subfield></datafield>
  <datafield tag="711" ind1="2" ind2=" "><subfield code="a">Harvest Days</subfield><subfield code="d">(2017 :</subfield><subfield code="c">Oxford)</subfield></datafield>
  <datafield tag="700" ind1="1" ind2="2"><subfield code="a">Field, Ann.</subfield><subfield code="t">Rain and thunder.</subfield></datafield>
  <datafield tag="773" ind1="0" ind2=" "><subfield code="t">Nature.</subfield><subfield code="g">Vol. 12, no. 3</subfield><subfield code="q">12:3&lt;45</subfield><subfield code="x">0028-0836</subfield></datafield>
  <datafield tag="856" ind1="4" ind2="0"><subfield code="u">https://repository.example.org/1.pdf</subfield><subfield code="q">application/pdf</subfield><subfield code="y">Full text</subfield></datafield>
  <datafield tag="856" ind1="4" ind2="2"><subfield code="u">https://repository.example.org/about</subfield></datafield>"#;

/// A Japanese book with its names and titles in Latin script and, in 880, in its own.
const JAPANESE: &str = r#"
  <controlfield tag="001">jpn0001</controlfield>
  <controlfield tag="008">120401s1906    ja            000 1 jpn  </controlfield>
  <datafield tag="100" ind1="1" ind2=" "><subfield code="6">880-01</subfield><subfield code="a">Natsume, Sōseki,</subfield><subfield code="d">1867-1916.</subfield></datafield>
  <datafield tag="245" ind1="1" ind2="0"><subfield code="6">880-02</subfield><subfield code="a">Botchan /</subfield></datafield>
  <datafield tag="880" ind1="1" ind2=" "><subfield code="6">100-01/$1</subfield><subfield code="a">夏目, 漱石</subfield></datafield>
  <datafield tag="880" ind1="1" ind2="0"><subfield code="6">245-02/$1</subfield><subfield code="a">坊っちゃん /</subfield></datafield>
  <datafield tag="880" ind1=" " ind2=" "><subfield code="6">庭</subfield></datafield>"#;

fn xml(fields: &str) -> String {
    format!("<record xmlns=\"http://www.loc.gov/MARC21/slim\">{HEAD}{fields}</record>")
}

fn parse(fields: &str) -> Parsed<Bibliographic> {
    let item = Item::put("oai:x:1", Payload::new("marc21", xml(fields)));
    marc_to_bibliographic().build().unwrap().parse(&item, item.payload().unwrap()).unwrap()
}

fn read(fields: &str) -> Bibliographic {
    let parsed = parse(fields);
    assert_eq!(parsed.issues, []);
    parsed.record
}

#[test]
fn identifiers_are_the_control_number_and_the_standard_numbers() {
    assert_eq!(
        read(CZECH).identifiers,
        [
            Identifier::new("ControlNumber", "nkc20051601234"),
            Identifier::new("ISBN", "80-7360-245-1")
        ]
    );
    let english = read(ENGLISH);
    assert_eq!(english.identifier("issn"), Some("0028-0836"));
    assert_eq!(english.identifier("DOI"), Some("10.5555/abc.1"));
}

#[test]
fn a_cancelled_number_identifies_nothing() {
    let cancelled =
        r#"<datafield tag="020" ind1=" " ind2=" "><subfield code="z">80-0</subfield></datafield>"#;
    assert_eq!(read(cancelled).identifiers, []);
}

#[test]
fn languages_come_from_both_places_once() {
    assert_eq!(read(CZECH).languages, ["cze"]);
    let old = r#"<datafield tag="041" ind1="0" ind2=" "><subfield code="a">engfre</subfield></datafield>"#;
    assert_eq!(read(old).languages, ["eng", "fre"]);
}

#[test]
fn names_are_creators_and_contributors_of_their_kind() {
    let czech = read(CZECH);
    let author = &czech.creators[0];
    assert_eq!(author.names[0].value, "Němcová, Božena");
    assert_eq!((&*author.family[0].value, &*author.given[0].value), ("Němcová", "Božena"));
    assert_eq!(author.identifiers[0].value, "jk01082432");
    assert_eq!((author.kind, &*author.roles), (Some(AgentKind::Person), &["aut".to_owned()][..]));
    assert_eq!(czech.contributors[0].names[0].value, "Špála, Václav");
    assert_eq!(czech.contributors[0].roles, ["ill"]);
    let english = read(ENGLISH);
    assert_eq!(english.creators[0].names[0].value, "Example University. Library");
    assert_eq!(english.creators[0].kind, Some(AgentKind::Organisation));
    assert_eq!(english.contributors[0].names[0].value, "Harvest Days (2017 : Oxford)");
    assert_eq!(english.contributors[0].kind, Some(AgentKind::Meeting));
}

#[test]
fn a_name_with_a_title_is_another_work() {
    let english = read(ENGLISH);
    assert_eq!(english.contributors.len(), 1);
    assert_eq!(english.relations[0].titles[0].value, "Rain and thunder");
}

#[test]
fn titles_are_joined_and_have_their_kind() {
    assert_eq!(read(CZECH).title(), Some("Babička : obrazy venkovského života"));
    let english = read(ENGLISH);
    let titles: Vec<_> = english.titles.iter().map(|t| (&*t.text.value, &t.kind)).collect();
    assert_eq!(
        titles,
        [
            ("Works", &TitleKind::Uniform),
            ("The harvest. Part 2, Storms", &TitleKind::Main),
            ("Harvest", &TitleKind::Alternative)
        ]
    );
    assert_eq!(english.title(), Some("The harvest. Part 2, Storms"));
}

#[test]
fn publication_gives_publishers_dates_edition_and_extent() {
    let czech = read(CZECH);
    assert_eq!(czech.publishers[0].value, "Levné knihy");
    assert_eq!(czech.dates, [Date::new(DateKind::Issued, "2005")]);
    assert_eq!(czech.version.unwrap().text.value, "V tomto uspoř. 1. vyd.");
    assert_eq!(czech.extents[0].value, "213 s. ; 21 cm");
    assert_eq!(
        read(ENGLISH).dates,
        [Date::new(DateKind::Issued, "2018"), Date::new(DateKind::Copyrighted, "2017")]
    );
}

#[test]
fn the_host_has_title_issn_and_place_in_it() {
    let host = read(ENGLISH).host.unwrap();
    assert_eq!(host.titles[0].value, "Nature");
    assert_eq!(host.identifiers, [Identifier::new("ISSN", "0028-0836")]);
    assert_eq!((host.volume.as_deref(), host.issue.as_deref()), (Some("12"), Some("3")));
    assert_eq!(host.first_page.as_deref(), Some("45"));
    assert_eq!(host.part.as_deref(), Some("Vol. 12, no. 3"));
}

#[test]
fn subjects_have_their_vocabulary_and_genres_are_types() {
    let czech = read(CZECH);
    let subjects: Vec<_> =
        czech.subjects.iter().map(|s| (&*s.text.value, s.scheme.as_deref())).collect();
    assert_eq!(subjects, [("1801-1850", Some("czenas")), ("venkov", None), ("tradice", None)]);
    assert_eq!(czech.types[0].text.value, "české povídky");
    let english = read(ENGLISH);
    assert_eq!(english.subjects[0].text.value, "Crops--England--20th century");
    assert_eq!(english.subjects[0].scheme.as_deref(), Some("LCSH"));
    assert_eq!(english.subjects[1].uri.as_deref(), Some("http://id.example.org/ox"));
}

#[test]
fn access_rights_abstract_and_files() {
    let english = read(ENGLISH);
    assert_eq!(english.access.unwrap().text.value, "Open access");
    assert_eq!(
        english.rights[0].uri.as_deref(),
        Some("https://creativecommons.org/licenses/by/4.0/")
    );
    assert_eq!(english.descriptions[0].text.value, "What grows when it rains.");
    assert_eq!(english.files.len(), 1);
    assert_eq!(english.files[0].media_type.as_deref(), Some("application/pdf"));
    assert_eq!(english.relations[1].identifiers[0].value, "https://repository.example.org/about");
}

#[test]
fn the_script_of_the_original_stands_beside_the_latin_one() {
    let work = read(JAPANESE);
    let names: Vec<_> = work.creators[0].names.iter().map(|name| &*name.value).collect();
    assert_eq!(names, ["Natsume, Sōseki", "夏目, 漱石"]);
    let titles: Vec<_> = work.titles.iter().map(|title| &*title.text.value).collect();
    assert_eq!(titles, ["Botchan", "坊っちゃん"]);
}

#[test]
fn a_field_without_what_makes_it_one_is_left_out_and_reported() {
    for tag in ["100", "245", "024", "540", "650", "773", "856"] {
        let parsed = parse(&format!(
            r#"{CZECH}<datafield tag="{tag}" ind1=" " ind2=" "><subfield code="9">x</subfield></datafield>"#
        ));
        assert_eq!(parsed.issues.len(), 1, "{tag}: {:?}", parsed.issues);
        assert_eq!(
            (parsed.issues[0].level, &*parsed.issues[0].path),
            (IssueLevel::FieldError, tag)
        );
        assert_eq!(parsed.record, read(CZECH));
    }
}

#[test]
fn as_json_missing_parts_are_left_out() {
    let json = serde_json::to_string(&read(JAPANESE)).unwrap();
    assert_eq!(
        json,
        r#"{"identifiers":[{"scheme":"ControlNumber","value":"jpn0001"}],"titles":[{"text":"Botchan"},{"text":"坊っちゃん"}],"creators":[{"names":["Natsume, Sōseki","夏目, 漱石"],"family":["Natsume"],"given":["Sōseki"],"kind":"person"}],"dates":[{"value":"1906","kind":"Issued"}],"languages":["jpn"]}"#
    );
}

#[test]
fn dublin_core_is_taken_over_element_by_element() {
    let dc = DublinCoreRecord::read(
        r#"<dc xmlns="http://purl.org/dc/elements/1.1/"><title xml:lang="cs">Babička</title>
        <creator>Němcová, Božena</creator><date>1855</date><identifier>https://doi.org/10.5555/1</identifier>
        <identifier>http://repository.example.org/1</identifier><identifier>A 12</identifier>
        <source>Sebrané spisy</source><type>Text</type></dc>"#,
    );
    let work = Bibliographic::from(dc.unwrap().unwrap().record);
    assert_eq!(work.titles[0].text.lang.as_deref(), Some("cs"));
    assert_eq!(work.dates[0].kind, None);
    let schemes: Vec<_> = work.identifiers.iter().map(|id| id.scheme.as_deref()).collect();
    assert_eq!(schemes, [Some("DOI"), Some("URI"), None]);
    assert_eq!(work.relations[0].kind.as_deref(), Some("source"));
    let fields = work.fields(&Keys::all());
    assert_eq!(fields.get("creator"), ["Němcová, Božena"]);
    assert_eq!(fields.get("relation"), ["Sebrané spisy"]);
    assert!(fields.get("access").is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_values_make_it_panic(tag in "[0-9]{3}|0(01|08|2[024]|41)|[17](00|10|11|73)|880|856", ind in "[0-9 ]", code in "[a-z0-9]", value in "\\PC{0,50}|[0-9c.©\\[\\]:;,/ <(-]{0,50}") {
        let value = value.replace('&', "&amp;").replace('<', "&lt;");
        let item = Item::put("x", Payload::new("marc21", xml(&format!(
            r#"{ENGLISH}<controlfield tag="{tag}">{value}</controlfield><datafield tag="{tag}" ind1="{ind}" ind2="{ind}"><subfield code="6">{tag}</subfield><subfield code="{code}">{value}</subfield><subfield code="a">{value}</subfield></datafield>"#
        ))));
        let parsed = marc_to_bibliographic().build().unwrap().parse(&item, item.payload().unwrap());
        serde_json::to_string(&parsed.unwrap().record).unwrap();
    }
}
