//! Messages that the engine writes, from all of its encoders, with the values that they were meant to carry.

use engine::fix::codec::{Encoder, Header};
use engine::fix::cursor::length_tag_of;
use engine::fix::fault::{Fault, MessageError};
use engine::fix::frame::{FRAME_MAX, Scan, scan};
use engine::fix::identity::SessionIds;
use engine::fix::session::{NothingSent, Reset, Session, SessionConfig};
use engine::fix::templates::{NumberStyle, OrderTemplates, TEMPLATE_BYTES, TemplateFormat};
use engine::fix::timestamp::TimePrecision;
use engine::fix::{reports, status_request};
use engine::order::{ExecutionKind, Intent, Order, OrderAction, RejectReason, TimeInForce};
use engine::pipeline::risk::{EngineLimits, InstrumentLimits, Reference, Risk, RiskApproved, Stamp, Target};
use engine::venue::{ClOrdIdText, OrderStatus, VenueReport};
use feeds::event::Side;
use feeds::send_buffer::SendBuffer;
use feeds::units::PRICE_NONE;

use crate::dice::Dice;
use crate::plan::Plan;
use crate::value::Value;

/// A message and what was meant.
pub struct Meant {
    /// As it goes over the wire.
    pub bytes: Vec<u8>,
    /// Fields that it must have, each once.
    pub fields: Vec<(u32, Value)>,
}

const SYMBOLS: [&str; 4] = ["A", "GOOG", "BRK.B", "ESZ6 C5000 = X"];

/// 2261, UTC s.
const TIME_END_S: u64 = 9_183_110_400;

fn time_ns(dice: &mut Dice) -> u64 {
    dice.below(TIME_END_S) * 1_000_000_000 + dice.below(1_000_000_000)
}

fn precision(dice: &mut Dice) -> TimePrecision {
    *dice.any(&[TimePrecision::Milliseconds, TimePrecision::Microseconds, TimePrecision::Nanoseconds])
}

/// A time as it is read, cut to what was written and to the millisecond.
fn time_value(time_ns: u64, precision: TimePrecision) -> Value {
    Value::TimeMs(time_ns / precision.unit_ns() * precision.unit_ns() / 1_000_000)
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn ids(dice: &mut Dice) -> SessionIds {
    let version = *dice.any(&["FIX.4.2", "FIX.4.4"]);
    let ours = *dice.any(&["WARPTICK", "W", "DESK=1 LONDON"]);
    let theirs = *dice.any(&["VENUE", "X"]);
    SessionIds::new(version, ours, theirs).expect("they are good")
}

/// An order that passed risk checks which nothing here can break.
fn approved(order: &Order) -> RiskApproved<Order> {
    let limits = InstrumentLimits {
        order_qty_max: u64::MAX,
        order_notional_max: i128::MAX,
        collar_bp: 1,
        position_max: i64::MAX,
        price_tick: 1,
        ..InstrumentLimits::default()
    };
    let engine = EngineLimits { messages_per_s: u32::MAX, messages_burst: u32::MAX, ..EngineLimits::default() };
    let mut risk = Risk::new(engine, vec![limits; SYMBOLS.len()]);
    let Order { action, price, quantity, instrument, venue, side, time_in_force, strategy, .. } = *order;
    if action == OrderAction::Status {
        return risk.pass_status_request(*order);
    }
    let target = order.orig_cl_ord_id;
    let intent = Intent { action, target, price, quantity, instrument, venue, side, time_in_force };
    let reference = Reference::of(price, price);
    let target =
        (action != OrderAction::New).then_some(Target { quantity, cumulative: 0, reserved: quantity });
    let (decision, time_ns, cl_ord_id) = (order.decision, order.time_ns, order.cl_ord_id);
    let approval =
        risk.approve(&intent, &reference, target, &Stamp { decision, time_ns, cl_ord_id, strategy });
    approval.expect("nothing limits it").order
}

fn order(dice: &mut Dice, action: OrderAction, price_unit: i64) -> Order {
    Order {
        decision: dice.below(1 << 40),
        time_ns: time_ns(dice),
        cl_ord_id: 2 + dice.below(9_999_999_999_999_998),
        orig_cl_ord_id: if action == OrderAction::New { 0 } else { 1 },
        price: (1 + dice.digits(7) as i64) * price_unit.max(10),
        quantity: 1 + dice.digits(7),
        instrument: dice.below(SYMBOLS.len() as u64) as u32,
        action,
        venue: 0,
        side: *dice.any(&[Side::Buy, Side::Sell]),
        time_in_force: *dice.any(&[TimeInForce::Day, TimeInForce::ImmediateOrCancel]),
        strategy: 0,
        sells_short: false, reserved: [0; 5],
    }
}

fn side(side: Side) -> Value {
    Value::Char(if side == Side::Buy { b'1' } else { b'2' })
}

/// A NewOrderSingle, OrderCancelReplaceRequest or OrderCancelRequest from a template.
pub fn template(dice: &mut Dice) -> Meant {
    let ids = ids(dice);
    let format = TemplateFormat {
        price_decimals: dice.below(10) as u32,
        time_precision: precision(dice),
        number_style: *dice.any(&[NumberStyle::FixedWidth, NumberStyle::Compact]),
    };
    let mut templates = OrderTemplates::new(&ids, format, SYMBOLS).expect("they are good");
    let action = *dice.any(&[OrderAction::New, OrderAction::Replace, OrderAction::Cancel]);
    let order = order(dice, action, 10_i64.pow(9 - format.price_decimals));
    let (sequence, sending_ns) = (1 + dice.digits(7) as u32, time_ns(dice));
    let mut out = [0; TEMPLATE_BYTES];
    let length = templates.encode(&approved(&order), sequence, sending_ns, &mut out).expect("it fits");
    let mut fields = vec![
        (34, Value::Count(sequence)),
        (49, text(ids.sender_comp_id())),
        (52, time_value(sending_ns, format.time_precision)),
        (56, text(ids.target_comp_id())),
        (54, side(order.side)),
        (55, text(SYMBOLS[order.instrument as usize])),
        (60, time_value(order.time_ns, format.time_precision)),
    ];
    if action != OrderAction::Cancel {
        fields.push((38, Value::Quantity(order.quantity)));
        fields.push((44, Value::Price(order.price)));
        fields.push((40, Value::Char(b'2')));
    }
    // ClOrdIDs are text, but both codecs read the digits as a number too, with zeros in front or without.
    fields.push((11, Value::Quantity(order.cl_ord_id)));
    if action != OrderAction::New {
        fields.push((41, Value::Quantity(order.orig_cl_ord_id)));
    }
    Meant { bytes: out[..length].to_vec(), fields }
}

fn header<'a>(ids: &'a SessionIds, dice: &mut Dice) -> Header<'a> {
    let sequence = 1 + dice.digits(9) as u32;
    Header { ids, sequence, sending_time_ns: time_ns(dice), time_precision: precision(dice) }
}

fn header_fields(header: &Header<'_>) -> Vec<(u32, Value)> {
    vec![
        (34, Value::Count(header.sequence)),
        (49, text(header.ids.sender_comp_id())),
        (52, time_value(header.sending_time_ns, header.time_precision)),
        (56, text(header.ids.target_comp_id())),
    ]
}

/// An OrderStatusRequest.
pub fn status(dice: &mut Dice) -> Meant {
    let ids = ids(dice);
    let header = header(&ids, dice);
    let order = order(dice, OrderAction::Status, 10);
    let symbol = SYMBOLS[order.instrument as usize];
    let mut out = [0; FRAME_MAX];
    let length = status_request::encode(&order, symbol.as_bytes(), &header, &mut out).expect("it fits");
    let mut fields = header_fields(&header);
    fields.extend([(11, Value::Quantity(order.cl_ord_id)), (54, side(order.side)), (55, text(symbol))]);
    Meant { bytes: out[..length].to_vec(), fields }
}

/// An ExecutionReport or OrderCancelReject of the simulated venue.
pub fn report(dice: &mut Dice) -> Meant {
    let ids = ids(dice);
    let header = header(&ids, dice);
    let kind = *dice.any(&[
        ExecutionKind::New,
        ExecutionKind::PartialFill,
        ExecutionKind::Fill,
        ExecutionKind::Canceled,
        ExecutionKind::Replaced,
        ExecutionKind::Rejected,
        ExecutionKind::CancelRejected,
        ExecutionKind::StatusOpen,
        ExecutionKind::StatusDone,
        ExecutionKind::StatusUnknown,
    ]);
    let is_fill = matches!(kind, ExecutionKind::PartialFill | ExecutionKind::Fill);
    let is_refused = kind == ExecutionKind::CancelRejected;
    let id = |dice: &mut Dice| ClOrdIdText::new(format!("{}-{}", dice.digits(9), dice.digits(4)).as_bytes());
    let answers = *dice.any(&[OrderAction::Cancel, OrderAction::Replace]);
    let report = VenueReport {
        time_ns: time_ns(dice),
        order_id: dice.digits(15),
        exec_id: 1 + dice.digits(15),
        price: 1 + dice.digits(15) as i64,
        order_qty: 1 + dice.digits(9),
        last_px: if is_fill { 1 + dice.digits(15) as i64 } else { PRICE_NONE },
        last_qty: if is_fill { 1 + dice.digits(9) } else { 0 },
        leaves_qty: dice.digits(9),
        cum_qty: dice.digits(9),
        cum_value: i128::from(dice.digits(17)),
        instrument: dice.below(SYMBOLS.len() as u64) as u32,
        session: 0,
        cl_ord_id: id(dice).expect("short"),
        orig_cl_ord_id: if is_refused || dice.one_in(2) {
            id(dice).expect("short")
        } else {
            ClOrdIdText::NONE
        },
        kind,
        status: *dice.any(&[
            OrderStatus::New,
            OrderStatus::PartiallyFilled,
            OrderStatus::Filled,
            OrderStatus::Canceled,
            OrderStatus::Rejected,
        ]),
        reason: *dice.any(&[
            RejectReason::TooLate,
            RejectReason::UnknownOrder,
            RejectReason::DuplicateClOrdId,
            RejectReason::UnknownSymbol,
            RejectReason::Closed,
            RejectReason::Quantity,
            RejectReason::Price,
            RejectReason::Pending,
            RejectReason::Other,
        ]),
        response_to: is_refused.then_some(answers),
        side: *dice.any(&[Side::Buy, Side::Sell]),
        time_in_force: *dice.any(&[TimeInForce::Day, TimeInForce::ImmediateOrCancel]),
    };
    let symbol = SYMBOLS[report.instrument as usize];
    let mut out = [0; FRAME_MAX];
    let length = reports::encode(&report, symbol.as_bytes(), &header, &mut out).expect("it fits");
    let mut fields = header_fields(&header);
    fields.extend([
        (11, Value::Text(report.cl_ord_id.as_bytes().to_vec())),
        (60, time_value(report.time_ns, header.time_precision)),
    ]);
    if !is_refused {
        fields.extend([
            (14, Value::Quantity(report.cum_qty)),
            (17, Value::Quantity(report.exec_id)),
            (38, Value::Quantity(report.order_qty)),
            (44, Value::Price(report.price)),
            (54, side(report.side)),
            (55, text(symbol)),
            (151, Value::Quantity(report.leaves_qty)),
        ]);
    }
    if is_fill {
        fields.extend([(31, Value::Price(report.last_px)), (32, Value::Quantity(report.last_qty))]);
    }
    Meant { bytes: out[..length].to_vec(), fields }
}

/// A random message by the general codec.
pub fn general(plan: &Plan) -> Option<Meant> {
    let mut out = [0; FRAME_MAX];
    let mut encoder = Encoder::start(&mut out, plan.dictionary.begin_string(), plan.message_type);
    for (at, (tag, value)) in plan.fields.iter().enumerate() {
        // A data field's length comes with it.
        let is_length =
            plan.fields.get(at + 1).is_some_and(|&(data, _)| length_tag_of(data) == *tag && *tag != 0);
        if !is_length {
            value.write_ours(*tag, &mut encoder);
        }
    }
    let length = encoder.done().ok()?;
    Some(Meant { bytes: out[..length].to_vec(), fields: plan.fields.clone() })
}

/// What two sessions say to each other in a short life: logons, heartbeats, test requests, resend requests, gap fills,
/// rejects, logouts, in both directions.
pub fn session_life(dice: &mut Dice) -> Vec<Meant> {
    let ids = ids(dice);
    let mut config = SessionConfig::initiator(ids.clone(), 1 + dice.below(30) as u32);
    config.reset = *dice.any(&[Reset::Never, Reset::FirstLogon, Reset::EveryLogon]);
    config.next_expected = ids.begin_string() == "FIX.4.4" && dice.one_in(2);
    config.resend_chunk = dice.below(3) as u32;
    config.time_precision = precision(dice);
    let acceptor = SessionConfig {
        next_expected: config.next_expected,
        time_precision: config.time_precision,
        ..SessionConfig::acceptor(ids.reversed())
    };
    let mut sides = [Session::new(config), Session::new(acceptor)];
    let mut outs = [SendBuffer::with_capacity(1 << 16), SendBuffer::with_capacity(1 << 16)];
    let mut said = Vec::new();
    let mut now_ns = 1_000_000_000_000_000_000 + dice.below(1 << 60);
    if dice.one_in(2) {
        // Each misses something of the other.
        sides[0].go_on(1 + dice.below(9) as u32, 1 + dice.below(5) as u32);
        sides[1].go_on(1 + dice.below(9) as u32, 1 + dice.below(5) as u32);
    }
    for (side, out) in sides.iter_mut().zip(&mut outs) {
        let _ = side.on_connect(now_ns, out);
    }
    for turn in 0..30 {
        now_ns += dice.below(20_000_000_000);
        for from in [0, 1] {
            let _ = sides[from].on_timer(now_ns, &mut outs[from]);
            if sides[from].is_resending() {
                let _ = sides[from].resend(now_ns, &NothingSent, 4, &mut outs[from]);
            }
            if turn == 20 && dice.one_in(2) {
                let _ = sides[from].logout(now_ns, &mut outs[from]);
            }
            if sides[from].is_logged_on() && dice.one_in(6) {
                // A message that the other one has no use for, with a number that leaves a hole now and then.
                if dice.one_in(2) {
                    sides[from].sent(now_ns);
                }
                let header = Header {
                    ids: &if from == 0 { ids.clone() } else { ids.reversed() },
                    sequence: sides[from].reserve_sequence(),
                    sending_time_ns: now_ns,
                    time_precision: TimePrecision::Milliseconds,
                };
                let mut encoder = Encoder::start_message(outs[from].space(FRAME_MAX), &header, b"B");
                text("news").write_ours(148, &mut encoder);
                let length = encoder.done().expect("it fits");
                outs[from].commit(length);
                sides[from].sent(now_ns);
            }
            let bytes = outs[from].pending().to_vec();
            outs[from].consume(bytes.len());
            let mut rest = &bytes[..];
            while let Scan::Frame(frame) = scan(rest) {
                said.push(Meant { bytes: frame.bytes().to_vec(), fields: Vec::new() });
                rest = &rest[frame.bytes().len()..];
            }
            let to = 1 - from;
            let fault = *dice.any(&[Fault::UnsupportedMessageType, Fault::Value]);
            let refused = dice.one_in(2);
            let _ = sides[to].on_bytes(now_ns, &bytes, &mut outs[to], &mut |_, _, _| {
                if refused { Err(MessageError::new(148, fault)) } else { Ok(()) }
            });
        }
    }
    said
}
