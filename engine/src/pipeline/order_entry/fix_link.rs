//! A FIX session and what it writes with: approved orders to bytes, bytes of the venue to executions.

use feeds::send_buffer::SendBuffer;
use feeds::symbol::Symbol;

use super::SEND_BUFFER_BYTES;
use super::answers::Answers;
use crate::fix::codec::Header;
use crate::fix::frame::FRAME_MAX;
use crate::fix::identity::SessionIds;
use crate::fix::session::{Session, SessionConfig};
use crate::fix::status_request;
use crate::fix::templates::{OrderTemplates, TEMPLATE_BYTES, TemplateError, TemplateFormat};
use crate::fix::timestamp::TimePrecision;
use crate::order::{Execution, Order, OrderAction, RejectReason};
use crate::pipeline::risk::RiskApproved;

/// A FIX session and what it writes with.
pub(super) struct FixLink {
    pub(super) session: Session,
    pub(super) out: SendBuffer,
    templates: OrderTemplates,
    pub(super) answers: Answers,
}

impl FixLink {
    pub(super) fn new(
        config: SessionConfig,
        ids: &SessionIds,
        symbols: &[Symbol],
        format: TemplateFormat,
    ) -> Result<Self, TemplateError> {
        let symbols: Vec<String> = symbols.iter().map(Symbol::to_string).collect();
        Ok(Self {
            session: Session::new(config),
            out: SendBuffer::with_capacity(SEND_BUFFER_BYTES),
            templates: OrderTemplates::new(ids, format, symbols.iter().map(String::as_str))?,
            answers: Answers::new(),
        })
    }

    /// The connection is gone.
    pub(super) fn disconnected(&mut self) {
        self.session.on_disconnect();
        self.out.clear();
        self.answers.forget_sent();
    }

    /// Encodes an approved order; see [`super::OrderEntry::encode`].
    #[inline]
    pub(super) fn encode(
        &mut self,
        order: &RiskApproved<Order>,
        symbols: &[Symbol],
        now_ns: u64,
    ) -> Result<(), RejectReason> {
        if !self.session.is_logged_on() {
            return Err(RejectReason::NotConnected);
        }
        let space = self.out.space(FRAME_MAX);
        if space.len() < TEMPLATE_BYTES {
            return Err(RejectReason::NotConnected);
        }
        let sequence = self.session.reserve_sequence();
        let sending_time_ns = self.session.utc_ns(now_ns);
        let length = if order.action == OrderAction::Status {
            let symbol = symbols.get(order.instrument as usize).ok_or(RejectReason::UnknownSymbol)?;
            let time_precision = TimePrecision::Microseconds;
            let header = Header { ids: self.session.ids(), sequence, sending_time_ns, time_precision };
            status_request::encode(order, symbol.trimmed(), &header, space)
                .map_err(|_| RejectReason::Other)?
        } else {
            self.templates.encode(order, sequence, sending_time_ns, space).map_err(|_| RejectReason::Price)?
        };
        self.session.sent(now_ns);
        self.answers.sent(sequence, order.action, order.side, order.cl_ord_id);
        self.out.commit(length);
        Ok(())
    }

    /// Bytes of the venue; returns how many messages could not be understood.
    pub(super) fn receive(
        &mut self,
        venue: u8,
        now_ns: u64,
        bytes: &[u8],
        sink: &mut impl FnMut(Execution),
    ) -> u64 {
        let Self { session, out, answers, .. } = self;
        let malformed = answers.malformed();
        let next_outgoing = session.reserve_sequence();
        let _ = session.on_bytes(now_ns, bytes, out, &mut |now_ns, message_type, frame| {
            answers.message(venue, now_ns, message_type, frame, sink)
        });
        if session.reserve_sequence() < next_outgoing {
            answers.forget_sent();
        }
        answers.malformed() - malformed
    }
}
