//! How far a journal survives a loss of power: one small file beside the segments.
//!
//! It is written after what it speaks of is on the device, so that it may say too little and never too much. Two places in
//! the file take turns: a write that the loss of power tore leaves the one before it.

use super::layout::{u32_at, u64_at};
use super::{JournalError, JournalThread};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Name of the file in a journal's directory.
pub const WATERMARK_FILE: &str = "durable.wtw";

const MAGIC: [u8; 8] = *b"WTDURABL";

/// `[magic 8][generation u64][run id 32][sequence of ingest, decide, order entry u64][zero 44][CRC-32C of 0..124]`
const BYTES: usize = 128;

const CRC_AT: usize = BYTES - 4;

/// Where the two places are: on different pages, so that no write touches both.
const PLACES: [u64; 2] = [0, 4_096];

/// The last durable record of each thread, in the order of [`JournalThread::ALL`]; 0 before the first.
pub type Durable = [u64; JournalThread::ALL.len()];

/// The file while its run goes on.
#[derive(Debug)]
pub(super) struct WatermarkFile {
    file: File,
    path: PathBuf,
    run_id: [u8; 32],
    generation: u64,
}

impl WatermarkFile {
    /// Creates it; nothing is said yet.
    pub fn create(dir: &Path, run_id: [u8; 32]) -> Result<Self, JournalError> {
        let path = dir.join(WATERMARK_FILE);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        match file {
            Ok(file) => Ok(Self { file, path, run_id, generation: 0 }),
            Err(source) => Err(JournalError::Io { doing: "create", path, source }),
        }
    }

    /// Says that the records up to these are on the device, and waits until that is there itself.
    pub fn write(&mut self, durable: &Durable) -> Result<(), JournalError> {
        self.generation += 1;
        let bytes = encode(self.generation, &self.run_id, durable);
        let place = PLACES[(self.generation % 2) as usize];
        self.file.write_all_at(&bytes, place).and_then(|()| self.file.sync_data()).map_err(|source| {
            JournalError::Io { doing: "write the watermark to", path: self.path.clone(), source }
        })
    }
}

/// What the file of a journal says; `None` without one, or where no place of it is whole.
///
/// # Errors
/// [`JournalError::Io`] when it is there and cannot be read.
pub(super) fn read(dir: &Path, run_id: &[u8; 32]) -> Result<Option<Durable>, JournalError> {
    let path = dir.join(WATERMARK_FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(JournalError::Io { doing: "read", path, source }),
    };
    let places = PLACES.iter().filter_map(|&at| bytes.get(at as usize..)?.first_chunk::<BYTES>());
    let whole = places.filter_map(|place| decode(place, run_id));
    Ok(whole.max_by_key(|&(generation, _)| generation).map(|(_, durable)| durable))
}

fn encode(generation: u64, run_id: &[u8; 32], durable: &Durable) -> [u8; BYTES] {
    let mut out = [0; BYTES];
    out[0..8].copy_from_slice(&MAGIC);
    out[8..16].copy_from_slice(&generation.to_le_bytes());
    out[16..48].copy_from_slice(run_id);
    for (place, sequence) in out[48..].chunks_exact_mut(8).zip(durable) {
        place.copy_from_slice(&sequence.to_le_bytes());
    }
    let crc = crc32c::crc32c(&out[..CRC_AT]);
    out[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    out
}

fn decode(bytes: &[u8; BYTES], run_id: &[u8; 32]) -> Option<(u64, Durable)> {
    let is_whole = bytes[0..8] == MAGIC
        && bytes[16..48] == run_id[..]
        && u32_at(bytes, CRC_AT) == crc32c::crc32c(&bytes[..CRC_AT]);
    let durable = [u64_at(bytes, 48), u64_at(bytes, 56), u64_at(bytes, 64)];
    is_whole.then(|| (u64_at(bytes, 8), durable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_write_leaves_the_one_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let run_id = [7; 32];
        assert_eq!(read(dir.path(), &run_id).unwrap(), None);
        let mut file = WatermarkFile::create(dir.path(), run_id).unwrap();
        assert_eq!(read(dir.path(), &run_id).unwrap(), None);
        for number in 1..6 {
            file.write(&[number, 10 * number, 100 * number]).unwrap();
            assert_eq!(read(dir.path(), &run_id).unwrap(), Some([number, 10 * number, 100 * number]));
        }
        let path = dir.path().join(WATERMARK_FILE);
        let whole = std::fs::read(&path).unwrap();
        let newest = PLACES[1] as usize;
        for byte in 0..BYTES {
            let mut torn = whole.clone();
            torn[newest + byte] ^= 0xff;
            std::fs::write(&path, &torn).unwrap();
            assert_eq!(read(dir.path(), &run_id).unwrap(), Some([4, 40, 400]), "byte {byte}");
        }
        assert_eq!(read(dir.path(), &[8; 32]).unwrap(), None, "of another run");
    }
}
