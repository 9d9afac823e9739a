//! Holds warptick's FIX codec to fefix 0.7.0, message by message, both ways.
//!
//! `cargo run --release --manifest-path tools/fefix-oracle/Cargo.toml -- [--seed N] [--messages N]`
//!
//! **Ours, read by fefix.** Everything that the engine writes: order templates, fixed-width and compact, status requests,
//! the simulated venue's reports, what two sessions say to each other, random messages of every type by the general codec,
//! in FIX 4.2 and 4.4. Both codecs must read the same fields, byte by byte, the same typed values from them, and the values
//! that were meant.
//!
//! **fefix's, read by us.** Random messages of every type, requests and executions, the latter by the typed decoders too.
//!
//! **Damaged.** Messages with a byte or two changed and length and checksum put right: we must not panic; what fefix
//! does is counted.
//!
//! Exit code 1 when the codecs disagree. Everything derives from the seed; a case that fails prints its own, and both
//! readings.

mod dice;
mod fefix_side;
mod ours;
mod plan;
mod reading;
mod theirs;
mod value;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use engine::fix::dictionary::{Dictionary, Version};
use engine::fix::frame::Frame;
use engine::fix::{executions, requests};

use dice::Dice;
use fefix_side::{Fefix, Refusal};
use ours::Meant;
use plan::Plan;
use reading::Reading;
use value::Value;

/// Failing cases that are printed in full.
const SHOWN: u64 = 10;

#[derive(Default)]
struct Tally {
    /// Messages, by what they are.
    messages: BTreeMap<&'static str, u64>,
    values: u64,
    disagreements: u64,
    fefix_panics: u64,
    damaged: BTreeMap<&'static str, u64>,
}

struct Oracle {
    fefix: Fefix,
    tally: Tally,
    /// Well-formed messages of this run, to be damaged.
    samples: Vec<(Version, Vec<u8>)>,
}

impl Oracle {
    fn disagree(&mut self, what: &str, seed: u64, bytes: &[u8], why: &str) {
        self.tally.disagreements += 1;
        if self.tally.disagreements <= SHOWN {
            println!("\nDISAGREEMENT: {what}, seed {seed}: {why}\n  bytes: {}", bytes.escape_ascii());
        }
    }

    /// Both readings of a sound message are the same, field by field, and what was meant: `meant` is among them or, where
    /// `is_whole`, all that there is behind MsgType(35).
    fn compare(
        &mut self,
        what: &'static str,
        seed: u64,
        bytes: &[u8],
        meant: &[(u32, Value)],
        is_whole: bool,
    ) {
        *self.tally.messages.entry(what).or_default() += 1;
        let version = if bytes.starts_with(b"8=FIX.4.2") { Version::Fix42 } else { Version::Fix44 };
        let by_us = Reading::ours(bytes);
        let by_fefix = self.fefix.read(version, bytes);
        self.tally.fefix_panics += u64::from(by_fefix == Err(Refusal::Panic));
        let (by_us, by_fefix) = match (by_us, by_fefix) {
            (Ok(by_us), Ok(by_fefix)) => (by_us, by_fefix),
            (by_us, by_fefix) => {
                let why = format!("\n  ours:  {by_us:?}\n  fefix: {by_fefix:?}");
                return self.disagree(what, seed, bytes, &why);
            }
        };
        if by_us != by_fefix {
            let why = format!("\n  ours:  {by_us}\n  fefix: {by_fefix}");
            return self.disagree(what, seed, bytes, &why);
        }
        if is_whole && by_us.0.len() != meant.len() + 2 {
            let why = format!("{} fields were meant: {meant:?}\n  both:  {by_us}", meant.len());
            return self.disagree(what, seed, bytes, &why);
        }
        for (at, (tag, value)) in meant.iter().enumerate() {
            let found = if is_whole {
                by_us.0.get(at + 2).filter(|(found, _)| found == tag)
            } else {
                by_us.0.iter().find(|(found, _)| found == tag)
            };
            let Some((_, text)) = found else {
                return self.disagree(what, seed, bytes, &format!("no tag {tag}; {value:?} was meant"));
            };
            self.tally.values += 1;
            let (ours, fefix) = (value.read_by_us(text), value.read_by_fefix(text));
            if ours.as_ref() != Some(value) || fefix.as_ref() != Some(value) {
                let why = format!("tag {tag}: {value:?} was meant\n  ours:  {ours:?}\n  fefix: {fefix:?}");
                return self.disagree(what, seed, bytes, &why);
            }
        }
        if self.samples.len() < 1 << 16 {
            self.samples.push((version, bytes.to_vec()));
        }
    }

    /// The same for what fefix wrote, whose BodyLength(9) may have had to be put right: as it was, nobody may take it.
    fn compare_theirs(
        &mut self,
        what: &'static str,
        seed: u64,
        message: (Version, &[u8], &[(u32, Value)]),
    ) -> Vec<u8> {
        let (version, message_type, fields) = message;
        let (bytes, wrong) = self.fefix.write(version, message_type, fields);
        if let Some(wrong) = wrong
            && let Ok(reading) = Reading::ours(&wrong)
        {
            self.disagree(what, seed, &wrong, &format!("we took a wrong BodyLength: {reading}"));
        }
        self.compare(what, seed, &bytes, fields, true);
        bytes
    }

    /// One case of each kind.
    fn case(&mut self, seed: u64) {
        let dice = &mut Dice::new(seed);
        for (what, meant) in [
            ("ours: order templates", ours::template(dice)),
            ("ours: status requests", ours::status(dice)),
            ("ours: reports of the venue", ours::report(dice)),
        ] {
            let Meant { bytes, fields } = meant;
            self.compare(what, seed, &bytes, &fields, false);
        }
        for dictionary in [Dictionary::fix42(), Dictionary::fix44()] {
            let plan = Plan::random(dictionary, dice);
            match ours::general(&plan) {
                Some(Meant { bytes, fields }) => {
                    self.compare("ours: general codec", seed, &bytes, &fields, true);
                }
                None => self.disagree("general codec", seed, b"", "it did not write what it should"),
            }
            let version =
                if dictionary.begin_string() == "FIX.4.2" { Version::Fix42 } else { Version::Fix44 };
            let plan = Plan::random(dictionary, dice);
            let message = (version, plan.message_type, &plan.fields[..]);
            self.compare_theirs("fefix: any message", seed, message);
            let (message_type, fields) = theirs::request(version, dice);
            let bytes = self.compare_theirs("fefix: requests", seed, (version, message_type, &fields));
            if let Err(why) = theirs::check_request(&fields, &bytes) {
                self.disagree("fefix: requests, typed", seed, &bytes, &why);
            }
            let (message_type, fields) = theirs::execution(version, dice);
            let bytes = self.compare_theirs("fefix: executions", seed, (version, message_type, &fields));
            if let Err(why) = theirs::check_execution(&fields, &bytes) {
                self.disagree("fefix: executions, typed", seed, &bytes, &why);
            }
        }
        if seed % 8 == 0 {
            for Meant { bytes, fields } in ours::session_life(dice) {
                self.compare("ours: sessions", seed, &bytes, &fields, false);
            }
        }
    }

    /// A message with something changed in its body.
    fn damage(&mut self, seed: u64) {
        let dice = &mut Dice::new(seed);
        let (version, mut bytes) = dice.any(&self.samples).clone();
        let body = bytes.iter().skip(12).position(|&byte| byte == 1).map_or(0, |at| at + 13);
        let end = bytes.len() - 7;
        for _ in 0..=dice.below(2) {
            let at = body + dice.below((end - body) as u64) as usize;
            bytes[at] = if dice.one_in(3) { dice.next() as u8 } else { *dice.any(b"0123456789=\x01-. YX") };
        }
        reading::sign(&mut bytes);
        let ours = catch_unwind(AssertUnwindSafe(|| {
            let reading = Reading::ours(&bytes);
            if let Ok(frame) = Frame::parse(&bytes) {
                let _ = (executions::decode(frame, 0, 0), requests::decode(frame, 0));
            }
            reading
        }));
        let Ok(ours) = ours else {
            return self.disagree("damaged", seed, &bytes, "we panicked");
        };
        let fefix = self.fefix.read(version, &bytes);
        let outcome = match (&ours, &fefix) {
            (_, Err(Refusal::Panic)) => "fefix panics",
            (Ok(ours), Ok(fefix)) if ours == fefix => "read alike",
            (Ok(_), Ok(_)) => "read otherwise by fefix",
            (Err(_), Err(_)) => "refused by both",
            (Ok(_), Err(_)) => "refused by fefix alone",
            (Err(_), Ok(_)) => "refused by us alone",
        };
        *self.tally.damaged.entry(outcome).or_default() += 1;
    }

    fn report(&self) {
        let Tally { messages, values, disagreements, fefix_panics, damaged } = &self.tally;
        println!("\nmessages written and read by both");
        for (what, count) in messages {
            println!("  {what:<30} {count:>9}");
        }
        println!("typed values compared            {values:>9}");
        println!("damaged messages");
        for (outcome, count) in damaged {
            println!("  {outcome:<30} {count:>9}");
        }
        println!("fefix: wrong BodyLength written  {:>9}", self.fefix.wrong_lengths);
        println!("fefix: panics on sound messages  {fefix_panics:>9}");
        println!("disagreements                    {disagreements:>9}");
    }
}

fn number_after(arguments: &[String], name: &str, default: u64) -> Result<u64, String> {
    let Some(at) = arguments.iter().position(|argument| argument == name) else { return Ok(default) };
    let number = arguments.get(at + 1).and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("{name} needs a number"))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers = number_after(&arguments, "--seed", 1)
        .and_then(|seed| Ok((seed, number_after(&arguments, "--messages", 100_000)?)));
    let (seed, messages) = match numbers {
        Ok(numbers) => numbers,
        Err(what) => {
            eprintln!("fefix-oracle: {what}; fefix-oracle [--seed N] [--messages N]");
            return ExitCode::from(2);
        }
    };
    let mut oracle = Oracle { fefix: Fefix::new(), tally: Tally::default(), samples: Vec::new() };
    // A case has eleven messages, and every eighth a session's life besides.
    for case in 0..messages.div_ceil(16) {
        oracle.case(seed.wrapping_add(case));
    }
    for case in 0..messages {
        oracle.damage(seed.wrapping_add(case));
    }
    oracle.report();
    if oracle.tally.disagreements > 0 {
        println!("the codecs disagree; `--seed N --messages 1` runs the case of a seed alone");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
