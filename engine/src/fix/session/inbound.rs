//! A received frame: header checks, sequence checks, and who gets it.

use std::cmp::Ordering;

use feeds::units::TIME_NONE;

use super::admin::LogonPrint;
use super::header::ReceivedHeader;
use super::{CloseReason, Core, Flow, Role, SENDING_TIME_TOLERANCE_NS, SendBuffer, State, Validation};
use crate::fix::codec::Message;
use crate::fix::fault::{Fault, MessageError};
use crate::fix::fix44;
use crate::fix::frame::{FRAME_MAX, Frame};
use crate::fix::number::write_unsigned;
use crate::fix::validate::validate;

/// Nanoseconds in a millisecond.
const NS_PER_MS: u64 = 1_000_000;

/// First of the tags that counterparties may define among themselves.
const USER_DEFINED_TAG_MIN: u32 = 5_000;

/// Heartbeat, TestRequest, ResendRequest, SequenceReset, Logout, Logon: what a session does itself. A Reject (3) is its
/// owner's business.
const fn is_session_message(message_type: u8) -> bool {
    matches!(message_type, b'0' | b'1' | b'2' | b'4' | b'5' | b'A')
}

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
            self.reject(now_ns, out, frame, sequence, MessageError::new(0, error.fault))?;
            return self.logout_and_close(now_ns, out, b"", CloseReason::Header);
        }
        match frame.message_type_byte() {
            b'4' | b'A' if self.is_out_of_sequence_by_design(frame) => {
                let print = LogonPrint::of(frame, &header);
                return self.on_reset(now_ns, frame, sequence, print, out);
            }
            // Whoever asks or leaves is heard whatever was lost before.
            b'5' => {
                self.count_last(sequence);
                return self.on_logout(now_ns, out);
            }
            b'2' if header.error.is_none() && header.poss_dup != Some(true) => {
                return self.on_resend_wish(now_ns, frame, sequence, out);
            }
            _ => {}
        }
        match sequence.cmp(&self.next_incoming) {
            Ordering::Less => self.on_low(now_ns, frame, sequence, &header, out),
            Ordering::Greater => self.on_high(now_ns, frame, sequence, &header, out),
            Ordering::Equal => {
                self.in_sequence(now_ns, frame, sequence, &header, out, handler)?;
                self.after_progress(now_ns, out)
            }
        }
    }

    /// The last message of a connection, a Logout, uses up its number where nothing is missing before it: a next logon
    /// without a reset asks for nothing then. A gap before it is for that logon to show.
    const fn count_last(&mut self, sequence: u32) {
        if sequence == self.next_incoming {
            self.next_incoming = self.next_incoming.saturating_add(1);
        }
    }

    /// The messages that were kept behind a gap and whose turn has come.
    pub(super) fn on_early(
        &mut self,
        now_ns: u64,
        scratch: &mut [u8; FRAME_MAX],
        out: &mut SendBuffer,
        handler: &mut impl FnMut(u64, u8, Frame<'_>) -> Result<(), MessageError>,
    ) -> Flow {
        while let Some(length) = self.gap.take(self.next_incoming, scratch) {
            let sequence = self.next_incoming;
            match scratch.get(..length).map(Frame::parse) {
                Some(Ok(frame)) => {
                    let header = ReceivedHeader::read(frame);
                    self.in_sequence(now_ns, frame, sequence, &header, out, handler)?;
                }
                // Processed when it came.
                _ => self.next_incoming = self.next_incoming.saturating_add(1),
            }
        }
        self.after_progress(now_ns, out)
    }

    /// The expected message.
    fn in_sequence(
        &mut self,
        now_ns: u64,
        frame: Frame<'_>,
        sequence: u32,
        header: &ReceivedHeader<'_>,
        out: &mut SendBuffer,
        handler: &mut impl FnMut(u64, u8, Frame<'_>) -> Result<(), MessageError>,
    ) -> Flow {
        // From here on the number is used up, whatever is wrong with the message.
        self.next_incoming = self.next_incoming.saturating_add(1);
        if let Some(error) = self.invalid(frame).or(header.error) {
            return self.reject(now_ns, out, frame, sequence, error);
        }
        if let Some(flow) = self.refuse_duplicate(now_ns, frame, sequence, header, out) {
            return flow;
        }
        self.dispatch(now_ns, frame, sequence, out, handler)
    }

    /// Asks for the next chunk of a gap, where there is one.
    fn after_progress(&mut self, now_ns: u64, out: &mut SendBuffer) -> Flow {
        if self.gap.progress(now_ns, self.next_incoming) {
            return self.request(now_ns, self.gap.until(), out);
        }
        Ok(())
    }

    /// A ResendRequest: answered even behind a gap, else two sides that wait for each other would wait for ever.
    fn on_resend_wish(&mut self, now_ns: u64, frame: Frame<'_>, sequence: u32, out: &mut SendBuffer) -> Flow {
        let done = Message::of(frame).and_then(|message| self.on_resend_request(&message));
        if let Err(error) = done {
            self.reject(now_ns, out, frame, sequence, error)?;
        }
        match sequence.cmp(&self.next_incoming) {
            Ordering::Less => Ok(()),
            Ordering::Equal => {
                self.next_incoming = self.next_incoming.saturating_add(1);
                self.after_progress(now_ns, out)
            }
            Ordering::Greater => {
                self.gap.keep(sequence, &[]);
                self.missing_before(now_ns, sequence, false, out)
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
            _ if is_session_message(message_type) => match Message::of(frame) {
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
            Err(error) if self.is_unheard_of(frame, error) => {
                let error = MessageError::new(0, Fault::InvalidMessageType);
                self.reject(now_ns, out, frame, sequence, error)
            }
            Err(error) => self.reject(now_ns, out, frame, sequence, error),
        }
    }

    /// What the dictionary says against a message, as far as this session asks it.
    #[inline]
    fn invalid(&self, frame: Frame<'_>) -> Option<MessageError> {
        let asked = match self.config.validation {
            Validation::SessionMessages => is_session_message(frame.message_type_byte()),
            Validation::AllMessages => true,
        };
        let error = if asked { validate(self.dictionary, frame).err()? } else { return None };
        // Venues put fields of their own into the standard's messages; what we cannot know we pass over.
        let own = error.fault == Fault::InvalidTag && error.tag >= USER_DEFINED_TAG_MIN;
        (!own || self.config.role == Role::Acceptor).then_some(error)
    }

    /// Whether a message was refused for a type that the version does not even define.
    fn is_unheard_of(&self, frame: Frame<'_>, error: MessageError) -> bool {
        error.fault == Fault::UnsupportedMessageType && !self.dictionary.is_message_type(frame.message_type())
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
            b'2' => Ok(self.on_resend_request(message)),
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
            || header.error.is_some();
        let (Some(sequence), false) = (header.sequence, wrong_header) else {
            return Err(CloseReason::LogonInvalid);
        };
        if message_type == b'5' && self.config.role == Role::Initiator {
            self.count_last(sequence);
            return Err(CloseReason::LogonRefused);
        }
        if message_type != b'A' {
            return Err(CloseReason::LogonInvalid);
        }
        let verifier = self.config.logon_verifier.as_ref();
        let is_proven = |message: &Message<'_>| verifier.is_none_or(|verifier| verifier.verify(message));
        let terms = match (self.invalid(frame), Message::of(frame)) {
            (Some(error), _) | (None, Err(error)) => Err(error),
            (None, Ok(message)) if is_proven(&message) => self.logon_terms(&message, sequence),
            (None, Ok(_)) => {
                return self.logout_and_close(now_ns, out, b"Not authorized", CloseReason::LogonInvalid);
            }
        };
        match terms {
            Ok(terms) => self.accept_logon(now_ns, sequence, terms, LogonPrint::of(frame, header), out),
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
        self.refuse_duplicate(now_ns, frame, sequence, header, out).unwrap_or(Ok(()))
    }

    /// What is wrong with the times of a possible duplicate, said to the peer; `None` where nothing is. Some venues leave
    /// OrigSendingTime(122) out of a SequenceReset: nothing depends on it there.
    fn refuse_duplicate(
        &mut self,
        now_ns: u64,
        frame: Frame<'_>,
        sequence: u32,
        header: &ReceivedHeader<'_>,
        out: &mut SendBuffer,
    ) -> Option<Flow> {
        if header.poss_dup != Some(true) {
            return None;
        }
        let error = match header.orig_sending_time_ns {
            None if frame.message_type_byte() == b'4' => return None,
            None => {
                let error = MessageError::new(122, Fault::Missing);
                return Some(self.reject(now_ns, out, frame, sequence, error));
            }
            // Compared in milliseconds: a venue may write the original more finely than the header.
            Some(original_ns)
                if header
                    .sending_time_ns
                    .is_some_and(|sending_ns| original_ns / NS_PER_MS > sending_ns / NS_PER_MS) =>
            {
                MessageError::new(0, Fault::SendingTime)
            }
            Some(_) => return None,
        };
        let flow = self.reject(now_ns, out, frame, sequence, error);
        Some(flow.and_then(|()| self.logout_and_close(now_ns, out, b"", CloseReason::Header)))
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

    /// Above what is expected: something is missing. The message waits until that has come.
    fn on_high(
        &mut self,
        now_ns: u64,
        frame: Frame<'_>,
        sequence: u32,
        header: &ReceivedHeader<'_>,
        out: &mut SendBuffer,
    ) -> Flow {
        if self.gap.keep(sequence, frame.bytes()) {
            self.counters.kept_behind_gap += 1;
        } else {
            self.counters.dropped_behind_gap += 1;
        }
        self.missing_before(now_ns, sequence, header.poss_dup == Some(true), out)
    }

    /// Asks for what is missing before message `sequence`. While a request is being answered, what is new comes in
    /// behind it and is no reason for another one; a resent message is, once for each hole that the answer leaves.
    fn missing_before(&mut self, now_ns: u64, sequence: u32, is_resent: bool, out: &mut SendBuffer) -> Flow {
        let covered = self.gap.covers(self.next_incoming);
        if covered && (!is_resent || self.gap.from() == self.next_incoming) {
            return Ok(());
        }
        self.request_resend(now_ns, sequence, out)
    }

    /// Whether the message carries its own sequence numbers and so ignores the expected one: SequenceReset without gap
    /// fill, and a Logon that resets.
    fn is_out_of_sequence_by_design(&self, frame: Frame<'_>) -> bool {
        let reset = frame.message_type_byte() == b'4';
        let flag = if reset { fix44::GAP_FILL_FLAG } else { fix44::RESET_SEQ_NUM_FLAG };
        let set = Message::of(frame).is_ok_and(|message| message.get(flag) == Ok(Some(true)));
        set != reset
    }

    /// CompIDs that are not this session's; one that is absent is an error of the header.
    fn identity_error(&self, header: &ReceivedHeader<'_>) -> Option<MessageError> {
        let ids = &self.config.ids;
        let differs = |found: Option<&[u8]>, ours: &str| found.is_some_and(|found| found != ours.as_bytes());
        if differs(header.sender_comp_id, ids.target_comp_id()) {
            return Some(MessageError::new(49, Fault::CompId));
        }
        if differs(header.target_comp_id, ids.sender_comp_id()) {
            return Some(MessageError::new(56, Fault::CompId));
        }
        None
    }

    /// SendingTime(52) too far from our clock.
    fn sending_time_error(&self, now_ns: u64, header: &ReceivedHeader<'_>) -> Option<MessageError> {
        let sending_ns = header.sending_time_ns?;
        (sending_ns.abs_diff(self.utc_ns(now_ns)) > SENDING_TIME_TOLERANCE_NS)
            .then_some(MessageError::new(52, Fault::SendingTime))
    }
}
