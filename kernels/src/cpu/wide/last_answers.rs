//! The last answer of every item: what decides whether an item has changed.

use super::answer::WideAnswer;
use super::tables::WideTables;
use crate::abi::{ItemKey, ItemKind, WideItem};
use crate::cpu::arbitrage::NO_HIT;
use crate::cpu::option_quote::NO_QUOTE;

/// One entry an item. At first there is nothing to take and nothing to quote.
#[derive(Debug)]
pub(super) struct LastAnswers {
    relations: Vec<[i64; 5]>,
    /// Bid and offer: the rest of an option's values may change without an answer.
    quotes: Vec<[i64; 2]>,
}

impl LastAnswers {
    pub(super) fn new(tables: &WideTables) -> Self {
        Self {
            relations: vec![NO_HIT; tables.relations().len()],
            quotes: vec![quoted(&NO_QUOTE); tables.options().len()],
        }
    }

    /// Remembers the values, and puts the item into the answer if they are new or all are wanted.
    #[inline(always)]
    pub(super) fn relation(&mut self, index: u32, values: [i64; 5], full: bool, answer: &mut WideAnswer) {
        if replace(&mut self.relations[index as usize], values) || full {
            put(answer, ItemKind::Relation, index, values);
        }
    }

    /// The same of a relation with nothing to take, which is what nearly all of them have nearly always.
    #[inline(always)]
    pub(super) fn no_hit(&mut self, index: u32, full: bool, answer: &mut WideAnswer) {
        // Only a hit has a profit.
        if self.relations[index as usize][4] != 0 || full {
            self.relation(index, NO_HIT, full, answer);
        }
    }

    /// The same of an option.
    #[inline(always)]
    pub(super) fn option(&mut self, index: usize, values: [i64; 5], full: bool, answer: &mut WideAnswer) {
        if replace(&mut self.quotes[index], quoted(&values)) || full {
            put(answer, ItemKind::Option, index as u32, values);
        }
    }

    /// Remembers the item's values; says whether they are new.
    pub(super) fn remember(&mut self, item: &WideItem) -> bool {
        let at = item.key.index as usize;
        match item.key.kind {
            ItemKind::Relation => replace(&mut self.relations[at], item.values),
            ItemKind::Option => replace(&mut self.quotes[at], quoted(&item.values)),
        }
    }
}

/// Writes the values down; says whether they differ from what was there. Without a branch a value: nearly every call
/// compares equal ones, and a library's comparison of memory cost more than the rest of a relation.
#[inline(always)]
fn replace<const N: usize>(last: &mut [i64; N], values: [i64; N]) -> bool {
    let differing = last.iter().zip(&values).fold(0, |bits, (last, value)| bits | (last ^ value));
    *last = values;
    differing != 0
}

#[inline(always)]
fn put(answer: &mut WideAnswer, kind: ItemKind, index: u32, values: [i64; 5]) {
    let room = answer.push(WideItem { key: ItemKey { kind, index }, values });
    debug_assert!(room.is_ok(), "an answer has room for all that depends on a listing");
}

const fn quoted(values: &[i64; 5]) -> [i64; 2] {
    [values[0], values[1]]
}
