//! Records as Parquet, read back by the reader of another program's library.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use std::fs::File;
use std::path::Path;

use harvest_pipeline::parsers::DublinCore;
use harvest_pipeline::sinks::{Parquet, ParquetFile, Row};
use harvest_pipeline::{Item, Payload, Pipeline, RecordError, Stage, sources};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};

fn read(path: &Path) -> Vec<Value> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row_as_json(&row.unwrap())).collect()
}

fn row_as_json(row: &parquet::record::Row) -> Value {
    use parquet::record::Field;
    let value = |field: &Field| match field {
        Field::Null => Value::Null,
        Field::Bool(yes) => json!(yes),
        Field::Str(text) => json!(text),
        Field::Bytes(bytes) => json!(bytes.as_utf8().unwrap()),
        Field::TimestampMicros(time) => json!(time),
        Field::ListInternal(list) => list
            .elements()
            .iter()
            .map(|element| match element {
                Field::Str(text) => text.clone(),
                other => panic!("{other:?}"),
            })
            .collect(),
        other => panic!("{other:?}"),
    };
    row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect()
}

fn put(id: &str, title: &str) -> Item {
    let namespaces = "xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" \
                      xmlns:dc=\"http://purl.org/dc/elements/1.1/\"";
    let body = format!("<oai_dc:dc {namespaces}><dc:title>{title}</dc:title></oai_dc:dc>");
    Item::put(id, Payload::new("oai_dc", body))
}

#[tokio::test]
async fn records_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.parquet");
    let list = vec![
        Ok(put("a", "čtyři").with_datestamp("2024-01-31").with_sets(["s", "t"])),
        Err(RecordError::new("b", Stage::Source, "broken")),
        Ok(put("c", "")),
        Ok(Item::delete("d").with_datestamp("2024-02-01").with_sets(["s"])),
    ];
    let sink = Parquet::create(&path).unwrap();
    let source = sources::items("the source", list);
    let summary = Pipeline::new(source).parse(DublinCore).run(&sink).await.unwrap();
    assert_eq!((summary.counters.created, summary.counters.failed), (2, 1));
    assert!(!path.exists());
    sink.close().await.unwrap();

    let rows = read(&path);
    let of = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("identifier"), ["a", "c", "d"]);
    assert_eq!(of("datestamp"), [json!("2024-01-31"), Value::Null, json!("2024-02-01")]);
    assert_eq!(of("sets"), [json!(["s", "t"]), json!([]), json!(["s"])]);
    assert_eq!(of("deleted"), [json!(false), json!(false), json!(true)]);
    assert_eq!(of("format"), [json!("oai_dc"), json!("oai_dc"), Value::Null]);
    assert_eq!(of("source"), ["the source"; 3]);
    assert!(rows[0]["metadata"].as_str().unwrap().contains("čtyři"));
    let record: Value = serde_json::from_str(rows[0]["record"].as_str().unwrap()).unwrap();
    assert_eq!(record["title"][0], "čtyři");
    assert!(rows[2]["metadata"].is_null() && rows[2]["record"].is_null());
    let harvested = rows[0]["harvested"].as_i64().unwrap();
    assert!((harvested / 1_000_000 - summary.started.timestamp()).abs() < 600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn rows_are_written_as_soon_as_they_make_a_row_group() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.parquet");
    let mut file = ParquetFile::create(&path).unwrap().row_group(10_000);
    let body = "x".repeat(1000);
    let items: Vec<_> = (0..95).map(|n| put(&format!("id{n}"), &body)).collect();
    let source = "s".into();
    for item in &items {
        file.push(&Row::of(&source, item, chrono::Utc::now())).unwrap();
    }
    let partial = folder.path().join("records.parquet.partial");
    assert!(std::fs::metadata(&partial).unwrap().len() > 0);
    file.close().unwrap();
    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let metadata = reader.metadata();
    assert_eq!(metadata.file_metadata().num_rows(), 95);
    let sizes: Vec<_> = metadata.row_groups().iter().map(|group| group.num_rows()).collect();
    assert!(sizes.len() > 9 && sizes.iter().all(|rows| *rows <= 10), "{sizes:?}");
    assert_eq!(read(&path).len(), 95);
}

#[tokio::test]
async fn a_file_that_is_not_closed_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.parquet");
    let write = async |items: Vec<Item>| {
        let sink = Parquet::create(&path).unwrap();
        Pipeline::new(sources::items("s", items)).run(&sink).await.unwrap();
        sink
    };
    write(vec![put("a", "1"), put("b", "2")]).await.close().await.unwrap();
    drop(write(vec![put("c", "3")]).await);
    assert_eq!(read(&path).len(), 2);
    write(vec![]).await.close().await.unwrap();
    assert_eq!(read(&path).len(), 0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_never_a_short_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.parquet");
    // Writes to it fail with "no space left on device".
    std::os::unix::fs::symlink("/dev/full", folder.path().join("records.parquet.partial")).unwrap();
    let mut file = ParquetFile::create(&path).unwrap().row_group(1);
    let (source, item) = ("s".into(), put("a", &"x".repeat(100_000)));
    let mut push = || file.push(&Row::of(&source, &item, chrono::Utc::now()));
    let error = (0..100).find_map(|_| push().err()).unwrap();
    assert!(error.message().contains("records.parquet"), "{error}");
    push().unwrap_err();
    file.close().unwrap_err();
    assert!(!path.exists());
}
