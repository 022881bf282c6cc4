//! The core of MODS 3.

use super::tree::{Node, Shape, Tree};
use super::{Asked, Refused, belonging_to};
use crate::parser::{Issue, IssueLevel, Parsed};
use crate::parsers::Text;
use crate::parsers::bibliographic::{
    Agent, AgentKind, Bibliographic, Date, DateKind, Description, DescriptionKind, File, Host,
    Identifier, Relation, Term, Title, TitleKind,
};

pub(super) const SHAPE: Shape =
    Shape { texts: &["abstract", "tableOfContents", "note", "accessCondition"], prefixes: &[] };

pub(super) fn read(tree: &mut Tree<'_>, _: &Asked) -> Result<Parsed<Bibliographic>, Refused> {
    let mut issues = tree.take_issues();
    let root = tree.root();
    let mods = match root.local() {
        "mods" => Some(root),
        "modsCollection" => root.first("mods"),
        _ => return Err(Refused::root("MODS", root)),
    };
    let mods = mods.ok_or_else(|| Refused::new("the collection has no <mods> in it"))?;
    let records = root.all("mods").count();
    if records > 1 {
        let message = format!("{records} records where one belongs; the first one was taken");
        issues.push(Issue::new(IssueLevel::Warning, "modsCollection", message));
    }
    Ok(Parsed { record: work(mods), issues })
}

fn work(mods: Node<'_>) -> Bibliographic {
    let titles = mods.all("titleInfo").filter_map(|node| {
        let kind = match node.attribute("type") {
            None => TitleKind::Main,
            Some("alternative") => TitleKind::Alternative,
            Some("translated") => TitleKind::Translated,
            Some("uniform") => TitleKind::Uniform,
            Some("abbreviated") => TitleKind::Abbreviated,
            Some(other) => TitleKind::Other(other.to_owned()),
        };
        Some(Title::new(title(node)?).of_kind(kind))
    });
    let (creators, contributors) = mods.all("name").filter_map(agent).partition(is_creator);
    let origins: Vec<_> = mods.all("originInfo").collect();
    let texts = |name| origins.iter().flat_map(move |origin| origin.texts(name));
    let genres = mods.all("genre").filter_map(term);
    let extents = mods.all("physicalDescription").flat_map(|node| node.texts("extent"));
    let media = mods.all("physicalDescription");
    let (hosts, others): (Vec<_>, Vec<_>) =
        mods.all("relatedItem").partition(|item| item.attribute("type") == Some("host"));
    let (access, rights): (Vec<_>, Vec<_>) = mods
        .all("accessCondition")
        .partition(|node| node.attribute("type") == Some("restriction on access"));
    Bibliographic {
        identifiers: mods.all("identifier").filter_map(identifier).collect(),
        titles: titles.collect(),
        creators,
        contributors,
        publishers: texts("publisher").collect(),
        dates: origins.iter().flat_map(|origin| dates(*origin)).collect(),
        languages: mods.all("language").flat_map(|node| node.strings("languageTerm")).collect(),
        types: mods.texts("typeOfResource").into_iter().map(Term::new).chain(genres).collect(),
        subjects: mods.all("subject").flat_map(subjects).collect(),
        descriptions: descriptions(mods),
        rights: rights.into_iter().filter_map(term).collect(),
        access: access.into_iter().find_map(term),
        version: texts("edition").next().map(Term::new),
        formats: media.flat_map(|node| node.strings("internetMediaType")).collect(),
        extents: extents.collect(),
        relations: others.into_iter().map(relation).collect(),
        host: hosts.first().map(|item| host(*item)),
        files: mods.all("location").flat_map(|node| node.all("url")).filter_map(file).collect(),
        ..Bibliographic::default()
    }
}

/// `The` + `harvest` + `a history` + `Part 2`: `The harvest : a history. Part 2`.
fn title(node: Node<'_>) -> Option<Text> {
    let mut whole = node.string("nonSort").map(|article| spaced(&article)).unwrap_or_default();
    for part in node.children().filter_map(|part| Some((part.local(), part.plain()?))) {
        match part {
            ("title", title) => whole.push_str(&title),
            ("subTitle", title) => whole.extend([" : ", &title]),
            ("partNumber" | "partName", name) => whole.extend([". ", &name]),
            _ => {}
        }
    }
    let text = Text::new(whole.trim().trim_start_matches([':', '.']).trim());
    (!text.value.is_empty()).then_some(match node.attribute("lang") {
        Some(lang) => text.in_language(lang),
        None => text,
    })
}

/// An article with the space behind it, if it takes one.
fn spaced(article: &str) -> String {
    if article.ends_with(['\'', '’', '-']) { article.to_owned() } else { format!("{article} ") }
}

fn agent(node: Node<'_>) -> Option<Agent> {
    let part = |kind: Option<&str>| {
        let parts = node.all("namePart").filter(move |part| part.attribute("type") == kind);
        parts.filter_map(Node::text).collect::<Vec<_>>()
    };
    let (family, given, whole) = (part(Some("family")), part(Some("given")), part(None));
    let texts =
        |texts: &[Text]| texts.iter().map(|text| &*text.value).collect::<Vec<_>>().join(" ");
    let name = match (&*texts(&whole), &*texts(&family), &*texts(&given)) {
        ("", "", given) => given.to_owned(),
        ("", family, "") => family.to_owned(),
        ("", family, given) => format!("{family}, {given}"),
        (whole, ..) => whole.to_owned(),
    };
    if name.is_empty() {
        return None;
    }
    let ids = node.all("nameIdentifier").filter_map(identifier);
    let mut agent = Agent::new(Text::new(name));
    agent.kind = match node.attribute("type") {
        Some("personal") => Some(AgentKind::Person),
        Some("corporate") => Some(AgentKind::Organisation),
        Some("conference") => Some(AgentKind::Meeting),
        _ => None,
    };
    agent.roles = node.all("role").flat_map(|role| role.strings("roleTerm")).collect();
    agent.affiliations = node.texts("affiliation").into_iter().map(belonging_to).collect();
    agent.identifiers = ids.collect();
    agent.alternatives = node.all("alternativeName").filter_map(Node::text).collect();
    (agent.family, agent.given) = (family, given);
    Some(agent)
}

/// Without a role, it is taken for who made the work.
fn is_creator(agent: &Agent) -> bool {
    let is_author =
        |role: &String| matches!(&*role.to_lowercase(), "aut" | "author" | "cre" | "creator");
    agent.roles.is_empty() || agent.roles.iter().any(is_author)
}

fn identifier(node: Node<'_>) -> Option<Identifier> {
    let value = node.plain()?;
    Some(match node.attribute("type") {
        Some(scheme @ ("doi" | "isbn" | "issn" | "hdl" | "uri" | "urn" | "orcid")) => {
            Identifier::new(scheme.to_uppercase(), value)
        }
        Some(scheme) => Identifier::new(scheme, value),
        None => Identifier::guessed(value),
    })
}

/// The same date may be there for people and for programs; the latter has an encoding.
fn dates(origin: Node<'_>) -> Vec<Date> {
    let names = [
        ("dateIssued", DateKind::Issued),
        ("dateCreated", DateKind::Created),
        ("dateCaptured", DateKind::Collected),
        ("dateModified", DateKind::Updated),
        ("dateValid", DateKind::Valid),
        ("copyrightDate", DateKind::Copyrighted),
    ];
    let mut found = Vec::new();
    for (name, kind) in names {
        let encoded = origin.all(name).any(|node| node.attribute("encoding").is_some());
        let dates =
            origin.all(name).filter(|node| !encoded || node.attribute("encoding").is_some());
        let date = |node: Node<'_>| Some(Date::new(kind.clone(), node.plain()?));
        found.extend(dates.filter_map(date));
    }
    found
}

fn term(node: Node<'_>) -> Option<Term> {
    let uri = node.attribute("valueURI").or(node.attribute("href"));
    Some(Term {
        text: node.text().or_else(|| uri.map(Text::new))?,
        scheme: node.attribute_string("authority"),
        uri: uri.map(str::to_owned),
    })
}

fn subjects(subject: Node<'_>) -> Option<Term> {
    let parts: Vec<_> =
        subject.children().map(|part| part.value()).filter(|part| !part.is_empty()).collect();
    let whole = if parts.is_empty() { subject.value().into_owned() } else { parts.join("--") };
    (!whole.is_empty()).then(|| Term {
        text: Text::new(whole),
        scheme: subject.attribute_string("authority"),
        uri: subject.attribute_string("valueURI"),
    })
}

fn descriptions(mods: Node<'_>) -> Vec<Description> {
    let kinds = [
        ("abstract", DescriptionKind::Abstract),
        ("tableOfContents", DescriptionKind::TableOfContents),
        ("note", DescriptionKind::Note),
    ];
    let texts = kinds.into_iter().flat_map(|(name, kind)| {
        mods.texts(name).into_iter().map(move |text| Description::new(kind.clone(), text))
    });
    texts.collect()
}

fn relation(item: Node<'_>) -> Relation {
    Relation {
        kind: item.attribute_string("type"),
        identifiers: item.all("identifier").filter_map(identifier).collect(),
        titles: item.all("titleInfo").filter_map(title).collect(),
    }
}

fn host(item: Node<'_>) -> Host {
    let parts: Vec<_> = item.all("part").collect();
    let detail = |kind: &str| {
        let details = parts.iter().flat_map(|part| part.all("detail"));
        let mut of_kind = details.filter(|detail| detail.attribute("type") == Some(kind));
        of_kind.find_map(|detail| detail.string("number"))
    };
    let page = |name| {
        parts.iter().flat_map(|part| part.all("extent")).find_map(|extent| extent.string(name))
    };
    Host {
        titles: item.all("titleInfo").filter_map(title).collect(),
        identifiers: item.all("identifier").filter_map(identifier).collect(),
        volume: detail("volume"),
        issue: detail("issue"),
        first_page: page("start"),
        last_page: page("end"),
        part: parts.iter().find_map(|part| part.string("text")),
    }
}

fn file(url: Node<'_>) -> Option<File> {
    Some(File {
        url: url.plain()?,
        kind: url.attribute_string("access"),
        label: url.attribute_string("displayLabel"),
        ..File::default()
    })
}
