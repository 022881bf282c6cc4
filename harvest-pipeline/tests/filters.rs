//! Filters by configuration: what they accept, and what is no filter.
#![allow(clippy::unwrap_used)]

use harvest_pipeline::filters::{
    Between, Expression, FilterError, FilterSet, FilterSets, Identifiers, InSets, Match, Newer,
};
use harvest_pipeline::{Candidate, Decision, Fields, Filter, Item, Known, Payload};

/// What a filter says of a record with these fields.
fn decide(
    filter: &dyn Filter,
    item: &Item,
    known: Option<&Known>,
    of: &[(&str, &str)],
) -> Decision {
    let extract = || {
        let mut fields = Fields::new();
        of.iter().for_each(|(key, value)| fields.add(key, *value));
        Ok(fields)
    };
    filter.decide(&Candidate::new(item, known, &extract)).unwrap()
}

fn item() -> Item {
    Item::put("oai:x:1", Payload::new("marc21", "<record/>"))
        .with_datestamp("2024-01-31T12:00:00Z")
        .with_sets(["books:czech", "fond:7"])
}

fn set(expression: &str) -> FilterSet {
    FilterSet::new(expression, Match::Any, [expression.parse().unwrap()]).unwrap()
}

#[allow(clippy::needless_pass_by_value)] // each is made for one question
fn accepts(filter: impl Filter, fields: &[(&str, &str)]) -> bool {
    decide(&filter, &item(), None, fields) == Decision::Accept
}

const FIELDS: [(&str, &str); 4] = [
    ("100a", "Čapek, Karel"),
    ("650a", "robots"),
    ("650a", "drama"),
    ("245a", "R.U.R. / Rossum’s Universal Robots"),
];

#[test]
fn a_26_each_operation_looks_at_the_whole_of_any_value() {
    for (expression, holds) in [
        ("100a equals Čapek, Karel", true),
        ("100a equals Čapek", false),
        ("100a equals čapek, karel", true),
        ("650a equals drama", true),
        ("650a equals robot", false),
        ("650a contains obo", true),
        ("650a contains opera", false),
        ("650a starts-with dra", true),
        ("650a starts-with ama", false),
        ("650a ends-with ama", true),
        ("650a ends-with dra", false),
        ("245a matches ^R\\.U\\.R\\.", true),
        ("245a matches robots$", true),
        ("245a matches ^robots$", false),
        ("245a exists", true),
        ("246a exists", false),
        ("246a equals x", false),
        ("@identifier equals oai:x:1", true),
        ("@datestamp starts-with 2024-01", true),
        ("@set equals fond:7", true),
        ("@format equals marc21", true),
    ] {
        assert_eq!(accepts(FilterSets::new([set(expression)]), &FIELDS), holds, "{expression}");
        let (field, rest) = expression.split_once(' ').unwrap();
        let opposite = format!("{field} not {rest}");
        assert_eq!(accepts(FilterSets::new([set(&opposite)]), &FIELDS), !holds, "{opposite}");
    }
}

#[test]
fn letters_are_the_same_however_they_are_composed() {
    let decomposed = [("100a", "C\u{30c}apek, Karel")];
    assert!(accepts(FilterSets::new([set("100a starts-with Čapek")]), &decomposed));
    assert!(accepts(FilterSets::new([set("100a matches ^Č")]), &decomposed));
}

#[test]
fn case_matters_when_it_is_asked_to() {
    let sensitive = |expression| FilterSets::new([set(expression).case_sensitive().unwrap()]);
    assert!(accepts(sensitive("100a starts-with Čapek"), &FIELDS));
    assert!(!accepts(sensitive("100a starts-with čapek"), &FIELDS));
    assert!(!accepts(sensitive("650a matches ROBOTS"), &FIELDS));
}

#[test]
fn any_or_all_expressions_of_a_set_and_any_set() {
    let build = |combine| {
        let list = ["650a equals drama", "650a equals opera"].map(|it| it.parse().unwrap());
        FilterSet::new("two", combine, list).unwrap()
    };
    assert!(accepts(FilterSets::new([build(Match::Any)]), &FIELDS));
    assert!(!accepts(FilterSets::new([build(Match::All)]), &FIELDS));
    assert!(accepts(FilterSets::new([build(Match::All), set("245a exists")]), &FIELDS));
}

#[test]
fn without_sets_for_the_format_everything_passes() {
    assert!(accepts(FilterSets::default(), &FIELDS));
    let other = || set("title exists").for_format("oai_dc");
    assert!(accepts(FilterSets::new([other()]), &FIELDS));
    let here = set("246a exists").for_format("marc21");
    let refused = decide(&FilterSets::new([other(), here]), &item(), None, &FIELDS);
    assert_eq!(refused, Decision::Reject("not in the filter set 246a exists".into()));
}

#[test]
fn what_is_stored_stays_up_to_date_unless_it_is_to_be_filtered_again() {
    let sets = FilterSets::new([set("246a exists")]);
    let live = Known::new(true, None);
    let gone = Known::new(false, None);
    assert!(sets.needs_known());
    assert_eq!(decide(&sets, &item(), Some(&live), &FIELDS), Decision::Accept);
    assert!(matches!(decide(&sets, &item(), Some(&gone), &FIELDS), Decision::Reject(_)));
    let again = sets.refilter_known(true);
    assert!(matches!(decide(&again, &item(), Some(&live), &FIELDS), Decision::Reject(_)));
}

#[test]
fn a_27_only_what_is_newer_than_what_is_stored() {
    for (stored, stamp, expected) in [
        ("2024-01-31T11:59:59Z", "2024-01-31T12:00:00Z", Decision::Accept),
        ("2024-01-31T12:00:00Z", "2024-01-31T12:00:00Z", Decision::Unchanged),
        ("2024-01-31T12:00:01Z", "2024-01-31T12:00:00Z", Decision::Unchanged),
        // To the day, and on that day, nobody can tell.
        ("2024-01-31", "2024-01-31", Decision::Accept),
        ("2024-01-31T12:00:00Z", "2024-01-31", Decision::Accept),
        ("2024-02-01", "2024-01-31", Decision::Unchanged),
    ] {
        let item = item().with_datestamp(stamp);
        let known = |live| Known::new(live, Some(stored.to_owned()));
        assert_eq!(decide(&Newer, &item, Some(&known(true)), &[]), expected, "{stored} {stamp}");
        // Not there, or never stored because it failed: it is wanted.
        assert_eq!(decide(&Newer, &item, Some(&known(false)), &[]), Decision::Accept);
        assert_eq!(decide(&Newer, &item, None, &[]), Decision::Accept);
    }
}

#[test]
fn a_set_includes_those_below_it_and_no_others() {
    assert!(accepts(InSets::new(["books"]), &[]));
    assert!(accepts(InSets::new(["maps", "fond:7"]), &[]));
    assert!(!accepts(InSets::new(["book", "books:c"]), &[]));
}

#[test]
fn both_ends_of_a_span_belong_to_it() {
    assert!(accepts(Between::new("2024-01-31", "2024-01-31"), &[]));
    assert!(accepts(Between::since("2024-01-31T12:00:00Z"), &[]));
    assert!(accepts(Between::until("2024-01-31T12:00:00Z"), &[]));
    assert!(!accepts(Between::since("2024-01-31T12:00:01Z"), &[]));
    assert!(!accepts(Between::until("2024-01-30"), &[]));
    let undated = Item::put("a", Payload::new("x", "<x/>"));
    assert_eq!(decide(&Between::since("2024"), &undated, None, &[]), Decision::Accept);
}

#[test]
fn identifiers_are_compared_to_the_letter() {
    assert!(accepts(Identifiers::new(["oai:x:1"]), &[]));
    assert!(!accepts(Identifiers::new(["OAI:X:1", "oai:x:10"]), &[]));
}

#[test]
fn an_expression_is_read_as_it_is_written() {
    for text in
        ["title contains dům u moře", "100a not starts-with x", "856u exists", "a not exists"]
    {
        assert_eq!(text.parse::<Expression>().unwrap().to_string(), text);
    }
    for text in ["", "title", "title contains", "title not", "title is x", "title exists yes"] {
        let error = text.parse::<Expression>().unwrap_err();
        assert!(error.to_string().contains("FIELD [not] OPERATION VALUE"), "{error}");
    }
}

#[test]
fn a_set_survives_json_and_one_that_says_nothing_is_refused() {
    let set = set("100a matches ^[A-M]").for_format("marc21");
    let json = serde_json::to_string(&set).unwrap();
    assert_eq!(serde_json::from_str::<FilterSet>(&json).unwrap(), set);

    let none = FilterSet::new("none", Match::All, []).unwrap_err();
    assert_eq!(none, FilterError::NoExpressions("none".into()));
    let refused = serde_json::from_str::<FilterSet>(
        r#"{"name":"x","expressions":[{"field":"a","operation":"matches","value":"("}]}"#,
    );
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("the pattern \"(\" of the field a cannot be used"), "{message}");
    let huge = "a matches (a{1000}){1000}".parse().unwrap();
    assert!(FilterSet::new("huge", Match::Any, [huge]).is_err(), "no pattern takes all the memory");
}
