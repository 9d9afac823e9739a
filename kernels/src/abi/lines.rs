//! The 64-byte lines of the two rings in pinned host memory.
//!
//! A line is four quads of 16 bytes, each `{tag, 12 bytes of payload}`: 16 bytes is what both sides store as one, so
//! that every quad says itself whether it is of this lap. The tag is the line's number, from 1, modulo 2^32; its slot is
//! the tag modulo the ring's size. A line is there when all four tags are the number that is waited for; no flag, index
//! or fence is needed beside it.

use feeds::event::Side;

/// 32-bit words of a line.
pub const LINE_WORDS: usize = 16;

/// Of these, words of payload.
pub const LINE_PAYLOAD_WORDS: usize = 12;

/// One line; see the module's page. Payload word `i` is `words[i / 3 * 4 + 1 + i % 3]`.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Four quads.
    pub words: [u32; LINE_WORDS],
}

const _: () = assert!(size_of::<Line>() == 64 && align_of::<Line>() == 64);

impl Line {
    /// A line with this number and payload.
    #[must_use]
    #[inline]
    pub const fn new(tag: u32, p: [u32; LINE_PAYLOAD_WORDS]) -> Self {
        Self {
            words: [
                tag, p[0], p[1], p[2], tag, p[3], p[4], p[5], tag, p[6], p[7], p[8], tag, p[9], p[10], p[11],
            ],
        }
    }

    /// Whether all four quads are of the line with this number.
    #[must_use]
    #[inline]
    pub const fn is(&self, tag: u32) -> bool {
        self.words[0] == tag && self.words[4] == tag && self.words[8] == tag && self.words[12] == tag
    }

    /// The payload, whatever the tags say.
    #[must_use]
    #[inline]
    pub const fn payload(&self) -> [u32; LINE_PAYLOAD_WORDS] {
        let w = &self.words;
        [w[1], w[2], w[3], w[5], w[6], w[7], w[9], w[10], w[11], w[13], w[14], w[15]]
    }
}

/// What a tick line says. Kinds 1 to 4 change the book of `listing`; which fields count is said at each.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TickKind {
    /// The level at `side`, `price` shows `quantity` now (0: gone). Books fed by levels only.
    Level = 1,
    /// A new order `order_id`: `side`, `price`, `quantity`. Books fed by orders only, as are the next three.
    OrderAdd = 2,
    /// `quantity` is taken off order `order_id`; what takes all of it or more deletes it.
    OrderReduce = 3,
    /// Order `order_id` is gone; `second_id` takes its side with `price` and `quantity`. Equal ids: the same order at
    /// other terms.
    OrderReplace = 4,
    /// All levels and orders of the book are gone.
    Clear = 5,
    /// The book counts in the scan from now on (`quantity` 1) or does not (0: not trading, or stale).
    Eligible = 6,
    /// Option number `listing` has the volatility whose bits are in `price` from now on.
    Volatility = 7,
    /// Nothing but what every line brings: credits, a request.
    Nothing = 8,
    /// The epoch ends after this line; `quantity` is an [`EpochEnd`].
    EpochEnd = 9,
}

impl TickKind {
    /// The kind of a code, or `None` for a code that has none.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Level,
            2 => Self::OrderAdd,
            3 => Self::OrderReduce,
            4 => Self::OrderReplace,
            5 => Self::Clear,
            6 => Self::Eligible,
            7 => Self::Volatility,
            8 => Self::Nothing,
            9 => Self::EpochEnd,
            _ => return None,
        })
    }
}

/// Why an epoch ends.
#[repr(u64)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EpochEnd {
    /// The next epoch starts at once: a time limit, or another configuration.
    Continue = 1,
    /// The kernel is not started again.
    Stop = 2,
}

/// Bits of [`TickLine::flags`].
pub mod tick_flags {
    /// After this line all wide work of `listing` is to be computed and answered.
    pub const REQUEST: u8 = 1;
    /// With [`REQUEST`]: the answer holds every item that depends on the listing, changed or not: somebody else has
    /// answered in between.
    pub const FULL: u8 = 2;
}

/// A tick line, host to device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickLine {
    /// Which book (or option), dense from 0.
    pub listing: u32,
    /// What it says.
    pub kind: TickKind,
    /// Side, where the kind has one.
    pub side: Side,
    /// Bits of [`tick_flags`].
    pub flags: u8,
    /// Signal lines that the host has taken out so far, modulo 2^32: the device's credit is the ring's size more.
    pub credits: u32,
    /// Price, 1e-9; zero where the kind has none.
    pub price: i64,
    /// Quantity, or what the kind says.
    pub quantity: u64,
    /// Order, where the kind has one.
    pub order_id: u64,
    /// New order of a replace.
    pub second_id: u64,
}

impl TickLine {
    /// A line that changes nothing.
    pub const NOTHING: Self = Self {
        listing: 0,
        kind: TickKind::Nothing,
        side: Side::None,
        flags: 0,
        credits: 0,
        price: 0,
        quantity: 0,
        order_id: 0,
        second_id: 0,
    };

    /// The line with this number.
    #[must_use]
    #[inline]
    pub const fn line(&self, tag: u32) -> Line {
        let packed = self.kind as u32 | (self.side as u32) << 8 | (self.flags as u32) << 16;
        let ([p0, p1], [q0, q1]) = (halves(self.price as u64), halves(self.quantity));
        let ([o0, o1], [s0, s1]) = (halves(self.order_id), halves(self.second_id));
        Line::new(tag, [self.listing, packed, self.credits, p0, p1, q0, q1, o0, o1, s0, s1, 0])
    }

    /// What a line says; `None` for a kind or side that does not exist.
    #[must_use]
    pub const fn of(line: &Line) -> Option<Self> {
        let p = line.payload();
        let Some(kind) = TickKind::from_code(p[1] as u8) else { return None };
        let side = match (p[1] >> 8) as u8 {
            0 => Side::None,
            1 => Side::Buy,
            2 => Side::Sell,
            _ => return None,
        };
        Some(Self {
            listing: p[0],
            kind,
            side,
            flags: (p[1] >> 16) as u8,
            credits: p[2],
            price: whole(p[3], p[4]) as i64,
            quantity: whole(p[5], p[6]),
            order_id: whole(p[7], p[8]),
            second_id: whole(p[9], p[10]),
        })
    }
}

/// What a signal line says.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignalKind {
    /// An item of kind [`super::ItemKind::Relation`]: `index`, `values`.
    Relation = 1,
    /// An item of kind [`super::ItemKind::Option`]: `index`, `values`.
    Option = 2,
    /// The answer is complete: `index` is the number of its items, `values[0]` the hash of the listing's book after the
    /// request's line, `values[1]` the listing.
    End = 3,
    /// The epoch has ended after `request`'s line: `values[0]` is the sum of all books' hashes.
    EpochEnd = 4,
    /// The replica cannot go on: `index` is the listing, `values[0]` a `BookFault` of `book.cuh`. Nothing follows.
    Broken = 5,
}

impl SignalKind {
    /// The kind of a code, or `None` for a code that has none.
    #[must_use]
    pub const fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            1 => Self::Relation,
            2 => Self::Option,
            3 => Self::End,
            4 => Self::EpochEnd,
            5 => Self::Broken,
            _ => return None,
        })
    }
}

/// A signal line, device to host. Items of one answer come in any order; its end comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalLine {
    /// Tag of the tick line that it answers.
    pub request: u32,
    /// What it says.
    pub kind: SignalKind,
    /// Number of the item, or what the kind says; below 2^24.
    pub index: u32,
    /// What the kind says.
    pub values: [i64; 5],
}

const INDEX_BITS: u32 = 24;

impl SignalLine {
    /// The line with this number.
    #[must_use]
    pub const fn line(&self, tag: u32) -> Line {
        let v = &self.values;
        let ([a0, a1], [b0, b1]) = (halves(v[0] as u64), halves(v[1] as u64));
        let ([c0, c1], [d0, d1]) = (halves(v[2] as u64), halves(v[3] as u64));
        let [e0, e1] = halves(v[4] as u64);
        let what = self.index | (self.kind as u32) << INDEX_BITS;
        Line::new(tag, [self.request, what, a0, a1, b0, b1, c0, c1, d0, d1, e0, e1])
    }

    /// What a line says; `None` for a kind that does not exist.
    #[must_use]
    #[inline]
    pub const fn of(line: &Line) -> Option<Self> {
        let p = line.payload();
        let Some(kind) = SignalKind::from_code(p[1] >> INDEX_BITS) else { return None };
        let values = [
            whole(p[2], p[3]) as i64,
            whole(p[4], p[5]) as i64,
            whole(p[6], p[7]) as i64,
            whole(p[8], p[9]) as i64,
            whole(p[10], p[11]) as i64,
        ];
        Some(Self { request: p[0], kind, index: p[1] & ((1 << INDEX_BITS) - 1), values })
    }
}

const fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

const fn whole(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_there_only_with_all_four_tags() {
        let line = Line::new(7, [1; LINE_PAYLOAD_WORDS]);
        assert!(line.is(7) && !line.is(6));
        for quad in 0..4 {
            let mut torn = line;
            torn.words[quad * 4] = 6;
            assert!(!torn.is(7) && !torn.is(6), "quad {quad}");
        }
    }

    #[test]
    fn payload_words_stand_behind_their_tags() {
        let payload = std::array::from_fn(|i| i as u32 + 100);
        let line = Line::new(9, payload);
        for (i, word) in payload.iter().enumerate() {
            assert_eq!(line.words[i / 3 * 4 + 1 + i % 3], *word);
        }
        assert_eq!(line.payload(), payload);
    }

    proptest! {
        #[test]
        fn tick_lines_come_back(
            listing: u32, code in 1u8..10, side in 0u8..3, flags: u8, credits: u32,
            price: i64, quantity: u64, order_id: u64, second_id: u64, tag: u32,
        ) {
            let side = [Side::None, Side::Buy, Side::Sell][usize::from(side)];
            let kind = TickKind::from_code(code).expect("a kind");
            let tick =
                TickLine { listing, kind, side, flags, credits, price, quantity, order_id, second_id };
            prop_assert_eq!(TickLine::of(&tick.line(tag)), Some(tick));
            prop_assert!(tick.line(tag).is(tag));
        }

        #[test]
        fn signal_lines_come_back(
            request: u32, code in 1u32..6, index in 0u32..1 << INDEX_BITS, values: [i64; 5], tag: u32,
        ) {
            let kind = SignalKind::from_code(code).expect("a kind");
            let signal = SignalLine { request, kind, index, values };
            prop_assert_eq!(SignalLine::of(&signal.line(tag)), Some(signal));
        }

        #[test]
        fn no_line_panics(words: [u32; LINE_WORDS]) {
            let line = Line { words };
            let _ = (TickLine::of(&line), SignalLine::of(&line));
        }
    }
}
