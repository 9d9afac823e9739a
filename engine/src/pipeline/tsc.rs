//! The clock of the hot stages: raw ticks of the CPU's time stamp counter, and their calibration to nanoseconds.
//!
//! [`now`] is one `rdtsc` (7.6-8.5 ns on the machines of `notes/performance.md`, against 16-18 ns for
//! `clock_gettime`). It is neither serialising nor ordered with the work around it: a stage of a few nanoseconds is
//! blurred by what the core has in flight, a path of hundreds is not. `rdtscp` would cost 4 ns more per stamp.
//!
//! [`Calibration::measure`] runs once at start, sleeps for at least 20 ms and allocates two short vectors; after it
//! every conversion is one multiplication and one shift. The result is `Copy`: each thread owns its own. This module
//! refuses to hide a counter that is not invariant: [`Calibration::trust`] says what the kernel says about it.

use std::fmt;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use feeds::units::NS_PER_S;

/// Binary places of the fixed-point factors between ticks and nanoseconds.
const FACTOR_SHIFT: u32 = 32;

/// Points of the calibration line, and the pause between them: 40 pauses of 0.5 ms make the 20 ms.
const POINTS: usize = 41;
const PAUSE: Duration = Duration::from_micros(500);

/// Bracketed readings per point; the narrowest is kept, so that a preemption inside one does not bend the line.
const READINGS: usize = 8;

/// Back-to-back stamps that [`StampCost::measure`] takes.
const COST_STAMPS: usize = 10_000;

/// The raw tick counter: the TSC on x86-64. Not nanoseconds; see [`Calibration::ticks_to_ns`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[must_use]
pub fn now() -> u64 {
    // SAFETY: rdtsc exists on every x86-64 CPU, touches no memory, and Linux leaves it enabled in user mode
    // (CR4.TSD is clear unless the process asked for PR_TSC_SIGSEGV, which this one never does).
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The raw tick counter: quanta's raw clock (the system counter on AArch64). Not nanoseconds; see
/// [`Calibration::ticks_to_ns`].
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
#[must_use]
pub fn now() -> u64 {
    static CLOCK: std::sync::OnceLock<quanta::Clock> = std::sync::OnceLock::new();
    CLOCK.get_or_init(quanta::Clock::new).raw()
}

/// What the kernel says about the counter behind [`now`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickTrust {
    /// `constant_tsc` and `nonstop_tsc` are both set: constant rate, in every power state, on every core.
    Invariant,
    /// A flag is missing: ticks may change their rate or stop, and cores may disagree.
    NotInvariant,
    /// `/proc/cpuinfo` could not be read, or the machine is not x86-64.
    Unknown,
}

impl TickTrust {
    /// What `/proc/cpuinfo` says on this machine.
    #[must_use]
    pub fn read() -> Self {
        if !cfg!(target_arch = "x86_64") {
            return Self::Unknown;
        }
        fs::read_to_string("/proc/cpuinfo").map_or(Self::Unknown, |text| Self::from_cpuinfo(&text))
    }

    /// The verdict on the text of a `/proc/cpuinfo`: every `flags` line must have both flags.
    #[must_use]
    pub fn from_cpuinfo(text: &str) -> Self {
        let mut verdict = Self::Unknown;
        for flags in text.lines().filter(|line| line.starts_with("flags")) {
            let has = |name| flags.split_ascii_whitespace().any(|flag| flag == name);
            if !(has("constant_tsc") && has("nonstop_tsc")) {
                return Self::NotInvariant;
            }
            verdict = Self::Invariant;
        }
        verdict
    }
}

impl fmt::Display for TickTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invariant => "invariant TSC",
            Self::NotInvariant => "TSC NOT INVARIANT: durations below cannot be trusted",
            Self::Unknown => "invariance of the tick counter not known",
        })
    }
}

/// One bracketed reading: a tick count and the clock's value at that tick.
#[derive(Clone, Copy)]
struct Point {
    ticks: u64,
    clock_ns: u64,
}

/// Ticks against CLOCK_MONOTONIC, and an anchor in UTC.
#[derive(Clone, Copy, Debug)]
pub struct Calibration {
    /// Nanoseconds in one tick, times 2^32.
    ns_per_tick: u64,
    /// Ticks in one nanosecond, times 2^32.
    ticks_per_ns: u64,
    /// Tick count and UTC ns of one moment.
    anchor_ticks: u64,
    anchor_utc_ns: u64,
    residual_ns: u64,
    trust: TickTrust,
}

impl Calibration {
    /// Measures the tick rate over at least 20 ms by a least-squares line through 41 points, each the narrowest of 8
    /// bracketed readings of CLOCK_MONOTONIC, then anchors it to UTC (CLOCK_REALTIME).
    ///
    /// Blocks the calling thread for 20-30 ms: call it once, before the hot stages start.
    ///
    /// # Panics
    /// When the counter does not advance, which no supported machine does.
    #[must_use]
    pub fn measure() -> Self {
        let epoch = Instant::now();
        let monotonic = || u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut points = Vec::with_capacity(POINTS);
        for index in 0..POINTS {
            if index > 0 {
                sleep(PAUSE);
            }
            points.push(bracketed(monotonic));
        }
        let (slope, residual_ns) = fit(&points);
        assert!(slope > 0.0, "the tick counter does not advance: no latency can be measured on this machine");
        let anchor = bracketed(system_utc_ns);
        Self::from_rate(slope, anchor.ticks, anchor.clock_ns, residual_ns, TickTrust::read())
    }

    /// The same counter as a clock that shows `utc_ns` now and runs `times` as fast (0.001 to 1,000): a test's minute passes in
    /// a second, for everything that takes its time from it.
    #[must_use]
    pub fn sped_up(&self, times: f64, utc_ns: u64) -> Self {
        let slope = self.ns_per_tick as f64 / (1u64 << FACTOR_SHIFT) as f64 * times.clamp(0.001, 1_000.0);
        Self::from_rate(slope, now(), utc_ns, self.residual_ns, self.trust)
    }

    fn from_rate(
        slope: f64,
        anchor_ticks: u64,
        anchor_utc_ns: u64,
        residual_ns: u64,
        trust: TickTrust,
    ) -> Self {
        let unit = (1u64 << FACTOR_SHIFT) as f64;
        Self {
            ns_per_tick: (slope * unit).round() as u64,
            ticks_per_ns: (unit / slope).round() as u64,
            anchor_ticks,
            anchor_utc_ns,
            residual_ns,
            trust,
        }
    }

    /// A duration in ticks as nanoseconds, rounded down; saturates at `u64::MAX`.
    #[inline]
    #[must_use]
    pub fn ticks_to_ns(&self, ticks: u64) -> u64 {
        scale(ticks, self.ns_per_tick)
    }

    /// A duration in nanoseconds as ticks, rounded down; saturates at `u64::MAX`.
    #[inline]
    #[must_use]
    pub fn ns_to_ticks(&self, ns: u64) -> u64 {
        scale(ns, self.ticks_per_ns)
    }

    /// UTC ns of a stamp of [`now`], by the anchor taken at calibration. The rate's error (1 ppm is 1 us each second)
    /// adds up with the distance from it: a session of hours is to be calibrated anew by the cold thread.
    #[inline]
    #[must_use]
    pub fn utc_ns(&self, ticks: u64) -> u64 {
        match ticks.checked_sub(self.anchor_ticks) {
            Some(after) => self.anchor_utc_ns.saturating_add(self.ticks_to_ns(after)),
            None => self.anchor_utc_ns.saturating_sub(self.ticks_to_ns(self.anchor_ticks - ticks)),
        }
    }

    /// The system's UTC minus [`Self::utc_ns`] of the same moment, ns: how far the system clock has been stepped or slewed
    /// since the calibration, and how far the rate's error has carried this one. Reads the system clock 8 times: cold
    /// threads only.
    #[must_use]
    pub fn utc_offset_ns(&self) -> i64 {
        self.offset_of(bracketed(system_utc_ns))
    }

    /// The clock's value minus ours at the same tick, ns.
    fn offset_of(&self, point: Point) -> i64 {
        let ours_ns = self.utc_ns(point.ticks);
        let apart_ns = i64::try_from(point.clock_ns.abs_diff(ours_ns)).unwrap_or(i64::MAX);
        if point.clock_ns < ours_ns { -apart_ns } else { apart_ns }
    }

    /// Ticks in one second.
    #[must_use]
    pub fn ticks_per_second(&self) -> u64 {
        self.ns_to_ticks(NS_PER_S)
    }

    /// Largest distance of a calibration point from the line, ns. Above some hundred, the machine was not quiet.
    #[must_use]
    pub fn residual_ns(&self) -> u64 {
        self.residual_ns
    }

    /// What the kernel says about the counter.
    #[must_use]
    pub fn trust(&self) -> TickTrust {
        self.trust
    }
}

#[inline]
fn scale(value: u64, factor: u64) -> u64 {
    u64::try_from((u128::from(value) * u128::from(factor)) >> FACTOR_SHIFT).unwrap_or(u64::MAX)
}

/// The narrowest of [`READINGS`] readings of `clock_ns` between two stamps; the tick is the middle of the two.
fn bracketed(clock_ns: impl Fn() -> u64) -> Point {
    let mut best = Point { ticks: 0, clock_ns: 0 };
    let mut narrowest = u64::MAX;
    for _ in 0..READINGS {
        let before = now();
        let clock_ns = clock_ns();
        let width = now().saturating_sub(before);
        if width < narrowest {
            narrowest = width;
            best = Point { ticks: before + width / 2, clock_ns };
        }
    }
    best
}

/// UTC ns by the system clock (CLOCK_REALTIME): for cold threads, hot ones have [`Calibration::utc_ns`].
#[must_use]
pub fn system_utc_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Least-squares line through the points: its slope (ns per tick) and the largest residual (ns).
fn fit(points: &[Point]) -> (f64, u64) {
    let Some(first) = points.first().copied() else { return (0.0, 0) };
    let relative: Vec<(f64, f64)> = points
        .iter()
        .map(|p| {
            (p.ticks.saturating_sub(first.ticks) as f64, p.clock_ns.saturating_sub(first.clock_ns) as f64)
        })
        .collect();
    let count = relative.len() as f64;
    let mean_x = relative.iter().map(|p| p.0).sum::<f64>() / count;
    let mean_y = relative.iter().map(|p| p.1).sum::<f64>() / count;
    let covariance: f64 = relative.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    let variance: f64 = relative.iter().map(|p| (p.0 - mean_x) * (p.0 - mean_x)).sum();
    if variance == 0.0 {
        return (0.0, 0);
    }
    let slope = covariance / variance;
    let residual = relative.iter().map(|p| (p.1 - mean_y - slope * (p.0 - mean_x)).abs()).fold(0.0, f64::max);
    (slope, residual.round() as u64)
}

/// What one stamp costs: the distance of back-to-back stamps, ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampCost {
    /// The smallest distance seen.
    pub min_ticks: u64,
    /// The median distance.
    pub median_ticks: u64,
}

impl StampCost {
    /// Takes 10,000 back-to-back stamps (about 0.1 ms) on the calling thread and core.
    #[must_use]
    pub fn measure() -> Self {
        let mut stamps = vec![0u64; COST_STAMPS];
        for stamp in &mut stamps {
            *stamp = now();
        }
        let mut distances: Vec<u64> = stamps.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        distances.sort_unstable();
        Self { min_ticks: distances[0], median_ticks: distances[distances.len() / 2] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A preemption between two readings bends one try; the best of several is the rate itself.
    #[test]
    fn calibration_agrees_with_independent_clocks() {
        let calibration = Calibration::measure();
        let quanta = quanta::Clock::new();
        let errors = |_| {
            let (wall, start, other_start) = (Instant::now(), now(), quanta.raw());
            sleep(Duration::from_millis(10));
            let (wall_ns, end, other_end) = (wall.elapsed().as_nanos() as f64, now(), quanta.raw());
            let ours = calibration.ticks_to_ns(end - start) as f64;
            let theirs = quanta.delta_as_nanos(other_start, other_end) as f64;
            ((ours / wall_ns - 1.0).abs(), (ours / theirs - 1.0).abs())
        };
        let tries: Vec<(f64, f64)> = (0..10).map(errors).collect();
        assert!(tries.iter().any(|error| error.0 < 1e-3), "against CLOCK_MONOTONIC: {tries:?}");
        assert!(tries.iter().any(|error| error.1 < 1e-3), "against quanta: {tries:?}");
    }

    #[test]
    fn utc_follows_the_system_clock() {
        let system = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
        let calibration = Calibration::measure();
        let (before, ours, after) = (system(), calibration.utc_ns(now()), system());
        assert!(before - 1_000_000 < ours && ours < after + 1_000_000, "{before} <= {ours} <= {after}");
        assert_eq!(calibration.utc_ns(calibration.anchor_ticks), calibration.anchor_utc_ns);
        let before = calibration.utc_ns(calibration.anchor_ticks - calibration.ticks_per_second());
        assert!(before.abs_diff(calibration.anchor_utc_ns - NS_PER_S) < 10);
    }

    #[test]
    fn a_clock_that_is_sped_up_runs_as_much_faster() {
        let calibration = Calibration::measure();
        let fast = calibration.sped_up(20.0, 1_000);
        let ticks = fast.anchor_ticks + calibration.ns_to_ticks(50_000_000);
        assert!(fast.utc_ns(ticks).abs_diff(1_000 + NS_PER_S) < 1_000, "{}", fast.utc_ns(ticks));
        assert_eq!(fast.utc_ns(fast.anchor_ticks), 1_000);
    }

    #[test]
    fn a_step_of_the_system_clock_is_the_offset() {
        let calibration = Calibration::measure();
        assert!(calibration.utc_offset_ns().abs() < 50_000_000, "{} ns", calibration.utc_offset_ns());
        let ticks = calibration.anchor_ticks + calibration.ticks_per_second();
        let ours_ns = calibration.utc_ns(ticks);
        for step_ns in [0, 3_600_000_000_000, -3_600_000_000_000, i64::MAX - 1] {
            let clock_ns = ours_ns.saturating_add_signed(step_ns);
            assert_eq!(calibration.offset_of(Point { ticks, clock_ns }), step_ns);
        }
        assert!(calibration.offset_of(Point { ticks, clock_ns: 0 }) < 0);
    }

    #[test]
    fn a_stamp_costs_something_and_not_much() {
        let cost = StampCost::measure();
        assert!(cost.min_ticks <= cost.median_ticks);
        let median_ns = Calibration::measure().ticks_to_ns(cost.median_ticks);
        assert!(median_ns < 2_000, "median {median_ns} ns");
    }

    #[test]
    fn a_line_with_one_bent_point_is_fitted() {
        let points: Vec<Point> = (0..41u64)
            .map(|i| Point {
                ticks: 7_000 + i * 1_400_000,
                clock_ns: 99 + i * 500_000 + u64::from(i == 20) * 30,
            })
            .collect();
        let (slope, residual_ns) = fit(&points);
        assert!((slope * 2.8 - 1.0).abs() < 1e-6, "slope {slope}");
        assert!((28..=30).contains(&residual_ns), "residual {residual_ns}");
        assert_eq!(fit(&points[..1]), (0.0, 0));
    }

    #[test]
    fn trust_needs_both_flags_on_every_cpu() {
        let good = "processor: 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc\n";
        let bad = "flags\t\t: fpu tsc constant_tsc\n";
        assert_eq!(TickTrust::from_cpuinfo(good), TickTrust::Invariant);
        assert_eq!(TickTrust::from_cpuinfo(&format!("{good}{bad}")), TickTrust::NotInvariant);
        assert_eq!(TickTrust::from_cpuinfo("model name: x\n"), TickTrust::Unknown);
    }

    proptest! {
        #[test]
        fn conversion_is_within_a_part_in_a_million_and_monotone(ticks in 0u64..1 << 52, mhz in 100u64..6_000) {
            let calibration = Calibration::from_rate(1_000.0 / mhz as f64, 0, 0, 0, TickTrust::Unknown);
            let ns = calibration.ticks_to_ns(ticks);
            let exact = u128::from(ticks) * 1_000 / u128::from(mhz);
            prop_assert!(u128::from(ns).abs_diff(exact) <= exact / 1_000_000 + 1, "{ns} against {exact}");
            prop_assert!(calibration.ticks_to_ns(ticks + 1) >= ns);
            prop_assert!(calibration.ns_to_ticks(ns).abs_diff(ticks) <= ticks / 1_000_000 + 64);
            prop_assert!(calibration.ticks_to_ns(u64::MAX) >= u64::MAX / 6);
        }
    }
}
