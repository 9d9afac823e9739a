//! DEEP 1.0: random price level updates, encoded, decoded and booked, against sorted maps. The real captures hold only
//! single packets of it.

use std::collections::BTreeMap;

use feeds::directory::Directory;
use feeds::event::Side;
use feeds::iex::encode::append_segment;
use feeds::iex::feed::IexFeed;
use feeds::iex::messages::{Message, PriceLevelBuy, PriceLevelSell};
use feeds::iex::transport::{DEEP, Header, VERSION};
use feeds::packet_decoder::PacketDecoder;
use feeds::symbol::Symbol;
use feeds::units::TIME_NONE;
use kernels::cpu::book::{BookConfig, DepthLevel, VenueBooks};

const SYMBOLS: [&str; 3] = ["ZIEXT", "AAPL", "BRK.A"];

const SEGMENTS: u64 = 20_000;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// One level update, and its place in the naive books: symbol, selling, price in 1e-4, size.
fn update(random: &mut Random, complete: bool) -> (Message, (usize, bool, i64, u32)) {
    let (place, sells) = (random.below(3) as usize, random.below(2) == 1);
    let price = 100_000 + random.below(200).cast_signed() * [1, 100, 7][place];
    // A third of the updates removes its level.
    let size = random.below(300).saturating_sub(100) as u32;
    let symbol = Symbol::new(SYMBOLS[place]).unwrap();
    let (event_flags, timestamp_ns) = (u8::from(complete), 1);
    let message_type = if sells { b'5' } else { b'8' };
    let message = if sells {
        Message::PriceLevelSell(PriceLevelSell {
            message_type,
            event_flags,
            timestamp_ns,
            symbol,
            size,
            price,
        })
    } else {
        Message::PriceLevelBuy(PriceLevelBuy { message_type, event_flags, timestamp_ns, symbol, size, price })
    };
    (message, (place, sells, price, size))
}

#[test]
fn deep_levels_agree_with_naive_books() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let symbols: Vec<Symbol> = SYMBOLS.iter().map(|symbol| Symbol::new(symbol).unwrap()).collect();
    let mut directory = Directory::new(symbols, 0).unwrap();
    let numbers = SYMBOLS.map(|symbol| {
        let named = |&number: &u32| directory.symbol(number) == Symbol::new(symbol).ok();
        (0..3).find(named).unwrap()
    });
    let mut feed = IexFeed::new(0, 8, 0);
    let config = BookConfig { instruments_max: 3, orders_max: 1, levels_max: 2_000, price_tick: 100_000 };
    let mut books = VenueBooks::new(config).unwrap();
    let mut naive: BTreeMap<(usize, bool), BTreeMap<i64, u64>> = BTreeMap::new();
    let (mut sequence, mut events, mut segment) = (1, Vec::new(), Vec::new());
    for number in 0..SEGMENTS {
        let count = random.below(6);
        let mut messages = Vec::new();
        for at in 0..count {
            let (message, (place, sells, price, size)) = update(&mut random, at + 1 == count);
            messages.push(message);
            let side = naive.entry((place, sells)).or_default();
            match size {
                0 => drop(side.remove(&price)),
                size => drop(side.insert(price, size.into())),
            }
        }
        let header = Header {
            version: VERSION,
            reserved: 0,
            message_protocol: DEEP,
            channel: 1,
            session: 1,
            payload_length: 0,
            message_count: 0,
            stream_offset: 0,
            first_sequence: sequence,
            send_ns: 0,
        };
        segment.clear();
        append_segment(header, &messages, &mut segment).unwrap();
        sequence += count;
        events.clear();
        let summary = feed.decode_packet(&mut directory, &segment, TIME_NONE, &mut events).unwrap();
        assert_eq!(summary.next_sequence, sequence);
        for event in &events {
            books.apply(event).unwrap_or_else(|error| panic!("segment {number}: {error}"));
        }
        for (&(place, sells), levels) in &naive {
            let side = if sells { Side::Sell } else { Side::Buy };
            let mut found = vec![DepthLevel::default(); levels.len() + 1];
            let filled = books.depth(numbers[place], side, &mut found);
            let found = found[..filled].iter().map(|level| (level.price / 100_000, level.quantity));
            let levels = levels.iter().map(|(&price, &size)| (price, size));
            let same = if sells { found.eq(levels) } else { found.eq(levels.rev()) };
            assert!(same, "segment {number}, {} {side:?}", SYMBOLS[place]);
        }
    }
    assert!(sequence > SEGMENTS && books.live_levels() > 300);
    books.check();
}
