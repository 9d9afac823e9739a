//! The answer to one request: changed items in ascending order of their keys, in a buffer that never grows.

use super::tables::WideTables;
use crate::abi::{ItemKey, WideItem};
use std::fmt::{Display, Formatter};

/// Items of one answer. Its capacity is the largest number of items that depend on one listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WideAnswer {
    items: Vec<WideItem>,
    capacity: usize,
}

/// An answer has no room for more items than can depend on a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerFull;

/// Why what a device answered cannot be the answer to a request. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdoptError {
    /// This item does not exist or does not depend on the listing.
    NotDependent(ItemKey),
    /// This item came twice.
    Repeated(ItemKey),
    /// This relation has quantities and no profit: no computation gives that.
    Impossible(ItemKey),
}

impl WideAnswer {
    /// An empty one with room for the longest answer: the only allocation.
    #[must_use]
    pub fn new(tables: &WideTables) -> Self {
        let capacity = tables.dependents_max();
        Self { items: Vec::with_capacity(capacity), capacity }
    }

    /// An empty one with room for all relations: the answer to [`super::WideState::sweep`].
    #[must_use]
    pub fn of_all_relations(tables: &WideTables) -> Self {
        let capacity = tables.relation_count() as usize;
        Self { items: Vec::with_capacity(capacity), capacity }
    }

    /// The items so far.
    #[must_use]
    pub fn items(&self) -> &[WideItem] {
        &self.items
    }

    /// Takes all items out.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// One more item, in any order: [`super::WideState::adopt`] sorts.
    ///
    /// # Errors
    /// When it is full; the answer stays as it is.
    pub fn push(&mut self, item: WideItem) -> Result<(), AnswerFull> {
        if self.items.len() == self.capacity {
            return Err(AnswerFull);
        }
        self.items.push(item);
        Ok(())
    }

    pub(super) fn sort(&mut self) {
        self.items.sort_unstable_by_key(|item| item.key);
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&WideItem) -> bool) {
        self.items.retain(keep);
    }
}

impl Display for AnswerFull {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("more items than depend on any listing")
    }
}

impl std::error::Error for AnswerFull {}

impl Display for AdoptError {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotDependent(key) => write!(f, "{key:?} does not depend on the listing"),
            Self::Repeated(key) => write!(f, "{key:?} came twice"),
            Self::Impossible(key) => write!(f, "{key:?} has quantities and no profit"),
        }
    }
}

impl std::error::Error for AdoptError {}
