//! What a client asks the simulated venue: one plain record for the three FIX order messages.
//!
//! Plain `Copy` data, no heap. The FIX acceptor decodes bytes into it; lockstep's in-memory session does the same.
//! It refuses nothing: every check is [`crate::venue::VenueCore`]'s.

use std::fmt;

use feeds::event::Side;

use crate::order::{OrderAction, TimeInForce};

/// Longest ClOrdID(11) that the venue takes, in bytes.
pub const CL_ORD_ID_BYTES_MAX: usize = 20;

/// A ClOrdID(11) as the client wrote it: up to [`CL_ORD_ID_BYTES_MAX`] bytes of any content. The bytes after its
/// length are zero, so that equal ids are equal values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClOrdIdText {
    bytes: [u8; CL_ORD_ID_BYTES_MAX],
    len: u8,
}

impl ClOrdIdText {
    /// No id: the length is zero. What `orig_cl_ord_id` of a new order holds.
    pub const NONE: Self = Self { bytes: [0; CL_ORD_ID_BYTES_MAX], len: 0 };

    /// The id of these bytes, or `None` where there are more than [`CL_ORD_ID_BYTES_MAX`] of them: an id is never
    /// shortened, since two long ids could then become one.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        let mut id = Self::NONE;
        id.bytes.get_mut(..text.len())?.copy_from_slice(text);
        id.len = u8::try_from(text.len()).ok()?;
        Some(id)
    }

    /// The id of a number, in decimal without leading zeros: how the engine writes its own
    /// [`crate::order::ClOrdId`]. Every `u64` fits.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        let mut digits = [0_u8; CL_ORD_ID_BYTES_MAX];
        let mut at = CL_ORD_ID_BYTES_MAX;
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        Self::new(&digits[at..]).unwrap_or(Self::NONE)
    }

    /// The id's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        // The length is at most the array's: `new` is the only place that sets it.
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Whether it is no id at all.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.len == 0
    }

    /// All bytes and the length as three words, for hashing.
    pub(super) fn words(&self) -> [u64; 3] {
        let mut words = [0_u64; 3];
        for (word, bytes) in words.iter_mut().zip(self.bytes.chunks(8)) {
            for &byte in bytes.iter().rev() {
                *word = *word << 8 | u64::from(byte);
            }
        }
        words[2] |= u64::from(self.len) << 32;
        words
    }
}

impl Default for ClOrdIdText {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Debug for ClOrdIdText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// NewOrderSingle (D), OrderCancelReplaceRequest (G) or OrderCancelRequest (F), as plain values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderRequest {
    /// Which of the three messages.
    pub kind: OrderAction,
    /// The session that it came on; any number, given by the acceptor. ClOrdIDs are per session.
    pub session: u16,
    /// ClOrdID(11) of this message.
    pub cl_ord_id: ClOrdIdText,
    /// OrigClOrdID(41) of a replace or cancel; [`ClOrdIdText::NONE`] for a new order.
    pub orig_cl_ord_id: ClOrdIdText,
    /// Dense instrument number of Symbol(55), or [`feeds::event::INSTRUMENT_NONE`] where the acceptor does not know
    /// the symbol.
    pub instrument: u32,
    /// Side(54).
    pub side: Side,
    /// Price(44), 1e-9. Not read for a cancel.
    pub price: i64,
    /// OrderQty(38), the order's total including what has filled, in smallest increments. Not read for a cancel.
    pub quantity: u64,
    /// TimeInForce(59). Read for a new order only: a replace keeps that of its order.
    pub time_in_force: TimeInForce,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_its_bytes_and_refuses_more_than_fit() {
        let id = ClOrdIdText::new(b"A-1").unwrap();
        assert_eq!(id.as_bytes(), b"A-1");
        assert_eq!(format!("{id:?}"), "\"A-1\"");
        assert!(ClOrdIdText::new(&[b'x'; CL_ORD_ID_BYTES_MAX]).is_some());
        assert!(ClOrdIdText::new(&[b'x'; CL_ORD_ID_BYTES_MAX + 1]).is_none());
        assert!(ClOrdIdText::new(b"").unwrap().is_none());
        // A trailing zero byte is a different id, not the same one.
        assert_ne!(ClOrdIdText::new(b"A\0"), ClOrdIdText::new(b"A"));
    }

    #[test]
    fn numbers_become_decimal_text() {
        assert_eq!(ClOrdIdText::from_number(0).as_bytes(), b"0");
        assert_eq!(ClOrdIdText::from_number(2_012_062_100_000_007).as_bytes(), b"2012062100000007");
        assert_eq!(ClOrdIdText::from_number(u64::MAX).as_bytes(), u64::MAX.to_string().as_bytes());
    }
}
