//! Known orders, refusals, and the templates against the general codec.

use super::*;
use crate::fix::codec::{Encoder, Header, Message};
use crate::fix::fix44;
use crate::fix::timestamp::parse_timestamp;
use proptest::prelude::*;

fn order(action: OrderAction) -> Order {
    Order {
        decision: 1,
        time_ns: 1_340_285_400_123_456_789,
        cl_ord_id: 2_012_062_100_000_007,
        orig_cl_ord_id: if action == OrderAction::New { 0 } else { 2_012_062_100_000_006 },
        price: 187_450_000_000,
        quantity: 200,
        instrument: 1,
        venue: 0,
        action,
        side: Side::Sell,
        time_in_force: TimeInForce::ImmediateOrCancel,
        strategy: 0,
        sells_short: false,
        reserved: [0; 5],
    }
}

fn templates(format: TemplateFormat) -> OrderTemplates {
    let ids = SessionIds::new("FIX.4.4", "WARPTICK", "VENUE").unwrap();
    OrderTemplates::new(&ids, format, ["A", "GOOG", "ABCDEFGHIJ.KLMNOPQRSTUVW"]).unwrap()
}

fn text(action: OrderAction) -> String {
    let mut out = [0; TEMPLATE_BYTES];
    let mut templates = templates(TemplateFormat::default());
    let length = templates
        .encode(&RiskApproved::for_test(order(action)), 12, 1_340_285_400_999_999_999, &mut out)
        .unwrap();
    Message::decode(&out[..length]).unwrap();
    String::from_utf8(out[..length - 4].to_vec()).unwrap().replace('\x01', "|")
}

/// Body lengths by hand, each field with its tag, `=` and SOH: 35 5, 34 12, 49 12, 52 28, 56 9, 11 20, 38 12, 40 5,
/// 41 20, 44 17, 54 5, 59 5, 60 28, 55 8. D has all but 41, G all, F all but 40, 44 and 59.
#[test]
fn known_messages() {
    assert_eq!(
        text(OrderAction::New),
        "8=FIX.4.4|9=166|35=D|34=00000012|49=WARPTICK|52=20120621-13:30:00.999999|56=VENUE|11=2012062100000007|\
         38=00000200|40=2|44=00000187.4500|54=2|59=3|60=20120621-13:30:00.123456|55=GOOG|10="
    );
    assert_eq!(
        text(OrderAction::Replace),
        "8=FIX.4.4|9=186|35=G|34=00000012|49=WARPTICK|52=20120621-13:30:00.999999|56=VENUE|11=2012062100000007|\
         38=00000200|40=2|41=2012062100000006|44=00000187.4500|54=2|59=3|60=20120621-13:30:00.123456|55=GOOG|10="
    );
    assert_eq!(
        text(OrderAction::Cancel),
        "8=FIX.4.4|9=159|35=F|34=00000012|49=WARPTICK|52=20120621-13:30:00.999999|56=VENUE|11=2012062100000007|\
         38=00000200|41=2012062100000006|54=2|60=20120621-13:30:00.123456|55=GOOG|10="
    );
}

/// The body of [`known_messages`]' D is 166 bytes; here 3 + 5 + 5 + 2 zeros of it are gone: 34 has two digits (6 fewer),
/// 38 three (5), 44 three before and two behind the point (5 and 2), and in FIX 4.2 there are five of `21=1|` more.
#[test]
fn known_compact_and_fix_42_messages() {
    let ids = SessionIds::new("FIX.4.2", "WARPTICK", "VENUE").unwrap();
    let format = TemplateFormat { number_style: NumberStyle::Compact, ..TemplateFormat::default() };
    let mut templates = OrderTemplates::new(&ids, format, ["A", "GOOG"]).unwrap();
    let mut out = [0; TEMPLATE_BYTES];
    let mut text = |order: Order| {
        let time_ns = 1_340_285_400_999_999_999;
        let length = templates.encode(&RiskApproved::for_test(order), 12, time_ns, &mut out).unwrap();
        Message::decode(&out[..length]).unwrap();
        String::from_utf8(out[..length - 4].to_vec()).unwrap().replace('\x01', "|")
    };
    assert_eq!(
        text(order(OrderAction::New)),
        "8=FIX.4.2|9=153|35=D|34=12|49=WARPTICK|52=20120621-13:30:00.999999|56=VENUE|11=2012062100000007|21=1|\
         38=200|40=2|44=187.45|54=2|59=3|60=20120621-13:30:00.123456|55=GOOG|10="
    );
    assert!(text(Order { price: 187 * PRICE_SCALE, ..order(OrderAction::New) }).contains("|44=187|54=2|"));
    assert!(
        text(Order { price: 0, quantity: 0, ..order(OrderAction::Replace) })
            .contains("|38=0|40=2|41=2012062100000006|44=0|")
    );
    assert!(!text(order(OrderAction::Cancel)).contains("|21="), "a cancel has no HandlInst");
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut templates = templates(TemplateFormat::default());
    let mut out = [0; TEMPLATE_BYTES];
    let good = order(OrderAction::Replace);
    let mut encode = |order: Order, sequence| {
        templates.encode(&RiskApproved::for_test(order), sequence, order.time_ns, &mut out)
    };
    assert!(encode(good, 99_999_999).is_ok());
    assert_eq!(encode(good, 100_000_000), Err(EncodeError::Sequence));
    assert_eq!(encode(Order { quantity: 100_000_000, ..good }, 1), Err(EncodeError::Quantity));
    assert_eq!(encode(Order { price: -1, ..good }, 1), Err(EncodeError::PriceNegative));
    assert_eq!(encode(Order { price: feeds::units::PRICE_NONE, ..good }, 1), Err(EncodeError::PriceNegative));
    assert_eq!(encode(Order { price: 187_450_010_000, ..good }, 1), Err(EncodeError::PriceDecimals));
    assert_eq!(encode(Order { price: 187_450_000_001, ..good }, 1), Err(EncodeError::PriceDecimals));
    assert_eq!(encode(Order { price: 100_000_000 * PRICE_SCALE, ..good }, 1), Err(EncodeError::PriceWide));
    assert_eq!(encode(Order { side: Side::None, ..good }, 1), Err(EncodeError::Side));
    assert_eq!(encode(Order { cl_ord_id: 0, ..good }, 1), Err(EncodeError::ClOrdId));
    assert_eq!(encode(Order { orig_cl_ord_id: 0, ..good }, 1), Err(EncodeError::ClOrdId));
    assert_eq!(encode(Order { cl_ord_id: SIXTEEN_DIGITS, ..good }, 1), Err(EncodeError::ClOrdId));
    assert_eq!(encode(Order { instrument: 3, ..good }, 1), Err(EncodeError::Instrument));
    assert_eq!(encode(Order { time_ns: u64::MAX, ..good }, 1), Err(EncodeError::Time));
    assert_eq!(
        templates.encode(&RiskApproved::for_test(good), 1, 0, &mut out[1..]),
        Err(EncodeError::NoRoom)
    );
    templates.push_symbol("LATE").unwrap();
    assert!(
        templates.encode(&RiskApproved::for_test(Order { instrument: 3, ..good }), 1, 0, &mut out).is_ok()
    );
    for symbol in ["", "ABCDEFGHIJ.KLMNOPQRSTUVWX", "A\u{1}B", "\u{e4}"] {
        assert_eq!(templates.push_symbol(symbol), Err(TemplateError::Symbol(symbol.into())));
    }
}

#[test]
fn the_longest_identity_fits() {
    let ids = SessionIds::new("FIX.4.4", &"S".repeat(32), &"T".repeat(32)).unwrap();
    let format = TemplateFormat {
        price_decimals: 9,
        time_precision: TimePrecision::Nanoseconds,
        ..TemplateFormat::default()
    };
    let mut templates = OrderTemplates::new(&ids, format, ["ABCDEFGHIJ.KLMNOPQRSTUVW"]).unwrap();
    let mut out = [0; TEMPLATE_BYTES];
    let order = Order { instrument: 0, price: 123_456_789, ..order(OrderAction::Replace) };
    let length = templates.encode(&RiskApproved::for_test(order), 1, 1, &mut out).unwrap();
    assert_eq!(Message::decode(&out[..length]).unwrap().get(fix44::PRICE), Ok(Some(123_456_789)));
    let format = TemplateFormat { price_decimals: 10, ..format };
    assert!(matches!(OrderTemplates::new(&ids, format, []), Err(TemplateError::PriceDecimals(10))));
}

/// The same order written by the general codec.
fn general(order: &Order, sequence: u32, time_ns: u64, format: TemplateFormat, out: &mut [u8]) -> usize {
    let ids = SessionIds::new("FIX.4.4", "WARPTICK", "VENUE").unwrap();
    let header =
        Header { ids: &ids, sequence, sending_time_ns: time_ns, time_precision: format.time_precision };
    let message_type = match order.action {
        OrderAction::New => b"D",
        OrderAction::Replace => b"G",
        OrderAction::Cancel => b"F",
        OrderAction::Status => b"H",
    };
    let mut encoder = Encoder::start_message(out, &header, message_type);
    encoder.set(fix44::CL_ORD_ID, format!("{:016}", order.cl_ord_id).as_bytes());
    encoder.set(fix44::ORDER_QTY, order.quantity);
    encoder.set(fix44::SIDE, if order.side == Side::Buy { b'1' } else { b'2' });
    encoder
        .set(fix44::SYMBOL, ["A", "GOOG", "ABCDEFGHIJ.KLMNOPQRSTUVW"][order.instrument as usize].as_bytes());
    encoder.set_time(fix44::TRANSACT_TIME, order.time_ns, format.time_precision);
    if order.action != OrderAction::Cancel {
        encoder.set(fix44::ORD_TYPE, b'2').set(fix44::PRICE, order.price);
        encoder.set(fix44::TIME_IN_FORCE, time_in_force_char(order.time_in_force));
    }
    if order.action != OrderAction::New {
        encoder.set(fix44::ORIG_CL_ORD_ID, format!("{:016}", order.orig_cl_ord_id).as_bytes());
    }
    encoder.done().unwrap()
}

proptest! {
    #[test]
    fn templates_and_the_general_codec_say_the_same(
        (action, side) in (0..3_usize, any::<bool>()),
        (cl_ord_id, orig) in (1..SIXTEEN_DIGITS, 1..SIXTEEN_DIGITS),
        (quantity, sequence) in (0..EIGHT_DIGITS, 0..EIGHT_DIGITS as u32),
        (decimals, ticks) in (0..=9_u32, 0..EIGHT_DIGITS as i64 * PRICE_SCALE),
        (time_ns, sending_ns) in (0..=TIME_MAX_NS, 0..=TIME_MAX_NS),
        (precision, instrument, day) in (0..3_usize, 0..3_u32, any::<bool>()),
        (compact, kernel) in (any::<bool>(), 0..Kernel::available().count()),
    ) {
        let time_precision =
            [TimePrecision::Milliseconds, TimePrecision::Microseconds, TimePrecision::Nanoseconds][precision];
        let style = if compact { NumberStyle::Compact } else { NumberStyle::FixedWidth };
        let format = TemplateFormat { price_decimals: decimals, time_precision, number_style: style };
        let unit = 10_i64.pow(9 - decimals);
        let order = Order {
            time_ns, cl_ord_id, orig_cl_ord_id: orig, quantity, instrument,
            price: ticks / unit * unit,
            side: if side { Side::Buy } else { Side::Sell },
            time_in_force: if day { TimeInForce::Day } else { TimeInForce::ImmediateOrCancel },
            ..order([OrderAction::New, OrderAction::Replace, OrderAction::Cancel][action])
        };
        let (mut fast, mut slow) = ([0; TEMPLATE_BYTES], [0; 512]);
        let mut templates = templates(format);
        templates.kernel = Kernel::available().nth(kernel).unwrap();
        let fast_length = templates.encode(&RiskApproved::for_test(order), sequence, sending_ns, &mut fast).unwrap();
        let slow_length = general(&order, sequence, sending_ns, format, &mut slow);
        let fast = Message::decode(&fast[..fast_length]).unwrap();
        let slow = Message::decode(&slow[..slow_length]).unwrap();
        prop_assert_eq!(fast.frame().message_type(), slow.frame().message_type());
        prop_assert_eq!(fast.fields().count(), slow.fields().count());
        for (tag, value) in slow.fields() {
            match tag {
                // The general codec is compact too.
                34 | 38 | 44 if compact => prop_assert_eq!(fast.raw(tag), Some(value)),
                34 => prop_assert_eq!(fast.get(fix44::MSG_SEQ_NUM), slow.get(fix44::MSG_SEQ_NUM)),
                38 => prop_assert_eq!(fast.get(fix44::ORDER_QTY), slow.get(fix44::ORDER_QTY)),
                44 => prop_assert_eq!(fast.get(fix44::PRICE), Ok(Some(order.price))),
                52 | 60 => prop_assert_eq!(fast.raw(tag).and_then(parse_timestamp), parse_timestamp(value)),
                _ => prop_assert_eq!(fast.raw(tag), Some(value)),
            }
        }
    }
}
