//! `warptick-bench SCENARIO [ARGUMENTS]`: runs one benchmark and prints one JSON line a variant.
//!
//! Exit code 0: measured and checked. 1: a result was wrong, or no work was done. 2: no such scenario.

use std::process::ExitCode;

use bench::line::Line;

type Scenario = fn(&[String]) -> Result<Vec<Line>, String>;

/// Every scenario: name, arguments, what to run.
const SCENARIOS: &[(&str, &str, Scenario)] = &[
    ("fix_encode", "", |_| bench::fix_encode::run()),
    ("fix_decode", "", |_| bench::fix_decode::run()),
    ("ouch_encode", "", |_| bench::ouch_encode::run()),
    ("ouch_decode", "", |_| bench::ouch_decode::run()),
    ("fix_round_trip", "", |_| bench::fix_round_trip::run()),
    ("kill_latency", "", |_| bench::kill_latency::run()),
    ("risk", "", |_| bench::risk::run()),
    ("journal_append", "[DIR]", bench::journal_append::run),
    ("ring_hop", "", |_| bench::ring_hop::run()),
    ("tick_to_order", "[FILE[@VENUE]...]", bench::tick_to_order::run),
    ("book", "FILE [BBO_CHECKSUM]", bench::book::run),
    ("wide_cpu", "", |_| bench::wide_cpu::run()),
    #[cfg(feature = "peers")]
    ("peer_decode", "FILE...", bench::peer_decode::run),
    #[cfg(feature = "peers")]
    ("peer_book", "FILE...", bench::peer_book::run),
    #[cfg(feature = "peers-fix")]
    ("peer_fix", "", |_| bench::peer_fix::run()),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = arguments.first().map(String::as_str).unwrap_or_default();
    let Some((name, _, run)) = SCENARIOS.iter().find(|(known, ..)| *known == wanted) else {
        eprintln!("usage: warptick-bench SCENARIO [ARGUMENTS], one of:");
        for (name, arguments, _) in SCENARIOS {
            eprintln!("  {name} {arguments}");
        }
        return ExitCode::from(2);
    };
    let printed = run(&arguments[1..]).and_then(|lines| {
        for line in lines {
            println!("{}", line.to_json()?);
        }
        Ok(())
    });
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
