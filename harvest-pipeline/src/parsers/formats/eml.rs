//! EML 2: only the root element is in a namespace, and who forgets to undo a default namespace
//! puts the others in one. They are known by their names.

use std::cell::Cell;
use std::collections::HashMap;

use super::place::numbers;
use super::tree::{Node, Shape, Tree};
use super::{Asked, Refused};
use crate::parser::{Issue, IssueLevel, Parsed};
use crate::parsers::Text;
use crate::parsers::bibliographic::{
    Agent, AgentKind, Bibliographic, Date, DateKind, Description, DescriptionKind, File, Funding,
    Identifier, Place, Term, Title, TitleKind, is_short,
};

pub(super) const SHAPE: Shape =
    Shape { texts: &["para", "title", "markdown", "literalLayout"], prefixes: &[] };

/// Parties that others refer to, which copies them: so much of them, and no more.
struct Parties<'t> {
    by_id: HashMap<&'t str, Node<'t>>,
    left: Cell<usize>,
    /// How many could not be copied.
    lost: Cell<usize>,
}

impl<'t> Parties<'t> {
    fn of(resource: Node<'t>) -> Self {
        let ids = resource.inside().filter_map(|node| Some((node.attribute("id")?, node)));
        Self { by_id: ids.collect(), left: Cell::new(1 << 20), lost: Cell::new(0) }
    }

    fn get(&self, id: &str) -> Option<Node<'t>> {
        let known = self.by_id.get(id).copied().filter(|_| self.left.get() > 0);
        let weight = known.map_or(0, Node::weight);
        self.left.set(self.left.get().saturating_sub(weight));
        let found = known.filter(|_| self.left.get() > 0);
        self.lost.set(self.lost.get() + usize::from(found.is_none()));
        found
    }
}

pub(super) fn read(tree: &mut Tree<'_>, _: &Asked) -> Result<Parsed<Bibliographic>, Refused> {
    let mut issues = tree.take_issues();
    let root = tree.root();
    if root.local() != "eml" {
        return Err(Refused::root("EML", root));
    }
    if !root.namespace().is_some_and(|uri| uri.contains("ecoinformatics.org/eml-2")) {
        let is = root.namespace().unwrap_or("no namespace");
        let message = format!("<eml> is in {is}, which no version of EML 2 has");
        issues.push(Issue::new(IssueLevel::Warning, "eml", message));
    }
    let kinds = ["dataset", "citation", "software", "protocol"];
    let Some(resource) = root.children().find(|child| kinds.contains(&child.local())) else {
        return Err(Refused::new(
            "the EML document describes no dataset, citation, software or protocol",
        ));
    };
    let parties = Parties::of(resource);
    let mut work = resource_of(resource, &parties);
    if parties.lost.get() > 0 {
        let message = format!(
            "parties left out: {}; what they refer to is not there, or is too much",
            parties.lost.get()
        );
        let path = format!("eml/{}", resource.local());
        issues.push(Issue::new(IssueLevel::FieldError, path, message));
    }
    let package = root
        .attribute("packageId")
        .map(|id| Identifier { scheme: root.attribute_string("system"), value: id.to_owned() });
    work.identifiers.splice(0..0, package);
    if work.titles.is_empty() {
        let path = format!("eml/{}/title", resource.local());
        issues.push(Issue::new(IssueLevel::Warning, path, "it is missing or empty"));
    }
    Ok(Parsed { record: work, issues })
}

fn resource_of(resource: Node<'_>, parties: &Parties<'_>) -> Bibliographic {
    let people = |name| resource.all(name).filter_map(|node| party(node, parties));
    let alternatives = resource.texts("shortName").into_iter();
    let titles = resource.texts("title").into_iter().map(Title::new);
    let contacts = people("contact").map(|mut agent| {
        agent.roles.push("contact".to_owned());
        agent
    });
    let published = resource.strings("pubDate").into_iter();
    let coverage: Vec<_> = resource.all("coverage").collect();
    let described =
        [("abstract", DescriptionKind::Abstract), ("methods", DescriptionKind::Methods)];
    let publishers = people("publisher").filter_map(|agent| agent.names.into_iter().next());
    Bibliographic {
        identifiers: resource
            .strings("alternateIdentifier")
            .into_iter()
            .map(Identifier::guessed)
            .collect(),
        titles: titles
            .chain(alternatives.map(|text| Title::new(text).of_kind(TitleKind::Alternative)))
            .collect(),
        creators: people("creator").collect(),
        contributors: people("associatedParty").chain(contacts).collect(),
        publishers: publishers.collect(),
        dates: published
            .map(|date| Date::new(DateKind::Issued, date))
            .chain(coverage.iter().flat_map(|node| periods(*node)))
            .collect(),
        languages: resource.strings("language"),
        types: vec![Term::new(Text::new(resource.local()))],
        subjects: resource
            .all("keywordSet")
            .flat_map(keywords)
            .chain(coverage.iter().flat_map(|node| taxa(*node)))
            .collect(),
        places: coverage.iter().flat_map(|node| places(*node)).collect(),
        descriptions: described
            .into_iter()
            .filter_map(|(name, kind)| Some(Description::new(kind, resource.first(name)?.text()?)))
            .collect(),
        rights: rights(resource),
        funding: resource.all("project").flat_map(funding).collect(),
        files: files(resource),
        ..Bibliographic::default()
    }
}

/// A party, or the one it refers to.
fn party(node: Node<'_>, parties: &Parties<'_>) -> Option<Agent> {
    let known = match node.string("references") {
        Some(id) => parties.get(&id)?,
        None => node,
    };
    let person = known.first("individualName");
    let family = person.map(|name| name.texts("surName")).unwrap_or_default();
    let given = person.map(|name| name.texts("givenName")).unwrap_or_default();
    let organisations = known.texts("organizationName");
    let mut agent = Agent { family, given, ..Agent::default() };
    if let Some(family) = agent.family.first() {
        let given: Vec<_> = agent.given.iter().map(|name| &*name.value).collect();
        let name = match &*given.join(" ") {
            "" => family.value.clone(),
            given => format!("{}, {given}", family.value),
        };
        agent.names.push(Text::new(name));
        agent.kind = Some(AgentKind::Person);
        agent.affiliations = organisations.into_iter().map(super::belonging_to).collect();
    } else if organisations.is_empty() {
        agent.names = known.texts("positionName");
    } else {
        agent.names = organisations;
        agent.kind = Some(AgentKind::Organisation);
    }
    agent.roles = node.strings("role");
    agent.identifiers = known
        .all("userId")
        .filter_map(|id| {
            let value = id.plain()?;
            let is_orcid = id.attribute("directory").is_some_and(|uri| uri.contains("orcid.org"));
            Some(if is_orcid {
                Identifier::new("ORCID", value)
            } else {
                Identifier { scheme: id.attribute_string("directory"), value }
            })
        })
        .collect();
    (!agent.names.is_empty()).then_some(agent)
}

fn keywords(set: Node<'_>) -> impl Iterator<Item = Term> {
    let is_one = |name: &String| is_short(name) && !name.eq_ignore_ascii_case("none");
    let scheme = set.string("keywordThesaurus").filter(is_one);
    let words = set.texts("keyword").into_iter();
    words.map(move |text| Term { text, scheme: scheme.clone(), uri: None })
}

/// Names of taxa at every rank, with the rank as the scheme.
fn taxa(coverage: Node<'_>) -> impl Iterator<Item = Term> {
    let taxa = coverage.inside().filter(|node| node.local() == "taxonomicClassification");
    taxa.filter_map(|taxon| {
        let text = taxon.first("taxonRankValue")?.text()?;
        Some(Term { text, scheme: taxon.string("taxonRankName"), uri: None })
    })
}

fn places(coverage: Node<'_>) -> impl Iterator<Item = Place> {
    let ends = [
        "westBoundingCoordinate",
        "southBoundingCoordinate",
        "eastBoundingCoordinate",
        "northBoundingCoordinate",
    ];
    coverage.all("geographicCoverage").map(move |node| {
        let bounds = node.first("boundingCoordinates").and_then(|node| numbers(node, ends));
        // A point is written as a box without extent.
        let point = bounds.filter(|[w, s, e, n]| w == e && s == n).map(|[w, s, ..]| [w, s]);
        let bounds = bounds.filter(|_| point.is_none());
        Place { names: node.texts("geographicDescription"), point, bounds }
    })
}

/// Days, and periods as `begin/end`.
fn periods(coverage: Node<'_>) -> Vec<Date> {
    let day = |node: Node<'_>| node.string("calendarDate");
    let temporal = coverage.all("temporalCoverage");
    let values = temporal.flat_map(|node| {
        let days = node.all("singleDateTime").filter_map(day);
        let ranges = node.all("rangeOfDates").map(|range| {
            let end = |name| range.first(name).and_then(day).unwrap_or_else(|| "..".to_owned());
            format!("{}/{}", end("beginDate"), end("endDate"))
        });
        days.chain(ranges).collect::<Vec<_>>()
    });
    values.map(|value| Date::new(DateKind::Coverage, value)).collect()
}

fn rights(resource: Node<'_>) -> Vec<Term> {
    let words = resource.texts("intellectualRights").into_iter().map(Term::new);
    let licences = resource.all("licensed").filter_map(|node| {
        let uri = node.string("url");
        let text = node.first("licenseName").and_then(Node::text);
        let text = text.or_else(|| uri.clone().map(Text::new))?;
        Some(Term { text, scheme: node.string("identifier"), uri })
    });
    words.chain(licences).collect()
}

fn funding(project: Node<'_>) -> impl Iterator<Item = Funding> {
    project.all("award").map(|award| Funding {
        funder: Agent {
            names: award.texts("funderName"),
            kind: Some(AgentKind::Organisation),
            identifiers: award
                .strings("funderIdentifier")
                .into_iter()
                .map(Identifier::guessed)
                .collect(),
            ..Agent::default()
        },
        award_number: award.string("awardNumber"),
        award_titles: award.texts("title"),
    })
}

/// Where the whole can be had, and each table, image or other thing in it.
fn files(resource: Node<'_>) -> Vec<File> {
    let entities =
        ["dataTable", "spatialRaster", "spatialVector", "storedProcedure", "view", "otherEntity"];
    let mut files: Vec<File> = addresses(resource).collect();
    for entity in resource.children().filter(|child| entities.contains(&child.local())) {
        for physical in entity.all("physical") {
            files.extend(addresses(physical).map(|file| File {
                kind: Some(entity.local().to_owned()),
                label: entity.string("entityName").or_else(|| physical.string("objectName")),
                sizes: physical.strings("size"),
                ..file
            }));
        }
    }
    files
}

fn addresses(node: Node<'_>) -> impl Iterator<Item = File> {
    let online = node.all("distribution").flat_map(|node| node.all("online"));
    online.flat_map(|node| node.strings("url")).map(|url| File { url, ..File::default() })
}
