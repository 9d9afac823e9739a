//! `warptick book` on real captures against known answers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use warptick_tests::captures::{GOOG, shared};
use warptick_tests::warptick::{line, run};

/// Rows of the golden file beside the GOOG capture.
const GOLDEN_ROWS: usize = 147_916;

/// The columns of both files.
const HEADER: &str = "messages_consumed,ts_ns,symbol,bid_px,bid_sz,ask_px,ask_sz";

/// One row: messages consumed, symbol, and the four values.
fn row(line: &str) -> (u64, String, [u64; 4]) {
    let fields: Vec<&str> = line.split(',').collect();
    let number = |at: usize| fields[at].parse::<u64>().unwrap_or_else(|_| panic!("row {line}"));
    (number(0), fields[2].to_owned(), [number(3), number(4), number(5), number(6)])
}

#[test]
fn goog_agrees_with_every_golden_row() {
    let Some(capture) = shared(GOOG) else { return };
    let golden =
        shared("itch50_from_lobster/20120621.GOOG_L10.golden_bbo.csv.gz").expect("beside the capture");
    let directory = tempfile::tempdir().expect("a directory");
    let csv = directory.path().join("out.csv");
    let book = run([&"book".into(), &capture, &"--bbo".into(), &csv]);
    assert_eq!(book.code, Some(0), "{}", book.stderr);

    let mut ours = BTreeMap::new();
    let mut lines = BufReader::new(File::open(&csv).expect("the rows")).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some(HEADER));
    let ours_rows: Vec<_> = lines.map(|line| row(&line)).collect();

    let mut text = String::new();
    let packed = File::open(golden).expect("the golden file");
    flate2::read::MultiGzDecoder::new(packed).read_to_string(&mut text).expect("gzip");
    let (mut at, mut equal, mut first_wrong) = (0, 0, None);
    for line in text.lines() {
        let (consumed, symbol, values) = row(line);
        while let Some((ours_consumed, symbol, values)) = ours_rows.get(at).filter(|row| row.0 <= consumed) {
            assert!(*ours_consumed <= consumed);
            ours.insert(symbol.clone(), *values);
            at += 1;
        }
        if ours.get(&symbol) == Some(&values) {
            equal += 1;
        } else {
            first_wrong.get_or_insert_with(|| format!("{line}: ours {:?}", ours.get(&symbol)));
        }
    }
    assert_eq!(first_wrong, None);
    assert_eq!(equal, GOLDEN_ROWS);
}

#[test]
fn the_bx_slice_ends_as_known() {
    let Some(capture) = shared("itch50_bx_20190730/itch_sample_slice.bin") else { return };
    let book = run([std::ffi::OsStr::new("book"), capture.as_os_str()]);
    assert_eq!(book.code, Some(0), "{}", book.stderr);
    assert_eq!(line(&book.stdout, "live orders"), "35");
    for (symbol, bid, ask) in [("AAPL", "209.25", "209.33"), ("MSFT", "139.95", "140.03")] {
        let fields: Vec<&str> = line(&book.stdout, symbol).split_whitespace().collect();
        assert_eq!((fields[1], fields[3]), (bid, ask), "{symbol}: {fields:?}");
    }
}
