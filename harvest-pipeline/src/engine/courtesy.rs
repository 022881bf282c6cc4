//! Asking a host no faster than it bears, counting all workers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use resync_core::transport::{Request, Response, Transport};
use resync_core::{Error, ErrorKind, Result};

use crate::store::Store;

/// The longest wait that is sat out; for a longer one a run goes back into the queue.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// Waits for its turn at the host before each request.
#[derive(Debug)]
pub(super) struct Courteous {
    inner: Arc<dyn Transport>,
    store: Arc<dyn Store>,
    apart: Duration,
}

impl Courteous {
    pub(super) fn new(inner: Arc<dyn Transport>, store: Arc<dyn Store>, apart: Duration) -> Self {
        Self { inner, store, apart }
    }
}

#[async_trait]
impl Transport for Courteous {
    async fn send(&self, request: Request) -> Result<Response> {
        if let Some(host) = request.url.host_str().filter(|_| !self.apart.is_zero()) {
            let wait = self.store.take_turn(host, self.apart).await.map_err(|error| {
                Error::new(ErrorKind::Interrupted, format!("no turn at {host}: {error}"))
                    .with_url(&request.url)
            })?;
            tokio::time::sleep(wait).await;
        }
        self.inner.send(request).await
    }
}
