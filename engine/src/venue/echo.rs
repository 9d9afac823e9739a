//! The acceptance mode of the simulated venue: an acceptor that echoes orders, as QuickFIX's acceptance scripts want it.
//!
//! NewOrderSingle (D) and SecurityDefinition (d) come back as they were sent, under a new header, the body in the order
//! of the tags. An order with PossResend(97) comes back unless its ClOrdID(11) was seen in this session. Every other
//! application message is refused by BusinessMessageReject. Both sequences start at 1 with each connection. Every
//! message is held against the version's dictionary. It allocates; it is no hot path.

use std::collections::BTreeSet;

use feeds::send_buffer::SendBuffer;

use super::desk::Acceptor;
use crate::fix::codec::{Encoder, Header, is_header_tag};
use crate::fix::fault::{Fault, MessageError};
use crate::fix::frame::{FRAME_MAX, Frame};
use crate::fix::identity::SessionIds;
use crate::fix::sent_log::SentLog;
use crate::fix::session::{Outcome, Reset, Session, SessionConfig, State, Validation};
use crate::fix::timestamp::TimePrecision;

/// Bytes and messages that can be sent again.
const SENT: (usize, usize) = (1 << 20, 1 << 12);

/// Messages that are sent again in one turn at most.
const RESENT_A_TURN: usize = 64;

/// The body of an order that goes back: its MsgType and its fields.
struct Echo {
    message_type: Vec<u8>,
    poss_resend: bool,
    body: Vec<(u32, Vec<u8>)>,
}

/// See the module's text.
pub struct EchoAcceptor {
    session: Session,
    ids: SessionIds,
    out: SendBuffer,
    sent: SentLog,
    /// Bytes at the front of `out` that are in `sent` already.
    recorded: usize,
    seen: BTreeSet<Vec<u8>>,
}

impl EchoAcceptor {
    /// An acceptor with this identity, from its own view.
    #[must_use]
    pub fn new(ids: SessionIds) -> Self {
        let mut config = SessionConfig::acceptor(ids.clone());
        config.reset = Reset::EveryLogon;
        config.logout_linger_ns = 0;
        config.validation = Validation::AllMessages;
        Self {
            session: Session::new(config),
            ids,
            out: SendBuffer::with_capacity(1 << 18),
            sent: SentLog::new(SENT.0, SENT.1),
            recorded: 0,
            seen: BTreeSet::new(),
        }
    }

    fn send(&mut self, now_ns: u64, echo: Echo) {
        let header = Header {
            ids: &self.ids,
            sequence: self.session.reserve_sequence(),
            sending_time_ns: self.session.utc_ns(now_ns),
            time_precision: TimePrecision::Milliseconds,
        };
        let mut encoder = Encoder::start_message(self.out.space(FRAME_MAX), &header, &echo.message_type);
        if echo.poss_resend {
            encoder.set_text(97, b"Y");
        }
        for (tag, value) in &echo.body {
            encoder.set_text(*tag, value);
        }
        if let Ok(length) = encoder.done() {
            self.out.commit(length);
            self.session.sent(now_ns);
        }
    }

    /// What was queued since the last call can be sent again.
    fn record(&mut self) {
        let pending = self.out.pending();
        self.sent.record(&pending[self.recorded.min(pending.len())..]);
        self.recorded = pending.len();
    }
}

/// An application message of the client: what goes back for it, if anything.
fn echo_of(frame: Frame<'_>, seen: &mut BTreeSet<Vec<u8>>) -> Result<Option<Echo>, MessageError> {
    if !matches!(frame.message_type(), b"D" | b"d") {
        return Err(MessageError::new(35, Fault::UnsupportedMessageType));
    }
    let mut echo = Echo { message_type: frame.message_type().to_vec(), poss_resend: false, body: Vec::new() };
    let mut fields = frame.fields();
    while let Some((tag, value)) = fields.next_field()? {
        if tag == 97 {
            echo.poss_resend = value == b"Y";
        } else if !is_header_tag(tag) {
            echo.body.push((tag, value.to_vec()));
        }
    }
    echo.body.sort_by_key(|&(tag, _)| tag);
    if frame.message_type() == b"D" {
        let id = echo.body.iter().find(|(tag, _)| *tag == 11).map(|(_, id)| id.clone()).unwrap_or_default();
        if !seen.insert(id) && echo.poss_resend {
            return Ok(None);
        }
    }
    Ok(Some(echo))
}

impl Acceptor for EchoAcceptor {
    fn connected(&mut self, now_ns: u64) {
        self.out.clear();
        self.recorded = 0;
        self.seen.clear();
        let _ = self.session.on_connect(now_ns, &mut self.out);
    }

    fn disconnected(&mut self, _now_ns: u64) {
        self.session.on_disconnect();
        self.out.clear();
        self.recorded = 0;
    }

    fn on_bytes(&mut self, now_ns: u64, bytes: &[u8]) {
        let mut echoes = Vec::new();
        let Self { session, out, seen, .. } = self;
        let _ = session.on_bytes(now_ns, bytes, out, &mut |_, message_type, frame| {
            if message_type != b'3' {
                echoes.extend(echo_of(frame, seen)?);
            }
            Ok(())
        });
        for echo in echoes {
            self.send(now_ns, echo);
        }
        self.record();
        self.on_timer(now_ns);
    }

    fn on_timer(&mut self, now_ns: u64) {
        if self.session.next_timer_ns() <= now_ns
            && self.session.on_timer(now_ns, &mut self.out) == Outcome::Open
        {
            self.record();
        }
        if self.session.is_resending() {
            let _ = self.session.resend(now_ns, &self.sent, RESENT_A_TURN, &mut self.out);
            self.record();
        }
    }

    fn pending(&self) -> &[u8] {
        self.out.pending()
    }

    fn consume(&mut self, count: usize) {
        self.out.consume(count);
        self.recorded = self.recorded.saturating_sub(count);
    }

    fn wants_close(&self) -> bool {
        matches!(self.session.state(), State::Closed(_))
    }
}
