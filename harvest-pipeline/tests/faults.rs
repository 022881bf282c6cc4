//! Repositories that misbehave, over HTTP on loopback, through the whole pipeline into SQLite.
#![allow(clippy::unwrap_used)]

#[path = "../../oai-pmh/tests/support/mod.rs"]
mod support;

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use harvest_pipeline::parsers::DublinCore;
use harvest_pipeline::{
    NoticeLevel, OaiPmhSource, Pipeline, Query, RunError, RunState, Source, SqliteCatalogue,
    StoredRecord, Strategy, Summary,
};
use oai_pmh::retry::{Backoff, Retrying};
use oai_pmh::transport::HttpTransport;
use oai_pmh::{Client, Selection};
use support::fault_server::{Expect, FaultServer, Repair, Scenario, scenario};
use tempfile::TempDir;

/// What a scenario did to a catalogue.
struct Harvested {
    folder: TempDir,
    server: FaultServer,
    scenario: &'static Scenario,
    strategy: Strategy,
}

impl Harvested {
    async fn new(name: &str, strategy: Strategy) -> Self {
        let (folder, server) = (tempfile::tempdir().unwrap(), FaultServer::start().await);
        Self { folder, server, scenario: scenario(name).unwrap(), strategy }
    }

    fn source(&self) -> OaiPmhSource {
        let patience = Backoff::default()
            .retries(4)
            .first(Duration::from_millis(5))
            .cap(Duration::from_millis(20));
        let transport = Retrying::new(HttpTransport::builder().build().unwrap(), patience);
        let base = self.server.url(self.scenario.name).parse().unwrap();
        let client = Client::with_transport(base, transport);
        OaiPmhSource::new(client, Selection::prefix("oai_dc")).strategy(self.strategy)
    }

    async fn run(&self) -> (Result<Summary, RunError>, Vec<StoredRecord>) {
        let catalogue = SqliteCatalogue::open(self.folder.path().join("x.db")).await.unwrap();
        let pipeline = Pipeline::new(self.source()).parse(DublinCore::new());
        let ran = pipeline.run(&catalogue).await;
        let records = catalogue.records(Query::all()).try_collect().await.unwrap();
        catalogue.close().await.unwrap();
        (ran, records)
    }

    /// Harvests twice, and says what is not as it should be.
    async fn judge(&self) -> Result<(), String> {
        let (ran, records) = self.run().await;
        let complete = |all: usize| match &ran {
            Ok(summary) if summary.state != RunState::Succeeded => Err(summary.state.to_string()),
            Ok(_) if records.len() != all => Err(format!("{} records", records.len())),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        let broken_off = |at_least: usize| match &ran {
            Ok(summary) => Err(format!("it should have failed: {summary:?}")),
            Err(_) if records.len() < at_least => Err(format!("{} records", records.len())),
            Err(error) => {
                // Nobody begins behind what never came.
                let checkpoint = error.summary().unwrap().checkpoint.as_ref();
                match checkpoint.and_then(|checkpoint| self.source().next_from(checkpoint)) {
                    Some(from) => Err(format!("the next run begins at {from}")),
                    None => Ok(()),
                }
            }
        };
        match self.scenario.expect {
            Expect::Records(all) | Expect::Ended(all) => complete(all)?,
            Expect::Empty => complete(0)?,
            Expect::Truncated { at_least } => broken_off(at_least)?,
            Expect::CompleteOrTruncated { all, at_least } => {
                complete(all).or_else(|_| broken_off(at_least))?;
            }
            Expect::Fails(_) => broken_off(0)?,
            other => return Err(format!("nothing is known of {other:?}")),
        }
        if let (Some(title), Ok(_)) = (self.scenario.title, &ran) {
            let first = records.first().and_then(|record| record.metadata.as_deref());
            if !first.is_some_and(|metadata| metadata.contains(&format!(">{title}<"))) {
                return Err(format!("{title} is not in {first:?}"));
            }
        }
        let Ok(summary) = ran else { return Ok(()) };
        let is_repaired = summary.notices.first().iter().any(|it| it.level == NoticeLevel::Repair);
        // Records that are got one by one have their repairs to themselves.
        let is_told = is_repaired || self.strategy != Strategy::ListRecords;
        if self.scenario.repair == Repair::Yes && !is_told {
            return Err("a repair is not told".to_owned());
        }
        let (again, _) = self.run().await;
        match again {
            Ok(summary) if summary.counters.created + summary.counters.updated == 0 => Ok(()),
            again => Err(format!("the second time: {again:?}")),
        }
    }
}

async fn all_come_out_right(names: &[&str]) {
    let each = names.iter().flat_map(|name| {
        [Strategy::ListRecords, Strategy::ListIdentifiers].map(|strategy| (*name, strategy))
    });
    let judged: Vec<Option<String>> = futures_util::stream::iter(each)
        .map(async |(name, strategy)| {
            let judged = Harvested::new(name, strategy).await.judge().await;
            judged.err().map(|what| format!("{name}, {strategy:?}: {what}"))
        })
        .buffered(6)
        .collect()
        .await;
    let wrong: Vec<_> = judged.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a35_a_token_that_leads_in_circles_fails_the_run() {
    all_come_out_right(&["same_token", "endless_new_tokens", "token_cycle"]).await;
}

#[tokio::test]
async fn a35_empty_pages_end_nothing() {
    let names = ["empty_list", "empty_list_then_more", "empty_page_mid", "token_to_empty_page"];
    all_come_out_right(&names).await;
}

#[tokio::test]
async fn a35_a_token_that_is_refused_begins_the_list_anew_and_nothing_is_there_twice() {
    all_come_out_right(&["badtok_mid_once", "badtok_mid", "token_single_use"]).await;
}

#[tokio::test]
async fn a35_html_in_place_of_xml_is_no_list() {
    all_come_out_right(&["html200", "xhtml200", "html200_mid_once", "waf_202"]).await;
}

#[tokio::test]
async fn a35_compressed_answers_are_unpacked_whatever_they_are_labelled() {
    let names = ["gzip", "gzip_nohdr", "gzip_mislabelled", "gzip_truncated_once", "deflate_raw"];
    all_come_out_right(&names).await;
}

#[tokio::test]
async fn a35_titles_are_read_whatever_encoding_is_claimed() {
    let names = [
        "charset_latin1_utf8",
        "charset_utf8_latin1",
        "charset_unknown",
        "cp1252_as_utf8",
        "latin1_decl",
        "utf16le_bom",
        "bad_utf8",
    ];
    all_come_out_right(&names).await;
}

#[tokio::test]
async fn a35_control_characters_are_taken_out_and_told() {
    all_come_out_right(&["ctrl_char", "ctrl_ref", "surrogate_ref"]).await;
}
