//! `warptick-bench SCENARIO [ARGUMENTS] [--append [FILE]]`: runs one benchmark and prints one JSON line a variant.
//!
//! `--append` adds the lines to a file as well, to that of this machine in `bench/results` unless one is named.
//! Exit code 0: measured and checked. 1: a result was wrong, or no work was done. 2: no such scenario.

use std::path::PathBuf;
use std::process::ExitCode;

use bench::line::Line;
use bench::results;

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
    ("american", "", |_| bench::american::run()),
    ("relations", "", |_| bench::relations::run()),
    ("option_pricing", "", |_| bench::option_pricing::run()),
    ("instructions", "check [FILE] | record", bench::instructions::run),
    #[cfg(feature = "peers")]
    ("peer_decode", "FILE...", bench::peer_decode::run),
    #[cfg(feature = "peers")]
    ("peer_book", "FILE...", bench::peer_book::run),
    #[cfg(feature = "peers-fix")]
    ("peer_fix", "", |_| bench::peer_fix::run()),
];

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let append = take_append(&mut arguments);
    let wanted = arguments.first().map(String::as_str).unwrap_or_default();
    let Some((name, _, run)) = SCENARIOS.iter().find(|(known, ..)| *known == wanted) else {
        eprintln!("usage: warptick-bench SCENARIO [ARGUMENTS], one of:");
        for (name, arguments, _) in SCENARIOS {
            eprintln!("  {name} {arguments}");
        }
        return ExitCode::from(2);
    };
    let printed = run(&arguments[1..]).and_then(|lines| {
        let lines = lines.iter().map(Line::to_json).collect::<Result<Vec<_>, _>>()?;
        lines.iter().for_each(|line| println!("{line}"));
        append.map_or(Ok(()), |file| results::append(&file, &lines))
    });
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Takes `--append [FILE]` out of the arguments.
fn take_append(arguments: &mut Vec<String>) -> Option<PathBuf> {
    let at = arguments.iter().position(|argument| argument == "--append")?;
    let mut taken = arguments.split_off(at).into_iter().skip(1).peekable();
    let file = taken.next_if(|word| word.ends_with(".jsonl")).map(PathBuf::from);
    arguments.extend(taken);
    Some(file.unwrap_or_else(results::of_this_machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_in_the_table_of_the_method() {
        let method = include_str!("../METHOD.md");
        let names = method.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', ' ']).next());
        let names: Vec<_> = names.collect();
        for (scenario, ..) in SCENARIOS {
            assert!(names.contains(scenario), "{scenario}: no row in METHOD.md");
        }
    }

    #[test]
    fn append_is_taken_wherever_it_stands() {
        let take = |words: &[&str]| {
            let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let file = take_append(&mut words);
            (words.join(" "), file)
        };
        let file = Some(PathBuf::from("x.jsonl"));
        assert_eq!(take(&["risk"]), ("risk".to_owned(), None));
        assert_eq!(take(&["book", "--append", "x.jsonl", "F"]), ("book F".to_owned(), file));
        let (words, file) = take(&["book", "F", "--append"]);
        assert_eq!(words, "book F");
        assert!(file.is_some_and(|file| file.starts_with("bench/results")));
    }
}
