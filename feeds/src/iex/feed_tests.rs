//! What each IEX message means for the market, and TOPS against a naive two-sided quote.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::event::INSTRUMENT_NONE;
use crate::iex::encode::append_segment;
use crate::iex::messages::*;

const VENUE: u8 = 3;
const LATENCY_NS: u64 = 500;
const TIME: i64 = 1_700_000_000_000_000_000;
const ZIEXT: Symbol = Symbol::from_wire8(*b"ZIEXT   ");

fn header(message_protocol: u16) -> Header {
    Header {
        version: transport::VERSION,
        reserved: 0,
        message_protocol,
        channel: 1,
        session: 9,
        payload_length: 0,
        message_count: 0,
        stream_offset: 0,
        first_sequence: 70,
        send_ns: TIME,
    }
}

fn segment(message_protocol: u16, messages: &[Message]) -> Vec<u8> {
    let mut out = Vec::new();
    append_segment(header(message_protocol), messages, &mut out).unwrap();
    out
}

fn new_feed() -> (IexFeed, Directory) {
    (IexFeed::new(VENUE, 4, LATENCY_NS), Directory::new(vec![ZIEXT], 8).unwrap())
}

/// The events of one segment in a new feed.
fn events_of(message_protocol: u16, messages: &[Message]) -> Vec<MarketEvent> {
    let (mut feed, mut directory) = new_feed();
    let mut events = Vec::new();
    feed.decode_packet(&mut directory, &segment(message_protocol, messages), TIME_NONE, &mut events).unwrap();
    events
}

const EVENT: MarketEvent = MarketEvent {
    exchange_ns: TIME.cast_unsigned(),
    receive_ns: TIME.cast_unsigned() + LATENCY_NS,
    sequence: 70,
    order_id: 0,
    second_id: 0,
    price: PRICE_NONE,
    quantity: 0,
    instrument: 0,
    venue: VENUE,
    kind: EventKind::LevelSet,
    side: Side::None,
    flags: flags::LAST_OF_EVENT,
};

fn quote(bid: (u32, i64), ask: (u32, i64)) -> Message {
    Message::QuoteUpdate(QuoteUpdate {
        message_type: b'Q',
        flags: 0,
        timestamp_ns: TIME,
        symbol: ZIEXT,
        bid_size: bid.0,
        bid_price: bid.1,
        ask_price: ask.1,
        ask_size: ask.0,
    })
}

#[test]
fn a_quote_moves_the_best_levels() {
    let events = events_of(
        transport::TOPS,
        &[
            quote((100, 990_000), (200, 991_000)),
            quote((100, 990_500), (300, 991_000)),
            quote((0, 0), (0, 0)),
        ],
    );
    let bid = MarketEvent { side: Side::Buy, flags: 0, ..EVENT };
    let ask = MarketEvent { side: Side::Sell, ..EVENT };
    let expected = [
        MarketEvent { price: 99_000_000_000, quantity: 100, ..bid },
        MarketEvent { price: 99_100_000_000, quantity: 200, ..ask },
        MarketEvent { price: 99_000_000_000, sequence: 71, ..bid },
        MarketEvent { price: 99_050_000_000, quantity: 100, sequence: 71, ..bid },
        MarketEvent { price: 99_100_000_000, quantity: 300, sequence: 71, ..ask },
        MarketEvent { price: 99_050_000_000, sequence: 72, ..bid },
        MarketEvent { price: 99_100_000_000, sequence: 72, ..ask },
    ];
    assert_eq!(events, expected);
}

#[test]
fn levels_end_their_event_when_the_feed_says_so() {
    let level = |event_flags, size| {
        Message::PriceLevelSell(PriceLevelSell {
            message_type: b'5',
            event_flags,
            timestamp_ns: TIME,
            symbol: ZIEXT,
            size,
            price: 990_500,
        })
    };
    let ask = MarketEvent { side: Side::Sell, price: 99_050_000_000, ..EVENT };
    let expected = [MarketEvent { flags: 0, quantity: 7, ..ask }, MarketEvent { sequence: 71, ..ask }];
    assert_eq!(events_of(transport::DEEP, &[level(0, 7), level(1, 0)]), expected);
}

#[test]
fn orders_and_trades() {
    let (message_type, timestamp_ns, symbol, order_id, size, price) = (0, TIME, ZIEXT, u64::MAX, 7, 10_000);
    let messages = [
        Message::AddOrder(AddOrder {
            message_type: b'a',
            side: b'8',
            timestamp_ns,
            symbol,
            order_id,
            size,
            price,
        }),
        Message::OrderModify(OrderModify {
            message_type: b'M',
            flags: 1,
            timestamp_ns,
            symbol,
            order_id,
            size,
            price,
        }),
        Message::OrderExecuted(OrderExecuted {
            message_type: b'L',
            sale_condition: 0,
            timestamp_ns,
            symbol,
            order_id,
            size,
            price,
            trade_id: 12,
        }),
        Message::OrderDelete(OrderDelete { message_type: b'R', reserved: 0, timestamp_ns, symbol, order_id }),
        Message::ClearBook(ClearBook { message_type: b'C', reserved: 0, timestamp_ns, symbol }),
        Message::TradeReport(TradeReport {
            message_type: b'T',
            sale_condition: CROSS_TRADE,
            timestamp_ns,
            symbol,
            size,
            price: -5,
            trade_id: 13,
        }),
        Message::TradeBreak(TradeBreak {
            message_type: message_type + b'B',
            sale_condition: 0,
            timestamp_ns,
            symbol,
            size,
            price,
            trade_id: 13,
        }),
    ];
    let order = MarketEvent { order_id, quantity: 7, price: 1_000_000_000, ..EVENT };
    let trade = MarketEvent { kind: EventKind::Trade, second_id: 13, quantity: 7, price: -500_000, ..EVENT };
    let expected = [
        MarketEvent { kind: EventKind::OrderAdd, side: Side::Buy, ..order },
        MarketEvent { kind: EventKind::OrderModify, sequence: 71, ..order },
        MarketEvent { kind: EventKind::OrderExecute, second_id: 12, sequence: 72, ..order },
        MarketEvent { kind: EventKind::OrderDelete, order_id, sequence: 73, ..EVENT },
        MarketEvent { kind: EventKind::Clear, sequence: 74, ..EVENT },
        MarketEvent { sequence: 75, flags: flags::LAST_OF_EVENT | flags::CROSS | flags::HIDDEN, ..trade },
    ];
    assert_eq!(events_of(transport::DEEP_PLUS, &messages), expected);
    let last = *events_of(transport::DEEP, &messages).last().unwrap();
    assert_eq!(
        last.flags,
        flags::LAST_OF_EVENT | flags::CROSS,
        "DEEP reports displayed executions as trades"
    );
}

#[test]
fn a_status_is_the_worse_of_trading_status_and_operational_halt() {
    let trading = |status| {
        Message::TradingStatus(crate::iex::messages::TradingStatus {
            message_type: b'H',
            status,
            timestamp_ns: TIME,
            symbol: ZIEXT,
            reason: *b"    ",
        })
    };
    let halt = |status| {
        Message::OperationalHaltStatus(OperationalHaltStatus {
            message_type: b'O',
            status,
            timestamp_ns: TIME,
            symbol: ZIEXT,
        })
    };
    let system = |event| Message::SystemEvent(SystemEvent { message_type: b'S', event, timestamp_ns: TIME });
    let events = events_of(
        transport::TOPS,
        &[
            halt(b'N'),
            trading(b'T'),
            halt(b'O'),
            trading(b'P'),
            halt(b'N'),
            trading(b'O'),
            trading(b'H'),
            system(b'S'),
            system(b'R'),
            system(b'C'),
        ],
    );
    use crate::event::TradingStatus as Status;
    let codes: Vec<_> =
        events.iter().map(|event| (event.sequence, Status::from_code(event.quantity).unwrap())).collect();
    let expected = [
        (71, Status::Trading),
        (72, Status::Halted),
        (73, Status::Halted),
        (74, Status::Paused),
        (75, Status::QuotationOnly),
        (76, Status::Halted),
        (77, Status::PreOpen),
        (78, Status::Trading),
        (79, Status::Closed),
    ];
    assert_eq!(codes, expected);
    assert!(
        events
            .iter()
            .all(|event| event.kind == EventKind::TradingStatus && event.flags == flags::LAST_OF_EVENT)
    );
    assert_eq!((events[0].instrument, events[8].instrument), (0, INSTRUMENT_ALL));
}

#[test]
fn listings_and_what_does_not_fit() {
    let mut feed = IexFeed::new(VENUE, 3, 0);
    let mut directory = Directory::new(vec![ZIEXT], 1).unwrap();
    let security = |symbol: &[u8; 8]| {
        Message::SecurityDirectory(SecurityDirectory {
            message_type: b'D',
            flags: 0,
            timestamp_ns: TIME,
            symbol: Symbol::from_wire8(*symbol),
            round_lot_size: 10,
            adjusted_close: 0,
            luld_tier: 1,
        })
    };
    let delete = |symbol: &[u8; 8]| {
        Message::OrderDelete(OrderDelete {
            message_type: b'R',
            reserved: 0,
            timestamp_ns: TIME,
            symbol: Symbol::from_wire8(*symbol),
            order_id: 1,
        })
    };
    let messages = [
        security(b"AAPL    "),
        delete(b"ZIEXT   "),
        delete(b"MSFT    "),
        delete(b"IBM     "),
        delete(b"AAPL    "),
    ];
    let mut payload = segment(transport::DEEP_PLUS, &messages);
    let mut events = Vec::new();
    let summary = feed.decode_packet(&mut directory, &payload, 5, &mut events).unwrap();
    let stream = StreamId { channel: 1, session: 9 };
    let expected =
        PacketSummary { stream, first_sequence: 70, next_sequence: 75, message_count: 5, heartbeat: false };
    assert_eq!(summary, expected);
    let instruments: Vec<_> = events.iter().map(|event| event.instrument).collect();
    assert_eq!(
        instruments,
        [0, INSTRUMENT_NONE, 1],
        "IBM has no place in the feed, MSFT none in the directory"
    );
    assert!(events.iter().all(|event| event.receive_ns == 5));
    assert_eq!(directory.round_lot(VENUE, 0), Some(10));
    let counters = IexCounters { refused_listings: 1, unlisted_messages: 1, ..IexCounters::default() };
    assert_eq!(feed.counters(), counters);

    // An unknown type is passed over, a short message ends the packet where it is.
    payload[42] = b'z';
    payload[42 + 31 + 2 + 26 + 2] = b'Q';
    events.clear();
    let error = feed.decode_packet(&mut directory, &payload, 5, &mut events).unwrap_err();
    let cause = PacketErrorCause::MessageLength { message_type: b'Q'.into(), needed: 42, found: 26 };
    assert_eq!(error, PacketError { offset: 42 + 31 + 2 + 26 + 2, cause });
    assert_eq!(events.len(), 1, "the good message before");
    assert_eq!(feed.counters().unknown_messages, 1);
}

#[test]
fn another_protocol_is_refused() {
    let (mut feed, mut directory) = new_feed();
    let mut events = Vec::new();
    let heartbeat =
        feed.decode_packet(&mut directory, &segment(transport::TOPS, &[]), TIME_NONE, &mut events).unwrap();
    assert!(heartbeat.heartbeat && heartbeat.first_sequence == heartbeat.next_sequence);
    for protocol in [transport::DEEP, 0x8002] {
        let error =
            feed.decode_packet(&mut directory, &segment(protocol, &[]), TIME_NONE, &mut events).unwrap_err();
        assert_eq!(error.offset, 2);
    }
    let far = Message::TradeReport(TradeReport {
        message_type: b'T',
        sale_condition: 0,
        timestamp_ns: TIME,
        symbol: ZIEXT,
        size: 1,
        price: i64::MAX,
        trade_id: 1,
    });
    let error = feed
        .decode_packet(&mut directory, &segment(transport::TOPS, &[far]), TIME_NONE, &mut events)
        .unwrap_err();
    assert_eq!(error.to_string(), "payload byte 42: the trade's price 9223372036854775807 is out of range");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Level sets of any quotes leave exactly the last quote of each symbol, and are no more than promised.
    #[test]
    fn quotes_leave_one_level_a_side(
        quotes in prop::collection::vec((0u8..3, 0u32..3, 0i64..3, 0u32..3, 0i64..3), 0..60)
    ) {
        let messages: Vec<Message> = quotes
            .iter()
            .map(|&(symbol, bid_size, bid_price, ask_size, ask_price)| {
                Message::QuoteUpdate(QuoteUpdate {
                    message_type: b'Q',
                    flags: 0,
                    timestamp_ns: TIME,
                    symbol: Symbol::from_wire8([b'A' + symbol; 8]),
                    bid_size,
                    bid_price,
                    ask_price,
                    ask_size,
                })
            })
            .collect();
        let (mut feed, mut directory) = new_feed();
        let payload = segment(transport::TOPS, &messages);
        let mut events = Vec::with_capacity(feed.events_max(payload.len()));
        feed.decode_packet(&mut directory, &payload, TIME_NONE, &mut events).unwrap();
        prop_assert!(events.len() <= feed.events_max(payload.len()));

        let mut book: BTreeMap<(u32, u8, i64), u64> = BTreeMap::new();
        for event in &events {
            let key = (event.instrument, event.side as u8, event.price);
            if event.quantity == 0 {
                prop_assert!(book.remove(&key).is_some(), "a level goes that is not there");
            } else {
                book.insert(key, event.quantity);
            }
        }
        let mut expected = BTreeMap::new();
        for symbol in 0..3 {
            let Some(last) = quotes.iter().rfind(|quote| quote.0 == symbol) else { continue };
            let instrument = directory.instrument(Symbol::from_wire8([b'A' + symbol; 8])).unwrap();
            if last.1 != 0 {
                expected.insert((instrument, Side::Buy as u8, last.2 * 100_000), last.1.into());
            }
            if last.3 != 0 {
                expected.insert((instrument, Side::Sell as u8, last.4 * 100_000), last.3.into());
            }
        }
        prop_assert_eq!(book, expected);
    }
}
