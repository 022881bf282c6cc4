//! Where an installation keeps things: all in the database that its settings name.

use std::sync::Arc;

use chrono::Utc;
use harvest_pipeline::store::{SqlStore, Store};
use harvest_pipeline::{Catalogue, SqliteCatalogue};

use super::settings::Settings;
use crate::accounts::Accounts;
use crate::database;
use crate::report::Failure;

/// Where an installation keeps things.
#[derive(Debug)]
pub(crate) struct Stores {
    /// Sources, runs, and what happened.
    pub(crate) store: Arc<dyn Store>,
    /// The records.
    pub(crate) catalogue: Arc<dyn Catalogue>,
    /// Who may use it.
    pub(crate) accounts: Accounts,
    sql: SqlStore,
    sqlite: SqliteCatalogue,
}

impl Stores {
    /// Opens the database, and creates the first administrator in a new one.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let (sqlite, accounts) = open(settings).await?;
        if let Some((name, secret)) = accounts.begin(Utc::now()).await? {
            // Not by the console: this must be seen even where nothing else is to be said.
            eprintln!(
                "\n  Log in as {name} with the password {}\n  It is shown this once, and you will \
                 be asked to change it.\n",
                secret.reveal()
            );
        }
        let store =
            SqlStore::open(&settings.db).await.map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self {
            store: Arc::new(store.clone()),
            catalogue: Arc::new(sqlite.clone()),
            accounts,
            sql: store,
            sqlite,
        })
    }

    /// Closes the database, when nothing else uses it any more.
    ///
    /// # Errors
    /// If what is left to write cannot be.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.sql.close().await;
        Ok(self.sqlite.close().await?)
    }
}

/// The accounts alone.
///
/// # Errors
/// If they cannot be opened.
pub(super) async fn accounts(settings: &Settings) -> Result<Accounts, Failure> {
    let (sqlite, accounts) = open(settings).await?;
    sqlite.close().await?;
    Ok(accounts)
}

async fn open(settings: &Settings) -> Result<(SqliteCatalogue, Accounts), Failure> {
    let db = database::sqlite(&settings.db)?;
    // First: a file that has tables, but none of a catalogue, is not taken for one.
    let sqlite = SqliteCatalogue::open(db).await?;
    let accounts = Accounts::open(db, settings.limits()).await?;
    Ok((sqlite, accounts))
}
