//! Things that are too large. `?bytes=` and `?sets=` on the base URL make them larger still.

use std::fmt::Write;

use super::super::exchange::{Exchange, Repo};
use super::super::pages::resumption_token;
use super::super::reply;
use super::Expect::*;
use super::records::dc;
use super::{Ask, Scenario, row};

pub(super) const SCENARIOS: &[Scenario] = &[
    row("huge_record", "a record of 5 MB, or ?bytes=", Records(3), |x| {
        let words = "lorem ipsum ".repeat(number(x, "bytes", 5_000_000) / 12);
        x.serve(&with_second(&format!("<dc:description>{words}</dc:description>")))
    }),
    row("huge_attribute", "an attribute of 1 MB, or ?bytes=", Bounded, |x| {
        let value = "a".repeat(number(x, "bytes", 1_000_000));
        x.serve(&with_second(&format!(r#"<dc:title note="{value}">AB 2</dc:title>"#)))
    })
    .perhaps_repaired(),
    row("many_attributes", "10 000 attributes on one element", Bounded, |x| {
        let mut attributes = String::new();
        for n in 0..10_000 {
            write!(attributes, r#" a{n}="{n}""#).expect("memory takes it");
        }
        x.serve(&with_second(&format!("<dc:title{attributes}>AB 2</dc:title>")))
    })
    .perhaps_repaired(),
    row("many_namespaces", "10 000 namespace declarations on one element", Bounded, |x| {
        let mut attributes = String::new();
        for n in 0..10_000 {
            write!(attributes, r#" xmlns:n{n}="urn:n:{n}""#).expect("memory takes it");
        }
        x.serve(&with_second(&format!("<dc:title{attributes}>AB 2</dc:title>")))
    })
    .perhaps_repaired(),
    row("deep_nesting", "elements nested 100 000 deep", Bounded, |x| {
        let (open, close) = ("<b>".repeat(100_000), "</b>".repeat(100_000));
        x.serve(&with_second(&format!("<dc:title>{open}AB 2{close}</dc:title>")))
    })
    .perhaps_repaired(),
    row("gzip_bomb", "16 MB of spaces in 160 kB, or ?bytes=", Bounded, |x| {
        let spaces = " ".repeat(number(x, "bytes", 16_000_000));
        let reply = x.serve(&with_second(&format!("<dc:title>AB 2{spaces}</dc:title>")));
        reply.edit_bytes(reply::gzip).header("Content-Encoding", "gzip")
    })
    .perhaps_repaired(),
    row("many_sets", "5 000 sets, or ?sets=, a thousand a page", Records(5000), |x| {
        let total = number(x, "sets", 5000);
        if !x.is("ListSets") {
            return x.serve(&Repo { base_arguments: &["sets"], ..Repo::default() });
        }
        let start = x.token_number();
        let end = total.min(start + 1000);
        let mut sets = String::new();
        for n in start..end {
            writeln!(sets, "<set><setSpec>s{n}</setSpec><setName>Set {n}</setName></set>")
                .expect("memory takes it");
        }
        let token = if end < total { format!("s{end}") } else { String::new() };
        x.write_list(&sets, &resumption_token(&token))
    })
    .ask(Ask::Sets)
    .at_most(5),
];

/// The default repository with this Dublin Core in its second record.
fn with_second(elements: &str) -> Repo {
    Repo { base_arguments: &["bytes"], ..Repo::with_second(dc(elements)) }
}

fn number(x: &Exchange<'_>, name: &str, default: usize) -> usize {
    x.argument(name).parse().unwrap_or(default)
}
