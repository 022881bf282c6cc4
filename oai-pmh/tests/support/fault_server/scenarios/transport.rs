//! HTTP: flow control, bodies that do not arrive whole, redirects, compression.

use std::time::{Duration, SystemTime};

use super::super::exchange::{Exchange, Repo};
use super::super::reply::{self, Delivery, Reply};
use super::Expect::*;
use super::{Failure, Scenario, row};

pub(super) const SCENARIOS: &[Scenario] = &[
    row("r503_int", "503 with Retry-After: 1, twice", Records(3), |x| {
        times(x, 2, || Reply::html(503, BUSY).header("Retry-After", "1"))
    })
    .at_most(4),
    row("r503_date", "503 with Retry-After as a date, twice", Records(3), |x| {
        times(x, 2, || Reply::html(503, BUSY).header("Retry-After", http_date_soon()))
    })
    .at_most(4),
    row("r503_none", "503 without Retry-After, twice", Records(3), |x| {
        times(x, 2, || Reply::html(503, BUSY))
    })
    .at_most(4),
    row("r503_malformed", "503 with Retry-After: 1s, once", Records(3), |x| {
        times(x, 1, || Reply::html(503, BUSY).header("Retry-After", "1s"))
    })
    .at_most(3),
    row("r503_always", "503 for ever", Fails(Failure::Http(503)), |x| {
        times(x, usize::MAX, || Reply::html(503, BUSY).header("Retry-After", "0"))
    }),
    row("r429", "429 with Retry-After: 1, once", Records(3), |x| {
        times(x, 1, || Reply::html(429, BUSY).header("Retry-After", "1"))
    })
    .at_most(3),
    row("r500_once", "500 once", Records(3), |x| times(x, 1, || Reply::html(500, BUSY))).at_most(3),
    row("r502_once", "502 once, on page two", Records(3), |x| {
        if x.resumes() { times(x, 1, || Reply::html(502, BUSY)) } else { x.serve(&Repo::default()) }
    })
    .at_most(3),
    row("truncated_once", "half of its Content-Length, once", Records(3), |x| {
        spoil_once(x, |reply, at| reply.delivery(Delivery::Cut { at }))
    })
    .at_most(3),
    row("truncated_chunked_once", "half of its chunks, once", Records(3), |x| {
        spoil_once(x, |reply, at| reply.delivery(Delivery::Chunked { cut_at: Some(at) }))
    })
    .at_most(3),
    row("truncated_close_once", "half of it, then the connection ends, once", Records(3), |x| {
        spoil_once(x, |reply, at| reply.delivery(Delivery::UntilClose { at }))
    })
    .at_most(3),
    row(
        "truncated_clean_once",
        "half of it, with the right Content-Length, once",
        Records(3),
        |x| spoil_once(x, |reply, at| reply.edit_bytes(|body| body[..at].into())),
    )
    .at_most(3),
    row("reset_once", "the connection is reset before the answer, once", Records(3), |x| {
        spoil_once(x, |reply, _| reply.delivery(Delivery::Reset { at: 0 }))
    })
    .at_most(3),
    row("reset_mid_once", "the connection is reset in mid-body, once", Records(3), |x| {
        spoil_once(x, |reply, at| reply.delivery(Delivery::Reset { at }))
    })
    .at_most(3),
    row("chunked", "chunks, all of them", Records(3), |x| {
        x.serve(&Repo::default()).delivery(Delivery::Chunked { cut_at: None })
    })
    .at_most(2),
    row("until_close", "neither length nor chunks", Records(3), |x| {
        x.serve(&Repo::default()).delivery(Delivery::UntilClose { at: usize::MAX })
    })
    .at_most(2),
    row("slow_drip", "50 bytes every 20 ms, some 700 ms a page", Records(3), |x| {
        let drip = Delivery::Drip { bytes: 50, pause: Duration::from_millis(20) };
        x.serve(&Repo::default()).delivery(drip)
    })
    .at_most(2)
    .short_timeout(),
    row("hang_once", "no answer at all, once", Records(3), |x| {
        spoil_once(x, |reply, _| reply.delivery(Delivery::Silence))
    })
    .at_most(3)
    .short_timeout(),
    row("hang_mid_once", "half an answer and then silence, once", Records(3), |x| {
        spoil_once(x, |reply, at| reply.delivery(Delivery::Stall { at }))
    })
    .at_most(3)
    .short_timeout(),
    row("hang_always", "no answer at all", Fails(Failure::Timeout), |x| {
        x.serve(&Repo::default()).delivery(Delivery::Silence)
    })
    .short_timeout(),
    row("redirect302", "302 with a relative Location", Records(3), |x| {
        if x.request.path.ends_with("/real") {
            return x.serve(&Repo::default());
        }
        Reply::redirect(302, &format!("/s/redirect302/real?{}", x.request.raw_query))
    }),
    row(
        "redirect_other_port",
        "302 to another origin; no credentials may follow",
        Records(3),
        |x| {
            let origin = &x.origins[1];
            if x.origins[0].ends_with(&format!(":{}", x.request.port)) {
                return Reply::redirect(302, &format!("{origin}{}", x.request.target))
                    .header("Set-Cookie", "secret=1; Path=/");
            }
            x.serve(&Repo::default())
        },
    ),
    row("redirect_301_loop", "301 to itself", Fails(Failure::Redirects), |x| {
        Reply::redirect(301, &x.request.target)
    }),
    row("redirect_https", "302 to https, where nobody speaks TLS", Fails(Failure::Network), |x| {
        let origin = x.origins[1].replace("http:", "https:");
        Reply::redirect(302, &format!("{origin}{}", x.request.target))
    }),
    row("empty_body_once", "200 without a body, once", Records(3), |x| {
        spoil_once(x, |reply, _| reply.edit_bytes(|_| Vec::new()))
    })
    .at_most(3),
    row("empty_body_always", "200 without a body", Fails(Failure::NotOai), |_| Reply::xml("")),
    row("gzip", "gzip although nobody asked", Records(3), |x| {
        x.serve(&Repo::default()).edit_bytes(reply::gzip).header("Content-Encoding", "gzip")
    })
    .at_most(2),
    row("gzip_nohdr", "gzip that is not labelled", Records(3), |x| {
        x.serve(&Repo::default()).edit_bytes(reply::gzip)
    })
    .perhaps_repaired()
    .at_most(2),
    row("gzip_mislabelled", "plain text labelled gzip", Records(3), |x| {
        x.serve(&Repo::default()).header("Content-Encoding", "gzip")
    })
    .perhaps_repaired(),
    row(
        "gzip_truncated_once",
        "half of a gzip stream with the right length, once",
        Records(3),
        |x| {
            if x.resumes() && x.once("cut") {
                let reply = x.serve(&Repo::default()).edit_bytes(reply::gzip);
                let at = reply.half();
                return reply
                    .header("Content-Encoding", "gzip")
                    .edit_bytes(|body| body[..at].into());
            }
            x.serve(&Repo::default()).edit_bytes(reply::gzip).header("Content-Encoding", "gzip")
        },
    )
    .at_most(3),
    row("deflate", "deflate as the standard has it", Records(3), |x| {
        x.serve(&Repo::default()).edit_bytes(reply::zlib).header("Content-Encoding", "deflate")
    })
    .at_most(2),
    row("deflate_raw", "deflate without the zlib wrapper", Records(3), |x| {
        let reply = x.serve(&Repo::default()).edit_bytes(reply::raw_deflate);
        reply.header("Content-Encoding", "deflate")
    })
    .perhaps_repaired()
    .at_most(2),
    row("deflate_nohdr", "deflate that is not labelled", Records(3), |x| {
        x.serve(&Repo::default()).edit_bytes(reply::zlib)
    })
    .perhaps_repaired()
    .at_most(2),
    row("base_query", "the base URL has a query of its own", Records(3), |x| {
        if x.argument("repo") != "7" {
            return Reply::html(404, "<html>which repository?</html>");
        }
        x.serve(&Repo { base_arguments: &["repo"], ..Repo::default() })
    })
    .query("?repo=7")
    .at_most(2),
];

const BUSY: &str = "<html><body>Busy</body></html>";

/// The first list requests are answered otherwise.
fn times(x: &mut Exchange<'_>, times: usize, other: fn() -> Reply) -> Reply {
    if x.lists() && x.count("times") < times { other() } else { x.serve(&Repo::default()) }
}

/// The first answer with a second page goes wrong; `at` is the middle of its body.
fn spoil_once(x: &mut Exchange<'_>, spoil: fn(Reply, usize) -> Reply) -> Reply {
    let reply = x.serve(&Repo::default());
    let at = reply.half();
    if x.resumes() && x.once("spoil") { spoil(reply, at) } else { reply }
}

/// The date of the second after next, as HTTP writes it.
fn http_date_soon() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let now = i64::try_from(now.as_secs()).expect("before the end of time");
    let date = chrono::DateTime::from_timestamp(now + 2, 0).expect("a date");
    date.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
