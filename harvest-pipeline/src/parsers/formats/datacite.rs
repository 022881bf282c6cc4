//! DataCite, kernels 2 to 4, by themselves or as `oai_datacite` wraps them.

use super::place::{bounds, point};
use super::tree::{Node, Shape, Tree};
use super::{Asked, Refused, belonging_to};
use crate::parser::Parsed;
use crate::parsers::Text;
use crate::parsers::bibliographic::{
    Affiliation, Agent, AgentKind, Bibliographic, Date, DateKind, Description, DescriptionKind,
    Funding, Host, Identifier, Place, Relation, Term, Title, TitleKind,
};

/// Titles and descriptions may have `<br/>` in them.
pub(super) const SHAPE: Shape = Shape { texts: &["title", "description"], prefixes: &[] };

pub(super) fn read(tree: &mut Tree<'_>, _: &Asked) -> Result<Parsed<Bibliographic>, Refused> {
    let issues = tree.take_issues();
    let root = tree.root();
    let resource = match root.local() {
        "resource" => Some(root),
        "oai_datacite" => root.first("payload").and_then(|payload| payload.first("resource")),
        _ => return Err(Refused::root("DataCite", root)),
    };
    let resource = resource.ok_or_else(|| Refused::new("the wrapper has no <resource> in it"))?;
    Ok(Parsed { record: work(resource), issues })
}

/// The children of a list such as `<titles>`, of which there should be one.
fn listed<'t>(resource: Node<'t>, list: &str, name: &str) -> Vec<Node<'t>> {
    resource.all(list).flat_map(|list| list.all(name)).collect()
}

fn work(resource: Node<'_>) -> Bibliographic {
    let all = |list, name| listed(resource, list, name).into_iter();
    let own = resource.all("identifier").filter_map(|id| identifier(id, "identifierType"));
    let others = all("alternateIdentifiers", "alternateIdentifier")
        .filter_map(|id| identifier(id, "alternateIdentifierType"));
    let titles = all("titles", "title").filter_map(|node| {
        let kind = node.attribute("titleType").map(TitleKind::named).unwrap_or_default();
        Some(Title::new(node.text()?).of_kind(kind))
    });
    let year = resource.strings("publicationYear").into_iter();
    let dates = all("dates", "date").filter_map(|node| {
        let kind = node.attribute("dateType").map(DateKind::named);
        Some(Date { value: node.plain()?, kind })
    });
    let types = resource.all("resourceType").filter_map(|node| {
        let general = node.attribute("resourceTypeGeneral");
        let own = node.text();
        let scheme = own.is_some().then_some(general).flatten().map(str::to_owned);
        Some(Term { text: own.or_else(|| general.map(Text::new))?, scheme, uri: None })
    });
    let descriptions = all("descriptions", "description").filter_map(|node| {
        let kind = node.attribute("descriptionType").map(DescriptionKind::named);
        Some(Description { text: node.text()?, kind })
    });
    let relations = all("relatedIdentifiers", "relatedIdentifier").filter_map(|node| {
        Some(Relation {
            kind: node.attribute_string("relationType"),
            identifiers: vec![identifier(node, "relatedIdentifierType")?],
            titles: Vec::new(),
        })
    });
    let mut work = Bibliographic {
        identifiers: own.chain(others).collect(),
        titles: titles.collect(),
        creators: all("creators", "creator")
            .filter_map(|node| agent(node, "creatorName"))
            .collect(),
        contributors: all("contributors", "contributor")
            .filter_map(|node| agent(node, "contributorName"))
            .collect(),
        publishers: resource.texts("publisher"),
        languages: resource.strings("language"),
        types: types.collect(),
        subjects: all("subjects", "subject").filter_map(subject).collect(),
        places: all("geoLocations", "geoLocation").filter_map(place).collect(),
        descriptions: descriptions.collect(),
        rights: all("rightsList", "rights").filter_map(rights).collect(),
        version: resource.first("version").and_then(Node::text).map(Term::new),
        formats: all("formats", "format").filter_map(Node::plain).collect(),
        extents: all("sizes", "size").filter_map(Node::text).collect(),
        relations: relations.collect(),
        host: all("relatedItems", "relatedItem").find(is_host).map(host),
        funding: all("fundingReferences", "fundingReference").map(funding).collect(),
        ..Bibliographic::default()
    };
    let year = year.map(|year| Date::new(DateKind::Issued, year));
    year.chain(dates).for_each(|date| work.add_date(date));
    work
}

fn identifier(node: Node<'_>, scheme: &str) -> Option<Identifier> {
    Some(Identifier { scheme: node.attribute_string(scheme), value: node.plain()? })
}

fn agent(node: Node<'_>, name: &str) -> Option<Agent> {
    let kind = node.first(name).and_then(|name| name.attribute("nameType"));
    let affiliations = node.all("affiliation").filter_map(|node| {
        let id = node.attribute("affiliationIdentifier").map(|value| Identifier {
            scheme: node.attribute_string("affiliationIdentifierScheme"),
            value: value.to_owned(),
        });
        Some(Affiliation { identifiers: id.into_iter().collect(), ..belonging_to(node.text()?) })
    });
    let ids = node.all("nameIdentifier").filter_map(|id| identifier(id, "nameIdentifierScheme"));
    let agent = Agent {
        names: node.texts(name),
        family: node.texts("familyName"),
        given: node.texts("givenName"),
        kind: match kind {
            Some("Personal") => Some(AgentKind::Person),
            Some("Organizational") => Some(AgentKind::Organisation),
            _ => None,
        },
        roles: node.attribute_string("contributorType").into_iter().collect(),
        identifiers: ids.collect(),
        affiliations: affiliations.collect(),
        ..Agent::default()
    };
    (!agent.names.is_empty()).then_some(agent)
}

fn subject(node: Node<'_>) -> Option<Term> {
    Some(Term {
        text: node.text()?,
        scheme: node.attribute_string("subjectScheme"),
        uri: node.attribute_string("valueURI"),
    })
}

fn rights(node: Node<'_>) -> Option<Term> {
    let uri = node.attribute_string("rightsURI");
    let text = node.text().or_else(|| uri.clone().map(Text::new))?;
    Some(Term { text, scheme: node.attribute_string("rightsIdentifierScheme"), uri })
}

fn place(node: Node<'_>) -> Option<Place> {
    let place = Place {
        names: node.texts("geoLocationPlace"),
        point: point(node.first("geoLocationPoint")),
        bounds: bounds(node.first("geoLocationBox")),
    };
    (place != Place::default()).then_some(place)
}

fn is_host(item: &Node<'_>) -> bool {
    matches!(item.attribute("relationType"), Some("IsPublishedIn" | "IsPartOf"))
}

fn host(item: Node<'_>) -> Host {
    let ids = item.all("relatedItemIdentifier");
    Host {
        titles: listed(item, "titles", "title").into_iter().filter_map(Node::text).collect(),
        identifiers: ids.filter_map(|id| identifier(id, "relatedItemIdentifierType")).collect(),
        volume: item.string("volume"),
        issue: item.string("issue"),
        first_page: item.string("firstPage"),
        last_page: item.string("lastPage"),
        part: None,
    }
}

fn funding(node: Node<'_>) -> Funding {
    let id = node.all("funderIdentifier").filter_map(|id| identifier(id, "funderIdentifierType"));
    Funding {
        funder: Agent {
            names: node.texts("funderName"),
            kind: Some(AgentKind::Organisation),
            identifiers: id.collect(),
            ..Agent::default()
        },
        award_number: node.string("awardNumber"),
        award_titles: node.texts("awardTitle"),
    }
}
