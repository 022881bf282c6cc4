//! JPCOAR 1.0, 2.0 and 2.1: the schema of Japanese repositories.

mod rules;
mod words;

use super::check::Findings;
use super::place::{bounds, point};
use super::tree::{Node, Shape, Tree};
use super::{Asked, Refused};
use crate::parser::{Issue, IssueLevel, Parsed};
use crate::parsers::bibliographic::{
    Affiliation, Agent, AgentKind, Bibliographic, Date, DateKind, Description, DescriptionKind,
    File, Funding, Host, Identifier, Place, Relation, Term, Thesis, Title, TitleKind,
};

const V1: &str = "https://github.com/JPCOAR/schema/blob/master/1.0/";
const V1_BEFORE: &str = "https://irdb.nii.ac.jp/schema/jpcoar/1.0/";
const V2: &str = "https://github.com/JPCOAR/schema/blob/master/2.0/";
const V2_1: &str = "https://github.com/JPCOAR/schema/blob/master/2.1/";

pub(super) const SHAPE: Shape = Shape {
    texts: &["title", "description"],
    prefixes: &[
        (V1, "jpcoar"),
        (V1_BEFORE, "jpcoar"),
        (V2, "jpcoar"),
        (V2_1, "jpcoar"),
        ("http://purl.org/dc/elements/1.1/", "dc"),
        ("http://purl.org/dc/terms/", "dcterms"),
        ("https://schema.datacite.org/meta/kernel-4/", "datacite"),
        ("http://datacite.org/schema/kernel-4", "datacite"),
        ("http://namespace.openaire.eu/schema/oaire/", "oaire"),
        ("http://ndl.go.jp/dcndl/terms/", "dcndl"),
        ("http://www.rioxx.net/schema/v2.0/rioxxterms/", "rioxxterms"),
    ],
};

pub(super) fn read(tree: &mut Tree<'_>, asked: &Asked) -> Result<Parsed<Bibliographic>, Refused> {
    let root = tree.root();
    if root.local() != "jpcoar" {
        return Err(Refused::root("JPCOAR", root));
    }
    let mut found = Findings { errors: Vec::new(), issues: tree.take_issues() };
    let namespace = tree.root().namespace().map(str::to_owned);
    let namespace = namespace.as_deref();
    if !matches!(namespace, Some(V1 | V1_BEFORE | V2 | V2_1)) {
        let is = namespace.unwrap_or("no namespace");
        let message = format!("<jpcoar> is in {is}, which no version of JPCOAR has");
        found.issues.push(Issue::new(IssueLevel::Warning, "record", message));
    }
    found.ask(&rules::RULES, tree, asked.rules_only_warn);
    if matches!(namespace, Some(V2 | V2_1)) {
        found.ask(&*rules::RULES_FROM_2, tree, asked.rules_only_warn);
    }
    if !found.errors.is_empty() {
        return Err(Refused::new(found.errors.join("; ")));
    }
    Ok(Parsed { record: work(tree.root()), issues: found.issues })
}

fn work(root: Node<'_>) -> Bibliographic {
    let titles = root.texts("dc:title").into_iter().map(Title::new);
    let alternatives = root.texts("dcterms:alternative").into_iter();
    let descriptions = root.all("datacite:description").filter_map(|node| {
        let kind = node.attribute("descriptionType").map(DescriptionKind::named);
        Some(Description { text: node.text()?, kind })
    });
    let publishers = root.all("jpcoar:publisher").flat_map(|node| node.texts("publisherName"));
    let dates = root.all("datacite:date").filter_map(date);
    let other_dates = root.strings("dcterms:date").into_iter();
    let pages = root.texts("numPages").into_iter();
    Bibliographic {
        identifiers: root
            .all("identifier")
            .filter_map(|id| identifier(id, "identifierType"))
            .collect(),
        titles: titles
            .chain(alternatives.map(|text| Title::new(text).of_kind(TitleKind::Alternative)))
            .collect(),
        creators: root.all("creator").filter_map(|node| agent(node, &CREATOR)).collect(),
        contributors: root
            .all("contributor")
            .filter_map(|node| agent(node, &CONTRIBUTOR))
            .collect(),
        publishers: root.texts("dc:publisher").into_iter().chain(publishers).collect(),
        dates: dates.chain(other_dates.map(|value| Date { value, kind: None })).collect(),
        languages: root.strings("dc:language"),
        types: root.all("dc:type").filter_map(term).collect(),
        subjects: root.all("subject").filter_map(term).collect(),
        places: root.all("geoLocation").filter_map(place).collect(),
        descriptions: descriptions.collect(),
        rights: root.all("dc:rights").filter_map(term).collect(),
        access: root.all("accessRights").find_map(term),
        version: root.all("oaire:version").chain(root.all("datacite:version")).find_map(term),
        formats: root.strings("jpcoar:format"),
        extents: root.texts("dcterms:extent").into_iter().chain(pages).collect(),
        relations: root.all("relation").map(relation).collect(),
        host: host(root),
        thesis: thesis(root),
        funding: root.all("fundingReference").filter_map(funding).collect(),
        files: root.all("file").filter_map(file).collect(),
    }
}

fn identifier(node: Node<'_>, scheme: &str) -> Option<Identifier> {
    let value = node.plain()?;
    Some(Identifier { scheme: node.attribute_string(scheme), value })
}

fn name_identifiers(node: Node<'_>) -> Vec<Identifier> {
    node.all("nameIdentifier").filter_map(|id| identifier(id, "nameIdentifierScheme")).collect()
}

/// What the parts of a `creator` or `contributor` are called.
struct Parts {
    name: &'static str,
    alternative: &'static str,
    role: &'static str,
}

const CREATOR: Parts =
    Parts { name: "creatorName", alternative: "creatorAlternative", role: "creatorType" };
const CONTRIBUTOR: Parts = Parts {
    name: "contributorName",
    alternative: "contributorAlternative",
    role: "contributorType",
};

fn agent(node: Node<'_>, parts: &Parts) -> Option<Agent> {
    let kind = node.first(parts.name).and_then(|name| name.attribute("nameType"));
    let agent = Agent {
        names: node.texts(parts.name),
        family: node.texts("familyName"),
        given: node.texts("givenName"),
        alternatives: node.texts(parts.alternative),
        kind: match kind {
            Some("Personal") => Some(AgentKind::Person),
            Some("Organizational") => Some(AgentKind::Organisation),
            _ => None,
        },
        roles: node.attribute_string(parts.role).into_iter().collect(),
        identifiers: name_identifiers(node),
        affiliations: node.all("affiliation").map(affiliation).collect(),
    };
    (agent != Agent::default()).then_some(agent)
}

fn affiliation(node: Node<'_>) -> Affiliation {
    Affiliation { names: node.texts("affiliationName"), identifiers: name_identifiers(node) }
}

fn date(node: Node<'_>) -> Option<Date> {
    let kind = node.attribute("dateType").map(DateKind::named);
    Some(Date { value: node.plain()?, kind })
}

fn term(node: Node<'_>) -> Option<Term> {
    let uri = node.attribute("resource").or(node.attribute("subjectURI"));
    Some(Term {
        text: node.text()?,
        scheme: node.attribute_string("subjectScheme"),
        uri: uri.map(str::to_owned),
    })
}

fn place(node: Node<'_>) -> Option<Place> {
    let place = Place {
        names: node.texts("geoLocationPlace"),
        point: point(node.first("geoLocationPoint")),
        bounds: bounds(node.first("geoLocationBox")),
    };
    (place != Place::default()).then_some(place)
}

fn relation(node: Node<'_>) -> Relation {
    let ids = node.all("relatedIdentifier").filter_map(|id| identifier(id, "identifierType"));
    Relation {
        kind: node.attribute_string("relationType"),
        identifiers: ids.collect(),
        titles: node.texts("relatedTitle"),
    }
}

fn host(root: Node<'_>) -> Option<Host> {
    let ids = root.all("sourceIdentifier").filter_map(|id| identifier(id, "identifierType"));
    let host = Host {
        titles: root.texts("sourceTitle"),
        identifiers: ids.collect(),
        volume: root.string("volume"),
        issue: root.string("issue"),
        first_page: root.string("pageStart"),
        last_page: root.string("pageEnd"),
        part: None,
    };
    (host != Host::default()).then_some(host)
}

fn thesis(root: Node<'_>) -> Option<Thesis> {
    let grantors = root.all("degreeGrantor").map(|node| Agent {
        names: node.texts("degreeGrantorName"),
        kind: Some(AgentKind::Organisation),
        identifiers: name_identifiers(node),
        ..Agent::default()
    });
    let thesis = Thesis {
        number: root.string("dissertationNumber"),
        degrees: root.texts("degreeName"),
        granted: root.string("dateGranted"),
        grantors: grantors.collect(),
    };
    (thesis != Thesis::default()).then_some(thesis)
}

fn funding(node: Node<'_>) -> Option<Funding> {
    let id = node.all("funderIdentifier").filter_map(|id| identifier(id, "funderIdentifierType"));
    let funder = Agent {
        names: node.texts("funderName"),
        kind: Some(AgentKind::Organisation),
        identifiers: id.collect(),
        ..Agent::default()
    };
    (!funder.names.is_empty()).then(|| Funding {
        funder,
        award_number: node.string("awardNumber"),
        award_titles: node.texts("awardTitle"),
    })
}

fn file(node: Node<'_>) -> Option<File> {
    let uri = node.first("URI")?;
    Some(File {
        url: uri.plain()?,
        kind: uri.attribute_string("objectType"),
        label: uri.attribute_string("label"),
        media_type: node.string("mimeType"),
        sizes: node.strings("extent"),
        dates: node.all("date").filter_map(date).collect(),
        version: node.string("version"),
    })
}
