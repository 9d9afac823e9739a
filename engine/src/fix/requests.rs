//! The venue's side of the order messages: NewOrderSingle (D), OrderCancelReplaceRequest (G) and OrderCancelRequest (F)
//! from any client to the venue's plain [`OrderRequest`].
//!
//! One pass over a verified frame, no allocation; the symbol is borrowed from the message. Runs on the thread that owns
//! the acceptor's session. It refuses what the simulated venue cannot honour (order types other than limit, times in
//! force other than day and immediate or cancel, sides other than buy and sell, ids longer than it can keep) and leaves
//! every check of the order itself to the venue.

use feeds::event::{INSTRUMENT_NONE, Side};
use feeds::units::PRICE_NONE;

use super::fault::{Fault, MessageError};
use super::frame::Frame;
use super::number::{parse_price, parse_quantity};
use super::timestamp::parse_timestamp;
use crate::order::{OrderAction, TimeInForce};
use crate::venue::{ClOrdIdText, OrderRequest};

/// A decoded request. The caller knows the instruments: it sets `request.instrument` from `symbol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodedRequest<'a> {
    /// The request, its instrument [`INSTRUMENT_NONE`]. A cancel's price is [`PRICE_NONE`] and its quantity 0,
    /// whatever it said.
    pub request: OrderRequest,
    /// Symbol(55).
    pub symbol: &'a [u8],
    /// TransactTime(60), UTC ns of the client's clock.
    pub transact_time_ns: u64,
}

/// One bit for each field that is read, for duplicates and for what is required.
mod bit {
    pub(super) const CL_ORD_ID: u32 = 1 << 0;
    pub(super) const ORDER_QTY: u32 = 1 << 1;
    pub(super) const ORD_TYPE: u32 = 1 << 2;
    pub(super) const ORIG_CL_ORD_ID: u32 = 1 << 3;
    pub(super) const PRICE: u32 = 1 << 4;
    pub(super) const SIDE: u32 = 1 << 5;
    pub(super) const SYMBOL: u32 = 1 << 6;
    pub(super) const TIME_IN_FORCE: u32 = 1 << 7;
    pub(super) const TRANSACT_TIME: u32 = 1 << 8;

    const ALWAYS: u32 = CL_ORD_ID | SIDE | SYMBOL | TRANSACT_TIME;
    pub(super) const NEW: u32 = ALWAYS | ORDER_QTY | ORD_TYPE | PRICE;
    pub(super) const REPLACE: u32 = NEW | ORIG_CL_ORD_ID;
    pub(super) const CANCEL: u32 = ALWAYS | ORIG_CL_ORD_ID;

    /// Tags, in the order in which a missing one is reported.
    pub(super) const TAGS: [(u32, u32); 8] = [
        (CL_ORD_ID, 11),
        (ORIG_CL_ORD_ID, 41),
        (SYMBOL, 55),
        (SIDE, 54),
        (ORD_TYPE, 40),
        (ORDER_QTY, 38),
        (PRICE, 44),
        (TRANSACT_TIME, 60),
    ];
}

/// Decodes a request that came on session `session` (any number, the acceptor's).
///
/// # Errors
/// The tag and what is wrong with it; [`Fault::UnsupportedMessageType`] for any other message type.
pub fn decode(frame: Frame<'_>, session: u16) -> Result<DecodedRequest<'_>, MessageError> {
    let (kind, required) = match frame.message_type_byte() {
        b'D' => (OrderAction::New, bit::NEW),
        b'G' => (OrderAction::Replace, bit::REPLACE),
        b'F' => (OrderAction::Cancel, bit::CANCEL),
        _ => return Err(MessageError::new(35, Fault::UnsupportedMessageType)),
    };
    let mut decoded = DecodedRequest {
        request: OrderRequest {
            kind,
            session,
            cl_ord_id: ClOrdIdText::NONE,
            orig_cl_ord_id: ClOrdIdText::NONE,
            instrument: INSTRUMENT_NONE,
            side: Side::None,
            price: PRICE_NONE,
            quantity: 0,
            time_in_force: TimeInForce::Day,
        },
        symbol: &[],
        transact_time_ns: 0,
    };
    let mut seen = 0;
    let mut fields = frame.fields();
    while let Some((tag, value)) = fields.next_field()? {
        let Some(bit) = read(&mut decoded, tag, value)? else { continue };
        if seen & bit != 0 {
            return Err(MessageError::new(tag, Fault::Duplicate));
        }
        seen |= bit;
    }
    if let Some(&(_, tag)) = bit::TAGS.iter().find(|&&(bit, _)| required & !seen & bit != 0) {
        return Err(MessageError::new(tag, Fault::Missing));
    }
    if kind == OrderAction::New {
        decoded.request.orig_cl_ord_id = ClOrdIdText::NONE;
    }
    if kind == OrderAction::Cancel {
        decoded.request.price = PRICE_NONE;
        decoded.request.quantity = 0;
    }
    Ok(decoded)
}

/// Reads one field; its bit, or `None` where it is of no interest.
#[inline]
fn read<'a>(
    decoded: &mut DecodedRequest<'a>,
    tag: u32,
    value: &'a [u8],
) -> Result<Option<u32>, MessageError> {
    let request = &mut decoded.request;
    let format = MessageError::new(tag, Fault::Format);
    let unsupported = MessageError::new(tag, Fault::Value);
    Ok(Some(match tag {
        11 => {
            request.cl_ord_id = ClOrdIdText::new(value).ok_or(unsupported)?;
            bit::CL_ORD_ID
        }
        38 => {
            request.quantity = parse_quantity(value).ok_or(format)?;
            bit::ORDER_QTY
        }
        40 => {
            if value != b"2" {
                return Err(unsupported);
            }
            bit::ORD_TYPE
        }
        41 => {
            request.orig_cl_ord_id = ClOrdIdText::new(value).ok_or(unsupported)?;
            bit::ORIG_CL_ORD_ID
        }
        44 => {
            request.price = parse_price(value).ok_or(format)?;
            bit::PRICE
        }
        54 => {
            request.side = match value {
                b"1" => Side::Buy,
                // 5: a short sale.
                b"2" | b"5" => Side::Sell,
                _ => return Err(unsupported),
            };
            bit::SIDE
        }
        55 => {
            decoded.symbol = value;
            bit::SYMBOL
        }
        59 => {
            request.time_in_force = match value {
                b"0" => TimeInForce::Day,
                b"3" => TimeInForce::ImmediateOrCancel,
                _ => return Err(unsupported),
            };
            bit::TIME_IN_FORCE
        }
        60 => {
            decoded.transact_time_ns = parse_timestamp(value).ok_or(format)?;
            bit::TRANSACT_TIME
        }
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::naive_decoder;

    const NEW: &str = "35=D|34=2|49=WARPTICK|52=20120621-13:30:00.123|56=VENUE|11=A-1|21=1|38=00000200|40=2|\
                       44=00000187.4500|54=1|55=GOOG|59=3|60=20120621-13:30:00.123|";

    #[test]
    fn a_known_order() {
        let bytes = naive_decoder::framed(NEW);
        let decoded = decode(Frame::parse(&bytes).unwrap(), 5).unwrap();
        let expected = OrderRequest {
            kind: OrderAction::New,
            session: 5,
            cl_ord_id: ClOrdIdText::new(b"A-1").unwrap(),
            orig_cl_ord_id: ClOrdIdText::NONE,
            instrument: INSTRUMENT_NONE,
            side: Side::Buy,
            price: 187_450_000_000,
            quantity: 200,
            time_in_force: TimeInForce::ImmediateOrCancel,
        };
        assert_eq!((decoded.request, decoded.symbol), (expected, &b"GOOG"[..]));
        assert_eq!(decoded.transact_time_ns, 1_340_285_400_123_000_000);
    }

    #[test]
    fn faults_name_the_tag() {
        for (from, to, tag, fault) in [
            ("11=A-1|", "", 11, Fault::Missing),
            ("11=A-1|", "11=123456789012345678901|", 11, Fault::Value),
            ("38=00000200|", "", 38, Fault::Missing),
            ("38=00000200|", "38=200.5|", 38, Fault::Format),
            ("40=2|", "40=1|", 40, Fault::Value),
            ("44=00000187.4500|", "", 44, Fault::Missing),
            ("44=00000187.4500|", "44=1e2|", 44, Fault::Format),
            ("54=1|", "54=7|", 54, Fault::Value),
            ("55=GOOG|", "", 55, Fault::Missing),
            ("55=GOOG|", "55=GOOG|55=GOOG|", 55, Fault::Duplicate),
            ("59=3|", "59=4|", 59, Fault::Value),
            ("60=20120621-13:30:00.123|", "60=20120631-13:30:00.123|", 60, Fault::Format),
            ("35=D|", "35=G|", 41, Fault::Missing),
            ("35=D|", "35=F|", 41, Fault::Missing),
            ("35=D|", "35=E|", 35, Fault::UnsupportedMessageType),
        ] {
            let bytes = naive_decoder::framed(&NEW.replacen(from, to, 1));
            let error = decode(Frame::parse(&bytes).unwrap(), 5).unwrap_err();
            assert_eq!(error, MessageError::new(tag, fault), "{from} {to}");
        }
        // Time in force is optional: day.
        let bytes = naive_decoder::framed(&NEW.replace("59=3|", ""));
        assert_eq!(decode(Frame::parse(&bytes).unwrap(), 5).unwrap().request.time_in_force, TimeInForce::Day);
    }
}
