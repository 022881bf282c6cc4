//! Harvest lists of documents, and the reports on them.

use std::collections::{BTreeMap, HashMap};

use harvest_pipeline::harvest_list::{Document, write};
use harvest_pipeline::reports::{Audience, Harvested, Report, Style};
use harvest_pipeline::schedule::{Rhythm, Schedule, Unit};
use harvest_pipeline::store::{EventLevel, EventQuery, RunKind, RunRequest, SourceDefinition};
use harvest_pipeline::{Operation, RunId, RunState};
use serde_json::json;

use super::net::{Host, filled};
use super::world::{DAY, World};

const EML: &str = "eml://ecoinformatics.org/eml-2.0.0";

scenarios! {
    a_17_documents_are_inserted_updated_or_here_already_and_events_say_so
    documents_that_cannot_be_had_or_read_are_told_in_their_words
    a_worker_says_when_it_begins_and_when_it_is_stopped
    a_18_a_list_that_is_not_valid_changes_nothing_and_other_sites_go_on
    a_18_the_date_of_such_a_list_stands_and_those_of_other_sites_move
    a_21_a_report_counts_one_error_in_the_singular
}

/// A list of these documents, by identifier and revision.
fn list(documents: &[(i64, i64)]) -> String {
    let documents = documents.iter().map(|(identifier, revision)| Document {
        scope: "demo".to_owned(),
        identifier: *identifier,
        revision: *revision,
        document_type: EML.to_owned(),
        url: format!("/{identifier}.{revision}"),
    });
    write(&documents.collect::<Vec<_>>())
}

fn document(revision: i64) -> String {
    format!("<e:eml xmlns:e='{EML}'><dataset><title>{revision}</title></dataset></e:eml>")
}

/// A list of these documents, and the documents.
fn site(world: &World, documents: &[(i64, i64)]) {
    let mut files = HashMap::from([("/list".to_owned(), list(documents))]);
    for (identifier, revision) in documents {
        files.insert(format!("/{identifier}.{revision}"), document(*revision));
    }
    world.net.set("site.example", Host::Files(files));
}

async fn add(world: &World) {
    let options = json!({ "url": "http://site.example/list" });
    let mut definition = SourceDefinition::new("site", "document-list", options);
    definition.contacts = vec!["eva@site.example".to_owned()];
    world.store.add_source(&definition).await.unwrap();
}

/// The words for what was done with the documents.
async fn operations(world: &World, run: RunId) -> Vec<(String, String)> {
    let events = world.events(run).await.into_iter().map(|event| event.event);
    let told = events.filter_map(|event| Some((event.code, event.scope.record?)));
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

fn told(code: &str, document: &str) -> (String, String) {
    (code.to_owned(), document.to_owned())
}

async fn a_17_documents_are_inserted_updated_or_here_already_and_events_say_so(world: &World) {
    site(world, &[(2, 1), (3, 1)]);
    add(world).await;
    let run = world.harvest("site").await;
    assert_eq!(
        (run.state, run.counters.created),
        (RunState::Succeeded, 2),
        "{:#?}",
        world.events(run.id).await
    );

    site(world, &[(1, 1), (2, 2), (3, 1)]);
    let run = world.harvest("site").await;
    let counters = run.counters;
    assert_eq!((counters.created, counters.updated, counters.unchanged), (1, 1, 1));
    let expected = [
        told("GetDocSuccess", "demo.1.1"),
        told("GetDocSuccess", "demo.2.2"),
        told("InsertDocSuccess", "demo.1.1"),
        told("MetacatHasDoc", "demo.3"),
        told("UpdateDocSuccess", "demo.2.2"),
        told("ValidateDocSuccess", "demo.1.1"),
        told("ValidateDocSuccess", "demo.2.2"),
    ];
    assert_eq!(operations(world, run.id).await, expected);
    // Of each operation, at its own level.
    let events = world.events(run.id).await.into_iter().map(|event| event.event);
    let levels: BTreeMap<_, _> = events
        .filter_map(|event| Some((event.level, Operation::named(&event.code)?)))
        .map(|(level, operation)| (operation.code, (level, operation.level)))
        .collect();
    assert!(levels.values().all(|(level, own)| level == own), "{levels:?}");
    let expected = [
        "GetDocSuccess",
        "GetHarvestListSuccess",
        "InsertDocSuccess",
        "MetacatHasDoc",
        "UpdateDocSuccess",
        "ValidateDocSuccess",
        "ValidateHarvestListSuccess",
    ];
    assert_eq!(levels.into_keys().collect::<Vec<_>>(), expected);

    let run = world.harvest("site").await;
    assert_eq!((run.counters.total(), run.counters.unchanged), (3, 3));
    let expected = ["demo.1", "demo.2", "demo.3"].map(|it| told("MetacatHasDoc", it));
    assert_eq!(operations(world, run.id).await, expected);
}

async fn documents_that_cannot_be_had_or_read_are_told_in_their_words(world: &World) {
    site(world, &[(1, 1), (2, 1)]);
    let files = [
        ("/list".to_owned(), list(&[(1, 1), (2, 1), (3, 1)])),
        ("/2.1".to_owned(), "no XML".to_owned()),
        ("/3.1".to_owned(), format!("<e:eml xmlns:e='{EML}'/>")),
    ];
    world.net.set("site.example", Host::Files(HashMap::from(files)));
    add(world).await;
    let run = world.harvest("site").await;
    assert_eq!(run.counters.failed, 3, "{:#?}", world.events(run.id).await);
    let expected = [
        told("GetDocError", "demo.1"),
        told("ValidateDocError", "demo.2"),
        told("ValidateDocError", "demo.3"),
    ];
    assert_eq!(operations(world, run.id).await, expected);
}

async fn a_worker_says_when_it_begins_and_when_it_is_stopped(world: &World) {
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    world.worker("one").run(stop).await;
    let events = world.store.events(&EventQuery::default()).await.unwrap();
    let told: Vec<_> = events.iter().map(|it| (&*it.event.code, it.event.level)).collect();
    let level = EventLevel::Info;
    assert_eq!(told, [("HarvesterShutdown", level), ("HarvesterStartup", level)]);
    assert!(events.iter().all(|it| it.event.scope.source.is_none()));
}

async fn a_18_a_list_that_is_not_valid_changes_nothing_and_other_sites_go_on(world: &World) {
    site(world, &[(1, 1)]);
    add(world).await;
    world.add("kytice", &filled(3)).await;
    world.harvest("site").await;
    let stood = world.catalogue.checkpoint(&"site".into()).await.unwrap();

    let files = HashMap::from([("/list".to_owned(), "<harvestList/>".to_owned())]);
    world.net.set("site.example", Host::Files(files));
    let broken = world.ask(RunRequest::new("site", RunKind::Harvest)).await;
    let other = world.ask(RunRequest::new("kytice", RunKind::Harvest)).await;
    world.work().await;
    let run = world.entry(broken).await;
    assert_eq!((run.state, run.counters.total()), (RunState::Failed, 0));
    assert_eq!(world.entry(other).await.state, RunState::Succeeded);
    assert_eq!(world.catalogue.checkpoint(&"site".into()).await.unwrap(), stood);
    let events = world.events(broken).await;
    let found = events.iter().find(|it| it.event.code == "ValidateHarvestListError").unwrap();
    assert_eq!(found.event.level, EventLevel::Error);
    assert_eq!(found.event.url.as_deref(), Some("http://site.example/list"));

    let harvested = Harvested::gather(&world.installation, broken).await.unwrap();
    assert_eq!(harvested.contacts(), ["eva@site.example"]);
    let report =
        Report::new(Style::Metacat, &[harvested], Audience::SiteContact, world.clock.now());
    assert!(report.text.contains("ValidateHarvestListError"), "{}", report.text);
}

async fn a_18_the_date_of_such_a_list_stands_and_those_of_other_sites_move(world: &World) {
    let begin = world.clock.now();
    let every_two_weeks = Schedule::new(Rhythm::every(2, Unit::Weeks).unwrap());
    for (id, list) in [("valid", list(&[(1, 1)])), ("empty", list(&[])), ("gone", String::new())] {
        let files = match id {
            "gone" => HashMap::new(),
            _ => HashMap::from([("/list".to_owned(), list), ("/1.1".to_owned(), document(1))]),
        };
        world.net.set(&format!("{id}.example"), Host::Files(files));
        let options = json!({ "url": format!("http://{id}.example/list") });
        let mut definition = SourceDefinition::new(id, "document-list", options);
        definition.schedule = every_two_weeks.clone();
        world.store.add_source(&definition).await.unwrap();
    }
    let due = async |id: &str| {
        let source = world.store.source(&id.into()).await.unwrap().unwrap();
        source.next_due.unwrap()
    };
    for day in 0..3_u32 {
        let asked = world.scheduler().tick().await.unwrap().requested;
        let mut asked: Vec<_> = asked.iter().map(|(source, _)| source.as_str()).collect();
        asked.sort_unstable();
        let expected: &[&str] =
            if day == 0 { &["empty", "gone", "valid"] } else { &["empty", "gone"] };
        assert_eq!(asked, expected);
        for (run, state) in world.work().await {
            let is_valid = world.entry(run).await.request.source.as_str() == "valid";
            assert_eq!(state == RunState::Succeeded, is_valid);
        }
        assert_eq!(due("valid").await, begin + 14 * DAY);
        assert_eq!((due("empty").await, due("gone").await), (begin, begin));
        assert!(world.scheduler().tick().await.unwrap().requested.is_empty(), "not at once");
        world.clock.advance(DAY);
    }
    // Once it is valid it goes on in its rhythm.
    let files = [("/list".to_owned(), list(&[(1, 1)])), ("/1.1".to_owned(), document(1))];
    world.net.set("empty.example", Host::Files(HashMap::from(files)));
    world.scheduler().tick().await.unwrap();
    world.work().await;
    assert_eq!((due("empty").await, due("gone").await), (begin + 14 * DAY, begin));
}

async fn a_21_a_report_counts_one_error_in_the_singular(world: &World) {
    site(world, &[(1, 1)]);
    add(world).await;
    let well = world.harvest("site").await;
    world.net.set("site.example", Host::Fault(http::StatusCode::NOT_FOUND, None));
    world.clock.advance(DAY);
    let broken = world.harvest("site").await;
    let report = async |runs: &[RunId], audience| {
        let mut harvests = Vec::new();
        for run in runs {
            harvests.push(Harvested::gather(&world.installation, *run).await.unwrap());
        }
        Report::new(Style::Metacat, &harvests, audience, world.clock.now())
    };
    let stars = "*".repeat(80);
    let head = |words: &[&str]| {
        let words = words.iter().map(|line| format!("* {line}\n")).collect::<String>();
        format!(
            "{stars}\n*\n* METACAT HARVESTER REPORT: 2024-07-26T00:00:00Z\n*\n{words}*\n{stars}\n"
        )
    };
    let see = "Please see the log entries below for additonal details.";

    let one = report(&[broken.id], Audience::SiteContact).await;
    assert_eq!(one.subject, "Report from Metacat Harvester: 2024-07-26T00:00:00Z");
    assert!(
        one.text.starts_with(&head(&["A TOTAL OF 1 ERROR WAS DETECTED.", see])),
        "{}",
        one.text
    );
    assert!(one.text.contains("* Operation:        GetHarvestListError\n"), "{}", one.text);
    assert!(one.text.contains("* Status:           1\n"));
    assert!(one.text.contains("* URL:              http://site.example/list\n"));

    let two = report(&[broken.id, broken.id], Audience::Administrator).await;
    assert!(two.text.starts_with(&head(&["A TOTAL OF 2 ERRORS WERE DETECTED.", see])));

    let none = report(&[well.id], Audience::SiteContact).await;
    assert!(none.text.starts_with(&head(&["NO ERRORS WERE DETECTED DURING THIS HARVEST."])));
    assert!(none.text.contains("Documents inserted: 1\n    demo.1\n"), "{}", none.text);
    assert!(!none.text.contains("InsertDocSuccess"), "contacts hear of what they can mend");
    let all = report(&[well.id], Audience::Administrator).await;
    assert!(all.text.contains("* Operation:        InsertDocSuccess\n"), "{}", all.text);
}
