//! One answer, judged against the schema and what was asked. No I/O.

use std::collections::HashSet;

use resync_core::xml::{Cursor, Element, Issue, IssueKind, Issues, Mode, ParseError, decode};
use url::Url;

use super::query::Query;
use super::schema::{Content, Form, Part, ROOT};
use super::{Report, Rule};
use crate::parse::{ListItem, Parser};
use crate::{
    Datestamp, ErrorCode, Identify, MetadataFormat, NAMESPACE, OaiError, Page, Record, Reply,
    Result,
};

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const SCHEMA: &str = "http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd";

/// An answer that is an OAI-PMH document.
#[derive(Debug)]
pub(super) struct Document {
    /// The request, as it may be shown.
    pub(super) url: Url,
    /// The errors it reports.
    pub(super) errors: Vec<OaiError>,
    /// The time by the server's clock.
    pub(super) response_date: Option<Datestamp>,
    /// What `request` says the base URL is.
    pub(super) base_url: String,
    body: Vec<u8>,
    charset: Option<String>,
}

/// What stands around the answer proper.
#[derive(Debug, Default)]
struct Envelope {
    response_date: Option<Datestamp>,
    base_url: String,
    arguments: Vec<(String, String)>,
    errors: Vec<OaiError>,
    /// The verbs' elements that are there.
    bodies: Vec<&'static str>,
}

impl Document {
    /// Judges a body; nothing, where it is something else than OAI-PMH.
    pub(super) fn read(
        body: Vec<u8>,
        charset: Option<String>,
        url: &Url,
        query: &Query,
        report: &mut Report,
    ) -> Option<Self> {
        let mut issues = Issues::default();
        let declaration = Declaration::read(&body);
        let text = match decode(body.clone(), charset.as_deref(), Mode::Tolerant, &mut issues) {
            Ok(text) => text,
            Err(error) => {
                report.add(Rule::XmlSyntax, url, error.to_string());
                return None;
            }
        };
        let mut walk = Walk { url, report, envelope: Envelope::default(), misnamed: false };
        let mut cursor = Cursor::new(&text);
        let is_oai = match walk.root(&mut cursor) {
            Ok(is_oai) => is_oai,
            Err(error) => {
                walk.report.add(Rule::XmlSyntax, url, error.to_string());
                text.contains("OAI-PMH")
            }
        };
        let envelope = walk.envelope;
        if !is_oai {
            let start: String = text.trim().chars().take(60).collect();
            report.add(Rule::NotOai, url, format!("the answer begins with {start:?}"));
            return None;
        }
        declaration.judge(url, report);
        issues.append(cursor.take_issues());
        tell(&issues, url, report);
        envelope.judge(url, query, report);
        let Envelope { errors, response_date, base_url, .. } = envelope;
        Some(Self { url: url.clone(), errors, response_date, base_url, body, charset })
    }

    pub(super) fn has(&self, code: &ErrorCode) -> bool {
        self.errors.iter().any(|error| error.code == *code)
    }

    /// The errors in few words: `badVerb and badArgument`, or that there are none.
    pub(super) fn told(&self) -> String {
        let codes: Vec<&str> = self.errors.iter().map(|error| error.code.name()).collect();
        if codes.is_empty() { "no error".to_owned() } else { codes.join(" and ") }
    }

    pub(super) fn identify(&self) -> Result<Reply<Identify>> {
        Parser::new().identify(self.body.clone(), self.charset.as_deref())
    }

    pub(super) fn formats(&self) -> Option<Vec<MetadataFormat>> {
        let reply = Parser::new().metadata_formats(self.body.clone(), self.charset.as_deref());
        reply.ok().map(|reply| reply.body)
    }

    pub(super) fn record(&self) -> Option<Record> {
        let reply = Parser::new().get_record(self.body.clone(), self.charset.as_deref());
        reply.ok().map(|reply| reply.body)
    }

    /// A page of a list; nothing where it is none.
    pub(super) fn page<T: ListItem>(&self) -> Option<Page<T>> {
        Parser::new().page(self.body.clone(), self.charset.as_deref()).ok()
    }
}

/// What the first bytes say of the encoding.
enum Declaration {
    Missing,
    Encoding(String),
}

impl Declaration {
    fn read(body: &[u8]) -> Self {
        let head = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let head = String::from_utf8_lossy(&head[..head.len().min(200)]).into_owned();
        let Some(declaration) =
            head.strip_prefix("<?xml").and_then(|it| it.split_once("?>")).map(|(it, _)| it)
        else {
            return Self::Missing;
        };
        let encoding = declaration
            .split_once("encoding")
            .and_then(|(_, rest)| rest.split(['"', '\'']).nth(1))
            .unwrap_or("UTF-8");
        Self::Encoding(encoding.to_owned())
    }

    fn judge(&self, url: &Url, report: &mut Report) {
        match self {
            Self::Missing => report.add(Rule::XmlDeclaration, url, "no XML declaration"),
            Self::Encoding(encoding) if !encoding.eq_ignore_ascii_case("utf-8") => {
                report.add(Rule::XmlEncoding, url, format!("it is in {encoding:?}"));
            }
            Self::Encoding(_) => {}
        }
    }
}

/// What had to be repaired is told once an answer and rule, with how often.
fn tell(issues: &Issues, url: &Url, report: &mut Report) {
    let mut told = HashSet::new();
    for issue in issues {
        let rule = rule_of(issue.kind);
        if told.insert(rule) {
            let same = issues.iter().filter(|it| rule_of(it.kind) == rule).count();
            let more = if same > 1 { format!(", and {} more", same - 1) } else { String::new() };
            report.add(rule, url, format!("{}{more}", place(issue)));
        }
    }
}

fn place(issue: &Issue) -> String {
    format!("{} at byte {}", issue.detail, issue.at)
}

fn rule_of(kind: IssueKind) -> Rule {
    match kind {
        IssueKind::InvalidBytes | IssueKind::WrongEncoding | IssueKind::Http => Rule::XmlEncoding,
        IssueKind::IllegalCharacter | IssueKind::IllegalReference => Rule::XmlCharacter,
        IssueKind::Doctype => Rule::XmlDoctype,
        IssueKind::PaddedValue => Rule::PaddedValue,
        IssueKind::StrayText | IssueKind::UnknownElement => Rule::SchemaUnknown,
        IssueKind::RepeatedElement => Rule::SchemaRepeated,
        IssueKind::WrongNamespace => Rule::Namespace,
        _ => Rule::XmlSyntax,
    }
}

/// The way through a document.
struct Walk<'a> {
    url: &'a Url,
    report: &'a mut Report,
    envelope: Envelope,
    /// Whether an element in the wrong namespace has been told of: once a document is enough.
    misnamed: bool,
}

impl Walk<'_> {
    fn add(&mut self, rule: Rule, detail: impl Into<String>) {
        self.report.add(rule, self.url, detail);
    }

    /// Walks all of it; whether it is OAI-PMH at all.
    fn root(&mut self, cursor: &mut Cursor<'_>) -> std::result::Result<bool, ParseError> {
        let Some(root) = cursor.next_child()? else { return Ok(false) };
        if root.local() != "OAI-PMH" {
            return Ok(false);
        }
        self.namespace(&root);
        self.schema_location(cursor, &root)?;
        self.parts(cursor, "OAI-PMH", ROOT)?;
        cursor.finish()?;
        Ok(true)
    }

    fn namespace(&mut self, element: &Element<'_>) {
        if element.is_in(NAMESPACE) || std::mem::replace(&mut self.misnamed, true) {
            return;
        }
        let namespace = element.namespace().map_or_else(
            || "no namespace".to_owned(),
            |namespace| format!("the namespace {namespace:?}"),
        );
        self.add(Rule::Namespace, format!("<{}> is in {namespace}", element.name()));
    }

    fn schema_location(
        &mut self,
        cursor: &mut Cursor<'_>,
        root: &Element<'_>,
    ) -> std::result::Result<(), ParseError> {
        let mut pairs = String::new();
        for (name, raw) in root.attributes() {
            if let Some((prefix, "schemaLocation")) = name.split_once(':')
                && cursor.namespace(prefix) == Some(XSI)
            {
                pairs = cursor.value(root, raw)?.into_owned();
            }
        }
        let words: Vec<&str> = pairs.split_ascii_whitespace().collect();
        let is_there = words.chunks(2).any(|pair| {
            // The schema is served over both.
            pair[0] == NAMESPACE
                && pair.get(1).is_some_and(|it| it.replace("https:", "http:") == SCHEMA)
        });
        if !is_there {
            self.add(Rule::SchemaLocation, format!("xsi:schemaLocation is {pairs:?}"));
        }
        Ok(())
    }

    /// The children of an element, which are to be these in this order.
    fn parts(
        &mut self,
        cursor: &mut Cursor<'_>,
        parent: &str,
        parts: &'static [Part],
    ) -> std::result::Result<(), ParseError> {
        let mut counts = vec![0_u32; parts.len()];
        let mut at = 0;
        while let Some(child) = cursor.next_child()? {
            let index = parts.iter().position(|part| part.name == child.local());
            let Some(index) = index else {
                let name = child.name();
                self.add(Rule::SchemaUnknown, format!("<{name}> in <{parent}>"));
                cursor.skip()?;
                continue;
            };
            self.namespace(&child);
            let part = &parts[index];
            if index < at {
                let detail = format!("<{}> stands behind <{}>", part.name, parts[at].name);
                self.add(Rule::SchemaOrder, detail);
            }
            at = at.max(index);
            counts[index] += 1;
            if counts[index] == 2 && !part.occurs.is_repeatable() {
                self.add(Rule::SchemaRepeated, format!("a second <{}> in <{parent}>", part.name));
            }
            self.part(cursor, &child, part)?;
        }
        for (part, count) in parts.iter().zip(counts) {
            if count == 0 && part.occurs.is_required() {
                self.add(Rule::SchemaMissing, format!("no <{}> in <{parent}>", part.name));
            }
        }
        Ok(())
    }

    fn part<'x>(
        &mut self,
        cursor: &mut Cursor<'x>,
        element: &Element<'x>,
        part: &'static Part,
    ) -> std::result::Result<(), ParseError> {
        let attributes = self.attributes(cursor, element, part)?;
        match part.content {
            Content::Parts(parts) => {
                if ROOT.iter().any(|own| std::ptr::eq(own, part)) {
                    self.envelope.bodies.push(part.name);
                }
                self.parts(cursor, part.name, parts)
            }
            Content::Value(form) => {
                let text = cursor.text()?;
                let value = text.trim_ascii().to_owned();
                if form != Form::Text && value.len() != text.len() {
                    self.add(Rule::PaddedValue, format!("{text:?} as <{}>", part.name));
                }
                if !form.fits(&value) {
                    let rule = Self::rule(form, part.name);
                    self.add(rule, format!("{value:?} as <{}>", part.name));
                }
                self.value(part.name, value, attributes);
                Ok(())
            }
            Content::Foreign => self.foreign(cursor, element, part.name),
        }
    }

    /// Judges the attributes of an element, and gives them.
    fn attributes(
        &mut self,
        cursor: &mut Cursor<'_>,
        element: &Element<'_>,
        part: &Part,
    ) -> std::result::Result<Vec<(String, String)>, ParseError> {
        let mut found = Vec::new();
        for (name, raw) in element.attributes() {
            if name == "xmlns" || name.contains(':') {
                continue;
            }
            let value = cursor.value(element, raw)?.into_owned();
            match part.attributes.iter().find(|(own, _)| *own == name) {
                None => {
                    let detail = format!("the attribute {name} on <{}>", part.name);
                    self.add(Rule::SchemaUnknown, detail);
                }
                Some((_, form)) if !form.fits(&value) => {
                    let detail = format!("{name}={value:?} on <{}>", part.name);
                    self.add(Rule::SchemaValue, detail);
                }
                Some(_) => {}
            }
            found.push((name.to_owned(), value));
        }
        Ok(found)
    }

    /// Which rule a value of the wrong form breaks.
    fn rule(form: Form, name: &str) -> Rule {
        match (form, name) {
            (_, "responseDate") => Rule::ResponseDate,
            (_, "identifier") => Rule::IdentifierUri,
            (Form::Datestamp, _) => Rule::DatestampGranularity,
            (Form::Earliest, _) => Rule::IdentifyEarliest,
            (Form::Version, _) => Rule::IdentifyVersion,
            (Form::Email, _) => Rule::IdentifyEmail,
            (Form::Deleted, _) => Rule::IdentifyDeleted,
            (Form::Granularity, _) => Rule::IdentifyGranularity,
            (Form::Prefix, _) => Rule::FormatsPrefix,
            (Form::SetSpec, _) => Rule::SetSpec,
            _ => Rule::SchemaValue,
        }
    }

    /// Keeps what belongs to the envelope.
    fn value(&mut self, name: &str, value: String, attributes: Vec<(String, String)>) {
        match name {
            "responseDate" => self.envelope.response_date = Datestamp::read(&value),
            "request" => {
                self.envelope.base_url = value;
                self.envelope.arguments = attributes;
            }
            "error" => {
                let code = attributes.iter().find(|(name, _)| name == "code");
                let code = code.map_or("", |(_, code)| code);
                if code.is_empty() {
                    self.add(Rule::SchemaMissing, "no code on <error>");
                }
                let error = OaiError { code: ErrorCode::read(code), message: value };
                self.envelope.errors.push(error);
            }
            _ => {}
        }
    }

    fn foreign<'x>(
        &mut self,
        cursor: &mut Cursor<'x>,
        outer: &Element<'x>,
        name: &str,
    ) -> std::result::Result<(), ParseError> {
        let Some(raw) = cursor.raw_content(outer)? else {
            self.add(Rule::SchemaMissing, format!("nothing in <{name}>"));
            return Ok(());
        };
        let xml = raw.standalone();
        let mut inner = Cursor::new(&xml).mode(Mode::Strict);
        match inner.next_child() {
            Ok(Some(root)) if root.is_in(NAMESPACE) && root.local() != name => {
                let detail =
                    format!("<{}> in <{name}> is in the protocol's namespace", root.name());
                self.add(Rule::Namespace, detail);
            }
            Ok(_) => {}
            Err(error) => self.add(Rule::XmlSyntax, format!("in <{name}>: {error}")),
        }
        if let Err(error) = inner.skip() {
            self.add(Rule::XmlSyntax, format!("in <{name}>: {error}"));
        }
        Ok(())
    }
}

impl Envelope {
    fn judge(&self, url: &Url, query: &Query, report: &mut Report) {
        match (self.errors.is_empty(), &self.bodies[..]) {
            (true, []) => report.add(Rule::SchemaMissing, url, "neither an <error> nor an answer"),
            (true, [body]) if *body != query.verb() => {
                report.add(Rule::SchemaUnknown, url, format!("the answer is to {body}"));
            }
            (true, [_]) | (false, []) => {}
            _ => report.add(Rule::SchemaRepeated, url, "an answer beside another or an <error>"),
        }
        let is_explained =
            |error: &OaiError| !error.message.is_empty() || error.code == ErrorCode::NoSetHierarchy;
        if !self.errors.iter().all(is_explained) {
            report.add(Rule::ErrorText, url, "an <error> without text");
        }
        self.judge_arguments(url, query, report);
    }

    /// Whether `request` repeats the arguments.
    fn judge_arguments(&self, url: &Url, query: &Query, report: &mut Report) {
        let is_refused = self
            .errors
            .iter()
            .any(|error| matches!(error.code, ErrorCode::BadVerb | ErrorCode::BadArgument));
        if is_refused {
            if !self.arguments.is_empty() {
                let names: Vec<&str> =
                    self.arguments.iter().map(|(name, _)| name.as_str()).collect();
                let detail = format!("{} with badVerb or badArgument", names.join(", "));
                report.add(Rule::RequestAttributes, url, detail);
            }
            return;
        }
        // What should have been refused is told of by its own rule.
        if !query.is_lawful() {
            return;
        }
        let (mut said, mut asked) = (self.arguments.clone(), query.pairs().to_vec());
        said.sort();
        asked.sort();
        if said != asked {
            let missing = asked.iter().find(|pair| !said.contains(pair));
            let detail = match (missing, said.iter().find(|pair| !asked.contains(pair))) {
                (Some((name, value)), _) => format!("{name}={value:?} is not repeated"),
                (None, Some((name, value))) => format!("{name}={value:?} was not asked for"),
                (None, None) => "an argument is repeated once only".to_owned(),
            };
            report.add(Rule::RequestAttributes, url, detail);
        }
    }
}
