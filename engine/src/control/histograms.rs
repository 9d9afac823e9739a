//! HDR histograms of every stage and path, and their `.hlog` files.
//!
//! [`StageHistograms`] allocates all its counts at start (17 histograms of about 270 KiB) and records without
//! allocating afterwards; it belongs to the cold thread. Values are nanoseconds at 3 significant digits. It refuses to
//! name a percentile that its sample count does not support ([`Distribution`]).
//!
//! The files are HdrHistogram interval logs (format 1.3, V2 deflated payload), one interval for the whole run, values
//! in ns: HdrHistogram's own log processor and [`read_log`] read them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

use super::atomic_file;
use super::path_blocks::{Blocks, PathBlocks};
use super::stage_sums::StageSums;
use crate::order::OrderAction;
use crate::pipeline::stamps::{PathRecord, Stage, Trigger};
use crate::pipeline::tsc::Calibration;

/// Largest value that is told apart, ns (one hour); longer ones count as this.
const VALUE_MAX_NS: u64 = 3_600_000_000_000;

/// Significant decimal digits: a value is right to one part in 1000.
const SIGNIFICANT_DIGITS: u8 = 3;

/// What a histogram measures: the eleven stages, then the whole paths.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// [`Stage::Wait`], zero on a path that was never kept waiting.
    Wait = 0,
    /// [`Stage::Decode`].
    Decode = 1,
    /// [`Stage::Ring`].
    Ring = 2,
    /// [`Stage::Book`].
    Book = 3,
    /// [`Stage::Scan`].
    Scan = 4,
    /// [`Stage::Price`].
    Price = 5,
    /// [`Stage::Decide`].
    Decide = 6,
    /// [`Stage::Risk`].
    Risk = 7,
    /// [`Stage::Journal`].
    Journal = 8,
    /// [`Stage::Encode`].
    Encode = 9,
    /// [`Stage::Send`].
    Send = 10,
    /// Market message handed to decode (or due) to complete bytes, new orders and replaces.
    TickToOrder = 11,
    /// Start of the path to the return of the send call, new orders and replaces.
    TickToWire = 12,
    /// As [`Measure::TickToOrder`], cancels.
    TickToCancel = 13,
    /// Execution or timer handed to decide to complete bytes, of every action: no market message was decoded and no
    /// book changed, so that these are no ticks.
    AnswerToOrder = 14,
    /// Execution or timer handed to decide to the return of the send call, of every action.
    AnswerToWire = 15,
    /// Service time: market message handed to decode to complete bytes, new orders and replaces, of paths that count from
    /// the due time. What the message waited for its turn is not in it.
    ServiceToOrder = 16,
}

impl Measure {
    /// How many measures there are.
    pub const COUNT: usize = 17;

    /// All measures, in the order of the tables.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Wait,
        Self::Decode,
        Self::Ring,
        Self::Book,
        Self::Scan,
        Self::Price,
        Self::Decide,
        Self::Risk,
        Self::Journal,
        Self::Encode,
        Self::Send,
        Self::TickToOrder,
        Self::TickToWire,
        Self::TickToCancel,
        Self::AnswerToOrder,
        Self::AnswerToWire,
        Self::ServiceToOrder,
    ];

    /// The name in tables, in the summary and of the `.hlog` file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Decode => "decode",
            Self::Ring => "ring",
            Self::Book => "book",
            Self::Scan => "scan",
            Self::Price => "price",
            Self::Decide => "decide",
            Self::Risk => "risk",
            Self::Journal => "journal",
            Self::Encode => "encode",
            Self::Send => "send",
            Self::TickToOrder => "tick_to_order",
            Self::TickToWire => "tick_to_wire",
            Self::TickToCancel => "tick_to_cancel",
            Self::AnswerToOrder => "answer_to_order",
            Self::AnswerToWire => "answer_to_wire",
            Self::ServiceToOrder => "service_to_order",
        }
    }

    /// Whether it is a whole path of an order, not a stage of one.
    #[must_use]
    pub const fn is_path(self) -> bool {
        self as u8 >= Self::TickToOrder as u8
    }

    /// Whether the `--summary` file has it under `stages`; cancels and answers are kept apart, in the table and the
    /// logs only, and so is service time, which must not be taken for latency.
    #[must_use]
    pub const fn in_summary(self) -> bool {
        !matches!(self, Self::TickToCancel | Self::AnswerToOrder | Self::AnswerToWire | Self::ServiceToOrder)
    }
}

impl From<Stage> for Measure {
    fn from(stage: Stage) -> Self {
        Self::ALL[stage as usize]
    }
}

/// What a sample says of a duration: only the percentiles that it supports, so p50 needs 2 samples, p90 10, p99 100,
/// p99.9 1000 (at least one sample must lie beyond the percentile).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Distribution {
    /// Samples.
    pub count: u64,
    /// Smallest value, ns; none without samples.
    pub min_ns: Option<u64>,
    /// Median, ns.
    pub p50_ns: Option<u64>,
    /// 90th percentile, ns.
    pub p90_ns: Option<u64>,
    /// 99th percentile, ns.
    pub p99_ns: Option<u64>,
    /// 99.9th percentile, ns.
    pub p999_ns: Option<u64>,
    /// Largest value, ns; none without samples.
    pub max_ns: Option<u64>,
}

impl From<&Histogram<u64>> for Distribution {
    fn from(histogram: &Histogram<u64>) -> Self {
        let count = histogram.len();
        let at = |quantile: f64, samples_needed: u64| {
            (count >= samples_needed).then(|| histogram.value_at_quantile(quantile))
        };
        Self {
            count,
            min_ns: (count > 0).then(|| histogram.min()),
            p50_ns: at(0.5, 2),
            p90_ns: at(0.9, 10),
            p99_ns: at(0.99, 100),
            p999_ns: at(0.999, 1_000),
            max_ns: (count > 0).then(|| histogram.max()),
        }
    }
}

/// One histogram per [`Measure`].
#[derive(Debug)]
pub struct StageHistograms {
    histograms: Vec<Histogram<u64>>,
    sums: StageSums,
    clipped: u64,
    from_due: u64,
    blocks: PathBlocks,
}

impl Default for StageHistograms {
    fn default() -> Self {
        Self::new()
    }
}

impl StageHistograms {
    /// Empty histograms, all memory allocated.
    #[must_use]
    pub fn new() -> Self {
        let histograms = Measure::ALL.iter().map(|_| empty()).collect();
        let (sums, blocks) = (StageSums::default(), PathBlocks::default());
        Self { histograms, sums, clipped: 0, from_due: 0, blocks }
    }

    /// Records the stages and the whole path of one order message.
    pub fn record(&mut self, path: &PathRecord, calibration: &Calibration) {
        for stage in Stage::ALL {
            // Of wide work it is the requests that are counted, not the orders.
            let is_wide = matches!(stage, Stage::Scan | Stage::Price);
            if let Some(ticks) = path.stage_ticks(stage).filter(|_| !is_wide) {
                self.add(stage.into(), calibration.ticks_to_ns(ticks));
            }
        }
        self.sums.add(path);
        self.clipped += u64::from(path.is_clipped());
        self.from_due += u64::from(path.is_from_due());
        let order_ns = calibration.ticks_to_ns(path.order_ticks());
        if path.trigger() == Trigger::Other {
            self.add(Measure::AnswerToOrder, order_ns);
            if let Some(ticks) = path.wire_ticks() {
                self.add(Measure::AnswerToWire, calibration.ticks_to_ns(ticks));
            }
            return;
        }
        if path.action == OrderAction::Status {
            return;
        }
        if path.action == OrderAction::Cancel {
            self.add(Measure::TickToCancel, order_ns);
            return;
        }
        self.record_tick_to_order(order_ns);
        if path.is_from_due() {
            self.add(Measure::ServiceToOrder, calibration.ticks_to_ns(path.service_ticks()));
        }
        if let Some(ticks) = path.wire_ticks() {
            self.add(Measure::TickToWire, calibration.ticks_to_ns(ticks));
        }
    }

    /// Records the whole path of a new order or a replace, in its place in the run.
    pub fn record_tick_to_order(&mut self, ns: u64) {
        self.add(Measure::TickToOrder, ns);
        self.blocks.add(ns);
    }

    /// Adds what another run of the same kind has recorded.
    pub fn absorb(&mut self, other: &Self) {
        for (own, others) in self.histograms.iter_mut().zip(&other.histograms) {
            *own += others;
        }
        self.clipped += other.clipped;
        self.from_due += other.from_due;
        self.sums.absorb(&other.sums);
    }

    /// Records one value.
    pub fn add(&mut self, measure: Measure, ns: u64) {
        self.histograms[measure as usize].saturating_record(ns);
    }

    /// Records one value so many times.
    pub fn add_times(&mut self, measure: Measure, ns: u64, times: u64) {
        self.histograms[measure as usize].saturating_record_n(ns, times);
    }

    /// The histogram of a measure, in ns.
    #[must_use]
    pub fn of(&self, measure: Measure) -> &Histogram<u64> {
        &self.histograms[measure as usize]
    }

    /// What the sample of a measure says.
    #[must_use]
    pub fn distribution(&self, measure: Measure) -> Distribution {
        self.of(measure).into()
    }

    /// Order messages recorded: new orders, replaces and cancels.
    #[must_use]
    pub fn paths(&self) -> u64 {
        [Measure::TickToOrder, Measure::TickToCancel, Measure::AnswerToOrder]
            .map(|path| self.of(path).len())
            .iter()
            .sum()
    }

    /// How the median of [`Measure::TickToOrder`] went along.
    #[must_use]
    pub fn blocks(&self) -> Blocks {
        self.blocks.blocks()
    }

    /// Of these, paths whose time counts from the due time.
    #[must_use]
    pub fn paths_from_due(&self) -> u64 {
        self.from_due
    }

    /// Whether the stages account for all of the paths.
    #[must_use]
    pub fn sums(&self) -> StageSums {
        self.sums
    }

    /// Paths with a stage longer than a stamp can hold (1.5 s at 2.8 GHz), recorded as that.
    #[must_use]
    pub fn clipped(&self) -> u64 {
        self.clipped
    }

    /// Writes `DIR/<measure>.hlog` for each measure that has samples, and removes that of one that has none (left by an
    /// earlier run). The directory is made. `started` and `duration` describe the run.
    ///
    /// # Errors
    /// The directory or a file cannot be written; the message names it.
    pub fn write_logs(
        &self,
        dir: &Path,
        started: SystemTime,
        duration: Duration,
    ) -> io::Result<Vec<PathBuf>> {
        fs::create_dir_all(dir).map_err(|error| context(error, dir))?;
        let mut written = Vec::new();
        for measure in Measure::ALL {
            let path = dir.join(format!("{}.hlog", measure.name()));
            if self.of(measure).is_empty() {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(context(error, &path));
                    }
                    _ => continue,
                }
            }
            write_log(&path, self.of(measure), measure.name(), started, duration)?;
            written.push(path);
        }
        Ok(written)
    }
}

fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, VALUE_MAX_NS, SIGNIFICANT_DIGITS).expect("constant bounds are valid")
}

fn context(error: io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: cannot write the histogram log: {error}", path.display()))
}

/// Writes one `.hlog` file, whole or not at all.
///
/// # Errors
/// The file cannot be written; the message names it.
pub fn write_log(
    path: &Path,
    histogram: &Histogram<u64>,
    name: &str,
    started: SystemTime,
    duration: Duration,
) -> io::Result<()> {
    let bytes = encode_log(histogram, name, started, duration).map_err(|error| context(error, path))?;
    atomic_file::write(path, &bytes).map_err(|error| context(error, path))
}

fn encode_log(
    histogram: &Histogram<u64>,
    name: &str,
    started: SystemTime,
    duration: Duration,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let since_epoch = started.duration_since(UNIX_EPOCH).unwrap_or_default();
    IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!("[warptick {name}, values in ns]"))
        .with_start_time(started)
        .begin_log_with(&mut bytes, &mut serializer)?
        .write_histogram(histogram, since_epoch, duration, Tag::new(name))
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// Reads an `.hlog` file back: the sum of all its intervals.
///
/// # Errors
/// The file cannot be read, a line is no interval log (with its byte offset), or a payload is damaged.
pub fn read_log(path: &Path) -> io::Result<Histogram<u64>> {
    let bytes = fs::read(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: cannot read: {error}", path.display())))?;
    decode_log(&bytes).map_err(|cause| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: no histogram log: {cause}", path.display()))
    })
}

fn decode_log(bytes: &[u8]) -> Result<Histogram<u64>, String> {
    let mut sum = empty();
    let mut deserializer = Deserializer::new();
    for entry in IntervalLogIterator::new(bytes) {
        let interval = match entry {
            Ok(LogEntry::Interval(interval)) => interval,
            Ok(_) => continue,
            Err(error) => return Err(format!("{error:?}")),
        };
        let at = interval.start_timestamp().as_secs_f64();
        let payload = base64::engine::general_purpose::STANDARD
            .decode(interval.encoded_histogram())
            .map_err(|error| format!("interval at {at:.3} s: {error}"))?;
        let part: Histogram<u64> = deserializer
            .deserialize(&mut payload.as_slice())
            .map_err(|error| format!("interval at {at:.3} s: {error}"))?;
        sum.add(&part).map_err(|error| format!("interval at {at:.3} s: {error}"))?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::stamps::{PathStamps, path_order};
    use proptest::prelude::*;

    /// The value at a rank of `numerator / 1000` of the sorted sample, counted as HdrHistogram counts.
    fn naive(sorted: &[u64], numerator: u64) -> u64 {
        let rank = (sorted.len() as u64 * numerator).div_ceil(1_000).max(1);
        sorted[rank as usize - 1]
    }

    fn within_precision(found: Option<u64>, exact: u64) -> bool {
        found.is_some_and(|found| found.abs_diff(exact) <= exact / 1_000 + 1)
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_sample(
            mut sample in prop::collection::vec(prop_oneof![0u64..5_000, 0u64..5_000_000, 0u64..VALUE_MAX_NS], 1..2_500),
        ) {
            let mut histograms = StageHistograms::new();
            sample.iter().for_each(|&ns| histograms.add(Measure::Risk, ns));
            sample.sort_unstable();
            let found = histograms.distribution(Measure::Risk);
            prop_assert_eq!(found.count, sample.len() as u64);
            prop_assert!(within_precision(found.min_ns, sample[0]));
            prop_assert!(within_precision(found.max_ns, sample[sample.len() - 1]));
            for (value, numerator, needed) in
                [(found.p50_ns, 500, 2), (found.p90_ns, 900, 10), (found.p99_ns, 990, 100), (found.p999_ns, 999, 1_000)]
            {
                if sample.len() < needed {
                    prop_assert_eq!(value, None);
                } else {
                    let exact = naive(&sample, numerator);
                    prop_assert!(within_precision(value, exact), "{value:?} against {exact} at {numerator}");
                }
            }
        }

        #[test]
        fn damaged_logs_are_errors_and_no_panics(cut in 0usize..2_000, place in 0usize..2_000, byte in any::<u8>()) {
            let mut histogram = empty();
            (1..500u64).for_each(|i| histogram.saturating_record(i * i * i));
            let mut bytes = encode_log(&histogram, "risk", UNIX_EPOCH, Duration::from_secs(1)).expect("in memory");
            let length = bytes.len();
            if let Some(slot) = bytes.get_mut(place % length) {
                *slot = byte;
            }
            bytes.truncate(length.saturating_sub(cut % length));
            // Some damage is harmless (a comment); whatever comes out, it must not panic.
            let _ = decode_log(&bytes);
        }
    }

    #[test]
    fn nothing_is_said_about_nothing() {
        let found = StageHistograms::new().distribution(Measure::Send);
        assert_eq!(found, Distribution::default());
    }

    #[test]
    fn names_follow_the_stages() {
        for stage in Stage::ALL {
            let named = format!("{stage:?}").to_lowercase();
            assert_eq!(Measure::from(stage).name(), named);
        }
    }

    #[test]
    fn cancels_are_counted_apart() {
        let calibration = Calibration::measure();
        let mut histograms = StageHistograms::new();
        for action in [OrderAction::New, OrderAction::Replace, OrderAction::Cancel] {
            let mut path = PathStamps::begin(true);
            path.mark(Stage::Decode);
            let mut record = path.order_ready(&path_order(action));
            record.sent(record.ready_ticks, record.ready_ticks, record.ready_ticks + 5);
            histograms.record(&record, &calibration);
        }
        let count = |measure| histograms.of(measure).len();
        assert_eq!((count(Measure::TickToOrder), count(Measure::TickToWire)), (2, 2));
        assert_eq!((count(Measure::TickToCancel), count(Measure::Decode), count(Measure::Send)), (1, 3, 3));
        assert_eq!((histograms.paths(), histograms.clipped(), histograms.paths_from_due()), (3, 0, 0));
    }

    #[test]
    fn orders_that_answer_an_execution_are_no_ticks() {
        let calibration = Calibration::measure();
        let mut histograms = StageHistograms::new();
        for action in [OrderAction::New, OrderAction::Replace, OrderAction::Cancel] {
            let mut path = PathStamps::begin_answer(true);
            path.mark(Stage::Risk);
            let mut record = path.order_ready(&path_order(action));
            record.sent(record.ready_ticks, record.ready_ticks, record.ready_ticks + 5);
            histograms.record(&record, &calibration);
        }
        let count = |measure| histograms.of(measure).len();
        assert_eq!((count(Measure::AnswerToOrder), count(Measure::AnswerToWire)), (3, 3));
        assert_eq!((count(Measure::TickToOrder), count(Measure::TickToWire)), (0, 0));
        assert_eq!((count(Measure::TickToCancel), count(Measure::Risk), histograms.paths()), (0, 3, 3));
    }

    #[test]
    fn logs_read_back_equal_and_stale_ones_go() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let dir = dir.path().join("report");
        let mut histograms = StageHistograms::new();
        (0..10_000u64).for_each(|i| histograms.add(Measure::TickToOrder, 300 + i * i % 90_001));
        histograms.add(Measure::Encode, 0);
        let started = SystemTime::now();
        histograms.write_logs(&dir, started, Duration::from_secs(3)).expect("writable");
        for measure in [Measure::TickToOrder, Measure::Encode] {
            let read = read_log(&dir.join(format!("{}.hlog", measure.name()))).expect("readable");
            assert_eq!(&read, histograms.of(measure));
        }
        let second = StageHistograms::new();
        assert!(second.write_logs(&dir, started, Duration::ZERO).expect("writable").is_empty());
        assert_eq!(fs::read_dir(&dir).expect("readable").count(), 0);
        let missing = read_log(&dir.join("risk.hlog")).expect_err("absent");
        assert!(missing.to_string().contains("risk.hlog"));
    }

    #[test]
    fn the_log_is_what_other_readers_expect() {
        let mut histogram = empty();
        histogram.saturating_record(1_234);
        let started = UNIX_EPOCH + Duration::from_millis(1_500_000_000_250);
        let bytes = encode_log(&histogram, "risk", started, Duration::from_secs(2)).expect("in memory");
        let text = String::from_utf8(bytes).expect("text");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("#[Histogram log format version 1.3]"));
        assert_eq!(lines.next(), Some("#[warptick risk, values in ns]"));
        assert_eq!(lines.next(), Some("#[StartTime: 1500000000.250 (seconds since epoch)]"));
        let interval = lines.next().expect("one interval");
        // "HISTFAAA" is the base64 of the compressed V2 cookie 0x1c849314 and the high bytes of its length.
        assert!(interval.starts_with("Tag=risk,1500000000.250,2.000,1234.000,HISTFAAA"), "{interval}");
        assert_eq!(lines.next(), None);
    }
}
