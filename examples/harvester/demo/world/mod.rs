//! A world of records made from a seed: what libraries, universities and research stations in
//! England, Bohemia and Japan might publish.
//!
//! A [`Work`] of a seed and a number is always the same, whatever else there is, so any page of any
//! list can be made without the others. [`Holdings`] says which works a repository has, when they
//! were last changed, and which are gone; only what changes while the program runs is in memory.
//! [`dublin_core`], [`marc`], [`jpcoar`] and [`eml`] write a work down.

pub(crate) mod dublin_core;
pub(crate) mod eml;
mod flaw;
mod holdings;
pub(crate) mod jpcoar;
pub(crate) mod marc;
#[cfg(test)]
mod tests;
mod words;
mod work;
mod xml;

pub(crate) use self::flaw::Flaw;
pub(crate) use self::holdings::{Held, Holdings, is_in};
pub(crate) use self::work::{Kind, Languages, Work};

/// SplitMix64: numbers that look random, the same ones for the same seed, stream and number.
#[derive(Debug)]
struct Rng(u64);

/// What numbers are drawn for. Each has a stream of its own, so that one can be told without the
/// others.
#[derive(Clone, Copy, Debug)]
enum Stream {
    Kind,
    Text,
    Flaw,
    Deletion,
    Step,
}

impl Rng {
    fn new(seed: u64, stream: Stream, number: u64) -> Self {
        let mut rng = Self(
            seed.wrapping_mul(0xD134_2543_DE82_EF95)
                ^ (stream as u64).wrapping_mul(0xA24B_AED4_963E_E407)
                ^ number.wrapping_mul(0xBF58_476D_1CE4_E5B9),
        );
        rng.next();
        rng
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which is not 0.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of them; there has to be one.
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}
