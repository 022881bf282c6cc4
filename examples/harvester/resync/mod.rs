//! `harvester resync …`: copies, follows, checks and publishes resources.

mod check;
mod explore;
mod follow;
mod mirror;
mod publish;
mod serve;

use std::sync::Arc;

use resync_core::retry::Retrying;
use resync_core::sync::Authority;
use resync_core::transport::Transport;
use url::Url;

use crate::args::{GlobalArgs, ResyncCommand};
use crate::network;
use crate::progress::Console;
use crate::report::{Failure, Status};

/// The most bytes of a document that is only looked at.
const LARGEST: u64 = 1 << 30;

pub(crate) async fn run(
    command: ResyncCommand,
    args: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    match command {
        ResyncCommand::Baseline(it) => {
            mirror::run(mirror::Mode::Baseline, &it, args, console).await
        }
        ResyncCommand::Incremental(it) => {
            mirror::run(mirror::Mode::Incremental, &it, args, console).await
        }
        ResyncCommand::Follow(it) => follow::run(&it, args, console).await,
        ResyncCommand::Audit(it) => mirror::run(mirror::Mode::Audit, &it, args, console).await,
        ResyncCommand::Explore(it) => explore::run(&it, args, console).await,
        ResyncCommand::Check(it) => check::run(&it, args, console).await,
        ResyncCommand::Publish(it) => publish::run(&it, args, console).await,
        ResyncCommand::Serve(it) => serve::run(&it, args, console).await,
    }
}

/// The way to a source, and to where its documents lead.
fn transport(
    source: &Url,
    allowed: &[Url],
    args: &GlobalArgs,
    console: &Console,
) -> Result<Retrying<Arc<dyn Transport>>, Failure> {
    network::with_allowed(source, allowed, &args.network, args.network.concurrency, console)
}

/// Where a source's documents may lead when they are only looked at: anywhere but to the local
/// network, unless that is where the source is, or it was allowed.
fn anywhere(source: &Url, allowed: &[Url]) -> Authority {
    let authority = Authority::of(source).anywhere();
    allowed.iter().cloned().fold(authority, Authority::allow)
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    // What would be rounded to 1000 belongs to the next unit.
    while amount >= 999.95 && unit + 1 < UNITS.len() {
        amount /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{amount:.1} {}", UNITS[unit]) }
}

/// An address as a word of a command that can be copied into a shell.
fn word(url: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/@%+,=".contains(c);
    if url.chars().all(is_plain) {
        url.to_owned()
    } else {
        format!("'{}'", url.replace('\'', "%27"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_for_people() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_999, "1.0 MB"), (1 << 30, "1.1 GB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(word("https://x.org/a%20b.xml"), "https://x.org/a%20b.xml");
        assert_eq!(word("https://x.org/?a=1&b='$(x)'"), "'https://x.org/?a=1&b=%27$(x)%27'");
    }
}
