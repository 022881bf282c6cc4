//! What holds for every page, request, date, window and list.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

mod page_writer;

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use oai_pmh::parse::{ListItem, Parser};
use oai_pmh::xml::{IssueKind, Issues, Mode, decode, text_of};
use oai_pmh::{
    Datestamp, Error, Flow, Granularity, Header, NAMESPACE, Page, Paging, PagingLimits, Record,
    Request, Selection, Set, Slice, Verb, Verdict, Window,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use url::form_urlencoded;

use self::page_writer::{Damage, Tree, damage, datestamp, page, value};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 3000,
        ..ProptestConfig::default()
    }
}

const IDENTIFY: &str = "<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'>\
    <responseDate>2024-06-01T12:00:00Z</responseDate><request/><Identify>\
    <repositoryName>Ž</repositoryName><baseURL>http://x.org/oai</baseURL>\
    <protocolVersion>2.0</protocolVersion><adminEmail>a@x.org</adminEmail>\
    <earliestDatestamp>2000-01-01</earliestDatestamp><deletedRecord>no</deletedRecord>\
    <granularity>YYYY-MM-DD</granularity><description><f:friends \
    xmlns:f='http://www.openarchives.org/OAI/2.0/friends/'><f:baseURL>http://y.org/</f:baseURL>\
    </f:friends></description></Identify></OAI-PMH>";

const FORMATS: &str = "<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'>\
    <responseDate>2024-06-01T12:00:00Z</responseDate><request/><ListMetadataFormats>\
    <metadataFormat><metadataPrefix>oai_dc</metadataPrefix><schema>s</schema>\
    <metadataNamespace>n</metadataNamespace></metadataFormat></ListMetadataFormats></OAI-PMH>";

/// All parts of a page, as if it were one; what was read before an error is left out.
fn in_parts<T: ListItem>(parser: Parser, body: &[u8]) -> Result<Page<T>, Error> {
    let mut parts = parser.parts::<T, _>(body, None);
    let mut items = Vec::new();
    let mut issues = Issues::default();
    let mut number = 0;
    while let Some(mut part) = parts.next_part()? {
        assert_eq!(part.part, number);
        number += 1;
        items.append(&mut part.items);
        issues.append(std::mem::take(&mut part.issues));
        if part.is_last_part {
            assert!(parts.next_part().unwrap().is_none(), "a part behind the last");
            (part.items, part.issues) = (items, issues);
            return Ok(part);
        }
    }
    panic!("no part was the last");
}

/// All there is in a page.
fn told<T: ListItem>(page: &Page<T>) -> String {
    let mut issues: Vec<String> = page.issues.iter().map(ToString::to_string).collect();
    issues.sort();
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{}: {issues:#?}",
        page.items,
        page.token,
        page.errors,
        page.response_date,
        page.issues.total(),
    )
}

/// The text of a document without its markup and white space: as it is read by those who believe
/// quotes, comments and sections, and by those who look for the next `>` only, as one must who
/// salvages what is left of a broken record.
fn texts(text: &str) -> [String; 4] {
    [(true, true), (true, false), (false, true), (false, false)].map(|(quotes, sections)| {
        let mut found = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('<') {
            found += &text_of(&rest[..at]);
            rest = &rest[at..];
            let close = |end: &str| rest[1..].find(end).map_or(rest.len(), |at| 1 + at + end.len());
            let end = if sections && rest.starts_with("<!--") {
                close("-->")
            } else if sections && rest.starts_with("<![CDATA[") {
                found += rest[9..close("]]>")].trim_end_matches("]]>");
                close("]]>")
            } else {
                let mut open = None;
                let end = rest.find(|c| {
                    match open {
                        Some(quote) if quote == c => open = None,
                        None if quotes && matches!(c, '"' | '\'') => open = Some(c),
                        _ => {}
                    }
                    open.is_none() && c == '>'
                });
                end.map_or(rest.len(), |at| at + 1)
            };
            rest = &rest[end..];
        }
        squeeze(&(found + &text_of(rest)))
    })
}

fn squeeze(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_whitespace()).collect()
}

/// Reads it as everything it could be.
fn read_as_anything(body: &[u8]) -> Vec<String> {
    fn list<T: ListItem>(parser: Parser, body: &[u8]) -> Vec<String> {
        let whole = parser.page::<T>(body.to_vec(), None);
        let parts = in_parts::<T>(parser, body);
        match (&whole, &parts) {
            (Ok(whole), Ok(parts)) => assert_eq!(told(whole), told(parts)),
            (Err(whole), Err(parts)) => assert_eq!(whole.to_string(), parts.to_string()),
            _ => panic!("{whole:?}\n{parts:?}"),
        }
        let Ok(page) = whole else { return Vec::new() };
        assert!(page.items.len() <= body.len() / 8);
        assert!(page.issues.iter().len() <= Issues::KEPT);
        let keys = page.items.iter().map(|item| match item {
            Ok(item) => Some(item.key().to_owned()),
            Err(broken) => broken.identifier.clone(),
        });
        keys.flatten().collect()
    }
    let mut keys = Vec::new();
    for mode in [Mode::Tolerant, Mode::Strict] {
        let parser = Parser::new().mode(mode);
        keys.extend(list::<Record>(parser, body));
        keys.extend(list::<Header>(parser, body));
        keys.extend(list::<Set>(parser, body));
        keys.extend(parser.get_record(body.to_vec(), None).map(|it| it.body.header.identifier));
        drop((parser.identify(body.to_vec(), None), parser.metadata_formats(body.to_vec(), None)));
    }
    keys
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn any_bytes_are_read_or_refused(body in vec(any::<u8>(), 0..300), is_xml: bool) {
        let start = format!("<OAI-PMH xmlns='{NAMESPACE}'><ListRecords>");
        read_as_anything(&[if is_xml { start.as_bytes() } else { b"" }, &body].concat());
    }

    #[test]
    fn a_spoiled_page_yields_no_identifier_that_is_not_in_it(
        draft in page(),
        seed in select(vec!["ListRecords", "ListIdentifiers", "ListSets", "GetRecord", "", "-"]),
        damages in vec(damage(), 1..5),
    ) {
        let mut body = match seed {
            "" => IDENTIFY.to_owned(),
            "-" => FORMATS.to_owned(),
            verb => draft.write(verb),
        }
        .into_bytes();
        damages.iter().for_each(|damage: &Damage| damage.apply(&mut body));
        let keys = read_as_anything(&body);
        let text = decode(body, None, Mode::Tolerant, &mut Issues::default()).unwrap();
        let texts = texts(&text);
        for key in keys {
            let key = squeeze(&key);
            prop_assert!(texts.iter().any(|text| text.contains(&key)), "{}: {}", key, text);
        }
    }

    #[test]
    fn a_written_page_is_read_back_strictly_whatever_the_prefix(draft in page()) {
        let body = draft.write("ListRecords").into_bytes();
        let page = Parser::new().mode(Mode::Strict).page::<Record>(body, None).unwrap();
        prop_assert!(page.issues.is_empty(), "{:?}", page.issues);
        prop_assert_eq!(page.items.len(), draft.items.len());
        for (record, draft) in page.items.iter().zip(&draft.items) {
            let record = record.as_ref().unwrap();
            prop_assert_eq!(&record.header.identifier, &draft.identifier);
            let stamp = record.header.datestamp.as_ref().map(ToString::to_string);
            prop_assert_eq!(stamp.as_deref(), Some(draft.datestamp.as_str()));
            prop_assert_eq!(&record.header.sets, &draft.sets);
            prop_assert_eq!(record.header.is_deleted, draft.is_deleted);
            let read = |raw: &oai_pmh::xml::RawXml| Tree::read(&raw.standalone());
            prop_assert_eq!(record.metadata.as_ref().map(read), draft.metadata.clone());
            prop_assert_eq!(record.abouts.iter().map(read).collect::<Vec<_>>(), draft.abouts.clone());
        }
        let token = page.token.map(|t| (t.value, t.complete_list_size, t.cursor, t.expiration_date));
        let expected = draft.token.map(|t| (t.value.clone(), t.size, t.cursor, t.expiration()));
        prop_assert_eq!(token, expected);
    }

    #[test]
    fn lists_of_headers_and_sets_are_read_back_too(draft in page()) {
        let parser = Parser::new().mode(Mode::Strict);
        let headers = parser.page::<Header>(draft.write("ListIdentifiers").into(), None).unwrap();
        let headers = headers.items.into_iter().map(|it| it.unwrap().identifier);
        let identifiers: Vec<_> = draft.items.iter().map(|item| item.identifier.clone()).collect();
        prop_assert_eq!(&headers.collect::<Vec<_>>(), &identifiers);
        let sets = parser.page::<Set>(draft.write("ListSets").into(), None).unwrap();
        let names = sets.items.into_iter().map(|set| set.unwrap().name);
        prop_assert_eq!(names.collect::<Vec<_>>(), identifiers);
    }

    #[test]
    fn a_page_beyond_one_window_is_read_as_the_whole_wherever_the_window_ends(
        draft in page(),
        cut in any::<prop::sample::Index>(),
        damages in vec(damage(), 0..3),
    ) {
        let (head, rest) = draft.write_parts("ListRecords");
        let mut rest = rest.into_bytes();
        damages.iter().for_each(|damage| damage.apply(&mut rest));
        let padding = (1 << 20) - head.len() - "<!---->".len() - cut.index(rest.len() + 1);
        let mut body = format!("{head}<!--{}-->", "x".repeat(padding)).into_bytes();
        body.append(&mut rest);
        for mode in [Mode::Tolerant, Mode::Strict] {
            let parser = Parser::new().mode(mode);
            let whole = parser.page::<Record>(body.clone(), None);
            match (whole, in_parts::<Record>(parser, &body)) {
                (Ok(whole), Ok(parts)) => prop_assert_eq!(told(&whole), told(&parts)),
                // Strictly, a wrong byte far on is found first where all is decoded first.
                (Err(whole), Err(parts)) => {
                    prop_assert!(whole.kind() == parts.kind() || mode == Mode::Strict);
                }
                (whole, parts) => prop_assert!(false, "{:?}\n{:?}", whole, parts),
            }
        }
    }

    #[test]
    fn a_query_decodes_to_the_arguments(
        texts in (any::<String>(), value(), value()),
        ends in option::of((datestamp(), datestamp())),
        kind in 0..7,
    ) {
        let (a, b, set) = texts;
        let ends = ends.and_then(|(from, until)| {
            Window::new(from.parse().ok(), until.parse().ok()).ok()
        });
        let selection = Selection::prefix(a.clone()).set(set).window(ends.unwrap_or_default());
        let request = match kind {
            0 => Request::Identify,
            1 => Request::ListMetadataFormats { identifier: Some(a) },
            2 => Request::ListSets,
            3 => Request::ListIdentifiers(selection),
            4 => Request::ListRecords(selection),
            5 => Request::GetRecord { identifier: a, metadata_prefix: b },
            _ => Request::Resume { verb: Verb::ListSets, token: a },
        };
        let mut expected = vec![("verb".to_owned(), request.verb().to_string())];
        let arguments = request.arguments();
        expected.extend(arguments.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())));
        let decode = |query: &str| -> Vec<(String, String)> {
            form_urlencoded::parse(query.as_bytes()).into_owned().collect()
        };
        prop_assert_eq!(decode(&request.query()), expected.clone());
        let url = request.url(&"http://x.org/oai?repo=7&x=%26#y".parse().unwrap());
        let own = [("repo", "7"), ("x", "&")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        prop_assert_eq!(decode(url.query().unwrap()), [own.to_vec(), expected].concat());
    }
}

proptest! {
    #![proptest_config(config(1000))]

    #[test]
    fn a_datestamp_is_read_as_it_was_written(text in datestamp()) {
        let stamp: Datestamp = text.parse().unwrap();
        prop_assert_eq!(&stamp.to_string(), &text);
        let read = Datestamp::read(&format!(" {text}\n")).unwrap();
        prop_assert_eq!(read.original(), None);
        prop_assert_eq!(read, stamp);
    }

    #[test]
    fn whatever_is_read_as_a_datestamp_is_written_as_the_standard_demands(
        text in prop_oneof![
            "\\PC{0,24}",
            "[12][0-9]{3}-[01][0-9]-[0-3][0-9][Tt_ ]?[0-2]?[0-9]:[0-9]{1,2}[0-9:.,Zz +é-]{0,12}",
        ],
    ) {
        if let Some(stamp) = Datestamp::read(&text) {
            prop_assert_eq!(stamp.to_string().parse(), Ok(stamp.clone()));
            prop_assert!(stamp.original().is_none_or(|original| original == text.trim_ascii()));
        }
    }
}

const SECONDS_IN_3_YEARS: i64 = 3 * 366 * 86_400;

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    (0..SECONDS_IN_3_YEARS)
        .prop_map(|seconds| DateTime::from_timestamp(1_700_000_000 + seconds, 0).expect("a time"))
}

fn granularity() -> impl Strategy<Value = Granularity> {
    select(vec![Granularity::Day, Granularity::Second])
}

/// Windows with and without ends.
fn window() -> impl Strategy<Value = Window> {
    let end = || option::weighted(0.7, time());
    (granularity(), end(), end()).prop_map(|(granularity, a, b)| {
        let (from, until) = match (a, b) {
            (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b))),
            ends => ends,
        };
        let stamp =
            |end: Option<DateTime<Utc>>| end.map(|it| Datestamp::second(it).at(granularity));
        Window::new(stamp(from), stamp(until)).expect("in order")
    })
}

/// Whether the windows follow each other without gap or overlap, and begin and end as the whole.
fn tile(windows: &[Window], whole: &Window) -> bool {
    let ends = windows.first().and_then(Window::from) == whole.from()
        && windows.last().and_then(Window::until) == whole.until();
    ends && windows.windows(2).all(|pair| match (pair[0].until(), pair[1].from()) {
        (Some(until), Some(from)) => until.last_second() + TimeDelta::seconds(1) == from.time(),
        _ => false,
    })
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn slices_tile_their_window(
        window in window(), slice in select(vec![Slice::Month, Slice::Day]),
        granularity in granularity(), earliest in time(), latest in time(),
        stamps in vec(time(), 20),
    ) {
        let whole = window.at(granularity);
        let slices = window.slices(slice, granularity, earliest, latest);
        prop_assert!(tile(&slices, &whole), "{:?}", slices);
        let format = if slice == Slice::Month { "%Y-%m" } else { "%Y-%m-%d" };
        for slice in &slices {
            if let (Some(from), Some(until)) = (slice.from(), slice.until()) {
                prop_assert!(from.time() <= until.time(), "{}", slice);
                let [from, until] = [from, until].map(|end| end.time().format(format).to_string());
                prop_assert_eq!(from, until, "longer than a slice");
            }
        }
        for stamp in stamps {
            let stamp = Datestamp::second(stamp);
            let holders = slices.iter().filter(|slice| slice.contains(&stamp)).count();
            prop_assert_eq!(holders, usize::from(whole.contains(&stamp)));
        }
    }

    #[test]
    fn halves_tile_their_window_down_to_single_units(
        window in window(), granularity in granularity(), earliest in time(), latest in time(),
        sides in vec(any::<bool>(), 64),
    ) {
        let mut window = window;
        for side in sides {
            let whole = window.at(granularity);
            let Some((first, second)) = window.halves(granularity, earliest, latest) else {
                let first = whole.from().map_or(earliest, Datestamp::time);
                let last = whole.until().map_or(latest, Datestamp::time);
                prop_assert!(last - first < granularity.unit(), "{} can be halved", window);
                return Ok(());
            };
            prop_assert!(tile(&[first.clone(), second.clone()], &whole), "{} {}", first, second);
            window = if side { first } else { second };
        }
        prop_assert!(false, "halving does not end: {}", window);
    }

    #[test]
    fn a_list_ends_and_is_not_complete_while_a_token_leads_on(
        pages in vec((vec(0..6_u32, 0..3), 0..12_u32, option::of(0..40_u64), any::<bool>()), 1..12),
        most_pages in 1..60_u64, empty_pages in 0..5_u32,
    ) {
        let mut limits = PagingLimits::default();
        (limits.pages, limits.empty_pages) = (most_pages, empty_pages);
        let mut paging = Paging::new(limits);
        let mut tokens = HashSet::new();
        let mut empty_run = 0;
        for n in 0..=most_pages {
            let (items, token, size, is_fresh) = &pages[n as usize % pages.len()];
            let round = if *is_fresh { n } else { 0 };
            let headers: String = items.iter().map(|item| format!(
                "<header><identifier>{item}-{round}</identifier><datestamp>2024-01-01</datestamp></header>"
            )).collect();
            let (has_token, token) = match token {
                0 => (false, String::new()),
                1 => (true, String::new()),
                token => (true, format!("{token}-{round}")),
            };
            let size = size.map_or(String::new(), |size| format!(" completeListSize='{size}'"));
            let element = format!("<resumptionToken{size}>{token}</resumptionToken>");
            let body = format!(
                "<OAI-PMH xmlns='{NAMESPACE}'><ListIdentifiers>{headers}{}</ListIdentifiers></OAI-PMH>",
                if has_token { &element } else { "" },
            );
            let page = Parser::new().page::<Header>(body.into(), None).unwrap();
            empty_run = if items.is_empty() { empty_run + 1 } else { 0 };
            let flow = paging.accept(&page);
            prop_assert!(matches!(flow, Flow::End) == token.is_empty(), "{:?} at {:?}", flow, token);
            match flow {
                Flow::Next(next) => {
                    prop_assert_eq!(&next.value, &token);
                    prop_assert!(tokens.insert(token), "a token is followed twice");
                    prop_assert!(empty_run <= empty_pages && n + 1 < most_pages);
                }
                Flow::End => {
                    prop_assert!(!matches!(paging.verdict(), Verdict::Truncated(_)) || !has_token);
                    return Ok(());
                }
                flow => {
                    prop_assert_eq!(flow, Flow::Stop);
                    prop_assert!(matches!(paging.verdict(), Verdict::Truncated(_)));
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "the list goes on for ever");
    }
}

#[test]
fn of_a_page_that_is_wrong_everywhere_the_first_issues_are_kept_and_all_are_counted() {
    let metadata = "<a>AT&T</a>".repeat(Issues::KEPT);
    let record = format!(
        "<record><header><identifier>i</identifier><datestamp>2024-01-01</datestamp></header>\
         <metadata><r>{metadata}</r></metadata></record>"
    );
    let body = format!(
        "<OAI-PMH xmlns='{NAMESPACE}'><ListRecords>{record}{record}</ListRecords></OAI-PMH>"
    );
    let page = Parser::new().page::<Record>(body.into(), None).unwrap();
    assert_eq!(page.items.iter().filter(|item| item.is_ok()).count(), 2);
    assert_eq!(page.issues.iter().len(), Issues::KEPT);
    assert_eq!(page.issues.total(), 2 * Issues::KEPT as u64);
}

#[test]
fn what_stands_behind_a_page_is_noticed_beyond_the_window_too() {
    let head = format!("<OAI-PMH xmlns='{NAMESPACE}'><ListRecords></ListRecords>");
    let end = "<!---->stray</OAI-PMH>";
    let padding = " ".repeat((1 << 20) - head.len() - end.len());
    let body = format!("{head}{padding}{end}<b>Notice</b>").into_bytes();
    let page = in_parts::<Record>(Parser::new(), &body).unwrap();
    assert_eq!(told(&page), told(&Parser::new().page::<Record>(body.clone(), None).unwrap()));
    let kinds: Vec<IssueKind> = page.issues.iter().map(|issue| issue.kind).collect();
    assert_eq!(kinds, [IssueKind::StrayText, IssueKind::TrailingGarbage]);
    assert!(in_parts::<Record>(Parser::new().mode(Mode::Strict), &body).is_err());
}
