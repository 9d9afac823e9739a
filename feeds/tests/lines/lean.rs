//! LEAN's archives of quotes: generated ones, damaged ones, and the real ones against a reading of their CSV files that shares
//! no line with the reader.

use std::io::{Cursor, Read, Write};

use feeds::directory::Directory;
use feeds::error::CaptureErrorKind;
use feeds::event::{EventKind, MarketEvent, Side, flags};
use feeds::lean::ArchiveError;
use feeds::source::file::Capture;
use feeds::source::prescan::prescan;
use feeds::source::protocol::Protocol;
use feeds::source::stream::EventStream;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::real_captures::shared;

const MINUTE_NS: u64 = 60_000_000_000;

fn archive(method: CompressionMethod, files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Time, symbol, bid, offer (price, quantity; zeros for an empty side) behind each record.
type Shown = (u64, String, (i64, u64), (i64, u64));

fn shown(capture: &Capture) -> Vec<Shown> {
    let (scan, error) = prescan(capture, 0);
    assert_eq!(error, None);
    let symbols = scan.listings.iter().map(|listing| listing.symbol).collect();
    let mut directory = Directory::new(symbols, 0).unwrap();
    let mut stream = EventStream::new(capture, scan.stream.clone()).unwrap().expect("not ITCH");
    let (mut all, mut events): (Vec<Shown>, Vec<MarketEvent>) = (Vec::new(), Vec::new());
    let mut tops = vec![[(0, 0); 2]; directory.len()];
    while let Some(time_ns) = stream.next_time_ns() {
        events.clear();
        stream.decode(&mut directory, &mut events).unwrap();
        stream.advance().unwrap();
        for event in &events {
            assert_eq!(
                (event.kind, event.receive_ns, event.exchange_ns),
                (EventKind::LevelSet, time_ns, time_ns)
            );
            let side = &mut tops[event.instrument as usize][usize::from(event.side == Side::Sell)];
            match event.quantity {
                0 if side.0 == event.price => *side = (0, 0),
                0 => {}
                quantity => *side = (event.price, quantity),
            }
        }
        // A row that shows what the one before did gives no event.
        let Some(last) = events.last() else { continue };
        assert_eq!(last.flags & flags::LAST_OF_EVENT, flags::LAST_OF_EVENT);
        let symbol = directory.symbol(last.instrument).unwrap().to_string();
        let [bid, ask] = tops[last.instrument as usize];
        all.push((time_ns, symbol, bid, ask));
    }
    all
}

#[test]
fn rows_become_quotes_in_order_of_time() {
    let files = [
        (
            "20151224_goog_minute_quote_american_put_7400000_20160115.csv",
            "34200000,,,,,0,100,100,100,21500,19\n34260000,1,1,1,10000,3,1,1,1,21500,19\n",
        ),
        (
            "20151224_goog_minute_quote_american_call_7400000_20160115.csv",
            "34260000,1,1,1,30000,3,1,1,1,31000,4\r\n34320000,1,1,1,30000,3,1,1,1,31000,4",
        ),
    ];
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let capture = Capture::from_bytes("goog.zip", archive(method, &files)).unwrap();
        assert_eq!((capture.protocol(), capture.default_venue()), (Protocol::Dbn, "LEAN"));
        // 09:30 in New York is 14:30 UTC in winter; a bar is known when it ends.
        let open_ns = 1_450_967_400_000_000_000;
        let (call, put) = ("GOOG160115C00740000".to_owned(), "GOOG160115P00740000".to_owned());
        assert_eq!(
            shown(&capture),
            [
                (open_ns + MINUTE_NS, put.clone(), (0, 0), (2_150_000_000, 19)),
                (open_ns + 2 * MINUTE_NS, call, (3_000_000_000, 3), (3_100_000_000, 4)),
                (open_ns + 2 * MINUTE_NS, put, (1_000_000_000, 3), (2_150_000_000, 19)),
            ]
        );
        assert_eq!(prescan(&capture, 0).0.messages, 4);
    }
}

#[test]
fn what_is_refused_is_named() {
    let refused = |files: &[(&str, &str)]| {
        let error =
            Capture::from_bytes("a.zip", archive(CompressionMethod::Deflated, files)).map(drop).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("a.zip: ") && text.ends_with("as LEAN keeps them."), "{text}");
        error.kind
    };
    let CaptureErrorKind::Archive(ArchiveError::File { file, .. }) = refused(&[("readme.txt", "")]) else {
        panic!()
    };
    assert_eq!(file, "readme.txt");
    let bad = [("20151224_goog_minute_quote.csv", "0,1,1,1,1,1,1,1,1,1,1\n0,1\n")];
    let CaptureErrorKind::Archive(ArchiveError::Row { row, what, .. }) = refused(&bad) else { panic!() };
    assert_eq!((row, what), (2, "fewer than 11 fields"));
    let mut cut = archive(CompressionMethod::Deflated, &bad);
    cut.truncate(cut.len() - 30);
    let error = Capture::from_bytes("a.zip", cut).map(drop).unwrap_err();
    assert!(matches!(error.kind, CaptureErrorKind::Archive(ArchiveError::Zip(_))), "{error}");
    let empty = archive(CompressionMethod::Deflated, &[("20151224_goog_minute_quote.csv", "")]);
    assert_eq!(Capture::from_bytes("a.zip", empty).map(drop).unwrap_err().kind, CaptureErrorKind::Empty);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whatever its bytes: refused, or records that decode.
    #[test]
    fn damaged_archives_do_no_harm(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), stored in any::<bool>(),
    ) {
        let method = if stored { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let files = [
            ("20200106_es_minute_quote_202003.csv", "0,3223.5,3224,3222.75,3223,20,3223.75,3224.25,3223,3223.25,20\n"),
            ("20200106_es_minute_quote_202006.csv", "60000,1,1,1,3223,20,1,1,1,3223.25,20\n"),
        ];
        let mut bytes = archive(method, &files);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(capture) = Capture::from_bytes("damaged", bytes) {
            let (_, _) = prescan(&capture, 0);
        }
    }
}

/// Every row of an archive's CSV files, read in the plainest way: floating point, a row at a time.
fn rows(
    path: &std::path::Path,
    symbol_of: impl Fn(&[&str]) -> String,
    scale: f64,
    midnight_ns: u64,
) -> Vec<Shown> {
    let mut zip = ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut all = Vec::new();
    for number in 0..zip.len() {
        let mut file = zip.by_index(number).unwrap();
        let name = file.name().trim_end_matches(".csv").to_owned();
        let symbol = symbol_of(&name.split('_').collect::<Vec<_>>());
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        for row in text.lines() {
            let fields: Vec<f64> = row.split(',').map(|field| field.parse().unwrap_or(0.0)).collect();
            let side = |price: f64, quantity: f64| match price * quantity == 0.0 {
                true => (0, 0),
                false => ((price * scale).round() as i64, quantity as u64),
            };
            let time_ns = midnight_ns + fields[0] as u64 * 1_000_000 + MINUTE_NS;
            all.push((time_ns, symbol.clone(), side(fields[4], fields[5]), side(fields[9], fields[10])));
        }
    }
    all.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    all
}

/// Without the rows that show what the row before of the same symbol did.
fn changed(rows: Vec<Shown>) -> Vec<Shown> {
    let mut last = std::collections::HashMap::new();
    let mut is_news = |row: &Shown| {
        let top = (row.2, row.3);
        last.insert(row.1.clone(), top).unwrap_or_default() != top
    };
    rows.into_iter().filter(|row| is_news(row)).collect()
}

fn option_of(parts: &[&str]) -> String {
    let right = if parts[5] == "put" { 'P' } else { 'C' };
    let strike: u64 = parts[6].parse().unwrap();
    format!("{}{}{right}{:08}", parts[1].to_uppercase(), &parts[7][2..], strike / 10)
}

#[test]
fn the_goog_chain_is_that_of_its_csv_files() {
    let Some(path) = shared("lean_options/option_usa_minute_goog_20151224_quote_american.zip") else {
        return;
    };
    let capture = Capture::open(&path).unwrap();
    let (scan, error) = prescan(&capture, 0);
    assert_eq!((error, scan.messages, scan.listings.len()), (None, 275_552, 2_192));
    // Midnight in New York.
    let rows = rows(&path, option_of, 1e5, 1_450_933_200_000_000_000);
    assert_eq!(rows.len(), 275_552);
    assert!(shown(&capture) == changed(rows));
}

#[test]
fn the_es_chain_is_that_of_its_csv_files() {
    let [Some(options), Some(futures)] = [
        shared("lean_options/futureoption_cme_minute_es_202003_20200106_quote_american.zip"),
        shared("lean_options/future_cme_minute_es_20200106_quote.zip"),
    ] else {
        return;
    };
    // Midnight in UTC of 2020-01-06.
    let midnight_ns = 1_578_268_800_000_000_000;
    let capture = Capture::open(&options).unwrap();
    let (scan, error) = prescan(&capture, 0);
    assert_eq!((error, scan.messages, scan.listings.len()), (None, 111_789, 104));
    assert!(shown(&capture) == changed(rows(&options, option_of, 1e9, midnight_ns)));
    let capture = Capture::open(&futures).unwrap();
    let future_of = |parts: &[&str]| format!("ES{}", parts[4]);
    assert!(shown(&capture) == changed(rows(&futures, future_of, 1e9, midnight_ns)));
}
