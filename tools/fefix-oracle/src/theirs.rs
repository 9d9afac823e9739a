//! Messages that fefix writes, and what our decoders make of them.

use engine::fix::dictionary::Version;
use engine::fix::frame::Frame;
use engine::fix::{executions, requests};
use engine::order::{ExecutionKind, OrderAction};
use feeds::event::Side;

use crate::dice::Dice;
use crate::value::Value;

fn text(text: impl Into<Vec<u8>>) -> Value {
    Value::Text(text.into())
}

fn header(dice: &mut Dice) -> Vec<(u32, Value)> {
    let sequence = Value::Count(1 + dice.digits(8) as u32);
    let mut fields = vec![
        (34, sequence),
        (49, text("CLIENT")),
        (52, Value::TimeMs(1_340_285_400_000 + dice.digits(10))),
        (56, text("VENUE")),
    ];
    if dice.one_in(3) {
        fields.insert(1, (43, Value::Bool(dice.one_in(2))));
    }
    fields
}

/// Parties(453) now and then: FIX 4.4's group of them.
fn parties(version: Version, dice: &mut Dice, fields: &mut Vec<(u32, Value)>) {
    if version == Version::Fix42 || dice.one_in(2) {
        return;
    }
    let entries = 1 + dice.below(3);
    fields.push((453, Value::Count(entries as u32)));
    for _ in 0..entries {
        fields.push((448, text(format!("P{}", dice.digits(4)))));
        fields.push((447, Value::Char(b'D')));
        fields.push((452, Value::Int(1 + dice.below(20) as i64)));
    }
}

/// A MsgType(35) and the fields behind it.
pub type TypedMessage = (&'static [u8], Vec<(u32, Value)>);

/// A NewOrderSingle, OrderCancelReplaceRequest or OrderCancelRequest.
pub fn request(version: Version, dice: &mut Dice) -> TypedMessage {
    let message_type: &[u8] = *dice.any(&[b"D", b"G", b"F"]);
    let mut fields = header(dice);
    fields.push((11, text(format!("C{}", dice.digits(12)))));
    if message_type != b"D" {
        fields.push((41, text(format!("C{}", dice.digits(12)))));
    }
    fields.push((21, Value::Char(b'1')));
    fields.push((55, text(*dice.any(&["GOOG", "BRK.B"]))));
    fields.push((54, Value::Char(*dice.any(b"12"))));
    fields.push((60, Value::TimeMs(1_340_285_400_000 + dice.digits(10))));
    if message_type != b"F" {
        fields.push((38, Value::Quantity(1 + dice.digits(8))));
        fields.push((40, Value::Char(b'2')));
        fields.push((44, Value::Price(1 + dice.digits(15) as i64)));
        fields.push((59, Value::Char(*dice.any(b"03"))));
    }
    parties(version, dice, &mut fields);
    (message_type, fields)
}

fn value(fields: &[(u32, Value)], tag: u32) -> Option<&Value> {
    fields.iter().find(|(found, _)| *found == tag).map(|(_, value)| value)
}

fn is_text(fields: &[(u32, Value)], tag: u32, bytes: &[u8]) -> bool {
    matches!(value(fields, tag), Some(Value::Text(text)) if text == bytes)
}

/// Whether our typed decoder of requests reads what was written; else what it read.
///
/// # Errors
/// What it read or refused.
pub fn check_request(fields: &[(u32, Value)], bytes: &[u8]) -> Result<(), String> {
    let frame = Frame::parse(bytes).map_err(|error| error.to_string())?;
    let decoded = requests::decode(frame, 0).map_err(|error| format!("{error:?}"))?;
    let request = decoded.request;
    let side = Value::Char(if request.side == Side::Buy { b'1' } else { b'2' });
    let is_cancel = request.kind == OrderAction::Cancel;
    let same = is_text(fields, 11, request.cl_ord_id.as_bytes())
        && (request.kind == OrderAction::New || is_text(fields, 41, request.orig_cl_ord_id.as_bytes()))
        && is_text(fields, 55, decoded.symbol)
        && value(fields, 54) == Some(&side)
        && value(fields, 60) == Some(&Value::TimeMs(decoded.transact_time_ns / 1_000_000))
        && (is_cancel || value(fields, 38) == Some(&Value::Quantity(request.quantity)))
        && (is_cancel || value(fields, 44) == Some(&Value::Price(request.price)));
    if same { Ok(()) } else { Err(format!("{decoded:?}")) }
}

/// An ExecutionReport.
pub fn execution(version: Version, dice: &mut Dice) -> TypedMessage {
    let is_fill = dice.one_in(2);
    let leaves = if dice.one_in(2) { 0 } else { dice.digits(7) };
    let status = match (is_fill, leaves) {
        (false, _) => b'0',
        (true, 0) => b'2',
        (true, _) => b'1',
    };
    let exec_type = match (version, is_fill) {
        (Version::Fix44, true) => b'F',
        _ => status,
    };
    let mut fields = header(dice);
    fields.push((37, text(format!("{}", 1 + dice.digits(15)))));
    // Our own ClOrdIDs: a date and a counter of eight digits.
    fields.push((11, text(format!("20120621{:08}", 1 + dice.digits(7)))));
    fields.push((17, text(format!("{}", 1 + dice.digits(15)))));
    if version == Version::Fix42 {
        fields.push((20, Value::Char(b'0')));
    }
    fields.push((150, Value::Char(exec_type)));
    fields.push((39, Value::Char(status)));
    fields.push((55, text("GOOG")));
    fields.push((54, Value::Char(*dice.any(b"12"))));
    fields.push((38, Value::Quantity(1 + dice.digits(8))));
    if is_fill {
        fields.push((32, Value::Quantity(1 + dice.digits(7))));
        fields.push((31, Value::Price(1 + dice.digits(15) as i64)));
    }
    fields.push((151, Value::Quantity(leaves)));
    fields.push((14, Value::Quantity(dice.digits(8))));
    fields.push((6, Value::Price(dice.digits(15) as i64)));
    fields.push((60, Value::TimeMs(1_340_285_400_000 + dice.digits(10))));
    parties(version, dice, &mut fields);
    (b"8", fields)
}

/// The same for our typed decoder of executions.
///
/// # Errors
/// What it read or refused.
pub fn check_execution(fields: &[(u32, Value)], bytes: &[u8]) -> Result<(), String> {
    let frame = Frame::parse(bytes).map_err(|error| error.to_string())?;
    let decoded = executions::decode(frame, 0, 0).map_err(|error| format!("{error:?}"))?;
    let execution = decoded.ok_or("nothing that concerns an order")?;
    let is_fill = matches!(execution.kind, ExecutionKind::PartialFill | ExecutionKind::Fill);
    let same = is_text(fields, 11, execution.cl_ord_id.to_string().as_bytes())
        && is_text(fields, 37, execution.venue_order_id.to_string().as_bytes())
        && is_text(fields, 17, execution.exec_id.to_string().as_bytes())
        && value(fields, 151) == Some(&Value::Quantity(execution.leaves_quantity))
        && value(fields, 14) == Some(&Value::Quantity(execution.cumulative_quantity))
        && is_fill == value(fields, 31).is_some()
        && (!is_fill || value(fields, 31) == Some(&Value::Price(execution.last_price)))
        && (!is_fill || value(fields, 32) == Some(&Value::Quantity(execution.last_quantity)));
    if same { Ok(()) } else { Err(format!("{execution:?}")) }
}
