//! Records as tables of comma-separated values.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use harvest_pipeline::parsers::DublinCore;
use harvest_pipeline::sinks::{Column, Csv, CsvTable, JsonLines, Row};
use harvest_pipeline::{Item, Payload, Pipeline, RecordError, Stage, sources};

fn dublin_core(elements: &str) -> Payload {
    let namespaces = "xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" \
                      xmlns:dc=\"http://purl.org/dc/elements/1.1/\"";
    Payload::new("oai_dc", format!("<oai_dc:dc {namespaces}>{elements}</oai_dc:dc>"))
}

fn list() -> Vec<Result<Item, RecordError>> {
    let metadata = dublin_core("<dc:title>a, \"b\"</dc:title><dc:title>=1+1</dc:title>");
    let formula = dublin_core("<dc:title>=HYPERLINK(\"http://x.example\")</dc:title>");
    vec![
        Ok(Item::put("id1", metadata).with_datestamp("2024-01-31").with_sets(["s", "t"])),
        Err(RecordError::new("id2", Stage::Source, "broken")),
        Ok(Item::put("-3", formula)),
        Ok(Item::delete("id4").with_datestamp("2024-02-01")),
    ]
}

async fn written(table: CsvTable, list: Vec<Result<Item, RecordError>>) -> String {
    let sink = Csv::new(Vec::new(), table);
    Pipeline::new(sources::items("s", list)).parse(DublinCore).run(&sink).await.unwrap();
    String::from_utf8(sink.into_inner()).unwrap()
}

fn table() -> CsvTable {
    let fields = [Column::field("title").titled("dc:title"), Column::deleted()];
    CsvTable::new(
        [Column::identifier(), Column::datestamp(), Column::sets()].into_iter().chain(fields),
    )
}

#[tokio::test]
async fn a_table_has_a_header_row_and_the_columns_that_were_chosen() {
    assert_eq!(
        written(table().separator("; "), list()).await,
        "identifier,datestamp,sets,dc:title,deleted\r\n\
         id1,2024-01-31,s; t,\"a, \"\"b\"\"; =1+1\",false\r\n\
         -3,,,\"=HYPERLINK(\"\"http://x.example\"\")\",false\r\n\
         id4,2024-02-01,,,true\r\n"
    );
}

#[tokio::test]
async fn what_a_spreadsheet_could_take_for_a_formula_is_made_text_if_asked() {
    assert_eq!(
        written(table().for_spreadsheets(), list()).await,
        "identifier,datestamp,sets,dc:title,deleted\r\n\
         id1,2024-01-31,s | t,\"a, \"\"b\"\" | =1+1\",false\r\n\
         '-3,,,\"'=HYPERLINK(\"\"http://x.example\"\")\",false\r\n\
         id4,2024-02-01,,,true\r\n"
    );
}

#[tokio::test]
async fn an_empty_list_is_a_table_with_a_head() {
    assert_eq!(written(CsvTable::new([Column::identifier()]), vec![]).await, "identifier\r\n");
}

#[test]
fn fields_are_found_through_lists_and_objects() {
    let item = Item::put("a", Payload::new("x", "<x/>"));
    let source = "s".into();
    let record = r#"{"title": {"value": "T", "lang": "cs"}, "year": 1999, "open": true, "none": null,
                     "creators": [{"names": [{"value": "A"}, {"value": "B"}]}, {"names": ["C"]}]}"#;
    let row = Row::of(&source, &item, chrono::DateTime::UNIX_EPOCH).with_record(record);
    let paths =
        ["title", "year", "open", "none", "creators.names", "creators.roles", "title.value.x"];
    let table = CsvTable::new(
        paths.into_iter().map(Column::field).chain([Column::harvested(), Column::source()]),
    );
    let mut out = Vec::new();
    table.write_row(&row, &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "T,1999,true,,A | B | C,,,1970-01-01T00:00:00Z,s\r\n"
    );
}

#[tokio::test]
async fn json_lines_hold_the_parsed_record_if_asked() {
    let sink = JsonLines::new(Vec::new()).with_record();
    Pipeline::new(sources::items("s", list())).parse(DublinCore).run(&sink).await.unwrap();
    let text = String::from_utf8(sink.into_inner()).unwrap();
    let lines: Vec<_> =
        text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["record"]["title"][1], "=1+1");
    assert!(lines[0]["metadata"].as_str().unwrap().starts_with("<oai_dc:dc"));
    assert!(lines[2]["record"].is_null() && lines[2]["deleted"] == true);
}
