//! Asking for deliveries: the same from the command line, the API and the pages.

use harvest_pipeline::SourceId;
use harvest_pipeline::store::{
    Requested, RunKind, RunRequest, SourceQuery, Store, StoreError, TargetDefinition, Trigger,
};

/// What is to be delivered, and who wants that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Of these sources; none: of all that the target takes from.
    pub(crate) sources: Vec<SourceId>,
    /// Everything, not only what is owed.
    pub(crate) again: bool,
    /// Who asks.
    pub(crate) by: Option<String>,
    /// In what way.
    pub(crate) trigger: Trigger,
}

/// Asks for a run of each source that gives the target what it is owed. Where one goes on, that one
/// does it at its end. Sources that were never harvested, or are over, are passed over.
///
/// # Errors
/// If there is no such source, or the store cannot be used.
pub(crate) async fn ask(
    store: &dyn Store,
    target: &TargetDefinition,
    wanted: &Wanted,
) -> Result<Vec<(SourceId, Requested)>, StoreError> {
    let mut asked = Vec::new();
    for source in sources(store, target, wanted).await? {
        if wanted.again {
            store.offer_again(&target.name, &source).await?;
        }
        let mut request = RunRequest::new(source.clone(), RunKind::Deliver);
        request.by.clone_from(&wanted.by);
        request.trigger = wanted.trigger;
        match store.request_run(&request).await {
            Ok(requested) => asked.push((source, requested)),
            // It is archived by now, or a draft.
            Err(StoreError::Conflict(_)) if wanted.sources.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(asked)
}

async fn sources(
    store: &dyn Store,
    target: &TargetDefinition,
    wanted: &Wanted,
) -> Result<Vec<SourceId>, StoreError> {
    if let Some(foreign) = wanted.sources.iter().find(|source| !target.takes_from(source)) {
        return Err(StoreError::Conflict(format!(
            "{} takes nothing from {foreign}; add the source to it first",
            target.name
        )));
    }
    if !wanted.sources.is_empty() {
        return Ok(wanted.sources.clone());
    }
    let (mut query, mut all) = (SourceQuery::default(), Vec::new());
    loop {
        let page = store.sources(&query).await?;
        let Some(last) = page.last() else { return Ok(all) };
        query.page.after = Some(last.definition.id.clone());
        let harvested = page.into_iter().filter(|source| source.last_run.is_some());
        let taken = harvested.map(|source| source.definition.id);
        all.extend(taken.filter(|source| target.takes_from(source)));
    }
}
