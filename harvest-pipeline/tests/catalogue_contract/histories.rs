//! Undoing runs, whatever happened before.

use std::collections::BTreeMap;

use harvest_pipeline::{Catalogue, Item, RunId};
use proptest::prelude::{Strategy, any, prop};
use proptest::prop_oneof;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::{begin, dc, harvest, last_run, state};

const CASES: usize = 40;

/// What happens to a source. Runs are named by their place among those so far.
#[derive(Clone, Debug)]
enum Step {
    /// A run that finds these records: titles, or deletions.
    Harvest(BTreeMap<u8, Option<u8>>),
    /// A run that deletes what none has seen since this one.
    DeleteAbsent(prop::sample::Index),
    Undo(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let item = prop_oneof![3 => (0..3_u8).prop_map(Some), 1 => proptest::strategy::Just(None)];
    let harvest = prop::collection::btree_map(0..9_u8, item, 1..9).prop_map(Step::Harvest);
    let step = prop_oneof![
        4 => harvest,
        1 => any::<prop::sample::Index>().prop_map(Step::DeleteAbsent),
        2 => any::<prop::sample::Index>().prop_map(Step::Undo),
    ];
    prop::collection::vec(step, 2..9)
}

/// What a catalogue is to hold.
#[derive(Debug, Default)]
struct Model {
    runs: Vec<RunId>,
    records: BTreeMap<u8, Record>,
}

#[derive(Debug, Default)]
struct Record {
    versions: Vec<Version>,
    seen: Option<RunId>,
}

#[derive(Clone, Debug)]
struct Version {
    run: RunId,
    /// It is there because that run was undone.
    undoes: bool,
    title: Option<u8>,
}

impl Record {
    fn title(&self) -> Option<u8> {
        self.versions.last().and_then(|it| it.title)
    }

    fn push(&mut self, run: RunId, title: Option<u8>) {
        self.versions.push(Version { run, undoes: false, title });
    }
}

impl Model {
    fn state(&self) -> String {
        let short = self.records.iter().map(|(id, record)| match record.title() {
            Some(title) => format!("{id}:{title}"),
            None => format!("{id}-"),
        });
        short.collect::<Vec<_>>().join(" ")
    }

    fn harvest(&mut self, run: RunId, found: &BTreeMap<u8, Option<u8>>) {
        for (id, title) in found {
            let record = self.records.entry(*id).or_default();
            record.seen = Some(run);
            if record.versions.is_empty() || record.title() != *title {
                record.push(run, *title);
            }
        }
    }

    fn delete_absent(&mut self, run: RunId, since: RunId) {
        for record in self.records.values_mut() {
            if record.title().is_some() && record.seen < Some(since) {
                record.push(run, None);
            }
        }
    }

    fn undo(&mut self, run: RunId) {
        for record in self.records.values_mut() {
            let Some(now) = record.versions.last() else { continue };
            if now.run != run || now.undoes {
                continue;
            }
            match record.versions.iter().rfind(|it| it.run < run).cloned() {
                Some(before) => record.versions.push(before),
                None if now.title.is_some() => {
                    record.versions.push(Version { run, undoes: true, title: None });
                }
                None => {}
            }
        }
    }
}

pub(crate) async fn runs_are_undone_whatever_happened(catalogue: &dyn Catalogue) {
    let mut runner = TestRunner::deterministic();
    for case in 0..CASES {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        happens(catalogue, &format!("case {case}"), &steps).await;
    }
}

async fn happens(catalogue: &dyn Catalogue, source: &str, steps: &[Step]) {
    let mut model = Model::default();
    for (nth, step) in steps.iter().enumerate() {
        match step {
            Step::Harvest(found) => {
                let mut found = found.clone();
                // Whether that makes a version is not said.
                found.retain(|id, title| {
                    let record = model.records.get(id);
                    title.is_some() || record.is_none_or(|it| it.title().is_some())
                });
                let items = found.iter().map(|(id, title)| match title {
                    Some(title) => dc(&id.to_string(), &title.to_string()),
                    None => Item::delete(id.to_string()),
                });
                harvest(catalogue, source, items.collect()).await;
                let run = last_run(catalogue, source).await;
                model.runs.push(run);
                model.harvest(run, &found);
            }
            Step::DeleteAbsent(since) if !model.runs.is_empty() => {
                let since = *since.get(&model.runs);
                let (run, hold) = begin(catalogue, source).await;
                catalogue.delete_absent(&run, since).await.unwrap();
                let id = last_run(catalogue, source).await;
                drop(hold);
                // It was killed, as far as one can tell; the next run ends it.
                harvest(catalogue, source, vec![]).await;
                model.runs.push(id);
                model.delete_absent(id, since);
            }
            Step::Undo(run) if !model.runs.is_empty() => {
                let run = *run.get(&model.runs);
                catalogue.undo(&source.into(), run).await.unwrap();
                model.undo(run);
            }
            Step::DeleteAbsent(_) | Step::Undo(_) => {}
        }
        assert_eq!(state(catalogue, source).await, model.state(), "step {nth} of {steps:?}");
    }
    if let Some(summary) = catalogue.summary(&source.into()).await.unwrap() {
        let live = model.records.values().filter(|it| it.title().is_some()).count() as u64;
        let deleted = model.records.len() as u64 - live;
        assert_eq!((summary.live, summary.deleted), (live, deleted), "{steps:?}");
    }
    for (id, record) in &model.records {
        let versions = catalogue.versions(&source.into(), &id.to_string()).await.unwrap();
        let titles = versions.iter().map(|it| it.deleted);
        let expected = record.versions.iter().map(|it| it.title.is_none());
        assert!(titles.eq(expected), "{id} after {steps:?}");
    }
}
