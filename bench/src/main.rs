//! `warptick-bench SCENARIO`: runs one benchmark and prints one JSON line.

use std::process::ExitCode;

/// Every scenario by name.
const SCENARIOS: &[(&str, fn() -> Result<String, String>)] =
    &[("fix_encode", bench::fix_encode::run), ("fix_decode", bench::fix_decode::run)];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some((_, run)) = SCENARIOS.iter().find(|(known, _)| *known == name) else {
        let names: Vec<_> = SCENARIOS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: warptick-bench SCENARIO, one of: {}", names.join(", "));
        return ExitCode::from(2);
    };
    match run() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
