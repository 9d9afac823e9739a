//! Connections and processes: how they begin, what is carried between their sides, and how they end.

use engine::order::{Execution, ExecutionKind};
use engine::venue::desk::Acceptor;

use super::{MS, World};
use crate::engine::Engine;
use crate::faults::{Kind, Point};
use crate::feed_watch::FeedWatch;
use crate::network::{Arrival, TO_CLIENT, TO_VENUE};
use crate::plan::VENUES;
use crate::story::{Broken, Story};
use crate::tally::Tally;

impl World<'_> {
    pub(super) fn connect(&mut self, venue: u8, story: &mut Story) {
        let (now_ns, number) = (self.now_ns, usize::from(venue));
        let Some(engine) = self.engine.as_mut().filter(|engine| !engine.is_connected[number]) else { return };
        if self.venues[number].is_connected {
            self.network.push(now_ns + 20 * MS, Arrival::Connects { venue });
            return;
        }
        story.note(now_ns, || format!("connects to venue {venue}"));
        self.network.lose(venue, TO_VENUE);
        self.network.lose(venue, TO_CLIENT);
        self.venues[number].is_connected = true;
        self.venues[number].gateway.connected(now_ns);
        engine.is_connected[number] = true;
        engine.entry.connected(venue, now_ns);
    }

    /// A connection breaks; `way` as in [`Kind::Drop`].
    pub(super) fn cut(&mut self, venue: u8, way: u8, story: &mut Story) {
        if way == 2 {
            self.network.end_behind(self.now_ns, venue, TO_CLIENT);
        } else {
            self.client_loses(venue, story);
        }
        if way == 1 {
            self.network.end_behind(self.now_ns, venue, TO_VENUE);
        } else {
            self.venue_loses(venue, story);
        }
    }

    pub(super) fn client_loses(&mut self, venue: u8, story: &mut Story) {
        self.network.lose(venue, TO_CLIENT);
        let number = usize::from(venue);
        let Some(engine) = self.engine.as_mut().filter(|engine| engine.is_connected[number]) else { return };
        story.note(self.now_ns, || format!("the engine has lost venue {venue}"));
        self.tally.connections_lost += 1;
        engine.is_connected[number] = false;
        engine.entry.disconnected(venue);
        engine.is_mutated |= self.plan.mutation.is_some();
        let wait_ns = 10 * MS + self.dice.below(500 * MS);
        self.network.push(self.now_ns + wait_ns, Arrival::Connects { venue });
    }

    pub(super) fn venue_loses(&mut self, venue: u8, story: &mut Story) {
        self.network.lose(venue, TO_VENUE);
        let number = usize::from(venue);
        if !std::mem::take(&mut self.venues[number].is_connected) {
            return;
        }
        story.note(self.now_ns, || format!("venue {venue} has lost the engine"));
        self.venues[number].gateway.disconnected(self.now_ns);
        self.monitor.on_disconnect(number);
    }

    /// The process is gone, with all that it had not written.
    pub(super) fn crash(&mut self, point: Point, story: &mut Story) {
        story.note(self.now_ns, || format!("the engine dies: {point:?}"));
        self.network.counts.done(Kind::Crash);
        self.network.counts.crashes[point as usize] += 1;
        if point == Point::BetweenOrders
            && let Some(engine) = &mut self.engine
        {
            // What the first order's bytes were is with the kernel.
            engine.armed = None;
            (0..VENUES as u8).for_each(|venue| self.send(venue));
        }
        let wait_ns = self.restart_after_ns.max(5 * MS);
        self.end_process(wait_ns, story);
    }

    pub(super) fn end_process(&mut self, wait_ns: u64, story: &mut Story) {
        let Some(engine) = self.engine.take() else { return };
        self.count(&engine);
        self.unheard = (!engine.has_stopped()).then(|| engine.executions.iter().copied().collect());
        for venue in 0..VENUES as u8 {
            self.network.lose(venue, TO_CLIENT);
            if self.venues[usize::from(venue)].is_connected {
                self.network.end_behind(self.now_ns, venue, TO_VENUE);
            }
        }
        story.note(self.now_ns, || format!("process {} is gone", engine.number));
        drop(engine);
        self.network.push(self.now_ns + wait_ns, Arrival::Restart);
    }

    pub(super) fn count(&mut self, engine: &Engine) {
        let counters = engine.core().counters();
        self.tally.add(&Tally {
            refusals: counters.rejects_by_rule.to_vec(),
            status_requests: counters.status_requests,
            intents_dropped: counters.intents_dropped,
            ..Tally::default()
        });
    }

    pub(super) fn restart(&mut self, story: &mut Story) -> Result<(), Broken> {
        let engine = Engine::start(self.plan, self.day, self.root, self.processes)
            .map_err(|what| Broken::new("RESUME", what))?;
        story.note(self.now_ns, || {
            let open = engine.core().orders().open_orders();
            format!("process {} starts with {} open orders", engine.number, open.len())
        });
        if let Some(left) = self.unheard.take().filter(|_| self.plan.mutation.is_none()) {
            same_answers(&left, &engine.unheard)?;
        }
        if self.processes > 0 {
            self.monitor.restart(&engine.unheard, VENUES);
        }
        self.tally.taken_over += engine.unheard.len() as u64;
        self.processes += 1;
        self.network.process = self.processes;
        // The desk dies with its process, and knows what decide has on record.
        self.desk = super::operator::desk(self.plan, self.day);
        self.desk.resume(engine.core().risk().changes());
        self.engine = Some(engine);
        self.watches = <[FeedWatch; VENUES]>::default();
        self.tick_ns = self.now_ns;
        for venue in 0..VENUES as u8 {
            self.network.push(self.now_ns + MS, Arrival::Connects { venue });
        }
        Ok(())
    }

    /// What order entry has for a venue goes to the kernel.
    pub(super) fn send(&mut self, venue: u8) {
        let Some(engine) = &mut self.engine else { return };
        let bytes = engine.entry.pending(venue).to_vec();
        if bytes.is_empty() || !engine.is_connected[usize::from(venue)] {
            return;
        }
        engine.entry.consume(venue, bytes.len());
        self.network.send_segment(self.now_ns, venue, TO_VENUE, &bytes);
        let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        if has(b"\x0135=D\x01") || has(b"\x0135=G\x01") {
            engine.point(Point::AfterSend);
        }
        if has(b"\x0135=A\x01") {
            engine.point(Point::DuringLogon);
        }
    }

    /// Carries what waits on both sides of a connection.
    pub(super) fn carry(&mut self, venue: u8, story: &mut Story) -> Result<(), Broken> {
        self.send(venue);
        let number = usize::from(venue);
        let bytes = self.venues[number].take_pending();
        if !bytes.is_empty() && self.venues[number].is_connected {
            self.monitor.on_answers(number, &bytes)?;
            self.network.send_segment(self.now_ns, venue, TO_CLIENT, &bytes);
        }
        if self.venues[number].is_connected && self.venues[number].gateway.wants_close() {
            story.note(self.now_ns, || format!("venue {venue} closes"));
            self.cut(venue, 2, story);
        }
        let engine = self.engine.as_ref();
        if engine.is_some_and(|engine| engine.is_connected[number] && engine.entry.wants_close(venue)) {
            story.note(self.now_ns, || format!("the engine closes venue {venue}"));
            self.cut(venue, 1, story);
        }
        Ok(())
    }
}

/// Whether the next process found in order entry's bytes the answers that the one before it left in its queue, venue by venue.
fn same_answers(left: &[Execution], found: &[Execution]) -> Result<(), Broken> {
    let of = |executions: &[Execution], venue: u8| -> Vec<Execution> {
        let theirs = executions.iter().filter(|execution| execution.venue == venue);
        let theirs = theirs
            .filter(|execution| !matches!(execution.kind, ExecutionKind::NotSent | ExecutionKind::InDoubt));
        theirs.map(|execution| Execution { time_ns: 0, ..*execution }).collect()
    };
    let differs = (0..VENUES as u8).find(|&venue| of(left, venue) != of(found, venue));
    match differs {
        None => Ok(()),
        Some(venue) => Err(Broken::new(
            "UNHEARD",
            format!("venue {venue}: left {:?}, found {:?}", of(left, venue), of(found, venue)),
        )),
    }
}
