//! A correct, small repository, which the scenarios spoil in one place each.

use std::collections::{HashMap, HashSet};

use super::http::SeenRequest;
use super::pages::{self, Item};
use super::reply::Reply;

/// What a scenario remembers between requests.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) seen: Vec<SeenRequest>,
    counts: HashMap<String, usize>,
    tokens: Vec<(String, Cursor)>,
    used: HashSet<String>,
}

/// Where a list goes on, and what it is a list of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cursor {
    pub(super) verb: String,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) set: String,
    pub(super) start: usize,
}

/// A repository; the fields are the places where it can be spoiled without touching its answers.
#[derive(Clone)]
pub(super) struct Repo {
    pub(super) items: Vec<Item>,
    pub(super) page_size: usize,
    pub(super) day_granularity: bool,
    /// The set names; a list of them has pages of a thousand.
    pub(super) sets: Vec<String>,
    /// A token may be asked for once.
    pub(super) single_use: bool,
    /// The text of the token for a list that goes on after so many records.
    pub(super) token_text: fn(usize) -> String,
    /// The element that carries a token.
    pub(super) token_element: fn(&Token<'_>) -> String,
    /// The element on the last page of a list that has several.
    pub(super) end_element: fn(&Token<'_>) -> String,
    /// What a resumed list remembers of its arguments.
    pub(super) remember: fn(Cursor) -> Cursor,
    /// Arguments of the base URL, not of the protocol.
    pub(super) base_arguments: &'static [&'static str],
}

pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    /// How many records came before this page.
    pub(super) cursor: usize,
    /// How many records the whole list has.
    pub(super) size: usize,
}

/// One page of a list, before it is written.
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    /// How many records came before it.
    pub(super) start: usize,
    /// The token element, or nothing.
    pub(super) token: String,
}

/// One request to one scenario.
pub(super) struct Exchange<'a> {
    pub(super) request: &'a SeenRequest,
    pub(super) state: &'a mut State,
    /// Of the server, and of its other port.
    pub(super) origins: [String; 2],
    pub(super) name: &'static str,
}

impl Default for Repo {
    fn default() -> Self {
        Self::of(pages::items(3, 1, |n| format!("AB {n}")))
    }
}

impl Repo {
    pub(super) fn of(items: Vec<Item>) -> Self {
        Self {
            items,
            page_size: 2,
            day_granularity: false,
            sets: ["a", "a:c", "b"].map(str::to_owned).into(),
            single_use: false,
            token_text: |start| format!("t{start}"),
            token_element: |token| pages::resumption_token(token.text),
            end_element: |_| String::new(),
            remember: |cursor| cursor,
            base_arguments: &[],
        }
    }

    /// Three records whose titles are this markup and a number.
    pub(super) fn titled(markup: &str) -> Self {
        Self::of(pages::items(3, 1, |n| format!("{markup} {n}")))
    }

    /// Three records; the second, on page one, has this after its header.
    pub(super) fn with_second(content: impl Into<String>) -> Self {
        let mut repo = Self::default();
        repo.items[1].content = content.into();
        repo
    }

    pub(super) fn granularity(&self) -> &'static str {
        if self.day_granularity { "YYYY-MM-DD" } else { "YYYY-MM-DDThh:mm:ssZ" }
    }
}

impl Exchange<'_> {
    pub(super) fn argument(&self, name: &str) -> &str {
        self.request.argument(name).unwrap_or_default()
    }

    pub(super) fn is(&self, verb: &str) -> bool {
        self.argument("verb") == verb
    }

    /// Whether this asks for records or headers.
    pub(super) fn lists(&self) -> bool {
        self.is("ListRecords") || self.is("ListIdentifiers")
    }

    /// Whether this asks for a further page of a list.
    pub(super) fn resumes(&self) -> bool {
        self.lists() && self.request.argument("resumptionToken").is_some()
    }

    /// How often this was asked before.
    pub(super) fn count(&mut self, what: &str) -> usize {
        let count = self.state.counts.entry(what.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    /// True the first time.
    pub(super) fn once(&mut self, what: &str) -> bool {
        self.count(what) == 0
    }

    /// The number in a token such as `e7`; 0 without a token.
    pub(super) fn token_number(&self) -> usize {
        self.argument("resumptionToken")
            .trim_start_matches(char::is_alphabetic)
            .parse()
            .unwrap_or(0)
    }

    /// Answers as an orderly repository does.
    pub(super) fn serve(&mut self, repo: &Repo) -> Reply {
        if let Err(problem) = self.check(repo) {
            return self.error("badArgument", &problem);
        }
        if !matches!(self.argument("metadataPrefix"), "" | "oai_dc") {
            return self.error("cannotDisseminateFormat", "oai_dc only");
        }
        match self.argument("verb") {
            "Identify" => {
                let granularity = repo.granularity();
                self.identify(&format!("<granularity>{granularity}</granularity>"))
            }
            "ListMetadataFormats" => self.reply(METADATA_FORMATS),
            "ListSets" => self.list_sets(repo),
            "ListRecords" | "ListIdentifiers" => match self.page(repo) {
                Ok(page) => self.write(&page),
                Err(reply) => reply,
            },
            "GetRecord" => {
                let wanted = self.argument("identifier");
                match repo.items.iter().find(|item| item.identifier == wanted) {
                    Some(item) => self.get_record(&item.record()),
                    None => self.error("idDoesNotExist", "no such record"),
                }
            }
            _ => self.error("badVerb", "no such verb"),
        }
    }

    /// Selects the page of a list that is asked for.
    pub(super) fn page(&mut self, repo: &Repo) -> Result<Page, Reply> {
        let cursor = match self.request.argument("resumptionToken") {
            Some(token) => self.redeem(token, repo.single_use)?,
            None => Cursor {
                verb: self.argument("verb").to_owned(),
                from: self.argument("from").to_owned(),
                until: self.argument("until").to_owned(),
                set: self.argument("set").to_owned(),
                start: 0,
            },
        };
        let matching: Vec<&Item> = repo.items.iter().filter(|item| cursor.selects(item)).collect();
        if matching.is_empty() {
            return Err(self.error("noRecordsMatch", "nothing there"));
        }
        let end = matching.len().min(cursor.start + repo.page_size);
        let items = matching[cursor.start.min(end)..end].iter().copied().cloned().collect();
        let start = cursor.start;
        let size = matching.len();
        let token = if end < size {
            let next = (repo.remember)(Cursor { start: end, ..cursor });
            let text = self.issue(next, (repo.token_text)(end), repo.single_use);
            (repo.token_element)(&Token { text: &text, cursor: start, size })
        } else if start > 0 {
            (repo.end_element)(&Token { text: "", cursor: start, size })
        } else {
            String::new()
        };
        Ok(Page { items, start, token })
    }

    /// Writes a page of records or headers, whichever is asked for.
    pub(super) fn write(&self, page: &Page) -> Reply {
        let one = if self.is("ListIdentifiers") { Item::header } else { Item::record };
        let items: Vec<String> = page.items.iter().map(one).collect();
        self.write_list(&items.join("\n    "), &page.token)
    }

    /// Writes a page from its parts.
    pub(super) fn write_list(&self, items: &str, token: &str) -> Reply {
        let verb = self.argument("verb");
        self.reply(&format!("  <{verb}>\n    {items}\n    {token}\n  </{verb}>"))
    }

    pub(super) fn get_record(&self, record: &str) -> Reply {
        self.reply(&format!("  <GetRecord>\n    {record}\n  </GetRecord>"))
    }

    /// `rest` is what comes after `deletedRecord`.
    pub(super) fn identify(&self, rest: &str) -> Reply {
        self.reply(&format!(
            "  <Identify>
    <repositoryName>Scenario {}</repositoryName>
    <baseURL>{}</baseURL>
    <protocolVersion>2.0</protocolVersion>
    <adminEmail>admin@example.org</adminEmail>
    <earliestDatestamp>2024-01-01{}</earliestDatestamp>
    <deletedRecord>persistent</deletedRecord>
    {rest}
  </Identify>",
            self.name,
            pages::escape(&self.base_url()),
            if rest.contains("hh:mm:ss") { "T00:00:00Z" } else { "" },
        ))
    }

    pub(super) fn error(&self, code: &str, message: &str) -> Reply {
        self.reply(&pages::error(code, message))
    }

    /// An envelope that repeats the request.
    pub(super) fn reply(&self, content: &str) -> Reply {
        // OAI-PMH 3.6: no attributes after badVerb or badArgument.
        let silent = content.contains("badVerb") || content.contains("badArgument");
        let attributes: String = (self.request.query.iter())
            .filter(|(key, _)| !silent && ARGUMENTS.contains(&key.as_str()))
            .map(|(key, value)| format!(r#" {key}="{}""#, pages::escape(value)))
            .collect();
        let url = pages::escape(&self.base_url());
        Reply::xml(pages::document(&format!("<request{attributes}>{url}</request>"), content))
    }

    fn base_url(&self) -> String {
        format!("{}/s/{}", self.origins[0], self.name)
    }

    fn list_sets(&mut self, repo: &Repo) -> Reply {
        let start = self.token_number();
        let end = repo.sets.len().min(start + 1000);
        let sets: Vec<String> = repo.sets[start.min(end)..end]
            .iter()
            .map(|set| format!("<set><setSpec>{set}</setSpec><setName>Set {set}</setName></set>"))
            .collect();
        let token = if end < repo.sets.len() { format!("s{end}") } else { String::new() };
        let paged = start > 0 || end < repo.sets.len();
        let token = if paged { pages::resumption_token(&token) } else { String::new() };
        self.write_list(&sets.join("\n    "), &token)
    }

    fn redeem(&mut self, token: &str, single_use: bool) -> Result<Cursor, Reply> {
        let known = self.state.tokens.iter().find(|(text, _)| text == token);
        let cursor = known.map(|(_, cursor)| cursor.clone());
        match cursor {
            Some(cursor)
                if cursor.verb == self.argument("verb")
                    && (!single_use || self.state.used.insert(token.to_owned())) =>
            {
                Ok(cursor)
            }
            _ => Err(self.error("badResumptionToken", "unknown, used or expired")),
        }
    }

    /// The token for this cursor: the one it already has, unless tokens are for single use.
    fn issue(&mut self, cursor: Cursor, mut text: String, single_use: bool) -> String {
        let tokens = &mut self.state.tokens;
        if !single_use && let Some((text, _)) = tokens.iter().find(|(_, other)| *other == cursor) {
            return text.clone();
        }
        if tokens.iter().any(|(other, _)| *other == text) {
            text += &format!("-{}", tokens.len());
        }
        tokens.push((text.clone(), cursor));
        text
    }

    /// The arguments that OAI-PMH allows with this verb.
    fn check(&self, repo: &Repo) -> Result<(), String> {
        let mut keys = HashSet::new();
        for (key, value) in &self.request.query {
            if repo.base_arguments.contains(&key.as_str()) {
                continue;
            }
            if !ARGUMENTS.contains(&key.as_str()) || !keys.insert(key.as_str()) {
                return Err(format!("unknown or repeated argument {}", pages::escape(key)));
            }
            if key == "from" || key == "until" {
                let day_only = value.len() == 10;
                if !(day_only || value.len() == 20 && !repo.day_granularity) {
                    return Err(format!("{key} does not have the granularity of Identify"));
                }
            }
        }
        if keys.contains("resumptionToken") && keys.len() > 2 {
            return Err("resumptionToken is exclusive".to_owned());
        }
        if (self.lists() || self.is("GetRecord"))
            && !keys.contains("resumptionToken")
            && !keys.contains("metadataPrefix")
        {
            return Err("metadataPrefix is missing".to_owned());
        }
        let (from, until) = (self.argument("from"), self.argument("until"));
        if !from.is_empty() && !until.is_empty() {
            if from.len() != until.len() {
                return Err("from and until differ in granularity".to_owned());
            }
            if from > until {
                return Err("from is later than until".to_owned());
            }
        }
        Ok(())
    }
}

impl Cursor {
    fn selects(&self, item: &Item) -> bool {
        // As text: "2024-01-02T…" sorts after "2024-01-02" and before "2024-01-02~".
        let stamp = item.datestamp.as_str();
        let until = match self.until.len() {
            0 => "~".to_owned(),
            10 => format!("{}~", self.until),
            _ => self.until.clone(),
        };
        let below = |set: &&str| **set == self.set || set.starts_with(&format!("{}:", self.set));
        stamp >= self.from.as_str()
            && stamp <= until.as_str()
            && (self.set.is_empty() || item.sets.iter().any(below))
    }
}

const ARGUMENTS: &[&str] =
    &["verb", "metadataPrefix", "from", "until", "set", "resumptionToken", "identifier"];

const METADATA_FORMATS: &str = "  <ListMetadataFormats>
    <metadataFormat>
      <metadataPrefix>oai_dc</metadataPrefix>
      <schema>http://www.openarchives.org/OAI/2.0/oai_dc.xsd</schema>
      <metadataNamespace>http://www.openarchives.org/OAI/2.0/oai_dc/</metadataNamespace>
    </metadataFormat>
  </ListMetadataFormats>";
