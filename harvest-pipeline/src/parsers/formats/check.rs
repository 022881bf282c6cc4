//! Rules about a tree, and what it costs a record to break one.

use std::collections::HashSet;

use super::tree::{Name, Node, Tree};
use crate::parser::{Issue, IssueLevel};

/// A rule about the elements at a path from the root, such as `creator/affiliation`.
pub(super) struct Rule {
    parents: Vec<Name<'static>>,
    name: Name<'static>,
    level: Level,
    check: Check,
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
    InOrder(Vec<Name<'static>>),
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

/// How one gets to an element: by which, and as which one of those with its name.
struct Way<'w> {
    before: Option<&'w Self>,
    name: Name<'static>,
    number: usize,
}

impl Way<'_> {
    /// Such as `creator[2]/affiliation[1]/affiliationName`, to the elements with this name.
    fn on_to(&self, name: Name<'_>) -> String {
        let path =
            self.before.map(|before| format!("{}[{}]", before.on_to(self.name), self.number));
        match (path, name.local()) {
            (None, "") => "record".to_owned(),
            (None, local) => local.to_owned(),
            (Some(path), local) => format!("{path}/{local}"),
        }
    }
}

impl Rule {
    pub(super) fn new(path: &'static str, level: Level, check: Check) -> Self {
        let mut parents: Vec<_> = path.split('/').map(Name::new).collect();
        let name = parents.pop().unwrap_or(Name::new(path));
        Self { parents, name, level, check }
    }

    fn broken_in<'t>(&self, root: Node<'t>) -> Vec<Broken<'t>> {
        let mut broken = Vec::new();
        let way = Way { before: None, name: Name::new(""), number: 0 };
        self.ask_below(root, root, &self.parents, &way, &mut broken);
        broken
    }

    /// Asks about the elements in all that `parents` lead to.
    fn ask_below<'t>(
        &self,
        root: Node<'t>,
        node: Node<'t>,
        parents: &[Name<'static>],
        way: &Way<'_>,
        broken: &mut Vec<Broken<'t>>,
    ) {
        let Some((name, parents)) = parents.split_first() else {
            return self.ask_in(root, node, way, broken);
        };
        for (n, child) in node.called(*name).enumerate() {
            let way = Way { before: Some(way), name: *name, number: n + 1 };
            self.ask_below(root, child, parents, &way, broken);
        }
    }

    fn ask_in<'t>(
        &self,
        root: Node<'t>,
        parent: Node<'t>,
        way: &Way<'_>,
        broken: &mut Vec<Broken<'t>>,
    ) {
        let nodes = || parent.called(self.name);
        if let Some(message) = self.check.about_parent(root, parent, nodes()) {
            let owner = (parent.place() != root.place()).then_some(parent);
            broken.push((owner, way.on_to(self.name), message));
        }
        let are_several = || nodes().nth(1).is_some();
        let about_several = self.check.is_about_several() && are_several();
        let has_japanese =
            about_several && nodes().any(|node| node.attribute("lang") == Some("ja"));
        let mut languages = HashSet::new();
        for (n, node) in nodes().enumerate() {
            let message = match &self.check {
                Check::AtMostOne if n > 0 => Some("there may be only one".to_owned()),
                Check::OncePerLanguage
                    if about_several && !languages.insert(node.attribute("lang")) =>
                {
                    Some(match node.attribute("lang") {
                        Some(lang) => format!("there is another one in {lang}"),
                        None => "there is another one without a language".to_owned(),
                    })
                }
                check => check.about_one(node, has_japanese),
            };
            broken.extend(message.map(|message| {
                let path = way.on_to(self.name);
                let path = if are_several() { format!("{path}[{}]", n + 1) } else { path };
                (Some(node), path, message)
            }));
        }
    }
}

impl Check {
    /// Whether what it says of one depends on the others.
    fn is_about_several(&self) -> bool {
        matches!(self, Self::OncePerLanguage | Self::ReadingHasOriginal)
    }

    fn about_parent<'t>(
        &self,
        root: Node<'t>,
        parent: Node<'t>,
        mut nodes: impl Iterator<Item = Node<'t>>,
    ) -> Option<String> {
        let mut is_there = || nodes.any(|node| !node.value().is_empty());
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
        match self {
            Self::ReadingHasOriginal => {
                let lang = node.attribute("lang").filter(|lang| lang.starts_with("ja-"))?;
                (!has_japanese).then(|| format!("it is in {lang}, and there is none in ja"))
            }
            Self::Attribute(name, words) => match node.attribute(name) {
                Some(value) => one_of(value, words).map(|why| format!("{name}: {why}")),
                None => Some(format!("it has no {name}")),
            },
            Self::FormIf(name, asked, ..) if node.attribute(name) != Some(*asked) => None,
            Self::OneOf(_) | Self::Form(..) | Self::FormIf(..) | Self::Between(..) => {
                self.about_value(&node.value())
            }
            _ => None,
        }
    }

    fn about_value(&self, value: &str) -> Option<String> {
        match self {
            Self::OneOf(words) if !value.is_empty() => one_of(value, words),
            Self::Form(is_right, form) if !value.is_empty() && !is_right(value) => {
                Some(format!("{} is not {form}", quoted(value)))
            }
            Self::FormIf(.., is_right, form) if !is_right(value) => {
                Some(format!("{} is not {form}", quoted(value)))
            }
            Self::Between(low, high) => {
                let is_right = value.parse().is_ok_and(|n: f64| n >= *low && n <= *high);
                (!is_right).then(|| format!("{} is not between {low} and {high}", quoted(value)))
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
