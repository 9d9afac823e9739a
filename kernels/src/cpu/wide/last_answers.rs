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
    /// Numbers of the relations whose last answer has something to take, ascending; room for all.
    standing: Vec<u32>,
    /// Bid and offer: the rest of an option's values may change without an answer.
    quotes: Vec<[i64; 2]>,
}

impl LastAnswers {
    pub(super) fn new(tables: &WideTables) -> Self {
        Self {
            relations: vec![NO_HIT; tables.relation_count() as usize],
            standing: Vec::with_capacity(tables.relation_count() as usize),
            quotes: vec![quoted(&NO_QUOTE); tables.options().len()],
        }
    }

    /// Relations whose last answer has something to take, ascending.
    #[inline(always)]
    pub(super) fn standing(&self) -> &[u32] {
        &self.standing
    }

    /// Remembers the values, and puts the item into the answer if they are new or all are wanted.
    #[inline(always)]
    pub(super) fn relation(&mut self, index: u32, values: [i64; 5], full: bool, answer: &mut WideAnswer) {
        if self.replace_relation(index, values) || full {
            put(answer, ItemKind::Relation, index, values);
        }
    }

    #[inline(always)]
    fn replace_relation(&mut self, index: u32, values: [i64; 5]) -> bool {
        let last = &mut self.relations[index as usize];
        // Only a hit has a profit.
        let (stood, stands) = (last[4] != 0, values[4] != 0);
        let changed = replace(last, values);
        if stood != stands {
            self.stands(index, stands);
        }
        changed
    }

    #[cold]
    fn stands(&mut self, index: u32, stands: bool) {
        match (self.standing.binary_search(&index), stands) {
            (Err(place), true) => self.standing.insert(place, index),
            (Ok(place), false) => drop(self.standing.remove(place)),
            _ => debug_assert!(false, "the list says which relations stand"),
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
            ItemKind::Relation => self.replace_relation(item.key.index, item.values),
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
