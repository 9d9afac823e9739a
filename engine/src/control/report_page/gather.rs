//! From what a run came to, to the facts of its page; what speaks for the figures and what against them is judged here.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::facts::{Breakdown, BuildFacts, Facts, RingFacts, RunFacts, Standing, Verdict};
use super::units::count;
use crate::control::digest::hex;
use crate::control::hiccups::MachineLine;
use crate::control::histograms::Measure;
use crate::control::outcome::Outcome;
use crate::control::placement::Plan;
use crate::control::summary::Summary;

/// New orders and replaces from which on the tail of a run is worth comparing.
const ORDERS_WANTED: u64 = 10_000;

/// What is known when the hot threads have ended, beside the histograms.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Which thread ran where.
    pub placement: String,
    /// Nothing but the kernel took time from the hot stages.
    pub is_undisturbed: bool,
    /// Hot stages shared a core.
    pub shares_cores: bool,
    /// Start of the stages.
    pub started: SystemTime,
    /// To their end.
    pub duration: Duration,
    /// How full the rings were.
    pub rings: Vec<RingFacts>,
    /// Two order paths.
    pub breakdowns: Vec<Breakdown>,
}

impl Observed {
    /// Of a run that has just ended.
    pub fn new(plan: &Plan, started: SystemTime, duration: Duration) -> Self {
        Self {
            placement: plan.to_string(),
            is_undisturbed: plan.is_undisturbed(),
            shares_cores: plan.shares_cores(),
            started,
            duration,
            rings: Vec::new(),
            breakdowns: Vec::new(),
        }
    }
}

/// What only the command knows.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Captures, or lines.
    pub sources: Vec<String>,
    /// The session's date.
    pub session_date: String,
    /// `lockstep`, `max`, a speed or `live`.
    pub pace: String,
    /// Where the journal went.
    pub journal: Option<PathBuf>,
}

/// The facts of a run.
#[must_use]
pub fn facts(outcome: &Outcome, about: &About) -> Facts {
    let observed = &outcome.observed;
    let (stages, stamps) = outcome.table.facts();
    let mut facts = Facts {
        run: RunFacts {
            command: command(std::env::args()),
            started_utc: jiff::Timestamp::try_from(observed.started)
                .map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
                .unwrap_or_default(),
            duration_s: observed.duration.as_secs_f64(),
            session_date: about.session_date.clone(),
            sources: about.sources.clone(),
            pace: about.pace.clone(),
            journal: about.journal.as_ref().map(|dir| dir.display().to_string()).unwrap_or_default(),
            placement: observed.placement.clone(),
            build: build(),
        },
        stages,
        stamps,
        breakdowns: observed.breakdowns.clone(),
        rings: observed.rings.clone(),
        // The steps of the start have a table of their own.
        notes: outcome.notes.iter().filter(|note| !note.starts_with("start: ")).cloned().collect(),
        summary: Some(outcome.summary.clone()),
        ..Facts::default()
    };
    facts.verdicts = verdicts(&facts, observed, outcome.failure.as_ref().map(ToString::to_string));
    facts
}

fn verdicts(facts: &Facts, observed: &Observed, failure: Option<String>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut say = |standing, text: String| verdicts.push(Verdict { standing, text });
    match failure {
        None => say(Standing::Good, "The run ended as it should.".to_owned()),
        Some(text) => say(Standing::Bad, format!("The run failed: {text}")),
    }
    let timed = |measure: Measure| {
        let stage = facts.stages.iter().find(|stage| stage.name == measure.name());
        stage.map_or(0, |stage| stage.distribution.count)
    };
    let orders = timed(Measure::TickToOrder);
    if orders >= ORDERS_WANTED {
        say(Standing::Good, format!("{} new orders and replaces were timed.", count(orders)));
    } else {
        let text = format!(
            "Only {} new orders and replaces were timed; a tail wants {} and more.",
            count(orders),
            count(ORDERS_WANTED)
        );
        say(Standing::Note, text);
    }
    if facts.stamps.dropped > 0 {
        let dropped = facts.stamps.dropped;
        say(
            Standing::Bad,
            format!(
                "{dropped} order paths found no room on their way to the histograms and are not in the figures."
            ),
        );
    }
    if facts.stamps.clipped > 0 {
        say(
            Standing::Note,
            format!("{} stages took longer than a stamp holds and count as that.", facts.stamps.clipped),
        );
    }
    if let Some(summary) = &facts.summary {
        verdicts_of_load(summary, &mut say);
    }
    match facts.run.pace.as_str() {
        "lockstep" => say(
            Standing::Note,
            "Lockstep: venue and waiting are virtual. The times of stages are real, tick_to_wire ends in memory and no system call is in it."
                .to_owned(),
        ),
        "max" => say(Standing::Note, "Pace max: service time, not latency under load: nothing is due.".to_owned()),
        _ => {}
    }
    if observed.shares_cores {
        let text = "Hot stages share a core: idle ones yield, and latencies include the scheduler.";
        say(Standing::Note, text.to_owned());
    } else if !observed.is_undisturbed {
        let text =
            "No isolated core for every hot stage: the far tail is the machine's (warptick tune check).";
        say(Standing::Note, text.to_owned());
    } else {
        say(Standing::Good, "Every hot stage had an isolated core to itself.".to_owned());
    }
    verdicts.extend(facts.summary.as_ref().and_then(start_verdict));
    verdicts.extend(machines_share(facts));
    verdicts.extend(facts.summary.as_ref().and_then(machine_verdict));
    verdicts
}

/// The generator, and whether the stages account for the whole time.
fn verdicts_of_load(summary: &Summary, say: &mut impl FnMut(Standing, String)) {
    if let Some(generator) = summary.generator {
        let standing = if generator.counts { Standing::Good } else { Standing::Bad };
        let text = generator.to_string();
        let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
        say(standing, format!("{}{rest}.", first.to_uppercase()));
    }
    let sums = summary.stage_sums;
    if sums.unequal > 0 {
        say(
            Standing::Bad,
            format!(
                "The stages of {} of {} order paths do not add up to the whole.",
                count(sums.unequal),
                count(sums.checked)
            ),
        );
    } else if sums.checked > 0 {
        say(
            Standing::Good,
            format!(
                "The stages of {} order paths were added up: each sum is the whole path.",
                count(sums.checked)
            ),
        );
    }
    if sums.backwards > 0 {
        say(
            Standing::Note,
            format!("The counters of two cores disagreed on {} order paths.", sums.backwards),
        );
    }
}

/// Steps of the start that did not come to what they are for.
fn start_verdict(summary: &Summary) -> Option<Verdict> {
    let missed: Vec<&str> =
        summary.start.iter().filter(|step| !step.is_done).map(|step| step.name.as_str()).collect();
    let text = format!("Not done at the start: {}; the run went on without.", missed.join(", "));
    (!missed.is_empty()).then_some(Verdict { standing: Standing::Note, text })
}

/// Which percentiles are the machine's rather than the engine's.
fn machines_share(facts: &Facts) -> Option<Verdict> {
    let line = facts.machine_time()?.line?;
    let order = facts.stages.iter().find(|stage| stage.name == Measure::TickToOrder.name())?.distribution;
    let percentiles = [
        ("p50", order.p50_ns, line.p50_ns),
        ("p90", order.p90_ns, line.p90_ns),
        ("p99", order.p99_ns, line.p99_ns),
        ("p99.9", order.p999_ns, line.p999_ns),
        ("max", order.max_ns, line.max_ns),
    ];
    let explained =
        percentiles.iter().filter(|(_, ns, line)| ns.is_some_and(|ns| MachineLine::explains(*line, ns)));
    let explained: Vec<&str> = explained.map(|(name, ..)| *name).collect();
    if explained.is_empty() {
        let text = "No percentile of tick_to_order is the machine's: its own line is below half of each.";
        return Some(Verdict { standing: Standing::Good, text: text.to_owned() });
    }
    let standing = if explained.contains(&"p50") { Standing::Bad } else { Standing::Note };
    let text = format!(
        "Of tick_to_order {} {} the machine's: an engine that does nothing would have had half of it and more.",
        explained.join(", "),
        if explained.len() == 1 { "is" } else { "are" }
    );
    Some(Verdict { standing, text })
}

/// A machine that is busy with something else.
fn machine_verdict(summary: &Summary) -> Option<Verdict> {
    let machine = &summary.machine;
    let [load, ..] = machine.load_average?;
    let is_busy = load > machine.cpus_online as f64 + 0.5;
    is_busy.then(|| Verdict {
        standing: Standing::Note,
        text: format!("The machine was busy: load {load:.2} on {} CPUs.", machine.cpus_online),
    })
}

fn build() -> BuildFacts {
    BuildFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("WARPTICK_COMMIT").unwrap_or_default().to_owned(),
        program_sha256: std::env::current_exe().ok().and_then(|path| sha256_of(&path)).unwrap_or_default(),
        rustc: env!("WARPTICK_RUSTC").to_owned(),
        profile: env!("WARPTICK_PROFILE").to_owned(),
    }
}

fn sha256_of(path: &Path) -> Option<String> {
    let mut hash = Sha256::new();
    std::io::copy(&mut std::fs::File::open(path).ok()?, &mut hash).ok()?;
    Some(hex(&hash.finalize().into()))
}

/// A command line that a shell takes back.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let is_plain = |argument: &str| {
        !argument.is_empty()
            && argument.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./=@:,+%".contains(&byte))
    };
    let quoted = arguments.map(|argument| {
        if is_plain(&argument) { argument } else { format!("'{}'", argument.replace('\'', r"'\''")) }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_the_command_back() {
        let arguments = ["warptick", "replay", "a b.gz@X", "it's", "", "--pace", "1x"].map(str::to_owned);
        assert_eq!(command(arguments.into_iter()), r"warptick replay 'a b.gz@X' 'it'\''s' '' --pace 1x");
    }

    #[test]
    fn the_program_is_named_by_its_hash() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("abc");
        std::fs::write(&path, "abc").expect("writable");
        // FIPS 180-2, appendix B.1.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of(&path).as_deref(), Some(known));
        assert_eq!(sha256_of(&dir.path().join("absent")), None);
    }
}
