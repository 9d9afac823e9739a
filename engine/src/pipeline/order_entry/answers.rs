//! What the application messages of a venue's FIX session say, as executions.
//!
//! The same for the link that receives them and for who reads them in a journal after a restart ([`crate::control::session_store`]),
//! so that both come to the same executions in the same order. Allocates at construction only.

use super::refusals::{Refusals, SentOrders};
use crate::fix::executions;
use crate::fix::fault::MessageError;
use crate::fix::frame::Frame;
use crate::fix::rejects;
use crate::fix::status_request;
use crate::order::{ClOrdId, Execution, OrderAction};
use feeds::event::Side;

/// See the module's text.
pub(crate) struct Answers {
    sent_orders: SentOrders,
    refusals: Refusals,
    malformed: u64,
}

impl Answers {
    /// Of a connection on which nothing was said yet.
    pub(crate) fn new() -> Self {
        Self { sent_orders: SentOrders::new(), refusals: Refusals::NONE, malformed: 0 }
    }

    /// An order message leaves with this MsgSeqNum(34).
    #[inline]
    pub(crate) fn sent(&mut self, sequence: u32, action: OrderAction, side: Side, cl_ord_id: ClOrdId) {
        self.sent_orders.sent(sequence, action, side, cl_ord_id);
    }

    /// MsgSeqNums start again, or another connection does: a refusal names no message of before.
    #[cold]
    pub(crate) fn forget_sent(&mut self) {
        self.sent_orders.forget();
    }

    /// A message of venue number `venue` that came at `now_ns`, as [`crate::fix::session::Session::on_bytes`] hands it over.
    ///
    /// # Errors
    /// It cannot be understood: the session refuses it.
    #[inline]
    pub(crate) fn message(
        &mut self,
        venue: u8,
        now_ns: u64,
        message_type: u8,
        frame: Frame<'_>,
        sink: &mut impl FnMut(Execution),
    ) -> Result<(), MessageError> {
        let Self { sent_orders, refusals, malformed } = self;
        if matches!(message_type, b'3' | b'j') {
            let reject = rejects::decode(frame).inspect_err(|_| *malformed += 1)?;
            refusals.note(&reject);
            if let Some(execution) = sent_orders.refused(&reject, venue, now_ns) {
                sink(execution);
            }
            return Ok(());
        }
        match executions::decode(frame, venue, now_ns).inspect_err(|_| *malformed += 1)? {
            Some(execution) if execution.kind.is_status() => {
                sink(Execution { orig_cl_ord_id: status_request::request_of(frame), ..execution });
            }
            Some(execution) => sink(execution),
            None => {}
        }
        Ok(())
    }

    /// What the venue refused as messages.
    pub(crate) const fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Messages that could not be understood.
    pub(crate) const fn malformed(&self) -> u64 {
        self.malformed
    }
}
