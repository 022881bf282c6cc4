//! Secrets of sources in a database.

use std::borrow::Cow;

use sqlx::{AnyConnection, AssertSqlSafe};

use super::error::{SqlResult, attempt};
use super::row::{Columns, json};
use super::{SqlStore, limit};
use crate::store::{SourceDefinition, StoreError, TargetDefinition};

/// So many rows are looked at in one transaction.
const ROWS: usize = 200;

/// A table with definitions of sources.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Sources,
    /// What runs were asked for with.
    Runs,
}

impl Table {
    /// The table and the column.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Sources => ("sources", "definition"),
            Self::Runs => ("runs", "settings"),
        }
    }
}

impl SqlStore {
    /// The definition as it may be stored.
    pub(super) fn sealed<'d>(
        &self,
        definition: &'d SourceDefinition,
    ) -> Result<Cow<'d, SourceDefinition>, StoreError> {
        match &self.0.secrets {
            Some(secrets) => Ok(Cow::Owned(secrets.seal(definition)?)),
            None => Ok(Cow::Borrowed(definition)),
        }
    }

    /// The target as it may be stored.
    pub(super) fn sealed_target<'d>(
        &self,
        target: &'d TargetDefinition,
    ) -> Result<Cow<'d, TargetDefinition>, StoreError> {
        match &self.0.secrets {
            Some(secrets) => Ok(Cow::Owned(secrets.seal_target(target)?)),
            None => Ok(Cow::Borrowed(target)),
        }
    }

    /// Refuses a target that would send elsewhere what is sealed for the one of its name.
    pub(super) async fn check_target(
        &self,
        conn: &mut AnyConnection,
        target: &TargetDefinition,
    ) -> SqlResult<()> {
        let Some(secrets) = &self.0.secrets else { return Ok(()) };
        let query = sqlx::query("SELECT body FROM targets WHERE name = $1").bind(&*target.name);
        let row = query.fetch_optional(conn).await?;
        let before = row.map(|row| Columns(&row).json::<TargetDefinition>("body")).transpose()?;
        match before.flatten() {
            Some(before) => {
                let checked = secrets.check_change(&before.options, &target.options);
                Ok(checked.map_err(StoreError::from)?)
            }
            None => Ok(()),
        }
    }

    /// Seals what was stored before there were [secrets](crate::secrets::Secrets), and anew what was
    /// sealed with another key than the vault's current one: in sources and targets, and in the settings
    /// that runs were asked for with. Says how many of these were changed. If any were, SQLite's file is written
    /// anew, so that nothing of the old is left in it.
    ///
    /// # Errors
    /// If something cannot be opened or sealed, and then nothing that comes behind it is; or if the
    /// database cannot be written.
    pub async fn seal_anew(&self) -> Result<u64, StoreError> {
        attempt("seal the secrets", async {
            let mut changed = 0;
            for table in [Table::Sources, Table::Runs] {
                let mut after = 0;
                while let Some(last) = self.seal_some(table, after, &mut changed).await? {
                    after = last;
                }
            }
            self.seal_targets(&mut changed).await?;
            if changed > 0 {
                self.forget_old().await;
                self.notify();
            }
            Ok(changed)
        })
        .await
    }

    /// Those of the next rows behind this one; the last of them.
    async fn seal_some(
        &self,
        table: Table,
        after: i64,
        changed: &mut u64,
    ) -> SqlResult<Option<i64>> {
        let Some(secrets) = &self.0.secrets else { return Ok(None) };
        let (name, column) = table.names();
        let mut tx = self.begin().await?;
        let query = format!(
            "SELECT t.id, t.{column} AS definition FROM {name} t
             WHERE t.id > $1 AND t.{column} IS NOT NULL ORDER BY t.id LIMIT $2 {}",
            self.0.dialect.lock()
        );
        let query = sqlx::query(AssertSqlSafe(query)).bind(after).bind(limit(ROWS));
        let mut last = None;
        for row in query.fetch_all(&mut *tx).await? {
            let row = Columns(&row);
            let number = row.integer("id")?;
            last = Some(number);
            // Runs that nobody asked a store for have other settings, and no secrets.
            let Ok(Some(old)) = row.json::<SourceDefinition>("definition") else { continue };
            if let Some(new) = secrets.seal_anew(&old).map_err(StoreError::from)? {
                write(&mut tx, table, number, &new).await?;
                *changed += 1;
            }
        }
        tx.commit().await?;
        Ok(last)
    }

    async fn seal_targets(&self, changed: &mut u64) -> SqlResult<()> {
        let Some(secrets) = &self.0.secrets else { return Ok(()) };
        let mut tx = self.begin().await?;
        let query =
            format!("SELECT t.body FROM targets t ORDER BY t.name {}", self.0.dialect.lock());
        for row in sqlx::query(AssertSqlSafe(query)).fetch_all(&mut *tx).await? {
            let Some(old) = Columns(&row).json::<TargetDefinition>("body")? else { continue };
            if let Some(new) = secrets.seal_target_anew(&old).map_err(StoreError::from)? {
                let query = sqlx::query("UPDATE targets SET body = $1 WHERE name = $2");
                query.bind(json(&new)?).bind(&*new.name).execute(&mut *tx).await?;
                *changed += 1;
            }
        }
        Ok(tx.commit().await?)
    }

    /// Takes what was overwritten out of the file. If that cannot be done now, it was not in vain.
    async fn forget_old(&self) {
        let rewritten = async {
            let mut conn = self.0.writers.acquire().await?;
            for statement in self.0.dialect.rewrite() {
                sqlx::raw_sql(*statement).execute(&mut *conn).await?;
            }
            Ok::<_, sqlx::Error>(())
        };
        if let Err(error) = rewritten.await {
            tracing::warn!(
                %error,
                "secrets are sealed, but what stood there before may be left in free space of the \
                 file; stop what uses it and run VACUUM"
            );
        }
    }
}

async fn write(
    conn: &mut AnyConnection,
    table: Table,
    number: i64,
    definition: &SourceDefinition,
) -> SqlResult<()> {
    match table {
        Table::Runs => {
            let query = sqlx::query("UPDATE runs SET settings = $1 WHERE id = $2");
            query.bind(json(definition)?).bind(number).execute(conn).await?;
        }
        Table::Sources => {
            let query = sqlx::query(
                "UPDATE sources SET definition = $1, url = $2, likeness = $3, searched = $4
                 WHERE id = $5",
            );
            let query = query.bind(json(definition)?).bind(definition.url());
            let query = query.bind(definition.likeness()).bind(definition.searched());
            query.bind(number).execute(conn).await?;
        }
    }
    Ok(())
}
