//! The server that a hub talks to: small, and not to be kept busy by strangers.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use axum::serve::Listener;
use chrono::Utc;
use http::{HeaderMap, Method, StatusCode, Uri};
use resync_core::notify::{Event, Subscription};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

use crate::notices::LARGEST;
use crate::notices::exchange::{Said, empty};

/// How long a connection may last.
const LONGEST: Duration = Duration::from_secs(30);
/// How many connections there may be at the same time.
const MOST: usize = 64;

/// The subscription, once it is known to what.
pub(super) type Shared = Arc<Mutex<Option<Subscription>>>;

pub(super) fn lock(subscription: &Shared) -> MutexGuard<'_, Option<Subscription>> {
    subscription.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is done with a request.
#[derive(Clone)]
pub(super) struct Callback {
    pub(super) subscription: Shared,
    /// Told of what the hub says.
    pub(super) heard: Arc<dyn Fn(&Event) + Send + Sync>,
}

impl Callback {
    /// Serves until `end`.
    pub(super) async fn serve(
        self,
        listener: TcpListener,
        end: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let listener = Bounded { listener, room: Arc::new(Semaphore::new(MOST)) };
        let router =
            Router::new().fallback(answer).layer(DefaultBodyLimit::max(LARGEST)).with_state(self);
        axum::serve(listener, router).with_graceful_shutdown(end).await
    }

    /// Whether a path is that of the callback. Proxies may have cut off its beginning: its last
    /// part is what nobody guesses.
    fn is_at(&self, path: &str) -> bool {
        let last = |path: &str| path.rsplit('/').next().map(str::to_owned);
        let subscription = lock(&self.subscription);
        subscription.as_ref().is_some_and(|it| last(it.callback().path()) == last(path))
    }
}

async fn answer(
    State(callback): State<Callback>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if !callback.is_at(uri.path()) {
        return empty(StatusCode::NOT_FOUND);
    }
    let said = Said { method, uri, headers, body };
    let (response, event) = {
        let mut subscription = lock(&callback.subscription);
        let Some(subscription) = &mut *subscription else {
            return empty(StatusCode::NOT_FOUND);
        };
        said.to(subscription, Utc::now())
    };
    if let Some(event) = &event {
        (callback.heard)(event);
    }
    response
}

/// Takes in only so many at a time.
struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

/// A connection that does not last for ever.
struct Guest {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _seat: Option<OwnedSemaphorePermit>,
}

impl Listener for Bounded {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        // Nobody closes the semaphore.
        let seat = Arc::clone(&self.room).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        (Guest { stream, end: Box::pin(sleep(LONGEST)), _seat: seat }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Guest {
    fn poll_time(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_time(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_time(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
