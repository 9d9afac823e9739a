//! What it costs to append one record of 96 bytes (an action) to a pre-faulted segment.
//!
//! Load: 500,000 appends, one after the other, each timed by itself. The directory is the argument, else the system's
//! temporary directory; what file system it is on makes no difference to the median and much to the tail. Every record
//! is read back and compared after the journal was closed.
//!
//! Then the same with 2 us between two appends, so that the thread that syncs (durability `power`) has its turns beside
//! them, every 5 ms: without it, and with it.

use std::path::Path;

use engine::control::journal::{
    self, Durability, JournalOptions, JournalReader, JournalThread, RecordKind, Tail,
};
use engine::order::{Order, OrderAction, TimeInForce};
use engine::pipeline::tsc::{self, Calibration};
use feeds::event::Side;

use crate::line::Line;
use crate::timing::Samples;

const RECORDS: u64 = 500_000;
const WARM_UP: u64 = 20_000;

/// Runs it.
///
/// # Errors
/// A directory that cannot be written; a record that does not read back.
pub fn run(arguments: &[String]) -> Result<Vec<Line>, String> {
    let temporary = match arguments.first() {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    };
    let temporary = temporary.map_err(|error| error.to_string())?;
    let calibration = Calibration::measure();
    let mut lines = Vec::new();
    let gap = calibration.ticks_per_second() * 2 / 1_000_000;
    let cases = [
        ("action, 96 bytes, pre-faulted", Durability::Process, 0),
        ("action, 96 bytes, every 2 us, durability process", Durability::Process, gap),
        ("action, 96 bytes, every 2 us, durability power", Durability::Power, gap),
    ];
    for (what, durability, gap_ticks) in cases {
        let dir = temporary.path().join(format!("{}", lines.len()));
        let mut samples = Samples::single(RECORDS as usize);
        let durable = append(&dir, durability, gap_ticks, &mut samples)?;
        let records = read_back(&dir)?;
        if records != WARM_UP + RECORDS {
            return Err(format!("{records} records read back, {} appended", WARM_UP + RECORDS));
        }
        if (durability == Durability::Power) != (durable > RECORDS / 2) {
            return Err(format!("{what}: {durable} records were durable while it ran"));
        }
        let line = Line::new(
            "journal_append",
            what,
            "closed loop, one thread: append, wait for the gap, next; each append timed by itself",
            &format!("{WARM_UP} appends"),
        )
        .figures(samples.figures(&calibration, 1.0))
        .given((0..64).map(|number| journal::encode_order(&order(number))))
        .with("file_system", file_system(temporary.path()))
        .with("durable_before_the_end", durable)
        .checked("every record reads back with its CRC, its number and its bytes, and the journal is closed");
        lines.push(line);
    }
    Ok(lines)
}

/// Returns how many records were on the device right after the last append.
fn append(dir: &Path, durability: Durability, gap_ticks: u64, samples: &mut Samples) -> Result<u64, String> {
    let options = JournalOptions { segment_bytes: 64 << 20, segments_ahead: 1, durability, sync_ms: 5 };
    let (keeper, writers) = journal::create(dir, &[JournalThread::Decide], options, b"bench = true\n")
        .map_err(|error| error.to_string())?;
    let mut writer = writers.into_iter().next().ok_or("no writer")?;
    for number in 0..WARM_UP + RECORDS {
        if number == WARM_UP {
            samples.clear();
        }
        let payload = journal::encode_order(&order(number));
        let mut outcome = Ok(0);
        samples.time(|_| outcome = writer.append(RecordKind::Action, number, &payload));
        outcome.map_err(|error| error.to_string())?;
        let start = tsc::now();
        while tsc::now() - start < gap_ticks {
            std::hint::spin_loop();
        }
    }
    let durable = keeper.durable_sequence(JournalThread::Decide);
    writer.close(WARM_UP + RECORDS).map_err(|error| error.to_string())?;
    keeper.finish().map_err(|error| error.to_string())?;
    Ok(durable)
}

fn read_back(dir: &Path) -> Result<u64, String> {
    let mut reader = JournalReader::open(dir, JournalThread::Decide).map_err(|error| error.to_string())?;
    let mut records = 0;
    while let Some(record) = reader.next_record().map_err(|error| error.to_string())? {
        if record.kind != RecordKind::Action {
            continue;
        }
        if record.time_ns != records || record.payload != journal::encode_order(&order(records)) {
            return Err(format!("record {records} reads back as another one"));
        }
        records += 1;
    }
    match reader.tail() {
        Some(Tail::Closed) => Ok(records),
        tail => Err(format!("the journal ends as {tail:?}")),
    }
}

fn order(number: u64) -> Order {
    Order {
        decision: number,
        time_ns: number,
        cl_ord_id: 2_012_062_100_000_000 + number,
        orig_cl_ord_id: 0,
        price: number as i64 * 10_000_000,
        quantity: number % 500 + 1,
        instrument: (number % 8_000) as u32,
        venue: 0,
        action: OrderAction::New,
        side: Side::Buy,
        time_in_force: TimeInForce::Day,
        strategy: 0,
        sells_short: false,
        reserved: [0; 5],
    }
}

/// Type of the file system that holds `path`: that of the longest mount point above it.
fn file_system(path: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let above = mounts.filter(|(point, _)| path.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map_or("unknown", |(_, kind)| kind).to_owned()
}
