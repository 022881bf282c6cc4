//! What a filter set would say to records that are here.

use harvest_pipeline::filters::{Expression, FilterSet, FilterSets, Match};
use harvest_pipeline::parsers::ByFormat;
use harvest_pipeline::store::Page;
use harvest_pipeline::{
    Candidate, Decision, Filter, Item, Parser, Payload, RecordError, RecordQuery, SourceId,
    StoredRecord,
};
use maud::{Markup, html};

use super::list::text;
use crate::web::app::App;
use crate::web::parts::{Table, Tone, badge};
use crate::web::problem::Problem;
use crate::web::records;
use crate::words::Words;

/// So many records are asked.
const ASKED: usize = 25;

/// What a filter set would say.
#[derive(Debug)]
pub(super) struct Preview {
    expressions: Vec<Expression>,
    judged: Vec<Judged>,
}

#[derive(Debug)]
struct Judged {
    record: StoredRecord,
    /// Whether the set accepts it, or why nobody can tell.
    accepted: Result<bool, String>,
    /// Whether each expression holds by itself.
    holds: Vec<Option<bool>>,
}

impl Preview {
    /// Asks about the first live records of a source.
    pub(super) async fn of(app: &App, set: &FilterSet, source: SourceId) -> Result<Self, Problem> {
        let mut query = RecordQuery::default();
        query.source = Some(source);
        query.deleted = Some(false);
        query.page = Page::first(ASKED);
        let records = app.catalogue.list(&query).await?;
        let each: Vec<_> =
            set.expressions().iter().filter_map(|expression| alone(set, expression)).collect();
        let all = FilterSets::new([set.clone()]);
        let judged = records
            .into_iter()
            .map(|record| {
                let accepted = judge(&all, &record).map_err(|error| error.message);
                let holds = each.iter().map(|one| judge(one, &record).ok()).collect();
                Judged { record, accepted, holds }
            })
            .collect();
        Ok(Self { expressions: set.expressions().to_vec(), judged })
    }

    /// The records, each with what the set says and why.
    pub(super) fn show(&self, words: Words) -> Markup {
        if self.judged.is_empty() {
            return html! { p.quiet { (words.text("filter.no-records")) } };
        }
        let accepted = self.judged.iter().filter(|it| it.accepted == Ok(true)).count();
        let mut table = Table::new(words.text("filter.preview"))
            .column(words.text("filter.verdict"))
            .column(words.text("record.title"))
            .column(words.text("filter.why"));
        for judged in &self.judged {
            table.row(vec![
                verdict(words, judged),
                record(&judged.record),
                self.why(words, judged),
            ]);
        }
        html! {
            p aria-live="polite" {
                (words.fill("filter.accepted-of", &[
                    ("accepted", &accepted), ("all", &self.judged.len()),
                ]))
            }
            (table.show())
        }
    }

    fn why(&self, words: Words, judged: &Judged) -> Markup {
        html! {
            @if let Err(message) = &judged.accepted { (message) }
            @else {
                ul.plain.tight {
                    @for (expression, holds) in self.expressions.iter().zip(&judged.holds) {
                        li.(if *holds == Some(true) { "holds" } else { "fails" }) {
                            (if *holds == Some(true) { "✓ " } else { "✗ " })
                            (text(words, expression))
                        }
                    }
                }
            }
        }
    }
}

fn verdict(words: Words, judged: &Judged) -> Markup {
    match judged.accepted {
        Ok(true) => badge(Tone::Good, words.text("filter.accepted")),
        Ok(false) => badge(Tone::Quiet, words.text("filter.rejected")),
        Err(_) => badge(Tone::Bad, words.text("filter.unreadable")),
    }
}

fn record(record: &StoredRecord) -> Markup {
    let title = records::title(record.fields.as_deref());
    html! {
        a href=(records::address(&record.source, &record.identifier)) {
            (title.as_deref().unwrap_or(&record.identifier))
        }
        @if title.is_some() { div.detail { (record.identifier) } }
    }
}

/// One expression as a set of its own, that minds case and formats as its set does.
fn alone(set: &FilterSet, expression: &Expression) -> Option<FilterSets> {
    let one = FilterSet::new("", Match::Any, [expression.clone()]).ok()?;
    let one = if set.ignores_case() { one } else { one.case_sensitive().ok()? };
    Some(FilterSets::new([one]))
}

/// Whether a filter accepts a record, as if it had just been fetched.
fn judge(filter: &FilterSets, record: &StoredRecord) -> Result<bool, RecordError> {
    let format = record.format.as_deref().unwrap_or_default();
    let payload = Payload::new(format, record.metadata.clone().unwrap_or_default());
    let mut item = Item::put(record.identifier.as_str(), payload).with_sets(record.sets.clone());
    item.datestamp.clone_from(&record.datestamp);
    let parser = ByFormat::new().keep_others();
    let keys = filter.keys();
    let extract = || match item.payload() {
        Some(payload) => parser.fields(&item, payload, &keys).map(|preview| preview.fields),
        None => Ok(Default::default()),
    };
    let decision = filter.decide(&Candidate::new(&item, None, &extract))?;
    Ok(matches!(decision, Decision::Accept))
}
