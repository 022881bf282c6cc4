//! The parts of the admin system, as its navigation names them.

/// A part of the admin system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Section {
    Start,
    Sources,
    Runs,
    Records,
    FilterSets,
    Targets,
    Resync,
    Sites,
    Settings,
}

impl Section {
    /// All of them, in the order they are shown. Those are shown that the table of routes has.
    pub(crate) const ALL: [Self; 9] = [
        Self::Start,
        Self::Sources,
        Self::Runs,
        Self::Records,
        Self::FilterSets,
        Self::Targets,
        Self::Resync,
        Self::Sites,
        Self::Settings,
    ];

    /// The address of its first page.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Start => "/",
            Self::Sources => "/sources",
            Self::Runs => "/runs",
            Self::Records => "/records",
            Self::FilterSets => "/filter-sets",
            Self::Targets => "/targets",
            Self::Resync => "/resync",
            Self::Sites => "/sites",
            Self::Settings => "/settings",
        }
    }

    /// The key of its name.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Start => "section.start",
            Self::Sources => "section.sources",
            Self::Runs => "section.runs",
            Self::Records => "section.records",
            Self::FilterSets => "section.filter-sets",
            Self::Targets => "section.targets",
            Self::Resync => "section.resync",
            Self::Sites => "section.sites",
            Self::Settings => "section.settings",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;

    #[test]
    fn every_section_has_a_name() {
        for section in Section::ALL {
            assert!(Words::default().find(section.key()).is_some(), "{section:?}");
        }
    }
}
