//! Namespace bindings (Namespaces in XML 1.0).

use std::sync::Arc;

use super::token::is_same;

/// Namespace bindings that hold outside a piece of text, prefix and URI; the default namespace has
/// the empty prefix. URIs are as written, references unresolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings(Vec<(String, String)>);

impl Bindings {
    /// How many of them a [`RawXml`](super::RawXml) can tell apart.
    pub(super) const TRACKED: usize = 64;

    /// Adds a binding, or replaces that of the same prefix.
    pub fn bind(&mut self, prefix: &str, uri: &str) {
        match self.0.iter_mut().find(|(known, _)| known == prefix) {
            Some(binding) => uri.clone_into(&mut binding.1),
            None => self.0.push((prefix.to_owned(), uri.to_owned())),
        }
    }

    /// The namespace that a prefix stands for.
    #[must_use]
    pub fn uri(&self, prefix: &str) -> Option<&str> {
        self.iter().find(|(known, _)| is_same(known, prefix)).map(|(_, uri)| uri)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(prefix, uri)| (prefix.as_str(), uri.as_str()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The bindings in scope while a document is walked.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    inherited: &'a Bindings,
    declared: Vec<Declared<'a>>,
}

#[derive(Debug)]
struct Declared<'a> {
    depth: usize,
    prefix: &'a str,
    uri: &'a str,
}

impl<'a> Scope<'a> {
    pub(super) fn new(inherited: &'a Bindings) -> Self {
        Self { inherited, declared: Vec::new() }
    }

    pub(super) fn declare(&mut self, depth: usize, prefix: &'a str, uri: &'a str) {
        self.declared.push(Declared { depth, prefix, uri });
    }

    /// Forgets what was declared by elements at this depth and below.
    pub(super) fn leave(&mut self, depth: usize) {
        while self.declared.last().is_some_and(|declared| declared.depth >= depth) {
            self.declared.pop();
        }
    }

    /// The namespace that a prefix stands for; an empty URI takes the default namespace away.
    pub(super) fn resolve(&self, prefix: &str) -> Option<&'a str> {
        let uri = match self.declared.iter().rev().find(|declared| is_same(declared.prefix, prefix))
        {
            Some(declared) => declared.uri,
            None => self.inherited.uri(prefix)?,
        };
        (!uri.is_empty()).then_some(uri)
    }

    pub(super) fn len(&self) -> usize {
        self.inherited.len() + self.declared.len()
    }

    /// The bindings outside the element at this depth, where they are more than the inherited ones.
    pub(super) fn outer_of(&self, depth: usize) -> Option<Arc<Bindings>> {
        if self.declared.first().is_none_or(|declared| declared.depth >= depth) {
            return None;
        }
        let mut all = self.inherited.clone();
        for declared in self.declared.iter().take_while(|declared| declared.depth < depth) {
            all.bind(declared.prefix, declared.uri);
        }
        Some(Arc::new(all))
    }

    /// All bindings in scope, for a piece of text that is taken out of it.
    pub(super) fn snapshot(&self) -> Bindings {
        let mut all = self.inherited.clone();
        for declared in &self.declared {
            all.bind(declared.prefix, declared.uri);
        }
        all
    }
}
