//! Rings as the engine uses them: nothing lost, nothing repeated, order kept; and what happens when one is full.

use std::thread;

use engine::control::config::{Config, LimitsConfig, RiskConfig};
use engine::control::digest::{OrderDigest, digest_ring};
use engine::control::startup;
use engine::control::universe::Universe;
use engine::order::{Order, OrderAction};
use engine::pipeline::decide::{Decide, OrderSink};
use engine::pipeline::risk::RiskApproved;
use engine::pipeline::stamps::PathStamps;
use feeds::event::{EventKind, MarketEvent, Side};
use feeds::source::synthetic::SyntheticConfig;
use rtrb::RingBuffer;
use warptick_tests::captures::{generated, inputs};
use warptick_tests::chatter::Chatter;

#[test]
fn a_hundred_million_items_arrive_once_and_in_order() {
    const ITEMS: u64 = 100_000_000;
    let (mut producer, mut consumer) = RingBuffer::<u64>::new(4096);
    let writer = thread::spawn(move || {
        let mut next = 0;
        while next < ITEMS {
            let room = producer.slots().min((ITEMS - next) as usize);
            if room == 0 {
                thread::yield_now();
                continue;
            }
            let chunk = producer.write_chunk_uninit(room).expect("so many slots are free");
            next += chunk.fill_from_iter(next..) as u64;
        }
    });
    let mut expected = 0;
    while expected < ITEMS {
        let there = consumer.slots();
        if there == 0 {
            thread::yield_now();
            continue;
        }
        for item in consumer.read_chunk(there).expect("so many items are there") {
            assert_eq!(item, expected);
            expected += 1;
        }
    }
    writer.join().expect("the writer");
    assert!(consumer.is_empty());
}

#[test]
fn market_events_arrive_once_and_in_order() {
    const EVENTS: u64 = 10_000_000;
    let event = MarketEvent {
        exchange_ns: 0,
        receive_ns: 0,
        sequence: 0,
        order_id: 0,
        second_id: 0,
        price: 0,
        quantity: 0,
        instrument: 0,
        venue: 0,
        kind: EventKind::OrderAdd,
        side: Side::Buy,
        flags: 0,
    };
    let (mut producer, mut consumer) = RingBuffer::new(64);
    let writer = thread::spawn(move || {
        for sequence in 1..=EVENTS {
            while producer.is_full() {
                thread::yield_now();
            }
            let pushed = producer.push(MarketEvent { sequence, order_id: !sequence, ..event });
            assert!(pushed.is_ok());
        }
    });
    for sequence in 1..=EVENTS {
        let event = loop {
            match consumer.pop() {
                Ok(event) => break event,
                Err(_) => thread::yield_now(),
            }
        };
        assert_eq!((event.sequence, event.order_id), (sequence, !sequence), "whole, and in its turn");
    }
    writer.join().expect("the writer");
    assert!(consumer.is_empty());
}

/// An order ring of which the test says how much is free.
struct Slots {
    free: usize,
    sent: Vec<Order>,
}

/// Slots of the ring that [`Slots`] stands for: a quarter, 4, is for cancels.
const CAPACITY: usize = 16;

impl OrderSink for Slots {
    fn free_slots(&self) -> usize {
        self.free
    }

    fn capacity(&self) -> usize {
        CAPACITY
    }

    fn send(&mut self, order: RiskApproved<Order>, _stamps: PathStamps) {
        assert!(self.free > 0, "no more than there is room for");
        self.free -= 1;
        self.sent.push(*order);
    }
}

#[test]
fn a_full_order_ring_drops_intents_reserves_nothing_and_lets_cancels_through() {
    let settings = SyntheticConfig { messages: 60_000, symbols: 3, ..SyntheticConfig::default() };
    let inputs = inputs(generated(&settings), settings.date);
    // No venue answers here, so the limits must leave room for orders that stay open.
    let config = Config {
        limits: LimitsConfig { position_max: 1_000_000_000, order_qty_max: 1_000, ..LimitsConfig::default() },
        risk: RiskConfig { messages_per_s: 1_000_000, messages_burst: 1_000_000, ..RiskConfig::default() },
        ..Config::default()
    };
    let config = startup::complete(&inputs, config).expect("a configuration");
    let count = inputs.directory().expect("symbols").len() as u32;
    let chatter = Chatter::new(1, (0..count).collect(), 2, 3);
    let core = startup::decision_core(&inputs, &config, vec![Box::new(chatter)]).expect("a core");
    let (sender, receiver) = digest_ring(1 << 20);
    let mut decide = Decide::new(core, None, sender);
    let mut ingest = inputs.ingest(0).expect("captures");
    let mut sink = Slots { free: CAPACITY, sent: Vec::new() };
    let mut direct = OrderDigest::new();
    let (mut refused_inputs, mut dropped) = (0, 0);
    while let Some(event) = ingest.next_event().expect("a good capture") {
        // In turn: room for all, for cancels only, for nothing.
        let free = [CAPACITY, CAPACITY / 4, 0][(event.sequence % 3) as usize];
        sink.free = free;
        sink.sent.clear();
        let reserved = |decide: &Decide| -> Vec<(u64, u64)> {
            let exposures = (0..count).map(|instrument| decide.core().risk().exposure(instrument));
            exposures.map(|exposure| (exposure.open_buy, exposure.open_sell)).collect()
        };
        let (before, live) = (reserved(&decide), decide.core().orders().live());
        decide.market(&event, &mut PathStamps::begin(false), &mut sink).expect("a good capture");
        sink.sent.iter().for_each(|order| direct.push(order));
        let now_dropped = decide.core().counters().intents_dropped;
        if free < CAPACITY {
            assert!(sink.sent.iter().all(|order| order.action == OrderAction::Cancel), "{:?}", sink.sent);
            assert_eq!(reserved(&decide), before, "nothing is reserved for what is not sent");
            assert_eq!(decide.core().orders().live(), live);
            refused_inputs += u64::from(now_dropped > dropped);
        }
        assert!(free > 0 || sink.sent.is_empty());
        dropped = now_dropped;
    }
    assert!(
        refused_inputs > 100 && decide.core().counters().new_orders > 100,
        "{:?}",
        decide.core().counters()
    );
    // What was dropped is not in the digest either: it holds what was sent.
    drop(decide);
    let digest = receiver.finish().unwrap_or_else(|_| panic!("the sender is gone"));
    assert_eq!((digest.actions(), digest.finish()), (direct.actions(), direct.finish()));
}
