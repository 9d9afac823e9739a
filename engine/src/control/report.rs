//! The latency report: records from the stamp ring into histograms, and the stage table on the terminal.
//!
//! The [`Collector`] lives on the cold thread, which calls [`Collector::drain`] every millisecond or so while the hot
//! stages run, and once after they ended. It allocates at construction and when the report is made.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::generator_report::GeneratorReport;
use super::hiccups::{MachineLine, MachineTime};
use super::histograms::{Distribution, Measure, StageHistograms};
use super::report_page::exemplars::Exemplars;
use super::report_page::facts::{Breakdown, StageFacts, StampFacts};
use super::slowest::{Slowest, SlowestFile};
use super::stage_sums::StageSums;
use crate::pipeline::stamps::{SAMPLE_PERIOD, StampMode, StampReader};
use crate::pipeline::tsc::{Calibration, StampCost};
use crate::pipeline::wide::WideReport;

/// Records that one [`Collector::drain`] takes at most, so that the cold thread's other duties get their turn.
const DRAIN_MAX: usize = 65_536;

/// The cold end of the stamps: ring to histograms.
#[derive(Debug)]
pub struct Collector {
    reader: StampReader,
    calibration: Calibration,
    cost: StampCost,
    mode: StampMode,
    histograms: StageHistograms,
    slowest: Slowest,
    exemplars: Exemplars,
    started: SystemTime,
    clock: Instant,
}

impl Collector {
    /// A collector of the records of one ring. Measures the cost of a stamp on the calling thread's core.
    #[must_use]
    pub fn new(reader: StampReader, calibration: Calibration, mode: StampMode) -> Self {
        Self {
            reader,
            calibration,
            cost: StampCost::measure(),
            mode,
            histograms: StageHistograms::new(),
            slowest: Slowest::new(),
            exemplars: Exemplars::default(),
            started: SystemTime::now(),
            clock: Instant::now(),
        }
    }

    /// Takes what is in the ring, at most 65,536 records; returns how many.
    pub fn drain(&mut self) -> usize {
        let mut taken = 0;
        while taken < DRAIN_MAX {
            let Some(record) = self.reader.pop() else { break };
            self.histograms.record(&record, &self.calibration);
            self.slowest.add(&record);
            self.exemplars.offer(&record);
            taken += 1;
        }
        taken
    }

    /// Adds the computations of wide work, each request one.
    pub fn add_wide(&mut self, wide: &WideReport) {
        for (measure, ticks) in [(Measure::Scan, &wide.scan_ticks), (Measure::Price, &wide.price_ticks)] {
            for value in ticks.iter_recorded() {
                let ns = self.calibration.ticks_to_ns(value.value_iterated_to());
                self.histograms.add_times(measure, ns, value.count_at_value());
            }
        }
    }

    /// Which paths are stamped at every stage.
    #[must_use]
    pub fn mode(&self) -> StampMode {
        self.mode
    }

    /// Records that wait to be drained, and how many there is room for.
    #[must_use]
    pub fn fill(&self) -> (usize, usize) {
        self.reader.fill()
    }

    /// Two order paths stage by stage, for the page.
    #[must_use]
    pub fn breakdowns(&self) -> Vec<Breakdown> {
        self.exemplars.breakdowns(&self.calibration)
    }

    /// The histograms so far.
    #[must_use]
    pub fn histograms(&self) -> &StageHistograms {
        &self.histograms
    }

    /// The slowest orders so far; `journal` is where the run is journalled.
    #[must_use]
    pub fn slowest(&self, journal: Option<&Path>) -> SlowestFile {
        SlowestFile::new(&self.slowest, &self.calibration, journal)
    }

    /// The histograms, to keep.
    #[must_use]
    pub fn into_histograms(self) -> StageHistograms {
        self.histograms
    }

    /// Writes the `.hlog` files of `--report DIR`; call it after the last [`Collector::drain`].
    ///
    /// # Errors
    /// The directory or a file cannot be written; the message names it.
    pub fn write_logs(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.histograms.write_logs(dir, self.started, self.clock.elapsed())
    }

    /// The table for the terminal. `dropped_stamps` comes from the writer's side of the ring.
    #[must_use]
    pub fn table(&self, dropped_stamps: u64) -> StageTable {
        StageTable {
            rows: Measure::ALL
                .into_iter()
                .map(|measure| (measure, self.histograms.distribution(measure)))
                .filter(|(_, distribution)| distribution.count > 0)
                .collect(),
            mode: self.mode,
            stamp_min_ns: self.tenths_of_ns(self.cost.min_ticks),
            stamp_median_ns: self.tenths_of_ns(self.cost.median_ticks),
            ticks_per_second: self.calibration.ticks_per_second(),
            residual_ns: self.calibration.residual_ns(),
            trust: self.calibration.trust().to_string(),
            dropped_stamps,
            clipped: self.histograms.clipped(),
            sums: self.histograms.sums(),
            from_due: self.histograms.paths_from_due(),
            generator: None,
            machine: MachineTime::default(),
        }
    }

    /// When the run began, and how long ago that was: what a log says of itself.
    #[must_use]
    pub fn run_time(&self) -> (SystemTime, Duration) {
        (self.started, self.clock.elapsed())
    }

    fn tenths_of_ns(&self, ticks: u64) -> f64 {
        self.calibration.ticks_to_ns(ticks * 10) as f64 / 10.0
    }
}

/// The stage table and what a reader must know to judge it; its `Display` is what the terminal shows.
#[derive(Clone, Debug)]
pub struct StageTable {
    rows: Vec<(Measure, Distribution)>,
    mode: StampMode,
    stamp_min_ns: f64,
    stamp_median_ns: f64,
    ticks_per_second: u64,
    residual_ns: u64,
    trust: String,
    dropped_stamps: u64,
    clipped: u64,
    sums: StageSums,
    from_due: u64,
    generator: Option<GeneratorReport>,
    machine: MachineTime,
}

impl fmt::Display for StageTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(generator) = self.generator.filter(|generator| !generator.counts) {
            writeln!(f, "THIS RUN DOES NOT COUNT: {generator}")?;
        }
        writeln!(
            f,
            "{:<14} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "stage (ns)", "count", "min", "p50", "p90", "p99", "p99.9", "max"
        )?;
        for (measure, row) in &self.rows {
            write!(f, "{:<14} {:>10}", measure.name(), row.count)?;
            let values = [row.min_ns, row.p50_ns, row.p90_ns, row.p99_ns, row.p999_ns, row.max_ns];
            for (value, line_ns) in values.into_iter().zip(self.line_of(*measure)) {
                match value {
                    Some(ns) if MachineLine::explains(line_ns, ns) => write!(f, " {:>9}", format!("{ns}*"))?,
                    Some(ns) => write!(f, " {ns:>9}")?,
                    None => write!(f, " {:>9}", "-")?,
                }
            }
            writeln!(f)?;
        }
        if self.rows.is_empty() {
            writeln!(f, "no order was sent: nothing to time")?;
        }
        if self.machine.line.is_some() {
            writeln!(
                f,
                "* the machine's: at least half of it happens at the same percentile without an engine"
            )?;
        }
        write!(f, "{}", self.machine)?;
        self.write_notes(f)
    }
}

impl StageTable {
    /// The same for the page: rows, and how they were measured.
    #[must_use]
    pub fn facts(&self) -> (Vec<StageFacts>, StampFacts) {
        let row = |(measure, distribution): &(Measure, Distribution)| StageFacts {
            name: measure.name().to_owned(),
            is_path: measure.is_path(),
            distribution: *distribution,
        };
        let stamps = StampFacts {
            mode: self.mode.name().to_owned(),
            period: SAMPLE_PERIOD,
            cost_median_ns: self.stamp_median_ns,
            cost_min_ns: self.stamp_min_ns,
            clock: self.trust.clone(),
            clock_mhz: self.ticks_per_second as f64 / 1e6,
            residual_ns: self.residual_ns,
            dropped: self.dropped_stamps,
            clipped: self.clipped,
            from_due: self.from_due,
        };
        (self.rows.iter().map(row).collect(), stamps)
    }

    /// The same, with what the generator and the machine did during the run.
    #[must_use]
    pub fn beside(self, generator: Option<GeneratorReport>, machine: MachineTime) -> Self {
        Self { generator, machine, ..self }
    }

    /// What the machine alone does at min, p50, p90, p99, p99.9 and max. Of whole paths only: what happens at a percentile of
    /// a stage that takes nanoseconds happens at another one of the path.
    fn line_of(&self, measure: Measure) -> [u64; 6] {
        match self.machine.line {
            Some(line) if measure.is_path() => {
                [0, line.p50_ns, line.p90_ns, line.p99_ns, line.p999_ns, line.max_ns]
            }
            _ => [0; 6],
        }
    }

    fn write_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            StampMode::Sampled => {
                write!(f, "stamps: start and end of every order path, all stages of one in {SAMPLE_PERIOD}")?;
            }
            StampMode::All => write!(f, "stamps: every stage of every order path")?,
            StampMode::Ends => write!(f, "stamps: start and end of every order path, no stage")?,
        }
        writeln!(
            f,
            "; one costs {:.1} ns (median, min {:.1}), included in the figures",
            self.stamp_median_ns, self.stamp_min_ns
        )?;
        writeln!(
            f,
            "clock: {}, {:.3} MHz, calibrated within {} ns of CLOCK_MONOTONIC",
            self.trust,
            self.ticks_per_second as f64 / 1e6,
            self.residual_ns
        )?;
        if self.from_due > 0 {
            writeln!(f, "{} order paths count from the due time of their message", self.from_due)?;
        }
        if let Some(generator) = &self.generator {
            writeln!(f, "load: {generator}")?;
        }
        if self.dropped_stamps > 0 {
            writeln!(
                f,
                "{} records were dropped on a full stamp ring and are not in the table",
                self.dropped_stamps
            )?;
        }
        if self.clipped > 0 {
            writeln!(
                f,
                "{} order paths have a stage that was longer than a stamp holds and counts as that",
                self.clipped
            )?;
        }
        write!(f, "{}", self.sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::OrderAction;
    use crate::pipeline::stamps::{PathStamps, Stage, channel, path_order};

    fn collector(paths: usize, sampled: bool) -> Collector {
        let (mut writer, reader) = channel(2_048);
        let mut collector = Collector::new(reader, Calibration::measure(), StampMode::Sampled);
        for _ in 0..paths {
            let mut path = PathStamps::begin(sampled);
            path.mark(Stage::Decode);
            let mut record = path.order_ready(&path_order(OrderAction::New));
            record.sent(record.ready_ticks, record.ready_ticks, record.ready_ticks + 5);
            assert!(writer.push(record));
        }
        assert_eq!(collector.drain(), paths);
        assert_eq!(collector.drain(), 0);
        collector
    }

    fn row<'t>(table: &'t str, name: &str) -> Vec<&'t str> {
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(name));
        line.unwrap_or_else(|| panic!("no row {name} in:\n{table}")).split_whitespace().collect()
    }

    #[test]
    fn the_table_shows_what_the_sample_supports() {
        let table = collector(100, true).table(0).to_string();
        let decode = row(&table, "decode");
        assert_eq!((decode.len(), decode[1], decode[6]), (8, "100", "-"), "{table}");
        assert!(decode[5].parse::<u64>().is_ok(), "p99 of 100 samples:\n{table}");
        assert_eq!(row(&table, "tick_to_wire")[1], "100");
        assert!(!table.contains("book"), "stages without samples have no row:\n{table}");
        assert!(!table.contains("dropped"));
        let table = collector(1_000, false).table(3).to_string();
        assert!(row(&table, "tick_to_order")[6].parse::<u64>().is_ok(), "p99.9 of 1000 samples:\n{table}");
        assert!(!table.contains("decode"));
        assert!(table.contains("3 records were dropped"));
    }

    #[test]
    fn the_cost_of_a_stamp_is_printed() {
        let table = collector(0, true).table(0).to_string();
        assert!(table.contains("no order was sent"));
        let costs = table.split("one costs ").nth(1).and_then(|rest| rest.split(' ').next());
        let median: f64 =
            costs.and_then(|cost| cost.parse().ok()).unwrap_or_else(|| panic!("no cost in:\n{table}"));
        assert!(median > 0.0 && median < 2_000.0);
    }

    #[test]
    fn logs_go_where_the_option_says() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let written = collector(10, true).write_logs(dir.path()).expect("writable");
        let names: Vec<_> = written.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(
            names,
            [
                "wait.hlog",
                "decode.hlog",
                "encode.hlog",
                "send.hlog",
                "tick_to_order.hlog",
                "tick_to_wire.hlog"
            ]
        );
    }
}
