//! A journal as the store of a FIX session: the sequence numbers with which it goes on after a restart.
//!
//! There is no second file that could disagree: what order entry sent and received is in its journal before it counts. The
//! next outgoing number follows from what was sent; the next incoming one from what was received, taken by the very session
//! that took it then ([`Session`]), connection by connection. Cold: it reads the whole of order entry's segments.

use std::path::Path;

use feeds::send_buffer::SendBuffer;

use crate::control::journal::{self, Connected, JournalError, JournalReader, JournalThread, RecordKind};
use crate::fix::session::{Reset, Session, SessionConfig};
use crate::order::ClOrdId;

/// Room for what the session would answer; nobody gets it.
const ANSWERS_BYTES: usize = 1 << 20;

/// Where a session stood when its journal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// The next MsgSeqNum(34) that we send.
    pub next_outgoing: u32,
    /// The next one that we expect.
    pub next_incoming: u32,
    /// The highest ClOrdID(11) that was sent, 0 for none.
    pub last_cl_ord_id: ClOrdId,
    /// When something was last sent or received, UTC ns; 0 where nothing was.
    pub last_ns: u64,
}

/// Reads what a journal says of the FIX session of venue `venue`; `None` where it never connected. `config` is the
/// session's: what was received is judged by its identities.
///
/// # Errors
/// No journal, or a damaged one: the file and offset.
pub fn read(dir: &Path, venue: u16, config: &SessionConfig) -> Result<Option<StoredSession>, JournalError> {
    let mut reader = JournalReader::open(dir, JournalThread::OrderEntry)?;
    let mut replay: Option<Replay> = None;
    let (mut last_cl_ord_id, mut last_ns) = (0, 0);
    while let Some(record) = reader.next_record()? {
        if record.session != venue {
            continue;
        }
        last_ns = last_ns.max(record.time_ns);
        match (record.kind, &mut replay) {
            (RecordKind::Connected, replay) => {
                let Ok(connected) = Connected::decode(record.payload) else { continue };
                *replay = Some(Replay::begin(config, connected, record.time_ns));
            }
            (RecordKind::Received, Some(replay)) => replay.received(record.time_ns, record.payload),
            (RecordKind::Sent, Some(replay)) => {
                replay.sent(record.payload);
                last_cl_ord_id = last_cl_ord_id.max(highest_cl_ord_id(record.payload));
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
    }))
}

/// One connection, lived through again.
struct Replay {
    session: Session,
    answers: SendBuffer,
    next_outgoing: u32,
}

impl Replay {
    fn begin(config: &SessionConfig, connected: Connected, time_ns: u64) -> Self {
        let reset = if connected.resets { Reset::EveryLogon } else { Reset::Never };
        let mut session = Session::new(SessionConfig { reset, ..config.clone() });
        session.go_on(connected.next_outgoing, connected.next_incoming);
        let mut answers = SendBuffer::with_capacity(ANSWERS_BYTES);
        let _ = session.on_connect(time_ns, &mut answers);
        let next_outgoing = if connected.resets { 1 } else { connected.next_outgoing };
        Self { session, answers, next_outgoing }
    }

    fn received(&mut self, time_ns: u64, bytes: &[u8]) {
        let _ = self.session.on_bytes(time_ns, bytes, &mut self.answers, &mut |_, _, _| Ok(()));
        self.answers.clear();
    }

    /// Whole messages of ours. Their checksums are not looked at: secrets of a Logon are masked in the journal.
    fn sent(&mut self, bytes: &[u8]) {
        for message in messages(bytes) {
            let (mut sequence, mut is_duplicate) = (None, false);
            for field in message.split(|&byte| byte == 1).take_while(|field| !field.starts_with(b"52=")) {
                if let Some(number) = field.strip_prefix(b"34=") {
                    sequence = crate::fix::number::parse_unsigned(number)
                        .and_then(|number| u32::try_from(number).ok());
                }
                is_duplicate |= field.starts_with(b"43=Y");
            }
            if let Some(sequence) = sequence.filter(|_| !is_duplicate) {
                self.next_outgoing = sequence.saturating_add(1);
            }
        }
    }
}

/// The highest ClOrdID(11) in messages of ours, 0 for none.
fn highest_cl_ord_id(bytes: &[u8]) -> ClOrdId {
    let fields = bytes.split(|&byte| byte == 1).filter_map(|field| field.strip_prefix(b"11="));
    fields.filter_map(crate::fix::number::parse_unsigned).max().unwrap_or(0)
}

/// The messages in bytes that are nothing else, by their BodyLength(9); what is not whole is left out.
pub(crate) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let digits = bytes.windows(3).position(|window| window == b"\x019=")? + 3;
        let end = bytes.get(digits..)?.iter().position(|&byte| byte == 1)? + digits;
        let length = crate::fix::number::parse_unsigned(bytes.get(digits..end)?)?;
        let whole = usize::try_from(length).ok()?.checked_add(end + 1 + 7)?;
        let (message, rest) = bytes.split_at_checked(whole)?;
        bytes = rest;
        Some(message)
    })
}
