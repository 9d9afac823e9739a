//! Over loopback TCP, each part on a thread of its own: order entry with its sockets as a live run has it, the thread that
//! connects again, the proxy, and the venue's desks.
//!
//! All of them take their time from one clock that runs [`TIMES`] as fast as the day, so that HeartBtInt, which FIX counts
//! in whole seconds, and every other patience of a session passes in a fraction of it. The bytes go as fast as they go.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine::control::reconnector::{self, Route};
use engine::control::shutdown::Stop;
use engine::control::transport_config::ReconnectConfig;
use engine::order::Order;
use engine::pipeline::decide::OrderSink;
use engine::pipeline::decision_core::Input;
use engine::pipeline::ingest::Ingest;
use engine::pipeline::risk::RiskApproved;
use engine::pipeline::socket_entry::SocketEntry;
use engine::pipeline::stamps::{self, PathStamps};
use engine::pipeline::tsc::{self, Calibration};
use engine::transport::endpoint::{ConnectionAcceptor, Endpoint};
use engine::venue::VenueCore;
use engine::venue::desk::Desk;
use engine::venue::front::VenueFront;
use feeds::event::MarketEvent;
use warptick_tests::chatter::Dice;

use crate::agreement::{Tally, agree};
use crate::day::Day;
use crate::faults::FaultCounts;
use crate::proxy::Proxy;
use crate::trader::Trader;

/// Seeds of the ordinary run.
const SEEDS: u64 = 6;
/// Seeds under way at once.
const AT_ONCE: usize = 3;
/// Seconds of the day that pass in one.
const TIMES: f64 = 20.0;
const SECOND: u64 = 1_000_000_000;
/// Time of the day during which the proxy misbehaves.
const TROUBLE_NS: u64 = 20 * SECOND;
/// Until the market is over.
const MARKET_NS: u64 = TROUBLE_NS + 2 * SECOND;
/// For how long both sides must have agreed: more than a heartbeat, so that nothing is on its way any more.
const AGREED_NS: u64 = 4 * SECOND;
/// Between two looks at that.
const LOOK_NS: u64 = SECOND / 4;
/// Real time after which agreement is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two turns without anything.
const PAUSE: Duration = Duration::from_micros(100);
/// Market messages between two looks at the sockets.
const MESSAGES_A_TURN: u64 = 16;

/// The venues with their listeners and their own copy of the market.
struct Venues<'a> {
    desks: Vec<Desk<VenueFront>>,
    market: Market<'a>,
    buffer: Vec<u8>,
}

impl Venues<'_> {
    fn turn(&mut self, now_ns: u64) -> bool {
        let mut worked = false;
        for desk in &mut self.desks {
            worked |= desk.serve(now_ns, &mut self.buffer);
        }
        for _ in 0..MESSAGES_A_TURN {
            let Some(event) = self.market.next(now_ns) else { break };
            worked = true;
            self.desks[usize::from(event.venue)].acceptor.on_market(&event, now_ns);
        }
        worked
    }

    fn agree(&self, trader: &Trader) -> Result<Tally, String> {
        let cores: Vec<&VenueCore> = self.desks.iter().map(|desk| desk.acceptor.core()).collect();
        agree(trader, &cores)
    }
}

/// A capture that is heard message by message as its time comes, and not to its end: the close would cancel what is open.
struct Market<'a> {
    ingest: Ingest<'a>,
    until_ns: u64,
}

impl<'a> Market<'a> {
    fn new(day: &'a Day) -> Self {
        let ingest = day.inputs.ingest(0).expect("an ingest");
        let until_ns = ingest.next_time_ns().expect("messages") + MARKET_NS;
        Self { ingest, until_ns }
    }

    fn next(&mut self, now_ns: u64) -> Option<MarketEvent> {
        let time_ns = self.ingest.next_time_ns()?;
        if time_ns > now_ns.min(self.until_ns) {
            return None;
        }
        self.ingest.next_event().expect("a readable capture")
    }
}

/// Ends the threads of a seed, however it ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a seed did.
#[derive(Default)]
struct Outcome {
    tally: Tally,
    orders_sent: u64,
    lost: u64,
    made: u64,
    faults: FaultCounts,
}

fn run(seed: u64, calibration: &Calibration) -> Outcome {
    let mut dice = Dice::new(seed ^ 0x100b);
    let mut day = Day::new(seed, &mut dice, 1_200, MARKET_NS + 8 * SECOND, MARKET_NS + 30 * SECOND);
    let directory = tempfile::tempdir().expect("a directory");
    let (entry, mut keeper) = day.order_entry(directory.path());
    let way = || ConnectionAcceptor::plain();
    let gateways = day.gateways().into_iter().zip(&day.config.venues);
    let desks = gateways
        .map(|(gateway, venue)| Desk::bind(&venue.name, "127.0.0.1:0", gateway, way()).expect("a port"));
    let desks: Vec<_> = desks.collect();
    for (venue, desk) in day.config.venues.iter_mut().zip(&desks) {
        venue.address = desk.address();
    }
    let mut market = Market::new(&day);
    let start_ns = market.ingest.next_time_ns().expect("messages");
    let clock = calibration.sped_up(TIMES, start_ns);
    let proxy = Proxy::new(day.config.venues.iter().map(|venue| venue.address.clone()).collect(), clock);
    let endpoints = day.config.venues.iter().zip(proxy.addresses());
    let endpoints: Vec<_> =
        endpoints.map(|(venue, address)| Endpoint::new(venue, &address).expect("plain")).collect();
    let reconnect =
        ReconnectConfig { first_ms: 2, max_ms: 20, held_ms: 100, seed, ..ReconnectConfig::default() };
    let routes = endpoints.iter().zip(&day.config.venues).map(|(endpoint, venue)| Route {
        name: venue.name.clone(),
        endpoint: endpoint.clone(),
        schedule: None,
    });
    let (port, reconnector) = reconnector::channel(routes.collect(), &reconnect);
    let venues = Mutex::new(Venues { desks, market: Market::new(&day), buffer: vec![0; 1 << 16] });
    let (stamps, mut stamped) = stamps::channel(1 << 10);
    let mut trader = Trader::new(seed, day.core(6, 0));
    let over = &AtomicBool::new(false);
    let mut outcome = Outcome::default();
    std::thread::scope(|scope| {
        let _over = Over(over);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let worked = venues.lock().expect("no venue panics").turn(clock.utc_ns(tsc::now()));
                if !worked {
                    std::thread::sleep(PAUSE);
                }
            }
        });
        let carried = scope.spawn(|| proxy.run(dice, over));
        let reconnected = scope.spawn(move || {
            reconnector.run(|| clock.utc_ns(tsc::now()), |_| {}, || over.load(Ordering::Relaxed))
        });
        let connections =
            endpoints.iter().map(|endpoint| endpoint.connect().expect("the proxy listens")).collect();
        let mut entry = SocketEntry::new(entry, connections, stamps, clock).reconnecting(port);
        entry.log_on(&Stop::new()).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        let trouble_until_ns = clock.utc_ns(tsc::now()).max(start_ns) + TROUBLE_NS;
        proxy.trouble_until_ns.store(trouble_until_ns, Ordering::Relaxed);
        let begin = Instant::now();
        let (mut looked_ns, mut agreed_ns) = (0, None);
        loop {
            let now_ns = clock.utc_ns(tsc::now());
            let mut worked = false;
            let send = |entry: &mut SocketEntry, order: RiskApproved<Order>| {
                OrderSink::send(entry, order, PathStamps::begin(false));
            };
            for _ in 0..MESSAGES_A_TURN {
                let Some(event) = market.next(now_ns) else { break };
                worked = true;
                trader.input(Input::Market(&event), |order| send(&mut entry, order));
                OrderSink::flush(&mut entry);
            }
            entry.poll();
            while let Some(execution) = entry.next_execution() {
                worked = true;
                trader.input(Input::Execution(&execution), |order| send(&mut entry, order));
                OrderSink::flush(&mut entry);
            }
            while stamped.pop().is_some() {}
            if now_ns > trouble_until_ns.max(market.until_ns) && now_ns - looked_ns > LOOK_NS {
                looked_ns = now_ns;
                match venues.lock().expect("no venue panics").agree(&trader) {
                    Ok(tally) if now_ns - *agreed_ns.get_or_insert(now_ns) > AGREED_NS => {
                        outcome.tally = tally;
                        break;
                    }
                    Ok(_) => {}
                    Err(what) => {
                        agreed_ns = None;
                        assert!(begin.elapsed() < PATIENCE, "seed {seed}: {what}");
                    }
                }
            }
            if !worked {
                std::thread::sleep(PAUSE);
            }
        }
        outcome.lost = entry.lost_connections();
        outcome.made = entry.reconnections();
        let entry = entry.finish();
        outcome.orders_sent = entry.sent();
        day.check_store(directory.path(), &mut keeper, &entry);
        over.store(true, Ordering::Relaxed);
        outcome.faults = carried.join().expect("the proxy's thread");
        let report = reconnected.join().expect("the thread that connects again");
        assert_eq!((report.lost, report.failed), (outcome.lost, 0), "seed {seed}: {report:?}");
    });
    assert!(outcome.tally.orders > 50, "seed {seed}: {} orders: too little happened", outcome.tally.orders);
    outcome
}

#[test]
fn both_sides_agree_on_every_order_over_loopback() {
    let seeds = crate::seeds(SEEDS);
    let next = AtomicU64::new(seeds.start);
    let calibration = Calibration::measure();
    let total = Mutex::new((0u64, Outcome::default()));
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let outcome = run(seed, &calibration);
                    println!(
                        "seed {seed}: {:?}, {} messages, {} connections lost: {}",
                        outcome.tally, outcome.orders_sent, outcome.lost, outcome.faults
                    );
                    let mut total = total.lock().expect("no seed panics here");
                    total.0 += 1;
                    total.1.tally.add(&outcome.tally);
                    total.1.orders_sent += outcome.orders_sent;
                    total.1.lost += outcome.lost;
                    total.1.made += outcome.made;
                    total.1.faults.add(&outcome.faults);
                }
            });
        }
    });
    let (runs, total) = total.into_inner().expect("no seed panicked");
    println!(
        "loopback: {runs} seeds in {:.0} s: {:?}, {} messages sent, {} connections lost and {} made anew, {}",
        begin.elapsed().as_secs_f64(),
        total.tally,
        total.orders_sent,
        total.lost,
        total.made,
        total.faults
    );
    assert_eq!(runs, seeds.end - seeds.start);
    assert!(runs < 5 || (total.lost > runs && total.faults.has_all()), "a proxy that does too little");
}
