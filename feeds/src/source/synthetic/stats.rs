//! What a session produced, counted from the generator's own state, so that decoders and books can be checked.

use crate::itch::messages::Message;

/// One venue's stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VenueStats {
    /// Messages by type, `A` first; every generated type is a capital letter.
    by_type: [u64; 26],
    /// Orders that rest at the end.
    pub live_orders: u64,
    /// Sum over all listings of `locate * (3 bid_px + 5 bid_qty + 7 ask_px + 11 ask_qty)`, wrapping, at the end:
    /// Price(4) units, all shares at the best price, 0 and 0 for an empty side.
    pub bbo_checksum: u64,
}

impl VenueStats {
    /// Messages of this type.
    #[must_use]
    pub fn count(&self, message_type: u8) -> u64 {
        self.by_type.get(usize::from(message_type.wrapping_sub(b'A'))).copied().unwrap_or(0)
    }

    /// All messages.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.by_type.iter().sum()
    }

    pub(super) fn record(&mut self, message: &Message) {
        if let Some(count) = self.by_type.get_mut(usize::from(message.message_type().wrapping_sub(b'A'))) {
            *count += 1;
        }
    }
}

/// Moments in which the books of two venues stood in some relation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// How many there were.
    pub count: u64,
    /// Length of all of them, ns.
    pub total_ns: u64,
    /// Length of the longest, ns.
    pub longest_ns: u64,
}

impl Moments {
    fn add(&mut self, length_ns: u64) {
        self.count += 1;
        self.total_ns += length_ns;
        self.longest_ns = self.longest_ns.max(length_ns);
    }
}

/// What a session produced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyntheticStats {
    /// NASDAQ, then BX.
    pub venues: [VenueStats; 2],
    /// One venue's best bid equals the other's best offer, both in continuous trading.
    pub locked: Moments,
    /// One venue's best bid is above the other's best offer, both in continuous trading.
    pub crossed: Moments,
}

/// How the books of a symbol's two venues stand to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Relation {
    /// Bids below offers, or one venue not trading.
    #[default]
    Normal,
    /// The best bid of all equals the best offer.
    Locked,
    /// It is above.
    Crossed,
}

/// The current relation of one symbol's books and when it began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    relation: Relation,
    since_ns: u64,
}

impl Watch {
    /// Notes the relation at `now_ns`; a moment that ends is counted.
    pub(super) fn update(&mut self, relation: Relation, now_ns: u64, stats: &mut SyntheticStats) {
        if relation == self.relation {
            return;
        }
        match self.relation {
            Relation::Normal => {}
            Relation::Locked => stats.locked.add(now_ns - self.since_ns),
            Relation::Crossed => stats.crossed.add(now_ns - self.since_ns),
        }
        *self = Self { relation, since_ns: now_ns };
    }
}
