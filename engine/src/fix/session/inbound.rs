//! A received frame: header checks, sequence checks, and who gets it.

use std::cmp::Ordering;

use feeds::units::TIME_NONE;

use super::header::ReceivedHeader;
use super::{CloseReason, Core, Flow, Role, SENDING_TIME_TOLERANCE_NS, SendBuffer, State};
use crate::fix::codec::Message;
use crate::fix::fault::{Fault, MessageError};
use crate::fix::fix44;
use crate::fix::frame::Frame;
use crate::fix::number::write_unsigned;

impl Core {
    /// One frame of the peer.
    pub(super) fn on_frame(
        &mut self,
        now_ns: u64,
        frame: Frame<'_>,
        out: &mut SendBuffer,
        handler: &mut impl FnMut(u64, u8, Frame<'_>) -> Result<(), MessageError>,
    ) -> Flow {
        self.counters.received += 1;
        self.last_received_ns = now_ns;
        self.test_request_ns = TIME_NONE;
        let header = ReceivedHeader::read(frame);
        match self.state {
            State::AwaitingLogon => return self.on_logon(now_ns, frame, &header, out),
            // The peer said that it is done; whatever follows is not meant to be answered.
            State::LogoutAnswered => return Ok(()),
            State::Closed(reason) => return Err(reason),
            State::LoggedOn | State::LogoutSent => {}
        }
        let Some(sequence) = header.sequence else {
            let text = b"Required tag missing or malformed: MsgSeqNum(34)";
            return self.logout_and_close(now_ns, out, text, CloseReason::Sequence);
        };
        if frame.begin_string() != self.config.ids.begin_string().as_bytes() {
            return self.logout_and_close(now_ns, out, b"Incorrect BeginString", CloseReason::Header);
        }
        if let Some(error) = self.identity_error(&header).or(self.sending_time_error(now_ns, &header)) {
            self.reject(now_ns, out, frame, sequence, error)?;
            return self.logout_and_close(now_ns, out, error.fault.text().as_bytes(), CloseReason::Header);
        }
        if self.is_out_of_sequence_by_design(frame) {
            return self.on_reset(now_ns, frame, sequence, out);
        }
        match sequence.cmp(&self.next_incoming) {
            Ordering::Less => self.on_low(now_ns, frame, sequence, &header, out),
            Ordering::Greater => self.on_high(now_ns, frame, sequence, out),
            Ordering::Equal => {
                // From here on the number is used up, whatever is wrong with the message.
                self.next_incoming = self.next_incoming.saturating_add(1);
                let missing =
                    header.sending_time_ns.is_none().then_some(MessageError::new(52, Fault::Missing));
                if let Some(error) = header.error.or(missing) {
                    return self.reject(now_ns, out, frame, sequence, error);
                }
                self.dispatch(now_ns, frame, sequence, out, handler)
            }
        }
    }

    /// A message in sequence.
    fn dispatch(
        &mut self,
        now_ns: u64,
        frame: Frame<'_>,
        sequence: u32,
        out: &mut SendBuffer,
        handler: &mut impl FnMut(u64, u8, Frame<'_>) -> Result<(), MessageError>,
    ) -> Flow {
        let message_type = frame.message_type_byte();
        let done = match message_type {
            b'0' | b'1' | b'2' | b'4' | b'5' | b'A' => match Message::of(frame) {
                Ok(message) => self.on_admin(now_ns, message_type, &message, out)?,
                Err(error) => Err(error),
            },
            b'3' => {
                // A Reject is never answered with a Reject.
                let _ = handler(now_ns, message_type, frame);
                Ok(())
            }
            _ => handler(now_ns, message_type, frame),
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) => self.reject(now_ns, out, frame, sequence, error),
        }
    }

    /// A session message in sequence: the outer result closes the connection, the inner one refuses the message.
    fn on_admin(
        &mut self,
        now_ns: u64,
        message_type: u8,
        message: &Message<'_>,
        out: &mut SendBuffer,
    ) -> Result<Result<(), MessageError>, CloseReason> {
        match message_type {
            b'1' => self.answer_test_request(now_ns, message, out),
            b'2' => self.answer_resend_request(now_ns, message, out),
            b'4' => Ok(self.gap_fill(message)),
            b'5' => self.on_logout(now_ns, out).map(Ok),
            b'A' => {
                self.logout_and_close(now_ns, out, b"Already logged on", CloseReason::LogonInvalid).map(Ok)
            }
            _ => Ok(Ok(())), // a Heartbeat: that it came is all it says
        }
    }

    /// The first message of a connection. A wrong one is not worth an answer: the standard says to disconnect.
    fn on_logon(
        &mut self,
        now_ns: u64,
        frame: Frame<'_>,
        header: &ReceivedHeader<'_>,
        out: &mut SendBuffer,
    ) -> Flow {
        let message_type = frame.message_type_byte();
        let wrong_header = frame.begin_string() != self.config.ids.begin_string().as_bytes()
            || self.identity_error(header).is_some()
            || self.sending_time_error(now_ns, header).is_some()
            || header.sending_time_ns.is_none()
            || header.error.is_some();
        let (Some(sequence), false) = (header.sequence, wrong_header) else {
            return Err(CloseReason::LogonInvalid);
        };
        if message_type == b'5' && self.config.role == Role::Initiator {
            return Err(CloseReason::LogonRefused);
        }
        if message_type != b'A' {
            return Err(CloseReason::LogonInvalid);
        }
        let terms = Message::of(frame)
            .and_then(|message| self.logon_terms(&message, sequence).map(|terms| (terms, message)));
        let verifier = self.config.logon_verifier.as_ref();
        if let (Ok((_, message)), Some(verifier)) = (&terms, verifier)
            && !verifier.verify(message)
        {
            return self.logout_and_close(now_ns, out, b"Not authorized", CloseReason::LogonInvalid);
        }
        match terms.map(|(terms, _)| terms) {
            Ok((heartbeat_s, reset)) => self.accept_logon(now_ns, sequence, heartbeat_s, reset, out),
            Err(error) => {
                self.logout_and_close(now_ns, out, error.fault.text().as_bytes(), CloseReason::LogonInvalid)
            }
        }
    }

    /// Below what is expected: an old message again, or a peer that lost count.
    fn on_low(
        &mut self,
        now_ns: u64,
        frame: Frame<'_>,
        sequence: u32,
        header: &ReceivedHeader<'_>,
        out: &mut SendBuffer,
    ) -> Flow {
        if header.poss_dup != Some(true) {
            return self.refuse_low(now_ns, sequence, out);
        }
        self.counters.duplicates += 1;
        match (header.orig_sending_time_ns, header.sending_time_ns) {
            (None, _) => self.reject(now_ns, out, frame, sequence, MessageError::new(122, Fault::Missing)),
            (Some(original_ns), Some(sending_ns)) if original_ns > sending_ns => {
                let error = MessageError::new(122, Fault::SendingTime);
                self.reject(now_ns, out, frame, sequence, error)?;
                self.logout_and_close(now_ns, out, error.fault.text().as_bytes(), CloseReason::Header)
            }
            _ => Ok(()),
        }
    }

    /// Says which number was expected, and closes.
    pub(super) fn refuse_low(&mut self, now_ns: u64, received: u32, out: &mut SendBuffer) -> Flow {
        let mut text = [0; 80];
        let mut length = 0;
        let mut put = |bytes: &[u8]| {
            text[length..length + bytes.len()].copy_from_slice(bytes);
            length += bytes.len();
        };
        let mut digits = [0; 20];
        put(b"MsgSeqNum too low, expecting ");
        let count = write_unsigned(u64::from(self.next_incoming), &mut digits).unwrap_or(0);
        put(&digits[..count]);
        put(b" but received ");
        let count = write_unsigned(u64::from(received), &mut digits).unwrap_or(0);
        put(&digits[..count]);
        self.logout_and_close(now_ns, out, &text[..length], CloseReason::Sequence)
    }

    /// Above what is expected: something is missing. The message is dropped, since the peer will send it again, but a
    /// ResendRequest is answered (else two sides that wait for each other would wait for ever) and a Logout obeyed.
    fn on_high(&mut self, now_ns: u64, frame: Frame<'_>, sequence: u32, out: &mut SendBuffer) -> Flow {
        match frame.message_type_byte() {
            b'5' => return self.on_logout(now_ns, out),
            b'2' => {
                let answer = match Message::of(frame) {
                    Ok(message) => self.answer_resend_request(now_ns, &message, out)?,
                    Err(error) => Err(error),
                };
                if let Err(error) = answer {
                    self.reject(now_ns, out, frame, sequence, error)?;
                }
            }
            _ => self.counters.dropped_behind_gap += 1,
        }
        self.request_resend(now_ns, out)
    }

    /// Whether the message carries its own sequence numbers and so ignores the expected one: SequenceReset without gap
    /// fill, and a Logon that resets.
    fn is_out_of_sequence_by_design(&self, frame: Frame<'_>) -> bool {
        let flag = match frame.message_type_byte() {
            b'4' => fix44::GAP_FILL_FLAG,
            b'A' => fix44::RESET_SEQ_NUM_FLAG,
            _ => return false,
        };
        let set = Message::of(frame).is_ok_and(|message| message.get(flag) == Ok(Some(true)));
        if frame.message_type_byte() == b'4' { !set } else { set }
    }

    /// CompIDs that are not this session's.
    fn identity_error(&self, header: &ReceivedHeader<'_>) -> Option<MessageError> {
        let ids = &self.config.ids;
        if header.sender_comp_id != Some(ids.target_comp_id().as_bytes()) {
            return Some(MessageError::new(49, Fault::CompId));
        }
        if header.target_comp_id != Some(ids.sender_comp_id().as_bytes()) {
            return Some(MessageError::new(56, Fault::CompId));
        }
        None
    }

    /// SendingTime(52) too far from our clock.
    fn sending_time_error(&self, now_ns: u64, header: &ReceivedHeader<'_>) -> Option<MessageError> {
        let sending_ns = header.sending_time_ns?;
        (sending_ns.abs_diff(now_ns) > SENDING_TIME_TOLERANCE_NS)
            .then_some(MessageError::new(52, Fault::SendingTime))
    }
}
