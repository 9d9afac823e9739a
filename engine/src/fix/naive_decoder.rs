//! A naive model of the grammar, for tests: strings split at SOH, wide integers, no cleverness. Written from the text in
//! [`crate::fix`], not from the decoders. Plus the means to make messages by hand.

use std::collections::HashMap;

use crate::order::{Execution, ExecutionKind, OrderAction, RejectReason, TimeInForce};
use crate::venue::{ClOrdIdText, OrderRequest};
use feeds::event::{INSTRUMENT_NONE, Side};
use feeds::units::PRICE_NONE;

/// A frame around a body in which `|` stands for SOH, BodyLength and CheckSum filled in.
pub(super) fn framed(body: &str) -> Vec<u8> {
    framed_bytes(body.replace('|', "\x01").as_bytes())
}

/// The same around bytes as they are.
pub(super) fn framed_bytes(body: &[u8]) -> Vec<u8> {
    framed_as("FIX.4.4", body)
}

/// The same in another version.
pub(super) fn framed_as(version: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("8={version}\x019={}\x01", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    let sum = bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>() % 256;
    bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
    bytes
}

/// Tag and bytes of each field.
pub(super) type FieldList = Vec<(u32, Vec<u8>)>;

/// The MsgType and the fields between it and CheckSum, or `None` where the bytes are no message.
pub(super) fn message(bytes: &[u8]) -> Option<(Vec<u8>, FieldList)> {
    if bytes.len() > 4096 {
        return None;
    }
    let (begin, rest) = until_soh(bytes)?;
    let version = begin.strip_prefix(b"8=FIX".as_slice())?;
    let version = version.strip_prefix(b"T".as_slice()).unwrap_or(version);
    if !(version.len() == 4
        && version[0] == b'.'
        && version[2] == b'.'
        && digits(&version[1..2])
        && digits(&version[3..]))
    {
        return None;
    }
    let (length, rest) = until_soh(rest)?;
    let length = length.strip_prefix(b"9=".as_slice())?;
    if length.len() > 8 || !digits(length) {
        return None;
    }
    let length: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
    if rest.len() != length + 7 {
        return None;
    }
    let (body, trailer) = rest.split_at(length);
    if trailer[..3] != *b"10=" || !digits(&trailer[3..6]) || trailer[6] != 1 || body.last() != Some(&1) {
        return None;
    }
    let sum: u64 = bytes[..bytes.len() - 7].iter().map(|&byte| u64::from(byte)).sum();
    if std::str::from_utf8(&trailer[3..6]).ok()?.parse::<u64>().ok()? != sum % 256 {
        return None;
    }
    let (message_type, mut rest) = until_soh(body)?;
    let message_type = message_type.strip_prefix(b"35=".as_slice()).filter(|value| !value.is_empty())?;
    let mut fields = Vec::new();
    let mut data: Option<(u32, usize)> = None;
    while !rest.is_empty() {
        let equals = rest.iter().position(|&byte| byte == b'=')?;
        let tag = &rest[..equals];
        if tag.is_empty() || tag.len() > 5 || !digits(tag) || tag[0] == b'0' {
            return None;
        }
        let tag: u32 = std::str::from_utf8(tag).ok()?.parse().ok()?;
        rest = &rest[equals + 1..];
        let value;
        if let Some((data_tag, length)) = data.take() {
            if tag != data_tag || rest.get(length) != Some(&1) {
                return None;
            }
            value = &rest[..length];
            rest = &rest[length + 1..];
        } else {
            (value, rest) = until_soh(rest)?;
            if value.is_empty() || [8, 9, 10, 35].contains(&tag) || DATA.iter().any(|&(_, data)| data == tag)
            {
                return None;
            }
            if let Some(&(_, data_tag)) = DATA.iter().find(|&&(length, _)| length == tag) {
                let length = usize::try_from(quantity_like(value)?).ok()?;
                if length == 0 {
                    return None;
                }
                data = Some((data_tag, length));
            }
        }
        fields.push((tag, value.to_vec()));
    }
    data.is_none().then_some((message_type.to_vec(), fields))
}

/// Length and data fields of FIX 4.4.
const DATA: [(u32, u32); 16] = [
    (90, 91),
    (93, 89),
    (95, 96),
    (212, 213),
    (348, 349),
    (350, 351),
    (352, 353),
    (354, 355),
    (356, 357),
    (358, 359),
    (360, 361),
    (362, 363),
    (364, 365),
    (445, 446),
    (618, 619),
    (621, 622),
];

fn until_soh(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 1)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Digits as a number below 2^64.
fn quantity_like(text: &[u8]) -> Option<u64> {
    if !digits(text) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?.trim_start_matches('0');
    if text.is_empty() { Some(0) } else { text.parse().ok() }
}

fn quantity(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    match text.split_once('.') {
        None => quantity_like(text.as_bytes()),
        Some((whole, zeros)) => {
            let all = format!("{whole}{zeros}");
            if !digits(all.as_bytes()) || zeros.bytes().any(|byte| byte != b'0') {
                return None;
            }
            if whole.is_empty() { Some(0) } else { quantity_like(whole.as_bytes()) }
        }
    }
}

fn price(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !digits(format!("{whole}{fraction}").as_bytes()) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 || whole.len() > 20 {
        return None;
    }
    let units: i128 = format!("0{whole}{fraction:0<9}").parse().ok()?;
    i64::try_from(sign * units).ok().filter(|&price| price != i64::MIN)
}

fn id(text: &[u8]) -> u64 {
    quantity_like(text).unwrap_or_else(|| {
        text.iter().fold(14_695_981_039_346_656_037, |hash: u64, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211)
        })
    })
}

fn ours(text: &[u8]) -> Option<u64> {
    if text.len() == 16 { quantity_like(text).filter(|&number| number > 0) } else { None }
}

/// What the execution decoder should say of a message: `None` refused, `Some(None)` no change of state.
pub(super) fn execution(
    version: &[u8],
    message_type: &[u8],
    fields: &[(u32, Vec<u8>)],
) -> Option<Option<Execution>> {
    const READ: [u32; 14] = [11, 14, 17, 31, 32, 37, 39, 41, 54, 58, 102, 103, 150, 151];
    let has_trans_type = version == b"FIX.4.2";
    let mut map = HashMap::new();
    for (tag, value) in fields {
        let is_read = READ.contains(tag) || has_trans_type && *tag == 20;
        if is_read && map.insert(*tag, value.as_slice()).is_some() {
            return None;
        }
    }
    // Well formed wherever present.
    let field = |tag: u32, reader: fn(&[u8]) -> Option<u64>| match map.get(&tag) {
        None => Some(None),
        Some(value) => reader(value).map(Some),
    };
    let cl_ord_id = field(11, ours)?;
    let cum = field(14, quantity)?;
    let last_qty = field(32, quantity)?;
    let orig = field(41, ours)?;
    let cancel_reason = field(102, quantity_like)?;
    let order_reason = field(103, quantity_like)?;
    let leaves = field(151, quantity)?;
    let last_px = match map.get(&31) {
        None => None,
        Some(value) => Some(price(value)?),
    };
    let side = match map.get(&54) {
        None => None,
        Some(&b"1") => Some(Side::Buy),
        Some(&b"2" | &b"5") => Some(Side::Sell),
        Some(_) => return None,
    };
    let char = |tag: u32| match map.get(&tag) {
        None => Some(None),
        Some([one]) => Some(Some(*one)),
        Some(_) => None,
    };
    let (exec_type, status, trans_type) = (char(150)?, char(39)?, char(20)?);
    let text =
        map.get(&58).map(|text| String::from_utf8_lossy(text).to_ascii_lowercase()).unwrap_or_default();
    let said = || {
        if text.contains("price") {
            RejectReason::Price
        } else if text.contains("quantity") {
            RejectReason::Quantity
        } else if text.contains("closed") || text.contains("halted") {
            RejectReason::Closed
        } else {
            RejectReason::Other
        }
    };
    let order_id = map.get(&37).map(|text| if *text == b"NONE" { 0 } else { id(text) });
    let mut execution = Execution {
        time_ns: 5,
        cl_ord_id: cl_ord_id?,
        orig_cl_ord_id: orig.unwrap_or(0),
        exec_id: 0,
        venue_order_id: order_id?,
        last_price: PRICE_NONE,
        last_quantity: 0,
        leaves_quantity: leaves.unwrap_or(0),
        cumulative_quantity: cum.unwrap_or(0),
        instrument: INSTRUMENT_NONE,
        venue: 2,
        kind: ExecutionKind::CancelRejected,
        side: side.unwrap_or(Side::None),
        reason: RejectReason::None,
        exec_ref_id: 0,
    };
    if message_type == b"9" {
        orig?;
        execution.reason = match cancel_reason {
            Some(0) => RejectReason::TooLate,
            Some(1) => RejectReason::UnknownOrder,
            Some(3) => RejectReason::Pending,
            Some(6) => RejectReason::DuplicateClOrdId,
            Some(2 | 99) => said(),
            _ => RejectReason::Other,
        };
        return Some(Some(execution));
    }
    if message_type != b"8" {
        return None;
    }
    execution.exec_id = id(map.get(&17)?);
    side?;
    leaves?;
    cum?;
    let (exec_type, fill_types) = (exec_type?, if has_trans_type { &b"12"[..] } else { b"F" });
    let change = match (has_trans_type, exec_type, trans_type) {
        (false, b'H', _) | (true, _, Some(b'1')) => Some(ExecutionKind::TradeCancel),
        (false, b'G', _) | (true, _, Some(b'2')) => Some(ExecutionKind::TradeCorrect),
        _ => None,
    };
    if let Some(kind) = change {
        let mut named = fields.iter().filter(|field| field.0 == 19);
        execution.exec_ref_id = id(&named.next()?.1);
        execution.kind = kind;
        if kind == ExecutionKind::TradeCorrect {
            execution.last_price = last_px?;
            execution.last_quantity = last_qty.filter(|&quantity| quantity > 0)?;
        }
        return if named.next().is_none() { Some(Some(execution)) } else { None };
    }
    let is_status = if has_trans_type {
        match trans_type? {
            b'0' => false,
            b'3' => true,
            _ => return None,
        }
    } else {
        exec_type == b'I'
    };
    execution.kind = match exec_type {
        _ if is_status => ExecutionKind::StatusOpen,
        _ if fill_types.contains(&exec_type) && leaves == Some(0) => ExecutionKind::Fill,
        _ if fill_types.contains(&exec_type) => ExecutionKind::PartialFill,
        b'0' => ExecutionKind::New,
        b'4' => ExecutionKind::Canceled,
        b'5' => ExecutionKind::Replaced,
        b'8' => ExecutionKind::Rejected,
        b'C' => ExecutionKind::Expired,
        b'6' | b'A' | b'E' => return Some(None),
        _ => return None,
    };
    if is_status {
        let done = match status? {
            b'0' | b'1' | b'5' | b'6' | b'7' | b'9' | b'A' | b'D' | b'E' => false,
            b'2' | b'3' | b'4' | b'8' | b'B' | b'C' => true,
            _ => return None,
        };
        if done {
            execution.kind = ExecutionKind::StatusDone;
            execution.leaves_quantity = 0;
        } else if leaves == Some(0) {
            return None;
        }
    }
    match execution.kind {
        ExecutionKind::Fill | ExecutionKind::PartialFill => {
            execution.last_price = last_px?;
            execution.last_quantity = last_qty.filter(|&quantity| quantity > 0)?;
        }
        ExecutionKind::Rejected | ExecutionKind::StatusDone
            if execution.kind == ExecutionKind::Rejected || status == Some(b'8') =>
        {
            execution.reason = match order_reason {
                Some(1) => RejectReason::UnknownSymbol,
                Some(2 | 4) => RejectReason::Closed,
                Some(3 | 13) => RejectReason::Quantity,
                Some(5) => RejectReason::UnknownOrder,
                Some(6) => RejectReason::DuplicateClOrdId,
                Some(99) => said(),
                _ => RejectReason::Other,
            };
        }
        _ => {}
    }
    if execution.kind == ExecutionKind::StatusDone && execution.reason == RejectReason::UnknownOrder {
        execution.kind = ExecutionKind::StatusUnknown;
    }
    Some(Some(execution))
}

/// What the request decoder should say: `None` refused.
pub(super) fn request(
    message_type: &[u8],
    fields: &[(u32, Vec<u8>)],
) -> Option<(OrderRequest, Vec<u8>, u64)> {
    let kind = match message_type {
        b"D" => OrderAction::New,
        b"G" => OrderAction::Replace,
        b"F" => OrderAction::Cancel,
        _ => return None,
    };
    let mut map = HashMap::new();
    for (tag, value) in fields {
        if [11, 38, 40, 41, 44, 54, 55, 59, 60].contains(tag) && map.insert(*tag, value.as_slice()).is_some()
        {
            return None;
        }
    }
    let cl_ord_id = ClOrdIdText::new(map.get(&11)?)?;
    let orig = map.get(&41).map_or(Some(ClOrdIdText::NONE), |value| ClOrdIdText::new(value))?;
    let quantity = map.get(&38).map_or(Some(None), |value| quantity(value).map(Some))?;
    let price = map.get(&44).map_or(Some(None), |value| price(value).map(Some))?;
    if map.get(&40).is_some_and(|value| *value != b"2") {
        return None;
    }
    let side = match *map.get(&54)? {
        b"1" => Side::Buy,
        b"2" | b"5" => Side::Sell,
        _ => return None,
    };
    let time_in_force = match map.get(&59) {
        None | Some(&b"0") => TimeInForce::Day,
        Some(&b"3") => TimeInForce::ImmediateOrCancel,
        Some(_) => return None,
    };
    let symbol = map.get(&55)?.to_vec();
    let time_ns = time(map.get(&60)?)?;
    let (price, quantity) = match kind {
        OrderAction::Cancel | OrderAction::Status => (PRICE_NONE, 0),
        OrderAction::New | OrderAction::Replace => {
            map.get(&40)?;
            (price?, quantity?)
        }
    };
    if kind != OrderAction::New && orig.is_none() {
        return None;
    }
    let orig_cl_ord_id = if kind == OrderAction::New { ClOrdIdText::NONE } else { orig };
    let instrument = INSTRUMENT_NONE;
    let request = OrderRequest {
        kind,
        session: 5,
        cl_ord_id,
        orig_cl_ord_id,
        instrument,
        side,
        price,
        quantity,
        time_in_force,
    };
    Some((request, symbol, time_ns))
}

/// A UTCTimestamp, its days counted one by one.
pub(super) fn time(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let fraction = match shape.strip_prefix("00000000-00:00:00")? {
        "" => 0,
        ".000" | ".000000" | ".000000000" => format!("{:0<9}", &text[18..]).parse().ok()?,
        _ => return None,
    };
    let number = |range: std::ops::Range<usize>| text[range].parse::<u64>().unwrap();
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    let (hour, minute, second) = (number(9..11), number(12..14), number(15..17));
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days_in = |year, month| {
        [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1]
    };
    if !(1970..2554).contains(&year) || !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 && (hour, minute, second) != (23, 59, 60) {
        return None;
    }
    let years: u64 = (1970..year).map(|year| 365 + u64::from(leap(year))).sum();
    let months: u64 = (1..month).map(|month| days_in(year, month)).sum();
    let days = years + months + day - 1;
    Some((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000_000 + fraction)
}
