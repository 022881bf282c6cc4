//! Walking documents as servers send them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use std::sync::Arc;

use resync_core::xml::{Cursor, IssueKind, Mode, ParseError, ParseErrorKind};

fn page(text: &str) -> Arc<String> {
    Arc::new(text.to_owned())
}

/// The text of the root element.
fn value(text: &str, mode: Mode) -> Result<(String, Vec<IssueKind>), ParseError> {
    let mut cursor = Cursor::new(text).mode(mode);
    cursor.next_child()?.expect("a root");
    let value = cursor.text()?.into_owned();
    cursor.finish()?;
    Ok((value, cursor.issues().iter().map(|issue| issue.kind).collect()))
}

#[test]
fn comments_cdata_and_references_do_not_cut_a_text() {
    let text = "<a>A<!--c-->B<![CDATA[ <&>\r\n]]>&lt;<?p q?>C\r</a>";
    assert_eq!(value(text, Mode::Strict).unwrap(), ("AB <&>\n<C\n".to_owned(), vec![]));
    assert_eq!(value("<a/>", Mode::Strict).unwrap().0, "");
    assert_eq!(value("<a></a>", Mode::Strict).unwrap().0, "");
}

#[test]
fn a_text_with_elements_inside_keeps_their_text() {
    let (text, issues) = value("<a>x <b>y<br/></b> z</a>", Mode::Tolerant).unwrap();
    assert_eq!(text, "x y z");
    assert_eq!(issues, [IssueKind::UnknownElement; 2]);
    assert!(value("<a>x <b>y</b></a>", Mode::Strict).is_err());
}

#[test]
fn namespaces_are_resolved_where_they_hold() {
    let mut cursor = Cursor::new(
        "<x:a xmlns:x='urn:x' xmlns='urn:d'><b/><x:b xmlns:x='urn:y'/><x:b/><b xmlns=''/></x:a>",
    );
    assert!(cursor.next_child().unwrap().unwrap().is("urn:x", "a"));
    let mut seen = Vec::new();
    while let Some(child) = cursor.next_child().unwrap() {
        seen.push(child.namespace());
        cursor.skip().unwrap();
    }
    assert_eq!(seen, [Some("urn:d"), Some("urn:y"), Some("urn:x"), None]);
    assert_eq!(cursor.next_child().unwrap().map(|e| e.name()), None);
}

#[test]
fn a_piece_carries_the_bindings_it_uses_and_no_others() {
    let text = page(
        "<r xmlns='urn:d' xmlns:a='urn:a' xmlns:b='urn:b' xmlns:xsi='urn:xsi'>\
         <m><a:x><y/></a:x></m><m><b:x xmlns:b='urn:own' xsi:type='a:T'/></m>\
         <m xmlns:c='urn:c'><c:x/></m><m><x xmlns=''/></m></r>",
    );
    let mut cursor = Cursor::over(&text);
    cursor.next_child().unwrap();
    let mut seen = Vec::new();
    while cursor.next_child().unwrap().is_some() {
        let child = cursor.next_child().unwrap().unwrap();
        seen.push(cursor.raw(&child).unwrap().standalone().into_owned());
        assert!(cursor.next_child().unwrap().is_none());
    }
    assert_eq!(
        seen,
        [
            "<a:x xmlns=\"urn:d\" xmlns:a=\"urn:a\"><y/></a:x>",
            "<b:x xmlns:a=\"urn:a\" xmlns:xsi=\"urn:xsi\" xmlns:b='urn:own' xsi:type='a:T'/>",
            "<c:x xmlns:c=\"urn:c\"/>",
            "<x xmlns=''/>",
        ]
    );
}

#[test]
fn a_clean_piece_shares_the_page_and_a_broken_one_is_repaired() {
    let text = page("<r><a>x &amp; y</a><a>x & y</a></r>");
    let mut cursor = Cursor::over(&text);
    cursor.next_child().unwrap();
    let clean = cursor.next_child().unwrap().unwrap();
    let clean = cursor.raw(&clean).unwrap();
    assert_eq!(clean.as_str().as_ptr(), text[3..].as_ptr());
    let broken = cursor.next_child().unwrap().unwrap();
    assert_eq!(cursor.raw(&broken).unwrap().as_str(), "<a>x &amp; y</a>");
    let issue = cursor.issues().iter().next().unwrap();
    assert_eq!((issue.kind, issue.at), (IssueKind::BareAmpersand, 24));
}

#[test]
fn what_is_not_well_formed_is_an_error_with_its_place() {
    for (text, kind, at) in [
        ("<a><b></a>", ParseErrorKind::Syntax, 6),
        ("<a><b>", ParseErrorKind::Truncated, 6),
        ("<a><b x='", ParseErrorKind::Truncated, 9),
        ("<a><b><!-- ", ParseErrorKind::Truncated, 11),
        ("<a><b>1 < 2</b></a>", ParseErrorKind::Syntax, 8),
        ("<a><b><c <d></b></a>", ParseErrorKind::Syntax, 6),
    ] {
        let mut cursor = Cursor::new(text);
        cursor.next_child().unwrap();
        let error = match cursor.next_child() {
            Ok(_) => cursor.skip().unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.kind(), kind, "{text}: {error}");
        if kind == ParseErrorKind::Syntax {
            assert_eq!(error.at(), at, "{text}: {error}");
        }
    }
}

#[test]
fn definitions_nesting_and_attributes_are_bounded() {
    let kind = |text: &str| {
        let mut cursor = Cursor::new(text);
        loop {
            match cursor.next_child() {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => return Some(error.kind()),
            }
        }
    };
    assert_eq!(kind("<!DOCTYPE a [<!ENTITY e 'x'>]><a/>"), Some(ParseErrorKind::Doctype));
    assert_eq!(kind("<!DOCTYPE a SYSTEM 'a.dtd'><a/>"), None);
    assert_eq!(kind(&"<a>".repeat(100_000)), Some(ParseErrorKind::Limit));
    let attributes: String = (0..10_000).map(|n| format!(" a{n}=''")).collect();
    assert_eq!(kind(&format!("<a{attributes}/>")), Some(ParseErrorKind::Limit));

    let deep = format!("<a>{}", "<b>".repeat(100_000));
    let mut cursor = Cursor::new(&deep);
    cursor.next_child().unwrap();
    assert_eq!(cursor.skip().unwrap_err().kind(), ParseErrorKind::Limit);
}

#[test]
fn text_behind_the_root_element_is_reported() {
    assert_eq!(value("<a/><!-- x -->\n", Mode::Strict).unwrap().1, []);
    assert_eq!(value("<a/>\n<b>Notice", Mode::Tolerant).unwrap().1, [IssueKind::TrailingGarbage]);
    assert!(value("<a/>Notice: x", Mode::Strict).is_err());
}
