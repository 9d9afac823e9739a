//! Sending again what the peer asked for: application messages with PossDupFlag(43), everything else gap-filled.
//!
//! A ResendRequest only says what is wanted. [`super::Session::resend`] then works on it a few messages a turn, so that
//! new orders and heartbeats go out between them, however long the range is. What comes again has the number that it had, a
//! new SendingTime(52), and the old one as OrigSendingTime(122).

use super::{CloseReason, Core, Flow, SendBuffer};
use crate::fix::codec::{BuildError, Encoder, is_header_tag};
use crate::fix::fix44;
use crate::fix::frame::{FRAME_MAX, Frame};
use crate::fix::timestamp::TimePrecision;

/// Bytes that may wait in the send buffer, or half of it, when more is sent again: what is new goes out behind them.
const WAITING_MAX: usize = 1 << 19;

/// What a session has sent, for as far as it may be sent again.
pub trait SentMessages {
    /// The first message from number `from` to number `last` that may go out again, as it was sent, with its number. The
    /// numbers before it, session messages and what is gone or too old, are gap-filled; all of them where it is `None`.
    fn first(&self, from: u32, last: u32) -> Option<(u32, Frame<'_>)>;
}

/// A store of nothing: every range is gap-filled.
#[derive(Clone, Copy, Debug)]
pub struct NothingSent;

impl SentMessages for NothingSent {
    fn first(&self, _from: u32, _last: u32) -> Option<(u32, Frame<'_>)> {
        None
    }
}

/// What is still to be sent again: both numbers belong to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resend {
    pub(super) next: u32,
    pub(super) last: u32,
}

impl Core {
    /// The peer wants `begin` to `last`; together with what it still waits for.
    pub(super) fn want_resend(&mut self, begin: u32, last: u32) {
        let wanted = Resend { next: begin, last };
        self.resend = Some(match self.resend {
            None => wanted,
            Some(open) => Resend { next: open.next.min(begin), last: open.last.max(last) },
        });
    }

    pub(super) fn resend(
        &mut self,
        now_ns: u64,
        sent: &impl SentMessages,
        messages_max: usize,
        out: &mut SendBuffer,
    ) -> Flow {
        let mut budget = messages_max;
        while let Some(Resend { next, last }) = self.resend {
            let waiting = out.capacity() - out.room();
            if budget == 0 || out.room() < FRAME_MAX || waiting > WAITING_MAX.min(out.capacity() / 2) {
                break;
            }
            budget -= 1;
            let found = sent.first(next, last).filter(|&(sequence, _)| (next..=last).contains(&sequence));
            let fill_until = found.map_or(last.saturating_add(1), |(sequence, _)| sequence);
            if fill_until > next {
                self.gap_fill_out(now_ns, next, fill_until, out)?;
                if self.gap.request_is_in(next, fill_until) {
                    // The peer missed our own request for what we miss.
                    self.request(now_ns, self.gap.until(), out)?;
                }
            }
            let mut at = fill_until;
            if let Some((sequence, frame)) = found {
                // Too long with the fields of a duplicate: nothing that we send is.
                if self.send_again(now_ns, sequence, frame, out).is_err() {
                    self.gap_fill_out(now_ns, sequence, sequence + 1, out)?;
                }
                at += 1;
            }
            self.resend = (at <= last).then_some(Resend { next: at, last });
        }
        Ok(())
    }

    /// SequenceReset-GapFill for the numbers from `from` up to, not with, `new`.
    fn gap_fill_out(&mut self, now_ns: u64, from: u32, new: u32, out: &mut SendBuffer) -> Flow {
        let sending_ns = self.utc_ns(now_ns);
        let config = &self.config;
        let mut encoder = Encoder::start(out.space(FRAME_MAX), config.ids.begin_string(), b"4");
        encoder
            .set(fix44::MSG_SEQ_NUM, from)
            .set(fix44::POSS_DUP_FLAG, true)
            .set(fix44::SENDER_COMP_ID, config.ids.sender_comp_id().as_bytes())
            .set_time(fix44::SENDING_TIME, sending_ns, config.time_precision)
            .set(fix44::TARGET_COMP_ID, config.ids.target_comp_id().as_bytes())
            .set_time(fix44::ORIG_SENDING_TIME, sending_ns, config.time_precision)
            .set(fix44::NEW_SEQ_NO, new)
            .set(fix44::GAP_FILL_FLAG, true);
        let length = encoder.done().map_err(|_| CloseReason::SendBufferFull)?;
        out.commit(length);
        self.counters.gap_fills += 1;
        self.sent_again(now_ns);
        Ok(())
    }

    fn send_again(
        &mut self,
        now_ns: u64,
        sequence: u32,
        frame: Frame<'_>,
        out: &mut SendBuffer,
    ) -> Result<(), BuildError> {
        let sending_ns = self.utc_ns(now_ns);
        let precision = self.config.time_precision;
        let length = write_again(frame, sequence, sending_ns, precision, out.space(FRAME_MAX))?;
        out.commit(length);
        self.counters.resent += 1;
        self.sent_again(now_ns);
        Ok(())
    }

    /// An old number: the next one is not used up.
    fn sent_again(&mut self, now_ns: u64) {
        self.last_sent_ns = now_ns;
        self.counters.sent += 1;
    }
}

/// Header fields that stand before SendingTime(52), in the order of [`Encoder::start_message`].
const BEFORE_SENDING_TIME: [u32; 2] = [49, 50];

/// Writes a message once more, as a possible duplicate of number `sequence`.
fn write_again(
    frame: Frame<'_>,
    sequence: u32,
    sending_ns: u64,
    precision: TimePrecision,
    out: &mut [u8],
) -> Result<usize, BuildError> {
    let begin_string = std::str::from_utf8(frame.begin_string()).unwrap_or("");
    let mut encoder = Encoder::start(out, begin_string, frame.message_type());
    encoder.set(fix44::MSG_SEQ_NUM, sequence).set(fix44::POSS_DUP_FLAG, true);
    let copy = |encoder: &mut Encoder<'_>, wanted: &dyn Fn(u32) -> bool| {
        let mut fields = frame.fields();
        while let Ok(Some((tag, value))) = fields.next_field() {
            if wanted(tag) {
                encoder.set_text(tag, value);
            }
        }
    };
    copy(&mut encoder, &|tag| BEFORE_SENDING_TIME.contains(&tag));
    let mut original = None;
    let mut fields = frame.fields();
    while let Ok(Some((tag, value))) = fields.next_field() {
        if tag == 52 {
            original = Some(value);
        }
    }
    // As fine as the original: cut off more, it would lie before it when both are of the same moment.
    let precision = original.and_then(TimePrecision::of_text).unwrap_or(precision);
    encoder.set_time(fix44::SENDING_TIME, sending_ns, precision);
    let written = |tag: u32| matches!(tag, 34 | 43 | 52 | 122) || BEFORE_SENDING_TIME.contains(&tag);
    copy(&mut encoder, &|tag| is_header_tag(tag) && !written(tag));
    if let Some(original) = original {
        encoder.set_text(122, original);
    }
    copy(&mut encoder, &|tag| !is_header_tag(tag));
    encoder.done()
}
