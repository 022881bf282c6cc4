//! A repository that is as good as it is told to be.

use std::fmt::Write;
use std::time::Duration;

use super::{Reply, Request, Server};

/// The time by the server's clock, always.
pub(crate) const NOW: &str = "2024-06-01T12:00:00Z";
/// Record n has this day's datestamp, at n seconds past midnight.
pub(crate) const DAY: &str = "2024-01-31";

/// What is served: `records` records, `page` on a page; every tenth is deleted, every third in the
/// set `thirds`.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    pub(crate) records: usize,
    pub(crate) page: usize,
    pub(crate) delay: Duration,
    /// A record whose metadata is no XML.
    pub(crate) broken: Option<usize>,
    /// A record with a character that XML forbids.
    pub(crate) dirty: Option<usize>,
    /// What `completeListSize` says, where that is not the truth.
    pub(crate) announced: Option<usize>,
    /// The list ends here, with neither record nor token behind it.
    pub(crate) cut: Option<usize>,
}

impl Repository {
    pub(crate) fn of(records: usize, page: usize) -> Self {
        let delay = Duration::ZERO;
        Self { records, page, delay, broken: None, dirty: None, announced: None, cut: None }
    }

    pub(crate) fn serve(self) -> Server {
        Server::start(move |request| self.answer(request))
    }

    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let verb = request.argument("verb");
        let content = match verb {
            "Identify" => IDENTIFY.to_owned(),
            "ListMetadataFormats" => FORMATS.to_owned(),
            "ListSets" => SETS.to_owned(),
            "GetRecord" => {
                let number = request.argument("identifier").strip_prefix("oai:x:");
                match number.and_then(|it| it.parse().ok()).filter(|n| *n < self.records) {
                    Some(n) => self.record(n, true),
                    None => return error("idDoesNotExist"),
                }
            }
            "ListRecords" | "ListIdentifiers" => {
                std::thread::sleep(self.delay);
                match self.list(request, verb == "ListRecords") {
                    Some(list) => list,
                    None if request.argument("metadataPrefix") == "marc21" => {
                        return error("cannotDisseminateFormat");
                    }
                    None => return error("noRecordsMatch"),
                }
            }
            _ => return error("badVerb"),
        };
        document(&format!("<{verb}>{content}</{verb}>"))
    }

    fn list(&self, request: &Request, is_full: bool) -> Option<String> {
        let token = request.argument("resumptionToken");
        let (set, from, begin) = match token.split_once('!') {
            Some((set, begin)) => (set, "", begin.parse().unwrap()),
            None => (request.argument("set"), request.argument("from"), 0),
        };
        if token.is_empty() && request.argument("metadataPrefix") != "oai_dc" {
            return None;
        }
        let is_in = |n: &usize| (set.is_empty() || n.is_multiple_of(3)) && *from <= *stamp(*n);
        let all: Vec<usize> = (0..self.records).filter(is_in).collect();
        let page = all.get(begin..all.len().min(begin + self.page))?;
        if page.is_empty() {
            return None;
        }
        let mut list: String = page.iter().map(|n| self.record(*n, is_full)).collect();
        let end = begin + page.len();
        let size = self.announced.unwrap_or(all.len());
        let attributes = format!("cursor='{begin}' completeListSize='{size}'");
        let _ = match end < all.len() {
            _ if self.cut.is_some_and(|cut| cut <= end) => Ok(()),
            true => write!(list, "<resumptionToken {attributes}>{set}!{end}</resumptionToken>"),
            false => write!(list, "<resumptionToken {attributes}/>"),
        };
        Some(list)
    }

    fn record(&self, n: usize, is_full: bool) -> String {
        let is_deleted = n % 10 == 9;
        let status = if is_deleted { " status='deleted'" } else { "" };
        let set = if n.is_multiple_of(3) { "<setSpec>thirds</setSpec>" } else { "" };
        let header = format!(
            "<header{status}><identifier>oai:x:{n}</identifier><datestamp>{}</datestamp>{set}\
             </header>",
            stamp(n)
        );
        if !is_full {
            return header;
        }
        let title = match n {
            _ if self.broken == Some(n) => "<title>".to_owned(),
            _ if self.dirty == Some(n) => format!("<dc:title>No\u{8}. {n}</dc:title>"),
            _ => format!("<dc:title>No. {n} \"žluťoučký\" &amp; 光</dc:title>"),
        };
        let metadata = match is_deleted {
            true => String::new(),
            false => format!(
                "<metadata><o:dc xmlns:o='http://www.openarchives.org/OAI/2.0/oai_dc/' \
                 xmlns:dc='http://purl.org/dc/elements/1.1/'>{title}</o:dc></metadata>"
            ),
        };
        format!("<record>{header}{metadata}</record>")
    }
}

fn stamp(n: usize) -> String {
    format!("{DAY}T{:02}:{:02}:{:02}Z", n / 3600, n / 60 % 60, n % 60)
}

fn document(content: &str) -> Reply {
    Reply::xml(format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n\
         <OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'>\
         <responseDate>{NOW}</responseDate><request>http://x.org/oai</request>{content}</OAI-PMH>"
    ))
}

fn error(code: &str) -> Reply {
    document(&format!("<error code='{code}'>so it is</error>"))
}

const IDENTIFY: &str = "<repositoryName>Tests</repositoryName><baseURL>http://x.org/oai</baseURL>\
    <protocolVersion>2.0</protocolVersion><adminEmail>a@x.org</adminEmail>\
    <earliestDatestamp>2024-01-01T00:00:00Z</earliestDatestamp>\
    <deletedRecord>persistent</deletedRecord><granularity>YYYY-MM-DDThh:mm:ssZ</granularity>";

const FORMATS: &str = "<metadataFormat><metadataPrefix>oai_dc</metadataPrefix>\
    <schema>http://www.openarchives.org/OAI/2.0/oai_dc.xsd</schema>\
    <metadataNamespace>http://www.openarchives.org/OAI/2.0/oai_dc/</metadataNamespace>\
    </metadataFormat>";

const SETS: &str = "<set><setSpec>thirds</setSpec><setName>Every third</setName></set>";
