//! Hot order messages: Enter, Replace and Cancel Order written as whole SoupBinTCP packets by patching prepared bytes.
//!
//! Every field has a fixed place, so that a packet is one copy of a prepared one and a handful of stores. What does not
//! vary is our configuration of the account: displayed, principal, no intermarket sweep, the continuous market, the
//! account's default firm (no appendage). A sale is marked long: the engine does not know of borrowing.
//!
//! ClOrdID (14 characters, which the exchange does not check) holds the last fourteen digits of our sixteen: all but the
//! century. [`OrderEncoder`] allocates its symbol table at construction; encoding allocates nothing. The order-entry
//! thread owns it. It refuses what does not fit its fields exactly, and never rounds. It does not know risk: the caller
//! passes only approved orders.

use std::fmt;

use feeds::event::Side;
use feeds::symbol::Symbol;
use feeds::units::PRICE_SCALE;

use super::messages::{
    CancelOrder, EnterOrder, PRICE_MAX, PRICE_UNITS, QUANTITY_END, ReplaceOrder, side, time_in_force,
};
use crate::fix::number::digits8;
use crate::order::{CL_ORD_ID_COUNTER_MAX, ClOrdId, Order, OrderAction, TimeInForce};
use crate::pipeline::risk::RiskApproved;

/// Room that [`OrderEncoder::encode`] needs in its output, whatever the packet's length.
pub const PACKET_BYTES: usize = 64;

/// Bytes of a packet before the message: length and type.
const HEADER: usize = 3;

/// A price unit of OUCH, 1e-9.
const PRICE_UNIT_E9: i64 = PRICE_SCALE / PRICE_UNITS as i64;

/// ClOrdIDs that one date can have.
const IDS_A_DATE: u64 = CL_ORD_ID_COUNTER_MAX + 1;

/// Why an order cannot be written. The order is unchanged and nothing of the output counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncodeError {
    /// The output has fewer than [`PACKET_BYTES`] bytes.
    NoRoom,
    /// The instrument has no symbol in this session.
    Instrument,
    /// The message is no order: OUCH has no status request for one order.
    Action,
    /// The order has no side.
    Side,
    /// A ClOrdID is not one of the session's date, or its counter is 0.
    ClOrdId,
    /// The quantity is 0 or above 999,999.
    Quantity,
    /// The price is not above zero, above $199,999.99, or no multiple of 1e-4.
    Price,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoRoom => "less room in the send buffer than a packet needs",
            Self::Instrument => "the instrument has no symbol in this session",
            Self::Action => "OUCH has no status request",
            Self::Side => "the order has no side",
            Self::ClOrdId => "a ClOrdID is not one of the session's date",
            Self::Quantity => "the quantity is not 1 to 999999",
            Self::Price => "the price is not above 0, at most 199999.99 and a multiple of 0.0001",
        })
    }
}

impl std::error::Error for EncodeError {}

/// A symbol that OUCH cannot carry: longer than eight characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolTooLong(pub String);

impl fmt::Display for SymbolTooLong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "symbol {:?}: OUCH has room for 8 characters", self.0)
    }
}

impl std::error::Error for SymbolTooLong {}

/// The eight characters of each symbol.
///
/// # Errors
/// The first that is longer.
pub fn wire_symbols(symbols: &[Symbol]) -> Result<Box<[[u8; 8]]>, SymbolTooLong> {
    let wire = |symbol: &Symbol| {
        let fits = symbol.trimmed().len() <= 8;
        fits.then(|| symbol.wire8()).ok_or_else(|| SymbolTooLong(symbol.to_string()))
    };
    symbols.iter().map(wire).collect()
}

/// See the module.
#[derive(Clone, Debug)]
pub struct OrderEncoder {
    enter: [u8; PACKET_BYTES],
    replace: [u8; PACKET_BYTES],
    cancel: [u8; PACKET_BYTES],
    /// The ClOrdID of the session's date with counter 0.
    date_base: ClOrdId,
    symbols: Box<[[u8; 8]]>,
}

/// The packet of a message of `length` bytes that `write` puts behind its header.
fn prepared(length: usize, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> [u8; PACKET_BYTES] {
    let mut packet = [0; PACKET_BYTES];
    packet[..2].copy_from_slice(&(length as u16 + 1).to_be_bytes());
    packet[2] = b'U';
    let written = write(&mut packet[HEADER..]);
    assert_eq!(written, Some(length), "a packet has room for every order message");
    packet
}

impl OrderEncoder {
    /// An encoder for one session on `date` (`YYYYMMDD`); `symbols` in the order of the dense instrument numbers.
    #[must_use]
    pub fn new(date: u32, symbols: Box<[[u8; 8]]>) -> Self {
        let appendage = super::appendage::Appendage::NONE;
        let mut cl_ord_id = [b'0'; 14];
        let date_digits = (digits8(date % 100_000_000) + 0x3030_3030_3030_3030).to_le_bytes();
        cl_ord_id[..6].copy_from_slice(&date_digits[2..]);
        let enter = EnterOrder {
            user_ref_num: 0,
            side: 0,
            quantity: 0,
            symbol: [b' '; 8],
            price: 0,
            time_in_force: time_in_force::DAY,
            display: b'Y',
            capacity: b'P',
            sweep: b'N',
            cross_type: b'N',
            cl_ord_id,
        };
        let replace = ReplaceOrder {
            orig_user_ref_num: 0,
            user_ref_num: 0,
            quantity: 0,
            price: 0,
            time_in_force: time_in_force::DAY,
            display: b'Y',
            sweep: b'N',
            cl_ord_id,
        };
        let cancel = CancelOrder { user_ref_num: 0, quantity: 0 };
        Self {
            enter: prepared(EnterOrder::LENGTH, |out| enter.write(appendage, out)),
            replace: prepared(ReplaceOrder::LENGTH, |out| replace.write(appendage, out)),
            cancel: prepared(CancelOrder::LENGTH, |out| cancel.write(appendage, out)),
            date_base: u64::from(date) * IDS_A_DATE,
            symbols,
        }
    }

    /// The UserRefNum of a ClOrdID: its counter.
    ///
    /// # Errors
    /// [`EncodeError::ClOrdId`] for an id of another date, or none.
    #[inline]
    pub fn user_ref_num(&self, cl_ord_id: ClOrdId) -> Result<u32, EncodeError> {
        match cl_ord_id.wrapping_sub(self.date_base) {
            counter @ 1..=CL_ORD_ID_COUNTER_MAX => Ok(counter as u32),
            _ => Err(EncodeError::ClOrdId),
        }
    }

    /// Writes the packet of a risk-approved order to the front of `out` and says its length; `out` must have
    /// [`PACKET_BYTES`] bytes, all of which may be overwritten.
    ///
    /// # Errors
    /// What does not fit; see [`EncodeError`].
    #[inline]
    pub fn encode(&self, order: &RiskApproved<Order>, out: &mut [u8]) -> Result<usize, EncodeError> {
        let out: &mut [u8; PACKET_BYTES] = out.first_chunk_mut().ok_or(EncodeError::NoRoom)?;
        match order.action {
            OrderAction::New => self.enter(order, out),
            OrderAction::Replace => self.replace(order, out),
            OrderAction::Cancel => self.cancel(order, out),
            OrderAction::Status => Err(EncodeError::Action),
        }
    }

    #[inline]
    fn enter(&self, order: &Order, out: &mut [u8; PACKET_BYTES]) -> Result<usize, EncodeError> {
        const AT: usize = HEADER;
        let symbol = self.symbols.get(order.instrument as usize).ok_or(EncodeError::Instrument)?;
        let user_ref_num = self.user_ref_num(order.cl_ord_id)?;
        let side = match order.side {
            Side::Buy => side::BUY,
            Side::Sell if order.sells_short => side::SELL_SHORT,
            Side::Sell => side::SELL,
            Side::None => return Err(EncodeError::Side),
        };
        *out = self.enter;
        put(out, AT + 1, user_ref_num.to_be_bytes());
        put(out, AT + 5, [side]);
        put(out, AT + 6, quantity(order)?.to_be_bytes());
        put(out, AT + 10, *symbol);
        put(out, AT + 18, price(order)?.to_be_bytes());
        put(out, AT + 26, [time_in_force_char(order.time_in_force)]);
        put(out, AT + 37, counter_digits(user_ref_num));
        Ok(HEADER + EnterOrder::LENGTH)
    }

    #[inline]
    fn replace(&self, order: &Order, out: &mut [u8; PACKET_BYTES]) -> Result<usize, EncodeError> {
        const AT: usize = HEADER;
        let user_ref_num = self.user_ref_num(order.cl_ord_id)?;
        *out = self.replace;
        put(out, AT + 1, self.user_ref_num(order.orig_cl_ord_id)?.to_be_bytes());
        put(out, AT + 5, user_ref_num.to_be_bytes());
        put(out, AT + 9, quantity(order)?.to_be_bytes());
        put(out, AT + 13, price(order)?.to_be_bytes());
        put(out, AT + 21, [time_in_force_char(order.time_in_force)]);
        put(out, AT + 30, counter_digits(user_ref_num));
        Ok(HEADER + ReplaceOrder::LENGTH)
    }

    /// All of what is left: quantity 0.
    #[inline]
    fn cancel(&self, order: &Order, out: &mut [u8; PACKET_BYTES]) -> Result<usize, EncodeError> {
        *out = self.cancel;
        put(out, HEADER + 1, self.user_ref_num(order.orig_cl_ord_id)?.to_be_bytes());
        Ok(HEADER + CancelOrder::LENGTH)
    }
}

#[inline(always)]
fn put<const N: usize>(out: &mut [u8; PACKET_BYTES], at: usize, bytes: [u8; N]) {
    out[at..at + N].copy_from_slice(&bytes);
}

/// The counter as the last eight of the fourteen digits.
#[inline]
fn counter_digits(user_ref_num: u32) -> [u8; 8] {
    (digits8(user_ref_num) + 0x3030_3030_3030_3030).to_le_bytes()
}

#[inline]
fn quantity(order: &Order) -> Result<u32, EncodeError> {
    if order.quantity == 0 || order.quantity >= u64::from(QUANTITY_END) {
        return Err(EncodeError::Quantity);
    }
    Ok(order.quantity as u32)
}

#[inline]
fn price(order: &Order) -> Result<u64, EncodeError> {
    let units = order.price / PRICE_UNIT_E9;
    if order.price <= 0 || order.price % PRICE_UNIT_E9 != 0 || units as u64 > PRICE_MAX {
        return Err(EncodeError::Price);
    }
    Ok(units as u64)
}

/// The character of a time in force.
#[must_use]
pub const fn time_in_force_char(value: TimeInForce) -> u8 {
    match value {
        TimeInForce::Day => time_in_force::DAY,
        TimeInForce::ImmediateOrCancel => time_in_force::IMMEDIATE_OR_CANCEL,
    }
}

/// A price of OUCH, 1e-4, in 1e-9; `None` where that does not fit.
#[inline]
#[must_use]
pub fn price_e9(units: u64) -> Option<i64> {
    i64::try_from(units).ok()?.checked_mul(PRICE_UNIT_E9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ouch::messages::ClientMessage;
    use proptest::prelude::*;

    const DATE: u32 = 20_120_621;
    const BASE: u64 = DATE as u64 * IDS_A_DATE;

    fn encoder() -> OrderEncoder {
        OrderEncoder::new(DATE, Box::new([*b"GOOG    ", *b"ABCDEFGH"]))
    }

    fn order(action: OrderAction) -> Order {
        Order {
            decision: 1,
            time_ns: 2,
            cl_ord_id: BASE + 1234,
            orig_cl_ord_id: if action == OrderAction::New { 0 } else { BASE + 77 },
            price: 187_450_100_000,
            quantity: 200,
            instrument: 0,
            venue: 0,
            action,
            side: Side::Sell,
            time_in_force: TimeInForce::ImmediateOrCancel,
            strategy: 0,
            sells_short: false,
            reserved: [0; 5],
        }
    }

    fn encode(order: Order) -> Result<Vec<u8>, EncodeError> {
        let mut out = [0xa5; PACKET_BYTES];
        let length = encoder().encode(&RiskApproved::for_test(order), &mut out)?;
        Ok(out[..length].to_vec())
    }

    #[test]
    fn known_packets() {
        // Laid out by hand from the tables of fields.
        let enter = b"\0\x30UO\0\0\x04\xd2S\0\0\0\xc8GOOG    \0\0\0\0\0\x1c\x9aE3YPNN12062100001234\0\0";
        assert_eq!(encode(order(OrderAction::New)).unwrap(), enter);
        let replace = b"\0\x29UU\0\0\0\x4d\0\0\x04\xd2\0\0\0\xc8\0\0\0\0\0\x1c\x9aE3YN12062100001234\0\0";
        assert_eq!(encode(order(OrderAction::Replace)).unwrap(), replace);
        assert_eq!(encode(order(OrderAction::Cancel)).unwrap(), b"\0\x0aUX\0\0\0\x4d\0\0\0\0");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let new = order(OrderAction::New);
        for (bad, error) in [
            (Order { price: 187_450_150_000, ..new }, EncodeError::Price),
            (Order { price: 1, ..new }, EncodeError::Price),
            (Order { price: 0, ..new }, EncodeError::Price),
            (Order { price: -100_000, ..new }, EncodeError::Price),
            (Order { price: i64::MIN, ..new }, EncodeError::Price),
            (Order { price: i64::MAX, ..new }, EncodeError::Price),
            (Order { price: 199_999_990_100_000, ..new }, EncodeError::Price),
            (Order { quantity: 0, ..new }, EncodeError::Quantity),
            (Order { quantity: 1_000_000, ..new }, EncodeError::Quantity),
            (Order { quantity: 1 << 32, ..new }, EncodeError::Quantity),
            (Order { side: Side::None, ..new }, EncodeError::Side),
            (Order { instrument: 2, ..new }, EncodeError::Instrument),
            (Order { cl_ord_id: BASE, ..new }, EncodeError::ClOrdId),
            (Order { cl_ord_id: BASE + IDS_A_DATE, ..new }, EncodeError::ClOrdId),
            (Order { cl_ord_id: 7, ..new }, EncodeError::ClOrdId),
            (Order { orig_cl_ord_id: 0, ..order(OrderAction::Cancel) }, EncodeError::ClOrdId),
            (Order { orig_cl_ord_id: 0, ..order(OrderAction::Replace) }, EncodeError::ClOrdId),
            (order(OrderAction::Status), EncodeError::Action),
        ] {
            assert_eq!(encode(bad), Err(error), "{bad:?}");
        }
        assert!(encode(Order { price: 199_999_990_000_000, quantity: 999_999, ..new }).is_ok());
        let approved = RiskApproved::for_test(new);
        assert_eq!(encoder().encode(&approved, &mut [0; PACKET_BYTES - 1]), Err(EncodeError::NoRoom));
        assert!(wire_symbols(&[Symbol::new("ABCDEFGHI").unwrap()]).is_err());
    }

    proptest! {
        /// What is written reads back as what was asked, through the tables of fields.
        #[test]
        fn orders_come_back(
            counter in 1..=CL_ORD_ID_COUNTER_MAX, orig in 1..=CL_ORD_ID_COUNTER_MAX, units in 1..=PRICE_MAX,
            shares in 1..QUANTITY_END, action in 0..3usize, buy: bool, day: bool, instrument in 0..2u32,
        ) {
            let action = [OrderAction::New, OrderAction::Replace, OrderAction::Cancel][action];
            let order = Order {
                cl_ord_id: BASE + counter,
                orig_cl_ord_id: BASE + orig,
                price: units as i64 * 100_000,
                quantity: u64::from(shares),
                side: if buy { Side::Buy } else { Side::Sell },
                time_in_force: if day { TimeInForce::Day } else { TimeInForce::ImmediateOrCancel },
                instrument,
                ..order(action)
            };
            let packet = encode(order).unwrap();
            prop_assert_eq!(usize::from(u16::from_be_bytes([packet[0], packet[1]])), packet.len() - 2);
            prop_assert_eq!(packet[2], b'U');
            let (message, appendage) = ClientMessage::decode(&packet[3..]).unwrap();
            prop_assert!(appendage.bytes().is_empty());
            let text = format!("{:014}", (BASE + counter) % 100_000_000_000_000);
            let time_in_force = if day { b'0' } else { b'3' };
            match message {
                ClientMessage::EnterOrder(message) => {
                    prop_assert_eq!(action, OrderAction::New);
                    prop_assert_eq!(message, EnterOrder {
                        user_ref_num: counter as u32,
                        side: if buy { b'B' } else { b'S' },
                        quantity: shares,
                        symbol: [*b"GOOG    ", *b"ABCDEFGH"][instrument as usize],
                        price: units,
                        time_in_force,
                        display: b'Y',
                        capacity: b'P',
                        sweep: b'N',
                        cross_type: b'N',
                        cl_ord_id: text.as_bytes().try_into().unwrap(),
                    });
                }
                ClientMessage::ReplaceOrder(message) => {
                    prop_assert_eq!(action, OrderAction::Replace);
                    prop_assert_eq!(message, ReplaceOrder {
                        orig_user_ref_num: orig as u32,
                        user_ref_num: counter as u32,
                        quantity: shares,
                        price: units,
                        time_in_force,
                        display: b'Y',
                        sweep: b'N',
                        cl_ord_id: text.as_bytes().try_into().unwrap(),
                    });
                }
                ClientMessage::CancelOrder(message) => {
                    prop_assert_eq!(action, OrderAction::Cancel);
                    prop_assert_eq!(message, CancelOrder { user_ref_num: orig as u32, quantity: 0 });
                }
                other => prop_assert!(false, "{:?}", other),
            }
            prop_assert_eq!(price_e9(units), Some(order.price));
        }
    }
}
