//! Damaged lines and records: never a panic, whatever the bytes. Deterministic; `WARPTICK_MUTATIONS` sets the number.

use feeds::directory::Directory;
use feeds::source::file::Capture;
use feeds::source::prescan::prescan;

use super::real_captures::shared;

/// Mutated inputs a capture, each through file and first pass. The ordinary run is short, for `wire` damages a million
/// records and lines each; 200,000 gives over a million here.
fn inputs() -> u64 {
    std::env::var("WARPTICK_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(100)
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap()
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 if !bytes.is_empty() => bytes[at] = bytes[at].wrapping_add(1 << random.below(8)),
            1 if !bytes.is_empty() => bytes[at] = b"0123456789.-\"[]{},:\0\xff"[random.below(22).min(20)],
            2 => bytes.truncate(at),
            _ if !bytes.is_empty() => {
                bytes.remove(at);
            }
            _ => {}
        }
    }
}

fn survives(name: &str, whole: &[u8], rounds: u64) {
    for seed in 1..=rounds {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut bytes = whole.to_vec();
        mutate(&mut bytes, &mut random);
        let result = std::panic::catch_unwind(|| {
            if let Ok(capture) = Capture::from_bytes("mutated", bytes) {
                let (scan, _) = prescan(&capture, 0);
                let symbols = scan.listings.iter().map(|listing| listing.symbol).collect();
                drop(Directory::new(symbols, 0));
            }
        });
        assert!(result.is_ok(), "{name}: seed {seed} panicked");
    }
}

#[test]
fn mutated_dbn_files() {
    let Some(folder) = shared("databento_dbn/dbn_repo") else { return };
    for name in
        ["mbo.v3.dbn", "mbp-1.dbn", "mbp-10.dbn", "definition.v1.dbn.frag", "trades.dbn", "status.dbn"]
    {
        let whole = std::fs::read(folder.join(format!("test_data.{name}"))).unwrap();
        survives(name, &whole, inputs());
    }
}

#[test]
fn mutated_binance_lines() {
    let Some(folder) = shared("hftbacktest_binance") else { return };
    for name in ["cm_btcusd_perp", "spot_btcusdt", "usdm_ethusdt"] {
        let capture = Capture::open(folder.join(format!("{name}_20240808.gz"))).unwrap();
        let lines = capture.bytes().split_inclusive(|&byte| byte == b'\n').take(12);
        let whole: Vec<u8> = lines.flatten().copied().collect();
        survives(name, &whole, inputs());
    }
}
