//! Where the fields of the order messages lie, so that all of them are read the same way: no branch on the type.
//!
//! Which type comes next is known to no branch predictor: a dispatch on it costs a misprediction every second or third
//! message. The types `A`, `F`, `E`, `X`, `D` and `U` (99 % of a day) share their first 19 bytes, and the rest of their
//! fields differ only in place and presence. So a table says for each type where a field lies, and a mask blanks what
//! the type does not have. Every other type, and every body of a wrong length, is left to the caller.
//!
//! Constants only; no allocation, no state, any thread.

use super::messages::{TIMESTAMP_MASK, body_length};
use crate::event::{EventKind, Side};
use crate::units::{ITCH_PRICE4_UNIT, PRICE_NONE};

/// Where a type's fields lie in its body, and masks for those that it has.
#[repr(C, align(32))]
#[derive(Clone, Copy)]
struct OrderFields {
    second_mask: u64,
    /// [`PRICE_NONE`] when the type has no price, else zero.
    price_none: i64,
    price_mask: u32,
    quantity_mask: u32,
    /// Length of the body; zero for a type that is not in the table.
    length: u8,
    second_at: u8,
    price_at: u8,
    quantity_at: u8,
    side_at: u8,
    side_mask: u8,
    kind: EventKind,
}

/// The places of what all types have: stock locate, time stamp (with the tracking number before it), order reference.
const LOCATE_AT: usize = 1;
const TIME_AT: usize = 3;
const REFERENCE_AT: usize = 11;

const NOT_HERE: OrderFields = OrderFields {
    second_mask: 0,
    price_none: PRICE_NONE,
    price_mask: 0,
    quantity_mask: 0,
    length: 0,
    second_at: 0,
    price_at: 0,
    quantity_at: 0,
    side_at: 0,
    side_mask: 0,
    kind: EventKind::OrderDelete,
};

impl OrderFields {
    const fn of(message_type: u8, kind: EventKind) -> Self {
        let Some(length) = body_length(message_type) else { panic!("an ITCH type") };
        // The reference is the last of the common fields.
        const { assert!(LOCATE_AT + 2 <= TIME_AT && TIME_AT + 8 <= REFERENCE_AT) };
        assert!(REFERENCE_AT + 8 <= length && length < 256);
        #[expect(clippy::cast_possible_truncation, reason = "below 256, asserted")]
        let length = length as u8;
        Self { length, kind, ..NOT_HERE }
    }

    const fn with_quantity(self, at: u8) -> Self {
        assert!(at + 4 <= self.length);
        Self { quantity_at: at, quantity_mask: u32::MAX, ..self }
    }

    const fn with_price(self, at: u8) -> Self {
        assert!(at + 4 <= self.length);
        Self { price_at: at, price_mask: u32::MAX, price_none: 0, ..self }
    }

    const fn with_second(self, at: u8) -> Self {
        assert!(at + 8 <= self.length);
        Self { second_at: at, second_mask: u64::MAX, ..self }
    }

    const fn with_side(self, at: u8) -> Self {
        assert!(at < self.length);
        Self { side_at: at, side_mask: u8::MAX, ..self }
    }
}

/// By type character.
static FIELDS: [OrderFields; 256] = {
    let mut fields = [NOT_HERE; 256];
    let add = OrderFields::of(b'A', EventKind::OrderAdd).with_side(19).with_quantity(20).with_price(32);
    fields[b'A' as usize] = add;
    let add = OrderFields::of(b'F', EventKind::OrderAdd).with_side(19).with_quantity(20).with_price(32);
    fields[b'F' as usize] = add;
    fields[b'E' as usize] = OrderFields::of(b'E', EventKind::OrderExecute).with_quantity(19).with_second(23);
    fields[b'X' as usize] = OrderFields::of(b'X', EventKind::OrderReduce).with_quantity(19);
    fields[b'D' as usize] = OrderFields::of(b'D', EventKind::OrderDelete);
    fields[b'U' as usize] =
        OrderFields::of(b'U', EventKind::OrderReplace).with_second(19).with_quantity(27).with_price(31);
    fields
};

/// By side character; a character that the specification does not list gives no side.
static SIDES: [Side; 256] = {
    let mut sides = [Side::None; 256];
    sides[b'B' as usize] = Side::Buy;
    sides[b'S' as usize] = Side::Sell;
    sides
};

/// `N` bytes of `body` at `at`.
///
/// # Safety
/// `at + N` is at most the body's length.
#[inline(always)]
unsafe fn bytes_at<const N: usize>(body: &[u8], at: usize) -> [u8; N] {
    debug_assert!(at + N <= body.len());
    // SAFETY: inside `body`, which the caller vouches for; byte arrays need no alignment.
    unsafe { body.as_ptr().add(at).cast::<[u8; N]>().read_unaligned() }
}

/// What one order message says, before what its stream adds (calendar time, instrument, sequence).
pub(super) struct OrderMessage {
    pub(super) locate: u16,
    pub(super) timestamp_ns: u64,
    pub(super) order_id: u64,
    pub(super) second_id: u64,
    pub(super) price: i64,
    pub(super) quantity: u64,
    pub(super) kind: EventKind,
    pub(super) side: Side,
}

/// The order message in `body`; `None` for a type that is not in the table and for a wrong length.
#[inline(always)]
pub(super) fn read(body: &[u8]) -> Option<OrderMessage> {
    let fields = &FIELDS[usize::from(*body.first()?)];
    if body.len() != usize::from(fields.length) {
        return None;
    }
    // SAFETY: the body is as long as its type's entry says; the entry's constructors asserted at compile time that
    // each place and width, those of the common fields included, lies inside that length.
    unsafe {
        let price = u32::from_be_bytes(bytes_at(body, usize::from(fields.price_at))) & fields.price_mask;
        let quantity =
            u32::from_be_bytes(bytes_at(body, usize::from(fields.quantity_at))) & fields.quantity_mask;
        let [side] = bytes_at(body, usize::from(fields.side_at));
        Some(OrderMessage {
            locate: u16::from_be_bytes(bytes_at(body, LOCATE_AT)),
            timestamp_ns: u64::from_be_bytes(bytes_at(body, TIME_AT)) & TIMESTAMP_MASK,
            order_id: u64::from_be_bytes(bytes_at(body, REFERENCE_AT)),
            second_id: u64::from_be_bytes(bytes_at(body, usize::from(fields.second_at))) & fields.second_mask,
            price: (i64::from(price) * ITCH_PRICE4_UNIT) | fields.price_none,
            quantity: u64::from(quantity),
            kind: fields.kind,
            side: SIDES[usize::from(side & fields.side_mask)],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::itch::decode::decode;
    use crate::itch::messages::Message;

    /// Every type and every length, filled with bytes that make each field different: the table agrees with the
    /// decoder of all types, and takes nothing else.
    #[test]
    fn agrees_with_the_decoder_of_all_types() {
        let mut body = [0_u8; 80];
        for (at, byte) in body.iter_mut().enumerate() {
            *byte = u8::try_from(at * 37 % 251).unwrap() | 0x80;
        }
        let mut taken = 0;
        for message_type in 0..=u8::MAX {
            for length in 0..body.len() {
                for side in [b'B', b'S', b'x'] {
                    body[0] = message_type;
                    body[19] = side;
                    let found = read(&body[..length]);
                    let message = decode(&body[..length]);
                    let Some(found) = found else {
                        let in_table = b"AFEXDU".contains(&message_type);
                        assert!(!in_table || message.is_err(), "type {message_type}, length {length}");
                        continue;
                    };
                    taken += 1;
                    let message = message.expect("the table takes no wrong length");
                    let header = *message.header();
                    assert_eq!((found.locate, found.timestamp_ns), (header.locate, header.timestamp_ns));
                    let side = SIDES[usize::from(side)];
                    let price4 = |price: u32| i64::from(price) * ITCH_PRICE4_UNIT;
                    let (id, second, price, shares, side, kind) = match message {
                        Message::AddOrder(m) => {
                            (m.reference, 0, price4(m.price), m.shares, side, EventKind::OrderAdd)
                        }
                        Message::AddOrderMpid(m) => {
                            (m.reference, 0, price4(m.price), m.shares, side, EventKind::OrderAdd)
                        }
                        Message::OrderExecuted(m) => {
                            let kind = EventKind::OrderExecute;
                            (m.reference, m.match_number, PRICE_NONE, m.shares, Side::None, kind)
                        }
                        Message::OrderCancel(m) => {
                            (m.reference, 0, PRICE_NONE, m.shares, Side::None, EventKind::OrderReduce)
                        }
                        Message::OrderDelete(m) => {
                            (m.reference, 0, PRICE_NONE, 0, Side::None, EventKind::OrderDelete)
                        }
                        Message::OrderReplace(m) => {
                            let kind = EventKind::OrderReplace;
                            (m.reference, m.new_reference, price4(m.price), m.shares, Side::None, kind)
                        }
                        other => panic!("{other:?} is not in the table"),
                    };
                    let expected = (id, second, price, u64::from(shares), side, kind);
                    let read = (
                        found.order_id,
                        found.second_id,
                        found.price,
                        found.quantity,
                        found.side,
                        found.kind,
                    );
                    assert_eq!(read, expected);
                }
            }
        }
        assert_eq!(taken, 6 * 3, "one length of each type");
    }
}
