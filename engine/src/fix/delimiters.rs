//! One pass over a frame's bytes: their sum for CheckSum(10) and the offsets of all SOHs, by registers of 32 bytes
//! where the CPU has them.
//!
//! [`Kernel::best`] is found once by the CPU's own word and kept in an atomic byte: a relaxed load later, no lock. Both
//! kernels compute the same from the same bytes; a test compares them at every length and alignment. None reads a byte
//! outside the slice. Nothing allocates.
//!
//! A third one for AVX-512 (registers of 64 bytes, offsets by compression) was written, measured and left out: over
//! messages in a row it read 115 ns a report as AVX2 did, but 210 to 240 where other code ran between, as in a process that
//! waits for reports.

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
    /// Whether a `=` stands right before a SOH: there may be an empty value.
    pub(super) equals_before_soh: bool,
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
        #[cfg(target_arch = "x86_64")]
        let wide = (is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("lzcnt"))
        .then_some(Self::Avx2);
        #[cfg(not(target_arch = "x86_64"))]
        let wide = None;
        [Some(Self::Portable), wide].into_iter().flatten()
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
    let mut neighbours = Neighbours::default();
    for (block, base) in bytes.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
        let (mut bits, mut equals) = (0_u64, 0_u64);
        let (words, rest) = block.as_chunks::<8>();
        for (word, at) in words.iter().zip((0_u32..).step_by(8)) {
            let word = u64::from_le_bytes(*word);
            sum += byte_sum(word);
            bits |= bits_of(SOH, word) << at;
            equals |= bits_of(b'=', word) << at;
        }
        for (&byte, at) in rest.iter().zip(words.len() * 8..) {
            sum += u64::from(byte);
            bits |= u64::from(byte == SOH) << at;
            equals |= u64::from(byte == b'=') << at;
        }
        neighbours.add(equals, bits);
        count = append(bits, base, count, ends);
    }
    Pass { sum, count, equals_before_soh: neighbours.found() }
}

/// Sum of eight bytes. In pairs first: a single multiplication would carry from one byte into the next.
#[inline]
pub(super) const fn byte_sum(bytes: u64) -> u64 {
    const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes & PAIRS) + ((bytes >> 8) & PAIRS);
    pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48
}

/// Whether some `=` is followed by SOH, block by block.
#[derive(Clone, Copy, Debug, Default)]
struct Neighbours {
    found: u64,
    /// 1 where the block before ended with `=`.
    carried: u64,
}

impl Neighbours {
    #[inline(always)]
    const fn add(&mut self, equals: u64, soh: u64) {
        self.found |= (equals << 1 | self.carried) & soh;
        self.carried = equals >> 63;
    }

    #[inline(always)]
    const fn found(self) -> bool {
        self.found != 0
    }
}

/// One bit for each byte of a word that is `wanted`, the lowest for the lowest byte.
#[inline]
const fn bits_of(wanted: u8, word: u64) -> u64 {
    const LOWS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let differences = word ^ (wanted as u64 * 0x0101_0101_0101_0101);
    // The high bit of each byte that is zero: no carry leaves a byte, so that all eight are exact.
    let zeros = !(((differences & LOWS) + LOWS) | differences | LOWS);
    (zeros >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, ENDS_MAX, Neighbours, Pass, SOH, append, portable};

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
    fn bits_of(wanted: u8, bytes: __m256i) -> u64 {
        let found = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(wanted.cast_signed()));
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
        let mut neighbours = Neighbours::default();
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        for (block, base) in blocks.iter().zip((0..).step_by(BLOCK)) {
            let (halves, _) = block.as_chunks::<32>();
            let (low, high) = (load(&halves[0]), load(&halves[1]));
            sums = _mm256_add_epi64(sums, _mm256_sad_epu8(low, zero));
            sums = _mm256_add_epi64(sums, _mm256_sad_epu8(high, zero));
            let soh = bits_of(SOH, low) | bits_of(SOH, high) << 32;
            neighbours.add(bits_of(b'=', low) | bits_of(b'=', high) << 32, soh);
            count = append(soh, base, count, ends);
        }
        if rest.is_empty() {
            return Pass { sum: total(sums), count, equals_before_soh: neighbours.found() };
        }
        let base = bytes.len() - rest.len();
        let (mut bits, mut equals) = (0, 0);
        let (half, tail) = match rest.split_first_chunk::<32>() {
            Some((half, tail)) => {
                let half = load(half);
                sums = _mm256_add_epi64(sums, _mm256_sad_epu8(half, zero));
                (bits, equals) = (bits_of(SOH, half), bits_of(b'=', half));
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
        bits |= bits_of(SOH, last) >> (32 - tail) << half;
        equals |= bits_of(b'=', last) >> (32 - tail) << half;
        neighbours.add(equals, bits);
        count = append(bits, base, count, ends);
        Pass { sum: total(sums), count, equals_before_soh: neighbours.found() }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::avx2;

#[cfg(test)]
mod tests {
    use super::*;

    fn run(kernel: Kernel, bytes: &[u8], ends: &mut [u16; ENDS_MAX]) -> Pass {
        match kernel {
            Kernel::Portable => portable(bytes, ends),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the kernel is one of `Kernel::available`.
            Kernel::Avx2 => unsafe { avx2(bytes, ends) },
        }
    }

    /// Every kernel against bytes looked at one by one.
    fn compare(bytes: &[u8], context: &str) {
        let sum: u64 = bytes.iter().map(|&byte| u64::from(byte)).sum();
        let wanted: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at] == SOH).collect();
        let empty = bytes.windows(2).any(|pair| pair == b"=\x01");
        for kernel in Kernel::available() {
            let mut ends = [0; ENDS_MAX];
            let pass = run(kernel, bytes, &mut ends);
            assert_eq!((pass.sum, pass.equals_before_soh), (sum, empty), "{kernel:?} {context}");
            // How many are too many depends on the blocks, which are the same for all.
            let before_last_block =
                wanted.iter().filter(|&&at| at / BLOCK < (bytes.len() - 1) / BLOCK).count();
            if before_last_block > ENDS_MAX - BLOCK {
                assert_eq!(pass.count, TOO_MANY, "{kernel:?} {context}");
                continue;
            }
            let found: Vec<usize> = ends[..pass.count].iter().map(|&end| usize::from(end)).collect();
            assert_eq!(found, wanted, "{kernel:?} {context}");
        }
    }

    #[test]
    fn kernels_agree_at_every_start_and_length_and_read_nothing_outside() {
        // Each slice ends with its allocation, and begins at each place within 64 bytes of it.
        for length in 1..300 {
            for density in [1, 2, 5, 11] {
                let from = length * 7 % 64;
                let bytes: Vec<u8> = (0..from + length)
                    .map(|at| match at * at * 31 % 97 {
                        number if number % density == 0 => SOH,
                        number if number % 3 == 0 => b'=',
                        number => 0x80 | number as u8,
                    })
                    .collect();
                compare(
                    &bytes.into_boxed_slice()[from..],
                    &format!("from {from} length {length} density {density}"),
                );
            }
        }
        for from in 0..130 {
            let bytes: Vec<u8> = (0..from + 263).map(|at| if at % 9 == 0 { SOH } else { b'=' }).collect();
            compare(&bytes.into_boxed_slice()[from..], &format!("from {from}"));
        }
    }

    #[test]
    fn there_can_be_too_many() {
        for length in [190, 192, 193, 255, 256, 257, 300, 4_000] {
            compare(&vec![SOH; length], &format!("{length} SOHs"));
        }
    }
}
