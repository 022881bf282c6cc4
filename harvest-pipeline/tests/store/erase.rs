//! Sources that are erased where their records lie in the same database.

use std::any::Any;

use futures_util::TryStreamExt;
use harvest_pipeline::parsers::ByFormat;
use harvest_pipeline::store::{
    Harvested, Page, RunKind, RunRequest, RunStore, SourceDefinition, SourceStore, SqlStore,
};
use harvest_pipeline::{
    Catalogue, Item, Payload, Pipeline, PostgresCatalogue, Query, RecordError, RecordQuery, Resume,
    RunId, SqliteCatalogue, Stage, StoredRecord, sources,
};
use serde_json::json;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, AssertSqlSafe, Row};

use super::postgres_schema::Schema;

/// A database with a store, a catalogue, and a way to look into it.
struct Place {
    store: SqlStore,
    catalogue: Box<dyn Catalogue>,
    rows: AnyPool,
    versions: &'static str,
    /// Lives as long as the test.
    _kept: Box<dyn Any + Send + Sync>,
}

impl Place {
    async fn all() -> Vec<Self> {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("harvest.db").display());
        let catalogue = Box::new(SqliteCatalogue::open(&url).await.unwrap());
        let mut places = vec![Self::at(&url, catalogue, "versions", Box::new(folder)).await];
        if let Some(schema) = Schema::new().await {
            let url = schema.url();
            let catalogue = Box::new(PostgresCatalogue::open(&url).await.unwrap());
            places.push(Self::at(&url, catalogue, "record_versions", Box::new(schema)).await);
        }
        places
    }

    async fn at(
        url: &str,
        catalogue: Box<dyn Catalogue>,
        versions: &'static str,
        kept: Box<dyn Any + Send + Sync>,
    ) -> Self {
        let store = SqlStore::open(url).await.unwrap();
        for id in ["a", "b"] {
            let options = json!({"url": format!("https://{id}.example/oai")});
            store.add_source(&SourceDefinition::new(id, "oai-pmh", options)).await.unwrap();
        }
        let rows = AnyPoolOptions::new().max_connections(1).connect(url).await.unwrap();
        Self { store, catalogue, rows, versions, _kept: kept }
    }

    async fn harvest(&self, source: &str, items: Vec<Result<Item, RecordError>>) {
        let source = sources::items(source, items);
        let pipeline = Pipeline::new(source).parse(ByFormat::new()).resume(Resume::Afresh);
        pipeline.run(&*self.catalogue).await.unwrap();
        self.catalogue.index().await.unwrap();
    }

    async fn records(&self, source: &str) -> Vec<StoredRecord> {
        self.catalogue.records(Query::all().of(source)).try_collect().await.unwrap()
    }

    async fn found(&self, source: &str, text: &str) -> usize {
        let mut query = RecordQuery::default();
        query.source = Some(source.into());
        query.text = Some(text.to_owned());
        query.page = Page::first(1000);
        self.catalogue.list(&query).await.unwrap().len()
    }

    async fn count(&self, rows: &str) -> i64 {
        let query = AssertSqlSafe(format!("SELECT count(*) FROM {rows}"));
        sqlx::query(query).fetch_one(&self.rows).await.unwrap().try_get(0).unwrap()
    }

    async fn runs(&self, source: &str) -> Vec<RunId> {
        let mut query = harvest_pipeline::store::RunQuery::default();
        query.source = Some(source.into());
        self.store.runs(&query).await.unwrap().into_iter().map(|run| run.id).collect()
    }
}

/// So many records that a dictionary is made of them, every other the same in all sources.
fn records(source: &str, step: &str) -> Vec<Result<Item, RecordError>> {
    let record = |n: usize| {
        let title =
            if n.is_multiple_of(2) { "common".to_owned() } else { format!("{source} own {step}") };
        let body = format!(
            "<oai_dc:dc xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" \
             xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>{title} {n}</dc:title>\
             </oai_dc:dc>"
        );
        Ok(Item::put(format!("id{n:04}"), Payload::new("oai_dc", body)))
    };
    (0..300).map(record).collect()
}

fn failed() -> Result<Item, RecordError> {
    Err(RecordError::new("id9999", Stage::Source, "it cannot be had"))
}

#[tokio::test]
async fn an_erased_source_takes_its_records_along_and_no_others() {
    for place in Place::all().await {
        for source in ["a", "b"] {
            place.harvest(source, records(source, "first")).await;
        }
        place.harvest("a", records("a", "second")).await;
        place.harvest("a", vec![failed(), Ok(Item::delete("id0001"))]).await;
        let others = place.records("b").await;
        let last = place.runs("a").await[0];
        assert_eq!((place.found("a", "own").await, place.found("b", "own").await), (149, 150));

        let erased = place.store.erase_source(&"a".into(), Harvested::Erase).await.unwrap();
        assert_eq!((erased.records, erased.runs), (300, 3), "{:?}", place.store);
        assert!(place.records("a").await.is_empty());
        assert_eq!((place.found("a", "own").await, place.found("b", "own").await), (0, 150));
        assert!(place.runs("a").await.is_empty());
        assert_eq!(place.records("b").await, others, "{:?}", place.store);
        assert!(place.catalogue.summary(&"a".into()).await.unwrap().is_none());
        for (rows, expected) in [
            ("sources", 1),
            ("records", 300),
            (place.versions, 0),
            ("payloads", 300),
            ("record_errors", 0),
            ("runs", 1),
        ] {
            assert_eq!(place.count(rows).await, expected, "{rows} in {:?}", place.store);
        }
        // What comes next is numbered behind, and found.
        let options = json!({"url": "https://a.example/oai"});
        place.store.add_source(&SourceDefinition::new("a", "oai-pmh", options)).await.unwrap();
        place.harvest("a", records("a", "third")).await;
        assert!(place.runs("a").await[0] > last);
        assert_eq!(place.found("a", "own third").await, 150, "{:?}", place.store);
        assert_eq!(place.records("a").await.len(), 300);
    }
}

#[tokio::test]
async fn the_records_of_an_erased_source_can_stay() {
    for place in Place::all().await {
        place.harvest("a", records("a", "first")).await;
        place.harvest("a", records("a", "second")).await;
        place.harvest("a", vec![failed()]).await;
        let before = place.records("a").await;
        let erased = place.store.erase_source(&"a".into(), Harvested::Keep).await.unwrap();
        // The last brought nothing that stays.
        assert_eq!((erased.records, erased.runs), (0, 1), "{:?}", place.store);
        assert_eq!(place.store.source(&"a".into()).await.unwrap(), None);
        assert_eq!(place.records("a").await, before, "{:?}", place.store);
        assert_eq!(place.found("a", "own").await, 150);
        let versions = place.catalogue.versions(&"a".into(), "id0001").await.unwrap();
        assert_eq!(versions.len(), 2);
        assert!(place.catalogue.errors(&"a".into(), true).await.unwrap().is_empty());

        // Whoever sets up a source of this name has them.
        let options = json!({"url": "https://a.example/oai"});
        let again = SourceDefinition::new("a", "oai-pmh", options);
        assert_eq!(place.store.add_source(&again).await.unwrap().checkpoint, None);
        let asked = RunRequest::new("a", RunKind::Harvest);
        let run = place.store.request_run(&asked).await.unwrap().run();
        place.store.cancel_run(run).await.unwrap();
        place.store.erase_source(&"a".into(), Harvested::Erase).await.unwrap();
        assert_eq!(place.count("records").await, 0);
        assert_eq!(place.count("runs").await, 0);
    }
}
