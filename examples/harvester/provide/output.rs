//! The switch that takes a source out of the lists.
//!
//! While it is off, lists are answered as if nothing had changed. Harvesters go by time: one that asked
//! meanwhile does not come back for what it did not get. So the earliest time that was asked for is
//! kept, and when the switch is on again, everything that changed since then counts as changed just now.

use chrono::{DateTime, Utc};
use harvest_pipeline::store::Store;
use harvest_pipeline::{Catalogue, RunError, SourceId, Touched};
use serde::{Deserialize, Serialize};

use crate::accounts::{DocumentError, Documents};

/// The collection of what was not given out, by source.
const WITHHELD: &str = "provide-withheld";
/// How many of these are read at a time.
const AT_ONCE: i64 = 100;

/// What somebody asked for and did not get.
#[derive(Debug, Serialize, Deserialize)]
struct Withheld {
    /// All that changed since then; without a time, everything.
    from: Option<DateTime<Utc>>,
}

/// Keeps in mind that this was asked for while the source was off.
///
/// # Errors
/// If that cannot be kept.
pub(super) async fn note(
    documents: &Documents,
    source: &SourceId,
    from: Option<DateTime<Utc>>,
) -> Result<(), DocumentError> {
    let now = Utc::now();
    loop {
        let noted = match documents.get::<Withheld>(WITHHELD, source.as_str()).await? {
            Some(known) if known.body.from <= from => return Ok(()),
            Some(mut known) => {
                known.body.from = from;
                documents.replace(WITHHELD, &known, now).await
            }
            None => documents.insert(WITHHELD, source.as_str(), &Withheld { from }, now).await,
        };
        match noted {
            // Somebody else noted something at the same time.
            Err(DocumentError::Taken { .. } | DocumentError::Changed { .. }) => {}
            noted => return noted,
        }
    }
}

/// Makes up for what was withheld of sources that are on again; says how many records there were. To be
/// called after a switch was turned on, and now and then, for what is left of a process that ended too early.
///
/// # Errors
/// If the database cannot be written.
pub(crate) async fn make_up(
    store: &dyn Store,
    catalogue: &dyn Catalogue,
    documents: &Documents,
) -> Result<u64, RunError> {
    let mut touched = 0;
    let mut after: Option<String> = None;
    loop {
        let page = documents.after::<Withheld>(WITHHELD, after.as_deref(), AT_ONCE).await;
        let page = page.map_err(unkept)?;
        let Some(last) = page.last() else { return Ok(touched) };
        after = Some(last.key.clone());
        for noted in &page {
            let source = SourceId::from(noted.key.as_str());
            let entry = store.source(&source).await?;
            if entry.is_some_and(|entry| !entry.definition.output.is_on()) {
                continue;
            }
            let since = Touched::Since(noted.body.from);
            touched += catalogue.touch(&source, since, Utc::now()).await?;
            documents.remove(WITHHELD, &noted.key).await.map_err(unkept)?;
        }
    }
}

fn unkept(error: DocumentError) -> RunError {
    RunError::new(harvest_pipeline::Stage::Sink, error.to_string()).with_source(error)
}
