//! The exchange of lockstep: order entry's sessions, a virtual wire, and one gateway a venue, all in memory and in
//! virtual time.
//!
//! Orders and answers pass the real codec and both real sessions. An order decided at t arrives at its venue at t +
//! order latency; what the venue says at v is an execution with time v + fill latency. Both latencies are the same for
//! every message, so both ways are queues. Session messages (logon, heartbeats) travel in no time: they carry nothing
//! that decide could see.
//!
//! It belongs to the thread that runs order entry. Its queues are sized at construction.

use std::collections::VecDeque;

use feeds::event::MarketEvent;

use crate::order::{Execution, Order, RejectReason};
use crate::pipeline::lockstep::Latencies;
use crate::pipeline::order_entry::{OrderEntry, not_sent};
use crate::pipeline::risk::RiskApproved;
use crate::venue::desk::Acceptor;
use crate::venue::front::VenueFront;

/// Longest order message.
const FRAME_BYTES: usize = 480;

/// Messages on the wire at once before the queues must grow.
pub(crate) const ON_WIRE: usize = 4096;

/// What arrives at a venue.
#[expect(clippy::large_enum_variant, reason = "nearly all are frames, and a box would allocate for each")]
enum Arriving {
    /// The bytes of an order message.
    Frame { length: usize, bytes: [u8; FRAME_BYTES] },
    /// Order entry could not send it: the answer is this.
    NotSent(Execution),
    /// A request that could not be sent and changes nothing.
    Nothing,
}

struct Arrival {
    time_ns: u64,
    venue: u8,
    what: Arriving,
}

/// See the module's text.
pub struct InMemoryExchange {
    entry: OrderEntry,
    gateways: Vec<VenueFront>,
    latencies: Latencies,
    arrivals: VecDeque<Arrival>,
    executions: VecDeque<Execution>,
    now_ns: u64,
    next_timer_ns: u64,
    scratch: Vec<u8>,
}

impl InMemoryExchange {
    /// Connects and logs on every session at virtual time `now_ns`.
    #[must_use]
    pub fn new(entry: OrderEntry, gateways: Vec<VenueFront>, latencies: Latencies, now_ns: u64) -> Self {
        let mut exchange = Self {
            entry,
            gateways,
            latencies,
            arrivals: VecDeque::with_capacity(ON_WIRE),
            executions: VecDeque::with_capacity(ON_WIRE),
            now_ns,
            next_timer_ns: 0,
            scratch: Vec::with_capacity(1 << 20),
        };
        for venue in 0..exchange.gateways.len() {
            exchange.entry.connected(venue as u8, now_ns);
            exchange.gateways[venue].connected(now_ns);
            exchange.exchange_session_messages(venue, now_ns);
        }
        exchange.plan_timer();
        exchange
    }

    /// Carries what both sides have to say to each other until neither has: logon, heartbeats.
    fn exchange_session_messages(&mut self, venue: usize, now_ns: u64) {
        let number = venue as u8;
        loop {
            let to_venue = self.entry.pending(number).len();
            if to_venue > 0 {
                self.gateways[venue].on_bytes(now_ns, self.entry.pending(number));
                self.entry.consume(number, to_venue);
            }
            let to_client = self.gateways[venue].pending().len();
            if to_client > 0 {
                self.collect(venue, now_ns);
            } else if to_venue == 0 {
                return;
            }
        }
    }

    /// Takes an order at its decision time; its bytes are complete when this returns `true`.
    pub fn submit(&mut self, order: &RiskApproved<Order>) -> bool {
        let decided_ns = order.time_ns;
        // What the sessions had to say until then is numbered before the order.
        self.advance(decided_ns);
        let venue = order.venue;
        let time_ns = decided_ns + self.latencies.order_ns;
        let encoded = self.entry.encode(order, decided_ns.max(self.now_ns));
        let what = match encoded {
            Ok(()) => self.frame(venue),
            Err(reason) => Err(reason),
        };
        let sent = what.is_ok();
        let what =
            what.unwrap_or_else(|reason| match not_sent(order, time_ns + self.latencies.fill_ns, reason) {
                Some(execution) => Arriving::NotSent(execution),
                None => Arriving::Nothing,
            });
        self.arrivals.push_back(Arrival { time_ns, venue, what });
        sent
    }

    fn frame(&mut self, venue: u8) -> Result<Arriving, RejectReason> {
        let pending = self.entry.pending(venue);
        let length = pending.len();
        let mut bytes = [0; FRAME_BYTES];
        let fits = bytes.get_mut(..length).map(|frame| frame.copy_from_slice(pending)).is_some();
        self.entry.consume(venue, length);
        if fits { Ok(Arriving::Frame { length, bytes }) } else { Err(RejectReason::Other) }
    }

    /// When the next order arrives at its venue.
    #[must_use]
    pub fn next_arrival_ns(&self) -> Option<u64> {
        self.arrivals.front().map(|arrival| arrival.time_ns)
    }

    /// Lets the next order arrive; returns how many were worked off (0 or 1).
    pub fn deliver_next(&mut self) -> u64 {
        let Some(arrival) = self.arrivals.pop_front() else { return 0 };
        self.now_ns = self.now_ns.max(arrival.time_ns);
        match arrival.what {
            Arriving::Frame { length, bytes } => {
                let venue = usize::from(arrival.venue);
                if let Some(gateway) = self.gateways.get_mut(venue) {
                    gateway.on_bytes(arrival.time_ns, &bytes[..length]);
                    self.collect(venue, arrival.time_ns);
                }
            }
            Arriving::NotSent(execution) => self.executions.push_back(execution),
            Arriving::Nothing => {}
        }
        // Behind the frame: what a timer says now has a higher number.
        self.advance(arrival.time_ns);
        1
    }

    /// One event of the merged market stream, at its time.
    #[inline]
    pub fn on_market(&mut self, event: &MarketEvent) {
        self.advance(event.receive_ns);
        let venue = usize::from(event.venue);
        if let Some(gateway) = self.gateways.get_mut(venue) {
            gateway.on_market(event, event.receive_ns);
            if !gateway.pending().is_empty() {
                self.collect(venue, event.receive_ns);
            }
        }
    }

    /// Decodes what the venue has to say at `now_ns`; executions become inputs one fill latency later.
    fn collect(&mut self, venue: usize, now_ns: u64) {
        let Self { entry, gateways, executions, scratch, latencies, .. } = self;
        let gateway = &mut gateways[venue];
        scratch.clear();
        scratch.extend_from_slice(gateway.pending());
        gateway.consume(scratch.len());
        let time_ns = now_ns + latencies.fill_ns;
        entry.receive(venue as u8, now_ns, scratch, &mut |execution| {
            executions.push_back(Execution { time_ns, ..execution });
        });
    }

    /// Virtual time goes on: heartbeats that were due on the way are exchanged.
    #[inline]
    fn advance(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
        if self.now_ns >= self.next_timer_ns {
            self.on_timers();
        }
    }

    #[cold]
    fn on_timers(&mut self) {
        while self.next_timer_ns <= self.now_ns {
            // Orders still on the wire must not be overtaken by a session message with a later sequence number.
            if !self.arrivals.is_empty() {
                return;
            }
            let now_ns = self.next_timer_ns;
            self.entry.on_timer(now_ns);
            for venue in 0..self.gateways.len() {
                self.gateways[venue].on_timer(now_ns);
                self.exchange_session_messages(venue, now_ns);
            }
            self.plan_timer();
        }
    }

    fn plan_timer(&mut self) {
        let venues = self.gateways.iter().map(VenueFront::next_timer_ns);
        self.next_timer_ns = venues.chain([self.entry.next_timer_ns()]).min().unwrap_or(u64::MAX);
    }

    /// When the next execution is an input.
    #[must_use]
    pub fn next_execution_ns(&self) -> Option<u64> {
        self.executions.front().map(|execution| execution.time_ns)
    }

    /// Takes the next execution.
    pub fn take_execution(&mut self) -> Option<Execution> {
        self.executions.pop_front()
    }

    /// The sessions, for reports.
    #[must_use]
    pub const fn entry(&self) -> &OrderEntry {
        &self.entry
    }

    /// The venues, for reports and tests.
    #[must_use]
    pub fn gateways(&self) -> &[VenueFront] {
        &self.gateways
    }

    /// Gives the sessions back.
    #[must_use]
    pub fn finish(self) -> OrderEntry {
        self.entry
    }
}
