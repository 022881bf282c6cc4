use chrono::{DateTime, TimeDelta, Utc};
use quick_xml::NsReader;
use quick_xml::events::Event;

use super::jpcoar::Version;
use super::{Flaw, Held, Holdings, Languages, Work, dublin_core, eml, is_in, jpcoar, marc};

fn written(seed: u64, number: u64, version: u32) -> Vec<String> {
    let work = Work::new(seed, number, version, Languages::All);
    vec![
        dublin_core::write(&work),
        marc::write(&work),
        jpcoar::write(&work, Version::V1_0),
        jpcoar::write(&work, Version::V2_0),
        eml::write(&work, "demo"),
    ]
}

fn now() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Pages of `limit`, each asked for with the place of the last one's last work.
fn paged(holdings: &Holdings, limit: usize) -> Vec<Held> {
    let mut all: Vec<Held> = Vec::new();
    loop {
        let after = all.last().map(Held::place);
        let page: Vec<_> = holdings.list(after, None, None).take(limit).collect();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

#[test]
fn a_work_depends_on_seed_and_number_alone() {
    for number in [0, 1, 77_777, 8_999_999] {
        assert_eq!(written(7, number, 1), written(7, number, 1));
        for (one, other) in written(7, number, 1).iter().zip(written(8, number, 1)) {
            assert_ne!(*one, other);
        }
        for (one, other) in written(7, number, 1).iter().zip(written(7, number, 2)) {
            assert_ne!(*one, other);
        }
    }
}

#[test]
fn what_is_written_is_well_formed_with_all_namespaces_declared() {
    for number in 0..400 {
        for text in written(3, number, 1 + (number % 3) as u32) {
            let mut reader = NsReader::from_str(&text);
            let mut depth = 0;
            loop {
                let (namespace, event) = reader.read_resolved_event().unwrap();
                assert!(!matches!(namespace, quick_xml::name::ResolveResult::Unknown(_)), "{text}");
                match event {
                    Event::Start(start) => {
                        depth += 1;
                        for attribute in start.attributes() {
                            attribute
                                .unwrap()
                                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                                .unwrap();
                        }
                    }
                    Event::End(_) => depth -= 1,
                    Event::Eof => break,
                    _ => {}
                }
            }
            assert_eq!(depth, 0, "{text}");
        }
    }
}

#[test]
fn all_three_languages_are_there_with_readings_and_escapes() {
    let all = (0..300).flat_map(|number| written(1, number, 1)).collect::<String>();
    for expected in [
        "žluťoučký",
        "京都の古地図",
        "ja-Kana",
        "キョウト",
        "ja-Latn",
        "Ryūkyū",
        "O&apos;Neill",
        "&amp;",
        "&lt; 0",
    ] {
        assert!(all.contains(expected), "{expected}");
    }
}

#[test]
fn a_known_small_share_has_faults_of_each_kind_and_the_second_version_has_none() {
    let flaws: Vec<_> = (0..16_000).filter_map(|number| Flaw::of(1, number, 1)).collect();
    assert!((900..1_100).contains(&flaws.len()), "{}", flaws.len());
    for kind in Flaw::ALL {
        assert!(flaws.iter().filter(|flaw| **flaw == kind).count() > 75, "{kind:?}");
    }
    assert!((0..16_000).all(|number| Flaw::of(1, number, 2).is_none()));
    for flaw in Flaw::ALL {
        let number = (0..).find(|number| Flaw::of(1, *number, 1) == Some(flaw)).unwrap();
        let work = |version| Work::new(1, number, version, Languages::All);
        let text = jpcoar::write(&work(1), Version::V2_0);
        let has_title = text.matches("<dc:title xml:lang=\"").count()
            - text.matches("<dc:title xml:lang=\"ja-").count();
        assert_eq!(
            has_title,
            match flaw {
                Flaw::NoTitle | Flaw::ReadingAlone => 0,
                Flaw::TwoTitles => 2,
                _ => 1,
            },
            "{flaw:?}: {text}"
        );
        assert_eq!(text.contains("<datacite:date>"), flaw == Flaw::DateOfNothing);
        assert_eq!(text.contains("K290"), flaw == Flaw::Classification);
        assert_eq!(text.contains("c_0000"), flaw == Flaw::UnknownType);
        assert_eq!(text.contains("<jpcoar:pageStart>e"), flaw == Flaw::PageName);
        assert_eq!(text.find("<dc:publisher").unwrap() < 700, flaw == Flaw::Order, "{text}");
    }
}

#[test]
fn pages_add_up_to_the_whole_list_in_order_before_and_after_changes() {
    for works in [1, 2, 97, 1_000] {
        let mut holdings = Holdings::new(5, works);
        for steps in 0..4 {
            let whole: Vec<_> = holdings.list(None, None, None).collect();
            assert_eq!(whole.len() as u64, holdings.total());
            assert!(
                whole.is_sorted_by_key(Held::place) && whole.windows(2).all(|it| it[0] != it[1])
            );
            for limit in [1, 3, 50, 5_000] {
                assert_eq!(paged(&holdings, limit), whole, "{works} works, {limit} a page");
            }
            assert!(whole.iter().all(|held| holdings.get(held.number) == Some(*held)));
            holdings.step(now() + TimeDelta::seconds(steps));
        }
    }
}

#[test]
fn windows_include_both_ends_and_parts_of_them_add_up() {
    let mut holdings = Holdings::new(5, 500);
    holdings.step(now());
    let whole: Vec<_> = holdings.list(None, None, None).collect();
    for held in &whole {
        let second = TimeDelta::seconds(1);
        let at = held.datestamp;
        let only: Vec<_> = holdings.list(None, Some(at), Some(at)).collect();
        assert!(only.contains(held) && only.iter().all(|it| it.datestamp == at));
        let before = holdings.list(None, None, Some(at - second)).count();
        let behind = holdings.list(None, Some(at + second), None).count();
        assert_eq!(before + only.len() + behind, whole.len());
        // The place of a page within a window.
        let after: Vec<_> = holdings.list(Some(held.place()), Some(at - second), None).collect();
        let at = whole.iter().position(|it| it == held).unwrap();
        assert_eq!(after, whole[at + 1..]);
    }
}

#[test]
fn a_change_between_two_pages_skips_nothing_that_did_not_change() {
    let mut holdings = Holdings::new(5, 300);
    let before: Vec<_> = holdings.list(None, None, None).collect();
    let first: Vec<_> = holdings.list(None, None, None).take(100).collect();
    let moved = holdings.step(now());
    let rest: Vec<_> = holdings.list(first.last().map(Held::place), None, None).collect();
    assert!(!moved.created.is_empty() && !moved.updated.is_empty() && !moved.deleted.is_empty());
    for held in before {
        assert!(first.contains(&held) || rest.iter().any(|it| it.number == held.number));
    }
    assert!(moved.updated.iter().chain(&moved.deleted).chain(&moved.created).all(|number| {
        rest.iter().any(|held| held.number == *number && held.datestamp == now())
    }));
}

#[test]
fn steps_are_the_same_for_the_same_seed() {
    let (mut one, mut two) = (Holdings::new(9, 400), Holdings::new(9, 400));
    for steps in 0..5 {
        let at = now() + TimeDelta::seconds(steps);
        assert_eq!(one.step(at), two.step(at));
    }
    assert_eq!(one.deleted(), two.deleted());
    assert_ne!(Holdings::new(10, 400).step(now()), Holdings::new(9, 400).step(now()));
}

#[test]
fn sets_have_sets_in_them() {
    let texts = (0..1_000).filter(|number| is_in(1, *number, "texts")).count();
    let articles = (0..1_000).filter(|number| is_in(1, *number, "texts:articles")).count();
    assert!(articles > 300 && texts > articles && texts < 1_000);
    assert_eq!((0..1_000).filter(|number| is_in(1, *number, "text")).count(), 0);
}
