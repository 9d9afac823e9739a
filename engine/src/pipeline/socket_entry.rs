//! Order entry with its connections: what the sessions want sent leaves, what the venues say comes in.
//!
//! Owned by one hot thread: the fused one of `inline`, `wt-order-entry` of `split`. Its system calls are those of the
//! connections that it owns. It allocates at construction only. A connection that breaks is given to a cold thread, which
//! frees it and makes another one ([`crate::control::reconnector`]); meanwhile the venue's orders are answered NOT_SENT, and
//! those that were open are in doubt, so that nobody tries to cancel them again and again.
//! When the run ends it logs out, and nothing is opened again.
//!
//! **Schedules and clocks.** Where a venue has a schedule, a connection comes with the span of the session that it is made
//! for, in UTC ns: at its end order entry logs out, and the connection of another session starts with sequence number 1.
//! UTC is the core clock plus [`UtcOffset`]; timers go by the core clock alone.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use rtrb::{Consumer, Producer};

use crate::control::failpoint;
use crate::control::kill_switch::KillSwitch;
use crate::control::planted_delay;
use crate::control::session_schedule::SessionSpan;
use crate::control::shutdown::Stop;
use crate::order::{Execution, ExecutionKind, Order, RejectReason};
use crate::pipeline::decide::OrderSink;
use crate::pipeline::order_entry::{OrderEntry, in_doubt, not_sent};
use crate::pipeline::risk::RiskApproved;
use crate::pipeline::session_watch::SessionWatch;
use crate::pipeline::stamps::{PathRecord, PathStamps, Stage, StampWriter};
use crate::pipeline::tsc::{self, Calibration};
use crate::pipeline::utc_offset::UtcOffset;
use crate::transport::{Connection, Transport};

/// A run is over when the venues have said nothing for this long after the last message.
const QUIET_NS: u64 = 300_000_000;

/// Paths remembered until the send that ends their input; further ones keep no wire stamp.
const UNSENT_MAX: usize = 64;

/// Longest wait for a venue's logon or logout.
const SESSION_PATIENCE_NS: u64 = 5_000_000_000;

/// A session that ends by less than this before its time has ended by its schedule.
const SCHEDULE_SLACK_NS: u64 = 1_000_000_000;

/// Pause between two looks while a session opens or closes. The venue may share this core, and under a real-time
/// policy a thread that spins here would never let it answer.
const SESSION_PAUSE: Duration = Duration::from_micros(50);

/// A connection that is gone.
#[derive(Debug)]
pub struct Lost {
    /// Whose.
    pub venue: u8,
    /// What is left of it: to be freed elsewhere.
    pub connection: Connection,
    /// Since when its session had been logged on, UTC ns, if it was.
    pub logged_on_ns: Option<u64>,
    /// When it was noticed, UTC ns.
    pub time_ns: u64,
    /// Its session was over: we have logged out.
    pub by_schedule: bool,
}

/// A connection that was made.
#[derive(Debug)]
pub struct Made {
    /// Whose.
    pub venue: u8,
    /// Shaken hands with; nobody is logged on.
    pub connection: Connection,
    /// The session that it is made for, where the venue has a schedule.
    pub session: Option<SessionSpan>,
}

/// The hot end of the way to the thread that connects again.
#[derive(Debug)]
pub struct ReconnectPort {
    /// Connections that are gone.
    pub lost: Producer<Lost>,
    /// New ones.
    pub made: Consumer<Made>,
}

/// One venue's connection.
#[derive(Debug, Default)]
struct Line {
    connection: Option<Connection>,
    /// Since when its session is logged on, UTC ns.
    logged_on_ns: Option<u64>,
    /// Why it was lost the last time.
    loss: Option<io::Error>,
    /// The session of the last connection, where the venue has a schedule.
    session: Option<SessionSpan>,
    /// The session is over, and we have said so.
    is_ending: bool,
    /// There is no connection and never will be one: what is encoded is thrown away.
    is_rehearsal: bool,
}

/// See the module's text.
pub struct SocketEntry {
    entry: OrderEntry,
    lines: Vec<Line>,
    reconnect: Option<ReconnectPort>,
    /// We log out: a connection that goes now has done its work.
    ending: bool,
    /// When the first of the sessions ends, UTC ns.
    ends_ns: u64,
    utc_offset: UtcOffset,
    watch: SessionWatch,
    /// What the sessions write SendingTime(52) with, ns.
    offset_ns: i64,
    buffer: Box<[u8]>,
    executions: VecDeque<Execution>,
    stamps: StampWriter,
    calibration: Calibration,
    /// Paths whose bytes are complete and wait for the send that ends this input.
    unsent: Vec<PathRecord>,
    last_heard_ticks: u64,
    lost_connections: u64,
    reconnections: u64,
}

impl SocketEntry {
    /// Order entry over connections, one a venue, in the order of venue numbers.
    #[must_use]
    pub fn new(
        entry: OrderEntry,
        connections: Vec<Connection>,
        stamps: StampWriter,
        calibration: Calibration,
    ) -> Self {
        Self {
            entry,
            lines: connections
                .into_iter()
                .map(|connection| Line { connection: Some(connection), ..Line::default() })
                .collect(),
            reconnect: None,
            ending: false,
            ends_ns: u64::MAX,
            utc_offset: UtcOffset::default(),
            watch: SessionWatch::default(),
            offset_ns: 0,
            buffer: vec![0; 1 << 16].into_boxed_slice(),
            executions: VecDeque::with_capacity(1 << 12),
            stamps,
            calibration,
            unsent: Vec::with_capacity(UNSENT_MAX),
            last_heard_ticks: tsc::now(),
            lost_connections: 0,
            reconnections: 0,
        }
    }

    /// Order entry to `venues` venues, of which those with a connection are to be logged on first.
    #[must_use]
    pub fn with_open(
        entry: OrderEntry,
        venues: usize,
        open: Vec<Made>,
        stamps: StampWriter,
        calibration: Calibration,
    ) -> Self {
        let mut this = Self::new(entry, Vec::new(), stamps, calibration);
        this.lines.resize_with(venues, Line::default);
        for made in open {
            this.take(made);
        }
        this
    }

    /// Order entry whose sessions are logged on and whose bytes go nowhere, for a rehearsal.
    #[must_use]
    pub(crate) fn rehearsing(
        entry: OrderEntry,
        venues: usize,
        stamps: StampWriter,
        calibration: Calibration,
    ) -> Self {
        let mut this = Self::new(entry, Vec::new(), stamps, calibration);
        this.lines.resize_with(venues, || Line { is_rehearsal: true, ..Line::default() });
        this
    }

    /// Throws away what was encoded, and begins with the first MsgSeqNum(34) again where asked to; of a rehearsal only.
    pub(super) fn discard(&mut self, restarts: bool) {
        for venue in 0..self.lines.len() as u8 {
            let count = self.entry.pending(venue).len();
            self.entry.consume(venue, count);
            if restarts {
                self.entry.start_over(venue);
            }
        }
    }

    /// The same, with somebody who makes lost connections anew.
    #[must_use]
    pub fn reconnecting(self, port: ReconnectPort) -> Self {
        Self { reconnect: Some(port), ..self }
    }

    /// The same, with somebody who follows the system clock.
    #[must_use]
    pub fn following(self, utc_offset: UtcOffset) -> Self {
        Self { utc_offset, ..self }
    }

    /// The same, with somebody who asks which sessions are up.
    #[must_use]
    pub fn watched(self, watch: SessionWatch) -> Self {
        Self { watch, ..self }
    }

    /// The kill switch that it obeys.
    #[must_use]
    pub const fn kill(&self) -> &KillSwitch {
        self.entry.kill()
    }

    /// Whether its journal has refused a record: nothing leaves any more.
    #[must_use]
    pub const fn journal_failed(&self) -> bool {
        self.entry.journal_full()
    }

    /// Ends every connection without a word, so that the venues cancel what is open: what could be said could not be
    /// journalled.
    pub fn abandon(&mut self) {
        self.ending = true;
        for connection in self.lines.drain(..).filter_map(|line| line.connection) {
            connection.shut_down();
        }
    }

    /// The calling thread has polled this and another one will: what the connections hold for it is given up.
    pub fn hand_over(&mut self) {
        for venue in 0..self.lines.len() {
            if let Some(Err(error)) = self.lines[venue].connection.as_mut().map(Transport::release) {
                self.lose(venue, error);
            }
        }
    }

    fn now_ns(&self) -> u64 {
        self.calibration.utc_ns(tsc::now())
    }

    /// Logs on at every venue that is connected.
    ///
    /// # Errors
    /// The venue that did not answer.
    pub fn log_on(&mut self, stop: &Stop) -> Result<(), String> {
        let now_ns = self.now_ns();
        self.follow_utc();
        let open: Vec<usize> =
            (0..self.lines.len()).filter(|&venue| self.lines[venue].connection.is_some()).collect();
        for &venue in &open {
            self.entry.connected(venue as u8, now_ns);
        }
        for venue in open {
            // A session may end while its Logon is under way.
            while !self.entry.is_logged_on(venue as u8) && !self.lines[venue].is_ending {
                self.poll();
                std::thread::sleep(SESSION_PAUSE);
                let waited_ns = self.now_ns().saturating_sub(now_ns);
                let line = &self.lines[venue];
                if let (None, Some(loss)) = (&line.connection, &line.loss) {
                    return Err(format!("venue {venue}: the connection ended at our Logon: {loss}"));
                }
                if line.connection.is_none() || waited_ns > SESSION_PATIENCE_NS || stop.requested() {
                    return Err(format!(
                        "venue {venue}: no answer to our Logon; check CompIDs, credentials and address"
                    ));
                }
            }
        }
        self.hand_over();
        Ok(())
    }

    /// Logs out everywhere and waits for the answers.
    pub fn log_out(&mut self) {
        self.ending = true;
        let now_ns = self.now_ns();
        self.entry.logout(now_ns);
        while self.lines.iter().any(|line| line.connection.is_some())
            && self.now_ns() - now_ns < SESSION_PATIENCE_NS
        {
            self.poll();
            std::thread::sleep(SESSION_PAUSE);
        }
        self.abandon();
    }

    /// Sends what waits and receives what is there; executions are queued.
    pub fn poll(&mut self) {
        let now_ns = self.now_ns();
        self.follow_utc();
        if self.ends_ns <= now_ns.saturating_add_signed(self.offset_ns) {
            self.end_sessions(now_ns);
        }
        if self.entry.next_timer_ns() <= now_ns {
            self.entry.on_timer(now_ns);
        }
        if self.reconnect.is_some() {
            self.take_new_connection();
        }
        for venue in 0..self.lines.len() {
            self.flush(venue as u8);
            let Self { entry, lines, buffer, executions, watch, .. } = self;
            let line = &mut lines[venue];
            let Some(connection) = &mut line.connection else { continue };
            match connection.receive(buffer) {
                Ok(0) => {}
                Ok(length) => {
                    let now_ns = self.calibration.utc_ns(tsc::now());
                    entry.receive(venue as u8, now_ns, &buffer[..length], &mut |execution| {
                        if execution.kind == ExecutionKind::InDoubt {
                            watch.doubted();
                        }
                        executions.push_back(execution);
                    });
                    if line.logged_on_ns.is_none() && entry.is_logged_on(venue as u8) {
                        line.logged_on_ns = Some(now_ns);
                        watch.came_up(venue as u8);
                    }
                    self.last_heard_ticks = tsc::now();
                    self.flush(venue as u8);
                }
                Err(error) => self.lose(venue, error),
            }
            if self.entry.wants_close(venue as u8) && self.is_sent(venue) {
                self.lose(venue, io::ErrorKind::ConnectionAborted.into());
            }
        }
    }

    /// Whether everything for a venue has left.
    fn is_sent(&self, venue: usize) -> bool {
        let is_drained = self.lines[venue].connection.as_ref().is_none_or(Transport::is_drained);
        is_drained && self.entry.pending(venue as u8).is_empty()
    }

    #[inline]
    fn take_new_connection(&mut self) {
        let Some(ReconnectPort { made, .. }) = &mut self.reconnect else { return };
        let Ok(made) = made.pop() else { return };
        let venue = made.venue;
        if self.take(made) {
            self.reconnections += 1;
            self.entry.connected(venue, self.calibration.utc_ns(tsc::now()));
        }
    }

    /// Takes a connection that nobody is logged on with; one that belongs to no venue of ours is dropped.
    fn take(&mut self, made: Made) -> bool {
        let Made { venue, connection, session } = made;
        let Some(line) = self.lines.get_mut(usize::from(venue)) else { return false };
        let former = line.session;
        *line = Line { connection: Some(connection), session, ..Line::default() };
        if let Some(session) = session {
            self.ends_ns = self.ends_ns.min(session.end_ns);
            if former.is_some_and(|former| former.start_ns != session.start_ns) {
                self.entry.start_over(venue);
            }
        }
        true
    }

    #[inline]
    fn follow_utc(&mut self) {
        let offset_ns = self.utc_offset.get();
        if offset_ns != self.offset_ns {
            self.offset_ns = offset_ns;
            self.entry.set_utc_offset(offset_ns);
        }
    }

    /// Logs out where the session is over; the connection goes when the venue has answered, or has not in time.
    #[cold]
    fn end_sessions(&mut self, now_ns: u64) {
        let utc_ns = now_ns.saturating_add_signed(self.offset_ns);
        self.ends_ns = u64::MAX;
        for (venue, line) in (0u8..).zip(&mut self.lines) {
            let Some(session) = line.session else { continue };
            if line.connection.is_none() || line.is_ending {
                continue;
            }
            if session.end_ns <= utc_ns {
                line.is_ending = true;
                self.entry.logout_from(venue, now_ns);
            } else {
                self.ends_ns = self.ends_ns.min(session.end_ns);
            }
        }
    }

    #[cold]
    fn lose(&mut self, venue: usize, error: io::Error) {
        let Some(line) = self.lines.get_mut(venue) else { return };
        let Some(mut connection) = line.connection.take() else { return };
        connection.shut_down();
        let logged_on_ns = line.logged_on_ns.take();
        line.loss = Some(error);
        // The venue's clock may end the session a little before ours does.
        let utc_ns = self.calibration.utc_ns(tsc::now()).saturating_add_signed(self.offset_ns);
        let is_over = line.session.is_some_and(|session| session.end_ns <= utc_ns + SCHEDULE_SLACK_NS);
        let by_schedule = line.is_ending || is_over;
        let is_loss = !self.ending && !by_schedule;
        self.lost_connections += u64::from(is_loss);
        self.entry.disconnected(venue as u8);
        if logged_on_ns.is_some() {
            if is_loss {
                let now_ns = self.calibration.utc_ns(tsc::now());
                self.watch.doubted();
                self.executions.push_back(in_doubt(venue as u8, now_ns));
            }
            self.watch.went(venue as u8, is_loss);
        }
        if let Some(port) = self.reconnect.as_mut().filter(|_| !self.ending) {
            // The cold thread will free it.
            let _ = connection.release();
            let time_ns = self.calibration.utc_ns(tsc::now());
            let _ =
                port.lost.push(Lost { venue: venue as u8, connection, logged_on_ns, time_ns, by_schedule });
        }
    }

    /// Gives the socket what waits; whether there was a send call.
    #[inline]
    fn flush(&mut self, venue: u8) -> bool {
        let pending = self.entry.pending(venue);
        if pending.is_empty() || self.entry.journal_full() {
            return false;
        }
        let Some(Line { connection: Some(connection), .. }) = self.lines.get_mut(usize::from(venue)) else {
            return false;
        };
        failpoint::reached("after_append");
        #[cfg(feature = "failpoints")]
        if failpoint::is_due("mid_write") {
            let _ = connection.send(&pending[..pending.len().div_ceil(2)]);
            failpoint::kill();
        }
        planted_delay::spend(Stage::Send);
        let sent = connection.send(pending);
        failpoint::reached("after_send");
        match sent {
            Ok(count) => self.entry.consume(venue, count),
            Err(error) => self.lose(usize::from(venue), error),
        }
        true
    }

    /// Encodes one order; it leaves with [`Self::send_encoded`], so that all orders of one input share a system call.
    #[inline]
    pub(super) fn encode(&mut self, order: &RiskApproved<Order>, stamps: PathStamps) {
        let line = self.lines.get(usize::from(order.venue));
        let connected = line.is_some_and(|line| line.connection.is_some() || line.is_rehearsal);
        planted_delay::spend(Stage::Encode);
        let outcome = if connected {
            self.entry.encode_ahead(order, self.calibration.utc_ns(tsc::now()))
        } else {
            Err(RejectReason::NotConnected)
        };
        match outcome {
            Ok(()) => {
                let record = stamps.order_ready(order);
                if self.unsent.len() < UNSENT_MAX {
                    self.unsent.push(record);
                } else {
                    self.stamps.push(record);
                }
            }
            Err(reason) => self.executions.extend(not_sent(order, order.time_ns, reason)),
        }
    }

    /// The session's journal takes what was encoded for a venue; says when it was done with that.
    #[inline]
    fn journal_encoded(&mut self, venue: u8, from_ticks: u64) -> u64 {
        if !self.entry.is_journalled() || self.unsent.is_empty() {
            return from_ticks;
        }
        self.entry.journal_encoded(venue, self.calibration.utc_ns(from_ticks));
        tsc::now()
    }

    /// Sends what the orders of this input have encoded, and ends their paths.
    #[inline]
    pub(super) fn send_encoded(&mut self) {
        // The bytes of all have waited for the last order's, and then for the calls to the venues before theirs.
        let mut from_ticks = self.unsent.last().map_or(0, |last| last.ready_ticks);
        for venue in 0..self.lines.len() as u8 {
            let journalled_ticks = self.journal_encoded(venue, from_ticks);
            if self.flush(venue) {
                let sent_ticks = tsc::now();
                for record in self.unsent.iter_mut().filter(|record| record.venue == venue) {
                    record.sent(from_ticks, journalled_ticks, sent_ticks);
                }
                from_ticks = sent_ticks;
            }
        }
        for record in self.unsent.drain(..) {
            self.stamps.push(record);
        }
    }

    /// The oldest execution that came in and was not taken yet.
    pub fn next_execution(&mut self) -> Option<Execution> {
        self.executions.pop_front()
    }

    /// Whether some wait to be taken.
    pub(super) fn has_executions(&self) -> bool {
        !self.executions.is_empty()
    }

    pub(super) fn is_quiet(&self) -> bool {
        let silence = tsc::now().saturating_sub(self.last_heard_ticks);
        self.calibration.ticks_to_ns(silence) > QUIET_NS
    }

    /// The clock that it goes by.
    pub(super) const fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Order messages that were encoded so far.
    pub(super) const fn encoded(&self) -> u64 {
        self.entry.sent()
    }

    /// Connections that broke.
    #[must_use]
    pub const fn lost_connections(&self) -> u64 {
        self.lost_connections
    }

    /// Connections that were made anew.
    #[must_use]
    pub const fn reconnections(&self) -> u64 {
        self.reconnections
    }

    /// Stamp records that found the ring full.
    #[must_use]
    pub fn dropped_stamps(&self) -> u64 {
        self.stamps.dropped()
    }

    /// Gives the sessions back.
    #[must_use]
    pub fn finish(self) -> OrderEntry {
        self.entry
    }
}

impl OrderSink for SocketEntry {
    fn free_slots(&self) -> usize {
        usize::MAX
    }

    fn capacity(&self) -> usize {
        0
    }

    #[inline]
    fn send(&mut self, order: RiskApproved<Order>, stamps: PathStamps) {
        self.encode(&order, stamps);
    }

    #[inline]
    fn flush(&mut self) {
        self.send_encoded();
    }
}
