//! `warptick why`: the trace of an order's message, held against the run that sent it.
//!
//! A trace is right when the replay made the same message in that decision, when no rule of risk breaks, when the
//! strategy's words name the price that was sent, when the bytes shown are those of the capture at that offset, and when
//! every answer of the journal is there.

use std::path::Path;

use engine::control::journal::{DecideReader, DecideRecord};
use engine::control::why;
use engine::notation::Price;
use engine::order::{Order, OrderAction, TimeInForce};
use tempfile::TempDir;
use warptick_tests::captures::{GOOG, shared};
use warptick_tests::warptick::run;

fn actions(journal: &Path) -> Vec<Order> {
    let reader = DecideReader::open(journal).expect("a journal");
    let records = reader.map(|record| record.expect("a record").record);
    records
        .filter_map(|record| if let DecideRecord::Action(order) = record { Some(order) } else { None })
        .collect()
}

/// A command line in which each `{}` is the next path.
fn words(line: &str, paths: &[&Path]) -> Vec<String> {
    let with = |line: String, path: &&Path| line.replacen("{}", &path.to_string_lossy(), 1);
    paths.iter().fold(line.to_owned(), with).split(' ').map(str::to_owned).collect()
}

/// The part of a trace under a heading.
fn part<'a>(trace: &'a str, head: &str) -> &'a str {
    let from = trace.find(&format!("\n{head}")).unwrap_or_else(|| panic!("no {head:?} in {trace}"));
    let rest = &trace[from + 1..];
    &rest[..rest.find("\n\n").unwrap_or(rest.len())]
}

/// The bytes of a dump, read back.
fn dumped(part: &str) -> Vec<u8> {
    let lines = part.lines().filter(|line| line.starts_with("    0"));
    let digits = lines.flat_map(|line| line[10..10 + 47].split_whitespace());
    digits.map(|byte| u8::from_str_radix(byte, 16).expect("two digits")).collect()
}

fn number_behind(text: &str, word: &str) -> usize {
    let from = text.find(word).unwrap_or_else(|| panic!("no {word:?} in {text}")) + word.len();
    let digits: String = text[from..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

fn check(journal: &Path, order: &Order, capture_of: impl Fn(u8) -> Vec<u8>) {
    let id = order.cl_ord_id.to_string();
    let trace = why::trace(journal, &id, &[], Vec::new()).expect("a trace");
    let text = &trace.text;
    assert_eq!(trace.failure, None, "{text}");
    let risk = part(text, "Risk\n");
    assert!(risk.lines().count() > 3 && !risk.contains("BREAKS"), "{text}");
    let (signal, price) = (part(text, "Signal\n"), Price(order.price).to_string());
    match order.action {
        OrderAction::Cancel => {}
        _ if order.time_in_force == TimeInForce::ImmediateOrCancel => {
            assert!(signal.contains(&format!(" {price}")) || signal.contains("ticks beyond"), "{text}");
        }
        _ => {
            assert!(signal.contains(&format!("wanted {} @ {price}", order.quantity - filled(text))), "{text}")
        }
    }
    // What came in is in the capture, byte for byte, where the trace says.
    let came = part(text, "What came in\n");
    if came.contains(", byte ") {
        let capture = capture_of(if came.contains(" of BX:") { 1 } else { 0 });
        let (at, bytes) = (number_behind(came, ", byte "), dumped(came));
        assert_eq!(bytes.len(), number_behind(&came[came.find(", byte ").unwrap_or(0) + 7..], ", "));
        assert_eq!(capture[at..at + bytes.len()], bytes, "{text}");
    }
    // The bytes that left name the message once, as its own.
    let bytes = part(text, "Bytes of the session");
    let own = format!("|11={id}|");
    assert_eq!(
        bytes.lines().filter(|line| line.contains(" sent ") && line.contains(&own)).count(),
        1,
        "{text}"
    );
    // Every answer to it is there, and its whole life.
    let reader = DecideReader::open(journal).expect("a journal");
    for record in reader.map(|record| record.expect("a record")) {
        if let DecideRecord::Execution(execution) = record.record
            && execution.cl_ord_id == order.cl_ord_id
        {
            let life = part(text, "All of the order");
            let said = format!("{:>8} ", record.sequence);
            assert!(
                life.lines().any(|line| line.trim_start_matches(' ').starts_with(said.trim_start())),
                "{text}"
            );
        }
    }
}

/// What the order had filled when it was replaced: OrderQty(38) of a replace counts it.
fn filled(text: &str) -> u64 {
    let word = "of an order that filled ";
    if text.contains(word) { number_behind(text, word) as u64 } else { 0 }
}

/// A spread of messages of every kind.
fn some(actions: &[Order], most: usize) -> impl Iterator<Item = &Order> {
    let kinds = [OrderAction::New, OrderAction::Replace, OrderAction::Cancel];
    kinds.into_iter().flat_map(move |kind| {
        let of_kind: Vec<&Order> = actions.iter().filter(|order| order.action == kind).collect();
        let step = of_kind.len().div_ceil(most).max(1);
        of_kind.into_iter().step_by(step)
    })
}

#[test]
fn every_kind_of_message_of_a_generated_day_is_explained() {
    let directory = TempDir::new().expect("a directory");
    let day = directory.path().join("day");
    let made = run(words("generate {} --messages 60000 --symbols 12", &[&day]));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let captures = ["nasdaq", "bx"].map(|venue| directory.path().join(format!("day.{venue}.itch")));
    let journal = directory.path().join("journal");
    let arguments = "replay {}@NASDAQ {}@BX --journal {}";
    let replayed = run(words(arguments, &[&captures[0], &captures[1], &journal]));
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    let bytes = captures.each_ref().map(|capture| std::fs::read(capture).expect("a capture"));
    let actions = actions(&journal);
    assert!(actions.len() > 100, "{} actions", actions.len());
    for order in some(&actions, 5) {
        check(&journal, order, |venue| bytes[usize::from(venue)].clone());
    }
    let [first, last] = [actions[0], actions[actions.len() - 1]].map(|order| order.cl_ord_id);
    for (id, said) in [
        ("9", format!("its messages are {first} to {last}")),
        ("IBM", "give the 16 digits of tag 11".to_owned()),
        ("", "give the 16 digits of tag 11".to_owned()),
    ] {
        let refused = run(["why", id, "--journal", &journal.to_string_lossy()]);
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains(&said), "{}", refused.stderr);
    }
    let first = first.to_string();
    let refused = run(["why", &first, "--journal", &day.to_string_lossy()]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("is this the directory of a journal?"), "{}", refused.stderr);
    // A capture that is another one now explains nothing.
    std::fs::write(&captures[0], &bytes[1]).expect("another capture");
    let refused = run(["why", &first, "--journal", &journal.to_string_lossy()]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("not the capture of this run"), "{}", refused.stderr);
}

#[test]
fn orders_on_a_real_capture_are_explained() {
    let Some(goog) = shared(GOOG) else { return };
    let directory = TempDir::new().expect("a directory");
    let journal = directory.path().join("journal");
    let replayed = run(words("replay {} --journal {}", &[&goog, &journal]));
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    let capture = feeds::source::file::Capture::open(&goog).expect("a capture");
    let actions = actions(&journal);
    for order in some(&actions, 1) {
        check(&journal, order, |_| capture.bytes().to_vec());
    }
}
