//! OrderStatusRequest (H), both ends: what a client asks about an order whose state it does not know, and how the venue
//! reads it.
//!
//! Cold: it is sent after a lost session only. Written with the general codec, nothing is allocated. The answer is an
//! ExecutionReport with ExecType(150)=I in FIX 4.4, with ExecTransType(20)=3 in 4.2.

use feeds::event::Side;

use super::codec::{BuildError, Encoder, Header, Message};
use super::dictionary::Version;
use super::fault::{Fault, MessageError};
use super::fix44;
use super::frame::Frame;
use super::number::parse_unsigned;
use crate::order::{Order, OrderAction, TimeInForce};
use crate::venue::{ClOrdIdText, OrderRequest};

/// Writes the request, numbered by its decision (OrdStatusReqID, 790; FIX 4.2 has none), about `order` (its ClOrdID is the one that the venue knows) to the front of `out`.
///
/// # Errors
/// No room; an order without a side.
pub fn encode(
    order: &Order,
    symbol: &[u8],
    header: &Header<'_>,
    out: &mut [u8],
) -> Result<usize, BuildError> {
    let side = match order.side {
        Side::Sell if order.sells_short => b'5',
        Side::Buy => b'1',
        Side::Sell => b'2',
        Side::None => return Err(BuildError::Value { tag: 54 }),
    };
    let id = ClOrdIdText::from_number(order.cl_ord_id);
    let mut encoder = Encoder::start_message(out, header, b"H");
    encoder.set(fix44::CL_ORD_ID, id.as_bytes()).set(fix44::SIDE, side).set(fix44::SYMBOL, symbol);
    if header.ids.version() == Version::Fix44 {
        encoder.set(fix44::ORD_STATUS_REQ_ID, ClOrdIdText::from_number(order.decision).as_bytes());
    }
    encoder.done()
}

/// Reads a request that came on session `session`: the venue's request, its instrument still open and OrdStatusReqID(790)
/// in the place of OrigClOrdID, and Symbol(55).
///
/// # Errors
/// The tag and what is wrong with it.
pub fn decode(frame: Frame<'_>, session: u16) -> Result<(OrderRequest, &[u8]), MessageError> {
    let message = Message::of(frame)?;
    let id = message.require(fix44::CL_ORD_ID)?;
    let side = match message.require(fix44::SIDE)? {
        b'1' => Side::Buy,
        // 5: of a short sale.
        b'2' | b'5' => Side::Sell,
        _ => return Err(MessageError::new(54, Fault::Value)),
    };
    let symbol = message.require(fix44::SYMBOL)?;
    let request_id = message.get(fix44::ORD_STATUS_REQ_ID)?.unwrap_or(b"");
    let request = OrderRequest {
        kind: OrderAction::Status,
        session,
        cl_ord_id: ClOrdIdText::new(id).ok_or(MessageError::new(11, Fault::Value))?,
        orig_cl_ord_id: ClOrdIdText::new(request_id).ok_or(MessageError::new(790, Fault::Value))?,
        instrument: feeds::event::INSTRUMENT_NONE,
        side,
        price: feeds::units::PRICE_NONE,
        quantity: 0,
        time_in_force: TimeInForce::Day,
    };
    Ok((request, symbol))
}

/// OrdStatusReqID(790) of an answer; 0 where the venue does not give it back.
#[cold]
#[must_use]
pub fn request_of(frame: Frame<'_>) -> u64 {
    let request = Message::of(frame).ok().and_then(|message| message.raw(fix44::ORD_STATUS_REQ_ID.tag()));
    request.and_then(parse_unsigned).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::naive_decoder;

    #[test]
    fn the_venue_reads_what_the_client_asks() {
        let ids = super::super::identity::SessionIds::new("FIX.4.4", "WARPTICK", "VENUE").unwrap();
        let time_precision = super::super::timestamp::TimePrecision::Milliseconds;
        let header =
            Header { ids: &ids, sequence: 7, sending_time_ns: 1_340_285_400_000_000_000, time_precision };
        let order = Order {
            decision: 1,
            time_ns: 2,
            cl_ord_id: 2_012_062_100_000_007,
            orig_cl_ord_id: 0,
            price: 1,
            quantity: 1,
            instrument: 3,
            venue: 0,
            action: OrderAction::Status,
            side: Side::Sell,
            time_in_force: TimeInForce::Day,
            strategy: 0,
            sells_short: false,
            reserved: [0; 5],
        };
        let mut out = [0; 256];
        let length = encode(&order, b"GOOG", &header, &mut out).unwrap();
        let (request, symbol) = decode(Frame::parse(&out[..length]).unwrap(), 4).unwrap();
        assert_eq!((request.kind, request.session, request.side), (OrderAction::Status, 4, Side::Sell));
        assert_eq!((request.cl_ord_id.as_bytes(), symbol), (&b"2012062100000007"[..], &b"GOOG"[..]));
        assert_eq!(request.orig_cl_ord_id.as_bytes(), b"1");
        let short = Order { sells_short: true, ..order };
        let length = encode(&short, b"GOOG", &header, &mut out).unwrap();
        assert!(
            out[..length].windows(6).any(|field| field == b"\x0154=5\x01"),
            "a short sale is asked about as one"
        );
        assert_eq!(decode(Frame::parse(&out[..length]).unwrap(), 4).unwrap().0.side, Side::Sell);
        for (body, tag, fault) in [
            ("35=H|54=1|55=GOOG|", 11, Fault::Missing),
            ("35=H|11=a|55=GOOG|", 54, Fault::Missing),
            ("35=H|11=a|54=9|55=GOOG|", 54, Fault::Value),
            ("35=H|11=a|54=1|", 55, Fault::Missing),
            ("35=H|11=123456789012345678901|54=1|55=GOOG|", 11, Fault::Value),
        ] {
            let bytes = naive_decoder::framed(body);
            assert_eq!(
                decode(Frame::parse(&bytes).unwrap(), 4).unwrap_err(),
                MessageError::new(tag, fault),
                "{body}"
            );
        }
    }
}
