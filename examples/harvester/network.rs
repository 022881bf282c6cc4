//! The way to the network: `Retrying(Throttled(HttpTransport))`, made from the command line.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use harvest_pipeline::SignIn;
use http::{HeaderName, HeaderValue};
use oai_pmh::Client;
use oai_pmh::retry::{Backoff, Retrying};
use oai_pmh::transport::{
    HttpTransport, HttpTransportBuilder, Politeness, Reach, Throttled, Transport,
};
use oai_pmh::xml::Mode;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::args::{GlobalArgs, NetworkArgs};
use crate::progress::Console;
use crate::report::Failure;

/// The environment variable with the password, which should not be seen in a list of processes.
pub(crate) const PASSWORD: &str = "HARVESTER_PASSWORD";
/// How long a connection may take, and an answer to a first look.
const SOON: Duration = Duration::from_secs(10);

/// A client of the repository at this base URL.
///
/// # Errors
/// If a header or a name cannot be sent.
pub(crate) fn client(url: &Url, args: &GlobalArgs, console: &Console) -> Result<Client, Failure> {
    let mode = if args.strict { Mode::Strict } else { Mode::Tolerant };
    let transport = transport(url, &args.network, console)?;
    Ok(Client::with_transport(url.clone(), transport).mode(mode))
}

/// The way to this address, and, without passwords and headers, to others.
///
/// # Errors
/// If a header or a name cannot be sent.
pub(crate) fn transport(
    url: &Url,
    args: &NetworkArgs,
    console: &Console,
) -> Result<Retrying<Arc<dyn Transport>>, Failure> {
    with_concurrency(url, args, args.concurrency, console)
}

/// The same, with so many requests to a host at the same time.
///
/// # Errors
/// If a header or a name cannot be sent.
pub(crate) fn with_concurrency(
    url: &Url,
    args: &NetworkArgs,
    concurrency: NonZeroUsize,
    console: &Console,
) -> Result<Retrying<Arc<dyn Transport>>, Failure> {
    with_allowed(url, &[], args, concurrency, console)
}

/// The same, where these origins may be on the local network whatever the source is.
///
/// # Errors
/// If a header or a name cannot be sent.
pub(crate) fn with_allowed(
    url: &Url,
    allowed: &[Url],
    args: &NetworkArgs,
    concurrency: NonZeroUsize,
    console: &Console,
) -> Result<Retrying<Arc<dyn Transport>>, Failure> {
    let builder = builder(url, reach(url, allowed, args), args, args.timeout);
    let polite = throttled(sign_in(builder, args.user.as_deref()), args, concurrency)?;
    Ok(patient(polite, backoff(args), console))
}

/// The way to a source that somebody set up: signed in as its options or its address say, which
/// nobody else learns, and no farther than `reach`.
///
/// # Errors
/// If a header or a name cannot be sent.
pub(crate) fn to_source(
    url: &Url,
    sign_in: &SignIn,
    reach: Reach,
    args: &NetworkArgs,
    console: &Console,
) -> Result<Retrying<Arc<dyn Transport>>, Failure> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = |it: Option<&String>| it.cloned().unwrap_or_default();
    let user = match &sign_in.user {
        Some(user) => Some((user.clone(), password(sign_in.password.as_ref()))),
        None => (!url.username().is_empty())
            .then(|| (decoded(url.username()), decoded(url.password().unwrap_or_default()))),
    };
    let builder = builder(url, reach, args, args.timeout);
    let builder = match (&sign_in.token, user) {
        (Some(token), _) => builder.bearer(token),
        (None, Some((user, password))) => builder.basic_auth(user, password),
        (None, None) => builder,
    };
    let polite = throttled(builder, args, args.concurrency)?;
    Ok(patient(polite, backoff(args), console))
}

/// Where a source at this address may lead.
fn reach(url: &Url, allowed: &[Url], args: &NetworkArgs) -> Reach {
    match args.allow_local {
        true => Reach::anywhere(),
        false => allowed.iter().fold(Reach::from_origin(url), Reach::allow),
    }
}

/// The way to this address for a first look: who does not answer soon is not waited for.
///
/// # Errors
/// If a header or a name cannot be sent.
pub(crate) fn glance(
    url: &Url,
    args: &NetworkArgs,
    console: &Console,
) -> Result<Retrying<Arc<dyn Transport>>, Failure> {
    let timeout = args.timeout.min(SOON);
    let builder = builder(url, reach(url, &[], args), args, timeout);
    let polite = throttled(sign_in(builder, args.user.as_deref()), args, args.concurrency)?;
    let hasty = backoff(args).retries(args.retries.min(1)).cap(SOON).max_retry_after(SOON);
    Ok(patient(polite, hasty, console))
}

/// How often a request that failed is sent again, and when.
fn backoff(args: &NetworkArgs) -> Backoff {
    let defaults = Backoff::default();
    let cap = defaults.cap.max(args.retry_delay);
    Backoff::default()
        .retries(args.retries)
        .first(args.retry_delay)
        .cap(cap)
        // Whoever asks for long waits means them.
        .max_elapsed(defaults.max_elapsed.max(cap.saturating_mul(args.retries.saturating_add(1))))
}

/// What makes the way to this address.
fn builder(url: &Url, reach: Reach, args: &NetworkArgs, timeout: Duration) -> HttpTransportBuilder {
    let builder = HttpTransport::builder()
        .user_agent(&args.user_agent)
        .secrets_only_for(url)
        .reach(reach)
        .connect_timeout(timeout.min(SOON))
        .read_timeout(timeout);
    match &args.contact {
        Some(contact) => builder.contact(contact),
        None => builder,
    }
}

/// The way there, every request being sent once.
fn throttled(
    builder: HttpTransportBuilder,
    args: &NetworkArgs,
    concurrency: NonZeroUsize,
) -> Result<Throttled<HttpTransport>, Failure> {
    let politeness = Politeness::default().interval(args.interval).concurrency(concurrency);
    let http = headers(builder, &args.headers)?.build().map_err(|error| {
        // Says what is wrong, but not with which secret.
        Failure::usage(error.to_string())
    })?;
    Ok(Throttled::new(http, politeness))
}

fn patient(
    polite: Throttled<HttpTransport>,
    backoff: Backoff,
    console: &Console,
) -> Retrying<Arc<dyn Transport>> {
    let console = console.clone();
    let polite: Arc<dyn Transport> = Arc::new(polite);
    Retrying::new(polite, backoff).on_retry(Arc::new(move |event| console.retry(event)))
}

fn sign_in(builder: HttpTransportBuilder, user: Option<&str>) -> HttpTransportBuilder {
    let Some(user) = user else { return builder };
    match user.split_once(':') {
        Some((user, password)) => builder.basic_auth(user, password),
        None => builder.basic_auth(user, std::env::var(PASSWORD).unwrap_or_default()),
    }
}

/// The value of a header may be a secret: errors do not tell it.
fn headers(
    mut builder: HttpTransportBuilder,
    headers: &[String],
) -> Result<HttpTransportBuilder, Failure> {
    for header in headers {
        let (name, value) = header.split_once(':').ok_or_else(|| {
            Failure::usage("--header is written NAME:VALUE, such as --header 'X-Key: 1234'")
        })?;
        let name = name.trim();
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            Failure::usage(format!("--header: {name:?} cannot be the name of a header"))
        })?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| {
            Failure::usage(format!(
                "--header: the value of {name} has characters that cannot be sent"
            ))
        })?;
        builder = builder.header(parsed, value);
    }
    Ok(builder)
}

/// A URL as it may be shown: without user name and password.
pub(crate) fn shown(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only for URLs that cannot carry credentials in the first place.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// Hosts on this machine and its network, in all the ways in which they can be written.
#[cfg(test)]
pub(crate) const LOCAL: [&str; 27] = [
    "127.0.0.1",
    "127.1",
    "127.0.0.2",
    "2130706433",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "0",
    "0.0.0.0",
    "①②⑦.⓪.⓪.①",
    "localhost",
    "LOCALHOST.",
    "a.localhost",
    "10.0.0.1",
    "167772161",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[fe80::1]",
    "[fd00::1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
];
