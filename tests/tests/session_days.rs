//! Session days by a venue's schedule: a week in virtual time, a live run over the end of a session, and a system clock that
//! is stepped.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine::control::config::{Config, Topology, VenueConfig};
use engine::control::journal::{JournalReader, JournalThread, RecordKind};
use engine::control::live_run::{self, LiveOptions};
use engine::control::schedule_config::ScheduleConfig;
use engine::control::session_schedule::{SessionSchedule, SessionSpan};
use engine::control::shutdown::Stop;
use engine::control::startup;
use engine::fix::identity::SessionIds;
use engine::fix::session::{Outcome, Reset, Session, SessionConfig, State};
use engine::fix::templates::TemplateFormat;
use engine::pipeline::order_entry::OrderEntry;
use engine::pipeline::socket_entry::{Made, SocketEntry};
use engine::pipeline::stamps;
use engine::pipeline::tsc::{Calibration, system_utc_ns};
use engine::pipeline::utc_offset::UtcOffset;
use engine::transport::endpoint::Endpoint;
use engine::venue::hours::{HoursChange, VenueHours};
use engine::venue::server::{Clock, VenueServer};
use feeds::send_buffer::SendBuffer;
use feeds::symbol::Symbol;
use warptick_tests::live_day;
use warptick_tests::ports::free_udp_ports;

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * SECOND;

fn schedule(lines: &str) -> SessionSchedule {
    let config: ScheduleConfig = toml::from_str(lines).expect("it is TOML");
    config.schedule().expect("it is a schedule")
}

/// The messages of one kind in session bytes, as `tag=value|`.
fn messages(bytes: &[u8], kind: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).replace('\x01', "|");
    let messages = text.split_inclusive("|10=").flat_map(|part| part.split("8=FIX").skip(1));
    messages.filter(|message| message.contains(&format!("|35={kind}|"))).map(str::to_owned).collect()
}

fn field<'a>(message: &'a str, tag: &str) -> Option<&'a str> {
    message.split('|').find_map(|field| field.strip_prefix(tag)?.strip_prefix('='))
}

/// Both ends of a session in one place, and everything that our end has sent.
struct Pair {
    entry: OrderEntry,
    venue: Session,
    venue_out: SendBuffer,
    sent: Vec<u8>,
    connected: bool,
}

impl Pair {
    fn new(reset: Reset) -> Self {
        let ids = SessionIds::new("FIX.4.4", "WARPTICK", "VENUE").expect("they are good");
        let config = SessionConfig { reset, ..SessionConfig::initiator(ids.clone(), 600) };
        let symbols = [Symbol::new("A").expect("a symbol")];
        let entry = OrderEntry::new(vec![(config, ids.clone())], &symbols, TemplateFormat::default(), None);
        Self {
            entry: entry.expect("it is good"),
            venue: Session::new(SessionConfig::acceptor(ids.reversed())),
            venue_out: SendBuffer::with_capacity(1 << 16),
            sent: Vec::new(),
            connected: false,
        }
    }

    fn connect(&mut self, now_ns: u64) {
        self.connected = true;
        self.entry.connected(0, now_ns);
        let _ = self.venue.on_connect(now_ns, &mut self.venue_out);
    }

    fn cut(&mut self) {
        self.connected = false;
        self.entry.disconnected(0);
        self.venue.on_disconnect();
        self.venue_out.clear();
    }

    fn next_timer_ns(&self) -> u64 {
        self.entry.next_timer_ns().min(self.venue.next_timer_ns())
    }

    /// What is due, and all that both have to say to each other.
    fn turn(&mut self, now_ns: u64) {
        if !self.connected {
            return;
        }
        self.entry.on_timer(now_ns);
        let _ = self.venue.on_timer(now_ns, &mut self.venue_out);
        loop {
            let to_venue = self.entry.pending(0).to_vec();
            self.entry.consume(0, to_venue.len());
            self.sent.extend_from_slice(&to_venue);
            let Self { venue, venue_out, .. } = self;
            let _ = venue.on_bytes(now_ns, &to_venue, venue_out, &mut |_, _, _| Ok(()));
            let to_us = self.venue_out.pending().to_vec();
            self.venue_out.consume(to_us.len());
            self.entry.receive(0, now_ns, &to_us, &mut |_| ());
            if to_us.is_empty() && to_venue.is_empty() {
                break;
            }
        }
        if self.entry.wants_close(0) || matches!(self.venue.state(), State::Closed(_)) {
            self.cut();
        }
    }
}

#[test]
fn a_week_ends_with_a_logout_and_the_next_begins_with_number_one() {
    let week = schedule(
        "time_zone = \"America/Chicago\"\nstart_time = \"17:00\"\nend_time = \"16:00\"\n\
         start_day = \"Sunday\"\nend_day = \"Friday\"",
    );
    for reset in [Reset::FirstLogon, Reset::Never] {
        let mut pair = Pair::new(reset);
        let mut hours = VenueHours::new(week.clone());
        // 2026-03-01 was a Sunday; the second week begins on the day on which clocks go forward.
        let first: SessionSpan = week.next_session(1_772_323_200 * SECOND).expect("one follows");
        let second = week.next_session(first.start_ns).expect("one follows");
        assert_eq!(second.start_ns - first.start_ns, 167 * HOUR);
        let (cut_ns, until_ns) = (first.start_ns + 60 * HOUR, second.start_ns + 2 * HOUR);
        let mut ours: Option<SessionSpan> = None;
        let (mut logged_on, mut was_cut) = (Vec::new(), false);
        let mut numbers = Vec::new();
        let mut now_ns = first.start_ns - 5 * HOUR;
        while now_ns < until_ns {
            match hours.turn(now_ns, pair.connected) {
                Some(HoursChange::Opened) => pair.venue.start_over(),
                Some(HoursChange::Closed) | None => {}
            }
            let open = week.session_at(now_ns);
            if now_ns >= cut_ns && !was_cut {
                was_cut = true;
                numbers.push(pair.entry.sequence_numbers(0));
                pair.cut();
            } else if let Some(session) = open.filter(|_| !pair.connected) {
                assert!(hours.is_open());
                if ours.is_some_and(|ours| ours.start_ns != session.start_ns) {
                    numbers.push(pair.entry.sequence_numbers(0));
                    pair.entry.start_over(0);
                }
                ours = Some(session);
                pair.connect(now_ns);
                logged_on.push(now_ns);
            } else if let Some(session) = ours.filter(|session| pair.connected && session.end_ns <= now_ns) {
                assert_eq!((session, now_ns), (first, first.end_ns));
                pair.entry.logout_from(0, now_ns);
            }
            pair.turn(now_ns);
            let changes = [cut_ns, first.start_ns, first.end_ns, second.start_ns, until_ns];
            let change = changes.into_iter().find(|&change| change > now_ns).unwrap_or(until_ns);
            let timer_ns = if pair.connected { pair.next_timer_ns() } else { u64::MAX };
            // A venue lingers for a moment behind its Logout, and a cut line is tried again after a moment.
            now_ns = change.min(timer_ns.max(now_ns + 1)).min(now_ns + HOUR);
        }
        assert_eq!(logged_on.len(), 3, "{reset:?}");
        assert_eq!((logged_on[0], logged_on[2]), (first.start_ns, second.start_ns), "{reset:?}");
        let logons = messages(&pair.sent, "A");
        let of = |tag| logons.iter().map(|logon| field(logon, tag)).collect::<Vec<_>>();
        let flag = (reset == Reset::FirstLogon).then_some("Y");
        assert_eq!(of("141"), [flag, None, flag], "{reset:?}: only a new week says so");
        // 60 hours of a heartbeat every 10 minutes and the Logon; then it goes on.
        assert_eq!(numbers[0], Some((361, 361)), "{reset:?}");
        assert_eq!(of("34"), [Some("1"), Some("361"), Some("1")], "{reset:?}");
        let logouts = messages(&pair.sent, "5");
        assert_eq!(logouts.len(), 1, "{reset:?}");
        let last = numbers[1].expect("FIX").0;
        assert_eq!(field(&logouts[0], "34"), Some((last - 1).to_string().as_str()), "{reset:?}");
        // Two hours into the second week: the Logon and 11 or 12 heartbeats.
        let (outgoing, incoming) = pair.entry.sequence_numbers(0).expect("FIX");
        assert!((12..=14).contains(&outgoing) && (12..=14).contains(&incoming), "{outgoing}, {incoming}");
        assert_eq!(pair.venue.next_incoming(), outgoing, "{reset:?}");
    }
}

/// `HH:MM:SS` UTC so many seconds after a moment.
fn clock(utc_s: u64, after_s: u64) -> String {
    let second = (utc_s + after_s) % 86_400;
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

#[test]
fn a_live_run_keeps_the_venues_hours() {
    let session = live_day::session(20_000, 10, Some(9));
    let ports: [u16; 8] = free_udp_ports();
    let begin_s = system_utc_ns() / SECOND;
    // NASDAQ: a session ends in 6 seconds, the next starts in 8. BX: the first session starts in 7 seconds.
    let (end_s, start_s, late_s) = (6, 8, 7);
    let hours = |start: u64, end: u64| {
        let (start, end) = (clock(begin_s, start), clock(begin_s, end));
        format!("[venues.schedule]\ntime_zone = \"UTC\"\nstart_time = \"{start}\"\nend_time = \"{end}\"\n")
    };
    let mut text = "date = \"2026-01-05\"\n[pipeline]\ntimer_ms = 5\nmessages_max = 100000\n\
         [books]\nlate_listings_max = 64\norders_max = 40000\nlevels_max = 20000\n\
         [reconnect]\nfirst_ms = 20\nmax_ms = 200\n"
        .to_owned();
    for (name, hours, ports) in
        [("NASDAQ", hours(start_s, end_s), &ports[..4]), ("BX", hours(late_s, 3_600), &ports[4..])]
    {
        text += &format!(
            "[[venues]]\nname = \"{name}\"\naddress = \"127.0.0.1:0\"\n{hours}[venues.feed]\n\
             line_a = \"127.0.0.1:{}\"\nline_b = \"127.0.0.1:{}\"\nretransmission = \"127.0.0.1:{}\"\n\
             glimpse = \"127.0.0.1:{}\"\n[venues.feed.client]\nreorder_wait_us = 40000\n\
             request_interval_us = 20000\nwindow_messages = 65536\n",
            ports[0], ports[1], ports[2], ports[3],
        );
    }
    let config = Config::parse("hours", &text).expect("a configuration");
    let mut config = startup::complete(&session, config).expect("instruments");
    config.pipeline.topology = Topology::Inline;
    let mut server = VenueServer::bind(&session, &config).expect("a venue");
    server.publish(&session, &config).expect("a feed");
    server.keep_hours(&config).expect("hours");
    for (venue, address) in config.venues.iter_mut().zip(server.addresses()) {
        venue.address = address;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let journal = directory.path().join("journal");
    let options = LiveOptions { journal: Some(journal.clone()), ..LiveOptions::default() };
    let (over, stop) = (&AtomicBool::new(false), Stop::new());
    let live = std::thread::scope(|scope| {
        scope.spawn(|| {
            // The day lasts until both venues have opened and their sessions have gone on for a while.
            let clock = Clock::Wall { times: 1.0, at_once: false };
            server.serve(clock, || over.load(Ordering::Relaxed));
        });
        let live = live_run::run(&config, &options, &stop, Vec::new());
        over.store(true, Ordering::Relaxed);
        live
    });
    let live = live.unwrap_or_else(|failure| panic!("{failure}"));
    let notes = live.outcome.notes.join("\n");
    assert!(!notes.contains(" lost, "), "by schedule: nothing was lost: {notes}");
    let (mut connected, mut sent, mut logouts) = ([vec![], vec![]], [vec![], vec![]], vec![]);
    let mut received = vec![];
    let mut reader = JournalReader::open(&journal, JournalThread::OrderEntry).expect("a journal");
    while let Some(record) = reader.next_record().expect("intact") {
        let venue = usize::from(record.session);
        match record.kind {
            RecordKind::Connected => connected[venue].push(record.time_ns),
            RecordKind::Sent => {
                sent[venue].extend_from_slice(record.payload);
                if venue == 0 && !messages(record.payload, "5").is_empty() {
                    logouts.push(record.time_ns);
                }
            }
            RecordKind::Received if venue == 0 => received.extend_from_slice(record.payload),
            _ => {}
        }
    }
    // As integers: a time of today as a float is a multiple of 256 ns.
    let after = |times: &[u64]| -> Vec<f64> {
        times.iter().map(|ns| ns.saturating_sub(begin_s * SECOND) as f64 / 1e9).collect()
    };
    let (nasdaq, bx, logouts) = (after(&connected[0]), after(&connected[1]), after(&logouts));
    // The hours go by the system's clock and the journal's times by the engine's, which are some 100 ns apart.
    let is_soon = |at: f64, due: u64| (due as f64 - 0.001..due as f64 + 1.0).contains(&at);
    assert!(
        nasdaq.len() == 2 && nasdaq[0] < end_s as f64 && is_soon(nasdaq[1], start_s),
        "NASDAQ at {nasdaq:?}"
    );
    assert!(bx.len() == 1 && is_soon(bx[0], late_s), "BX at {bx:?}");
    assert!(logouts.len() == 2 && is_soon(logouts[0], end_s), "Logouts at {logouts:?}");
    for (direction, bytes) in [("sent", &sent[0]), ("received", &received)] {
        let logons = messages(bytes, "A");
        assert_eq!(logons.len(), 2, "{direction}: {logons:?}");
        for logon in &logons {
            assert_eq!(
                (field(logon, "34"), field(logon, "141")),
                (Some("1"), Some("Y")),
                "{direction}: {logon}"
            );
        }
        assert_eq!(messages(bytes, "5").len(), 2, "{direction}: one a session");
    }
    assert_eq!(messages(&sent[1], "A").len(), 1);
}

#[test]
fn a_stepped_clock_changes_what_is_written_and_no_timer() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let ids = SessionIds::new("FIX.4.4", "WARPTICK", "VENUE").expect("they are good");
    let (stepped, over) = (&AtomicBool::new(false), &AtomicBool::new(false));
    let calibration = Calibration::measure();
    let (sent, closed) = std::thread::scope(|scope| {
        let venue_ids = ids.reversed();
        let venue = scope.spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            stream.set_read_timeout(Some(Duration::from_millis(1))).expect("an option");
            let mut session = Session::new(SessionConfig::acceptor(venue_ids));
            let (mut out, mut sent) = (SendBuffer::with_capacity(1 << 16), Vec::new());
            let _ = session.on_connect(system_utc_ns(), &mut out);
            let mut buffer = [0; 4096];
            while !over.load(Ordering::Relaxed) {
                let now_ns = system_utc_ns();
                let length = match stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(length) => length,
                    Err(_) => 0,
                };
                sent.extend_from_slice(&buffer[..length]);
                // Its system clock is the same one.
                session.set_utc_offset(if stepped.load(Ordering::Relaxed) { HOUR as i64 } else { 0 });
                let mut outcome =
                    session.on_bytes(now_ns, &buffer[..length], &mut out, &mut |_, _, _| Ok(()));
                if outcome == Outcome::Open {
                    outcome = session.on_timer(now_ns, &mut out);
                }
                stream.write_all(out.pending()).expect("a client");
                out.consume(out.pending().len());
                if let Outcome::Close(reason) = outcome {
                    return (sent, Some(reason));
                }
            }
            (sent, None)
        });
        let config = SessionConfig::initiator(ids.clone(), 1);
        let symbols = [Symbol::new("A").expect("a symbol")];
        let entry = OrderEntry::new(vec![(config, ids)], &symbols, TemplateFormat::default(), None);
        let connection = Endpoint::new(&VenueConfig::named("VENUE"), &address).and_then(|way| way.connect());
        let (writer, _reader) = stamps::channel(64);
        let utc = UtcOffset::default();
        let now_ns = system_utc_ns();
        // The session ends in half an hour.
        let session = Some(SessionSpan { start_ns: now_ns - HOUR, end_ns: now_ns + HOUR / 2 });
        let made = Made { venue: 0, connection: connection.expect("the venue listens"), session };
        let entry = entry.expect("it is good");
        let entry = SocketEntry::with_open(entry, 1, vec![made], writer, calibration);
        let mut entry = entry.following(utc.clone());
        entry.log_on(&Stop::new()).expect("a logon");
        let begin = Instant::now();
        let mut poll_until = |seconds: f64| {
            while begin.elapsed().as_secs_f64() < seconds {
                entry.poll();
                std::thread::sleep(Duration::from_micros(200));
            }
        };
        poll_until(1.2);
        // Back by less than the venue's tolerance: no timer waits for the time to come again.
        utc.publish(-100 * SECOND as i64);
        poll_until(2.4);
        stepped.store(true, Ordering::Relaxed);
        utc.publish(HOUR as i64);
        poll_until(3.0);
        over.store(true, Ordering::Relaxed);
        venue.join().expect("the venue")
    });
    // The step forward ended the session: its end is a time on the wall.
    assert_eq!(messages(&sent, "5").len(), 1, "{}", String::from_utf8_lossy(&sent));
    assert_eq!(closed.map(|reason| format!("{reason:?}")), None, "we close when the Logout is answered");
    let second = |message: &String| {
        let time = field(message, "52").expect("SendingTime").split('-').nth(1).expect("a time").to_owned();
        let part = |at: usize| time[at..at + 2].parse::<i64>().expect("digits");
        part(0) * 3600 + part(3) * 60 + part(6)
    };
    let (logon, heartbeats) = (&messages(&sent, "A")[0], messages(&sent, "0"));
    assert!((2..=3).contains(&heartbeats.len()), "one a second: {heartbeats:?}");
    let passed = |message: &String| (second(message) - second(logon)).rem_euclid(86_400);
    assert!((1..=2).contains(&passed(&heartbeats[0])), "{heartbeats:?}");
    assert!((86_400 - 99..86_400 - 95).contains(&passed(&heartbeats[1])), "100 s back: {heartbeats:?}");
    let logout = &messages(&sent, "5")[0];
    assert!((3_600..3_606).contains(&passed(logout)), "an hour forward: {logout}");
}
