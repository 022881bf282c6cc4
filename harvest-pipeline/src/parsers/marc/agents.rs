//! Who had a part in the work: fields 1XX and 7XX.

use super::bibliographic::left_out;
use super::punctuation::{ended, joined, text};
use super::record::MarcField;
use crate::parser::Issue;
use crate::parsers::bibliographic::{
    Affiliation, Agent, AgentKind, Bibliographic, Identifier, Relation,
};

pub(super) fn agent(tag: &str, field: &MarcField<'_>, work: &mut Bibliographic) -> Vec<Issue> {
    let Some(agent) = read(tag, field) else { return left_out(tag, "name") };
    // A name with a title is not somebody's part in this work but another work of theirs.
    if let Some(title) = field.get('t').filter(|_| tag.starts_with('7')) {
        let titles = vec![text(ended(title))];
        work.relations.push(Relation { titles, ..Relation::default() });
        return Vec::new();
    }
    let is_creator = tag.starts_with('1') || is_author(&agent);
    if is_creator { &mut work.creators } else { &mut work.contributors }.push(agent);
    Vec::new()
}

/// The name in the script of the original. There is one 1XX, so its name is known; with 7XX it is
/// not sure whose name it is, and it stands by itself.
pub(super) fn in_other_script(
    tag: &str,
    field: &MarcField<'_>,
    work: &mut Bibliographic,
) -> Vec<Issue> {
    let Some(mut agent) = read(tag, field) else { return left_out("880", "name") };
    let main = work.creators.first_mut().filter(|main| main.kind == agent.kind);
    match main.filter(|_| tag.starts_with('1')) {
        Some(main) => main.names.append(&mut agent.names),
        None if tag.starts_with('1') => work.creators.push(agent),
        None => work.contributors.push(agent),
    }
    Vec::new()
}

fn read(tag: &str, field: &MarcField<'_>) -> Option<Agent> {
    let (kind, name) = match &tag[1..] {
        "00" => (AgentKind::Person, joined(field, "abc")),
        "10" => (AgentKind::Organisation, joined(field, "ab")),
        _ => (AgentKind::Meeting, joined(field, "andc")),
    };
    if name.is_empty() {
        return None;
    }
    let mut agent = Agent::new(text(name));
    agent.kind = Some(kind);
    let term = if kind == AgentKind::Meeting { 'j' } else { 'e' };
    agent.roles.extend(field.all(term).chain(field.all('4')).map(|role| ended(role).to_owned()));
    agent.identifiers.extend(field.all('0').chain(field.all('1')).map(authority));
    agent.identifiers.extend(field.all('7').filter(|id| !id.is_empty()).map(authority));
    agent.affiliations.extend(
        field.all('u').map(|name| Affiliation { names: vec![text(name)], ..Default::default() }),
    );
    if let ('1', Some((family, given))) =
        (field.indicators()[0], field.get('a').and_then(|name| name.split_once(',')))
    {
        let (family, given) = (family.trim(), ended(given.trim()));
        if kind == AgentKind::Person && !family.is_empty() && !given.is_empty() {
            agent.family.push(text(family));
            agent.given.push(text(given));
        }
    }
    Some(agent)
}

/// `(orcid)0000-0001-…`, a URI, or the number of a national file.
fn authority(id: &str) -> Identifier {
    match id.strip_prefix('(').and_then(|id| id.split_once(')')) {
        Some((scheme, value)) => Identifier::new(scheme, value.trim()),
        None => Identifier::guessed(id),
    }
}

fn is_author(agent: &Agent) -> bool {
    agent.roles.iter().any(|role| matches!(&*role.to_lowercase(), "aut" | "author" | "autor"))
}
