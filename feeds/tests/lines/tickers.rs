//! Captures of best bids and offers alone: what the pass before a replay finds of them.

use feeds::source::file::Capture;
use feeds::source::prescan::prescan;

#[test]
fn tickers_are_counted_and_give_the_tick_where_they_make_the_books() {
    let line = |at: u64, symbol: &str, bid: &str, ask: &str| {
        let lower = symbol.to_lowercase();
        format!(
            "{} {{\"stream\":\"{lower}@bookTicker\",\"data\":{{\"u\":{at},\"s\":\"{symbol}\",\"b\":\"{bid}\",\"B\":\"1.0\",\
             \"a\":\"{ask}\",\"A\":\"2.0\"}}}}\n",
            1_767_571_200_000_000_000 + at,
        )
    };
    let text = [
        line(1, "BTCUSDT", "20000.00", "20000.01"),
        line(2, "ETHBTC", "0.15000", "0.15001"),
        line(3, "BTCUSDT", "20000.01", "20000.02"),
    ]
    .concat();
    let capture = Capture::from_bytes("tickers".to_owned(), text.into_bytes()).expect("lines");
    let (scan, damage) = prescan(&capture, 0);
    assert_eq!((scan.price_tick, scan.messages, damage), (10_000, 3, None));
    let found: Vec<_> =
        scan.listings.iter().map(|l| (l.symbol.to_string(), l.price_tick, l.level_sets)).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((found[0].0.as_str(), found[0].1), ("BTCUSDT", 10_000_000));
    assert_eq!((found[1].0.as_str(), found[1].1, found[1].2), ("ETHBTC", 10_000, 2));
    assert!(found[0].2 >= 4, "{found:?}");
}
