//! What is sent to the store, and how.

use std::pin::Pin;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::super::Place;
use super::super::state::{Group, Listed, Validators};
use super::{QUEUE, gone};
use crate::Result;
use crate::fixity::Measured;

/// Where to send what is to be stored.
#[derive(Clone, Debug)]
pub struct StoreHandle {
    pub(super) sender: Sender<Message>,
    pub(super) room: Arc<Semaphore>,
    pub(super) recovered: Recovered,
}

/// What an earlier run that was cut off had left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Files that only had to be put in their places.
    pub installed: u64,
    /// Resources whose files are missing or damaged; they have to be fetched again.
    pub forgotten: u64,
    /// Files that belong to nothing, and were removed.
    pub removed: u64,
}

/// What the store has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Files put in their places.
    pub installed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files found in their places.
    pub adopted: u64,
    /// Resources forgotten, and their files removed.
    pub forgotten: u64,
    /// Files that could be put nowhere.
    pub failed: u64,
}

/// New content of a resource.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // all of it is needed
pub struct Put {
    /// The resource.
    pub uri: String,
    /// Where its file should be; it goes to [`Places::fallback`](crate::sync::Places::fallback) if that is taken.
    pub place: Place,
    /// The row of the document that lists it.
    pub document: Option<i64>,
    /// What that says.
    pub listed: Listed,
    /// What the server said with it.
    pub validators: Validators,
    /// The content.
    pub body: Content,
    /// Its length and digests.
    pub measured: Measured,
    /// The time the file is to have.
    pub mtime: Option<SystemTime>,
}

/// Where new content is.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)] // there are no other places
pub enum Content {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file of this name, made by [`Tree::create_temp`](crate::sync::Tree::create_temp).
    Temp(String),
}

/// A file that is in its place already, and right.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // all of it is needed
pub struct Adopt {
    /// The resource.
    pub uri: String,
    /// Where its file is.
    pub place: Place,
    /// The row of the document that lists it.
    pub document: Option<i64>,
    /// What that says.
    pub listed: Listed,
    /// What the server said with it.
    pub validators: Validators,
    /// Its length and digests.
    pub measured: Measured,
}

/// News of a resource whose content stays.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // all of it is needed
pub struct Touch {
    /// The resource.
    pub uri: String,
    /// The row of the document that lists it now.
    pub document: Option<i64>,
    /// What that says.
    pub listed: Listed,
    /// What the server said, if it was asked.
    pub validators: Option<Validators>,
}

/// Resolves once something is kept: from then on, it survives the end of the process.
#[derive(Debug)]
pub struct Ack<T = ()>(oneshot::Receiver<Result<T>>);

pub(super) struct Message {
    pub(super) task: Task,
    // Held until the message is dealt with.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

pub(super) enum Task {
    Work(Work, Reply),
    Flush(oneshot::Sender<Result<Totals>>),
}

pub(super) enum Work {
    Put(Box<Put>),
    Adopt(Box<Adopt>),
    Touch(Box<Touch>),
    Forget(String),
    Run(Change),
}

pub(super) type Change = Box<dyn FnOnce(&mut Group<'_>) -> Result<()> + Send>;
pub(super) type Reply = Box<dyn FnOnce(Result<()>) + Send>;

impl StoreHandle {
    /// What an earlier run that was cut off had left.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Stores new content. Returns as soon as there is room for it.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn put(&self, put: Put) -> Result<Ack> {
        let bytes = if let Content::Memory(bytes) = &put.body { bytes.len() } else { 0 };
        self.work(bytes, Work::Put(Box::new(put))).await
    }

    /// Takes over a file that is in its place already.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn adopt(&self, adopt: Adopt) -> Result<Ack> {
        self.work(0, Work::Adopt(Box::new(adopt))).await
    }

    /// Notes news of a resource whose content stays; nothing happens if it is not known.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn touch(&self, touch: Touch) -> Result<Ack> {
        self.work(0, Work::Touch(Box::new(touch))).await
    }

    /// Forgets a resource and removes its file; nothing happens if it is not known.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn forget(&self, uri: impl Into<String>) -> Result<Ack> {
        self.work(0, Work::Forget(uri.into())).await
    }

    /// Changes the state in other ways, in one transaction with what was sent before, and returns
    /// what comes of it.
    ///
    /// # Errors
    /// Of the changes themselves, which ends the store as any other error does; or when the store
    /// is gone.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Group<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let slot = Arc::new(Mutex::new(None));
        let result = Arc::clone(&slot);
        let run = move |group: &mut Group<'_>| {
            let value = change(group)?;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            Ok(())
        };
        self.work(0, Work::Run(Box::new(run))).await?.await?;
        let value = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or_else(gone)
    }

    /// Puts everything in its place, and makes it durable.
    ///
    /// # Errors
    /// When the file system or the database says no.
    pub async fn flush(&self) -> Result<Totals> {
        let (reply, ack) = oneshot::channel();
        self.send(0, Task::Flush(reply)).await?;
        Ack(ack).await
    }

    /// The same, at the end. The store's thread ends when the last handle is dropped.
    ///
    /// # Errors
    /// When the file system or the database says no.
    pub async fn finish(self) -> Result<Totals> {
        self.flush().await
    }

    async fn work(&self, bytes: usize, work: Work) -> Result<Ack> {
        let (reply, ack) = oneshot::channel();
        // Nobody may want to know any more.
        let reply = |result| drop(reply.send(result));
        self.send(bytes, Task::Work(work, Box::new(reply))).await?;
        Ok(Ack(ack))
    }

    async fn send(&self, bytes: usize, task: Task) -> Result<()> {
        let size = u32::try_from(bytes / 1024 + 1).unwrap_or(QUEUE).min(QUEUE);
        let room = Arc::clone(&self.room).acquire_many_owned(size).await.ok();
        self.sender.send(Message { task, room }).map_err(|_| gone())
    }
}

impl<T> Future for Ack<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        Pin::new(&mut self.0).poll(context).map(|kept| kept.unwrap_or_else(|_| Err(gone())))
    }
}
