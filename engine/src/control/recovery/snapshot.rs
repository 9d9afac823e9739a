//! A state on disk: what a restart reads instead of the records that led to it.
//!
//! `DIR/state.NNNNNN.snapshot`, beside the segments: written under another name, synced, renamed, so that it is there whole
//! or not at all; a SHA-256 over all of it ends it. The newest [`KEPT`] are kept: a damaged one is passed over for the one
//! before it.
//!
//! All integers are little-endian: `[magic 8][version u32][items u32][run id 32][last record of decide u64]`, then the
//! items, each `[kind u8][zero 3][bytes u32][payload, padded with zeros to 8]`, then `[SHA-256 32]`. The items are those
//! with which the journal of a resumed run begins, of the same kinds with the same payloads; what is asked about each order; and
//! how many executions of each venue were heard.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ledger::Heard;
use crate::control::atomic_file;
use crate::control::journal::{
    CarriedBuilder, DecideRecord, JournalError, RecordKind, for_each_carried, sync_directory,
};
use crate::pipeline::carried_state::CarriedState;
use crate::pipeline::order_table::Doubt;

const MAGIC: [u8; 8] = *b"WTSNAPSH";

/// Version of this layout; a reader takes no other.
pub const VERSION: u32 = 2;

/// Snapshots that are kept.
pub const KEPT: usize = 4;

/// Kind of an item that no journal has: an open order whose state is being asked for. `[ClOrdID u64][doubt u8][zero 7]
/// [request u64]`.
const ASKED: u8 = 200;

/// Kind of another: how many executions of each venue the run has heard, by venue. `[count u64]...`
const HEARD: u8 = 201;

const HEADER_BYTES: usize = 56;

const SUM_BYTES: usize = 32;

/// A snapshot that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Number in its file's name.
    pub number: u64,
    /// The last record of decide that is in it.
    pub sequence: u64,
    /// The state behind that record. Its `former_run` is the journal's own run.
    pub state: CarriedState,
    /// What the run had heard of the venues.
    pub heard: Heard,
}

/// Where snapshot `number` of a journal is.
#[must_use]
pub fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("state.{number:06}.snapshot"))
}

/// The bytes of a snapshot: `state` behind record `sequence` of the run `run_id`, which had `heard` so much.
#[must_use]
pub fn encode(run_id: &[u8; 32], sequence: u64, state: &CarriedState, heard: &Heard) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + 96 * (state.orders.len() + 1) + SUM_BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(run_id);
    out.extend_from_slice(&sequence.to_le_bytes());
    let mut items = 0u32;
    let mut item = |kind: u8, payload: &[u8]| {
        out.extend_from_slice(&[kind, 0, 0, 0]);
        out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        out.extend_from_slice(payload);
        out.resize(out.len().next_multiple_of(8), 0);
        items += 1;
    };
    for_each_carried(state, |kind, payload| item(kind as u8, payload));
    for order in state.orders.iter().filter(|order| order.doubt != Doubt::None || order.request != 0) {
        let mut payload = [0; 24];
        payload[0..8].copy_from_slice(&order.cl_ord_id.to_le_bytes());
        payload[8] = order.doubt as u8;
        payload[16..24].copy_from_slice(&order.request.to_le_bytes());
        item(ASKED, &payload);
    }
    item(HEARD, &heard.as_slice().iter().flat_map(|count| count.to_le_bytes()).collect::<Vec<u8>>());
    out[12..16].copy_from_slice(&items.to_le_bytes());
    let sum = Sha256::digest(&out);
    out.extend_from_slice(&sum);
    out
}

/// Reads what [`encode`] wrote: the last record in it, the state, and what was heard.
///
/// # Errors
/// What is wrong with it.
pub fn decode(run_id: &[u8; 32], bytes: &[u8]) -> Result<(u64, CarriedState, Heard), String> {
    let (content, sum) = bytes.split_last_chunk::<SUM_BYTES>().ok_or("it is cut")?;
    let (header, mut rest) = content.split_first_chunk::<HEADER_BYTES>().ok_or("it is cut")?;
    if header[..8] != MAGIC {
        return Err("it is no snapshot (magic number)".to_owned());
    }
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if word(8) != VERSION {
        return Err(format!("it has version {}, this build reads {VERSION}", word(8)));
    }
    if Sha256::digest(content)[..] != sum[..] {
        return Err("its SHA-256 does not match".to_owned());
    }
    if header[16..48] != run_id[..] {
        return Err("it is of another run".to_owned());
    }
    let sequence = u64::from(word(48)) | u64::from(word(52)) << 32;
    let mut builder = CarriedBuilder::default();
    let (mut asked, mut heard) = (Vec::new(), None);
    for number in 0..word(12) {
        let wrong = || format!("item {number} is none of this version's");
        let (item, behind) = rest.split_first_chunk::<8>().ok_or_else(wrong)?;
        let length = u32::from_le_bytes([item[4], item[5], item[6], item[7]]) as usize;
        let padded = length.checked_next_multiple_of(8).ok_or_else(wrong)?;
        let (payload, behind) = behind.split_at_checked(padded).ok_or_else(wrong)?;
        let payload = &payload[..length];
        rest = behind;
        if item[0] == ASKED {
            asked.push(*payload.first_chunk::<24>().ok_or_else(wrong)?);
            continue;
        }
        if item[0] == HEARD {
            let counts =
                payload.chunks_exact(8).map(|count| u64::from_le_bytes(std::array::from_fn(|at| count[at])));
            heard = Some(Heard::from(counts.collect::<Vec<u64>>()));
            continue;
        }
        let kind = RecordKind::from_code(item[0]).ok_or_else(wrong)?;
        let record = DecideRecord::decode(kind, payload).map_err(|error| error.to_string())?;
        if !builder.push(&record).map_err(|_| wrong())? {
            return Err(wrong());
        }
    }
    let mut state = builder.take().ok().flatten().ok_or("it holds no whole state")?;
    state.former_run = *run_id;
    state.orders.iter_mut().for_each(|order| (order.doubt, order.request) = (Doubt::None, 0));
    for item in asked {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| item[at + byte]));
        let order = state.orders.iter_mut().find(|order| order.cl_ord_id == word(0));
        let doubt =
            [Doubt::None, Doubt::ToAsk, Doubt::Asked].into_iter().find(|&doubt| doubt as u8 == item[8]);
        let (Some(order), Some(doubt)) = (order, doubt) else {
            return Err("it asks about an order that it does not hold".to_owned());
        };
        (order.doubt, order.request) = (doubt, word(16));
    }
    let heard = heard.ok_or("it does not say what was heard")?;
    if rest.is_empty() { Ok((sequence, state, heard)) } else { Err("bytes follow its last item".to_owned()) }
}

/// Writes snapshot `number`, and waits until it is on the device; older ones than the newest [`KEPT`] are removed.
///
/// # Errors
/// [`JournalError::Io`].
pub fn write(
    dir: &Path,
    number: u64,
    run_id: &[u8; 32],
    sequence: u64,
    state: &CarriedState,
    heard: &Heard,
) -> Result<(), JournalError> {
    let path = path(dir, number);
    let written = atomic_file::write(&path, &encode(run_id, sequence, state, heard));
    written.map_err(|source| JournalError::Io { doing: "write", path, source })?;
    sync_directory(dir)?;
    let numbers = numbers(dir)?;
    for &old in numbers.iter().rev().skip(KEPT) {
        // One that stays is read again at most.
        let _ = fs::remove_file(self::path(dir, old));
    }
    Ok(())
}

/// The newest snapshot of a journal that is whole, and what was wrong with those that were passed over for it.
///
/// # Errors
/// [`JournalError::Io`]: the directory cannot be read.
pub fn newest(dir: &Path, run_id: &[u8; 32]) -> Result<(Option<Snapshot>, Vec<String>), JournalError> {
    let mut damaged = Vec::new();
    for number in numbers(dir)?.into_iter().rev() {
        let path = path(dir, number);
        let read = fs::read(&path).map_err(|error| error.to_string());
        match read.and_then(|bytes| decode(run_id, &bytes)) {
            Ok((sequence, state, heard)) => {
                return Ok((Some(Snapshot { number, sequence, state, heard }), damaged));
            }
            Err(what) => damaged.push(format!("{}: passed over: {what}", path.display())),
        }
    }
    Ok((None, damaged))
}

/// The numbers of the snapshots that are there, ascending.
pub(super) fn numbers(dir: &Path) -> Result<Vec<u64>, JournalError> {
    let failed = |source| JournalError::Io { doing: "list", path: dir.to_owned(), source };
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("state.")?.strip_suffix(".snapshot"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}
