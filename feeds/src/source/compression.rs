//! Compressed captures: gzip and zstd, told by content, unpacked whole into [`Memory`].
//!
//! Cold. A damaged stream gives what came before the damage, beside the decompressor's error.

use std::io;

use flate2::read::MultiGzDecoder;

use super::memory::Memory;
use crate::error::CaptureErrorKind;

/// Compressed market data rarely shrinks more than this; bounds how far a gzip trailer is believed in advance.
const COMPRESSION_RATIO_MAX: usize = 64;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// Told by its first bytes; `None`: as it is.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            Some(Self::Gzip)
        } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    /// The error of a damaged stream.
    pub(super) fn damage(self, text: String) -> CaptureErrorKind {
        match self {
            Self::Gzip => CaptureErrorKind::Gzip(text),
            Self::Zstd => CaptureErrorKind::Zstd(text),
        }
    }

    /// The decompressed bytes, and the decompressor's error behind them; `Err` when there is no memory to start with.
    pub(super) fn decompress(self, file: &[u8]) -> io::Result<(Memory, Option<io::Error>)> {
        let most = file.len().saturating_mul(COMPRESSION_RATIO_MAX);
        match self {
            Self::Gzip => {
                // The trailer holds the length of the last member, modulo 2^32: a hint, not a promise.
                let hint = file.last_chunk::<4>().map_or(0, |trailer| u32::from_le_bytes(*trailer));
                let capacity = usize::try_from(hint).unwrap_or(usize::MAX).min(most);
                let mut memory = Memory::with_capacity(capacity.saturating_add(1))?;
                let damage = memory.append_from(&mut MultiGzDecoder::new(file)).err();
                Ok((memory, damage))
            }
            Self::Zstd => {
                // Market data shrinks about so much; the memory grows where it shrank more.
                let mut memory = Memory::with_capacity(file.len().saturating_mul(6))?;
                let damage = match zstd::stream::read::Decoder::with_buffer(file) {
                    Ok(mut decoder) => memory.append_from(&mut decoder).err(),
                    Err(error) => Some(error),
                };
                Ok((memory, damage))
            }
        }
    }
}
