//! Which language somebody reads.

/// A language that the admin system speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    #[default]
    English,
    Japanese,
    Czech,
    Chinese,
}

impl Language {
    /// All of them, in the order they are offered.
    pub(crate) const ALL: [Self; 4] = [Self::English, Self::Japanese, Self::Czech, Self::Chinese];

    /// The language's tag, for `lang` and cookies.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Japanese => "ja",
            Self::Czech => "cs",
            Self::Chinese => "zh-Hant",
        }
    }

    /// What the language calls itself.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Japanese => "日本語",
            Self::Czech => "Čeština",
            Self::Chinese => "繁體中文",
        }
    }

    /// The language of a tag, as [`tag`](Self::tag) gives it.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The language that a browser asks for most, by its `Accept-Language`.
    pub(crate) fn accepted(header: &str) -> Option<Self> {
        let wishes = header.split(',').filter_map(|wish| {
            let (range, weight) = wish.split_once(';').unwrap_or((wish, "q=1"));
            let weight: f32 = weight.trim().strip_prefix("q=")?.trim().parse().ok()?;
            let primary = range.trim().split('-').next()?.to_ascii_lowercase();
            let of_primary = |language: &Self| language.tag().split('-').next() == Some(&*primary);
            Some((Self::ALL.into_iter().find(of_primary)?, weight))
        });
        // The first of those that weigh most.
        let mut best: Option<(Self, f32)> = None;
        for (language, weight) in wishes.filter(|(_, weight)| *weight > 0.0) {
            if best.is_none_or(|(_, most)| weight > most) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }

    /// What stands between groups of three digits.
    pub(super) fn thousands(self) -> &'static str {
        match self {
            Self::Czech => "\u{a0}",
            Self::English | Self::Japanese | Self::Chinese => ",",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_is_asked_for_most_is_taken() {
        for (header, language) in [
            ("ja", Some(Language::Japanese)),
            ("cs-CZ,cs;q=0.9,en;q=0.8", Some(Language::Czech)),
            ("de, en;q=0.3, zh-TW;q=0.7", Some(Language::Chinese)),
            ("EN-gb", Some(Language::English)),
            ("fr, de;q=0.5", None),
            ("ja;q=0", None),
            ("ja;q=x,,;;", None),
            ("", None),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }

    #[test]
    fn a_tag_names_its_language_and_no_other_text_does() {
        for language in Language::ALL {
            assert_eq!(Language::of_tag(language.tag()), Some(language));
        }
        assert_eq!(Language::of_tag("zh"), None);
    }
}
