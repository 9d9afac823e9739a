//! 10^6 damaged inputs to each decoder of records and lines: DBN metadata, DBN records, Binance lines. None may panic
//! or hang; a refused one leaves no events behind, an accepted one says what its bytes say.

use feeds::binance::feed::{BinanceFeed, BookSource, split};
use feeds::databento::feed::{DbnFeed, EVENTS_MAX};
use feeds::databento::records::{Layout, record_at};
use feeds::directory::Directory;
use feeds::event::{EventKind, flags};
use feeds::source::file::Capture;

use crate::captures::shared_data;
use crate::mutator::run;

/// Instruments that the decoders have room for: few, so that their tables fill up.
const INSTRUMENTS: usize = 24;

/// Inputs to one decoder: the next one gets a new decoder, with room in its tables and none of its state.
const INPUTS_A_DECODER: u64 = 1 << 12;

fn directory() -> Directory {
    Directory::new(Vec::new(), INSTRUMENTS / 2).unwrap()
}

/// The metadata of a version 3 file of ES by order and one symbol.
fn metadata(version: u8) -> Vec<u8> {
    let symbol = if version == 1 { 22 } else { 71 };
    let text = |text: &str, length: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(length, 0);
        bytes
    };
    let mut body = text("GLBX.MDP3", 16);
    body.extend(0u16.to_le_bytes());
    for time in [1u64, 2, 0] {
        body.extend(time.to_le_bytes());
    }
    if version == 1 {
        body.extend(0u64.to_le_bytes());
    }
    body.extend([1, 0, 0]);
    if version > 1 {
        body.extend(u16::try_from(symbol).unwrap().to_le_bytes());
    }
    body.resize(100, 0);
    body.extend(0u32.to_le_bytes());
    body.extend(1u32.to_le_bytes());
    body.extend(text("ES.FUT", symbol));
    for none in [0u32; 2] {
        body.extend(none.to_le_bytes());
    }
    body.extend(1u32.to_le_bytes());
    body.extend(text("ESH4", symbol));
    body.extend(1u32.to_le_bytes());
    for date in [20_231_225u32, 20_231_226] {
        body.extend(date.to_le_bytes());
    }
    body.extend(text("17077", symbol));
    let mut file = vec![b'D', b'B', b'N', version];
    file.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    file.extend(body);
    file
}

/// A record of `length` bytes with this action and side at `action_at`, and small numbers elsewhere.
fn record(rtype: u8, length: usize, action_at: usize, action: u8, side: u8) -> Vec<u8> {
    let mut record = vec![0; length];
    record[0] = u8::try_from(length / 4).unwrap();
    record[1] = rtype;
    record[2] = 1;
    for at in (4..length).step_by(8) {
        record[at] = 7;
    }
    record[action_at] = action;
    record[action_at + 1] = side;
    record
}

/// Records of every schema that gives events, of the real files where they are there.
fn records() -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for (at, action) in b"ACMRTFN".iter().enumerate() {
        let side = b"BAN"[at % 3];
        records.push(record(0xa0, 56, 38, *action, side));
        records.push(record(0x01, 80, 28, *action, side));
        records.push(record(0x0a, 368, 28, *action, side));
    }
    records.push(record(0x00, 48, 28, b'T', b'A'));
    records.push(record(0x12, 40, 24, 7, 0));
    for length in [360, 400, 520] {
        records.push(record(0x13, length, 40, b'E', b'S'));
    }
    records.push(record(0x16, 176, 16, 1, b'E'));
    let Some(folder) = shared_data("databento_dbn/dbn_repo") else { return records };
    for name in ["mbo.v3", "mbp-1", "mbp-10", "trades", "tbbo", "definition", "statistics", "ohlcv-1s"] {
        let capture = Capture::open(folder.join(format!("test_data.{name}.dbn"))).unwrap();
        let mut cursor = capture.packets();
        while let Some((record, _)) = cursor.next_record(&capture).unwrap() {
            records.push(record.bytes.to_vec());
        }
    }
    records
}

/// All records of an input to one decoder; whether all are good. Refused ones leave no events.
fn decode_all(feed: &mut DbnFeed, directory: &mut Directory, bytes: &[u8]) -> bool {
    let (mut at, mut number, mut events) = (0, 0, Vec::new());
    while let Some(record) = record_at(bytes, at) {
        assert!(record.bytes.len() >= 16 && at + record.bytes.len() <= bytes.len());
        at += record.bytes.len();
        number += 1;
        events.clear();
        let decoded = feed.decode_record(directory, record, number, &mut events);
        assert!(decoded.is_ok() || events.is_empty(), "{decoded:?}");
        if decoded.is_err() {
            return false;
        }
        assert!(events.len() <= EVENTS_MAX);
        for event in &events {
            assert_eq!((event.venue, event.sequence), (3, number));
            if event.kind == EventKind::OrderAdd {
                assert_eq!(event.order_id.to_le_bytes(), record.bytes[16..24]);
                assert_eq!(event.quantity.to_le_bytes()[..4], record.bytes[32..36]);
                assert_eq!(event.flags & flags::LAST_OF_EVENT != 0, record.bytes[36] & 0x80 != 0);
            }
        }
    }
    at == bytes.len()
}

#[test]
fn dbn_records() {
    let mut inputs = records();
    // Several in a row: what is left of a refused one must not be in front of the next.
    let pairs: Vec<Vec<u8>> = inputs.windows(3).map(<[Vec<u8>]>::concat).collect();
    inputs.extend(pairs);
    let layout = Layout::detect(&metadata(3)).unwrap().unwrap();
    let (mut feed, mut places) = (DbnFeed::new(&layout, 3, INSTRUMENTS, 5), directory());
    let mut number = 0u64;
    run("DBN records", &inputs, |bytes| {
        number += 1;
        if number.is_multiple_of(INPUTS_A_DECODER) {
            (feed, places) = (DbnFeed::new(&layout, 3, INSTRUMENTS, 5), directory());
        }
        decode_all(&mut feed, &mut places, bytes)
    });
}

#[test]
fn dbn_metadata() {
    let mut files: Vec<Vec<u8>> = (1..=3).map(metadata).collect();
    for (version, file) in (1..).zip(&files) {
        let layout =
            Layout::detect(file).unwrap().unwrap_or_else(|error| panic!("version {version}: {error}"));
        assert_eq!((layout.records_at, layout.dataset.as_str()), (file.len(), "GLBX.MDP3"));
        let symbols: Vec<_> = layout.symbols.iter().map(|(id, symbol)| (*id, symbol.to_string())).collect();
        assert_eq!(symbols, [(17_077, "ESH4".to_owned())], "version {version}");
    }
    // Without metadata a chain of whole records is DBN.
    files.push(record(0xa0, 56, 38, b'A', b'B').repeat(20));
    run("DBN metadata", &files, |bytes| match Layout::detect(bytes) {
        Some(Ok(layout)) => {
            assert!(layout.records_at <= bytes.len());
            true
        }
        Some(Err(_)) | None => false,
    });
}

const LINES: [&str; 9] = [
    r#"1723161256172216566 {"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":5,"s":"BTCUSDT","U":9,"u":9,"b":[["61737.63000000","0.00000000"]],"a":[["61837.64","1.54698"],["0.00000001","3"]]}}"#,
    r#"1723161256172216567 {"e":"depthUpdate","E":6,"T":4,"s":"BTCUSD_PERP","ps":"BTCUSD","U":1,"u":8,"pu":7,"b":[],"a":[["9.5","1001"]]}"#,
    r#"1723161256172216568 {"e":"depthUpdate","E":6,"T":4,"s":"BTCUSDT","U":1,"u":9,"pu":8,"b":[["9.4","1"]],"a":[]}"#,
    r#"1723161256172216569 {"lastUpdateId":8,"bids":[["1","2"],["0.5","7"]],"asks":[["2","1"]]}"#,
    r#"1723161256172216570 {"lastUpdateId":8,"E":1,"T":2,"bids":[["3","4"]],"asks":[]}"#,
    r#"1723161256172216571 {"data":{"u":4,"s":"BTCUSDT","b":"61837.63","B":"3.78","a":"61837.64","A":"1.5"}}"#,
    r#"1723161256172216572 {"e":"trade","E":9,"T":8,"s":"BTCUSDT","t":77,"p":"61800.30","q":"0.006","X":"MARKET","m":false}"#,
    r#"1723161256172216573 {"e":"aggTrade","E":9,"s":"BTCUSDT","a":78,"p":"1","q":"2","f":1,"l":2,"T":8,"m":true,"M":true}"#,
    r#"1723161256172216574 {"result":null,"id":1}"#,
];

/// The lines above, and short ones of the real captures where they are there.
fn lines() -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = LINES.iter().map(|line| line.as_bytes().to_vec()).collect();
    let Some(folder) = shared_data("hftbacktest_binance") else { return lines };
    for name in ["cm_btcusd_perp", "spot_btcusdt", "usdm_ethusdt"] {
        let capture = Capture::open(folder.join(format!("{name}_20240808.gz"))).unwrap();
        let mut cursor = capture.packets();
        let mut taken = 0;
        while let Some((line, _)) = cursor.next_line(&capture).unwrap() {
            // Damage is to hit fields, not only the middle of a long list of levels.
            if line.len() < 400 && taken < 60 {
                lines.push(line.to_vec());
                taken += 1;
            }
        }
    }
    lines
}

#[test]
fn binance_lines() {
    let inputs = lines();
    let sources = [BookSource::Depth, BookSource::Ticker];
    let mut feeds = sources.map(|source| (BinanceFeed::new(3, source, 512), directory()));
    let (mut number, mut events) = (0u64, Vec::new());
    run("Binance lines", &inputs, |line| {
        number += 1;
        if number.is_multiple_of(INPUTS_A_DECODER) {
            feeds = sources.map(|source| (BinanceFeed::new(3, source, 512), directory()));
        }
        let Ok((receive_ns, json)) = split(line) else { return false };
        let (feed, directory) = &mut feeds[usize::from(number.is_multiple_of(4))];
        events.clear();
        let decoded = feed.decode_line(directory, json, number, receive_ns, &mut events);
        assert!(decoded.is_ok() || events.is_empty(), "{decoded:?}");
        for (at, event) in events.iter().enumerate() {
            assert_eq!((event.venue, event.sequence, event.receive_ns), (3, number, receive_ns));
            assert_eq!(event.flags & flags::LAST_OF_EVENT != 0, at + 1 == events.len());
            assert!(event.price > 0 || event.kind != EventKind::Trade, "a trade has a price");
        }
        decoded.is_ok()
    });
}
