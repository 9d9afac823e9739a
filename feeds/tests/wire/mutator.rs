//! The deterministic mutator: damaged copies of good inputs, and the loop that feeds them to a decoder.
//!
//! Seeded xorshift. A failure prints the seed of its input through [`Announce`]; a decoder with a state has seen the
//! same inputs before it on every run.

/// Damaged inputs to each decoder.
const INPUTS: u64 = 1_000_000;

struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `bound`, which is above 0.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }
}

/// Prints the seed of the input at hand when a test panics.
struct Announce(&'static str, u64);

impl Drop for Announce {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: input with seed {:#x}", self.0, self.1);
        }
    }
}

/// Copies one of `inputs` to `out` and damages it in one to four places.
fn damage(inputs: &[Vec<u8>], random: &mut XorShift, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&inputs[random.below(inputs.len())]);
    for _ in 0..=random.below(4) {
        if out.is_empty() {
            out.push(random.byte());
        }
        let at = random.below(out.len());
        match random.below(8) {
            0 => out[at] = random.byte(),
            1 => out[at] ^= 1 << random.below(8),
            2 => out[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            3 => out.truncate(at),
            4 => out.insert(at, random.byte()),
            5 => drop(out.remove(at)),
            6 => {
                let end = (at + 1 + random.below(16)).min(out.len());
                let value = [0, 0xff][random.below(2)];
                out[at..end].fill(value);
            }
            _ => {
                let end = (at + 1 + random.below(32)).min(out.len());
                out.extend_from_within(at..end);
            }
        }
    }
}

/// Feeds [`INPUTS`] damaged copies of `inputs` to `decoder`, which says whether it accepted one. A run that accepts
/// everything or nothing has not tested the decoder.
pub fn run(name: &'static str, inputs: &[Vec<u8>], mut decoder: impl FnMut(&[u8]) -> bool) {
    let mut input = Vec::new();
    let mut accepted = 0;
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..INPUTS {
        let announce = Announce(name, seed);
        let mut random = XorShift(seed);
        damage(inputs, &mut random, &mut input);
        accepted += u64::from(decoder(&input));
        seed = random.next();
        drop(announce);
    }
    println!("{name}: {accepted} of {INPUTS} damaged inputs were accepted");
    assert!(accepted > INPUTS / 1000 && accepted < INPUTS - INPUTS / 1000);
}
