//! The venue's codes of what it refused, and its words where the standard has no code.

use crate::order::RejectReason;

/// OrdRejReason(103), `u64::MAX` where absent, to the engine's reason.
#[cold]
pub(super) fn order_reject_reason(code: u64, text: &[u8]) -> RejectReason {
    match code {
        1 => RejectReason::UnknownSymbol,
        2 | 4 => RejectReason::Closed,
        3 | 13 => RejectReason::Quantity,
        5 => RejectReason::UnknownOrder,
        6 => RejectReason::DuplicateClOrdId,
        99 => reason_in_text(text),
        _ => RejectReason::Other,
    }
}

/// CxlRejReason(102), `u64::MAX` where absent, to the engine's reason.
#[cold]
pub(super) fn cancel_reject_reason(code: u64, text: &[u8]) -> RejectReason {
    match code {
        0 => RejectReason::TooLate,
        1 => RejectReason::UnknownOrder,
        3 => RejectReason::Pending,
        6 => RejectReason::DuplicateClOrdId,
        2 | 99 => reason_in_text(text),
        _ => RejectReason::Other,
    }
}

/// The standard has no code for these; venues say them in Text(58).
fn reason_in_text(text: &[u8]) -> RejectReason {
    let says = |word: &[u8]| text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    if says(b"price") {
        RejectReason::Price
    } else if says(b"quantity") {
        RejectReason::Quantity
    } else if says(b"closed") || says(b"halted") {
        RejectReason::Closed
    } else {
        RejectReason::Other
    }
}
