//! Asking a host no faster than it bears, counting all workers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use resync_core::transport::{Request, Response, Transport};
use resync_core::{Error, ErrorKind, Result};

use crate::error::{RunError, Stage};
use crate::store::{Store, StoreError};

/// The longest wait that is sat out; for a longer one a run goes back into the queue.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// How often a store that is away is asked for a turn, and how long apart.
const TRIES: u32 = 3;
const APART: Duration = Duration::from_millis(200);

/// Waits for its turn at the host before each request.
#[derive(Debug)]
pub(super) struct Courteous {
    inner: Arc<dyn Transport>,
    store: Arc<dyn Store>,
    apart: Duration,
    unsent: Unsent,
}

/// Why a request was not sent. No host is to blame for that, whatever the source makes of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Unsent(Arc<Mutex<Option<RunError>>>);

impl Unsent {
    fn because(&self, why: RunError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    pub(super) fn take(&self) -> Option<RunError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Courteous {
    pub(super) fn new(inner: Arc<dyn Transport>, store: Arc<dyn Store>, apart: Duration) -> Self {
        Self { inner, store, apart, unsent: Unsent::default() }
    }

    /// Why requests were not sent.
    pub(super) fn unsent(&self) -> Unsent {
        self.unsent.clone()
    }

    /// How long to wait for a turn at the host.
    async fn turn(&self, host: &str) -> std::result::Result<Duration, StoreError> {
        let mut tries = 1;
        loop {
            let wait = match self.apart.is_zero() {
                true => self.store.left_alone(host).await,
                false => self.store.take_turn(host, self.apart).await,
            };
            match wait {
                Err(error) if error.is_transient() && tries < TRIES => {
                    tokio::time::sleep(APART).await;
                    tries += 1;
                }
                wait => return wait,
            }
        }
    }

    /// Waits for a turn at the host.
    async fn wait(&self, host: &str) -> std::result::Result<(), RunError> {
        let wait = self.turn(host).await?;
        if wait >= PATIENCE {
            let message = format!("{host} wants to be left alone for {} s more", wait.as_secs());
            let error = RunError::new(Stage::Source, message).with_transient(true);
            return Err(error.with_retry_after(Some(wait)));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

#[async_trait]
impl Transport for Courteous {
    async fn send(&self, request: Request) -> Result<Response> {
        if let Some(host) = request.url.host_str()
            && let Err(why) = self.wait(host).await
        {
            let what = format!("it was not sent: {}", why.message());
            let error = Error::new(ErrorKind::Connect, what).with_url(&request.url);
            let error = error.with_retry_after(why.retry_after());
            self.unsent.because(why);
            return Err(error);
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
