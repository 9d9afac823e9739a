//! The simulated venues behind FIX or OUCH acceptors on TCP, one listener a venue, all on one thread.
//!
//! The server replays its own copy of the captures. In a run it follows the messages that the engine has released, so
//! that both are at the same point of the day; on its own (`warptick venue`) it keeps the wall clock's pace, from the
//! first logon on or at once, and publishes each message as it applies it, where a feed is configured; then it also keeps the venues' schedules. A lost connection cancels the client's orders. Errors of one client end that client's connection
//! and nothing else.

use crate::control::config::Config;
use crate::control::counters::Counter;
use crate::control::failure::Failure;
use crate::control::inputs::Inputs;
use crate::control::schedule_config::ScheduleConfig;
use crate::control::startup;
use crate::control::universe::Universe;
use crate::control::utc_watch::UtcWatch;
use crate::pipeline::idle::Idle;
use crate::pipeline::ingest::Ingest;
use crate::pipeline::tsc::{self, Calibration};
use crate::transport::endpoint::ConnectionAcceptor;
use crate::venue::VenueCore;
use crate::venue::desk::Desk;
use crate::venue::feed_server::FeedServer;
use crate::venue::front::VenueFront;
use crate::venue::hours::{HoursChange, VenueHours};

/// Market messages applied between two looks at the sockets.
const MESSAGES_A_TURN: u64 = 64;

/// Turns without any work after which a venue that has its own pace sleeps a little: it shares the machine.
const IDLE_TURNS: u32 = 1 << 10;

/// What tells the venue how far the day has gone.
#[derive(Clone, Copy, Debug)]
pub enum Clock<'a> {
    /// As far as the engine in this process has released messages.
    Following(&'a Counter),
    /// The wall clock.
    Wall {
        /// At this many times the capture's speed.
        times: f64,
        /// The day starts at once, not with the first logon.
        at_once: bool,
    },
}

/// See the module's text.
pub struct VenueServer<'a> {
    desks: Vec<Desk<VenueFront>>,
    names: Vec<String>,
    ingest: Ingest<'a>,
    calibration: Calibration,
    buffer: Box<[u8]>,
    failure: Option<String>,
    /// By venue; empty until [`Self::publish`].
    feeds: Vec<Option<FeedServer<'a>>>,
    /// By venue; empty until [`Self::keep_hours`].
    hours: Vec<Option<VenueHours>>,
    /// Follows the system clock, once hours are kept.
    utc: Option<UtcWatch>,
}

impl<'a> VenueServer<'a> {
    /// Opens a listener for every venue: its configured address, else a free port on 127.0.0.1.
    ///
    /// # Errors
    /// An address that cannot be listened on; what the venues are made of.
    pub fn bind(inputs: &'a Inputs, config: &Config) -> Result<Self, Failure> {
        let mut desks = Vec::new();
        for (gateway, venue) in startup::gateways(inputs, config)?.into_iter().zip(&config.venues) {
            let address = if venue.address.is_empty() { "127.0.0.1:0" } else { &venue.address };
            let way = ConnectionAcceptor::new(venue).map_err(Failure::Input)?;
            desks.push(Desk::bind(&venue.name, address, gateway, way)?);
        }
        Ok(Self {
            names: config.venues.iter().map(|venue| venue.name.clone()).collect(),
            desks,
            ingest: inputs.ingest(config.latency.line_ns)?,
            calibration: Calibration::measure(),
            buffer: vec![0; 1 << 16].into_boxed_slice(),
            failure: None,
            feeds: Vec::new(),
            hours: Vec::new(),
            utc: None,
        })
    }

    /// Publishes from now on the feeds of those venues that have one configured.
    ///
    /// # Errors
    /// An address that cannot be had; books that cannot be made.
    pub fn publish(&mut self, inputs: &'a Inputs, config: &Config) -> Result<(), Failure> {
        for ((number, input), venue) in (0u8..).zip(&inputs.venues).zip(&config.venues) {
            let feed = venue.feed.as_ref();
            let feed = feed.map(|feed| FeedServer::bind(input, feed, inputs.book_config(number)));
            self.feeds.push(feed.transpose()?);
        }
        Ok(())
    }

    /// Keeps the venues' schedules from now on, and follows the system clock.
    ///
    /// # Errors
    /// A schedule that cannot be.
    pub fn keep_hours(&mut self, config: &Config) -> Result<(), Failure> {
        for (venue, desk) in config.venues.iter().zip(&mut self.desks) {
            let schedule = venue.schedule.as_ref().map(ScheduleConfig::schedule).transpose();
            let hours = schedule.map_err(Failure::Input)?.map(VenueHours::new);
            desk.set_open(hours.is_none());
            self.hours.push(hours);
        }
        self.utc = Some(UtcWatch::new(self.calibration));
        Ok(())
    }

    /// Opens and closes by the schedules.
    fn follow_hours(&mut self) {
        let Some(utc) = &mut self.utc else { return };
        utc.turn();
        let offset_ns = utc.offset_ns();
        let now_ns = self.calibration.utc_ns(tsc::now());
        let utc_ns = now_ns.saturating_add_signed(offset_ns);
        for (desk, hours) in self.desks.iter_mut().zip(&mut self.hours) {
            desk.acceptor.set_utc_offset(offset_ns);
            let change = hours.as_mut().and_then(|hours| hours.turn(utc_ns, desk.has_client()));
            match change {
                None => continue,
                Some(HoursChange::Closed) => desk.acceptor.log_out(now_ns),
                Some(HoursChange::Opened) => desk.acceptor.start_over(),
            }
            desk.set_open(change == Some(HoursChange::Opened));
        }
    }

    /// The feed of each venue, by number, for those that publish one.
    #[must_use]
    pub fn feeds(&self) -> &[Option<FeedServer<'a>>] {
        &self.feeds
    }

    /// `HOST:PORT` of each venue's acceptor.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.desks.iter().map(Desk::address).collect()
    }

    fn now_ns(&self) -> u64 {
        self.calibration.utc_ns(tsc::now())
    }

    /// Serves until `over` says so.
    pub fn serve(&mut self, clock: Clock<'_>, over: impl Fn() -> bool) {
        let mut idle_turns = 0u32;
        let mut started: Option<(u64, u64)> = None;
        while !over() {
            let mut worked = false;
            self.follow_hours();
            let now_ns = self.now_ns();
            for desk in &mut self.desks {
                worked |= desk.serve(now_ns, &mut self.buffer);
            }
            worked |= match clock {
                Clock::Following(released) => self.follow(released.get()),
                Clock::Wall { times, at_once } => {
                    let has_begun = at_once || self.desks.iter().any(|desk| desk.connections() > 0);
                    if started.is_none() && has_begun {
                        started = self.ingest.next_time_ns().map(|first| (self.now_ns(), first));
                    }
                    let due = started.map(|(wall_ns, first_ns)| {
                        first_ns + ((self.now_ns() - wall_ns) as f64 * times) as u64
                    });
                    due.is_some_and(|due_ns| self.advance_to(due_ns))
                }
            };
            worked |= self.serve_feeds();
            idle_turns = if worked { 0 } else { idle_turns.saturating_add(1) };
            if idle_turns > IDLE_TURNS {
                // Not a bare yield: see `idle` for what becomes of threads that do nothing else.
                Idle::Yield.wait();
            }
        }
        let now_ns = self.now_ns();
        for desk in &mut self.desks {
            desk.close(now_ns);
        }
    }

    /// Publishes what has been applied, and serves who lost some of it.
    fn serve_feeds(&mut self) -> bool {
        if self.feeds.is_empty() {
            return false;
        }
        let now_ns = self.now_ns();
        let is_over = self.ingest.next_time_ns().is_none() || self.failure.is_some();
        let mut worked = false;
        for (venue, feed) in self.feeds.iter_mut().enumerate() {
            if let Some(feed) = feed {
                worked |= feed.turn(now_ns, self.ingest.messages_of(venue), is_over);
            }
        }
        worked
    }

    fn follow(&mut self, released: u64) -> bool {
        let until = released.min(self.ingest.messages() + MESSAGES_A_TURN);
        let mut worked = false;
        while self.ingest.messages() < until && self.failure.is_none() {
            worked = true;
            if !self.apply_next() {
                break;
            }
        }
        worked
    }

    fn advance_to(&mut self, due_ns: u64) -> bool {
        let until = self.ingest.messages() + MESSAGES_A_TURN;
        let mut worked = false;
        while self.ingest.messages() < until && self.ingest.next_time_ns().is_some_and(|time| time <= due_ns)
        {
            worked = true;
            if !self.apply_next() {
                break;
            }
        }
        worked
    }

    /// Applies the next message; `false` at the end of the day or of what can be read of it.
    fn apply_next(&mut self) -> bool {
        match self.ingest.next_message() {
            Ok(Some(Some(event))) => {
                let now_ns = self.calibration.utc_ns(tsc::now());
                if let Some(desk) = self.desks.get_mut(usize::from(event.venue)) {
                    desk.acceptor.on_market(&event, now_ns);
                }
                true
            }
            Ok(Some(None)) => true,
            Ok(None) => false,
            Err(error) => {
                self.failure.get_or_insert_with(|| error.to_string());
                false
            }
        }
    }

    /// The matching core of each venue, by number: what it has on record.
    pub fn cores(&self) -> impl Iterator<Item = &VenueCore> {
        self.desks.iter().map(|desk| desk.acceptor.core())
    }

    /// What a person should know after the venue has ended.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (desk, name) in self.desks.iter().zip(&self.names) {
            let (malformed, lost) = (desk.acceptor.malformed(), desk.acceptor.lost_reports());
            if malformed > 0 || lost > 0 {
                notes.push(format!("venue {}: {malformed} malformed messages, {lost} reports lost", name));
            }
        }
        for (desk, name) in self.desks.iter().zip(&self.names) {
            notes.extend(desk.refusals().map(|what| format!("venue {name}: {what}")));
        }
        for (name, feed) in self.names.iter().zip(&self.feeds) {
            notes.extend(feed.as_ref().map(|feed| format!("{name} feed: {}", feed.report())));
        }
        notes.extend(self.failure.iter().map(|error| format!("venue feed: {error}")));
        notes
    }
}
