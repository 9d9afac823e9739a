//! What a day was written as: its files, and the rows of its tables.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use engine::control::options_day::{self, OptionsDayConfig};
use engine::control::session_date::SessionDate;

pub const FILES: [&str; 7] =
    ["nasdaq.itch", "bx.itch", "contracts.csv", "surfaces.csv", "mispricings.csv", "toml", "maker.toml"];

pub fn config(seed: u64) -> OptionsDayConfig {
    let date = SessionDate::new(2026, 1, 5).expect("a date");
    OptionsDayConfig { seed, underlyings: 3, moves: 300, mispricings: 16, ..OptionsDayConfig::on(date) }
}

pub fn generate(directory: &Path, name: &str, config: &OptionsDayConfig) -> PathBuf {
    let out = directory.join(name);
    options_day::run(&out, config, &mut Vec::new()).expect("a day");
    out
}

pub fn bytes(out: &Path, file: &str) -> Vec<u8> {
    std::fs::read(format!("{}.{file}", out.display())).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The rows of a table, by column.
pub fn table(out: &Path, file: &str) -> Vec<HashMap<String, String>> {
    rows(&String::from_utf8(bytes(out, file)).expect("text"))
}

/// The rows of a table's text, by column.
pub fn rows(text: &str) -> Vec<HashMap<String, String>> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let row = |line: &str| {
        names.iter().map(|&name| name.to_owned()).zip(line.split(',').map(str::to_owned)).collect()
    };
    lines.map(row).collect()
}

pub fn number<T: std::str::FromStr>(row: &HashMap<String, String>, column: &str) -> T {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}
