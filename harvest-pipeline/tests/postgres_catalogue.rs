//! The PostgreSQL catalogue does what every catalogue must do.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used)]

mod catalogue_contract;
mod postgres_schema;

use harvest_pipeline::PostgresCatalogue;

use self::catalogue_contract::catalogue_contract;
use self::postgres_schema::Schema;

async fn catalogue() -> Option<(PostgresCatalogue, Schema)> {
    let schema = Schema::new().await?;
    Some((PostgresCatalogue::open(&schema.url()).await.unwrap(), schema))
}

catalogue_contract!(catalogue);
