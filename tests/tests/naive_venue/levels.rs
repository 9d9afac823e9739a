//! Books of levels: two instruments of levels beside one of orders, with prints of every side and of none.

use super::*;

/// Instruments below this one have books of levels most of the time.
const OF_LEVELS: u64 = 2;

/// A level set or a print in a book of levels; one in five an event of a feed of orders, seldom for a book of levels.
fn event(feed: &mut Feed, random: &mut Random, time_ns: u64) -> MarketEvent {
    if random.one_in(5) {
        feed.first_instrument = if random.one_in(100) { 0 } else { OF_LEVELS as u32 };
        return feed.event(random, time_ns);
    }
    let event = MarketEvent {
        exchange_ns: time_ns,
        receive_ns: time_ns + 100,
        sequence: time_ns,
        instrument: random.below(OF_LEVELS) as u32,
        ..MarketEvent::NOTHING
    };
    match random.below(100) {
        0..70 => set(feed, random, event),
        70..98 => print(feed, random, event),
        98 => MarketEvent { kind: EventKind::Gap, ..event },
        _ if random.one_in(3) => MarketEvent { kind: EventKind::Clear, ..event },
        _ => {
            let set = set(feed, random, event);
            MarketEvent { price: set.price + 1, ..set }
        }
    }
}

fn set(feed: &Feed, random: &mut Random, mut event: MarketEvent) -> MarketEvent {
    event.kind = EventKind::LevelSet;
    event.side = random.side();
    event.price = feed.price(random, event.side);
    event.quantity = if random.one_in(3) { 0 } else { 1 + random.below(100) };
    if random.one_in(40) {
        event.flags |= flags::SNAPSHOT;
    }
    event
}

fn print(feed: &Feed, random: &mut Random, mut event: MarketEvent) -> MarketEvent {
    event.kind = EventKind::Trade;
    event.side = if random.one_in(3) { Side::None } else { random.side() };
    event.price = feed.price(random, Side::None);
    event.quantity = random.below(120);
    match random.below(12) {
        0 => event.flags |= flags::CROSS,
        1 => event.flags |= flags::HIDDEN,
        _ => {}
    }
    event
}

#[test]
fn random_levels_and_requests() {
    for seed in 1..=6_u64 {
        let mut random = Random(seed ^ 0x1e7e_15e7);
        let mut pair = Pair::new(format!("levels, seed {seed}"), small_venue());
        let mut feed = Feed {
            shown: Vec::new(),
            first_instrument: OF_LEVELS as u32,
            next_id: 0,
            halted: false,
            middle: 1000,
        };
        let mut ids = 0;
        let requests_one_in = 2 + seed;
        let mut unseen = 0_u64;
        for time_ns in 0..60_000 {
            if random.one_in(requests_one_in) {
                let request = random_request(&mut random, &pair, &feed, &mut ids);
                pair.request(time_ns, &request);
                let queues = pair.naive.queues_ahead();
                unseen += u64::from(queues.iter().any(|&(_, ahead)| ahead == u64::MAX));
            } else if random.one_in(2_000) {
                pair.disconnect(random.below(3) as u16, time_ns);
            } else {
                let event = event(&mut feed, &mut random, time_ns);
                pair.market(&event);
            }
        }
        for (what, least) in [
            ("fills by LevelSet", 500),
            ("fills by Trade", 500),
            ("fills by OrderAdd", 20),
            ("New None", 1_500),
            ("Replaced None", 250),
            ("Canceled None", 1_000),
            ("PartialFill None", 1_000),
            ("Fill None", 500),
        ] {
            let count = pair.counts.get(what).copied().unwrap_or(0);
            assert!(count >= least, "seed {seed}: only {count} of \"{what}\"; all: {:#?}", pair.counts);
        }
        assert!(unseen > 100, "seed {seed}: orders at unseen prices: {unseen}");
    }
}
