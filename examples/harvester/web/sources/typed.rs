//! What was typed into a form, whether it makes sense or not.

/// What was typed, by field. A field can be there several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Typed(Vec<(String, String)>);

impl From<Vec<(String, String)>> for Typed {
    fn from(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }
}

impl Typed {
    /// A field without the space around it; empty if it is not there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// A field that may be left empty.
    pub(crate) fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|text| !text.is_empty())
    }

    /// Whether something is ticked.
    pub(crate) fn is_ticked(&self, name: &str) -> bool {
        !matches!(self.get(name), "" | "off" | "false")
    }

    /// Every value of a field.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.trim())
    }

    /// Fills in a field, as if it had been typed.
    pub(crate) fn put(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Fills in a field in the place of what was typed.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|(other, _)| other != name);
        self.put(name, value);
    }

    /// Ticks something, or not.
    pub(crate) fn tick(&mut self, name: &str, ticked: bool) {
        if ticked {
            self.put(name, "on");
        }
    }

    /// All fields, to be sent as they are.
    #[cfg(test)]
    pub(crate) fn into_fields(self) -> Vec<(String, String)> {
        self.0
    }
}
