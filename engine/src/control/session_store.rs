//! A journal as the store of a FIX session: the sequence numbers with which it goes on after a restart.
//!
//! There is no second file that could disagree: what order entry sent and received is in its journal before it counts. The
//! next outgoing number follows from what was sent; the next incoming one from what was received, taken by the very session
//! that took it then ([`Session`]), connection by connection. So do the executions that order entry made of it: those that
//! decide has no record of were on their way when the process died, and no venue sends them again. Cold: it reads the whole
//! of order entry's segments.

use std::path::Path;

use feeds::event::Side;
use feeds::send_buffer::SendBuffer;

use crate::control::journal::{self, Connected, JournalError, JournalReader, JournalThread, RecordKind};
use crate::fix::number::parse_unsigned;
use crate::fix::session::{Reset, Session, SessionConfig};
use crate::order::{ClOrdId, Execution, OrderAction};
use crate::pipeline::order_entry::Answers;

/// Room for what the session would answer; nobody gets it.
const ANSWERS_BYTES: usize = 1 << 20;

/// Where a session stood when its journal ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// The next MsgSeqNum(34) that we send.
    pub next_outgoing: u32,
    /// The next one that we expect.
    pub next_incoming: u32,
    /// The highest ClOrdID(11) that was sent, 0 for none.
    pub last_cl_ord_id: ClOrdId,
    /// When something was last sent or received, UTC ns; 0 where nothing was.
    pub last_ns: u64,
    /// What the venue said behind the first `heard` executions.
    pub unheard: Vec<Execution>,
}

/// Reads what a journal says of the FIX session of venue `venue`; `None` where it never connected. `config` is the
/// session's: what was received is judged by its identities. Decide has on record the first `heard` executions of the
/// venue.
///
/// # Errors
/// No journal, or a damaged one: the file and offset.
pub fn read(
    dir: &Path,
    venue: u8,
    config: &SessionConfig,
    heard: u64,
) -> Result<Option<StoredSession>, JournalError> {
    let mut reader = JournalReader::open(dir, JournalThread::OrderEntry)?;
    let mut replay: Option<Replay> = None;
    let (mut last_cl_ord_id, mut last_ns) = (0, 0);
    let (mut executions, mut unheard) = (0, Vec::new());
    let mut sink = |execution| {
        executions += 1;
        if executions > heard {
            unheard.push(execution);
        }
    };
    while let Some(record) = reader.next_record()? {
        if record.session != u16::from(venue) {
            continue;
        }
        last_ns = last_ns.max(record.time_ns);
        match (record.kind, &mut replay) {
            (RecordKind::Connected, replay) => {
                let Ok(connected) = Connected::decode(record.payload) else { continue };
                *replay = Some(Replay::begin(config, connected, record.time_ns));
            }
            (RecordKind::Received, Some(replay)) => {
                replay.received(venue, record.time_ns, record.payload, &mut sink);
            }
            (RecordKind::Sent, Some(replay)) => {
                last_cl_ord_id = last_cl_ord_id.max(replay.sent(record.payload));
            }
            _ => {}
        }
    }
    journal::check_watermark(dir, &reader)?;
    Ok(replay.map(|replay| StoredSession {
        next_outgoing: replay.next_outgoing,
        next_incoming: replay.session.next_incoming(),
        last_cl_ord_id,
        last_ns,
        unheard,
    }))
}

/// One connection, lived through again.
struct Replay {
    session: Session,
    out: SendBuffer,
    answers: Answers,
    next_outgoing: u32,
}

impl Replay {
    fn begin(config: &SessionConfig, connected: Connected, time_ns: u64) -> Self {
        let reset = if connected.resets { Reset::EveryLogon } else { Reset::Never };
        let mut session = Session::new(SessionConfig { reset, ..config.clone() });
        session.go_on(connected.next_outgoing, connected.next_incoming);
        let mut out = SendBuffer::with_capacity(ANSWERS_BYTES);
        let _ = session.on_connect(time_ns, &mut out);
        let next_outgoing = if connected.resets { 1 } else { connected.next_outgoing };
        Self { session, out, answers: Answers::new(), next_outgoing }
    }

    fn received(&mut self, venue: u8, time_ns: u64, bytes: &[u8], sink: &mut impl FnMut(Execution)) {
        let Self { session, out, answers, .. } = self;
        let _ = session.on_bytes(time_ns, bytes, out, &mut |time_ns, message_type, frame| {
            answers.message(venue, time_ns, message_type, frame, sink)
        });
        out.clear();
    }

    /// Whole messages of ours; the highest ClOrdID(11) in them, 0 for none. Their checksums are not looked at: secrets of a
    /// Logon are masked in the journal.
    fn sent(&mut self, bytes: &[u8]) -> ClOrdId {
        let mut highest = 0;
        for message in messages(bytes) {
            let Sent { sequence, is_duplicate, action, side, cl_ord_id } = Sent::of(message);
            highest = highest.max(cl_ord_id);
            if sequence == 0 || is_duplicate {
                continue;
            }
            if sequence < self.next_outgoing {
                self.answers.forget_sent();
            }
            if let Some(action) = action {
                self.answers.sent(sequence, action, side, cl_ord_id);
            }
            self.next_outgoing = sequence.saturating_add(1);
        }
        highest
    }
}

/// What matters of a message that we sent.
struct Sent {
    /// MsgSeqNum(34), 0 where it cannot be read.
    sequence: u32,
    /// PossDupFlag(43).
    is_duplicate: bool,
    /// `None`: it is about no order.
    action: Option<OrderAction>,
    side: Side,
    /// ClOrdID(11), 0 for none.
    cl_ord_id: ClOrdId,
}

impl Sent {
    fn of(message: &[u8]) -> Self {
        let mut sent =
            Self { sequence: 0, is_duplicate: false, action: None, side: Side::None, cl_ord_id: 0 };
        for field in message.split(|&byte| byte == 1) {
            match field {
                b"43=Y" => sent.is_duplicate = true,
                b"35=D" => sent.action = Some(OrderAction::New),
                b"35=G" => sent.action = Some(OrderAction::Replace),
                b"35=F" => sent.action = Some(OrderAction::Cancel),
                b"35=H" => sent.action = Some(OrderAction::Status),
                b"54=1" => sent.side = Side::Buy,
                b"54=2" | b"54=5" => sent.side = Side::Sell,
                [b'3', b'4', b'=', number @ ..] => {
                    let number = parse_unsigned(number).and_then(|number| u32::try_from(number).ok());
                    sent.sequence = number.unwrap_or(0);
                }
                [b'1', b'1', b'=', number @ ..] => sent.cl_ord_id = parse_unsigned(number).unwrap_or(0),
                _ => {}
            }
        }
        sent
    }
}

/// The messages in bytes that are nothing else, by their BodyLength(9); what is not whole is left out.
pub(crate) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let digits = bytes.windows(3).position(|window| window == b"\x019=")? + 3;
        let end = bytes.get(digits..)?.iter().position(|&byte| byte == 1)? + digits;
        let length = parse_unsigned(bytes.get(digits..end)?)?;
        let whole = usize::try_from(length).ok()?.checked_add(end + 1 + 7)?;
        let (message, rest) = bytes.split_at_checked(whole)?;
        bytes = rest;
        Some(message)
    })
}
