//! The way to the network: `Retrying(Throttled(HttpTransport))`, made from the command line.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use oai_pmh::Client;
use oai_pmh::retry::{Backoff, Retrying};
use oai_pmh::transport::{
    HttpTransport, HttpTransportBuilder, Politeness, Reach, Throttled, Transport,
};
use oai_pmh::xml::Mode;
use url::Url;

use crate::args::{GlobalArgs, NetworkArgs};
use crate::progress::Console;
use crate::report::Failure;

/// The environment variable with the password, which should not be seen in a list of processes.
const PASSWORD: &str = "HARVESTER_PASSWORD";

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
    let reach = match args.allow_local {
        true => Reach::anywhere(),
        false => allowed.iter().fold(Reach::from_origin(url), Reach::allow),
    };
    let http = http(url, reach, args)?;
    let politeness = Politeness::default().interval(args.interval).concurrency(concurrency);
    let throttled: Arc<dyn Transport> = Arc::new(Throttled::new(http, politeness));
    let console = console.clone();
    let retrying = Retrying::new(throttled, backoff(args));
    Ok(retrying.on_retry(Arc::new(move |event| console.retry(event))))
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

fn http(url: &Url, reach: Reach, args: &NetworkArgs) -> Result<HttpTransport, Failure> {
    let builder = HttpTransport::builder()
        .user_agent(&args.user_agent)
        .secrets_only_for(url)
        .reach(reach)
        .connect_timeout(args.timeout.min(Duration::from_secs(10)))
        .read_timeout(args.timeout);
    let builder = match &args.contact {
        Some(contact) => builder.contact(contact),
        None => builder,
    };
    let builder = sign_in(builder, args.user.as_deref());
    headers(builder, &args.headers)?.build().map_err(|error| {
        // Says what is wrong, but not with which secret.
        Failure::usage(error.to_string())
    })
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
