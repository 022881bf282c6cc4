//! The part of a source's form that says when it is harvested.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::time::Duration;

use harvest_pipeline::schedule::{Rhythm, Schedule, Unit};
use maud::{Markup, html};

use super::typed::Typed;
use crate::web::parts::form::{Errors, Field};
use crate::words::Words;

const UNITS: [(Unit, &str); 4] = [
    (Unit::Hours, "hours"),
    (Unit::Days, "days"),
    (Unit::Weeks, "weeks"),
    (Unit::Months, "months"),
];
const RHYTHMS: [&str; 3] = ["manual", "every", "cron"];

/// A schedule for people to read.
pub(super) fn text(words: Words, schedule: &Schedule) -> String {
    match &schedule.rhythm {
        Rhythm::Every { count, unit } => {
            let unit = words.text(&format!("rhythm.{}", name(*unit))).to_owned();
            words.fill("rhythm.text", &[("count", count), ("unit", &unit)])
        }
        Rhythm::Cron { expression, zone } => format!("{expression} ({zone})"),
        _ => words.text("rhythm.manual").to_owned(),
    }
}

fn name(unit: Unit) -> &'static str {
    UNITS.iter().find(|(known, _)| *known == unit).map_or("days", |(_, name)| name)
}

/// A schedule, as if it had been typed.
pub(super) fn fill(schedule: &Schedule, typed: &mut Typed) {
    match &schedule.rhythm {
        Rhythm::Every { count, unit } => {
            typed.put("rhythm", "every");
            typed.put("count", count.to_string());
            typed.put("unit", name(*unit));
        }
        Rhythm::Cron { expression, zone } => {
            typed.put("rhythm", "cron");
            typed.put("cron", expression);
            typed.put("zone", zone);
        }
        _ => typed.put("rhythm", "manual"),
    }
    if schedule.start_delay > 0 {
        typed.put("start_delay", (schedule.start_delay / 3600).to_string());
    }
    if let Some(most) = schedule.most_runs {
        typed.put("most_runs", most.to_string());
    }
}

/// The fields.
pub(super) fn show(words: Words, typed: &Typed, errors: &Errors) -> Markup {
    let named = |name: &str| (name.to_owned(), words.text(&format!("rhythm.{name}")).to_owned());
    let or = |name, default: &'static str| typed.some(name).unwrap_or(default).to_owned();
    let label = |name: &str| words.text(&format!("source.{name}")).to_owned();
    let fields = [
        Field::radio("rhythm", &label("rhythm"), RHYTHMS.map(named).into())
            .value(or("rhythm", "manual")),
        Field::number("count", &label("count"), Some(1), Some(Rhythm::MOST.into()))
            .value(or("count", "1")),
        Field::choice("unit", &label("unit"), UNITS.map(|(_, name)| named(name)).into())
            .value(or("unit", "days")),
        Field::text("cron", &label("cron")).hint(label("cron-hint")).value(typed.get("cron")),
        Field::text("zone", &label("zone")).value(or("zone", "UTC")),
        Field::number("start_delay", &label("start-delay"), Some(0), None)
            .value(typed.get("start_delay")),
        Field::number("most_runs", &label("most-runs"), Some(1), None)
            .value(typed.get("most_runs")),
    ];
    html! { div.row { @for field in &fields { (field.show(words, errors)) } } }
}

/// The schedule that was typed.
pub(super) fn read(words: Words, typed: &Typed, errors: &mut Errors) -> Schedule {
    let rhythm = match typed.get("rhythm") {
        "every" => every(words, typed, errors),
        "cron" => cron(words, typed, errors),
        _ => Rhythm::Manual,
    };
    let mut schedule = Schedule::new(rhythm);
    let hours = whole(words, typed, "start_delay", "source.start-delay", errors);
    if let Some(hours) = hours {
        let delay = Duration::from_secs(hours.saturating_mul(3600));
        schedule = schedule.with_start_delay(delay);
    }
    let runs = whole(words, typed, "most_runs", "source.most-runs", errors);
    let runs = runs.and_then(|runs| NonZeroU32::new(runs.try_into().unwrap_or(u32::MAX)));
    match runs {
        Some(runs) => schedule.with_most_runs(runs),
        None => schedule,
    }
}

fn every(words: Words, typed: &Typed, errors: &mut Errors) -> Rhythm {
    let unit = UNITS.iter().find(|(_, name)| *name == typed.get("unit"));
    let Some((unit, _)) = unit else {
        let field = [("field", &words.text("source.unit") as &dyn Display)];
        errors.add("unit", words.fill("form.choice", &field));
        return Rhythm::Manual;
    };
    let count = typed.get("count").parse().ok();
    let rhythm = count.and_then(|count: u32| Rhythm::every(count, *unit).ok());
    rhythm.unwrap_or_else(|| {
        let field = ("field", &words.text("source.count") as &dyn Display);
        let message = words.fill("form.range", &[field, ("least", &1), ("most", &Rhythm::MOST)]);
        errors.add("count", message);
        Rhythm::Manual
    })
}

fn cron(words: Words, typed: &Typed, errors: &mut Errors) -> Rhythm {
    let Some(expression) = typed.some("cron") else {
        let field = [("field", &words.text("source.cron") as &dyn Display)];
        errors.add("cron", words.fill("form.required", &field));
        return Rhythm::Manual;
    };
    let zone = typed.some("zone").unwrap_or("UTC");
    Rhythm::cron(expression, zone).unwrap_or_else(|error| {
        let is_zone = matches!(error, harvest_pipeline::schedule::ScheduleError::Zone(_));
        errors.add(if is_zone { "zone" } else { "cron" }, error.to_string());
        Rhythm::Manual
    })
}

/// A whole number that was typed, if one was.
pub(super) fn whole(
    words: Words,
    typed: &Typed,
    field: &str,
    label: &str,
    errors: &mut Errors,
) -> Option<u64> {
    let text = typed.some(field)?;
    let number = text.parse().ok();
    if number.is_none() {
        errors.add(field, words.fill("form.number", &[("field", &words.text(label))]));
    }
    number
}
