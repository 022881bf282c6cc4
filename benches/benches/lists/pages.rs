//! What is asked for.

use std::time::Duration;

use harvest_pipeline::RunId;

use crate::Result;
use crate::world::{self, World};

/// A page, and what it is called in the table.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) path: String,
}

/// How long it took each time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timed {
    times: Vec<Duration>,
    pub(crate) bytes: usize,
}

impl Timed {
    pub(crate) fn took(&mut self, time: Duration, bytes: usize) {
        let place = self.times.partition_point(|it| *it < time);
        self.times.insert(place, time);
        self.bytes = bytes;
    }

    /// The time that this share of all did not exceed.
    pub(crate) fn at(&self, share: f64) -> Duration {
        let last = self.times.len().saturating_sub(1);
        self.times.get((last as f64 * share).ceil() as usize).copied().unwrap_or_default()
    }
}

/// Every list, from its beginning and from its middle, with each filter.
pub(crate) async fn all(world: &World, harvest: Option<RunId>) -> Result<Vec<Page>> {
    let middle = world.source(world.sources / 2);
    let last = world.source(world.sources - 1);
    let runs = world.last_run().await?;
    let deep = |path: &str, after: &str| {
        let separator = if path.contains('?') { '&' } else { '?' };
        let after: String = url::form_urlencoded::byte_serialize(after.as_bytes()).collect();
        format!("{path}{separator}after={after}")
    };
    let first = world.source(0);
    let record = format!("{middle}\n");
    let mut paths = vec![
        "/".to_owned(),
        "/sources".to_owned(),
        deep("/sources", &middle),
        "/sources?text=science".to_owned(),
        format!("/sources?text={last}"),
        "/sources?text=zzz".to_owned(),
        "/sources?status=paused".to_owned(),
        "/sources?kind=oai-pmh".to_owned(),
        "/sources?kind=document-list".to_owned(),
        format!("/sources/{first}"),
        format!("/sources/{first}/coverage"),
        "/runs".to_owned(),
        deep("/runs", &(runs.0 / 2).to_string()),
        "/runs?state=open".to_owned(),
        "/runs?state=failed".to_owned(),
        "/runs?state=awaiting+approval".to_owned(),
        "/runs?state=interrupted".to_owned(),
        "/runs?state=succeeded+with+errors".to_owned(),
        format!("/runs?source={middle}"),
        "/runs?source=nobody".to_owned(),
        "/records".to_owned(),
        deep("/records", &record),
        format!("/records?source={first}"),
        "/records?state=live".to_owned(),
        "/records?state=deleted".to_owned(),
        deep("/records?state=deleted", &record),
        "/records?text=university".to_owned(),
        deep("/records?text=university", &record),
        "/records?text=archives+newspapers".to_owned(),
        "/records?text=floor17".to_owned(),
        "/records?text=学位".to_owned(),
        "/records?text=shelf17".to_owned(),
        deep("/records?text=shelf17", &record),
        "/records?text=lately".to_owned(),
        "/records?text=0000017".to_owned(),
        "/records?text=zzzzz".to_owned(),
        format!("/records?text=university&source={middle}"),
        "/records?text=university&state=deleted".to_owned(),
        "/failures".to_owned(),
        format!("/failures?source={first}"),
        "/filter-sets".to_owned(),
        format!("/filter-sets/{}", world::FILTER_SET),
        "/imports".to_owned(),
        "/imports?text=science".to_owned(),
        format!("/imports/{}", world::GROUP),
        "/resync".to_owned(),
        "/sites/log".to_owned(),
        "/api/sources?limit=100".to_owned(),
        "/api/runs?limit=100".to_owned(),
        "/api/runs?state=failed&limit=100".to_owned(),
        "/api/records?limit=100".to_owned(),
        "/api/records?deleted=true&limit=100".to_owned(),
        "/api/records?text=university&limit=100".to_owned(),
        format!("/api/sources/{first}/errors?limit=100"),
        format!("/api/sources/{first}/summary"),
        "/api/log?limit=100".to_owned(),
        "/api/log?level=error&limit=100".to_owned(),
        "/api/filter-sets".to_owned(),
    ];
    if let Some(run) = harvest {
        paths.extend([format!("/runs/{run}"), format!("/records?run={run}")]);
    }
    let page = |path: String| Page { name: path.replace('\n', " "), path };
    Ok(paths.into_iter().map(page).collect())
}
