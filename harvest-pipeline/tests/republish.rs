//! What was harvested is published again, and harvested again.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use harvest_pipeline::{CatalogueRepository, OaiPmhSource, Pipeline, Shelf, SqliteCatalogue};
use oai_pmh::provider::{Failure, Key, MemoryRepository, Provider, Repository, Touch};
use oai_pmh::{Client, Datestamp, Header, Identify, MetadataFormat, Record, Selection};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use support::Direct;

const KEY: &[u8] = b"a key of sixteen bytes or more";
const SOURCE: &str = "source";

fn identify(host: &str) -> Identify {
    Identify::new(host, format!("http://{host}/oai"), "a@x.org")
}

fn origin(count: usize) -> MemoryRepository {
    let repository = MemoryRepository::new(identify("first.org"), [MetadataFormat::oai_dc()]);
    for n in 0..count {
        let stamp: Datestamp = "2020-01-31T12:00:00Z".parse().unwrap();
        let header = Header::new(format!("oai:x:{n:03}"), stamp).sets([["a:b", "ab"][n % 2]]);
        let record = Record::new(header, &format!("<m xmlns='urn:m'>{n} &amp; more</m>")).unwrap();
        let record = record.about("<rights xmlns='urn:r'/>").unwrap();
        repository.put("oai_dc", record).unwrap();
    }
    repository
}

async fn harvest(from: impl Repository + 'static, host: &str, into: &Path) -> SqliteCatalogue {
    let provider = Provider::new(from, KEY).unwrap().page_records(20);
    let base = format!("http://{host}/oai").parse().unwrap();
    let client = Client::with_transport(base, Direct(provider));
    let source = OaiPmhSource::new(client, Selection::prefix("oai_dc")).named(SOURCE);
    let catalogue = SqliteCatalogue::open(into).await.unwrap();
    Pipeline::new(source).run(&catalogue).await.unwrap();
    catalogue
}

fn published(catalogue: &SqliteCatalogue, host: &str) -> CatalogueRepository {
    CatalogueRepository::new(Arc::new(catalogue.clone()), identify(host))
        .publish(Shelf::new(SOURCE, vec![MetadataFormat::oai_dc()]))
}

async fn all(repository: &impl Repository, selection: &Selection) -> Vec<Record> {
    let (mut records, mut after) = (Vec::new(), None::<Key>);
    loop {
        let page: Result<_, Failure> = repository.page(selection, after.as_ref(), 7).await;
        let page = page.unwrap();
        if page.is_empty() {
            return records;
        }
        records.extend(page);
        after = Key::of(&records.last().unwrap().header);
    }
}

#[tokio::test]
async fn records_go_from_catalogue_to_catalogue_with_all_they_come_with() {
    let folder = tempfile::tempdir().unwrap();
    let began = Datestamp::second(Utc::now());
    let first = origin(50);
    first.delete("oai:x:007", "2020-02-01T00:00:00Z".parse::<Datestamp>().unwrap());
    let second = harvest(first.clone(), "first.org", &folder.path().join("2.db")).await;
    let third =
        harvest(published(&second, "second.org"), "second.org", &folder.path().join("3.db")).await;
    let third = published(&third, "third.org");

    let records = all(&third, &Selection::prefix("oai_dc")).await;
    assert_eq!(records.len(), 50);
    for record in &records {
        let Header { identifier, datestamp, sets, is_deleted, .. } = &record.header;
        // However old the source says it is, here it is new.
        assert!(datestamp.as_ref().unwrap().time() >= began.time());
        let original = first.record(identifier, "oai_dc").await.unwrap().unwrap();
        assert_eq!((sets, *is_deleted), (&original.header.sets, original.header.is_deleted));
        assert_eq!(record.metadata, original.metadata);
        if *is_deleted {
            assert!(record.abouts.is_empty());
            continue;
        }
        let [rights, provenance] = record.abouts.as_slice() else { panic!("{:?}", record.abouts) };
        assert_eq!(rights, &original.abouts[0]);
        let provenance = provenance.standalone();
        let second = provenance.find("<baseURL>http://second.org/oai</baseURL>").unwrap();
        let first = provenance.find("<baseURL>http://first.org/oai</baseURL>").unwrap();
        assert!(second < first, "{provenance}");
        assert!(provenance[first..].contains("<datestamp>2020-01-31T12:00:00Z</datestamp>"));
    }
    let in_set = all(&third, &Selection::prefix("oai_dc").set("a")).await;
    assert_eq!(in_set.len(), 25);
    assert_eq!(third.count(&Selection::prefix("oai_dc").set("a")).await.unwrap(), Some(25));
}

#[tokio::test]
async fn what_is_touched_is_listed_again() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = harvest(origin(10), "first.org", &folder.path().join("2.db")).await;
    let repository = published(&catalogue, "second.org");
    let later = Utc::now() + TimeDelta::hours(1);
    assert_eq!(repository.touch_items(&["oai:x:003", "oai:x:999"], later).await.unwrap(), 1);
    assert_eq!(repository.touch_set("a", later + TimeDelta::hours(1)).await.unwrap(), 5);
    let window = oai_pmh::Window::new(Some(Datestamp::second(later)), None).unwrap();
    let listed = all(&repository, &Selection::prefix("oai_dc").window(window)).await;
    let listed: Vec<_> = listed.iter().map(|it| &it.header.identifier[6..]).collect();
    assert_eq!(listed, ["003", "000", "002", "004", "006", "008"]);
}

#[tokio::test]
async fn a_catalogue_from_before_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut old = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(include_str!("../src/sqlite/migrations/0001_catalogue.sql"))
        .execute(&mut old)
        .await
        .unwrap();
    let rows = format!(
        "PRAGMA user_version = 1; PRAGMA application_id = 0x48727650;
         INSERT INTO sources (id, name) VALUES (1, '{SOURCE}');
         INSERT INTO runs (id, source, state, started, ended)
            VALUES (1, 1, 'succeeded', '2021-05-06T07:00:00.000Z', '2021-05-06T07:09:00.000Z'),
                   (2, 1, 'interrupted', '2021-05-07T07:00:00.000Z', '2021-05-07T07:09:00.000Z');
         INSERT INTO pages (id, run, number, received) VALUES (1, 1, 0, '2021-05-06T07:08:09.123Z');
         INSERT INTO payloads (id, place, hash, size, codec, refs, body)
            VALUES (1, 1, x'00', 5, 0, 10, CAST('<dc/>' AS BLOB));
         INSERT INTO records (source, identifier, deleted, datestamp, format, digest, payload, page,
                first_run, last_run)
            SELECT 1, 'oai:x:' || value, 0, '2020-01-31', 'oai_dc', zeroblob(16), 1, 1, 1, 1
            FROM json_each('[0,1,2,3,4,5,6,7,8,9]')"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&mut old).await.unwrap();
    old.close().await.unwrap();
    let catalogue = SqliteCatalogue::open_existing(&file).await.unwrap();
    let last = catalogue.sources().await.unwrap().remove(0).last_run.unwrap();
    assert_eq!((last.id, &*last.state), (2, "failed"));
    assert_eq!(last.started, "2021-05-07T07:00:00.000Z");
    let records = all(&published(&catalogue, "second.org"), &Selection::prefix("oai_dc")).await;
    assert_eq!(records.len(), 10);
    for record in records {
        assert_eq!(record.header.datestamp.unwrap().to_string(), "2021-05-06T07:08:09Z");
    }
}
