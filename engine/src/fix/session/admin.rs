//! What a session does on its own account: logon terms, answers, rejects, requests for what is missing.

use feeds::units::{NS_PER_S, TIME_NONE};

use super::header::ReceivedHeader;
use super::{CloseReason, Core, Flow, HEARTBEAT_S_MAX, Role, SendBuffer, State};
use crate::fix::codec::{Encoder, Message};
use crate::fix::fault::{Fault, MessageError};
use crate::fix::fix44;
use crate::fix::frame::Frame;

/// Longest TestReqID(112) that is echoed, and longest MsgType(35) that a Reject names, in bytes.
const ECHO_BYTES_MAX: usize = 256;

/// What a Logon says.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogonTerms {
    /// HeartBtInt(108), s.
    pub(super) heartbeat_s: u32,
    /// ResetSeqNumFlag(141).
    pub(super) reset: bool,
    /// NextExpectedMsgSeqNum(789), where this session uses it.
    pub(super) next_expected: Option<u32>,
}

/// What tells one Logon of a peer from another: its SendingTime(52) and CheckSum(10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogonPrint {
    sending_time_ns: Option<u64>,
    checksum: [u8; 3],
}

impl LogonPrint {
    pub(super) fn of(frame: Frame<'_>, header: &ReceivedHeader<'_>) -> Self {
        let before_soh = frame.bytes().split_last().map_or(&[][..], |(_, before)| before);
        let checksum = before_soh.last_chunk().copied().unwrap_or_default();
        Self { sending_time_ns: header.sending_time_ns, checksum }
    }
}

/// The outer result closes the connection, the inner one refuses the message.
type Answer = Result<Result<(), MessageError>, CloseReason>;

impl Core {
    /// What a Logon says, checked.
    pub(super) fn logon_terms(
        &self,
        message: &Message<'_>,
        sequence: u32,
    ) -> Result<LogonTerms, MessageError> {
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
        let unasked = self.config.role == Role::Initiator && !self.resets;
        if reset && unasked && self.state == State::AwaitingLogon {
            return Err(MessageError::new(141, Fault::Value));
        }
        let next_expected =
            message.get(fix44::NEXT_EXPECTED_MSG_SEQ_NUM)?.filter(|_| self.config.next_expected);
        Ok(LogonTerms { heartbeat_s, reset, next_expected })
    }

    /// The peer's first Logon is fine.
    pub(super) fn accept_logon(
        &mut self,
        now_ns: u64,
        sequence: u32,
        terms: LogonTerms,
        print: LogonPrint,
        out: &mut SendBuffer,
    ) -> Flow {
        let LogonTerms { heartbeat_s, reset, next_expected } = terms;
        let acceptor = self.config.role == Role::Acceptor;
        if !reset && sequence < self.next_incoming {
            return self.refuse_low(now_ns, sequence, out);
        }
        // What the peer misses ends before the Logon that answers its own. An initiator's own Logon, number 1, is out already.
        let restarts = reset && acceptor;
        let sent = if restarts { 1 } else { self.next_outgoing };
        // Refused before anything is reset: the numbers of a logon that fails stay what they were.
        if next_expected.is_some_and(|expected| expected > sent) {
            let text = b"NextExpectedMsgSeqNum(789) is above what was sent";
            return self.logout_and_close(now_ns, out, text, CloseReason::Sequence);
        }
        if reset {
            self.next_incoming = 1;
        }
        if restarts {
            self.next_outgoing = 1;
        }
        let is_high = sequence > self.next_incoming;
        if !is_high {
            self.next_incoming = self.next_incoming.saturating_add(1);
        }
        if acceptor {
            self.heartbeat_ns = u64::from(heartbeat_s) * NS_PER_S;
            self.send_logon(now_ns, out, heartbeat_s, reset)?;
        }
        self.state = State::LoggedOn;
        self.has_logged_on = true;
        self.accepted_logon = Some(print);
        self.deadline_ns = TIME_NONE;
        if let Some(expected) = next_expected.filter(|&expected| expected > 0 && expected < sent) {
            self.want_resend(expected, sent - 1);
        }
        if is_high {
            self.gap.keep(sequence, &[]);
            if next_expected.is_some() {
                // Our own 789 asks for it; what does not come is asked for by the timer.
                let from = self.next_incoming;
                self.gap.asked(now_ns, 0, from, sequence - 1, sequence - 1);
                return Ok(());
            }
            return self.request_resend(now_ns, sequence, out);
        }
        Ok(())
    }

    /// SequenceReset-Reset, or a Logon that resets in mid-session.
    pub(super) fn on_reset(
        &mut self,
        now_ns: u64,
        frame: Frame<'_>,
        sequence: u32,
        print: LogonPrint,
        out: &mut SendBuffer,
    ) -> Flow {
        let logon = frame.message_type_byte() == b'A';
        if logon && self.accepted_logon == Some(print) {
            // A copy of what was answered already resets nothing.
            return Ok(());
        }
        let done = match Message::of(frame) {
            Ok(message) if logon => self.restart(now_ns, &message, sequence, print, out)?,
            Ok(message) => self.reset(&message),
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) => self.reject(now_ns, out, frame, sequence, error),
        }
    }

    /// Both sides start again at 1, the connection goes on.
    fn restart(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        sequence: u32,
        print: LogonPrint,
        out: &mut SendBuffer,
    ) -> Answer {
        let heartbeat_s = match self.logon_terms(message, sequence) {
            Ok(terms) => terms.heartbeat_s,
            Err(error) => return Ok(Err(error)),
        };
        self.accepted_logon = Some(print);
        self.may_have_lost = true;
        self.next_outgoing = 1;
        self.next_incoming = 2;
        self.gap.clear();
        self.resend = None;
        self.heartbeat_ns = u64::from(heartbeat_s) * NS_PER_S;
        self.send_logon(now_ns, out, heartbeat_s, true).map(Ok)
    }

    /// NewSeqNo(36) regardless of MsgSeqNum(34), but never backwards.
    fn reset(&mut self, message: &Message<'_>) -> Result<(), MessageError> {
        // A flag that is neither Y nor N is no licence to reset.
        message.get(fix44::GAP_FILL_FLAG)?;
        let new = message.require(fix44::NEW_SEQ_NO)?;
        if new < self.next_incoming {
            return Err(MessageError::new(0, Fault::Value));
        }
        self.may_have_lost |= new > self.next_incoming;
        self.next_incoming = new;
        self.gap.clear();
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
        self.may_have_lost = true;
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

    /// Notes which messages the peer wants again; [`super::Session::resend`] sends them.
    pub(super) fn on_resend_request(&mut self, message: &Message<'_>) -> Result<(), MessageError> {
        let begin = message.require(fix44::BEGIN_SEQ_NO)?;
        let end = message.require(fix44::END_SEQ_NO)?;
        if begin == 0 || begin >= self.next_outgoing {
            return Err(MessageError::new(7, Fault::Value));
        }
        if end != 0 && end < begin {
            return Err(MessageError::new(16, Fault::Value));
        }
        let sent = self.next_outgoing - 1;
        self.want_resend(begin, if end == 0 { sent } else { end.min(sent) });
        Ok(())
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
        self.deadline_ns = now_ns.saturating_add(self.config.logout_linger_ns);
        Ok(())
    }

    /// Asks for what is missing before message `sequence`: everything from the expected number on, or the first chunk.
    pub(super) fn request_resend(&mut self, now_ns: u64, sequence: u32, out: &mut SendBuffer) -> Flow {
        self.request(now_ns, sequence.saturating_sub(1), out)
    }

    /// The next request of a gap that ends with number `until`.
    pub(super) fn request(&mut self, now_ns: u64, until: u32, out: &mut SendBuffer) -> Flow {
        let from = self.next_incoming;
        let chunk = self.config.resend_chunk;
        let (end, asked_until) = match from.saturating_add(chunk.saturating_sub(1)) {
            end if chunk > 0 && end < until => (end, end),
            _ if chunk > 0 => (until, until),
            _ => (self.config.end_seq_no_open, until),
        };
        self.gap.asked(now_ns, self.next_outgoing, from, asked_until, until);
        self.counters.resend_requests += 1;
        self.send(now_ns, out, b'2', |encoder| {
            encoder.set(fix44::BEGIN_SEQ_NO, from).set(fix44::END_SEQ_NO, end);
        })
    }

    /// Nothing came for the last request.
    pub(super) fn ask_again(&mut self, now_ns: u64, out: &mut SendBuffer) -> Flow {
        if self.gap.is_hopeless() {
            let text = b"ResendRequest unanswered";
            return self.logout_and_close(now_ns, out, text, CloseReason::ResendUnanswered);
        }
        self.request(now_ns, self.gap.until(), out)
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
                reverse_route(frame, encoder);
                encoder
                    .set(fix44::REF_SEQ_NUM, sequence)
                    .set(fix44::TEXT, text)
                    .set(fix44::REF_MSG_TYPE, message_type)
                    .set(fix44::BUSINESS_REJECT_REASON, 3);
            });
        }
        let reason = error.fault.reason_in(self.version);
        self.send(now_ns, out, b'3', |encoder| {
            reverse_route(frame, encoder);
            encoder.set(fix44::REF_SEQ_NUM, sequence).set(fix44::TEXT, text);
            if let Some(tag) = error.ref_tag_id() {
                encoder.set(fix44::REF_TAG_ID, tag);
            }
            encoder.set(fix44::REF_MSG_TYPE, message_type);
            if let Some(reason) = reason {
                encoder.set(fix44::SESSION_REJECT_REASON, reason);
            }
        })
    }
}

/// OnBehalfOf and DeliverTo of a refused message, changed over: the refusal goes back the way that it came.
fn reverse_route(frame: Frame<'_>, encoder: &mut Encoder<'_>) {
    for (to, from) in [(115, 128), (116, 129), (128, 115), (129, 116), (144, 145), (145, 144)] {
        let mut fields = frame.fields();
        while let Ok(Some((tag, value))) = fields.next_field() {
            if tag == from && value.len() <= ECHO_BYTES_MAX {
                encoder.set_text(to, value);
                break;
            }
        }
    }
}
