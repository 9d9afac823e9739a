//! `warptick tune jitter`: what this machine steals from a spinning thread, what a hop from core to core costs, and what
//! reading a clock, a ring between two cores and a loopback socket cost. One table, and a JSON line at the end.
//!
//! It measures the machine, not the engine: no book, no order. Each part runs for a bounded time, the whole for some
//! seconds; Ctrl-C ends it after the part at hand and what was measured is printed. Threads pin themselves; one that cannot
//! is an error, since its figures would be of another core. Nothing of the host is changed.

mod clocks;
mod hiccups;
mod hops;
mod pair;
mod sockets;
mod spread;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::Serialize;
use tuning::cpu_list::format_cpu_list;

use crate::control::cpus::Host;
use crate::control::failure::Failure;
use crate::control::histograms::write_log;
use crate::control::machine::Machine;
use crate::control::shutdown::Stop;
use crate::pipeline::tsc::Calibration;
pub use clocks::ClockCost;
pub use hiccups::Hiccups;
pub use hops::Hop;
pub use spread::Spread;

/// Cores that the hop matrix is made over without `--cpus`: 120 pairs, each some milliseconds on an idle machine, half a second at most.
const CPUS_MAX: usize = 16;

/// A gap between two readings of the counter from which on it is a hiccup: far above the reading itself, below what the
/// shortest interrupt takes.
const THRESHOLD_NS: u64 = 1_000;

/// What to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct JitterOptions {
    /// How long each core is watched for hiccups, s.
    pub seconds: f64,
    /// The cores; empty: those that are open to this process, at most 16.
    pub cpus: BTreeSet<usize>,
    /// Watch all cores for hiccups at the same time: what they do to each other is then in it.
    pub at_once: bool,
    /// Write `gaps_coreN.hlog` here.
    pub report: Option<PathBuf>,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Jitter {
    scenario: &'static str,
    machine: Machine,
    cpus: Vec<usize>,
    at_once: bool,
    /// Gaps of the counter, a core each.
    pub hiccups: Vec<Hiccups>,
    /// What reading a clock costs.
    pub clocks: Vec<ClockCost>,
    /// One cache line from core to core, each pair once.
    pub hops: Vec<Hop>,
    /// The engine's ring, between the first two cores.
    pub ring_hop: Option<Hop>,
    /// Datagrams there and back over loopback.
    pub udp_round_trip: Option<Spread>,
    /// A TCP stream there and back over loopback.
    pub tcp_round_trip: Option<Spread>,
    /// Ended by a signal: what is missing was not measured.
    pub interrupted: bool,
}

/// Measures and prints; the last line is JSON.
///
/// # Errors
/// A core that is not online or not to be had; the report cannot be written.
pub fn run(options: &JitterOptions, stop: &Stop, out: &mut dyn Write) -> Result<Jitter, Failure> {
    let cpus = chosen_cpus(options)?;
    let calibration = Calibration::measure();
    let started = SystemTime::now();
    let (hiccups, logs) = hiccups::watch(&cpus, options, &calibration, stop)?;
    if let Some(dir) = &options.report {
        std::fs::create_dir_all(dir)
            .map_err(|error| Failure::Input(format!("{}: {error}", dir.display())))?;
        for (found, log) in hiccups.iter().zip(&logs) {
            let name = format!("gaps_core{}", found.cpu);
            let length = std::time::Duration::from_secs_f64(found.seconds);
            write_log(&dir.join(format!("{name}.hlog")), log, &name, started, length)
                .map_err(|error| Failure::Input(error.to_string()))?;
        }
    }
    let measured = Jitter {
        scenario: "tune_jitter",
        machine: Machine::read(),
        at_once: options.at_once,
        hiccups,
        clocks: clocks::measure(cpus[0], &calibration)?,
        hops: hops::matrix(&cpus, &calibration, stop)?,
        ring_hop: two(&cpus).map(|pair| hops::ring(pair, &calibration, stop)).transpose()?,
        udp_round_trip: two(&cpus).map(|pair| sockets::udp(pair, &calibration, stop)).transpose()?,
        tcp_round_trip: two(&cpus).map(|pair| sockets::tcp(pair, &calibration, stop)).transpose()?,
        interrupted: stop.requested(),
        cpus,
    };
    let json = serde_json::to_string(&measured).map_err(|error| Failure::Input(error.to_string()))?;
    let text = format!("{}{json}\n", table(&measured));
    match out.write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Input(error.to_string()))
        }
        _ => Ok(measured),
    }
}

fn two(cpus: &[usize]) -> Option<(usize, usize)> {
    Some((*cpus.first()?, *cpus.get(1)?))
}

/// The cores asked for, or those that are open.
fn chosen_cpus(options: &JitterOptions) -> Result<Vec<usize>, Failure> {
    let host = Host::read().map_err(|error| Failure::Input(error.to_string()))?;
    let online: BTreeSet<usize> = host.online().map(|cpu| cpu.id).collect();
    let missing: BTreeSet<usize> = options.cpus.difference(&online).copied().collect();
    if !missing.is_empty() {
        return Err(Failure::Input(format!(
            "--cpus: {} of {} are not online; see /sys/devices/system/cpu/online",
            format_cpu_list(&missing),
            format_cpu_list(&options.cpus)
        )));
    }
    if !options.cpus.is_empty() {
        return Ok(options.cpus.iter().copied().collect());
    }
    let open = host.online().filter(|cpu| cpu.allowed || cpu.isolated).map(|cpu| cpu.id);
    let cpus: Vec<usize> = open.take(CPUS_MAX).collect();
    if cpus.is_empty() { Err(Failure::Input("no core is open to this process".to_owned())) } else { Ok(cpus) }
}

fn table(jitter: &Jitter) -> String {
    let mut text = String::new();
    let how = if jitter.at_once { "all at once" } else { "one after another" };
    let _ = writeln!(text, "{}\n", jitter.machine);
    let _ = writeln!(
        text,
        "hiccups: gaps above {THRESHOLD_NS} ns between two readings of a spinning thread, cores {how}"
    );
    let _ = writeln!(text, "  core  watched s  hiccups  stolen      p50 ns      p99 ns     longest ns");
    for found in &jitter.hiccups {
        let _ = writeln!(text, "{found}");
    }
    let _ = writeln!(text, "\nreading a clock, ns a call on core {}", jitter.cpus[0]);
    for clock in &jitter.clocks {
        let _ = writeln!(
            text,
            "  {:<16} least {:>6.1}  median {:>6.1}",
            clock.name, clock.least_ns, clock.median_ns
        );
    }
    let _ = writeln!(text, "\nhop of one cache line between cores, ns (half a round trip)");
    for hop in &jitter.hops {
        let _ = writeln!(text, "  {hop}");
    }
    if let Some(hop) = &jitter.ring_hop {
        let _ = writeln!(text, "\nhop over the engine's ring, ns\n  {hop}");
    }
    let trips = [("UDP", &jitter.udp_round_trip), ("TCP", &jitter.tcp_round_trip)];
    if trips.iter().any(|(_, spread)| spread.is_some()) {
        let _ = writeln!(text, "\nround trip of 64 bytes over loopback, both sides spin, ns");
    }
    for (name, spread) in trips {
        if let Some(spread) = spread {
            let _ = writeln!(text, "  {name}  {spread}");
        }
    }
    if jitter.cpus.len() < 2 {
        let _ = writeln!(text, "\nhops and round trips need two cores: not measured");
    }
    if jitter.interrupted {
        let _ = writeln!(text, "\nended early by a signal");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::histograms::read_log;

    fn options(seconds: f64) -> JitterOptions {
        JitterOptions { seconds, cpus: BTreeSet::new(), at_once: false, report: None }
    }

    #[test]
    fn a_short_run_measures_everything_and_ends_with_json() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let options = JitterOptions { report: Some(dir.path().join("report")), ..options(0.02) };
        let mut out = Vec::new();
        let jitter = run(&options, &Stop::new(), &mut out).expect("measured");
        let text = String::from_utf8(out).expect("UTF-8");
        let json: serde_json::Value =
            serde_json::from_str(text.lines().last().expect("a line")).expect("JSON at the end");
        assert_eq!(json["scenario"], "tune_jitter");
        assert_eq!(json["interrupted"], false);
        assert_eq!(json["hiccups"].as_array().map(Vec::len), Some(jitter.cpus.len()));
        let pairs = jitter.cpus.len() * (jitter.cpus.len() - 1) / 2;
        assert_eq!(jitter.hops.len(), pairs);
        // No clock is free and none takes a microsecond; nothing crosses between cores in less than a nanosecond.
        assert!(
            jitter.clocks.iter().all(|clock| (0.5..1_000.0).contains(&clock.least_ns)),
            "{:?}",
            jitter.clocks
        );
        assert!(
            jitter.hops.iter().all(|hop| hop.spread.count > 0 && hop.spread.min_ns >= 1),
            "{:?}",
            jitter.hops
        );
        if pairs > 0 {
            let udp = jitter.udp_round_trip.expect("two cores");
            assert!(udp.count > 0 && udp.min_ns > 500, "{udp:?}");
            assert!(jitter.tcp_round_trip.is_some_and(|tcp| tcp.count > 0 && tcp.min_ns > 500));
        }
        let first = &jitter.hiccups[0];
        let log = read_log(&dir.path().join(format!("report/gaps_core{}.hlog", first.cpu))).expect("a log");
        assert_eq!(log.len(), first.count);
    }

    #[test]
    fn cores_watched_at_once_are_each_watched_as_long() {
        let options = JitterOptions { at_once: true, ..options(0.5) };
        let cpus = chosen_cpus(&options).expect("open cores");
        let (found, _) =
            hiccups::watch(&cpus, &options, &Calibration::measure(), &Stop::new()).expect("pinned");
        assert!(found.iter().map(|found| found.cpu).eq(cpus.iter().copied()));
        // The seconds are those of a calibrated clock: half a second less a rounding.
        assert!(found.iter().all(|found| found.seconds > 0.499), "{found:?}");
    }

    #[test]
    fn a_stop_ends_it_at_once_and_says_so() {
        let stop = Stop::new();
        stop.request();
        let began = std::time::Instant::now();
        let mut out = Vec::new();
        let jitter = run(&options(3_600.0), &stop, &mut out).expect("measured");
        assert!(jitter.interrupted);
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "it would have been an hour a core");
    }

    #[test]
    fn a_core_that_is_not_there_is_refused() {
        let options = JitterOptions { cpus: BTreeSet::from([0, 1_000]), ..options(0.01) };
        let refused = run(&options, &Stop::new(), &mut Vec::new()).expect_err("no core 1000");
        assert!(refused.to_string().contains("1000") && refused.exit_code() == 2, "{refused}");
    }
}
