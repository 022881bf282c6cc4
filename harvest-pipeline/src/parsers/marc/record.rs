use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// A MARC 21 record: a leader and fields, in their order, as they were written.
///
/// All text is in one buffer, so a record costs three allocations however many fields it has. As
/// JSON it has the form known as MARC-in-JSON:
/// `{"leader":"…","fields":[{"001":"…"},{"245":{"ind1":"1","ind2":"0","subfields":[{"a":"…"}]}}]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarcRecord {
    text: String,
    leader: Span,
    fields: Vec<Field>,
    subfields: Vec<Subfield>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    tag: Span,
    /// A control field's.
    value: Option<Span>,
    indicators: [char; 2],
    /// A data field's: places in `subfields`.
    first: usize,
    end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Subfield {
    code: char,
    value: Span,
}

/// A field of a [`MarcRecord`]: a control field, which has a value, or a data field, which has
/// indicators and subfields.
#[derive(Clone, Copy, Debug)]
pub struct MarcField<'r> {
    record: &'r MarcRecord,
    field: Field,
}

impl MarcRecord {
    /// A record without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with room for what most have in them.
    pub(super) fn with_room() -> Self {
        Self {
            text: String::with_capacity(1024),
            leader: Span::default(),
            fields: Vec::with_capacity(32),
            subfields: Vec::with_capacity(64),
        }
    }

    /// The leader; empty where the record has none. It should have 24 characters.
    #[must_use]
    pub fn leader(&self) -> &str {
        self.at(self.leader)
    }

    /// Whether the leader marks the record as deleted (position 05 is `d`), which some repositories
    /// do instead of saying so in the header.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.leader().chars().nth(5) == Some('d')
    }

    /// The fields in their order.
    pub fn fields(&self) -> impl Iterator<Item = MarcField<'_>> {
        self.fields.iter().map(|field| MarcField { record: self, field: *field })
    }

    /// The first field with this tag.
    #[must_use]
    pub fn field(&self, tag: &str) -> Option<MarcField<'_>> {
        self.fields().find(|field| field.tag() == tag)
    }

    /// The values of a control field (`001`) or of one subfield (`245a`), in their order.
    pub fn values<'r>(&'r self, key: &'r str) -> impl Iterator<Item = &'r str> {
        let (tag, code) = key.split_at_checked(3).unwrap_or((key, ""));
        let code = code.chars().next();
        self.fields().filter(move |field| field.tag() == tag).flat_map(move |field| {
            let value = field.value().filter(|_| code.is_none());
            value.into_iter().chain(code.into_iter().flat_map(move |code| field.all(code)))
        })
    }

    /// Sets the leader.
    pub fn set_leader(&mut self, leader: &str) {
        self.leader = self.keep(leader);
    }

    /// Adds a control field.
    pub fn push_control(&mut self, tag: &str, value: &str) {
        let (tag, value) = (self.keep(tag), Some(self.keep(value)));
        let end = self.subfields.len();
        self.fields.push(Field { tag, value, indicators: [' '; 2], first: end, end });
    }

    /// Adds a data field without subfields.
    pub fn push_data(&mut self, tag: &str, indicators: [char; 2]) {
        let (tag, end) = (self.keep(tag), self.subfields.len());
        self.fields.push(Field { tag, value: None, indicators, first: end, end });
    }

    /// Adds a subfield to the field added last; without one, there is nothing to add it to.
    pub fn push_subfield(&mut self, code: char, value: &str) {
        let value = self.keep(value);
        if let Some(field) = self.fields.last_mut().filter(|field| field.value.is_none()) {
            self.subfields.push(Subfield { code, value });
            field.end = self.subfields.len();
        }
    }

    fn keep(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.push_str(text);
        Span { start, end: self.text.len() }
    }

    fn at(&self, span: Span) -> &str {
        &self.text[span.start..span.end]
    }
}

impl<'r> MarcField<'r> {
    /// The tag, such as `245`.
    #[must_use]
    pub fn tag(&self) -> &'r str {
        self.record.at(self.field.tag)
    }

    /// A control field's value.
    #[must_use]
    pub fn value(&self) -> Option<&'r str> {
        self.field.value.map(|value| self.record.at(value))
    }

    /// The two indicators; blank where the record has none.
    #[must_use]
    pub fn indicators(&self) -> [char; 2] {
        self.field.indicators
    }

    /// Codes and values of the subfields, in their order.
    pub fn subfields(&self) -> impl Iterator<Item = (char, &'r str)> + use<'r> {
        let record = self.record;
        record.subfields[self.field.first..self.field.end]
            .iter()
            .map(move |subfield| (subfield.code, record.at(subfield.value)))
    }

    /// The first subfield with this code.
    #[must_use]
    pub fn get(&self, code: char) -> Option<&'r str> {
        self.all(code).next()
    }

    /// All subfields with this code, in their order.
    pub fn all(&self, code: char) -> impl Iterator<Item = &'r str> + use<'r> {
        self.subfields().filter(move |(known, _)| *known == code).map(|(_, value)| value)
    }
}

impl Serialize for MarcRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Fields<'r>(&'r MarcRecord);
        impl Serialize for Fields<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.fields())
            }
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("leader", self.leader())?;
        map.serialize_entry("fields", &Fields(self))?;
        map.end()
    }
}

impl Serialize for MarcField<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Data<'r> {
            ind1: char,
            ind2: char,
            subfields: Subfields<'r>,
        }
        struct Subfields<'r>(MarcField<'r>);
        impl Serialize for Subfields<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut list = serializer.serialize_seq(None)?;
                for (code, value) in self.0.subfields() {
                    list.serialize_element(&std::collections::BTreeMap::from([(code, value)]))?;
                }
                list.end()
            }
        }
        let mut map = serializer.serialize_map(Some(1))?;
        match self.value() {
            Some(value) => map.serialize_entry(self.tag(), value)?,
            None => {
                let [ind1, ind2] = self.indicators();
                let data = Data { ind1, ind2, subfields: Subfields(*self) };
                map.serialize_entry(self.tag(), &data)?;
            }
        }
        map.end()
    }
}
