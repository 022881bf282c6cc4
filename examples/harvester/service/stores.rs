//! Where an installation keeps things: all in the database that its settings name.

use std::sync::Arc;

use chrono::Utc;
use harvest_pipeline::Catalogue;
use harvest_pipeline::store::{SqlStore, Store};

use super::settings::Settings;
use crate::accounts::Accounts;
use crate::database::Records;
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
    records: Records,
}

impl Stores {
    /// Opens the database.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let (records, accounts) = open(settings).await?;
        let sql = SqlStore::open(&settings.db).await;
        let sql = sql.map_err(|error| Failure::new(error.to_string()))?;
        let catalogue = records.catalogue();
        Ok(Self { store: Arc::new(sql.clone()), catalogue, accounts, sql, records })
    }

    /// Creates the first administrator in a new database.
    ///
    /// # Errors
    /// If that cannot be kept.
    pub(crate) async fn welcome(&self) -> Result<(), Failure> {
        if let Some((name, secret)) = self.accounts.begin(Utc::now()).await? {
            // Not by the console: this must be seen even where nothing else is to be said.
            eprintln!(
                "\n  Log in as {name} with the password {}\n  It is shown this once, and you will \
                 be asked to change it.\n",
                secret.reveal()
            );
        }
        Ok(())
    }

    /// Closes the database, when nothing else uses it any more.
    ///
    /// # Errors
    /// If what is left to write cannot be.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.sql.close().await;
        Ok(self.records.close().await?)
    }
}

/// The accounts alone.
///
/// # Errors
/// If they cannot be opened.
pub(super) async fn accounts(settings: &Settings) -> Result<Accounts, Failure> {
    let (records, accounts) = open(settings).await?;
    records.close().await?;
    Ok(accounts)
}

/// The catalogue first: a file that has tables, but none of a catalogue, is not taken for one.
async fn open(settings: &Settings) -> Result<(Records, Accounts), Failure> {
    let records = Records::open(&settings.db).await?.keeping(&settings.payloads)?;
    Ok((records, Accounts::open(&settings.db, settings.limits()).await?))
}
