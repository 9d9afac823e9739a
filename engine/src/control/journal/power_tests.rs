//! Loss of power, full disks and devices that fail: what is said to be durable is, and a journal that cannot be kept
//! says so.

use super::round_trip_tests::{RUN_HEADER, one, small};
use super::*;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: usize = 4_096;

/// SplitMix64: small, seeded, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

/// Synced when asked only: whatever else the machine does, a test sees the same.
fn power() -> JournalOptions {
    JournalOptions {
        segment_bytes: 8 * PAGE as u64,
        durability: Durability::Power,
        sync_ms: 1_000_000,
        ..small()
    }
}

/// A record: kind, session, time, payload.
type Written = (RecordKind, u16, u64, Vec<u8>);

fn draw(random: &mut Random, time_ns: u64) -> Written {
    let kind = RecordKind::ALL[random.below(RecordKind::ALL.len() as u64 - 1) as usize];
    // From the smallest to some that span pages.
    let length = [8, 64, 88, 300, 9_000][random.below(5) as usize];
    let payload = (0..random.below(length)).map(|_| random.next() as u8).collect();
    (kind, random.below(4) as u16, time_ns, payload)
}

/// Segment files in order, and of each record the index of its segment and its end there.
type OnDisk = (Vec<(PathBuf, Vec<u8>)>, Vec<(usize, usize)>);

fn segments(dir: &Path, thread: JournalThread) -> OnDisk {
    let (mut files, mut ends) = (Vec::new(), Vec::new());
    for number in 1.. {
        let path = super::keeper::segment_path(dir, thread, number);
        let Ok(bytes) = fs::read(&path) else { break };
        let mut offset = SEGMENT_HEADER_BYTES;
        while let super::layout::FrameState::Whole(frame) = super::layout::frame_at(&bytes, offset) {
            offset = frame.next_offset;
            ends.push((number as usize - 1, offset));
        }
        files.push((path, bytes));
    }
    (files, ends)
}

#[test]
fn a_loss_of_power_takes_nothing_that_was_said_to_be_durable() {
    let (mut refused, mut shorter, mut lossless, mut durable_in_all) = (0, 0, 0, 0);
    for seed in 0..24 {
        let mut random = Random(seed);
        let dir = tempfile::tempdir().unwrap();
        let (mut keeper, mut writers) = create(dir.path(), &JournalThread::ALL, power(), RUN_HEADER).unwrap();
        let mut written: [Vec<Written>; 3] = Default::default();
        for time_ns in 0..100 + random.below(200) {
            let at = random.below(3) as usize;
            let record = draw(&mut random, time_ns);
            writers[at].append_session(record.0, record.1, record.2, &record.3).unwrap();
            written[at].push(record);
            keeper.poll().unwrap();
            if random.below(60) == 0 {
                keeper.sync_now();
            }
        }
        keeper.poll().unwrap();
        let run_id = keeper.run_id();
        let said = watermark::read(dir.path(), &run_id).unwrap().unwrap_or_default();
        for (thread, said) in JournalThread::ALL.into_iter().zip(said) {
            assert_eq!(keeper.durable_sequence(thread), said, "seed {seed}");
        }
        for _ in 0..20 {
            for (at, thread) in JournalThread::ALL.into_iter().enumerate() {
                let (mut files, ends) = segments(dir.path(), thread);
                let (of, end) = if said[at] == 0 { (0, 0) } else { ends[said[at] as usize - 1] };
                // Every page behind the last durable record's may have stayed in memory.
                let chance = 1 + random.below(8);
                for (number, (_, bytes)) in files.iter_mut().enumerate().skip(of) {
                    let from = if number == of { end.div_ceil(PAGE) } else { 0 };
                    for page in bytes.chunks_mut(PAGE).skip(from) {
                        if random.below(chance) == 0 {
                            page.fill(0);
                        }
                    }
                }
                let mut count = 0;
                let end = match JournalReader::from_segments(thread, run_id, files) {
                    Err(error) => Err(error),
                    Ok(mut reader) => loop {
                        match reader.next_record() {
                            Ok(Some(record)) => {
                                let (kind, session, time_ns, payload) = &written[at][count];
                                assert_eq!(
                                    (record.kind, record.session, record.time_ns, record.payload),
                                    (*kind, *session, *time_ns, &payload[..]),
                                    "seed {seed}: {} record {}",
                                    thread.name(),
                                    record.sequence
                                );
                                count += 1;
                            }
                            Ok(None) => break Ok(()),
                            Err(error) => break Err(error),
                        }
                    },
                };
                assert!(
                    count as u64 >= said[at],
                    "seed {seed}: {} kept {count} records, {} were durable: {end:?}",
                    thread.name(),
                    said[at]
                );
                durable_in_all += said[at];
                match end {
                    Err(_) => refused += 1,
                    Ok(()) if count < written[at].len() => shorter += 1,
                    Ok(()) => lossless += 1,
                }
            }
        }
        std::mem::forget(writers);
    }
    // A model in which nothing is lost, or nothing is durable, would prove nothing.
    assert!(
        refused > 20 && shorter > 20 && lossless > 20 && durable_in_all > 10_000,
        "{refused} {shorter} {lossless} {durable_in_all}"
    );
}

#[test]
fn a_page_in_use_is_synced_once_its_writer_rests() {
    let dir = tempfile::tempdir().unwrap();
    let (mut keeper, mut writer) = one(dir.path(), JournalThread::Decide, power());
    for time_ns in 1..=100 {
        writer.append(RecordKind::Timer, time_ns, &[0; 16]).unwrap();
    }
    keeper.sync_now();
    // 128 bytes of header, 48 a record.
    let closed = (PAGE as u64 - 128) / 48;
    assert_eq!(keeper.durable_sequence(JournalThread::Decide), closed, "the second page has room left");
    for _ in 0..2 {
        keeper.sync_now();
    }
    assert_eq!(keeper.durable_sequence(JournalThread::Decide), 100, "nothing was stored for a while");
    writer.append(RecordKind::Timer, 101, &[0; 16]).unwrap();
    keeper.sync_now();
    assert_eq!(keeper.durable_sequence(JournalThread::Decide), 100);
    keeper.poll().unwrap();
    writer.close(102).unwrap();
    assert_eq!(keeper.finish().unwrap(), [(JournalThread::Decide, 102)], "a closed journal is durable");
    let report = verify_only(dir.path());
    assert!(report.contains("on the device up to record 102"), "{report}");

    // A journal of which something durable is gone.
    let path = super::keeper::segment_path(dir.path(), JournalThread::Decide, 1);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 40]).unwrap();
    let error = verify(dir.path()).unwrap_err();
    assert!(
        matches!(error, JournalError::Lost { thread: JournalThread::Decide, durable: 102, found: 100 }),
        "{error}"
    );
}

fn verify_only(dir: &Path) -> String {
    verify(dir).unwrap().to_string()
}

#[test]
fn a_sync_that_fails_is_said_once_and_nothing_is_durable_after_it() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", dir.path().join(WATERMARK_FILE)).unwrap();
    let (mut keeper, mut writer) = one(dir.path(), JournalThread::Decide, power());
    let mut failures = Vec::new();
    for time_ns in 0..1_000 {
        writer.append(RecordKind::Timer, time_ns, &[0; 16]).unwrap();
        if time_ns % 100 == 0 {
            keeper.sync_now();
        }
        failures.extend(keeper.poll().err());
    }
    assert_eq!(failures.len(), 1, "{failures:?}");
    let text = failures[0].to_string();
    assert!(text.contains(WATERMARK_FILE) && text.contains("No space left"), "{text}");
    assert_eq!(keeper.durable_sequence(JournalThread::Decide), 0);
}

#[test]
fn where_no_segment_can_be_made_the_writer_ends_with_what_it_has() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("journal");
    let (mut keeper, mut writer) = one(&dir, JournalThread::Decide, small());
    // As a device that is gone, or a file system that has become read-only.
    let moved = outer.path().join("moved");
    fs::rename(&dir, &moved).unwrap();
    let mut written = 0;
    let mut said = None;
    while writer.append(RecordKind::Timer, 1, &[0; 16]).is_ok() {
        written += 1;
        if let Err(error) = keeper.poll() {
            said.get_or_insert((written, error.to_string()));
        }
    }
    let (at, said) = said.expect("an error");
    assert!(said.contains("cannot create") && at < written, "said after {at} of {written}: {said}");
    assert_eq!(written, 3 * 82, "the segment in use and those ahead");
    drop(writer);
    drop(keeper);
    let mut reader = JournalReader::open(&moved, JournalThread::Decide).unwrap();
    let mut found = 0;
    while reader.next_record().unwrap().is_some() {
        found += 1;
    }
    assert_eq!((found, reader.tail()), (written, Some(Tail::NotClosed { last_sequence: written })));
}
