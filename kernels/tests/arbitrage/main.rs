//! Arbitrage of every kind against a brute force in numbers without limit, and every hit against a checker that knows
//! nothing of how it was found: on generated markets with planted mispricings, and on real ones.
//!
//! `cargo test --release -p warptick-kernels --test arbitrage -- --ignored` runs the wide forms. What needs
//! `../shared/data` is skipped loudly without it.

mod binance;
mod brute_force;
mod checker;
mod currencies;
mod goog;
mod options;
mod poloniex;
mod random;
mod scan;
mod tree;
mod zip;

use std::path::PathBuf;

/// A file of the real captures.
fn data(path: &str) -> Option<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    if !root.is_dir() {
        println!("SKIPPED: ../shared/data is absent");
        return None;
    }
    Some(root.join(path))
}

/// Decimal text in units of 10^-`decimals`, what is finer cut off.
fn decimal(text: &str, decimals: usize) -> u64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("0".repeat(decimals).chars()).take(decimals).collect();
    format!("{whole}{digits}").parse().expect("a decimal number")
}
