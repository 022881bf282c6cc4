//! What was typed into a form, whether it makes sense or not.

/// What was typed, by field. A field can be there several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Typed(Vec<(String, String)>);

impl From<Vec<(String, String)>> for Typed {
    fn from(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }
}

impl Typed {
    /// A field without the space around it; empty if it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// A field that may be left empty.
    pub(super) fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|text| !text.is_empty())
    }

    /// Whether something is ticked.
    pub(super) fn is_ticked(&self, name: &str) -> bool {
        !matches!(self.get(name), "" | "off" | "false")
    }

    /// Every value of a field.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.trim())
    }

    /// Fills in a field, as if it had been typed.
    pub(super) fn put(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Ticks something, or not.
    pub(super) fn tick(&mut self, name: &str, ticked: bool) {
        if ticked {
            self.put(name, "on");
        }
    }

    /// All fields, to be sent as they are.
    #[cfg(test)]
    pub(super) fn into_fields(self) -> Vec<(String, String)> {
        self.0
    }
}
