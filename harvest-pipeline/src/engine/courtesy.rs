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
        if let Some(host) = request.url.host_str() {
            let interrupted =
                |what: String| Error::new(ErrorKind::Interrupted, what).with_url(&request.url);
            let wait = match self.apart.is_zero() {
                true => self.store.left_alone(host).await,
                false => self.store.take_turn(host, self.apart).await,
            };
            let wait = wait.map_err(|error| interrupted(format!("no turn at {host}: {error}")))?;
            if wait >= PATIENCE {
                let what = format!("{host} wants to be left alone for {} s more", wait.as_secs());
                return Err(interrupted(what).with_retry_after(Some(wait)));
            }
            tokio::time::sleep(wait).await;
        }
        let host = request.url.host_str().map(str::to_owned);
        let answer = self.inner.send(request).await;
        // At once, so that nobody asks again before this run has come to its end.
        let wish = answer.as_ref().err().and_then(Error::retry_after);
        if let (Some(host), Some(wish)) = (host, wish.filter(|wish| *wish >= PATIENCE))
            && let Err(error) = self.store.leave_alone(&host, wish).await
        {
            tracing::warn!(host, %error, "it is not noted that the host wants to be left alone");
        }
        answer
    }
}
