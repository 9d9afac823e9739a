//! Which ClOrdIDs (11) the day has seen: an exact, open-addressed table over session and id bytes.
//!
//! Sized at construction, never grown, nothing is ever removed before the day ends: an id stays used. Two slots a
//! name keep probe chains short. Equality is on all bytes, so a duplicate is never missed and never invented.

use super::request::ClOrdIdText;

/// Number of an order of the day that means "this id names no order": a cancel's own id, or a refused request's.
pub(super) const NO_ORDER: u32 = 0;

/// Position of a name in the table; stable for the day.
pub(super) type NameIndex = u32;

/// Why a name was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameError {
    /// The session has used it before.
    Duplicate,
    /// The table holds as many names as it was built for.
    Full,
}

#[derive(Clone, Copy)]
struct Name {
    /// The order that it names, from 1, or [`NO_ORDER`].
    order: u32,
    session: u16,
    /// [`ClOrdIdText::NONE`] in an empty slot: the venue refuses the empty id before it gets here.
    id: ClOrdIdText,
}

pub(super) struct NameTable {
    slots: Vec<Name>,
    mask: usize,
    count: usize,
    count_max: usize,
}

impl NameTable {
    /// A table for `names_max` names a day.
    pub(super) fn new(names_max: usize) -> Self {
        let slots = (names_max * 2).next_power_of_two().max(2);
        assert!(
            u32::try_from(slots).is_ok(),
            "venue: {names_max} ClOrdIDs a day are more than 32-bit positions reach"
        );
        let empty = Name { order: NO_ORDER, session: 0, id: ClOrdIdText::NONE };
        Self { slots: vec![empty; slots], mask: slots - 1, count: 0, count_max: names_max }
    }

    /// Where the session's id is, or `None` if it has never used it.
    pub(super) fn find(&self, session: u16, id: &ClOrdIdText) -> Option<NameIndex> {
        let at = self.probe(session, id);
        (!self.slots[at].id.is_none()).then_some(at as u32)
    }

    /// Stores a new name for `order`. The id must not be empty.
    pub(super) fn insert(
        &mut self,
        session: u16,
        id: &ClOrdIdText,
        order: u32,
    ) -> Result<NameIndex, NameError> {
        debug_assert!(!id.is_none());
        let at = self.probe(session, id);
        if !self.slots[at].id.is_none() {
            return Err(NameError::Duplicate);
        }
        if self.count == self.count_max {
            return Err(NameError::Full);
        }
        self.count += 1;
        self.slots[at] = Name { order, session, id: *id };
        Ok(at as u32)
    }

    /// Every stored id with its session, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &ClOrdIdText)> {
        self.slots.iter().filter(|name| !name.id.is_none()).map(|name| (name.session, &name.id))
    }

    /// The order that a stored name is for, or [`NO_ORDER`].
    pub(super) fn order(&self, at: NameIndex) -> u32 {
        self.slots[at as usize].order
    }

    /// Gives a stored name to an order.
    pub(super) fn set_order(&mut self, at: NameIndex, order: u32) {
        self.slots[at as usize].order = order;
    }

    /// The slot that holds the name, or the empty one where it would go. At least half of the slots are empty.
    fn probe(&self, session: u16, id: &ClOrdIdText) -> usize {
        let mut at = hash(session, id) as usize & self.mask;
        loop {
            let name = &self.slots[at];
            if name.id.is_none() || (name.session == session && name.id == *id) {
                return at;
            }
            at = (at + 1) & self.mask;
        }
    }
}

/// Mixes all bytes of the id, its length and the session: two rounds of a folded 64 x 64 -> 128 bit multiplication.
fn hash(session: u16, id: &ClOrdIdText) -> u64 {
    let [low, high, tail] = id.words();
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ ((product >> 64) as u64)
    };
    let round = fold(low ^ 0xa076_1d64_78bd_642f, high ^ 0xe703_7ed1_a0b4_28db);
    fold(round ^ tail ^ (u64::from(session) << 40), 0x8ebc_6af0_9c88_c6e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> ClOrdIdText {
        ClOrdIdText::from_number(number)
    }

    #[test]
    fn names_are_exact_and_per_session() {
        let mut names = NameTable::new(1000);
        for number in 0..500 {
            assert!(names.insert(1, &id(number), number as u32 + 1).is_ok());
            assert!(names.insert(2, &id(number), NO_ORDER).is_ok());
        }
        for number in 0..500 {
            let at = names.find(1, &id(number)).unwrap();
            assert_eq!(names.order(at), number as u32 + 1);
            assert_eq!(names.insert(1, &id(number), 9), Err(NameError::Duplicate));
            assert_eq!(names.order(names.find(2, &id(number)).unwrap()), NO_ORDER);
        }
        assert_eq!(names.find(1, &id(500)), None);
        assert_eq!(names.find(3, &id(0)), None);
        assert_eq!(names.find(1, &ClOrdIdText::new(b"0\0").unwrap()), None, "length counts");
    }

    #[test]
    fn a_full_table_says_so_and_still_knows_duplicates() {
        let mut names = NameTable::new(3);
        for number in 0..3 {
            names.insert(1, &id(number), 1).unwrap();
        }
        assert_eq!(names.insert(1, &id(3), 1), Err(NameError::Full));
        assert_eq!(names.insert(1, &id(2), 1), Err(NameError::Duplicate));
    }
}
