//! Order entry by OUCH and FIX 4.2 beside FIX 4.4, through the built binary: the same decisions, orders and fills; the session over TCP; and
//! settings that are refused.

use std::path::Path;

use engine::control::journal::{DecideReader, DecideRecord};
use engine::order::Order;
use feeds::source::synthetic::SyntheticConfig;
use warptick_tests::captures::{GOOG, generated, shared};
use warptick_tests::warptick::{line, run};

fn venues(names: &[(&str, &str)]) -> String {
    names
        .iter()
        .map(|(name, protocol)| format!("[[venues]]\nname = \"{name}\"\nprotocol = \"{protocol}\"\n"))
        .collect()
}

/// The approved actions in a journal, without the number of the input that decided them.
fn actions(journal: &Path) -> Vec<Order> {
    DecideReader::open(journal)
        .expect("a journal")
        .filter_map(|record| match record.expect("a whole journal").record {
            DecideRecord::Action(order) => Some(Order { decision: 0, ..order }),
            _ => None,
        })
        .collect()
}

/// A cancel or replace that crosses a fill is refused by FIX and ignored in silence by OUCH: the inputs of decide are
/// fewer, and so the digest, which has their numbers, is another. All that was decided is the same.
#[test]
fn a_day_of_goog_is_traded_alike_by_both_protocols() {
    let Some(capture) = shared(GOOG) else { return };
    let capture = capture.to_str().expect("a path in UTF-8");
    let directory = tempfile::tempdir().expect("a directory");
    let mut days = Vec::new();
    for protocol in ["fix", "ouch"] {
        let config = directory.path().join(format!("{protocol}.toml"));
        let journal = directory.path().join(protocol);
        std::fs::write(&config, venues(&[("NASDAQ", protocol)])).expect("writable");
        let (config, path) = (config.to_str().unwrap_or_default(), journal.to_str().unwrap_or_default());
        let finished = run(["replay", capture, "--config", config, "--journal", path]);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        let replayed = run(["journal", "replay", path]);
        assert!(replayed.stdout.contains("VERDICT: REPRODUCED"), "{}", replayed.stdout);
        days.push((actions(&journal), line(&finished.stdout, "fills").to_owned()));
    }
    assert!(days[0].0.len() > 50_000, "{} actions", days[0].0.len());
    assert!(days[0].0 == days[1].0, "the actions differ");
    assert_eq!(days[0].1, days[1].1);
}

/// A generated session of two venues, in files.
struct Captures {
    directory: tempfile::TempDir,
    arguments: [String; 2],
}

fn captures() -> Captures {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = SyntheticConfig { messages: 200_000, symbols: 8, ..SyntheticConfig::default() };
    let streams = generated(&settings);
    let arguments = ["NASDAQ", "BX"].map(|venue| {
        let path = directory.path().join(format!("{venue}.itch"));
        format!("{}@{venue}", path.to_str().expect("a path in UTF-8"))
    });
    for (stream, argument) in streams.iter().zip(&arguments) {
        std::fs::write(argument.split('@').next().unwrap_or_default(), stream).expect("writable");
    }
    Captures { directory, arguments }
}

impl Captures {
    fn replay(&self, config: &str, more: &[&str]) -> String {
        let path = self.directory.path().join("config.toml");
        std::fs::write(&path, config).expect("writable");
        let fixed = ["replay", &self.arguments[0], &self.arguments[1], "--date", "2026-01-05", "--config"];
        let path = path.to_str().expect("a path in UTF-8");
        let finished = run(fixed.iter().chain([&path]).chain(more));
        assert_eq!(finished.code, Some(0), "{}{}", finished.stdout, finished.stderr);
        finished.stdout
    }
}

/// Only immediate orders go to BX: no answer crosses another, so that both protocols say the same and the digest is one.
#[test]
fn where_no_answers_cross_the_digest_is_the_same() {
    let captures = captures();
    let fix = captures.replay(&venues(&[("NASDAQ", "fix"), ("BX", "fix")]), &[]);
    let mixed = venues(&[("NASDAQ", "fix"), ("BX", "ouch")]);
    assert!(!line(&fix, "fills").contains(" 0 taking"), "{fix}");
    for topology in ["inline", "split"] {
        let ouch = captures.replay(&mixed, &["--topology", topology]);
        for what in ["orders", "fills", "order digest"] {
            assert_eq!(line(&ouch, what), line(&fix, what), "{topology}");
        }
    }
}

/// FIX 4.2 with short numbers is the same session in other words: the digest of a whole day is one.
#[test]
fn fix_42_with_compact_numbers_trades_alike() {
    let captures = captures();
    let plain = captures.replay(&venues(&[("NASDAQ", "fix"), ("BX", "fix")]), &[]);
    let older: String = ["NASDAQ", "BX"]
        .map(|name| {
            format!("[[venues]]\nname = \"{name}\"\nfix = {{ version = \"4.2\", numbers = \"compact\" }}\n")
        })
        .concat();
    for more in [&[][..], &["--pace", "max"][..]] {
        let said = captures.replay(&older, more);
        assert!(!said.contains("malformed messages, ") && !said.contains("reports lost"), "{said}");
        assert!(!line(&said, "fills").starts_with("0 "), "{said}");
        if more.is_empty() {
            for what in ["orders", "fills", "order digest"] {
                assert_eq!(line(&said, what), line(&plain, what));
            }
        }
    }
}

#[test]
fn a_paced_run_trades_over_tcp_in_both_topologies() {
    let captures = captures();
    for topology in ["inline", "split"] {
        let config = venues(&[("NASDAQ", "ouch"), ("BX", "ouch")]);
        let said = captures.replay(&config, &["--pace", "max", "--topology", topology]);
        assert!(!line(&said, "orders").starts_with("0 new"), "{said}");
        assert!(line(&said, "orders").contains(" 0 open at the end"), "{said}");
        assert!(!line(&said, "fills").starts_with("0 "), "{said}");
        assert!(!said.contains("malformed messages, ") && !said.contains("reports lost"), "{said}");
    }
}

#[test]
fn settings_that_soup_cannot_carry_are_refused() {
    let captures = captures();
    let path = captures.directory.path().join("bad.toml");
    for (more, word) in [
        ("protocol = \"pillar\"\n", "pillar"),
        ("protocol = \"ouch\"\n[venues.logon]\nmethod = \"hmac-sha256\"\nsecret_env = \"A\"\n", "SoupBinTCP"),
        (
            "protocol = \"ouch\"\n[venues.logon]\nmethod = \"password\"\nusername = \"TOOLONG\"\npassword_env = \"A\"\n",
            "6 characters",
        ),
    ] {
        std::fs::write(&path, format!("[[venues]]\nname = \"NASDAQ\"\n{more}")).expect("writable");
        let finished =
            run(["replay", &captures.arguments[0], "--config", path.to_str().expect("a path in UTF-8")]);
        assert_eq!(finished.code, Some(2), "{more}: {}", finished.stdout);
        assert!(finished.stderr.contains(word), "{more}: {}", finished.stderr);
    }
}
