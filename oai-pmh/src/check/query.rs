use std::fmt::Write;

use url::Url;

use crate::Request;
use crate::request::{append, encode};

/// A request as it is sent: arguments, lawful or not, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(super) fn new(pairs: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { pairs: pairs.iter().map(own).collect() }
    }

    /// The same, with one more argument.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.pairs.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    pub(super) fn verb(&self) -> &str {
        self.pairs.iter().find(|(name, _)| name == "verb").map_or("", |(_, value)| value)
    }

    /// Whether all arguments are the protocol's, each there once.
    pub(super) fn is_lawful(&self) -> bool {
        const NAMES: [&str; 7] =
            ["verb", "identifier", "metadataPrefix", "from", "until", "set", "resumptionToken"];
        let is_once = |name| self.pairs.iter().filter(|(own, _)| own == name).count() == 1;
        self.pairs.iter().all(|(name, _)| NAMES.contains(&name.as_str()) && is_once(name))
    }

    /// The arguments as a query or form.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.pairs {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{name}=", if text.is_empty() { "" } else { "&" });
            encode(value, &mut text);
        }
        text
    }

    pub(super) fn url(&self, base: &Url) -> Url {
        append(base, &self.text())
    }
}

impl From<&Request> for Query {
    fn from(request: &Request) -> Self {
        let arguments = request.arguments();
        let arguments =
            arguments.iter().map(|(name, value)| ((*name).to_owned(), value.to_string()));
        let verb = ("verb".to_owned(), request.verb().name().to_owned());
        Self { pairs: std::iter::once(verb).chain(arguments).collect() }
    }
}
