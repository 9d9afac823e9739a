//! Which relations may have something to take: a sum of two to four integers a relation, many at a time.
//!
//! Each leg of each relation reads one **slot**, a number that is set when the touch of its listing changes, and the
//! relation adds its own constant. Where the sum is below zero there is certainly nothing to take; the few others go to
//! the exact evaluation. Cycles add bounds of logarithms (`bounds.rs`). Linear relations add amounts in 2^16 1e-9, times
//! small weights: what is bought rounded down, what is sold, the weights with it, and the payoff rounded up, so that the
//! sum is nowhere below the exact one. The answers are the same with and without.
//!
//! Widths: weights of a relation add up to 2^13 at most and amounts are at most 2^46, so that legs make up to 2^59; what is
//! not there is -2^60 a leg; constants are cut to 2^60, beyond which no legs can turn the sum.
//!
//! The relations of each listing stand in lists of their own, by number of legs, one array a leg: a list is read from
//! front to end. One more list holds all relations. Everything is allocated at construction. Longer baskets are not
//! screened.

use super::bounds::{NOTHING, bound};
use super::tables::{VECTOR, WideTables};
use crate::abi::{Leg, LinearLeg, LinearRelation, ListingTerms, Touch};
use crate::cpu::arbitrage::UNIT_E9;
use crate::cpu::pricing::{Isa, PerIsa};
use std::ops::Range;

/// Weights of a relation, added up.
const WEIGHTS_MAX: u64 = 1 << 13;

/// Amounts are counted in 2^16 1e-9.
const AMOUNT_SHIFT: u32 = 16;

/// Largest magnitude of a constant.
const CONSTANT_MAX: i128 = 1 << 60;

/// The slot of legs that are not there: always zero.
const NO_SLOT: i32 = 0;

/// A constant that rules out: of entries that fill a list up.
const NEVER: i64 = -1;

/// What a slot says of a side of its listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// What a cycle's amount is multiplied by, as a logarithm.
    Multiplies,
    /// What a unit costs or brings, so many times.
    Amounts(i64),
}

/// A slot of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SlotTerms {
    sells: bool,
    says: Says,
}

/// Relations of `N` legs, list after list.
#[derive(Debug)]
struct Group<const N: usize> {
    /// Where each list begins; multiples of [`VECTOR`].
    offsets: Vec<u32>,
    slots: [Vec<i32>; N],
    constants: Vec<i64>,
    relations: Vec<u32>,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Screen {
    isa: Isa,
    /// By slot.
    values: Vec<i64>,
    /// By slot, but of [`NO_SLOT`] that is nobody's.
    terms: Vec<SlotTerms>,
    /// Where the slots of each listing begin.
    of_listing: Vec<u32>,
    twos: Group<2>,
    threes: Group<3>,
    fours: Group<4>,
    /// Relations of more legs than four, list after list.
    long_offsets: Vec<u32>,
    long: Vec<u32>,
    /// Of the list that is looked at: 1 where the sum is not below zero.
    passed: Vec<u8>,
}

/// A relation as the screen sees it: its slots by listing and terms, and its constant.
struct Screened {
    legs: Vec<(u32, SlotTerms)>,
    constant: i64,
}

impl Screened {
    fn new(tables: &WideTables, relation: u32) -> Self {
        let number = relation as usize;
        if let Some(cycle) = tables.relations().get(number) {
            let legs = &cycle.legs[..cycle.legs_len as usize];
            let terms = |leg: &Leg| (leg.listing(), SlotTerms { sells: leg.sells(), says: Says::Multiplies });
            return Self { legs: legs.iter().map(terms).collect(), constant: 0 };
        }
        let linear = &tables.linears()[number - tables.relations().len()];
        let legs = tables.linear_legs(linear);
        let scale = scale_of(legs);
        let terms = |leg: &LinearLeg| {
            let sells = leg.leg.sells();
            let weight = if sells { leg.ratio_e9.div_ceil(scale) } else { leg.ratio_e9 / scale };
            (leg.leg.listing(), SlotTerms { sells, says: Says::Amounts(weight as i64) })
        };
        Self { legs: legs.iter().map(terms).collect(), constant: constant_of(linear, scale) }
    }
}

/// What ratios are divided by: exactly, where the weights that this gives are small enough.
fn scale_of(legs: &[LinearLeg]) -> u64 {
    let common = legs.iter().fold(0, |common, leg| super::common_divisor(leg.ratio_e9, common));
    let all: u128 = legs.iter().map(|leg| u128::from(leg.ratio_e9)).sum();
    if all / u128::from(common) <= u128::from(WEIGHTS_MAX) {
        return common;
    }
    // Rounding adds up to one a leg. At most 2^64 is divided, so that the quotient fits.
    let rounded = (WEIGHTS_MAX - legs.len() as u64).max(1);
    all.div_ceil(u128::from(rounded)) as u64
}

/// The payoff in the units of the sum, rounded up, less one: a hit's exact sum is above zero.
fn constant_of(linear: &LinearRelation, scale: u64) -> i64 {
    let unit = i128::from(scale) << AMOUNT_SHIFT;
    let payoff = i128::from(linear.payoff_e9) * i128::from(UNIT_E9);
    let up = -(-payoff).div_euclid(unit) - 1;
    up.clamp(-CONSTANT_MAX, CONSTANT_MAX) as i64
}

impl SlotTerms {
    #[inline]
    fn value(self, terms: &ListingTerms, touch: &Touch) -> i64 {
        let Touch { cost, cost_quantity, proceeds, proceeds_quantity } = *touch;
        let quantity = if self.sells { proceeds_quantity } else { cost_quantity };
        if quantity == 0 {
            return NOTHING;
        }
        match (self.says, self.sells) {
            (Says::Multiplies, false) => bound(terms.unit_e9, cost),
            (Says::Multiplies, true) => bound(proceeds, terms.unit_e9),
            (Says::Amounts(weight), false) => -weight * (cost >> AMOUNT_SHIFT) as i64,
            (Says::Amounts(weight), true) => weight * ((proceeds >> AMOUNT_SHIFT) + 1) as i64,
        }
    }
}

impl Screen {
    pub(super) fn new(isa: Isa, tables: &WideTables) -> Self {
        let all: Vec<Screened> =
            (0..tables.relation_count()).map(|relation| Screened::new(tables, relation)).collect();
        let listings = tables.listings().len();
        let mut by_listing = vec![Vec::new(); listings];
        for &(listing, terms) in all.iter().flat_map(|screened| &screened.legs) {
            let slots: &mut Vec<SlotTerms> = &mut by_listing[listing as usize];
            if !slots.contains(&terms) {
                slots.push(terms);
            }
        }
        let mut of_listing = vec![1];
        for slots in &by_listing {
            of_listing.push(of_listing.last().copied().unwrap_or(1) + slots.len() as u32);
        }
        let slot = |(listing, terms): (u32, SlotTerms)| {
            let place = by_listing[listing as usize].iter().position(|known| *known == terms);
            (of_listing[listing as usize] as usize + place.unwrap_or(0)) as i32
        };
        let mut screen = Self {
            isa,
            values: vec![0; of_listing[listings] as usize],
            terms: by_listing.concat(),
            of_listing: Vec::new(),
            twos: Group::new(),
            threes: Group::new(),
            fours: Group::new(),
            long_offsets: vec![0],
            long: Vec::new(),
            passed: Vec::new(),
        };
        let everything: Vec<u32> = (0..tables.relation_count()).collect();
        for list in 0..=listings {
            let relations = if list < listings { tables.relations_of(list as u32) } else { &everything };
            for &relation in relations {
                let Screened { legs, constant } = &all[relation as usize];
                let slots: Vec<i32> = legs.iter().map(|leg| slot(*leg)).collect();
                screen.add(relation, &slots, *constant);
            }
            screen.end_list();
        }
        screen.of_listing = of_listing;
        for (listing, terms) in (0..).zip(tables.listings()) {
            screen.set(listing, terms, &Touch::default());
        }
        screen
    }

    fn add(&mut self, relation: u32, slots: &[i32], constant: i64) {
        match *slots {
            [a] => self.twos.add(relation, [a, NO_SLOT], constant),
            [a, b] => self.twos.add(relation, [a, b], constant),
            [a, b, c] => self.threes.add(relation, [a, b, c], constant),
            [a, b, c, d] => self.fours.add(relation, [a, b, c, d], constant),
            _ => self.long.push(relation),
        }
    }

    fn end_list(&mut self) {
        let longest = self.twos.end_list().max(self.threes.end_list()).max(self.fours.end_list());
        self.long_offsets.push(self.long.len() as u32);
        if self.passed.len() < longest {
            self.passed.resize(longest, 0);
        }
        assert!(
            [&self.twos.slots[0], &self.threes.slots[0], &self.fours.slots[0]]
                .iter()
                .all(|s| s.len() < 1 << 31),
            "lists too long to number"
        );
    }

    /// The listing's touch is this now.
    #[inline]
    pub(super) fn set(&mut self, listing: usize, terms: &ListingTerms, touch: &Touch) {
        let slots = self.of_listing[listing] as usize..self.of_listing[listing + 1] as usize;
        for slot in slots {
            // The slot of nobody has no terms.
            self.values[slot] = self.terms[slot - 1].value(terms, touch);
        }
    }

    /// Gives every relation of a listing that may have something to take, in no order.
    #[inline]
    pub(super) fn candidates_of(&mut self, listing: u32, each: impl FnMut(u32)) {
        self.candidates(listing as usize, each);
    }

    /// The same of all relations.
    #[inline]
    pub(super) fn candidates_of_all(&mut self, each: impl FnMut(u32)) {
        self.candidates(self.of_listing.len() - 1, each);
    }

    #[inline]
    fn candidates(&mut self, list: usize, mut each: impl FnMut(u32)) {
        let Self { isa, values, twos, threes, fours, long_offsets, long, passed, .. } = self;
        twos.candidates(*isa, values, list, passed, &mut each);
        threes.candidates(*isa, values, list, passed, &mut each);
        fours.candidates(*isa, values, list, passed, &mut each);
        long[range(long_offsets, list)].iter().for_each(|&relation| each(relation));
    }
}

fn range(offsets: &[u32], list: usize) -> Range<usize> {
    offsets[list] as usize..offsets[list + 1] as usize
}

impl<const N: usize> Group<N> {
    fn new() -> Self {
        Self {
            offsets: vec![0],
            slots: std::array::from_fn(|_| Vec::new()),
            constants: Vec::new(),
            relations: Vec::new(),
        }
    }

    fn add(&mut self, relation: u32, slots: [i32; N], constant: i64) {
        self.slots.iter_mut().zip(slots).for_each(|(of_leg, slot)| of_leg.push(slot));
        self.constants.push(constant);
        self.relations.push(relation);
    }

    /// Fills the list up; how long it is.
    fn end_list(&mut self) -> usize {
        while !self.relations.len().is_multiple_of(VECTOR) {
            self.add(u32::MAX, [NO_SLOT; N], NEVER);
        }
        self.offsets.push(self.relations.len() as u32);
        range(&self.offsets, self.offsets.len() - 2).len()
    }

    #[inline(always)]
    fn candidates(
        &self,
        isa: Isa,
        values: &[i64],
        list: usize,
        passed: &mut [u8],
        each: &mut impl FnMut(u32),
    ) {
        let list = range(&self.offsets, list);
        let passed = &mut passed[..list.len()];
        let slots = self.slots.each_ref().map(|of_leg| &of_leg[list.clone()]);
        isa.run(Sums { values, slots, constants: &self.constants[list.clone()], passed: &mut *passed });
        let relations = &self.relations[list];
        for (word, relations) in passed.as_chunks::<VECTOR>().0.iter().zip(relations.chunks(VECTOR)) {
            if u64::from_le_bytes(*word) != 0 {
                let of_word = word.iter().zip(relations).filter(|(passed, _)| **passed != 0);
                of_word.for_each(|(_, relation)| each(*relation));
            }
        }
    }
}

/// The sums of a list.
struct Sums<'a, const N: usize> {
    values: &'a [i64],
    slots: [&'a [i32]; N],
    constants: &'a [i64],
    passed: &'a mut [u8],
}

impl<const N: usize> PerIsa for Sums<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { values, slots, constants, passed } = self;
        let slots = slots.map(|of_leg| &of_leg[..passed.len()]);
        for (at, (passed, constant)) in passed.iter_mut().zip(constants).enumerate() {
            let mut sum = *constant;
            for of_leg in &slots {
                // SAFETY: `at` is below the length of `passed`, to which `of_leg` was cut. Its entries are slots that
                // `Screen::new` numbered, all of them below the length of the values, which never changes.
                sum += unsafe { *values.get_unchecked(*of_leg.get_unchecked(at) as usize) };
            }
            *passed = u8::from(sum >= 0);
        }
    }
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
