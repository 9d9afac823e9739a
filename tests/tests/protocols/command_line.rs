//! `warptick book` and `warptick replay` on a real capture of every protocol.

use std::path::Path;

use feeds::source::file::Capture;
use warptick_tests::captures::shared;
use warptick_tests::warptick::{Finished, line, run};

fn warptick(command: &str, capture: &Path) -> Finished {
    let finished = run([command.as_ref(), capture.as_os_str()]);
    assert_eq!(finished.code, Some(0), "{command} {}: {}", capture.display(), finished.stderr);
    finished
}

/// The columns of an instrument's row behind its symbol and venue: bid, size, offer, size.
fn row<'a>(finished: &'a Finished, symbol: &str) -> Vec<&'a str> {
    line(&finished.stdout, &format!("{symbol} ")).split_whitespace().skip(1).take(4).collect()
}

/// Capture, messages, symbol, and its last best bid and offer with sizes.
const BOOKS: [(&str, &str, &str, [&str; 4]); 8] = [
    (
        "databento_dbn/nautilus_tests/esh4-glbx-mdp3-20231225.mbo.dbn.zst",
        "68792",
        "ESH4",
        ["4810.00", "22", "4810.25", "28"],
    ),
    (
        "databento_dbn/nautilus_tests/futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst",
        "2288",
        "ESU4",
        ["5529.00", "24", "5529.25", "6"],
    ),
    (
        "hftbacktest_binance/cm_btcusd_perp_20240808.gz",
        "48270",
        "BTCUSD_PERP",
        ["61668.60", "1380", "61668.70", "871"],
    ),
    (
        "hftbacktest_binance/spot_ethusdt_20240808.gz",
        "33618",
        "ETHUSDT",
        ["2682.50", "331680000", "2682.51", "4897390000"],
    ),
    (
        "hftbacktest_binance/usdm_btcusdt_20240808.gz",
        "93954",
        "BTCUSDT_PERP",
        ["61659.70", "148600000", "61659.80", "98100000"],
    ),
    ("iex_go_iex/TOPS16.pcapng.gz", "57674", "PPP", ["-", "0", "-", "0"]),
    ("itch50_bx_20190730/itch_sample_slice.bin", "6679", "AAPL", ["209.25", "26", "209.33", "200"]),
    (
        "omi_packets/Cme/Mdp3.Sbe.v1.5/MdIncrementalRefreshBook.pcap",
        "1",
        "#ARI",
        ["207775.00", "308", "-", "0"],
    ),
];

#[test]
fn every_protocol_replays_to_books_that_end_as_known() {
    for (path, messages, symbol, expected) in BOOKS {
        let Some(capture) = shared(path) else { return };
        let book = warptick("book", &capture);
        assert_eq!(line(&book.stdout, "messages"), messages, "{path}");
        assert_eq!(line(&book.stdout, "gaps"), "0 messages missing", "{path}");
        assert_eq!(line(&book.stdout, "crossed"), "0 events in continuous trading", "{path}");
        assert_eq!(row(&book, symbol), expected, "{path}: {}", book.stdout);
        let replay = warptick("replay", &capture);
        assert_eq!(line(&replay.stdout, "messages").split(' ').next(), Some(messages), "{path}");
        assert_eq!(line(&replay.stdout, "book hash"), line(&book.stdout, "book hash"), "{path}");
        if symbol == "PPP" {
            let shown = line(&book.stdout, "PPP ");
            let last = "empty since 14:38:41 UTC; before that bid 5.38 x 100, offer 5.45 x 986";
            assert!(shown.ends_with(last), "{shown}");
            assert!(book.stdout.contains("20 of these 20 books are empty at the end"), "{}", book.stdout);
        }
    }
}

/// Symbols of 15 to 24 bytes are ordered like any other; one price is no tick.
#[test]
fn long_symbols_and_single_prices_replay() {
    let Some(capture) = shared("hftbacktest_binance/usdm_btcusdt_20240808.gz") else { return };
    let capture = Capture::open(capture).expect("a capture");
    let directory = tempfile::tempdir().expect("a directory");
    let long = directory.path().join("long.txt");
    let lines: Vec<_> = capture.bytes().split_inclusive(|&byte| byte == b'\n').take(3_000).collect();
    let lines = String::from_utf8(lines.concat()).expect("JSON").replace("BTCUSDT", "1000000MOGUSDT");
    std::fs::write(&long, lines).expect("writable");
    let replay = warptick("replay", &long);
    assert_ne!(line(&replay.stdout, "orders").split(' ').next(), Some("0"), "{}", replay.stdout);

    let single = directory.path().join("single.txt");
    let message = r#"1723161256172216566 {"u":1,"s":"ABUSDT","b":"200","B":"1","a":"600","A":"1"}"#;
    std::fs::write(&single, message).expect("writable");
    warptick("replay", &single);
}
