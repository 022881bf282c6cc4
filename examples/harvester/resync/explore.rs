//! What a source offers, as a tree for people or as JSON.

use std::collections::HashMap;
use std::fmt::Write;

use resync_core::client::{Client, Discovered, Explore, Node, What};
use resync_core::document::{Capability, Datetime};
use resync_core::transport::BodyLimits;
use resync_core::xml::Mode;
use serde_json::{Value, json};
use url::Url;

use super::{LARGEST, anywhere, size, word};
use crate::args::{ExploreArgs, GlobalArgs};
use crate::output::one_line;
use crate::progress::{Console, count, counted};
use crate::report::{Failure, Status};
use crate::{network, output};

pub(super) async fn run(
    args: &ExploreArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let transport = super::transport(&args.url, &args.allow_origin, global, console)?;
    let authority = anywhere(&args.url, &args.allow_origin);
    let limits = BodyLimits::default().max(LARGEST);
    let client = Client::new(transport.limits(limits.clone()))
        .limits(limits)
        .mode(if global.strict { Mode::Strict } else { Mode::Tolerant })
        .permit(move |url| authority.check(url).map_err(|error| error.to_string()));
    let progress = console.progress(network::shown(&args.url), false);
    let found = client.discover(args.url.as_str()).await?;
    let options = Explore::default().full(args.full);
    let mut trees = Vec::new();
    for root in roots(&found, &args.url) {
        trees.push(client.explore(&root, &options).await);
    }
    drop(progress);
    let extras = Extras::of(&found);
    output::print(match global.json {
        true => format!("{}\n", json_of(&found, &trees, &extras, args)),
        false => text_of(&found, &trees, &extras),
    })?;
    let is_whole = trees.iter().all(|tree| all(tree, &|node| node.error.is_none()));
    Ok(if is_whole { Status::Complete } else { Status::RecordErrors })
}

/// Where the trees begin: at what was given, if it is a document, or else as far up as it goes.
fn roots(found: &Discovered, given: &Url) -> Vec<Url> {
    if found.found_by == What::Given {
        return vec![given.clone()];
    }
    match &found.description {
        Some(description) => vec![description.clone()],
        None if found.capability_lists.is_empty() => vec![found.document.url().clone()],
        None => found.capability_lists.iter().map(|set| set.url.clone()).collect(),
    }
}

/// What the search has learnt of documents besides.
struct Extras {
    /// Relation and target, by the document.
    links: HashMap<Url, Vec<(String, String)>>,
}

impl Extras {
    fn of(found: &Discovered) -> Self {
        let mut links: HashMap<Url, Vec<(String, String)>> = HashMap::new();
        for set in &found.capability_lists {
            if let Some(described_by) = &set.described_by {
                let link = ("describedby".to_owned(), described_by.to_string());
                links.entry(set.url.clone()).or_default().push(link);
            }
        }
        let of_document = links.entry(found.document.url().clone()).or_default();
        for link in &found.document.head().links {
            let link = (link.rel.to_string(), link.href.to_string());
            if !of_document.contains(&link) {
                of_document.push(link);
            }
        }
        Self { links }
    }

    fn links(&self, node: &Node) -> &[(String, String)] {
        let links = if node.size > 0 { self.links.get(&node.url) } else { None };
        links.map_or(&[], Vec::as_slice)
    }
}

/// Whether something is so in all of a tree.
fn all(node: &Node, is_so: &impl Fn(&Node) -> bool) -> bool {
    is_so(node) && node.children.iter().all(|child| all(child, is_so))
}

/// A document on a line of the table, and what else there is to say of it on lines below.
struct Row {
    /// The branches of the tree, and what the document is.
    name: String,
    entries: String,
    listed: String,
    size: String,
    url: String,
    /// What stands in front of each line below.
    branch: String,
    below: Vec<String>,
}

fn text_of(found: &Discovered, trees: &[Node], extras: &Extras) -> String {
    let mut rows = Vec::new();
    for tree in trees {
        add_rows(&mut rows, tree, extras, "", "");
    }
    let head = ["document", "entries", "listed", "size", "address"];
    let width = |head: &str, cell: &dyn Fn(&Row) -> usize, most| {
        let cells = rows.iter().map(cell).filter(|width| *width <= most);
        cells.chain([head.len()]).max().unwrap_or_default()
    };
    // One that is very deep does not push all the others aside.
    let name = width(head[0], &|row| row.name.chars().count(), 60);
    let entries = width(head[1], &|row| row.entries.len(), 60);
    let listed = width(head[2], &|row| row.listed.len(), 60);
    let size = width(head[3], &|row| row.size.len(), 60);

    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |cells: [&str; 5]| {
        let [a, b, c, d, e] = cells;
        let row = format!("{a:name$}  {b:>entries$}  {c:>listed$}  {d:>size$}  {e}");
        let _ = writeln!(text, "{}", row.trim_end());
    };
    line(head);
    for row in &rows {
        line([&row.name, &row.entries, &row.listed, &row.size, &row.url]);
        for below in &row.below {
            line([&format!("{}{below}", row.branch), "", "", "", ""]);
        }
    }
    let _ = writeln!(text, "\n{}", next(found, trees));
    text
}

/// `first` stands in front of the document, `rest` in front of what is below it.
fn add_rows(rows: &mut Vec<Row>, node: &Node, extras: &Extras, first: &str, rest: &str) {
    let is_read = node.size > 0;
    let branch = if node.children.is_empty() { "    " } else { "│   " };
    rows.push(Row {
        name: format!("{first}{}", kind(node)),
        entries: if is_read { count(node.entries) } else { String::new() },
        listed: if node.bytes > 0 { size(node.bytes) } else { String::new() },
        size: if is_read { size(node.size) } else { String::new() },
        url: one_line(node.url.as_str()),
        branch: format!("{rest}{branch}"),
        below: details(node, extras),
    });
    let last = node.children.len().saturating_sub(1);
    for (n, child) in node.children.iter().enumerate() {
        if n == 1 && node.omitted > 0 {
            let more = counted(node.omitted, "part");
            rows.push(Row {
                name: format!("{rest}├── … {more} not read (--full reads them)"),
                entries: String::new(),
                listed: String::new(),
                size: String::new(),
                url: String::new(),
                branch: String::new(),
                below: Vec::new(),
            });
        }
        let (own, below) =
            if n == last { ("└── ", "    ") } else { ("├── ", "│   ") };
        add_rows(rows, child, extras, &format!("{rest}{own}"), &format!("{rest}{below}"));
    }
}

fn kind(node: &Node) -> String {
    let name = match &node.capability {
        Some(capability) => one_line(capability.as_str()),
        None if node.size == 0 => "not read".to_owned(),
        None => "plain sitemap".to_owned(),
    };
    match node.is_index {
        true => format!("{name} (index, {})", counted(node.entries, "part")),
        false => name,
    }
}

/// What stands below a document: its times, what it lists, where it leads, what is wrong with it.
fn details(node: &Node, extras: &Extras) -> Vec<String> {
    let mut lines = Vec::new();
    let times: Vec<String> = times(node)
        .into_iter()
        .filter_map(|(name, time)| Some(format!("{name} {}", time?)))
        .collect();
    if !times.is_empty() {
        lines.push(times.join(", "));
    }
    if let Some(lastmod) = node.lastmod {
        lines.push(format!("newest {lastmod}"));
    }
    if !node.media_types.is_empty() {
        lines.push(one_line(&node.media_types.join(", ")));
    }
    for (rel, href) in extras.links(node) {
        lines.push(one_line(&format!("{rel} → {href}")));
    }
    for notice in &node.notices {
        let times =
            if notice.count > 1 { format!(" ({} times)", notice.count) } else { String::new() };
        lines.push(one_line(&format!("~ {}: {}{times}", notice.kind, notice.detail)));
    }
    if let Some(error) = &node.error {
        lines.push(one_line(&format!("! {error}")));
    }
    lines
}

fn times(node: &Node) -> [(&'static str, Option<Datetime>); 4] {
    [("at", node.at), ("completed", node.completed), ("from", node.from), ("until", node.until)]
}

/// What one can do next.
fn next(found: &Discovered, trees: &[Node]) -> String {
    let has = |kinds: &[Capability]| {
        let is_none = |node: &Node| match &node.capability {
            Some(capability) => !kinds.contains(capability),
            // A plain Sitemap is as good as a Resource List.
            None => node.size == 0 || !kinds.contains(&Capability::ResourceList),
        };
        trees.iter().any(|tree| !all(tree, &is_none))
    };
    let mode = if has(&[Capability::ResourceList, Capability::ResourceDump]) {
        "baseline"
    } else if has(&[Capability::ChangeList, Capability::ChangeDump]) {
        "incremental"
    } else {
        return "Nothing to copy here; `harvester resync check URL` says what is wrong.".to_owned();
    };
    let Some(tree) = trees.first() else { return String::new() };
    let is_above = matches!(tree.capability, Some(Capability::Description));
    let sets: Vec<&str> = found.capability_lists.iter().map(|set| set.url.as_str()).collect();
    match &sets[..] {
        [first, _, ..] if is_above => format!(
            "Next: harvester resync {mode} {} DIR --set {}   (one of its {} sets)",
            word(tree.url.as_str()),
            word(first),
            sets.len()
        ),
        _ => format!("Next: harvester resync {mode} {} DIR", word(tree.url.as_str())),
    }
}

fn json_of(found: &Discovered, trees: &[Node], extras: &Extras, args: &ExploreArgs) -> Value {
    let sets = found.capability_lists.iter().map(|set| {
        let described_by = set.described_by.as_ref().map(Url::as_str);
        json!({"url": set.url.as_str(), "describedby": described_by})
    });
    json!({
        "url": network::shown(&args.url).as_str(),
        "found_by": found.found_by.to_string(),
        "description": found.description.as_ref().map(Url::as_str),
        "sets": sets.collect::<Vec<_>>(),
        "documents": trees.iter().map(|tree| node_json(tree, extras)).collect::<Vec<_>>(),
    })
}

fn node_json(node: &Node, extras: &Extras) -> Value {
    let time = |time: &Option<Datetime>| time.map(|time| time.to_string());
    let links = extras.links(node).iter().map(|(rel, href)| json!({"rel": rel, "href": href}));
    let notices = node
        .notices
        .iter()
        .map(|it| json!({"kind": it.kind.name(), "detail": it.detail, "count": it.count}));
    json!({
        "url": node.url.as_str(),
        "capability": node.capability.as_ref().map(Capability::as_str),
        "index": node.is_index,
        "at": time(&node.at),
        "completed": time(&node.completed),
        "from": time(&node.from),
        "until": time(&node.until),
        "entries": node.entries,
        "listed_bytes": node.bytes,
        "newest": time(&node.lastmod),
        "media_types": node.media_types,
        "bytes": node.size,
        "links": links.collect::<Vec<_>>(),
        "notices": notices.collect::<Vec<_>>(),
        "error": node.error,
        "omitted": node.omitted,
        "children": node.children.iter().map(|it| node_json(it, extras)).collect::<Vec<_>>(),
    })
}
