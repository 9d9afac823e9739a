//! What a session does on its own account: logon terms, answers, rejects, requests for what is missing.

use feeds::units::{NS_PER_S, TIME_NONE};

use super::{CloseReason, Core, Flow, HEARTBEAT_S_MAX, Role, SendBuffer, State};
use crate::fix::codec::{Encoder, Message};
use crate::fix::fault::{Fault, MessageError};
use crate::fix::fix44;
use crate::fix::frame::{FRAME_MAX, Frame};

/// Longest TestReqID(112) that is echoed, and longest MsgType(35) that a Reject names, in bytes.
const ECHO_BYTES_MAX: usize = 256;

/// The outer result closes the connection, the inner one refuses the message.
type Answer = Result<Result<(), MessageError>, CloseReason>;

impl Core {
    /// Heartbeat interval (s) and reset flag of a Logon.
    pub(super) fn logon_terms(
        &self,
        message: &Message<'_>,
        sequence: u32,
    ) -> Result<(u32, bool), MessageError> {
        if message.require(fix44::ENCRYPT_METHOD)? != 0 {
            return Err(MessageError::new(98, Fault::Value));
        }
        let heartbeat_s = u32::try_from(message.require(fix44::HEART_BT_INT)?)
            .ok()
            .filter(|&heartbeat_s| heartbeat_s <= HEARTBEAT_S_MAX)
            .ok_or(MessageError::new(108, Fault::Value))?;
        let reset = message.get(fix44::RESET_SEQ_NUM_FLAG)?.unwrap_or(false);
        if reset && sequence != 1 {
            return Err(MessageError::new(34, Fault::Value));
        }
        let unasked = self.config.role == Role::Initiator && !self.config.reset_on_logon;
        if reset && unasked && self.state == State::AwaitingLogon {
            return Err(MessageError::new(141, Fault::Value));
        }
        Ok((heartbeat_s, reset))
    }

    /// The peer's first Logon is fine.
    pub(super) fn accept_logon(
        &mut self,
        now_ns: u64,
        sequence: u32,
        heartbeat_s: u32,
        reset: bool,
        out: &mut SendBuffer,
    ) -> Flow {
        let acceptor = self.config.role == Role::Acceptor;
        if reset {
            self.next_incoming = 1;
            // An initiator's own Logon, number 1, is out already.
            if acceptor {
                self.next_outgoing = 1;
            }
        }
        if sequence < self.next_incoming {
            return self.refuse_low(now_ns, sequence, out);
        }
        if acceptor {
            self.heartbeat_ns = u64::from(heartbeat_s) * NS_PER_S;
            self.send_logon(now_ns, out, heartbeat_s, reset)?;
        }
        self.state = State::LoggedOn;
        self.deadline_ns = TIME_NONE;
        if sequence > self.next_incoming {
            return self.request_resend(now_ns, out);
        }
        self.next_incoming = self.next_incoming.saturating_add(1);
        Ok(())
    }

    /// SequenceReset-Reset, or a Logon that resets in mid-session.
    pub(super) fn on_reset(
        &mut self,
        now_ns: u64,
        frame: Frame<'_>,
        sequence: u32,
        out: &mut SendBuffer,
    ) -> Flow {
        let logon = frame.message_type_byte() == b'A';
        let done = match Message::of(frame) {
            Ok(message) if logon => self.restart(now_ns, &message, sequence, out)?,
            Ok(message) => self.reset(&message),
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) => self.reject(now_ns, out, frame, sequence, error),
        }
    }

    /// Both sides start again at 1, the connection goes on.
    fn restart(&mut self, now_ns: u64, message: &Message<'_>, sequence: u32, out: &mut SendBuffer) -> Answer {
        let heartbeat_s = match self.logon_terms(message, sequence) {
            Ok((heartbeat_s, _)) => heartbeat_s,
            Err(error) => return Ok(Err(error)),
        };
        self.next_outgoing = 1;
        self.next_incoming = 2;
        self.requested_from = 0;
        self.heartbeat_ns = u64::from(heartbeat_s) * NS_PER_S;
        self.send_logon(now_ns, out, heartbeat_s, true).map(Ok)
    }

    /// NewSeqNo(36) regardless of MsgSeqNum(34), but never backwards.
    fn reset(&mut self, message: &Message<'_>) -> Result<(), MessageError> {
        // A flag that is neither Y nor N is no licence to reset.
        message.get(fix44::GAP_FILL_FLAG)?;
        let new = message.require(fix44::NEW_SEQ_NO)?;
        if new < self.next_incoming {
            return Err(MessageError::new(36, Fault::Value));
        }
        self.next_incoming = new;
        self.requested_from = 0;
        Ok(())
    }

    /// SequenceReset-GapFill in sequence: the numbers up to NewSeqNo(36) are not coming.
    pub(super) fn gap_fill(&mut self, message: &Message<'_>) -> Result<(), MessageError> {
        let new = message.require(fix44::NEW_SEQ_NO)?;
        // The message's own number is used up already.
        if new < self.next_incoming {
            return Err(MessageError::new(36, Fault::Value));
        }
        self.next_incoming = new;
        Ok(())
    }

    /// A Heartbeat with the TestReqID(112) of the request.
    pub(super) fn answer_test_request(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        out: &mut SendBuffer,
    ) -> Answer {
        let id = match message.require(fix44::TEST_REQ_ID) {
            Ok(id) if id.len() <= ECHO_BYTES_MAX => id,
            Ok(_) => return Ok(Err(MessageError::new(112, Fault::Value))),
            Err(error) => return Ok(Err(error)),
        };
        self.send(now_ns, out, b'0', |encoder| {
            encoder.set(fix44::TEST_REQ_ID, id);
        })
        .map(Ok)
    }

    /// One GapFill over all that was asked for: nothing that we sent is worth sending late.
    pub(super) fn answer_resend_request(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        out: &mut SendBuffer,
    ) -> Answer {
        let range = message
            .require(fix44::BEGIN_SEQ_NO)
            .and_then(|begin| message.require(fix44::END_SEQ_NO).map(|end| (begin, end)));
        let (begin, end) = match range {
            Ok(range) => range,
            Err(error) => return Ok(Err(error)),
        };
        if begin == 0 || begin >= self.next_outgoing {
            return Ok(Err(MessageError::new(7, Fault::Value)));
        }
        if end != 0 && end < begin {
            return Ok(Err(MessageError::new(16, Fault::Value)));
        }
        let new = if end == 0 { self.next_outgoing } else { self.next_outgoing.min(end.saturating_add(1)) };
        let config = &self.config;
        let mut encoder = Encoder::start(out.space(FRAME_MAX), config.ids.begin_string(), b"4");
        encoder
            .set(fix44::MSG_SEQ_NUM, begin)
            .set(fix44::POSS_DUP_FLAG, true)
            .set(fix44::SENDER_COMP_ID, config.ids.sender_comp_id().as_bytes())
            .set_time(fix44::SENDING_TIME, now_ns, config.time_precision)
            .set(fix44::TARGET_COMP_ID, config.ids.target_comp_id().as_bytes())
            .set_time(fix44::ORIG_SENDING_TIME, now_ns, config.time_precision)
            .set(fix44::NEW_SEQ_NO, new)
            .set(fix44::GAP_FILL_FLAG, true);
        let length = encoder.done().map_err(|_| CloseReason::SendBufferFull)?;
        out.commit(length);
        // An old number: the next one is not used up.
        self.last_sent_ns = now_ns;
        self.counters.sent += 1;
        Ok(Ok(()))
    }

    /// The peer's Logout: the answer to ours, or a wish of its own, which is answered.
    pub(super) fn on_logout(&mut self, now_ns: u64, out: &mut SendBuffer) -> Flow {
        if self.state == State::LogoutSent {
            return Err(CloseReason::LoggedOut);
        }
        self.send(now_ns, out, b'5', |_| {})?;
        if self.config.role == Role::Initiator {
            return Err(CloseReason::LoggedOut);
        }
        self.state = State::LogoutAnswered;
        self.deadline_ns = now_ns.saturating_add(self.config.logout_timeout_ns);
        Ok(())
    }

    /// Asks for everything from the expected number on, once for each number: what came behind the gap before the
    /// peer read the request is part of its answer, and what comes behind a gap after some progress is a new gap.
    pub(super) fn request_resend(&mut self, now_ns: u64, out: &mut SendBuffer) -> Flow {
        let from = self.next_incoming;
        if self.requested_from == from {
            return Ok(());
        }
        self.requested_from = from;
        self.counters.resend_requests += 1;
        self.send(now_ns, out, b'2', |encoder| {
            encoder.set(fix44::BEGIN_SEQ_NO, from).set(fix44::END_SEQ_NO, 0);
        })
    }

    /// Refuses a message by Reject (3), or by BusinessMessageReject (j) where its type is not served.
    pub(super) fn reject(
        &mut self,
        now_ns: u64,
        out: &mut SendBuffer,
        frame: Frame<'_>,
        sequence: u32,
        error: MessageError,
    ) -> Flow {
        if frame.message_type_byte() == b'3' {
            return Ok(()); // two sides that reject each other's rejects would never end
        }
        self.counters.rejects += 1;
        let message_type = frame.message_type();
        let message_type = message_type.get(..ECHO_BYTES_MAX).unwrap_or(message_type);
        let text = error.fault.text().as_bytes();
        if error.fault == Fault::UnsupportedMessageType {
            return self.send(now_ns, out, b'j', |encoder| {
                encoder
                    .set(fix44::REF_SEQ_NUM, sequence)
                    .set(fix44::TEXT, text)
                    .set(fix44::REF_MSG_TYPE, message_type)
                    .set(fix44::BUSINESS_REJECT_REASON, 3);
            });
        }
        self.send(now_ns, out, b'3', |encoder| {
            encoder
                .set(fix44::REF_SEQ_NUM, sequence)
                .set(fix44::TEXT, text)
                .set(fix44::REF_TAG_ID, i64::from(error.tag))
                .set(fix44::REF_MSG_TYPE, message_type)
                .set(fix44::SESSION_REJECT_REASON, error.fault.session_reject_reason());
        })
    }
}
