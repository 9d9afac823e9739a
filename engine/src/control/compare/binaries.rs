//! Two binaries, run in turns on one host.
//!
//! The unit is a pair of runs: both binaries are started anew (where a process lies in memory decides a few per cent, so that
//! one process says little about its binary), measured beside each other, and give one log ratio. Who is first, to start and in
//! each round, is drawn from the seed: when nothing differs, either sign of a pair's ratio is as likely as the other, which
//! is all that the test needs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::figures::{Figures, HEADLINE, log_ratios, medians};
use super::judge::{self, Plan, Verdict};
use super::ranks::Shift;
use super::served::Served;
use crate::control::failure::Failure;
use crate::control::summary::Summary;
use crate::pipeline::tsc::Calibration;

/// How a binary is run.
#[derive(Clone, Debug)]
pub enum Way {
    /// Rounds served by `bench path --serve` with these arguments, so many a pair, both processes alive.
    Path {
        /// Further arguments.
        arguments: Vec<OsString>,
        /// Rounds of each process in a pair.
        rounds: usize,
    },
    /// `replay --pace max --topology inline` with these arguments, a process a run.
    Replay {
        /// Captures and further arguments.
        arguments: Vec<OsString>,
    },
}

/// What to compare, and how.
#[derive(Clone, Debug)]
pub struct Rivals {
    /// The one that is compared with.
    pub a: PathBuf,
    /// The one that is judged.
    pub b: PathBuf,
    /// How they are run.
    pub way: Way,
    /// The test.
    pub plan: Plan,
    /// Who is first.
    pub seed: u64,
    /// Compare binaries that decide differently all the same.
    pub force: bool,
}

/// What was measured: the figures of both sides in ns, and the log ratio of each pair.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Middle over pairs, A.
    pub a: Figures,
    /// Middle over pairs, B.
    pub b: Figures,
    /// By figure, one value a pair.
    pub log_ratios: BTreeMap<String, Vec<f64>>,
    /// Pairs.
    pub pairs: usize,
    /// What was replayed.
    pub session: String,
}

/// One pair's figures, and what was replayed.
struct Pair {
    a: Vec<Figures>,
    b: Vec<Figures>,
    session: String,
}

/// Measures until the plan's test tells, or its last look.
///
/// # Errors
/// A binary that cannot be run, or does not decide as the other does.
pub fn compare(rivals: &Rivals) -> Result<(Measured, Verdict, Shift), Failure> {
    let ns_per_tick = match rivals.way {
        Way::Path { .. } => 1e9 / Calibration::measure().ticks_per_second() as f64,
        Way::Replay { .. } => 1.0,
    };
    let mut coins = Coins(rivals.seed);
    let mut measured = Measured::default();
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    loop {
        let pair = measure_pair(rivals, &mut coins)?;
        for (name, ratio) in log_ratios(&pair.a, &pair.b).0 {
            measured.log_ratios.entry(name).or_default().push(ratio);
        }
        of_a.push(medians(&pair.a));
        of_b.push(medians(&pair.b));
        measured.pairs += 1;
        measured.session = pair.session;
        let ratios = measured.log_ratios.get(HEADLINE).map_or(&[][..], Vec::as_slice);
        if ratios.len() != measured.pairs {
            return Err(Failure::Input(format!("{}: too few orders for a {HEADLINE}", measured.session)));
        }
        if let Some((verdict, shift)) = judge::look(ratios, &rivals.plan) {
            (measured.a, measured.b) = (scaled(&of_a, ns_per_tick), scaled(&of_b, ns_per_tick));
            return Ok((measured, verdict, shift));
        }
    }
}

fn scaled(rounds: &[Figures], by: f64) -> Figures {
    Figures(medians(rounds).0.into_iter().map(|(name, value)| (name, value * by)).collect())
}

fn measure_pair(rivals: &Rivals, coins: &mut Coins) -> Result<Pair, Failure> {
    match &rivals.way {
        Way::Path { arguments, rounds } => {
            let (mut a, mut b) = in_turns(coins, rivals, |binary| Served::start(binary, arguments))?;
            let mut pair = Pair { a: Vec::new(), b: Vec::new(), session: a.greeting().session.clone() };
            for _ in 0..*rounds {
                let (of_a, of_b);
                if coins.toss() {
                    of_a = a.round()?;
                    of_b = b.round()?;
                } else {
                    of_b = b.round()?;
                    of_a = a.round()?;
                }
                same_work(rivals, &of_a.order_stream_sha256, &of_b.order_stream_sha256)?;
                pair.a.push(of_a.figures);
                pair.b.push(of_b.figures);
            }
            Ok(pair)
        }
        Way::Replay { arguments } => {
            let (a, b) = in_turns(coins, rivals, |binary| replayed(binary, arguments))?;
            same_work(rivals, &a.order_stream_sha256, &b.order_stream_sha256)?;
            let words = arguments.iter().map(|argument| argument.to_string_lossy());
            let session = format!("replay --pace max {}", words.collect::<Vec<_>>().join(" "));
            Ok(Pair { a: vec![Figures::of_summary(&a)], b: vec![Figures::of_summary(&b)], session })
        }
    }
}

/// Does it with A and B, whoever is first.
fn in_turns<T>(
    coins: &mut Coins,
    rivals: &Rivals,
    work: impl Fn(&Path) -> Result<T, Failure>,
) -> Result<(T, T), Failure> {
    if coins.toss() {
        let a = work(&rivals.a)?;
        Ok((a, work(&rivals.b)?))
    } else {
        let b = work(&rivals.b)?;
        Ok((work(&rivals.a)?, b))
    }
}

/// What decides otherwise does other work: its time says nothing about the same.
fn same_work(rivals: &Rivals, a: &str, b: &str) -> Result<(), Failure> {
    if a == b || rivals.force {
        return Ok(());
    }
    Err(Failure::Input(format!(
        "the two decide differently (order digests {a} and {b}): their times are of different work; --force compares them all the same"
    )))
}

fn replayed(binary: &Path, arguments: &[OsString]) -> Result<Summary, Failure> {
    let name = binary.display();
    let failed = |what: String| Failure::Input(format!("{name}: {what}"));
    let file = std::env::temp_dir().join(format!("warptick-compare-{}.json", std::process::id()));
    let mut command = Command::new(binary);
    command.args(["replay", "--pace", "max", "--topology", "inline", "--summary"]).arg(&file).args(arguments);
    let finished = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(format!("cannot be started: {error}")))?;
    if !finished.status.success() {
        let said = String::from_utf8_lossy(&finished.stderr);
        let said = said.lines().next().unwrap_or("it said nothing");
        return Err(failed(format!("replay failed ({}): {said}", finished.status)));
    }
    let summary = Summary::read(&file).map_err(|error| failed(error.to_string()));
    let _ = std::fs::remove_file(&file);
    summary
}

/// Tosses of a seeded coin (SplitMix64).
struct Coins(u64);

impl Coins {
    fn toss(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coins_are_fair_and_of_their_seed() {
        let heads = |seed| {
            let mut coins = Coins(seed);
            (0..1_000).filter(|_| coins.toss()).count()
        };
        assert!((450..550).contains(&heads(1)), "{}", heads(1));
        assert_eq!(heads(5), heads(5));
    }
}
