//! The live run: lines and sockets polled by the thread that owns them, orders out to real venues.
//!
//! [`LiveIngest`] is the ingest stage: one turn polls the lines for a bounded number of packets, lets each venue's
//! [`LiveFeed`] put them in order, and carries out what the feeds ask for. `inline` runs it with decide and order entry in
//! one loop, `split` gives each a thread; decide and order entry are those of a paced replay. Time is the TSC
//! anchored to UTC, read once a turn.
//!
//! After start it allocates nothing, and its system calls are those on the sockets that it owns; the retransmission
//! server's socket is read only while something is missing. A snapshot is fetched by a cold thread.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use feeds::arbiter::{Action, FeedState};
use feeds::directory::Directory;
use feeds::event::MarketEvent;
use feeds::moldudp64::Request;
use feeds::source::udp::{Datagram, LiveSource, PacketSource};
use rtrb::{Consumer, Producer};

use crate::control::counters::Counter;
use crate::control::shutdown::Stop;
use crate::order::Execution;
use crate::pipeline::controls::Controls;
use crate::pipeline::decide::{Decide, DecideError, OrderSink};
use crate::pipeline::feed_pulse::FeedPulse;
use crate::pipeline::heartbeat::Beat;
use crate::pipeline::hop::MarketHop;
use crate::pipeline::idle::Idle;
use crate::pipeline::live_feed::{LiveFeed, Snapshot};
use crate::pipeline::lockstep::{IntervalTimer, ReplayError};
use crate::pipeline::recording;
use crate::pipeline::rehearsal::Warmer;
use crate::pipeline::slot_ring;
use crate::pipeline::socket_entry::SocketEntry;
use crate::pipeline::stamps::{PathStamps, Sampler, Stage};
use crate::pipeline::tsc::{self, Calibration};

/// Packets that one turn takes from the lines at most.
const PACKETS_A_TURN: usize = 16;

/// Longest packet of a retransmission server.
const PACKET_BYTES_MAX: usize = 1 << 16;

/// Turns between two looks at the venues' sockets while packets come in.
const POLL_EVERY: u64 = 8;

/// A live run is over when every session has ended and the venues have said nothing for a while.
const STOP_EVERY: u64 = 1024;

/// Turns with nothing to do between two rehearsals: a rehearsal keeps a packet waiting about as long as a look at the
/// sockets does, and what keeps the path warm must not be what most packets wait for.
const REHEARSE_EVERY: u64 = 8;

/// The hot end of the way to the thread that fetches snapshots.
pub struct SnapshotPort {
    /// Venues that want one.
    pub wanted: Producer<u8>,
    /// What was fetched, with its venue.
    pub fetched: Consumer<(u8, Box<Snapshot>)>,
    /// Snapshots to be freed: not the hot thread's business.
    pub done: Producer<Box<Snapshot>>,
}

/// Takes a copy of every packet as it came, for a recording.
pub trait Tee: Send {
    /// A packet of a line (its place in the list of lines), received at `receive_ns`.
    fn packet(&mut self, line: u8, payload: &[u8], receive_ns: u64);
}

/// One venue of the live ingest.
pub struct LiveVenue {
    /// Puts packets in order and says what they mean.
    pub feed: LiveFeed,
    /// Connected to the retransmission server, non-blocking.
    pub retransmission: Option<UdpSocket>,
    /// The place of the retransmission server's packets in a recording, behind the lines.
    pub tee_answers: u8,
    /// The place of snapshots in a recording.
    pub tee_snapshots: u8,
}

/// What ingest is told by decide: venues whose events did not fit their books, one bit each.
#[derive(Debug, Default)]
pub struct Distrust(AtomicU8);

impl Distrust {
    /// An event of this venue did not fit its book.
    #[cold]
    pub fn raise(&self, venue: u8) {
        // Relaxed: a flag on its own, nothing is published with it.
        self.0.fetch_or(1u8.checked_shl(u32::from(venue)).unwrap_or(0), Ordering::Relaxed);
    }

    #[inline]
    fn take(&self) -> u8 {
        if self.0.load(Ordering::Relaxed) == 0 { 0 } else { self.0.swap(0, Ordering::Relaxed) }
    }
}

/// See the module's text.
pub struct LiveIngest {
    source: LiveSource,
    /// Venue, and line within it, of each line of the source.
    lines: Vec<(u8, u8)>,
    venues: Vec<LiveVenue>,
    directory: Directory,
    snapshots: Option<SnapshotPort>,
    tee: Option<Box<dyn Tee>>,
    pulse: FeedPulse,
    buffer: Box<[u8]>,
    /// Packets that the lines have given.
    packets: u64,
    /// Market events handed on.
    events: u64,
    socket_errors: u64,
}

impl LiveIngest {
    /// An ingest over an open source; `lines` says whose each of its lines is.
    #[must_use]
    pub fn new(
        source: LiveSource,
        lines: Vec<(u8, u8)>,
        venues: Vec<LiveVenue>,
        directory: Directory,
        snapshots: Option<SnapshotPort>,
        tee: Option<Box<dyn Tee>>,
    ) -> Self {
        Self {
            source,
            lines,
            venues,
            directory,
            snapshots,
            tee,
            pulse: FeedPulse::default(),
            buffer: vec![0; PACKET_BYTES_MAX].into_boxed_slice(),
            packets: 0,
            events: 0,
            socket_errors: 0,
        }
    }

    /// The same, with somebody who looks whether the feeds are silent.
    #[must_use]
    pub fn watched(self, pulse: FeedPulse) -> Self {
        Self { pulse, ..self }
    }

    /// One turn: whether there was anything to do.
    #[inline]
    pub fn poll(
        &mut self,
        now_ns: u64,
        distrust: &Distrust,
        sampler: &mut Sampler,
        mut sink: impl FnMut(&MarketEvent, PathStamps),
    ) -> bool {
        let mut worked = false;
        let Self { source, lines, venues, directory, tee, events, pulse, .. } = self;
        for _ in 0..PACKETS_A_TURN {
            let Datagram { payload, receive_ns, from_line } = match source.poll() {
                Ok(Some(datagram)) => datagram,
                Ok(None) => break,
                Err(_) => {
                    self.socket_errors += 1;
                    break;
                }
            };
            let mut stamps = PathStamps::begin(sampler.sample());
            worked = true;
            self.packets += 1;
            if let Some(tee) = tee {
                tee.packet(from_line, payload, receive_ns);
            }
            let Some(&(venue, line)) = lines.get(usize::from(from_line)) else { continue };
            let Some(LiveVenue { feed, .. }) = venues.get_mut(usize::from(venue)) else { continue };
            pulse.packet(usize::from(venue), self.packets);
            feed.on_packet(directory, usize::from(line), payload, receive_ns, now_ns, &mut |event| {
                stamps.mark(Stage::Decode);
                *events += 1;
                sink(event, stamps);
                // The packet's further messages have waited for what came of this one.
                stamps.mark(Stage::Wait);
            });
            if feed.arbiter().is_over() {
                pulse.ended(usize::from(venue));
            }
        }
        let distrusted = distrust.take();
        for venue in 0..self.venues.len() {
            if distrusted >> venue & 1 == 1 {
                let Self { venues, directory, events, .. } = self;
                venues[venue].feed.distrust(directory, now_ns, &mut |event| {
                    *events += 1;
                    sink(event, PathStamps::begin_answer(sampler.sample()));
                });
            }
            worked |= self.recover(venue, now_ns, sampler, &mut sink);
        }
        worked
    }

    /// What a venue's feed asks for, and what its servers have answered.
    #[inline]
    fn recover(
        &mut self,
        venue: usize,
        now_ns: u64,
        sampler: &mut Sampler,
        sink: &mut impl FnMut(&MarketEvent, PathStamps),
    ) -> bool {
        let Self { venues, directory, events, .. } = self;
        let feed = &mut venues[venue].feed;
        let loading = feed.is_loading();
        let action = feed.on_time(directory, now_ns, &mut |event| {
            *events += 1;
            sink(event, PathStamps::begin(sampler.sample()));
        });
        if feed.arbiter().state() == FeedState::Live && action.is_none() && !loading {
            return false;
        }
        if loading {
            self.record_portion(venue, now_ns);
        }
        self.recovering(venue, now_ns, action, sampler, sink);
        true
    }

    /// A recording holds what was taken in of a snapshot, at the time at which it was.
    #[cold]
    fn record_portion(&mut self, at: usize, now_ns: u64) {
        let Self { venues, tee, buffer, .. } = self;
        let LiveVenue { feed, tee_snapshots, .. } = &venues[at];
        if let (Some(tee), Some((next_sequence, blocks, last))) = (tee, feed.portion()) {
            recording::snapshot_packets(next_sequence, blocks, last, buffer, |packet| {
                tee.packet(*tee_snapshots, packet, now_ns);
            });
        }
    }

    #[cold]
    #[inline(never)]
    fn recovering(
        &mut self,
        at: usize,
        now_ns: u64,
        action: Option<Action>,
        sampler: &mut Sampler,
        sink: &mut impl FnMut(&MarketEvent, PathStamps),
    ) {
        let Self { venues, directory, snapshots, buffer, tee, events, pulse, .. } = self;
        let LiveVenue { feed, retransmission, tee_answers, .. } = &mut venues[at];
        let mut emit = |event: &MarketEvent| {
            *events += 1;
            sink(event, PathStamps::begin(sampler.sample()));
        };
        match (action, &retransmission, feed.arbiter().session()) {
            (Some(Action::Request { sequence, count }), Some(socket), Some(session)) => {
                // A request that the kernel does not take is asked again after the interval.
                let _ = socket.send(&Request { session, sequence, count }.encode());
            }
            (Some(Action::Snapshot), ..) => {
                if let Some(port) = snapshots {
                    let _ = port.wanted.push(feed.venue());
                }
            }
            _ => {}
        }
        if let Some(socket) = retransmission {
            for _ in 0..PACKETS_A_TURN {
                let Ok(length) = socket.recv(buffer) else { break };
                if let Some(tee) = tee {
                    tee.packet(*tee_answers, &buffer[..length], now_ns);
                }
                feed.on_retransmission(directory, &buffer[..length], now_ns, &mut emit);
            }
            if feed.arbiter().is_over() {
                pulse.ended(at);
            }
        }
        let Some(port) = snapshots else { return };
        if let Some(done) = feed.take_loaded() {
            let _ = port.done.push(done);
        }
        if let Ok((venue, snapshot)) = port.fetched.pop()
            && let Some(LiveVenue { feed, .. }) = venues.get_mut(usize::from(venue))
            && let Err(unwanted) = feed.load(snapshot, directory, now_ns, &mut emit)
        {
            // Its venue did without it.
            let _ = port.done.push(unwanted);
        }
    }

    /// Whether every venue's session has ended with nothing missing.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.venues.iter().all(|venue| venue.feed.arbiter().is_over())
    }

    /// Packets that the lines have given.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Messages handed on by all feeds, snapshots' not counted.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.venues.iter().map(|venue| venue.feed.arbiter().counters().messages).sum()
    }

    /// Polls that the kernel refused.
    #[must_use]
    pub const fn socket_errors(&self) -> u64 {
        self.socket_errors
    }

    /// The symbol directory as it stands.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The venues, for their figures.
    pub fn venues_mut(&mut self) -> &mut [LiveVenue] {
        &mut self.venues
    }

    /// The source, for its figures.
    pub const fn source_mut(&mut self) -> &mut LiveSource {
        &mut self.source
    }

    /// Venue and line within it of each line of the source.
    #[must_use]
    pub fn lines(&self) -> &[(u8, u8)] {
        &self.lines
    }
}

/// Hands an event to decide; an event that does not fit its book makes its feed distrusted, everything else ends the
/// run.
#[inline]
pub(super) fn hand_over(
    event: &MarketEvent,
    stamps: &mut PathStamps,
    decide: &mut Decide,
    sink: &mut impl OrderSink,
    shared: &LiveShared<'_>,
) -> Result<(), ReplayError> {
    match decide.market(event, stamps, sink) {
        Ok(()) => Ok(()),
        Err(DecideError::Book { venue, .. }) => {
            shared.book_errors.add(1);
            shared.distrust.raise(venue);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// What the loops of a live run share with cold threads.
pub struct LiveShared<'a> {
    /// Messages handed on.
    pub released: &'a Counter,
    /// Events that did not fit their book.
    pub book_errors: &'a Counter,
    /// Events that found the market ring full (`split`).
    pub ring_full: &'a Counter,
    /// Between decide and ingest.
    pub distrust: &'a Distrust,
    /// Ends the run.
    pub stop: &'a Stop,
    /// Core clock.
    pub calibration: Calibration,
}

/// All stages in one loop, until the sessions are over or the run is stopped.
///
/// # Errors
/// See [`ReplayError`].
pub fn run_inline(
    ingest: &mut LiveIngest,
    decide: &mut Decide,
    entry: &mut SocketEntry,
    mut timer: IntervalTimer,
    sampler: &mut Sampler,
    shared: &LiveShared<'_>,
    controls: &mut Controls,
    warmer: &mut Warmer,
) -> Result<(), ReplayError> {
    let mut turns = 0u64;
    let mut idle_turns = 0u64;
    loop {
        turns += 1;
        let now_ns = shared.calibration.utc_ns(tsc::now());
        controls.turn(decide, now_ns, entry)?;
        decide.poll_answers(now_ns, entry)?;
        let mut outcome = Ok(());
        let worked = ingest.poll(now_ns, shared.distrust, sampler, |event, mut stamps| {
            if outcome.is_ok() {
                outcome = hand_over(event, &mut stamps, decide, entry, shared);
            }
        });
        outcome?;
        if !worked || turns.is_multiple_of(POLL_EVERY) {
            shared.released.set(ingest.messages());
            entry.poll();
            if entry.journal_failed() {
                return Err(ReplayError::SessionJournal);
            }
            while let Some(execution) = entry.next_execution() {
                let execution = Execution { time_ns: decide.core().time_ns().max(now_ns), ..execution };
                decide.execution(&execution, &mut PathStamps::begin_answer(sampler.sample()), entry)?;
            }
            timer.start(now_ns);
            if timer.due_ns() <= now_ns {
                let mut stamps = decide.begin_answer();
                decide.timer(timer.due_ns(), &mut stamps, entry)?;
                timer.skip_to(now_ns);
            }
            if !worked {
                idle_turns += 1;
                if idle_turns.is_multiple_of(REHEARSE_EVERY) {
                    warmer.after_call(true);
                }
            }
        }
        if turns.is_multiple_of(STOP_EVERY) {
            if shared.stop.requested() {
                return Err(ReplayError::Stopped);
            }
            if ingest.is_over() && entry.is_quiet() {
                return Ok(());
            }
        }
    }
}

/// The ingest thread of `split`.
///
/// # Errors
/// See [`ReplayError`].
pub fn run_split_ingest(
    ingest: &mut LiveIngest,
    to_decide: &mut slot_ring::Producer<MarketHop>,
    finished: &AtomicBool,
    sampler: &mut Sampler,
    shared: &LiveShared<'_>,
    idle: Idle,
    beat: &mut Beat,
) -> Result<(), ReplayError> {
    let mut ended = false;
    loop {
        beat.beat();
        let now_ns = shared.calibration.utc_ns(tsc::now());
        let worked = ingest.poll(now_ns, shared.distrust, sampler, |event, stamps| {
            if to_decide.is_full() {
                shared.ring_full.add(1);
                // The lines are not read meanwhile; what the kernel drops then is a gap like any other.
                while to_decide.is_full() && !shared.stop.requested() {
                    idle.wait();
                }
            }
            let _ = to_decide.push(MarketHop { event: Some(*event), stamps });
        });
        shared.released.set(ingest.messages());
        if shared.stop.requested() {
            return Err(ReplayError::Stopped);
        }
        if ingest.is_over() && !ended {
            ended = to_decide.push(MarketHop::end()).is_ok();
        }
        // Acquire: pairs with decide's Release.
        if ended && finished.load(Ordering::Acquire) {
            return Ok(());
        }
        if !worked {
            idle.wait();
        }
    }
}
