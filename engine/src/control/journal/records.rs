//! The payloads of a journal's records: what each holds and its bytes. All integers are little-endian; padding is
//! zero and checked, so that one payload has one meaning and one form.
//!
//! Encoding goes to an array on the stack and cannot fail. Decoding takes any bytes and refuses what no encoder
//! writes. The layout tests below fix every offset.

use super::answer_records::{AnswerEnd, AnswerItems};
use super::carried_records::{
    Resumed, decode_account, decode_booked_fill, decode_holding, decode_open_order,
};
use super::command_records::{Slots, decode_command, decode_note};
use super::layout::{u32_at, u64_at};
use super::market_record::decode_market_event;
use super::order_records::{decode_execution, decode_order};
use super::surface_records::{SurfaceEnd, SurfaceVols};
use super::worth_records::{decode_valuation, decode_worth};
use super::{PayloadError, RecordKind};
use crate::order::{Execution, Order};
use crate::pipeline::carried_state::{CarriedAccount, CarriedHolding};
use crate::pipeline::operator::{Command, OperatorNote};
use crate::pipeline::order_table::LiveOrder;
use crate::pipeline::risk::Valuation;
use crate::pipeline::risk::fills::BookedFill;
use feeds::event::MarketEvent;

/// Consecutive messages of one source that decide consumed with nothing between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketRun {
    /// Number of the source, in the order of the command line or configuration.
    pub source: u16,
    /// Number of the first message in the source, from 1.
    pub first_message: u64,
    /// Messages, at least 1.
    pub count: u64,
}

/// A timer that fired. The record's time is when it entered the order of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Number of the timer, as its owner gave it.
    pub id: u64,
    /// When it was due, UTC ns.
    pub due_ns: u64,
}

/// How many inputs and actions the journal of decide holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Market messages, the sum over all runs.
    pub market_messages: u64,
    /// Executions.
    pub executions: u64,
    /// Timers.
    pub timers: u64,
    /// Commands.
    pub commands: u64,
    /// Approved actions.
    pub actions: u64,
}

/// What a run came to: the last record of decide before it closes, against which a replay is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The order digest.
    pub order_stream_sha256: [u8; 32],
    /// Hash of the books' final state.
    pub book_hash: u64,
    /// What the journal holds.
    pub counts: RunCounts,
}

/// Ingest opened a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureOpened {
    /// Number of the source.
    pub source: u16,
    /// SHA-256 of the capture after decompression.
    pub file_sha256: [u8; 32],
    /// Its bytes after decompression.
    pub bytes: u64,
}

/// A record of the decide thread, decoded.
#[expect(
    clippy::large_enum_variant,
    reason = "read one at a time by cold code, and a box would keep it from being copied"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecideRecord {
    /// Market messages consumed.
    MarketRun(MarketRun),
    /// A market event of a live run consumed.
    MarketEvent(MarketEvent),
    /// A venue's answer consumed.
    Execution(Execution),
    /// A timer that fired.
    Timer(Timer),
    /// A command consumed.
    Command(Command),
    /// Who asked for the next command, and why.
    Note(OperatorNote),
    /// How much room the next input found.
    Slots(Slots),
    /// An approved action.
    Action(Order),
    /// The run goes on where another one ended.
    Resumed(Resumed),
    /// An open order that was taken over.
    OpenOrder(LiveOrder),
    /// An account that was taken over.
    Account(CarriedAccount),
    /// A strategy's position that was taken over.
    Holding(CarriedHolding),
    /// A fill that was taken over.
    BookedFill(BookedFill),
    /// A block or a limit that was taken over.
    Standing(Command),
    /// The core itself has blocked something at the last input.
    Blocked(Command),
    /// What the last input did to the worth of the account.
    Valued(Valuation),
    /// A sample of the loss window that was taken over: time in UTC ns, and worth.
    Worth((u64, i128)),
    /// Items of the answer that follows.
    AnswerItems(AnswerItems),
    /// An answer of wide work consumed, with the items before it.
    Answer(AnswerEnd),
    /// Volatilities of the fit that follows.
    SurfaceVols(SurfaceVols),
    /// A fit of volatilities consumed, with those before it.
    Surface(SurfaceEnd),
    /// What the run came to.
    End(End),
    /// The journal was closed.
    Closed,
}

impl DecideRecord {
    /// Whether it is an input of the decision core, to be fed to it by a replay; the others are for comparing.
    #[must_use]
    pub const fn is_input(&self) -> bool {
        matches!(
            self,
            Self::MarketRun(_)
                | Self::MarketEvent(_)
                | Self::Execution(_)
                | Self::Timer(_)
                | Self::Command(_)
                | Self::Answer(_)
                | Self::Surface(_)
        )
    }

    /// Decodes a record of the decide thread.
    ///
    /// # Errors
    /// [`PayloadError`], also for the kinds of other threads.
    pub fn decode(kind: RecordKind, payload: &[u8]) -> Result<Self, PayloadError> {
        Ok(match kind {
            RecordKind::MarketRun => Self::MarketRun(MarketRun::decode(payload)?),
            RecordKind::MarketEvent => Self::MarketEvent(decode_market_event(payload)?),
            RecordKind::Execution => Self::Execution(decode_execution(payload)?),
            RecordKind::Timer => Self::Timer(Timer::decode(payload)?),
            RecordKind::Command => Self::Command(decode_command(payload)?),
            RecordKind::Note => Self::Note(decode_note(payload)?),
            RecordKind::Slots => Self::Slots(Slots::decode(payload)?),
            RecordKind::Action => Self::Action(decode_order(payload)?),
            RecordKind::Resumed => Self::Resumed(Resumed::decode(payload)?),
            RecordKind::OpenOrder => Self::OpenOrder(decode_open_order(payload)?),
            RecordKind::Account => Self::Account(decode_account(payload)?),
            RecordKind::Holding => Self::Holding(decode_holding(payload)?),
            RecordKind::BookedFill => Self::BookedFill(decode_booked_fill(payload)?),
            RecordKind::Standing => Self::Standing(decode_command(payload)?),
            RecordKind::Blocked => Self::Blocked(decode_command(payload)?),
            RecordKind::Valued => Self::Valued(decode_valuation(payload)?),
            RecordKind::Worth => Self::Worth(decode_worth(payload)?),
            RecordKind::AnswerItems => Self::AnswerItems(AnswerItems::decode(payload)?),
            RecordKind::Answer => Self::Answer(AnswerEnd::decode(payload)?),
            RecordKind::SurfaceVols => Self::SurfaceVols(SurfaceVols::decode(payload)?),
            RecordKind::Surface => Self::Surface(SurfaceEnd::decode(payload)?),
            RecordKind::End => Self::End(End::decode(payload)?),
            RecordKind::Closed => {
                sized::<0>(kind, payload)?;
                Self::Closed
            }
            RecordKind::CaptureOpened | RecordKind::Sent | RecordKind::Received | RecordKind::Connected => {
                return Err(PayloadError::NotDecide { kind });
            }
        })
    }
}

/// A connection of a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The next MsgSeqNum(34) that we send; 0 for a protocol that has none.
    pub next_outgoing: u32,
    /// The next one that we expect.
    pub next_incoming: u32,
    /// Whether the connection starts both sequences at 1: the two numbers are of before that.
    pub resets: bool,
}

impl Connected {
    /// `[next outgoing u32][next incoming u32][resets u8][zero 7]`
    #[must_use]
    pub fn encode(&self) -> [u8; 16] {
        let mut out = [0; 16];
        out[0..4].copy_from_slice(&self.next_outgoing.to_le_bytes());
        out[4..8].copy_from_slice(&self.next_incoming.to_le_bytes());
        out[8] = u8::from(self.resets);
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] for anything else.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let kind = RecordKind::Connected;
        let bytes = sized::<16>(kind, payload)?;
        zero(kind, payload, 9, 16)?;
        if bytes[8] > 1 {
            return Err(PayloadError::Field { kind, at: 8 });
        }
        Ok(Self { next_outgoing: u32_at(bytes, 0), next_incoming: u32_at(bytes, 4), resets: bytes[8] == 1 })
    }
}

impl MarketRun {
    /// `[source u16][zero 6][first message u64][count u64]`
    #[must_use]
    pub fn encode(&self) -> [u8; 24] {
        let mut out = [0; 24];
        out[0..2].copy_from_slice(&self.source.to_le_bytes());
        out[8..16].copy_from_slice(&self.first_message.to_le_bytes());
        out[16..24].copy_from_slice(&self.count.to_le_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] for anything else, a count of zero or one that runs over the numbers included.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let kind = RecordKind::MarketRun;
        let bytes = sized::<24>(kind, payload)?;
        zero(kind, payload, 2, 8)?;
        let (first_message, count) = (u64_at(bytes, 8), u64_at(bytes, 16));
        if count == 0 || first_message.checked_add(count).is_none() {
            return Err(PayloadError::Field { kind, at: 16 });
        }
        Ok(Self { source: u16::from_le_bytes([bytes[0], bytes[1]]), first_message, count })
    }
}

impl Timer {
    /// `[id u64][due u64]`
    #[must_use]
    pub fn encode(&self) -> [u8; 16] {
        let mut out = [0; 16];
        out[0..8].copy_from_slice(&self.id.to_le_bytes());
        out[8..16].copy_from_slice(&self.due_ns.to_le_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] when the length is another.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let bytes = sized::<16>(RecordKind::Timer, payload)?;
        Ok(Self { id: u64_at(bytes, 0), due_ns: u64_at(bytes, 8) })
    }
}

impl End {
    /// `[order digest 32][book hash u64][market messages, executions, timers, commands, actions u64]`
    #[must_use]
    pub fn encode(&self) -> [u8; 80] {
        let mut out = [0; 80];
        out[0..32].copy_from_slice(&self.order_stream_sha256);
        out[32..40].copy_from_slice(&self.book_hash.to_le_bytes());
        out[40..48].copy_from_slice(&self.counts.market_messages.to_le_bytes());
        out[48..56].copy_from_slice(&self.counts.executions.to_le_bytes());
        out[56..64].copy_from_slice(&self.counts.timers.to_le_bytes());
        out[64..72].copy_from_slice(&self.counts.commands.to_le_bytes());
        out[72..80].copy_from_slice(&self.counts.actions.to_le_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] when the length is another.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let bytes = sized::<80>(RecordKind::End, payload)?;
        let mut order_stream_sha256 = [0; 32];
        order_stream_sha256.copy_from_slice(&bytes[0..32]);
        let counts = RunCounts {
            market_messages: u64_at(bytes, 40),
            executions: u64_at(bytes, 48),
            timers: u64_at(bytes, 56),
            commands: u64_at(bytes, 64),
            actions: u64_at(bytes, 72),
        };
        Ok(Self { order_stream_sha256, book_hash: u64_at(bytes, 32), counts })
    }
}

impl CaptureOpened {
    /// `[source u16][zero 6][bytes u64][SHA-256 32]`
    #[must_use]
    pub fn encode(&self) -> [u8; 48] {
        let mut out = [0; 48];
        out[0..2].copy_from_slice(&self.source.to_le_bytes());
        out[8..16].copy_from_slice(&self.bytes.to_le_bytes());
        out[16..48].copy_from_slice(&self.file_sha256);
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] for anything else.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let bytes = sized::<48>(RecordKind::CaptureOpened, payload)?;
        zero(RecordKind::CaptureOpened, payload, 2, 8)?;
        let mut file_sha256 = [0; 32];
        file_sha256.copy_from_slice(&bytes[16..48]);
        Ok(Self { source: u16::from_le_bytes([bytes[0], bytes[1]]), file_sha256, bytes: u64_at(bytes, 8) })
    }
}

/// The payload as an array, if it is as long as its kind.
pub(super) fn sized<const N: usize>(kind: RecordKind, payload: &[u8]) -> Result<&[u8; N], PayloadError> {
    payload.try_into().map_err(|_| PayloadError::Length { kind, found: payload.len(), expected: N })
}

/// Refuses a payload whose bytes `from..to` are not all zero.
pub(super) fn zero(kind: RecordKind, payload: &[u8], from: usize, to: usize) -> Result<(), PayloadError> {
    let padding = payload.get(from..to).unwrap_or_default();
    if padding.iter().all(|&byte| byte == 0) { Ok(()) } else { Err(PayloadError::Field { kind, at: from }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::journal::carried_records::encode_open_order;
    use crate::control::journal::{
        ANSWER_ITEMS_BYTES_MAX, SURFACE_VOLS_BYTES_MAX, encode_account, encode_booked_fill, encode_command,
        encode_execution, encode_holding, encode_market_event, encode_note, encode_order, encode_valuation,
        encode_worth,
    };
    use proptest::prelude::*;

    #[test]
    fn small_payloads_lie_where_they_should() {
        let run = MarketRun { source: 0x0102, first_message: 3, count: 4 };
        assert_eq!(
            run.encode()[..],
            [2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(MarketRun::decode(&run.encode()), Ok(run));
        let timer = Timer { id: 5, due_ns: 0x0600 };
        assert_eq!(timer.encode(), [5, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Timer::decode(&timer.encode()), Ok(timer));
        let slots = Slots { free: 7, for_new: u32::MAX };
        assert_eq!(slots.encode(), [7, 0, 0, 0, 255, 255, 255, 255]);
        assert_eq!(Slots::decode(&slots.encode()), Ok(slots));
        let opened = CaptureOpened { source: 11, file_sha256: [12; 32], bytes: 13 };
        assert_eq!(opened.encode()[..16], [11, 0, 0, 0, 0, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(opened.encode()[16..], [12; 32]);
        assert_eq!(CaptureOpened::decode(&opened.encode()), Ok(opened));
        let counts = RunCounts { market_messages: 2, executions: 3, timers: 4, commands: 5, actions: 6 };
        let end = End { order_stream_sha256: [14; 32], book_hash: 1, counts };
        assert_eq!(end.encode()[..32], [14; 32]);
        for (value, bytes) in (1u64..).zip(end.encode()[32..].chunks(8)) {
            assert_eq!(bytes, value.to_le_bytes());
        }
        assert_eq!(End::decode(&end.encode()), Ok(end));
    }

    #[test]
    fn a_market_run_of_nothing_or_beyond_the_numbers_is_refused() {
        let empty = MarketRun { source: 0, first_message: 1, count: 0 };
        let endless = MarketRun { source: 0, first_message: 2, count: u64::MAX - 1 };
        for run in [empty, endless] {
            let refused = PayloadError::Field { kind: RecordKind::MarketRun, at: 16 };
            assert_eq!(MarketRun::decode(&run.encode()), Err(refused));
        }
    }

    proptest! {
        /// Any bytes: refused, or decoded to something that encodes to the same bytes.
        #[test]
        fn decoding_is_the_inverse_of_encoding(
            length in prop::sample::select(vec![0usize, 7, 8, 16, 24, 32, 48, 64, 80, 88]),
            mut bytes in prop::collection::vec(any::<u8>(), 88),
            small_codes in any::<bool>(),
        ) {
            bytes.truncate(length);
            if small_codes {
                // Without this, hardly any random payload has codes and padding that are accepted.
                for at in (2..8).chain(53..56).chain(58..64).chain(77..88) {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = if (53..56).contains(&at) || (77..80).contains(&at) { *byte % 4 } else { 0 };
                    }
                }
            }
            for kind in RecordKind::ALL {
                match DecideRecord::decode(kind, &bytes) {
                    Ok(DecideRecord::MarketRun(run)) => prop_assert_eq!(&run.encode()[..], &bytes[..]),
                    Ok(DecideRecord::MarketEvent(event)) => {
                        prop_assert_eq!(&encode_market_event(&event)[..], &bytes[..]);
                    }
                    Ok(DecideRecord::Execution(execution)) => {
                        prop_assert_eq!(&encode_execution(&execution)[..], &bytes[..]);
                    }
                    Ok(DecideRecord::Timer(timer)) => prop_assert_eq!(&timer.encode()[..], &bytes[..]),
                    Ok(DecideRecord::Command(command)) => {
                        prop_assert_eq!(&encode_command(&command)[..], &bytes[..]);
                    }
                    Ok(DecideRecord::Note(note)) => prop_assert_eq!(&encode_note(&note)[..], &bytes[..]),
                    Ok(DecideRecord::Slots(slots)) => prop_assert_eq!(&slots.encode()[..], &bytes[..]),
                    Ok(DecideRecord::Action(order)) => prop_assert_eq!(&encode_order(&order)[..], &bytes[..]),
                    Ok(DecideRecord::Resumed(resumed)) => prop_assert_eq!(&resumed.encode()[..], &bytes[..]),
                    Ok(DecideRecord::OpenOrder(order)) => {
                        prop_assert_eq!(&encode_open_order(&order)[..], &bytes[..]);
                    }
                    Ok(DecideRecord::Account(account)) => {
                        prop_assert_eq!(&encode_account(&account)[..], &bytes[..]);
                    }
                    Ok(DecideRecord::Holding(holding)) => {
                        prop_assert_eq!(&encode_holding(&holding)[..], &bytes[..]);
                    }
                    Ok(DecideRecord::BookedFill(fill)) => {
                        prop_assert_eq!(&encode_booked_fill(&fill)[..], &bytes[..]);
                    }
                    Ok(DecideRecord::Standing(command) | DecideRecord::Blocked(command)) => {
                        prop_assert_eq!(&encode_command(&command)[..], &bytes[..]);
                    }
                    Ok(DecideRecord::Valued(valuation)) => {
                        prop_assert_eq!(&encode_valuation(&valuation)[..], &bytes[..]);
                    }
                    Ok(DecideRecord::Worth(worth)) => prop_assert_eq!(&encode_worth(&worth)[..], &bytes[..]),
                    Ok(DecideRecord::AnswerItems(items)) => {
                        let mut out = [0; ANSWER_ITEMS_BYTES_MAX];
                        let length = items.encode(&mut out);
                        prop_assert_eq!(&out[..length], &bytes[..]);
                    }
                    Ok(DecideRecord::Answer(answer)) => prop_assert_eq!(&answer.encode()[..], &bytes[..]),
                    Ok(DecideRecord::SurfaceVols(vols)) => {
                        let mut out = [0; SURFACE_VOLS_BYTES_MAX];
                        let length = vols.encode(&mut out);
                        prop_assert_eq!(&out[..length], &bytes[..]);
                    }
                    Ok(DecideRecord::Surface(end)) => prop_assert_eq!(&end.encode()[..], &bytes[..]),
                    Ok(DecideRecord::End(end)) => prop_assert_eq!(&end.encode()[..], &bytes[..]),
                    Ok(DecideRecord::Closed) => prop_assert!(bytes.is_empty()),
                    Err(_) => {}
                }
            }
            if let Ok(opened) = CaptureOpened::decode(&bytes) {
                prop_assert_eq!(&opened.encode()[..], &bytes[..]);
            }
        }
    }
}
