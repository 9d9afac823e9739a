//! The kinds of records, and what makes a payload not one of its kind.

use std::fmt;

/// What a record holds. Codes 1 to 15 and 48 to 63 are of the decide thread, 16 to 31 of ingest, 32 to 47 of
/// order entry.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// [`super::MarketRun`]: market messages consumed.
    MarketRun = 1,
    /// [`crate::order::Execution`]: a venue's answer consumed.
    Execution = 2,
    /// [`super::Timer`]: a timer that fired.
    Timer = 3,
    /// [`crate::pipeline::operator::Command`]: an operator's or a watchdog's command consumed.
    Command = 4,
    /// [`crate::order::Order`]: an approved action, written before it enters the order ring.
    Action = 5,
    /// [`super::End`]: what the run came to.
    End = 6,
    /// [`feeds::event::MarketEvent`]: a market event of a live run consumed.
    MarketEvent = 7,
    /// [`super::Resumed`]: the run goes on where another one ended; the first record, if there.
    Resumed = 8,
    /// [`crate::pipeline::order_table::LiveOrder`]: an open order that was taken over.
    OpenOrder = 9,
    /// [`crate::pipeline::carried_state::CarriedAccount`]: an account that was taken over.
    Account = 10,
    /// [`crate::pipeline::operator::OperatorNote`]: who asked for the next command, and why.
    Note = 11,
    /// [`super::Slots`]: the next input found this much room for its actions.
    Slots = 12,
    /// [`crate::pipeline::carried_state::CarriedHolding`]: a strategy's position that was taken over.
    Holding = 13,
    /// [`crate::pipeline::risk::fills::BookedFill`]: a fill that was taken over.
    BookedFill = 14,
    /// [`crate::pipeline::operator::Command`]: a block or a limit that was taken over, as what set it. No input.
    Standing = 15,
    /// [`super::CaptureOpened`].
    CaptureOpened = 16,
    /// Bytes given to the session's socket, as they went out. The payload is the bytes.
    Sent = 32,
    /// Bytes taken from the session's socket, as they came. The payload is the bytes.
    Received = 33,
    /// [`super::Connected`]: a connection of the session begins, or its numbers go on where a former run left them.
    Connected = 34,
    /// [`crate::pipeline::operator::Command`]: the decision core itself has blocked something, at the last input. No input:
    /// a replay comes to it by itself, and who reads no market data learns it here. Decide's.
    Blocked = 48,
    /// [`crate::pipeline::risk::Valuation`]: what the last input did to the worth of the account. No input. Decide's.
    Valued = 49,
    /// A sample of the loss window that was taken over: time and worth. Decide's.
    Worth = 50,
    /// [`super::AnswerItems`]: items of the answer that follows. No input. Decide's.
    AnswerItems = 51,
    /// [`super::AnswerEnd`]: an answer of wide work consumed, with the items before it. Decide's.
    Answer = 52,
    /// [`super::SurfaceEnd`]: a fit of volatilities consumed, with those before it. Decide's.
    Surface = 54,
    /// [`super::SurfaceVols`]: volatilities of the fit that follows, with what early exercise adds. No input. Decide's. The
    /// code 53 was theirs while a premium was one number: a journal that has it is one of another version, and is refused.
    SurfaceVols = 55,
    /// The thread closed its journal; the last record. No payload.
    Closed = 255,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 27] = [
        Self::MarketRun,
        Self::Execution,
        Self::Timer,
        Self::Command,
        Self::Action,
        Self::End,
        Self::MarketEvent,
        Self::Resumed,
        Self::OpenOrder,
        Self::Account,
        Self::Note,
        Self::Slots,
        Self::Holding,
        Self::BookedFill,
        Self::Standing,
        Self::CaptureOpened,
        Self::Sent,
        Self::Received,
        Self::Connected,
        Self::Blocked,
        Self::Valued,
        Self::Worth,
        Self::AnswerItems,
        Self::Answer,
        Self::SurfaceVols,
        Self::Surface,
        Self::Closed,
    ];

    /// The kind of a code, `None` for a code that this build does not know.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&kind| kind as u8 == code)
    }

    /// The name in reports and filters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MarketRun => "market_run",
            Self::Execution => "execution",
            Self::Timer => "timer",
            Self::Command => "command",
            Self::Action => "action",
            Self::End => "end",
            Self::CaptureOpened => "capture_opened",
            Self::MarketEvent => "market_event",
            Self::Resumed => "resumed",
            Self::OpenOrder => "open_order",
            Self::Account => "account",
            Self::Holding => "holding",
            Self::BookedFill => "booked_fill",
            Self::Standing => "standing",
            Self::Note => "note",
            Self::Slots => "slots",
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Connected => "connected",
            Self::Blocked => "blocked",
            Self::Valued => "valued",
            Self::Worth => "worth",
            Self::AnswerItems => "answer_items",
            Self::Answer => "answer",
            Self::SurfaceVols => "surface_vols",
            Self::Surface => "surface",
            Self::Closed => "closed",
        }
    }

    /// The kind of a name, `None` for any other word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Why a payload is not one of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// Not as long as its kind.
    Length {
        /// Whose payload.
        kind: RecordKind,
        /// Bytes found.
        found: usize,
        /// Bytes of that kind.
        expected: usize,
    },
    /// A coded field holds no known code, or padding is not zero.
    Field {
        /// Whose payload.
        kind: RecordKind,
        /// Offset of the field in the payload.
        at: usize,
    },
    /// A kind that the decide thread does not write.
    NotDecide {
        /// The kind found.
        kind: RecordKind,
    },
}

impl fmt::Display for PayloadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { kind, found, expected } => {
                write!(out, "{} payload of {found} bytes, not {expected}", kind.name())
            }
            Self::Field { kind, at } => write!(out, "{} payload: no such value at byte {at}", kind.name()),
            Self::NotDecide { kind } => write!(out, "a {} record among those of decide", kind.name()),
        }
    }
}

impl std::error::Error for PayloadError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_come_back() {
        for code in 0..=255u8 {
            assert!(RecordKind::from_code(code).is_none_or(|kind| kind as u8 == code));
        }
        assert_eq!(RecordKind::from_code(53), None, "of another version");
        for kind in RecordKind::ALL {
            assert_eq!(RecordKind::from_code(kind as u8), Some(kind));
            assert_eq!(RecordKind::from_name(kind.name()), Some(kind));
        }
    }
}
