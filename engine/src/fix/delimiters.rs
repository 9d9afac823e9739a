//! One pass over a frame's bytes: their sum for CheckSum(10) and the offsets of all SOHs, by the widest registers that
//! the CPU has.
//!
//! [`Kernel::best`] is found once by the CPU's own word and kept in an atomic byte: a relaxed load later, no lock. Three
//! kernels compute the same from the same bytes; a test compares them at every length and alignment. None reads a byte
//! outside the slice. Nothing allocates.

use std::sync::atomic::{AtomicU8, Ordering};

use super::frame::SOH;

/// Room for offsets. A block needs room for as many as it has bytes, so that its offsets are stored without looking: a
/// frame has no index once there are more than 192 before a block.
pub(super) const ENDS_MAX: usize = 256;

/// Bytes of a block: one bit each in a word.
const BLOCK: usize = 64;

/// What a pass found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    /// Sum of all bytes; only its last eight bits are of interest.
    pub(super) sum: u64,
    /// How many offsets there are; more than [`ENDS_MAX`] where there were too many.
    pub(super) count: usize,
}

/// Where there were too many SOHs.
const TOO_MANY: usize = usize::MAX;

/// A way to make the pass.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Words of eight bytes, on any machine.
    Portable = 1,
    /// 32 bytes at once.
    #[cfg(target_arch = "x86_64")]
    Avx2 = 2,
    /// 64 bytes at once, offsets by compression (AVX-512 BW, VBMI, VBMI2: Ice Lake, Zen 4 and later).
    #[cfg(target_arch = "x86_64")]
    Avx512 = 3,
}

/// [`Kernel::best`] once it is known, else 0. Relaxed: whoever reads 0 finds the same answer again.
static BEST: AtomicU8 = AtomicU8::new(0);

impl Kernel {
    /// The fastest that this CPU can run.
    #[inline]
    #[must_use]
    pub fn best() -> Self {
        match BEST.load(Ordering::Relaxed) {
            1 => Self::Portable,
            #[cfg(target_arch = "x86_64")]
            2 => Self::Avx2,
            #[cfg(target_arch = "x86_64")]
            3 => Self::Avx512,
            _ => Self::detect(),
        }
    }

    #[cold]
    fn detect() -> Self {
        let best = Self::available().last().unwrap_or(Self::Portable);
        BEST.store(best as u8, Ordering::Relaxed);
        best
    }

    /// All that this CPU can run, slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        let mut kernels = [Some(Self::Portable), None, None];
        #[cfg(target_arch = "x86_64")]
        {
            let bits = is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("popcnt")
                && is_x86_feature_detected!("lzcnt");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vbmi")
                && is_x86_feature_detected!("avx512vbmi2");
            kernels[1] = (bits && is_x86_feature_detected!("avx2")).then_some(Self::Avx2);
            kernels[2] = (bits && avx512).then_some(Self::Avx512);
        }
        kernels.into_iter().flatten()
    }
}

/// Appends the offsets of a block's SOHs, one bit each in `bits`; answers the new count.
#[inline(always)]
fn append(mut bits: u64, base: usize, count: usize, ends: &mut [u16; ENDS_MAX]) -> usize {
    let found = bits.count_ones() as usize;
    let Some(room) = ends.get_mut(count..).and_then(|room| room.first_chunk_mut::<BLOCK>()) else {
        return TOO_MANY;
    };
    // Eight without looking, since most blocks have fewer: how many it is would be mispredicted once a block.
    for place in &mut room[..8] {
        *place = (base + bits.trailing_zeros() as usize) as u16;
        bits &= bits.wrapping_sub(1);
    }
    let mut at = 8;
    while bits != 0 {
        room[at % BLOCK] = (base + bits.trailing_zeros() as usize) as u16;
        bits &= bits - 1;
        at += 1;
    }
    count + found
}

/// The pass in words of eight bytes.
pub(super) fn portable(bytes: &[u8], ends: &mut [u16; ENDS_MAX]) -> Pass {
    let (mut sum, mut count) = (0, 0);
    for (block, base) in bytes.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
        let mut bits = 0_u64;
        let (words, rest) = block.as_chunks::<8>();
        for (word, at) in words.iter().zip((0_u32..).step_by(8)) {
            let word = u64::from_le_bytes(*word);
            sum += byte_sum(word);
            bits |= soh_bits(word) << at;
        }
        for (&byte, at) in rest.iter().zip(words.len() * 8..) {
            sum += u64::from(byte);
            bits |= u64::from(byte == SOH) << at;
        }
        count = append(bits, base, count, ends);
    }
    Pass { sum, count }
}

/// Sum of eight bytes. In pairs first: a single multiplication would carry from one byte into the next.
#[inline]
pub(super) const fn byte_sum(bytes: u64) -> u64 {
    const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes & PAIRS) + ((bytes >> 8) & PAIRS);
    pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48
}

/// One bit for each byte of a word that is SOH, the lowest for the lowest byte.
#[inline]
const fn soh_bits(word: u64) -> u64 {
    const LOWS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let differences = word ^ (SOH as u64 * 0x0101_0101_0101_0101);
    // The high bit of each byte that is zero: no carry leaves a byte, so that all eight are exact.
    let zeros = !(((differences & LOWS) + LOWS) | differences | LOWS);
    (zeros >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, ENDS_MAX, Pass, SOH, TOO_MANY, append, portable};

    /// Ones before the middle, zeros behind: 32 bytes from `32 - n` on keep the last `n` bytes of a register.
    static KEEP_LAST: [u8; 64] = {
        let mut bytes = [0; 64];
        let mut at = 32;
        while at < 64 {
            bytes[at] = 0xff;
            at += 1;
        }
        bytes
    };

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(bytes: &[u8; 32]) -> __m256i {
        // SAFETY: the array has the 32 bytes that are read, and the load needs no alignment.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn soh_bits(bytes: __m256i) -> u64 {
        let found = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(SOH as i8));
        u64::from(_mm256_movemask_epi8(found).cast_unsigned())
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn total(sums: __m256i) -> u64 {
        let halves = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
        let whole = _mm_add_epi64(halves, _mm_unpackhi_epi64(halves, halves));
        _mm_cvtsi128_si64(whole).cast_unsigned()
    }

    /// The pass in registers of 32 bytes.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    pub(in super::super) fn avx2(bytes: &[u8], ends: &mut [u16; ENDS_MAX]) -> Pass {
        let Some(last) = bytes.last_chunk::<32>() else { return portable(bytes, ends) };
        let zero = _mm256_setzero_si256();
        let (mut sums, mut count) = (zero, 0);
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        for (block, base) in blocks.iter().zip((0..).step_by(BLOCK)) {
            let (halves, _) = block.as_chunks::<32>();
            let (low, high) = (load(&halves[0]), load(&halves[1]));
            sums = _mm256_add_epi64(sums, _mm256_sad_epu8(low, zero));
            sums = _mm256_add_epi64(sums, _mm256_sad_epu8(high, zero));
            count = append(soh_bits(low) | soh_bits(high) << 32, base, count, ends);
        }
        let base = bytes.len() - rest.len();
        let mut bits = 0;
        let (half, tail) = match rest.split_first_chunk::<32>() {
            Some((half, tail)) => {
                let half = load(half);
                sums = _mm256_add_epi64(sums, _mm256_sad_epu8(half, zero));
                bits = soh_bits(half);
                (32, tail.len())
            }
            None => (0, rest.len()),
        };
        // The last bytes are read together with those before them, which are counted already: those are cleared.
        let keep = match KEEP_LAST.get(tail..).and_then(|keep| keep.first_chunk::<32>()) {
            Some(keep) => load(keep),
            None => zero,
        };
        let last = _mm256_and_si256(load(last), keep);
        sums = _mm256_add_epi64(sums, _mm256_sad_epu8(last, zero));
        bits |= soh_bits(last) >> (32 - tail) << half;
        let count = append(bits, base, count, ends);
        Pass { sum: total(sums), count }
    }

    /// The offsets 0 to 63.
    static OFFSETS: [u8; BLOCK] = {
        let mut bytes = [0; BLOCK];
        let mut at = 0;
        while at < BLOCK {
            bytes[at] = at as u8;
            at += 1;
        }
        bytes
    };

    /// The pass in registers of 64 bytes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt,lzcnt")]
    pub(in super::super) fn avx512(bytes: &[u8], ends: &mut [u16; ENDS_MAX]) -> Pass {
        let zero = _mm512_setzero_si512();
        // SAFETY: the array has the 64 bytes that are read, and the load needs no alignment.
        let offsets = unsafe { _mm512_loadu_si512(OFFSETS.as_ptr().cast()) };
        let soh = _mm512_set1_epi8(SOH as i8);
        let (mut sums, mut count, mut base) = (zero, 0, 0);
        while base < bytes.len() {
            let here = bytes.len() - base;
            let mask = if here >= BLOCK { u64::MAX } else { u64::MAX >> (BLOCK - here) };
            // SAFETY: only bytes whose mask bit is set are read, at most to the slice's end.
            let block = unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().add(base).cast()) };
            sums = _mm512_add_epi64(sums, _mm512_sad_epu8(block, zero));
            let bits = _mm512_cmpeq_epi8_mask(block, soh);
            let places = ends.get_mut(count..).and_then(|room| room.first_chunk_mut::<BLOCK>());
            count = match places {
                Some(places) => {
                    let found = _mm512_maskz_compress_epi8(bits, offsets);
                    let bases = _mm512_set1_epi16(base as i16);
                    let low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(found));
                    // SAFETY: the array has 128 bytes, of which the first 64 are written, unaligned.
                    unsafe {
                        _mm512_storeu_si512(places.as_mut_ptr().cast(), _mm512_add_epi16(low, bases));
                    }
                    let count_here = bits.count_ones() as usize;
                    if count_here > BLOCK / 2 {
                        let high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64::<1>(found));
                        // SAFETY: as above, the other 64 bytes.
                        unsafe {
                            let behind = places.as_mut_ptr().add(BLOCK / 2);
                            _mm512_storeu_si512(behind.cast(), _mm512_add_epi16(high, bases));
                        }
                    }
                    count + count_here
                }
                None => TOO_MANY,
            };
            base += BLOCK;
        }
        Pass { sum: _mm512_reduce_add_epi64(sums).cast_unsigned(), count }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{avx2, avx512};
