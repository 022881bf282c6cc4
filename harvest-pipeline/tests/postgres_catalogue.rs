//! The PostgreSQL catalogue does what every catalogue must do.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used)]

mod catalogue_contract;
#[path = "support/postgres.rs"]
mod support;

use harvest_pipeline::PostgresCatalogue;

use self::catalogue_contract::catalogue_contract;
use self::support::Schema;

/// A schema that is dropped with it.
struct Kept(Option<Schema>);

impl Drop for Kept {
    fn drop(&mut self) {
        let Some(schema) = self.0.take() else { return };
        // The test's runtime cannot be waited for from here.
        let dropping = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(schema.drop());
        });
        dropping.join().unwrap();
    }
}

async fn catalogue() -> Option<(PostgresCatalogue, Kept)> {
    let schema = Schema::create().await?;
    let catalogue = PostgresCatalogue::open(&schema.url()).await.unwrap();
    Some((catalogue, Kept(Some(schema))))
}

catalogue_contract!(catalogue);
