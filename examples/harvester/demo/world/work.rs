//! What a record is about, in no format yet.

use chrono::{Days, NaiveDate};

use super::words::{CZECH, ENGLISH, JAPANESE, Language, Phrase, Station, Topic};
use super::{Rng, Stream};

/// A publication, or a set of data.
#[derive(Debug)]
pub(crate) struct Work {
    pub(super) seed: u64,
    pub(super) number: u64,
    /// From 1 on.
    pub(super) version: u32,
    pub(super) kind: Kind,
    pub(super) language: &'static Language,
    pub(super) topic: &'static Topic,
    pub(super) angle: &'static Phrase,
    pub(super) years: (u16, u16),
    pub(super) people: Vec<Person>,
    pub(super) publisher: &'static str,
    pub(super) issued: NaiveDate,
    pub(super) abstracts: Vec<&'static str>,
    pub(super) observation: &'static str,
    pub(super) station: &'static Station,
    pub(super) first_page: u16,
    pub(super) pages: u16,
    pub(super) has_full_text: bool,
}

/// What kind of thing a work is, which is also the set that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Article,
    Thesis,
    Book,
    Map,
    Dataset,
}

/// In which languages a repository has works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Languages {
    EnglishAndCzech,
    MostlyJapanese,
    All,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    pub(super) family: &'static Phrase,
    pub(super) given: &'static Phrase,
    /// Of their ORCID.
    pub(super) orcid: Option<u64>,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Article, Self::Thesis, Self::Book, Self::Map, Self::Dataset];

    /// That of a work, without the rest of it.
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        match Rng::new(seed, Stream::Kind, number).below(20) {
            0..9 => Self::Article,
            9..13 => Self::Thesis,
            13..16 => Self::Book,
            16..18 => Self::Map,
            _ => Self::Dataset,
        }
    }

    /// The set, below `texts` where it is a text.
    pub(crate) fn set(self) -> &'static str {
        match self {
            Self::Article => "texts:articles",
            Self::Thesis => "texts:theses",
            Self::Book => "texts:books",
            Self::Map => "maps",
            Self::Dataset => "data",
        }
    }

    /// The type as the COAR vocabulary has it, and its number there.
    pub(super) fn coar(self) -> (&'static str, &'static str) {
        match self {
            Self::Article => ("journal article", "c_6501"),
            Self::Thesis => ("doctoral thesis", "c_db06"),
            Self::Book => ("book", "c_2f33"),
            Self::Map => ("map", "c_12cd"),
            Self::Dataset => ("dataset", "c_ddb1"),
        }
    }
}

impl Languages {
    fn draw(self, rng: &mut Rng) -> &'static Language {
        match (self, rng.below(10)) {
            (Self::EnglishAndCzech, 0..5) | (Self::MostlyJapanese, 0) | (Self::All, 0..4) => {
                &ENGLISH
            }
            (Self::EnglishAndCzech, _) | (Self::MostlyJapanese, 1) | (Self::All, 4..7) => &CZECH,
            _ => &JAPANESE,
        }
    }
}

impl Work {
    /// The work of this number. Another version has another edition and a longer abstract.
    pub(crate) fn new(seed: u64, number: u64, version: u32, languages: Languages) -> Self {
        let mut rng = Rng::new(seed, Stream::Text, number);
        let language = languages.draw(&mut rng);
        let begin = 1600 + rng.below(380) as u16;
        let people = (0..1 + rng.below(3)).map(|_| Person {
            family: rng.pick(language.families),
            given: rng.pick(language.givens),
            orcid: (rng.below(3) == 0).then(|| rng.below(1_000_000_000)),
        });
        let people = people.collect();
        let issued = NaiveDate::default() + Days::new(7_300 + rng.below(12_700));
        let first = rng.below(language.sentences.len() as u64) as usize;
        let sentences = language.sentences.iter().cycle().skip(first);
        Self {
            seed,
            number,
            version,
            kind: Kind::of(seed, number),
            language,
            topic: rng.pick(language.topics),
            angle: rng.pick(language.angles),
            years: (begin, begin + 1 + rng.below(40) as u16),
            people,
            publisher: *rng.pick(language.publishers),
            issued,
            abstracts: sentences.take(2 + (version as usize).min(4)).copied().collect(),
            observation: *rng.pick(language.observations),
            station: rng.pick(language.stations),
            first_page: 1 + rng.below(400) as u16,
            pages: 4 + rng.below(40) as u16,
            has_full_text: !rng.one_in(4),
        }
    }

    /// In its own language.
    pub(super) fn title(&self) -> String {
        self.title_as(|phrase| phrase.text, self.language.colon)
    }

    /// How the title is read: in katakana, and in Latin letters.
    pub(super) fn readings(&self) -> Option<(String, String)> {
        (!self.topic.title.kana.is_empty()).then(|| {
            let kana = self.title_as(|phrase| phrase.kana, "：");
            (kana, self.title_as(|phrase| phrase.latin, ": "))
        })
    }

    fn title_as(&self, part: fn(&Phrase) -> &str, colon: &str) -> String {
        let (topic, angle, (begin, end)) = (&self.topic.title, self.angle, self.years);
        format!("{} {begin}–{end}{colon}{}", part(topic), part(angle))
    }

    /// What a later version says of itself.
    pub(super) fn edition(&self) -> Option<String> {
        (self.version > 1).then(|| self.language.edition.replace('#', &self.version.to_string()))
    }

    pub(super) fn description(&self) -> String {
        self.abstracts.join(self.language.space)
    }

    pub(super) fn doi(&self) -> String {
        format!("10.5555/demo.{}.{}", self.seed, self.number)
    }

    pub(super) fn handle(&self) -> String {
        format!("https://hdl.example.org/20.500/{:07}", self.number)
    }
}

impl Person {
    /// Family name first.
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.family.text, self.given.text)
    }
}
