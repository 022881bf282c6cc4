//! A folder that is kept as its source is.

mod callback;
mod subscriber;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use resync_core::{Error, ErrorKind};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::sleep;

use self::subscriber::Subscriber;
use super::mirror::{Mode, mirror, tell};
use crate::args::{FollowArgs, GlobalArgs};
use crate::progress::{Console, took};
use crate::report::{Failure, Status};
use crate::{network, output};

/// The wait after a run that failed; it doubles with each that fails as well.
const AGAIN: Duration = Duration::from_secs(30);
/// How long a run waits for more to be told, once something was.
const SETTLE: Duration = Duration::from_millis(500);

pub(super) async fn run(
    args: &FollowArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    if args.mirror.dry_run {
        return Err(Failure::usage("with --dry-run there is nothing to follow"));
    }
    let teller = Teller { console: console.clone(), is_json: global.json };
    let changed = Arc::new(Notify::new());
    let subscriber = match args.listen {
        Some(at) => Some(Subscriber::start(at, args, global, &teller, &changed).await?),
        None => None,
    };
    let mut follow = Follow { args, global, teller: &teller, changed, failures: 0 };
    let ended = tokio::select! {
        failure = follow.all() => failure.map(|never| match never {}),
        stopped = stop() => stopped.map_err(|cause| {
            Failure::new(format!("cannot wait for signals: {cause}"))
        }),
    };
    if let Some(subscriber) = subscriber {
        tokio::select! {
            () = subscriber.end() => {}
            // Whoever is in a hurry does not wait for the hub.
            _ = stop() => {}
        }
    }
    ended?;
    teller.say("stopped", json!({}), "stopped; the same command goes on from here");
    Ok(Status::Complete)
}

/// Waits for Ctrl-C, or for the system to end us.
async fn stop() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => stopped,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// Says what becomes of things between the runs.
#[derive(Clone)]
struct Teller {
    console: Console,
    is_json: bool,
}

impl Teller {
    /// An event, for the stream that --json asks for or for people.
    fn say(&self, event: &str, mut more: Value, text: &str) {
        if !self.is_json {
            return self.console.notice(text);
        }
        more["event"] = event.into();
        // Whoever does not listen does not want to know.
        let _ = output::print(format!("{more}\n"));
    }

    /// The same, about what should not be so.
    fn warn(&self, event: &str, more: Value, text: &str) {
        self.console.warning(text);
        if self.is_json {
            self.say(event, more, text);
        }
    }
}

struct Follow<'a> {
    args: &'a FollowArgs,
    global: &'a GlobalArgs,
    teller: &'a Teller,
    /// Set when the hub has told of changes.
    changed: Arc<Notify>,
    /// How many runs have failed, one after the other.
    failures: u32,
}

impl Follow<'_> {
    /// One run after the other, until one fails for good.
    async fn all(&mut self) -> Result<Infallible, Failure> {
        loop {
            let Err(error) = self.once().await? else {
                self.failures = 0;
                tokio::select! {
                    () = sleep(self.args.every) => {}
                    () = self.changed.notified() => sleep(SETTLE).await,
                }
                continue;
            };
            let wait = self.patience(&error);
            let text = format!("{error}; trying again in {}", took(wait));
            let more = json!({"message": error.to_string(), "seconds": wait.as_secs_f64()});
            self.teller.warn("postponed", more, &text);
            self.failures = self.failures.saturating_add(1);
            // Of a source in trouble a hub's news change nothing.
            sleep(wait).await;
        }
    }

    /// A run of the kind that is needed. The inner error is one that may pass.
    async fn once(&self) -> Result<Result<(), Error>, Failure> {
        let (args, console) = (&self.args.mirror, &self.teller.console);
        let progress = Arc::new(console.progress(network::shown(&args.url), self.global.json));
        let mirror = mirror(args, self.global, console, &progress)?;
        let mut mode = if mirror.has_copy()? { Mode::Incremental } else { Mode::Baseline };
        let mut ran = mode.run(&mirror, args).await;
        if let Err(gap) = &ran
            && gap.kind() == ErrorKind::Gap
            && self.args.baseline
        {
            console.warning(&format!("{gap}; a baseline follows"));
            mode = Mode::Baseline;
            ran = mode.run(&mirror, args).await;
        }
        let elapsed = progress.elapsed();
        drop(mirror);
        drop(progress);
        match ran {
            Ok(report) => {
                tell(mode, args, self.global.json, &report, elapsed)?;
                Ok(Ok(()))
            }
            Err(error) if error.is_transient() => Ok(Err(error)),
            Err(error) if error.kind() == ErrorKind::Gap => {
                let advice = "Follow it with --baseline, which makes a new baseline then, or run \
                              `harvester resync baseline` with the same URL and folder.";
                Err(Failure::from(error).with_advice(advice))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// How long to leave the source alone after this.
    fn patience(&self, error: &Error) -> Duration {
        let doubled = AGAIN.saturating_mul(2_u32.saturating_pow(self.failures));
        doubled.min(self.args.every).max(error.retry_after().unwrap_or_default())
    }
}
