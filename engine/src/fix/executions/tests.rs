//! Reports by hand: what each means, and which fault is named.

use super::*;
use crate::fix::naive_decoder;

fn decode_text(body: &str) -> Result<Option<Execution>, MessageError> {
    let bytes = naive_decoder::framed(body);
    decode(Frame::parse(&bytes).unwrap(), 3, 99)
}

const FILL: &str = "35=8|34=2|49=VENUE|52=20120621-13:30:00.123|56=WARPTICK|6=187.45|11=2012062100000007|14=150|\
                    17=12|31=187.4500|32=00000100|37=E-77|38=200|39=1|54=1|55=GOOG|150=F|151=50|";

#[test]
fn a_known_partial_fill() {
    let execution = decode_text(FILL).unwrap().unwrap();
    let expected = Execution {
        time_ns: 99,
        cl_ord_id: 2_012_062_100_000_007,
        orig_cl_ord_id: 0,
        exec_id: 12,
        // FNV-1a of "E-77", computed by an independent script.
        venue_order_id: 0x8775_886b_1f12_8fd5,
        last_price: 187_450_000_000,
        last_quantity: 100,
        leaves_quantity: 50,
        cumulative_quantity: 150,
        instrument: INSTRUMENT_NONE,
        venue: 3,
        kind: ExecutionKind::PartialFill,
        side: Side::Buy,
        reason: RejectReason::None,
        exec_ref_id: 0,
    };
    assert_eq!(execution, expected);
    let done = decode_text(&FILL.replace("151=50", "151=0")).unwrap().unwrap();
    assert_eq!(done.kind, ExecutionKind::Fill);
}

#[test]
fn kinds_and_reasons() {
    let kind = |exec_type: &str| decode_text(&FILL.replace("150=F", &format!("150={exec_type}")));
    for (exec_type, expected) in [
        ("0", ExecutionKind::New),
        ("4", ExecutionKind::Canceled),
        ("5", ExecutionKind::Replaced),
        ("8", ExecutionKind::Rejected),
        ("C", ExecutionKind::Expired),
    ] {
        let execution = kind(exec_type).unwrap().unwrap();
        assert_eq!(execution.kind, expected);
        assert_eq!((execution.last_price, execution.last_quantity), (PRICE_NONE, 0));
    }
    for exec_type in ["6", "A", "E"] {
        assert_eq!(kind(exec_type), Ok(None));
    }
    for exec_type in ["3", "1", "2", "D"] {
        assert_eq!(kind(exec_type), Err(MessageError::new(150, Fault::Value)));
    }
    for (reason, expected) in [
        ("103=1|", RejectReason::UnknownSymbol),
        ("103=2|", RejectReason::Closed),
        ("103=3|", RejectReason::Quantity),
        ("103=13|", RejectReason::Quantity),
        ("103=6|", RejectReason::DuplicateClOrdId),
        ("103=99|58=Price off the tick|", RejectReason::Price),
        ("58=no|103=99|", RejectReason::Other),
        ("", RejectReason::Other),
    ] {
        let body = FILL.replace("150=F|", &format!("150=8|{reason}"));
        assert_eq!(decode_text(&body).unwrap().unwrap().reason, expected, "{reason}");
    }
}

#[test]
fn busts_and_corrections_name_their_fill() {
    let body = |exec_type: &str| {
        FILL.replace("150=F", &format!("150={exec_type}")).replace("17=12|", "17=13|19=E-1|")
    };
    let bust = decode_text(&body("H")).unwrap().unwrap();
    assert_eq!((bust.kind, bust.exec_id, bust.exec_ref_id), (ExecutionKind::TradeCancel, 13, fnv_1a(b"E-1")));
    assert_eq!((bust.last_price, bust.last_quantity), (PRICE_NONE, 0));
    let correction = decode_text(&body("G")).unwrap().unwrap();
    assert_eq!(correction.kind, ExecutionKind::TradeCorrect);
    assert_eq!((correction.last_price, correction.last_quantity), (187_450_000_000, 100));
    for (from, to, tag, fault) in [
        ("19=E-1|", "", 19, Fault::Missing),
        ("19=E-1|", "19=1|19=1|", 19, Fault::Duplicate),
        ("31=187.4500|", "", 31, Fault::Missing),
        ("32=00000100|", "32=0|", 32, Fault::Value),
    ] {
        let found = decode_text(&body("G").replacen(from, to, 1));
        assert_eq!(found, Err(MessageError::new(tag, fault)), "{from} {to}");
    }
}

/// The same in FIX 4.2.
fn decode_42(body: &str) -> Result<Option<Execution>, MessageError> {
    let bytes = naive_decoder::framed_as("FIX.4.2", body.replace('|', "\x01").as_bytes());
    decode(Frame::parse(&bytes).unwrap(), 3, 99)
}

#[test]
fn reports_of_fix_42() {
    let body = |trans_type: &str, exec_type: &str| {
        FILL.replace("150=F", &format!("150={exec_type}")).replace("31=", &format!("20={trans_type}|31="))
    };
    for exec_type in ["1", "2"] {
        let execution = decode_42(&body("0", exec_type)).unwrap().unwrap();
        assert_eq!(execution, decode_text(FILL).unwrap().unwrap());
    }
    assert_eq!(decode_42(&body("0", "0")).unwrap().unwrap().kind, ExecutionKind::New);
    assert_eq!(decode_42(&body("0", "F")), Err(MessageError::new(150, Fault::Value)));
    assert_eq!(decode_42(&body("4", "2")), Err(MessageError::new(20, Fault::Value)));
    for (trans_type, kind) in [("1", ExecutionKind::TradeCancel), ("2", ExecutionKind::TradeCorrect)] {
        let body = body(trans_type, "2");
        assert_eq!(decode_42(&body), Err(MessageError::new(19, Fault::Missing)));
        let execution = decode_42(&body.replace("17=12|", "17=13|19=12|")).unwrap().unwrap();
        assert_eq!((execution.kind, execution.exec_id, execution.exec_ref_id), (kind, 13, 12));
    }
    assert_eq!(decode_42(FILL), Err(MessageError::new(20, Fault::Missing)));
    assert_eq!(decode_42(&body("3", "0")).unwrap().unwrap().kind, ExecutionKind::StatusOpen);
    // In FIX 4.4 the field means nothing.
    assert_eq!(decode_text(&body("1", "F")), decode_text(FILL));
}

#[test]
fn answers_about_a_status() {
    let status = |order_status: &str, leaves: &str| {
        let body = FILL.replace("150=F", "150=I").replace("39=1", &format!("39={order_status}"));
        decode_text(&body.replace("151=50", &format!("151={leaves}")))
    };
    let open = status("1", "50").unwrap().unwrap();
    assert_eq!(
        (open.kind, open.cumulative_quantity, open.leaves_quantity),
        (ExecutionKind::StatusOpen, 150, 50)
    );
    assert_eq!((open.last_price, open.last_quantity, open.reason), (PRICE_NONE, 0, RejectReason::None));
    assert_eq!(status("1", "0"), Err(MessageError::new(151, Fault::Value)), "open with nothing left");
    let canceled = status("4", "50").unwrap().unwrap();
    assert_eq!((canceled.kind, canceled.leaves_quantity), (ExecutionKind::StatusDone, 0));
    assert_eq!(status("Z", "50"), Err(MessageError::new(39, Fault::Value)));
    let unknown = FILL.replace("150=F", "103=5|150=I").replace("39=1", "39=8");
    let execution = decode_text(&unknown).unwrap().unwrap();
    assert_eq!(
        (execution.kind, execution.reason),
        (ExecutionKind::StatusUnknown, RejectReason::UnknownOrder)
    );
    assert_eq!(decode_text(&unknown.replace("39=8|", "")), Err(MessageError::new(39, Fault::Missing)));
}

#[test]
fn cancel_rejects() {
    let body = "35=9|34=3|11=2012062100000008|41=2012062100000007|37=NONE|39=8|434=1|102=1|58=who?|";
    let execution = decode_text(body).unwrap().unwrap();
    assert_eq!(execution.kind, ExecutionKind::CancelRejected);
    assert_eq!(
        (execution.cl_ord_id, execution.orig_cl_ord_id),
        (2_012_062_100_000_008, 2_012_062_100_000_007)
    );
    assert_eq!((execution.venue_order_id, execution.exec_id, execution.last_price), (0, 0, PRICE_NONE));
    assert_eq!((execution.reason, execution.side), (RejectReason::UnknownOrder, Side::None));
    for (code, expected) in
        [("0", RejectReason::TooLate), ("3", RejectReason::Pending), ("6", RejectReason::DuplicateClOrdId)]
    {
        let body = body.replace("102=1", &format!("102={code}"));
        assert_eq!(decode_text(&body).unwrap().unwrap().reason, expected);
    }
    assert_eq!(decode_text(&body.replace("41=", "42=")), Err(MessageError::new(41, Fault::Missing)));
}

#[test]
fn faults_name_the_tag() {
    for (from, to, tag, fault) in [
        ("11=2012062100000007|", "", 11, Fault::Missing),
        ("11=2012062100000007|", "11=201206210000007|", 11, Fault::Value),
        ("11=2012062100000007|", "11=20120621000000A7|", 11, Fault::Value),
        ("11=2012062100000007|", "11=0000000000000000|", 11, Fault::Value),
        ("14=150|", "", 14, Fault::Missing),
        ("17=12|", "", 17, Fault::Missing),
        ("31=187.4500|", "", 31, Fault::Missing),
        ("31=187.4500|", "31=187.4500000001|", 31, Fault::Format),
        ("32=00000100|", "32=0|", 32, Fault::Value),
        ("32=00000100|", "32=100.5|", 32, Fault::Format),
        ("37=E-77|", "", 37, Fault::Missing),
        ("54=1|", "54=6|", 54, Fault::Value),
        ("54=1|", "54=1|54=1|", 54, Fault::Duplicate),
        ("150=F|", "", 150, Fault::Missing),
        ("150=F|", "150=FF|", 150, Fault::Format),
        ("151=50|", "", 151, Fault::Missing),
        ("35=8|", "35=AE|", 35, Fault::UnsupportedMessageType),
        ("6=187.45|", "6=|", 6, Fault::Empty),
    ] {
        assert_eq!(
            decode_text(&FILL.replacen(from, to, 1)),
            Err(MessageError::new(tag, fault)),
            "{from} {to}"
        );
    }
}
