//! What is appended is read back: properties, rolling over, closing, refusing, typed records.

use super::order_records::tests::{sample_execution, sample_order};
use super::*;
use crate::pipeline::operator::{Command, Scope};
use feeds::event::{EventKind, MarketEvent, Side};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

pub(super) const RUN_HEADER: &[u8] = b"version = \"test\"\n";

pub(super) fn small() -> JournalOptions {
    JournalOptions { segment_bytes: 4_096, segments_ahead: 2, ..JournalOptions::default() }
}

/// A journal with one writer, of `thread`.
pub(super) fn one(
    dir: &Path,
    thread: JournalThread,
    options: JournalOptions,
) -> (JournalKeeper, SegmentWriter) {
    let (keeper, mut writers) = create(dir, &[thread], options, RUN_HEADER).unwrap();
    (keeper, writers.pop().unwrap())
}

type Owned = (u64, u64, RecordKind, u16, Vec<u8>);

pub(super) fn read_all(reader: &mut JournalReader) -> Result<Vec<Owned>, JournalError> {
    let mut records = Vec::new();
    while let Some(record) = reader.next_record()? {
        let Record { sequence, time_ns, kind, session, payload, .. } = record;
        records.push((sequence, time_ns, kind, session, payload.to_vec()));
    }
    Ok(records)
}

fn segment_files(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "wtj")).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_appended_is_read_back(
        records in prop::collection::vec(
            (0..10usize, any::<u16>(), any::<u64>(), prop::collection::vec(any::<u8>(), 0..700)), 0..120),
        closes in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (mut keeper, mut writer) = one(dir.path(), JournalThread::OrderEntry, small());
        let mut written: Vec<Owned> = Vec::new();
        for (sequence, (kind, session, time_ns, payload)) in (1u64..).zip(records) {
            let kind = RecordKind::ALL[kind];
            prop_assert_eq!(writer.append_session(kind, session, time_ns, &payload), Ok(sequence));
            written.push((sequence, time_ns, kind, session, payload));
            keeper.poll().unwrap();
        }
        // Before the writer is gone, as a process would read its own journal or another one a running one's.
        let mut reader = JournalReader::open(dir.path(), JournalThread::OrderEntry).unwrap();
        prop_assert_eq!(&read_all(&mut reader).unwrap(), &written);
        prop_assert_eq!(reader.tail(), Some(Tail::NotClosed { last_sequence: written.len() as u64 }));
        let mut tail = Tail::NotClosed { last_sequence: written.len() as u64 };
        if closes {
            let sequence = writer.close(7).unwrap();
            written.push((sequence, 7, RecordKind::Closed, 0, Vec::new()));
            tail = Tail::Closed;
        } else {
            drop(writer);
        }
        keeper.finish().unwrap();
        let mut reader = JournalReader::open(dir.path(), JournalThread::OrderEntry).unwrap();
        prop_assert_eq!(&read_all(&mut reader).unwrap(), &written);
        prop_assert_eq!(reader.tail(), Some(tail));
        prop_assert_eq!(reader.segments_read(), segment_files(dir.path()) as u64);
    }
}

#[test]
fn a_journal_rolls_over_many_segments() {
    let dir = tempfile::tempdir().unwrap();
    let (mut keeper, mut writer) = one(dir.path(), JournalThread::Ingest, small());
    // 3,968 bytes a segment, 48 a record: 82 records.
    for sequence in 1..=20_000u64 {
        assert_eq!(writer.append(RecordKind::Timer, sequence, &[0; 16]), Ok(sequence));
        if sequence % 50 == 0 {
            keeper.poll().unwrap();
            assert_eq!(keeper.durable_sequence(JournalThread::Ingest), 0, "nothing was synced");
        }
    }
    assert_eq!(writer.close(20_001), Ok(20_001));
    keeper.finish().unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.is_closed(), "{report}");
    let [thread] = &report.threads[..] else { panic!("{report}") };
    assert_eq!((thread.segments, thread.first_time_ns, thread.last_time_ns), (244, Some(1), Some(20_001)));
    assert_eq!(thread.records[&RecordKind::Timer], 20_000);
    assert_eq!(segment_files(dir.path()), 244, "unused segments are removed");
    let last = fs::metadata(dir.path().join("ingest.000244.wtj")).unwrap().len();
    assert_eq!(last, 128 + (20_000 % 82) * 48 + 32, "the last segment is cut");
}

#[test]
fn a_journal_is_read_from_behind_any_record() {
    let dir = tempfile::tempdir().unwrap();
    let (mut keeper, mut writer) = one(dir.path(), JournalThread::Decide, small());
    for sequence in 1..=250u64 {
        assert_eq!(writer.append(RecordKind::Timer, sequence, &[0; 16]), Ok(sequence));
        keeper.poll().unwrap();
    }
    for after in 0..260 {
        let mut reader = JournalReader::open_after(dir.path(), JournalThread::Decide, after).unwrap();
        let records: Vec<_> = read_all(&mut reader).unwrap().into_iter().map(|record| record.0).collect();
        assert!(records.into_iter().eq(after + 1..=250), "behind {after}");
        assert_eq!(reader.tail(), Some(Tail::NotClosed { last_sequence: 250 }));
    }
}

#[test]
fn full_segments_are_durable_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions { durability: Durability::Power, ..small() };
    let (mut keeper, mut writer) = one(dir.path(), JournalThread::Ingest, options);
    for sequence in 1..=250u64 {
        assert_eq!(writer.append(RecordKind::Timer, sequence, &[0; 16]), Ok(sequence));
        if sequence % 50 == 0 {
            keeper.poll().unwrap();
            keeper.sync_now();
            assert_eq!(keeper.durable_sequence(JournalThread::Ingest), (sequence - 1) / 82 * 82);
        }
    }
    assert_eq!(keeper.durable_sequence(JournalThread::Decide), 0);
}

#[test]
fn without_housekeeping_the_writer_refuses_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let (mut keeper, mut writer) = one(dir.path(), JournalThread::Decide, small());
    let mut last = 0;
    let refused = loop {
        match writer.append(RecordKind::Action, 1, &[0; 64]) {
            Ok(sequence) => last = sequence,
            Err(error) => break error,
        }
    };
    assert_eq!((refused, last), (AppendError::JournalFull, 3 * 41));
    keeper.poll().unwrap();
    assert_eq!(
        writer.append(RecordKind::Timer, 1, &[]),
        Err(AppendError::JournalFull),
        "also a smaller one, later"
    );
    assert_eq!(writer.close(1), Err(AppendError::JournalFull));
    keeper.finish().unwrap();
    let mut reader = JournalReader::open(dir.path(), JournalThread::Decide).unwrap();
    assert_eq!(read_all(&mut reader).unwrap().len() as u64, last);
    assert_eq!(reader.tail(), Some(Tail::NotClosed { last_sequence: last }));
}

#[test]
fn a_payload_that_fits_no_segment_is_refused_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (keeper, mut writer) = one(dir.path(), JournalThread::OrderEntry, small());
    let longest = 4_096 - SEGMENT_HEADER_BYTES - RECORD_HEADER_BYTES;
    assert_eq!(writer.append(RecordKind::Sent, 1, &vec![1; longest + 1]), Err(AppendError::PayloadTooLong));
    assert_eq!(writer.append(RecordKind::Sent, 1, &vec![1; 1 << 20]), Err(AppendError::PayloadTooLong));
    assert_eq!(writer.append(RecordKind::Sent, 1, &vec![1; longest]), Ok(1));
    assert_eq!(writer.append(RecordKind::Sent, 1, &vec![1; longest]), Ok(2));
    assert!(matches!(
        keeper.finish(),
        Err(JournalError::WriterStillOpen { thread: JournalThread::OrderEntry })
    ));

    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions { segment_bytes: 1 << 20, ..small() };
    let (_keeper, mut writer) = one(dir.path(), JournalThread::OrderEntry, options);
    let too_long = vec![1; PAYLOAD_MAX_BYTES + 1];
    assert_eq!(writer.append(RecordKind::Sent, 1, &too_long), Err(AppendError::PayloadTooLong));
    assert_eq!(writer.append(RecordKind::Sent, 1, &too_long[1..]), Ok(1));
}

#[test]
fn a_directory_takes_one_run() {
    let dir = tempfile::tempdir().unwrap();
    let (keeper, writer) = one(dir.path(), JournalThread::Decide, small());
    drop(writer);
    keeper.finish().unwrap();
    let again = |path: &Path| create(path, &[JournalThread::Decide], small(), RUN_HEADER).err().unwrap();
    assert!(matches!(again(dir.path()), JournalError::DirectoryInUse { .. }));
    fs::remove_file(dir.path().join(RUN_HEADER_FILE)).unwrap();
    assert!(matches!(again(dir.path()), JournalError::DirectoryInUse { .. }), "segments alone are enough");
    let missing = JournalReader::open(dir.path(), JournalThread::Decide).err().unwrap();
    assert!(matches!(missing, JournalError::NotAJournal { .. }));
}

#[test]
fn options_out_of_range_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |threads: &[JournalThread], options| {
        matches!(create(dir.path(), threads, options, b""), Err(JournalError::Option { .. }))
    };
    for segment_bytes in [0, 4_095, 4_097, (4 << 30) + 4_096] {
        assert!(refused(&[JournalThread::Decide], JournalOptions { segment_bytes, ..small() }));
    }
    for segments_ahead in [0, 65] {
        assert!(refused(&[JournalThread::Decide], JournalOptions { segments_ahead, ..small() }));
    }
    assert!(refused(&[JournalThread::Decide, JournalThread::Decide], small()));
}

fn event_at(receive_ns: u64) -> MarketEvent {
    MarketEvent {
        exchange_ns: 1,
        receive_ns,
        sequence: 2,
        order_id: 3,
        second_id: 4,
        price: -5,
        quantity: 6,
        instrument: 7,
        venue: 1,
        kind: EventKind::OrderModify,
        side: Side::Sell,
        flags: 1,
    }
}

#[test]
fn a_live_run_records_every_event_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (keeper, writer) = one(dir.path(), JournalThread::Decide, small());
    let mut recorder = RunRecorder::of_whole_events(writer);
    recorder.market(0, 1, &event_at(10)).unwrap();
    recorder.market(0, 2, &event_at(11)).unwrap();
    recorder.finish(12, [9; 32], 10).unwrap();
    keeper.finish().unwrap();
    let records: Vec<_> =
        DecideReader::open(dir.path()).unwrap().map(|record| record.unwrap().record).collect();
    assert_eq!(records[..2], [10, 11].map(|time_ns| DecideRecord::MarketEvent(event_at(time_ns))));
    assert_eq!(records.iter().filter(|record| record.is_input()).count(), 2);
}

#[test]
fn the_recorder_folds_messages_and_keeps_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let (mut keeper, writer) = one(dir.path(), JournalThread::Decide, small());
    let mut recorder = RunRecorder::new(writer);
    let (timer, command) = (Timer { id: 4, due_ns: 5 }, Command::Reset { scope: Scope::All });
    recorder.flush().unwrap();
    for message in 1..=5 {
        recorder.market(0, message, &event_at(100 + message)).unwrap();
    }
    recorder.action(&sample_order()).unwrap();
    recorder.market(0, 6, &event_at(106)).unwrap();
    recorder.market(1, 1, &event_at(107)).unwrap();
    recorder.market(1, 3, &event_at(108)).unwrap();
    recorder.execution(&sample_execution()).unwrap();
    recorder.timer(110, &timer).unwrap();
    recorder.command(111, &command).unwrap();
    for message in 7..7 + RUN_MESSAGES_MAX + 2 {
        recorder.market(0, message, &event_at(112)).unwrap();
    }
    let expected = RunCounts {
        market_messages: 8 + RUN_MESSAGES_MAX + 2,
        executions: 1,
        timers: 1,
        commands: 1,
        actions: 1,
    };
    assert_eq!(recorder.counts(), expected);
    keeper.poll().unwrap();
    assert_eq!(recorder.finish(200, [9; 32], 10), Ok(expected));
    keeper.finish().unwrap();

    let run =
        |source, first_message, count| DecideRecord::MarketRun(MarketRun { source, first_message, count });
    let mut reader = DecideReader::open(dir.path()).unwrap();
    let records: Vec<_> = reader.by_ref().map(|record| record.unwrap()).collect();
    let found: Vec<_> = records.iter().map(|record| (record.time_ns, record.record)).collect();
    let wanted = [
        (101, run(0, 1, 5)),
        (sample_order().time_ns, DecideRecord::Action(sample_order())),
        (106, run(0, 6, 1)),
        (107, run(1, 1, 1)),
        (108, run(1, 3, 1)),
        (1, DecideRecord::Execution(sample_execution())),
        (110, DecideRecord::Timer(timer)),
        (111, DecideRecord::Command(command)),
        (112, run(0, 7, RUN_MESSAGES_MAX)),
        (112, run(0, 7 + RUN_MESSAGES_MAX, 2)),
        (200, DecideRecord::End(End { order_stream_sha256: [9; 32], book_hash: 10, counts: expected })),
        (200, DecideRecord::Closed),
    ];
    assert_eq!(found, wanted);
    assert!(records.iter().map(|record| record.sequence).eq(1..=12));
    assert_eq!(records.iter().filter(|record| record.record.is_input()).count(), 9);
    assert_eq!(reader.tail(), Some(Tail::Closed));
}

#[test]
fn a_journal_is_shown_line_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let threads = [JournalThread::Decide, JournalThread::OrderEntry, JournalThread::Ingest];
    let (keeper, mut writers) = create(dir.path(), &threads, small(), RUN_HEADER).unwrap();
    let opened = CaptureOpened { source: 1, file_sha256: [0xab; 32], bytes: 77 };
    writers[2].append(RecordKind::CaptureOpened, 1, &opened.encode()).unwrap();
    writers[1].append_session(RecordKind::Sent, 3, 2, b"8=FIX.4.4\x0135=D\x01").unwrap();
    writers[0].append(RecordKind::Action, 3, &encode_order(&sample_order())).unwrap();
    for writer in writers {
        writer.close(4).unwrap();
    }
    keeper.finish().unwrap();

    let print = |filter: &ShowFilter| {
        let mut text = Vec::new();
        let shown = show(dir.path(), filter, &mut text).unwrap();
        (shown, String::from_utf8(text).unwrap())
    };
    let (shown, text) = print(&ShowFilter::default());
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((shown, lines.len()), (6, 9), "{text}");
    assert!(
        lines[0].starts_with("ingest 1 00:00:00.000000001 capture_opened source=1 bytes=77 sha256=abab"),
        "{text}"
    );
    assert!(
        lines[3].starts_with("decide 1 00:00:00.000000003 action Replace cl_ord_id=2012062100000001"),
        "{text}"
    );
    assert_eq!(lines[6], "order_entry 1 00:00:00.000000002 sent session=3 8=FIX.4.4|35=D|");
    assert_eq!(lines[8], "order_entry ends: closed");
    let only = ShowFilter { kind: Some(RecordKind::Action), ..ShowFilter::default() };
    assert_eq!(print(&only).0, 1);
    let early = ShowFilter { times_ns: 0..=2, ..ShowFilter::default() };
    assert_eq!(print(&early).0, 2);
}
