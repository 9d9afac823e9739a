//! What it costs to append one record of 96 bytes (an action) to a pre-faulted segment.
//!
//! Load: 500,000 appends, one after the other, each timed by itself. The directory is the argument, else the system's
//! temporary directory; what file system it is on makes no difference to the median and much to the tail. Every record
//! is read back and compared after the journal was closed.

use std::path::Path;

use engine::control::journal::{self, JournalOptions, JournalReader, JournalThread, RecordKind, Tail};
use engine::order::{Order, OrderAction, TimeInForce};
use engine::pipeline::tsc::Calibration;
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
    let mut samples = Samples::single(RECORDS as usize);
    append(temporary.path(), &mut samples)?;
    let records = read_back(temporary.path())?;
    if records != WARM_UP + RECORDS {
        return Err(format!("{records} records read back, {} appended", WARM_UP + RECORDS));
    }
    let line = Line::new(
        "journal_append",
        "action, 96 bytes, pre-faulted",
        "closed loop, one thread: append, next; each append timed by itself",
        &format!("{WARM_UP} appends"),
    )
    .figures(samples.figures(&calibration, 1.0))
    .with("file_system", file_system(temporary.path()))
    .checked("every record reads back with its CRC, its number and its bytes, and the journal is closed");
    Ok(vec![line])
}

fn append(dir: &Path, samples: &mut Samples) -> Result<(), String> {
    let options = JournalOptions { segment_bytes: 64 << 20, segments_ahead: 1, ..JournalOptions::default() };
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
    }
    writer.close(WARM_UP + RECORDS).map_err(|error| error.to_string())?;
    keeper.finish().map_err(|error| error.to_string())
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
