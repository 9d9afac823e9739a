//! TOPS 1.6: the test facility's day through decoder and books, against a naive decoder of the quote message (IEX, «TOPS
//! Specification» 1.6, «Quote Update Message»; «IEX Transport Specification»).

use std::collections::BTreeMap;

use feeds::source::file::Capture;
use kernels::cpu::book::Bbo;
use warptick_tests::captures::shared;

use crate::replayed::bytes::{i64_at, u16_at, u32_at};
use crate::replayed::{Replayed, bbo};

/// UDP payloads of a classic little-endian pcap file of Ethernet frames without VLAN tags.
fn payloads(file: &[u8]) -> Vec<&[u8]> {
    assert_eq!(file[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let mut payloads = Vec::new();
    let mut rest = &file[24..];
    while !rest.is_empty() {
        let (frame, behind) = rest[16..].split_at(u32_at(rest, 8) as usize);
        let udp = 14 + usize::from(frame[14] & 15) * 4;
        let length = usize::from(u16::from_be_bytes([frame[udp + 4], frame[udp + 5]]));
        payloads.push(&frame[udp + 8..udp + length]);
        rest = behind;
    }
    payloads
}

/// The quotes of a segment, in their order: symbol, and what it shows.
fn quotes(segment: &[u8]) -> Vec<(String, Bbo)> {
    let mut quotes = Vec::new();
    let mut blocks = &segment[40..];
    while !blocks.is_empty() {
        let (body, behind) = blocks[2..].split_at(usize::from(u16_at(blocks, 0)));
        blocks = behind;
        if body[0] == b'Q' {
            let symbol = String::from_utf8(body[10..18].to_vec()).unwrap();
            let side = |price_at, size_at| match u32_at(body, size_at) {
                0 => None,
                size => Some((i64_at(body, price_at) * 100_000, u64::from(size))),
            };
            quotes.push((symbol.trim().to_owned(), bbo(side(22, 18), side(30, 38))));
        }
    }
    quotes
}

#[test]
fn tops_books_show_every_quote() {
    let Some(path) = shared("iex_go_iex/TOPS16.pcapng.gz") else { return };
    let capture = Capture::open(path).unwrap();
    let payloads = payloads(capture.bytes());
    let mut numbers = BTreeMap::new();
    let mut shown: BTreeMap<String, Bbo> = BTreeMap::new();
    let (mut compared, mut two_sided, mut last_shown) = (0, 0, BTreeMap::new());
    let replayed = Replayed::run(&capture, |replayed, _| {
        let of_packet: BTreeMap<String, Bbo> =
            quotes(payloads[usize::try_from(replayed.framed).unwrap() - 1]).into_iter().collect();
        for (symbol, quote) in of_packet {
            let number = *numbers.entry(symbol.clone()).or_insert_with(|| {
                let listings = 0..replayed.directory.len() as u32;
                let named = |&number: &u32| {
                    replayed.directory.symbol(number).is_some_and(|found| found.to_string() == symbol)
                };
                listings.into_iter().find(named).unwrap()
            });
            assert_eq!(replayed.books.bbo(number), quote, "packet {}: {symbol}", replayed.framed);
            compared += 1;
            two_sided += u64::from(quote.bid_qty != 0 && quote.ask_qty != 0);
            if quote != Bbo::EMPTY {
                last_shown.insert(symbol.clone(), quote);
            }
            shown.insert(symbol, quote);
        }
    });
    assert_eq!((replayed.framed, replayed.scan.messages), (13_022, 57_674));
    println!("{compared} tops compared, {two_sided} of them with two sides");
    assert!(two_sided > 1_000);
    assert_eq!((shown.len(), last_shown.len()), (7_799, 23), "of all symbols, those that showed anything");
    // The day ends with empty quotes in all of them: that the books are empty then is right.
    assert!(shown.values().all(|quote| *quote == Bbo::EMPTY));
    assert_eq!((replayed.books.live_levels(), replayed.books.crossed_events()), (0, 0));
    let ppp = bbo(Some((5_380_000_000, 100)), Some((5_450_000_000, 986)));
    assert_eq!(last_shown["PPP"], ppp);
}
