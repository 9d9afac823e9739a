//! What a venue refuses as a message, by Reject (3) or BusinessMessageReject (j), and which order that was.
//!
//! A refused message was not acted upon, so that a new order in it is rejected and a replace or cancel in it leaves its order as
//! it was. A Reject names the message by its MsgSeqNum only: which order that was is remembered for the last
//! [`REMEMBERED`] messages. Allocates at construction; owned by the order-entry thread.

use std::fmt;

use feeds::event::Side;

use crate::fix::rejects::MessageReject;
use crate::order::{ClOrdId, Execution, ExecutionKind, OrderAction, RejectReason};

/// Order messages whose MsgSeqNum is remembered: a power of two.
const REMEMBERED: usize = 4096;

/// Bytes of the venue's Text(58) that are kept.
const TEXT_BYTES: usize = 96;

/// An order message that was sent.
#[derive(Clone, Copy)]
struct SentOrder {
    sequence: u32,
    action: OrderAction,
    side: Side,
    cl_ord_id: ClOrdId,
}

const NO_ORDER: SentOrder =
    SentOrder { sequence: 0, action: OrderAction::Status, side: Side::None, cl_ord_id: 0 };

/// The last order messages that were sent on this connection, by MsgSeqNum.
pub(super) struct SentOrders(Box<[SentOrder; REMEMBERED]>);

impl SentOrders {
    pub(super) fn new() -> Self {
        Self(Box::new([NO_ORDER; REMEMBERED]))
    }

    /// MsgSeqNums start again, or another connection does: what they named before they do not name any more.
    #[cold]
    pub(super) fn forget(&mut self) {
        self.0.fill(NO_ORDER);
    }

    #[inline]
    pub(super) fn sent(&mut self, sequence: u32, action: OrderAction, side: Side, cl_ord_id: ClOrdId) {
        self.0[sequence as usize % REMEMBERED] = SentOrder { sequence, action, side, cl_ord_id };
    }

    /// What the refusal of a message means for its order: an execution of what is certain, or `None` where no order of ours
    /// changes by it or nobody remembers which.
    #[cold]
    pub(super) fn refused(&self, reject: &MessageReject<'_>, venue: u8, time_ns: u64) -> Option<Execution> {
        let by_sequence = &self.0[reject.ref_seq_num as usize % REMEMBERED];
        let by_id = || self.0.iter().find(|sent| sent.cl_ord_id == reject.ref_cl_ord_id);
        let sent = if reject.ref_seq_num != 0 && by_sequence.sequence == reject.ref_seq_num {
            by_sequence
        } else {
            by_id().filter(|_| reject.ref_cl_ord_id != 0)?
        };
        let kind = match sent.action {
            OrderAction::New => ExecutionKind::Rejected,
            OrderAction::Replace | OrderAction::Cancel => ExecutionKind::CancelRejected,
            OrderAction::Status => return None,
        };
        Some(Execution {
            side: sent.side,
            reason: RejectReason::Other,
            ..Execution::of(venue, kind, sent.cl_ord_id, time_ns)
        })
    }
}

/// How often a venue refused a message, and what it said the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// Messages refused.
    pub count: u64,
    ref_seq_num: u32,
    ref_msg_type: u8,
    ref_tag_id: u32,
    reason: Option<u32>,
    text: [u8; TEXT_BYTES],
    text_length: usize,
}

impl Refusals {
    pub(super) const NONE: Self = Self {
        count: 0,
        ref_seq_num: 0,
        ref_msg_type: 0,
        ref_tag_id: 0,
        reason: None,
        text: [0; TEXT_BYTES],
        text_length: 0,
    };

    #[cold]
    pub(super) fn note(&mut self, reject: &MessageReject<'_>) {
        self.count += 1;
        self.ref_seq_num = reject.ref_seq_num;
        self.ref_msg_type = reject.ref_msg_type.first().copied().unwrap_or(0);
        self.ref_tag_id = reject.ref_tag_id;
        self.reason = reject.reason;
        self.text_length = reject.text.len().min(TEXT_BYTES);
        self.text[..self.text_length].copy_from_slice(&reject.text[..self.text_length]);
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages refused; the last: MsgSeqNum {}", self.count, self.ref_seq_num)?;
        if self.ref_msg_type != 0 {
            write!(f, ", MsgType {}", self.ref_msg_type.escape_ascii())?;
        }
        if self.ref_tag_id != 0 {
            write!(f, ", tag {}", self.ref_tag_id)?;
        }
        if let Some(reason) = self.reason {
            write!(f, ", reason {reason}")?;
        }
        if self.text_length > 0 {
            write!(f, ", \"{}\"", self.text[..self.text_length].escape_ascii())?;
        }
        Ok(())
    }
}
