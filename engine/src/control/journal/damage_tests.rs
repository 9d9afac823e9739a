//! Damaged journals: whatever is done to the bytes, the reader yields a prefix of what was written and then ends or
//! refuses. It never panics and never yields a record that was not written.

use super::layout::{FrameState, frame_at};
use super::round_trip_tests::{one, read_all, small};
use super::*;
use std::path::{Path, PathBuf};

/// Segments in order: file name and content.
type Segments = Vec<(PathBuf, Vec<u8>)>;

/// A journal in memory: its segments and what was written to them.
struct Written {
    thread: JournalThread,
    run_id: [u8; 32],
    segments: Segments,
    records: Vec<(u64, u64, RecordKind, u16, Vec<u8>)>,
}

impl Written {
    /// Writes `count` records of varying length, closed or left as a killed process leaves them.
    fn new(count: u64, closes: bool) -> Self {
        Self::from_time(count, closes, 1_000)
    }

    /// As [`Written::new`], the times counted from `time_ns`.
    fn from_time(count: u64, closes: bool, time_ns: u64) -> Self {
        Self::of_kinds(JournalThread::Decide, count, closes, time_ns, 0)
    }

    /// As [`Written::from_time`], by another thread, its last kinds `shift` further on in [`RecordKind::ALL`].
    fn of_kinds(thread: JournalThread, count: u64, closes: bool, time_ns: u64, shift: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (mut keeper, mut writer) = one(dir.path(), thread, small());
        for sequence in 1..=count {
            let payload: Vec<u8> = (0..(sequence * 37 % 230) as u8).collect();
            // Without the one that closes.
            let kind = RecordKind::ALL[(sequence as usize + shift) % (RecordKind::ALL.len() - 1)];
            assert_eq!(writer.append(kind, time_ns + sequence, &payload), Ok(sequence));
            keeper.poll().unwrap();
        }
        let run_id = keeper.run_id();
        if closes {
            writer.close(2_000).unwrap();
            keeper.finish().unwrap();
        } else {
            // Leaked, so that nothing is cut: the files stay as a kill leaves them.
            std::mem::forget(writer);
            std::mem::forget(keeper);
        }
        let records = read_all(&mut JournalReader::open(dir.path(), thread).unwrap()).unwrap();
        let mut segments: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        segments.retain(|path| path.extension().is_some_and(|end| end == "wtj"));
        segments.sort();
        let read = |path: PathBuf| (PathBuf::from(path.file_name().unwrap()), std::fs::read(&path).unwrap());
        Self { thread, run_id, segments: segments.into_iter().map(read).collect(), records }
    }

    /// Index of the last segment in use, and where its last three records start and end.
    fn last_three(&self) -> (usize, usize, usize) {
        let started = |(_, bytes): &(PathBuf, Vec<u8>)| bytes.starts_with(&SEGMENT_MAGIC);
        let index = self.segments.iter().rposition(started).unwrap();
        let (mut starts, mut offset) = (Vec::new(), SEGMENT_HEADER_BYTES);
        while let FrameState::Whole(frame) = frame_at(&self.segments[index].1, offset) {
            starts.push(offset);
            offset = frame.next_offset;
        }
        (index, starts[starts.len() - 3], offset)
    }

    /// Reads damaged segments; the outcome must be a prefix. Returns how many records came before the end, and the
    /// tail or the refusal.
    fn read(&self, segments: Segments, what: &dyn std::fmt::Debug) -> (usize, Result<Tail, JournalError>) {
        let mut reader = match JournalReader::from_segments(self.thread, self.run_id, segments) {
            Ok(reader) => reader,
            Err(error) => return (0, Err(error)),
        };
        let mut count = 0;
        loop {
            match reader.next_record() {
                Ok(Some(record)) => {
                    let (sequence, time_ns, kind, session, payload) =
                        self.records.get(count).unwrap_or_else(|| panic!("{what:?}: invented {record:?}"));
                    let same = (record.sequence, record.time_ns, record.kind, record.session, record.payload)
                        == (*sequence, *time_ns, *kind, *session, &payload[..]);
                    assert!(same, "{what:?}: wrong record {record:?}");
                    count += 1;
                }
                Ok(None) => return (count, Ok(reader.tail().expect("a tail at the end"))),
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    assert!(matches!(reader.next_record(), Ok(None)) && reader.tail().is_none());
                    return (count, Err(error));
                }
            }
        }
    }
}

/// Of each thread, with each kind of record among the last three.
#[test]
fn cut_at_every_byte_of_the_last_three_records() {
    let kinds = RecordKind::ALL.len() - 1;
    let mut seen = std::collections::BTreeSet::new();
    let cases = (0..kinds).step_by(2).flat_map(|shift| [(shift, false), (shift, true)]);
    for (thread, (shift, closes)) in
        JournalThread::ALL.into_iter().flat_map(|thread| cases.clone().map(move |case| (thread, case)))
    {
        let written = Written::of_kinds(thread, 60, closes, 1_000, shift);
        let all = written.records.len();
        seen.extend(written.records[all - 3..].iter().map(|record| (thread, record.2)));
        let (index, from, to) = written.last_three();
        for cut in from..to {
            let mut segments = written.segments.clone();
            segments.truncate(index + 1);
            segments[index].1.truncate(cut);
            let (count, end) = written.read(segments, &cut);
            assert!((all - 3..all).contains(&count), "cut at {cut}: {count} of {all}");
            match end.unwrap_or_else(|error| panic!("cut at {cut} refused: {error}")) {
                Tail::Closed => panic!("cut at {cut} reads as closed"),
                Tail::NotClosed { last_sequence } | Tail::Torn { last_sequence, .. } => {
                    assert_eq!(last_sequence, count as u64);
                }
            }
        }
    }
    assert_eq!(seen.len(), JournalThread::ALL.len() * RecordKind::ALL.len(), "{seen:?}");
}

#[test]
fn every_byte_of_the_last_three_records_flipped() {
    for closes in [false, true] {
        let written = Written::new(60, closes);
        let all = written.records.len();
        let (index, from, to) = written.last_three();
        let last_record = (from..to).rev().find(|&at| is_record(&written.segments[index].1, at)).unwrap();
        let (mut torn, mut refused) = (0, 0);
        for at in from..to {
            for flip in [0x01, 0x5a, 0x80, 0xff] {
                let mut segments = written.segments.clone();
                segments[index].1[at] ^= flip;
                let (count, end) = written.read(segments, &(at, flip));
                assert!((all - 3..all).contains(&count), "byte {at}: the flipped record came through");
                match end {
                    Ok(Tail::Closed) => panic!("byte {at}: closed without its last record"),
                    Ok(_) => {
                        assert!(
                            at >= last_record,
                            "byte {at}: damage before a valid record was taken for a torn tail"
                        );
                        torn += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(torn > 0 && refused > 0, "{torn} torn, {refused} refused");
    }
}

fn is_record(segment: &[u8], at: usize) -> bool {
    at.is_multiple_of(8) && matches!(frame_at(segment, at), FrameState::Whole(_))
}

#[test]
fn an_incomplete_last_record_is_counted() {
    let written = Written::new(10, false);
    let (index, _, end) = written.last_three();
    let mut segments = written.segments.clone();
    // As a kill between the stores leaves it: sequence number and payload there, the length not yet.
    segments[index].1[end + 8] = 11;
    segments[index].1[end + 40] = 0xee;
    let (count, tail) = written.read(segments, &"kill");
    assert_eq!((count, tail.unwrap()), (10, Tail::Torn { last_sequence: 10, bytes: 41 }));
}

fn damage_of(written: &Written, segments: Segments) -> (PathBuf, u64, Damage) {
    match written.read(segments, &"damage").1 {
        Err(JournalError::Damaged { path, offset, damage }) => (path, offset, damage),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_damage_has_its_name_and_place() {
    let written = Written::new(60, false);
    let damaged = |change: &dyn Fn(&mut Segments)| {
        let mut segments = written.segments.clone();
        change(&mut segments);
        damage_of(&written, segments)
    };
    let name = |number: u64| PathBuf::from(format!("decide.{number:06}.wtj"));
    assert_eq!(damaged(&|s| s[0].1[0] = b'X'), (name(1), 0, Damage::Magic));
    assert_eq!(damaged(&|s| s[0].1[..8].fill(0)), (name(1), 0, Damage::Magic));
    assert_eq!(damaged(&|s| s[1].1[8] = 9), (name(2), 0, Damage::Version { found: 9 }));
    assert_eq!(damaged(&|s| s[1].1[100] = 1), (name(2), 0, Damage::HeaderCrc));
    let too_long = Damage::TooLong { header_bytes: 4_096 };
    assert_eq!(damaged(&|s| s[1].1.resize(4_097, 0)), (name(2), 0, too_long));
    let (_, _, end) = written.last_three();
    let last = written.segments.iter().rposition(|(_, bytes)| bytes.starts_with(&SEGMENT_MAGIC)).unwrap();
    let first_record = SEGMENT_HEADER_BYTES as u64;
    let (path, offset, damage) = damaged(&|s| s[last].1[SEGMENT_HEADER_BYTES + 9] ^= 1);
    assert_eq!((path, offset), (name(last as u64 + 1), first_record));
    assert!(
        matches!(damage, Damage::RecordBeforeValid { valid_offset } if valid_offset > first_record),
        "{damage}"
    );
    // A whole record in the wrong place: the last segment's first one again at its end.
    let again = damaged(&|s| {
        let FrameState::Whole(frame) = frame_at(&s[last].1, SEGMENT_HEADER_BYTES) else { panic!() };
        let first_end = frame.next_offset;
        s[last].1.copy_within(SEGMENT_HEADER_BYTES..first_end, end);
    });
    assert!(matches!(again, (_, at, Damage::Sequence { expected: 61, .. }) if at == end as u64), "{again:?}");
}

#[test]
fn segments_of_other_places_and_runs_are_refused() {
    let written = Written::new(60, true);
    assert!(written.segments.len() >= 3, "{}", written.segments.len());
    let name = |number: u64| PathBuf::from(format!("decide.{number:06}.wtj"));

    let mut missing = written.segments.clone();
    missing.remove(1);
    assert!(matches!(damage_of(&written, missing).2, Damage::OtherNumber { found: 3 }));

    let mut shortened = written.segments.clone();
    let cut = shortened[0].1.len() - 8;
    shortened[0].1.truncate(cut);
    let (path, _, damage) = damage_of(&written, shortened);
    assert_eq!((path, damage), (name(1), Damage::RecordBeforeSegment));

    // The same records written again with another time: only the chain tells the second segment is not its successor.
    let other = Written::from_time(60, true, 5_000);
    let mut mixed = written.segments.clone();
    mixed[0] = other.segments[0].clone();
    let mut reader = JournalReader::from_segments(JournalThread::Decide, written.run_id, mixed).unwrap();
    let error = read_all(&mut reader).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { damage: Damage::Chain, .. }), "{error}");

    let wrong_run = JournalReader::from_segments(JournalThread::Decide, [0; 32], written.segments.clone());
    assert!(matches!(wrong_run, Err(JournalError::Damaged { damage: Damage::OtherRun, .. })));
    let wrong_thread =
        JournalReader::from_segments(JournalThread::Ingest, written.run_id, written.segments.clone());
    assert!(matches!(
        wrong_thread,
        Err(JournalError::Damaged { damage: Damage::OtherThread { found: 2 }, .. })
    ));
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let written = Written::new(60, true);
    std::fs::write(dir.path().join(RUN_HEADER_FILE), super::round_trip_tests::RUN_HEADER).unwrap();
    for (name, bytes) in &written.segments {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    assert!(verify_fails_only_by_payload(dir.path()));
    std::fs::remove_file(dir.path().join("decide.000002.wtj")).unwrap();
    let error = JournalReader::open(dir.path(), JournalThread::Decide).err().unwrap();
    assert!(error.to_string().contains("decide.000002.wtj is missing"), "{error}");
    std::fs::write(dir.path().join(RUN_HEADER_FILE), b"another run").unwrap();
    let error = verify(dir.path()).err().unwrap();
    assert!(error.to_string().contains("decide.000002.wtj"), "{error}");
}

/// These journals hold payloads of no meaning, so a verification gets to the first payload and refuses it.
fn verify_fails_only_by_payload(dir: &Path) -> bool {
    matches!(verify(dir), Err(JournalError::Damaged { damage: Damage::Payload(_), .. }))
}

/// SplitMix64: small, seeded, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// One to three random changes of bytes, lengths or order.
fn mutate(segments: &mut Segments, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let index = random.below(segments.len());
        let Some((_, bytes)) = segments.get_mut(index) else { return };
        let (length, at) = (bytes.len(), random.below(bytes.len()));
        if length == 0 {
            continue;
        }
        match random.below(11) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => {
                let until = (at + random.below(64)).min(length);
                bytes[at..until].fill(random.below(2) as u8 * 0xff);
            }
            4 => {
                let word =
                    [0, 1, 31, 32, 33, 96, u32::MAX, 65_568, 65_569, random.next() as u32][random.below(10)];
                if let Some(place) = bytes.get_mut(at & !7..(at & !7) + 4) {
                    place.copy_from_slice(&u32::to_le_bytes(word));
                }
            }
            5 => {
                // A piece of the segment over another place of it: valid records where they do not belong.
                let (from, to) = (at & !7, random.below(length) & !7);
                let count = random.below(400).min(length - from).min(length - to);
                bytes.copy_within(from..from + count, to);
            }
            6 => {
                let gone = random.below(64).min(length - at);
                bytes.drain(at..at + gone);
            }
            7 => bytes.extend((0..random.below(128)).map(|_| random.next() as u8)),
            8 => drop(segments.remove(index)),
            9 => {
                let other = random.below(segments.len());
                segments.swap(index, other);
            }
            _ => {
                let copy = segments[index].clone();
                segments.push(copy);
            }
        }
    }
}

#[test]
fn mutated_journals_yield_a_prefix_or_are_refused() {
    const ROUNDS: u64 = 120_000;
    let journals = [Written::new(25, false), Written::new(40, true)];
    let (mut prefixes, mut refusals, mut complete) = (0u64, 0u64, 0u64);
    for seed in 0..ROUNDS {
        for written in &journals {
            let mut random = Random(seed);
            let mut segments = written.segments.clone();
            mutate(&mut segments, &mut random);
            match written.read(segments, &seed) {
                (count, Ok(_)) if count == written.records.len() => complete += 1,
                (_, Ok(_)) => prefixes += 1,
                (_, Err(_)) => refusals += 1,
            }
        }
    }
    // All three outcomes are reached, else the mutator does not test what it should.
    assert!(prefixes > 1_000 && refusals > 1_000 && complete > 1_000, "{prefixes} {refusals} {complete}");
}
