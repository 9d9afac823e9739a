//! What an append costs. Not a check but a measurement, run by hand:
//! `cargo test --release -p warptick-engine append_cost -- --ignored --nocapture`, the thread pinned by `taskset`.
//! Load: 96-byte records (an action), 500,000 a round, one after the other, each timed by itself with the raw
//! counter; the cost of two counter reads is measured beside it and not taken off. Half of the rounds run in segments
//! whose pages were never touched before.

use super::round_trip_tests::one;
use super::*;
use hdrhistogram::Histogram;
use quanta::Clock;

const RECORDS: u64 = 500_000;

fn print(what: &str, histogram: &Histogram<u64>) {
    let at = |quantile| histogram.value_at_quantile(quantile);
    println!(
        "{what}: min {} p50 {} p99 {} p99.9 {} max {} ns",
        histogram.min(),
        at(0.5),
        at(0.99),
        at(0.999),
        histogram.max()
    );
}

fn time(mut operation: impl FnMut(u64)) -> Histogram<u64> {
    let clock = Clock::new();
    let mut histogram = Histogram::new(3).unwrap();
    for number in 0..RECORDS {
        let start = clock.raw();
        operation(number);
        let end = clock.raw();
        histogram.record(clock.delta_as_nanos(start, end)).unwrap();
    }
    histogram
}

#[test]
#[ignore = "a measurement, see the module documentation"]
fn append_cost() {
    let payload = [7u8; 64];
    for round in 0..5 {
        print(
            "two counter reads        ",
            &time(|number| {
                std::hint::black_box(number);
            }),
        );
        let dir = tempfile::tempdir().unwrap();
        let options =
            JournalOptions { segment_bytes: 64 << 20, segments_ahead: 1, ..JournalOptions::default() };
        let (_keeper, mut writer) = one(dir.path(), JournalThread::Decide, options);
        print(
            "append, pre-faulted      ",
            &time(|number| {
                writer.append(RecordKind::Action, number, &payload).unwrap();
            }),
        );
        let file = tempfile::tempfile_in(dir.path()).unwrap();
        file.set_len(64 << 20).unwrap();
        // SAFETY: a temporary file that nothing else opens, mapped to its full length.
        let mut map = unsafe { memmap2::MmapMut::map_mut(&file) }.unwrap();
        print(
            "96 bytes, not pre-faulted",
            &time(|number| {
                let at = number as usize * 96;
                map[at + 32..at + 96].copy_from_slice(&payload);
                let crc = super::layout::record_crc(96, &map[at + 8..at + 96]);
                map[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
            }),
        );
        let start = std::time::Instant::now();
        let appended = (0..100_000)
            .filter(|&number| writer.append(RecordKind::Action, number, &payload).is_ok())
            .count();
        println!(
            "round {round}: {} ns an append in a row of {appended}",
            start.elapsed().as_nanos() / 100_000
        );
    }
}
