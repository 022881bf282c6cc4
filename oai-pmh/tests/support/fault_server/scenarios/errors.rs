//! Errors, of HTTP and of OAI-PMH, and pages that are neither.

use super::super::exchange::{Exchange, Repo};
use super::super::pages;
use super::super::reply::Reply;
use super::Expect::*;
use super::{Ask, Failure, Scenario, row};

pub(super) const SCENARIOS: &[Scenario] = &[
    row("err_nomsg", "noRecordsMatch as an empty element", Empty, |x| {
        lists(x, |x| x.reply(r#"<error code="noRecordsMatch"/>"#))
    }),
    row("err_norecords", "noRecordsMatch", Empty, |x| {
        lists(x, |x| x.error("noRecordsMatch", "nothing there"))
    }),
    row("err_multi", "two errors in one response", oai(&["badArgument", "badVerb"]), |x| {
        let errors =
            pages::error("badArgument", "which from?") + &pages::error("badVerb", "which verb?");
        x.reply(&errors)
    }),
    row("err_unknown", "a code of the server's own", oai(&["InternalException"]), |x| {
        lists(x, |x| x.error("InternalException", "NullPointerException"))
    }),
    row("err_format", "cannotDisseminateFormat", oai(&["cannotDisseminateFormat"]), |x| {
        lists(x, |x| x.error("cannotDisseminateFormat", "marc21 only"))
    }),
    row("err_http400", "badArgument in the body of a 400", oai(&["badArgument"]), |x| {
        lists(x, |x| x.error("badArgument", "no").status(400))
    })
    .at_most(1),
    row("err_http404", "noRecordsMatch in the body of a 404", Empty, |x| {
        lists(x, |x| x.error("noRecordsMatch", "").status(404))
    })
    .at_most(1),
    row("err_http500", "badArgument in the body of a 500", oai(&["badArgument"]), |x| {
        lists(x, |x| x.error("badArgument", "no").status(500))
    }),
    row("err_http404_record", "idDoesNotExist in the body of a 404", NO_SUCH_ID, |x| {
        x.error("idDoesNotExist", "").status(404)
    })
    .ask(Ask::Record("oai:x:404")),
    row("no_set_hierarchy", "ListSets is answered noSetHierarchy", Empty, |x| {
        if x.is("ListSets") {
            x.reply(r#"<error code="noSetHierarchy"/>"#)
        } else {
            x.serve(&Repo::default())
        }
    })
    .ask(Ask::Sets),
    row("html200", "an HTML page with status 200", Fails(Failure::NotOai), |_| {
        Reply::html(200, "<!DOCTYPE html>\n<html><head><title>Login</title></head><body/></html>")
    }),
    row("xhtml200", "a well-formed page labelled text/xml", Fails(Failure::NotOai), |_| {
        Reply::xml(
            r#"<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body/></html>"#,
        )
    }),
    row("waf_202", "202 without a body, from a firewall", Fails(Failure::NotOai), |_| {
        Reply::html(202, "").header("x-amzn-waf-action", "challenge")
    }),
    row("r401", "401", Fails(Failure::Http(401)), |_| {
        Reply::html(401, "<html/>").header("WWW-Authenticate", r#"Basic realm="oai""#)
    })
    .at_most(1),
    row("r403", "403", Fails(Failure::Http(403)), |_| Reply::html(403, "<html/>")).at_most(1),
    row("r404", "404", Fails(Failure::Http(404)), |_| Reply::html(404, "<html/>")).at_most(1),
    row("r410", "410", Fails(Failure::Http(410)), |_| Reply::html(410, "<html/>")).at_most(1),
    row("r500_always", "500 for whatever is asked", Fails(Failure::Http(500)), |_| {
        Reply::html(500, "<html/>")
    }),
];

const NO_SUCH_ID: super::Expect = oai(&["idDoesNotExist"]);

const fn oai(codes: &'static [&'static str]) -> super::Expect {
    Fails(Failure::Oai(codes))
}

/// Only lists are answered like this.
fn lists(x: &mut Exchange<'_>, answer: fn(&Exchange<'_>) -> Reply) -> Reply {
    if x.lists() { answer(x) } else { x.serve(&Repo::default()) }
}
