//! Those who watch a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use harvest_pipeline::RunId;
use tokio::task::JoinSet;

use crate::Result;
use crate::browser::Browser;

/// Streams of the page of a run, read until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Viewers {
    watching: JoinSet<()>,
    seen: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

impl Viewers {
    /// So many begin to watch; all of them have seen something.
    pub(crate) async fn come(browser: &Browser, run: RunId, viewers: usize) -> Result<Self> {
        let mut all = Self::default();
        let browser = browser.again().await?;
        for _ in 0..viewers {
            let mut stream = browser.open(&format!("/runs/{run}/stream")).await?;
            stream.chunk().await?.ok_or("a stream without an event")?;
            let (seen, bytes) = (Arc::clone(&all.seen), Arc::clone(&all.bytes));
            all.watching.spawn(async move {
                while let Ok(Some(chunk)) = stream.chunk().await {
                    seen.fetch_add(1, Relaxed);
                    bytes.fetch_add(chunk.len() as u64, Relaxed);
                }
            });
        }
        Ok(all)
    }

    pub(crate) fn report(&self, seconds: f64) -> String {
        let viewers = self.watching.len();
        let each = self.seen.load(Relaxed) as f64 / viewers as f64 / seconds;
        let kilobytes = self.bytes.load(Relaxed) as f64 / 1e3 / seconds;
        format!("{viewers} viewers: {each:.2} events/s each, {kilobytes:.0} kB/s in all")
    }
}
