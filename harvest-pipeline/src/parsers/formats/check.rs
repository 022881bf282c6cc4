//! Rules about a tree, and what it costs a record to break one.

use std::collections::HashSet;

use super::tree::{Node, Tree, colon_in};
use crate::parser::{Issue, IssueLevel};

/// A rule about the elements at a path from the root, such as `creator/affiliation`.
pub(super) struct Rule {
    pub(super) path: &'static str,
    pub(super) level: Level,
    pub(super) check: Check,
}

/// What breaking a rule costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// The record.
    Record,
    /// The field, which is left out.
    Field,
    /// Nothing.
    Warning,
}

/// What a rule asks. The first ones are about all elements at the path that are in one parent, the
/// others about each of them.
pub(super) enum Check {
    /// There is one with something in it.
    Present,
    /// There is one, if another element has one of these values.
    PresentIf(&'static str, &'static [&'static str]),
    /// There are no two.
    AtMostOne,
    /// No two are in the same language, or in none.
    OncePerLanguage,
    /// One in `ja-Kana` or `ja-Latn` stands beside one in `ja`.
    ReadingHasOriginal,
    /// The children are in this order.
    InOrder(&'static [&'static str]),
    /// The value is one of these.
    OneOf(&'static [&'static str]),
    /// The attribute is there and is one of these.
    Attribute(&'static str, &'static [&'static str]),
    /// The value has a form.
    Form(fn(&str) -> bool, &'static str),
    /// The value has a form, if the attribute has this value.
    FormIf(&'static str, &'static str, fn(&str) -> bool, &'static str),
    /// The value is a number in these bounds.
    Between(f64, f64),
}

/// What was found by the rules.
#[derive(Default)]
pub(super) struct Findings {
    /// Why the record is refused.
    pub(super) errors: Vec<String>,
    /// What it cost besides.
    pub(super) issues: Vec<Issue>,
}

/// A rule broken: by which element, if by one, and how.
type Broken<'t> = (Option<Node<'t>>, String, String);

impl Findings {
    /// Asks the rules one after the other, and leaves out of the tree what they cost. If it is said
    /// that the rules only warn, they cost nothing.
    pub(super) fn ask(&mut self, rules: &[Rule], tree: &mut Tree<'_>, only_warn: bool) {
        const MOST_ERRORS: usize = 20;
        for rule in rules {
            let level = if only_warn { Level::Warning } else { rule.level };
            let mut lost = Vec::new();
            for (node, path, message) in rule.broken_in(tree.root()) {
                match level {
                    Level::Record if self.errors.len() < MOST_ERRORS => {
                        self.errors.push(format!("{path}: {message}"));
                    }
                    Level::Record => {}
                    Level::Field => {
                        lost.extend(node.map(Node::place));
                        self.tell(IssueLevel::FieldError, path, message);
                    }
                    Level::Warning => self.tell(IssueLevel::Warning, path, message),
                }
            }
            lost.into_iter().for_each(|place| tree.leave_out(place));
        }
    }

    fn tell(&mut self, level: IssueLevel, path: String, message: String) {
        const MOST: usize = 1000;
        if self.issues.len() < MOST {
            self.issues.push(Issue::new(level, path, message));
        }
    }
}

impl Rule {
    fn broken_in<'t>(&self, root: Node<'t>) -> Vec<Broken<'t>> {
        let (parents, name) = match self.path.rsplit_once('/') {
            Some((parents, name)) => (at_path(root, parents), name),
            None => (vec![(root, String::new())], self.path),
        };
        let mut broken = Vec::new();
        for (parent, path) in parents {
            let nodes: Vec<_> = parent.all(name).collect();
            let place = |n: usize| match nodes.len() {
                0 | 1 => joined(&path, name),
                _ => format!("{}[{}]", joined(&path, name), n + 1),
            };
            if let Some(message) = self.check.about_parent(root, parent, &nodes) {
                let owner = (parent.place() != root.place()).then_some(parent);
                broken.push((owner, joined(&path, name), message));
            }
            let has_japanese = nodes.iter().any(|node| node.attribute("lang") == Some("ja"));
            let mut languages = HashSet::new();
            for (n, node) in nodes.iter().enumerate() {
                let message = match self.check {
                    Check::AtMostOne if n > 0 => Some("there may be only one".to_owned()),
                    Check::OncePerLanguage if !languages.insert(node.attribute("lang")) => {
                        Some(match node.attribute("lang") {
                            Some(lang) => format!("there is another one in {lang}"),
                            None => "there is another one without a language".to_owned(),
                        })
                    }
                    _ => self.check.about_one(*node, has_japanese),
                };
                broken.extend(message.map(|message| (Some(*node), place(n), message)));
            }
        }
        broken
    }
}

impl Check {
    fn about_parent(&self, root: Node<'_>, parent: Node<'_>, nodes: &[Node<'_>]) -> Option<String> {
        let is_there = || nodes.iter().any(|node| !node.value().is_empty());
        match self {
            Self::Present if !is_there() => Some("it is missing or empty".to_owned()),
            Self::PresentIf(other, values) if !is_there() => {
                let value = root.string(other)?;
                let asked = values.contains(&&*value);
                asked.then(|| format!("it is missing, and {other} is {value}"))
            }
            Self::InOrder(names) => {
                let mut last = 0;
                let early = parent.children().find(|node| {
                    // Most are where they belong, or in the next place.
                    let mut places = (last..names.len()).chain(0..last);
                    let place = places.find(|place| node.is(names[*place])).unwrap_or(last);
                    let is_early = place < last;
                    last = place;
                    is_early
                })?;
                Some(format!("<{}> stands behind elements that come after it", early.local()))
            }
            _ => None,
        }
    }

    fn about_one(&self, node: Node<'_>, has_japanese: bool) -> Option<String> {
        let value = node.value();
        match self {
            Self::ReadingHasOriginal => {
                let lang = node.attribute("lang").filter(|lang| lang.starts_with("ja-"))?;
                (!has_japanese).then(|| format!("it is in {lang}, and there is none in ja"))
            }
            Self::OneOf(words) if !value.is_empty() => one_of(&value, words),
            Self::Attribute(name, words) => match node.attribute(name) {
                Some(value) => one_of(value, words).map(|why| format!("{name}: {why}")),
                None => Some(format!("it has no {name}")),
            },
            Self::Form(is_right, form) if !value.is_empty() && !is_right(&value) => {
                Some(format!("{} is not {form}", quoted(&value)))
            }
            Self::FormIf(name, asked, is_right, form)
                if node.attribute(name) == Some(*asked) && !is_right(&value) =>
            {
                Some(format!("{} is not {form}", quoted(&value)))
            }
            Self::Between(low, high) => {
                let is_right = value.parse().is_ok_and(|n: f64| n >= *low && n <= *high);
                (!is_right).then(|| format!("{} is not between {low} and {high}", quoted(&value)))
            }
            _ => None,
        }
    }
}

fn one_of(value: &str, words: &[&str]) -> Option<String> {
    (!words.contains(&value)).then(|| format!("{} is not in the vocabulary", quoted(value)))
}

/// A value as it can be shown.
fn quoted(value: &str) -> String {
    format!("{:?}", value.chars().take(60).collect::<String>())
}

fn joined(path: &str, name: &str) -> String {
    let local = colon_in(name).map_or(name, |colon| &name[colon + 1..]);
    match (path, local) {
        ("", "") => "record".to_owned(),
        ("", local) => local.to_owned(),
        (path, local) => format!("{path}/{local}"),
    }
}

fn at_path<'t>(root: Node<'t>, path: &str) -> Vec<(Node<'t>, String)> {
    let mut found = vec![(root, String::new())];
    for name in path.split('/') {
        found = found
            .into_iter()
            .flat_map(|(parent, path)| {
                let place = move |(n, node)| (node, format!("{}[{}]", joined(&path, name), n + 1));
                parent.all(name).enumerate().map(place)
            })
            .collect();
    }
    found
}
