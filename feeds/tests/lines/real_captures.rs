//! Known answers of the real captures in `../shared/data`.

use std::path::PathBuf;

use feeds::directory::Directory;
use feeds::event::{EventKind, MarketEvent, flags};
use feeds::source::file::Capture;
use feeds::source::prescan::{Prescan, prescan};
use feeds::source::protocol::Protocol;
use feeds::source::stream::EventStream;

/// `None`, said so, where the captures are absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    if !root.is_dir() {
        println!("SKIPPED: ../shared/data is absent");
        return None;
    }
    Some(root.join(path))
}

/// All events of a capture, and what the first pass said.
fn events(capture: &Capture) -> (Vec<MarketEvent>, Prescan) {
    let (scan, error) = prescan(capture, 0);
    assert_eq!(error, None);
    let symbols = scan.listings.iter().map(|listing| listing.symbol).collect();
    let mut directory = Directory::new(symbols, 0).unwrap();
    let mut stream = EventStream::new(capture, scan.stream.clone()).unwrap().expect("not ITCH");
    let mut events = Vec::new();
    while stream.next_time_ns().is_some() {
        stream.decode(&mut directory, &mut events).unwrap();
        stream.advance().unwrap();
    }
    assert_eq!(stream.messages(), scan.messages);
    (events, scan)
}

fn count(events: &[MarketEvent], kind: EventKind) -> usize {
    events.iter().filter(|event| event.kind == kind).count()
}

#[test]
fn es_mbo_day() {
    let Some(path) = shared("databento_dbn/nautilus_tests/esh4-glbx-mdp3-20231225.mbo.dbn.zst") else {
        return;
    };
    let capture = Capture::open(path).unwrap();
    assert_eq!(capture.protocol(), Protocol::Dbn);
    let (events, scan) = events(&capture);
    assert_eq!(scan.messages, 68_792);
    assert_eq!((scan.listings.len(), scan.listings[0].symbol.to_string()), (1, "ESH4".to_owned()));
    assert_eq!(scan.price_tick, 250_000_000);
    assert_eq!(count(&events, EventKind::OrderAdd), 52 + 20_439 + 8_725);
    assert_eq!(count(&events, EventKind::OrderReduce), 3_623 + 1 + 14_375);
    assert_eq!(count(&events, EventKind::OrderModify), 26 + 12_207);
    assert_eq!(count(&events, EventKind::Trade), 2_973);
    assert_eq!(count(&events, EventKind::Gap), 0);
    assert_eq!(events.iter().filter(|event| event.flags & flags::SNAPSHOT != 0).count(), 8_725);
}

#[test]
fn every_dbn_file_of_a_book_schema_decodes() {
    let Some(folder) = shared("databento_dbn/dbn_repo") else { return };
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".dbz") {
            let error = Capture::open(&path).err().expect("an older format").to_string();
            assert!(error.contains("DBZ"), "{name}: {error}");
            continue;
        }
        let capture = Capture::open(&path).unwrap();
        assert_eq!(capture.protocol(), Protocol::Dbn, "{name}");
        let (events, scan) = events(&capture);
        let carries = ["mbo", "mbp-1", "mbp-10", "trades", "tbbo"];
        if carries.iter().any(|schema| name.contains(&format!(".{schema}."))) {
            assert!(scan.messages > 0 && !events.is_empty(), "{name}");
        }
        files += 1;
    }
    assert!(files > 50, "{files}");
}

#[test]
fn binance_streams() {
    let Some(folder) = shared("hftbacktest_binance") else { return };
    let mut lines = 0;
    for (name, symbol, tick) in [
        ("cm_btcusd_perp", "BTCUSD_PERP", 100_000_000),
        ("cm_ethusd_perp", "ETHUSD_PERP", 10_000_000),
        ("spot_btcusdt", "BTCUSDT", 10_000_000),
        ("spot_ethusdt", "ETHUSDT", 10_000_000),
        ("usdm_btcusdt", "BTCUSDT_PERP", 100_000_000),
        ("usdm_ethusdt", "ETHUSDT_PERP", 10_000_000),
    ] {
        let capture = Capture::open(folder.join(format!("{name}_20240808.gz"))).unwrap();
        assert_eq!(capture.protocol(), Protocol::Binance);
        let (events, scan) = events(&capture);
        lines += scan.messages;
        assert_eq!((scan.listings.len(), scan.listings[0].symbol.to_string()), (1, symbol.to_owned()));
        assert_eq!(scan.price_tick, tick, "{name}");
        assert_eq!(count(&events, EventKind::Gap), 0, "{name}");
        assert_eq!(
            (count(&events, EventKind::Clear), count(&events, EventKind::Recovered)),
            (1, 1),
            "{name}"
        );
        assert!(count(&events, EventKind::Trade) > 1_000, "{name}");
    }
    assert_eq!(lines, 332_200);
}
