//! Every store does what every store must do.
#![allow(clippy::unwrap_used)]

mod databases;
mod erase;
#[path = "../support/postgres.rs"]
mod postgres_schema;
mod several;

mod memory {
    use std::sync::Arc;

    use harvest_pipeline::store::{ManualClock, MemoryStore};
    use harvest_pipeline::testing::Subject;

    async fn in_memory(clock: ManualClock) -> Option<Subject> {
        Some(Subject::new(Arc::new(MemoryStore::with_clock(clock))))
    }

    harvest_pipeline::store_contract!(in_memory);
}

mod sqlite {
    use std::sync::Arc;

    use harvest_pipeline::store::{ManualClock, SqlStore, SqlStoreOptions};
    use harvest_pipeline::testing::Subject;

    async fn in_a_file(clock: ManualClock) -> Option<Subject> {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("hárvest 100%.db").display());
        let options = SqlStoreOptions::new().with_clock(clock);
        let store = SqlStore::open_with(&url, options).await.unwrap();
        let tidy_up = async move { drop(folder) };
        Some(Subject::new(Arc::new(store)).afterwards(tidy_up))
    }

    harvest_pipeline::store_contract!(in_a_file);
}

mod postgres {
    use std::sync::Arc;

    use harvest_pipeline::store::{ManualClock, SqlStore, SqlStoreOptions};
    use harvest_pipeline::testing::Subject;

    use super::postgres_schema::Schema;

    async fn in_a_schema(clock: ManualClock) -> Option<Subject> {
        let schema = Schema::new().await?;
        let options = SqlStoreOptions::new().with_clock(clock);
        let store = SqlStore::open_with(&schema.url(), options).await.unwrap();
        // Transactions that were given up may still hold it.
        let tidy_up = async { tokio::task::spawn_blocking(|| drop(schema)).await.unwrap() };
        Some(Subject::new(Arc::new(store)).afterwards(tidy_up))
    }

    harvest_pipeline::store_contract!(in_a_schema);
}
