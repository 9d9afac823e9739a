//! The venue's side of the answers: ExecutionReport (8) and OrderCancelReject (9) from the venue's plain
//! [`VenueReport`], written with the general codec.
//!
//! Allocates nothing; runs on the thread that owns the acceptor's session. It writes what a client of FIX 4.2 or 4.4 needs
//! and nothing that the report does not say.

use feeds::event::Side;
use feeds::units::PRICE_NONE;

use super::codec::{BuildError, Encoder, Header};
use super::field::{Char, Field, Text};
use super::fix44;
use super::frame::FRAME_MAX;
use super::templates::time_in_force_char;
use crate::order::{ExecutionKind, OrderAction, RejectReason};
use crate::venue::{OrderStatus, VenueReport};

/// Room in which every report fits: identities, symbol and ids have bounded lengths.
pub const REPORT_BYTES_MAX: usize = 512;

const _: () = assert!(REPORT_BYTES_MAX <= FRAME_MAX);

/// ExecTransType(20) of FIX 4.2: 0 new, 3 status. FIX 4.4 has it no more.
const EXEC_TRANS_TYPE: Field<Char> = Field::new(20, "ExecTransType");

/// ExecRefID(19): the fill that a bust or correction is about.
const EXEC_REF_ID: Field<Text> = Field::new(19, "ExecRefID");

/// Writes a report's message to the front of `out` and says its length; `symbol` is Symbol(55) of its instrument
/// (of the request, where the venue does not know it).
///
/// # Errors
/// No room; a value without FIX text: an empty id, a report without side, or a kind that no venue sends.
pub fn encode(
    report: &VenueReport,
    symbol: &[u8],
    header: &Header<'_>,
    out: &mut [u8],
) -> Result<usize, BuildError> {
    if report.kind == ExecutionKind::CancelRejected {
        return cancel_reject(report, header, out);
    }
    let has_trans_type = header.ids.begin_string() == "FIX.4.2";
    let is_fill =
        matches!(report.kind, ExecutionKind::PartialFill | ExecutionKind::Fill | ExecutionKind::TradeCorrect);
    let changes_fill = matches!(report.kind, ExecutionKind::TradeCancel | ExecutionKind::TradeCorrect);
    let exec_type = match report.kind {
        ExecutionKind::New => b'0',
        ExecutionKind::PartialFill if has_trans_type => b'1',
        ExecutionKind::Fill if has_trans_type => b'2',
        ExecutionKind::PartialFill | ExecutionKind::Fill => b'F',
        ExecutionKind::Canceled => b'4',
        ExecutionKind::Replaced => b'5',
        ExecutionKind::Rejected => b'8',
        ExecutionKind::Expired => b'C',
        kind if kind.is_status() && has_trans_type => status_char(report.status),
        ExecutionKind::StatusOpen | ExecutionKind::StatusDone | ExecutionKind::StatusUnknown => b'I',
        ExecutionKind::TradeCancel if !has_trans_type => b'H',
        ExecutionKind::TradeCorrect if !has_trans_type => b'G',
        ExecutionKind::CancelRejected
        | ExecutionKind::NotSent
        | ExecutionKind::InDoubt
        | ExecutionKind::TradeCancel
        | ExecutionKind::TradeCorrect => {
            return Err(BuildError::Value { tag: 150 });
        }
    };
    let side = match report.side {
        Side::Buy => b'1',
        Side::Sell => b'2',
        Side::None => return Err(BuildError::Value { tag: 54 }),
    };
    let mut encoder = Encoder::start_message(out, header, b"8");
    encoder
        .set(fix44::AVG_PX, average_price(report))
        .set(fix44::CL_ORD_ID, report.cl_ord_id.as_bytes())
        .set(fix44::CUM_QTY, report.cum_qty);
    Digits::of(report.exec_id).set(&mut encoder, fix44::EXEC_ID);
    if has_trans_type {
        encoder.set(EXEC_TRANS_TYPE, if report.kind.is_status() { b'3' } else { b'0' });
    }
    if changes_fill {
        encoder.set(EXEC_REF_ID, report.orig_cl_ord_id.as_bytes());
    }
    if is_fill {
        encoder.set(fix44::LAST_PX, report.last_px).set(fix44::LAST_QTY, report.last_qty);
    }
    set_order_id(&mut encoder, report.order_id);
    encoder.set(fix44::ORDER_QTY, report.order_qty).set(fix44::ORD_STATUS, status_char(report.status));
    encoder.set(fix44::ORD_TYPE, b'2');
    if !report.orig_cl_ord_id.is_none() && !report.kind.is_status() && !changes_fill {
        encoder.set(fix44::ORIG_CL_ORD_ID, report.orig_cl_ord_id.as_bytes());
    }
    if report.price != PRICE_NONE {
        encoder.set(fix44::PRICE, report.price);
    }
    encoder.set(fix44::SIDE, side).set(fix44::SYMBOL, symbol);
    if matches!(report.kind, ExecutionKind::Rejected | ExecutionKind::StatusUnknown) {
        let (code, text) = order_reject(report.reason);
        encoder.set(fix44::TEXT, text.as_bytes()).set(fix44::ORD_REJ_REASON, code);
    }
    encoder
        .set(fix44::TIME_IN_FORCE, time_in_force_char(report.time_in_force))
        .set_time(fix44::TRANSACT_TIME, report.time_ns, header.time_precision)
        .set(fix44::EXEC_TYPE, exec_type)
        .set(fix44::LEAVES_QTY, report.leaves_qty);
    if report.kind.is_status() && !has_trans_type && !report.orig_cl_ord_id.is_none() {
        encoder.set(fix44::ORD_STATUS_REQ_ID, report.orig_cl_ord_id.as_bytes());
    }
    encoder.done()
}

fn cancel_reject(report: &VenueReport, header: &Header<'_>, out: &mut [u8]) -> Result<usize, BuildError> {
    let response_to = match report.response_to {
        Some(OrderAction::Cancel) => b'1',
        Some(OrderAction::Replace) => b'2',
        Some(OrderAction::New | OrderAction::Status) | None => return Err(BuildError::Value { tag: 434 }),
    };
    let (code, text) = cancel_reject_code(report.reason);
    let mut encoder = Encoder::start_message(out, header, b"9");
    encoder.set(fix44::CL_ORD_ID, report.cl_ord_id.as_bytes());
    set_order_id(&mut encoder, report.order_id);
    encoder
        .set(fix44::ORD_STATUS, status_char(report.status))
        .set(fix44::ORIG_CL_ORD_ID, report.orig_cl_ord_id.as_bytes())
        .set(fix44::TEXT, text.as_bytes())
        .set_time(fix44::TRANSACT_TIME, report.time_ns, header.time_precision)
        .set(fix44::CXL_REJ_REASON, code)
        .set(fix44::CXL_REJ_RESPONSE_TO, response_to);
    encoder.done()
}

/// A number as text, for fields that are text in the standard.
struct Digits {
    text: [u8; 20],
    length: usize,
}

impl Digits {
    fn of(number: u64) -> Self {
        let mut text = [0; 20];
        let length = super::number::write_unsigned(number, &mut text).unwrap_or(0);
        Self { text, length }
    }

    fn set(&self, encoder: &mut Encoder<'_>, field: super::field::Field<super::field::Text>) {
        encoder.set(field, &self.text[..self.length]);
    }
}

/// OrderID(37); the standard wants `NONE` where the order is unknown.
fn set_order_id(encoder: &mut Encoder<'_>, order_id: u64) {
    if order_id == 0 {
        encoder.set(fix44::ORDER_ID, b"NONE");
    } else {
        Digits::of(order_id).set(encoder, fix44::ORDER_ID);
    }
}

/// AvgPx(6): traded value over quantity, cut to 1e-9; 0 where nothing traded.
fn average_price(report: &VenueReport) -> i64 {
    match report.cum_value.checked_div(i128::from(report.cum_qty)) {
        Some(average) => i64::try_from(average).unwrap_or(i64::MAX),
        None => 0,
    }
}

/// OrdStatus(39) as its character.
const fn status_char(status: OrderStatus) -> u8 {
    match status {
        OrderStatus::New => b'0',
        OrderStatus::PartiallyFilled => b'1',
        OrderStatus::Filled => b'2',
        OrderStatus::Canceled => b'4',
        OrderStatus::Rejected => b'8',
    }
}

/// OrdRejReason(103) and Text(58). [`super::executions`] reads the reason back from them.
const fn order_reject(reason: RejectReason) -> (i64, &'static str) {
    match reason {
        RejectReason::UnknownSymbol => (1, "unknown symbol"),
        RejectReason::Closed => (2, "the market is closed or halted"),
        RejectReason::Quantity => (13, "quantity out of range"),
        RejectReason::UnknownOrder => (5, "unknown order"),
        RejectReason::DuplicateClOrdId => (6, "duplicate ClOrdID(11)"),
        RejectReason::Price => (99, "price out of range or off the tick"),
        RejectReason::None
        | RejectReason::TooLate
        | RejectReason::Pending
        | RejectReason::NotConnected
        | RejectReason::Other => (99, "refused"),
    }
}

/// CxlRejReason(102) and Text(58), as above.
const fn cancel_reject_code(reason: RejectReason) -> (i64, &'static str) {
    match reason {
        RejectReason::TooLate => (0, "too late: the order is done"),
        RejectReason::UnknownOrder => (1, "unknown order"),
        RejectReason::Pending => (3, "a cancel or replace of it is pending"),
        RejectReason::DuplicateClOrdId => (6, "duplicate ClOrdID(11)"),
        RejectReason::Price => (99, "price out of range or off the tick"),
        RejectReason::Quantity => (99, "quantity out of range"),
        RejectReason::Closed => (99, "the market is closed or halted"),
        RejectReason::None
        | RejectReason::UnknownSymbol
        | RejectReason::NotConnected
        | RejectReason::Other => (99, "refused"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::codec::Message;
    use crate::fix::executions;
    use crate::fix::frame::Frame;
    use crate::fix::identity::{COMP_ID_BYTES_MAX, SessionIds};
    use crate::fix::timestamp::TimePrecision;
    use crate::order::TimeInForce;
    use crate::venue::ClOrdIdText;
    use feeds::units::PRICE_NONE;
    use proptest::prelude::*;

    fn report(kind: ExecutionKind) -> VenueReport {
        let fill = matches!(kind, ExecutionKind::Fill | ExecutionKind::PartialFill);
        VenueReport {
            time_ns: 1_340_285_400_123_000_000,
            order_id: 77,
            exec_id: 12,
            price: 187_500_000_000,
            order_qty: 200,
            last_px: if fill { 187_450_000_000 } else { PRICE_NONE },
            last_qty: if fill { 100 } else { 0 },
            leaves_qty: if kind == ExecutionKind::Fill { 0 } else { 50 },
            cum_qty: 150,
            cum_value: 150 * 187_450_000_000,
            instrument: 0,
            session: 0,
            cl_ord_id: ClOrdIdText::from_number(2_012_062_100_000_007),
            orig_cl_ord_id: ClOrdIdText::NONE,
            kind,
            status: OrderStatus::PartiallyFilled,
            reason: RejectReason::None,
            response_to: None,
            side: Side::Buy,
            time_in_force: TimeInForce::Day,
        }
    }

    fn written(report: &VenueReport, symbol: &[u8], out: &mut [u8]) -> Result<usize, BuildError> {
        let ids = SessionIds::new("FIX.4.4", "VENUE", "WARPTICK").unwrap();
        let time_precision = TimePrecision::Milliseconds;
        let header =
            Header { ids: &ids, sequence: 9, sending_time_ns: 1_340_285_400_124_000_000, time_precision };
        encode(report, symbol, &header, out)
    }

    /// The body counted by hand, each field with tag, `=` and SOH: 5+5+9+25+12+9+20+7+6+10+7+6+7+5+5+9+5+8+5+25+6+7 = 203.
    #[test]
    fn a_known_fill() {
        let mut out = [0; REPORT_BYTES_MAX];
        let length = written(&report(ExecutionKind::PartialFill), b"GOOG", &mut out).unwrap();
        let text = String::from_utf8(out[..length].to_vec()).unwrap().replace('\x01', "|");
        assert_eq!(
            text[..length - 4],
            *"8=FIX.4.4|9=203|35=8|34=9|49=VENUE|52=20120621-13:30:00.124|56=WARPTICK|6=187.45|11=2012062100000007|\
              14=150|17=12|31=187.45|32=100|37=77|38=200|39=1|40=2|44=187.5|54=1|55=GOOG|59=0|\
              60=20120621-13:30:00.123|150=F|151=50|10="
        );
    }

    #[test]
    fn every_reason_survives_the_wire() {
        let mut out = [0; REPORT_BYTES_MAX];
        let mut through = |report: &VenueReport| {
            let length = written(report, b"GOOG", &mut out).unwrap();
            executions::decode(Frame::parse(&out[..length]).unwrap(), 0, 0).unwrap().unwrap()
        };
        for reason in [
            RejectReason::UnknownSymbol,
            RejectReason::Closed,
            RejectReason::Quantity,
            RejectReason::UnknownOrder,
            RejectReason::DuplicateClOrdId,
            RejectReason::Price,
            RejectReason::Other,
        ] {
            let report = VenueReport { reason, order_id: 0, ..report(ExecutionKind::Rejected) };
            let execution = through(&report);
            assert_eq!((execution.reason, execution.kind), (reason, ExecutionKind::Rejected));
            assert_eq!(execution.venue_order_id, 0);
        }
        for reason in [
            RejectReason::TooLate,
            RejectReason::UnknownOrder,
            RejectReason::Pending,
            RejectReason::DuplicateClOrdId,
            RejectReason::Price,
            RejectReason::Quantity,
            RejectReason::Closed,
            RejectReason::Other,
        ] {
            let report = VenueReport {
                reason,
                orig_cl_ord_id: ClOrdIdText::from_number(2_012_062_100_000_006),
                response_to: Some(OrderAction::Replace),
                ..report(ExecutionKind::CancelRejected)
            };
            let execution = through(&report);
            assert_eq!((execution.reason, execution.kind), (reason, ExecutionKind::CancelRejected));
            assert_eq!(execution.orig_cl_ord_id, 2_012_062_100_000_006);
        }
    }

    #[test]
    fn what_no_venue_says_is_refused() {
        let mut out = [0; REPORT_BYTES_MAX];
        let mut refused = |report: VenueReport| written(&report, b"GOOG", &mut out).unwrap_err();
        assert_eq!(refused(report(ExecutionKind::NotSent)), BuildError::Value { tag: 150 });
        assert_eq!(refused(report(ExecutionKind::CancelRejected)), BuildError::Value { tag: 434 });
        let sideless = VenueReport { side: Side::None, ..report(ExecutionKind::New) };
        assert_eq!(refused(sideless), BuildError::Value { tag: 54 });
        let nameless = VenueReport { cl_ord_id: ClOrdIdText::NONE, ..report(ExecutionKind::New) };
        assert_eq!(refused(nameless), BuildError::Value { tag: 11 });
        assert_eq!(written(&report(ExecutionKind::New), b"", &mut out), Err(BuildError::Value { tag: 55 }));
    }

    #[test]
    fn the_longest_report_fits() {
        let ids = SessionIds::new("FIX.4.4", &"S".repeat(COMP_ID_BYTES_MAX), &"T".repeat(COMP_ID_BYTES_MAX))
            .unwrap();
        let time_precision = TimePrecision::Nanoseconds;
        let header = Header { ids: &ids, sequence: u32::MAX, sending_time_ns: 1, time_precision };
        let id = ClOrdIdText::from_number(u64::MAX);
        let longest = VenueReport {
            order_id: u64::MAX,
            exec_id: u64::MAX,
            price: -i64::MAX,
            order_qty: u64::MAX,
            last_px: -i64::MAX,
            last_qty: u64::MAX,
            leaves_qty: u64::MAX,
            cum_qty: u64::MAX,
            cum_value: -i128::from(i64::MAX) * i128::from(u64::MAX),
            cl_ord_id: id,
            orig_cl_ord_id: id,
            ..report(ExecutionKind::Fill)
        };
        let mut out = [0; REPORT_BYTES_MAX];
        assert!(encode(&longest, &[b'S'; 14], &header, &mut out).is_ok());
    }

    proptest! {
        #[test]
        fn reports_read_back_as_executions(
            (kind, buy, cl_ord_id, orig) in (0..6_usize, any::<bool>(), 1..10_u64.pow(16), 0..10_u64.pow(16)),
            (order_id, exec_id, price, last_px) in (1_u64.., 1_u64.., 0_i64.., 0_i64..),
            (leaves_qty, last_qty, cum_qty) in (1_u64.., 1_u64.., 1_u64..),
        ) {
            let kind = [
                ExecutionKind::New, ExecutionKind::PartialFill, ExecutionKind::Fill,
                ExecutionKind::Canceled, ExecutionKind::Replaced, ExecutionKind::Expired,
            ][kind];
            let text = |number: u64| ClOrdIdText::new(format!("{number:016}").as_bytes()).unwrap();
            let sent = VenueReport {
                order_id, exec_id, price, cum_qty,
                last_px: if report(kind).last_qty > 0 { last_px } else { PRICE_NONE },
                last_qty: if report(kind).last_qty > 0 { last_qty } else { 0 },
                leaves_qty: if kind == ExecutionKind::Fill { 0 } else { leaves_qty },
                cl_ord_id: text(cl_ord_id),
                orig_cl_ord_id: if orig == 0 { ClOrdIdText::NONE } else { text(orig) },
                side: if buy { Side::Buy } else { Side::Sell },
                ..report(kind)
            };
            let mut out = [0; REPORT_BYTES_MAX];
            let length = written(&sent, b"GOOG", &mut out).unwrap();
            let got = executions::decode(Frame::parse(&out[..length]).unwrap(), 2, 5).unwrap().unwrap();
            prop_assert_eq!((got.cl_ord_id, got.orig_cl_ord_id), (cl_ord_id, orig));
            prop_assert_eq!((got.venue_order_id, got.exec_id), (order_id, exec_id));
            prop_assert_eq!((got.last_price, got.last_quantity), (sent.last_px, sent.last_qty));
            prop_assert_eq!((got.leaves_quantity, got.cumulative_quantity), (sent.leaves_qty, cum_qty));
            prop_assert_eq!((got.kind, got.side, got.venue, got.time_ns), (kind, sent.side, 2, 5));
            let message = Message::decode(&out[..length]).unwrap();
            prop_assert_eq!(message.get(fix44::PRICE), Ok(Some(price)));
            prop_assert_eq!(message.get(fix44::TRANSACT_TIME), Ok(Some(sent.time_ns)));
        }
    }
}
