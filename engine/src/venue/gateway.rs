//! The FIX 4.4 acceptor of a simulated venue: sessions and codec around [`VenueCore`], sans-I/O.
//!
//! Bytes of a client and market events in, bytes for the client out. One client session at a time; when it goes, the
//! venue cancels its orders (cancel-on-disconnect, unless it is told not to). The session lives on: reports to an absent client are numbered and
//! kept, and a client that logs on again without a reset asks for them. What the session says about closing is read from
//! its state ([`Acceptor::wants_close`]), not from each call. Allocates at construction only.

use feeds::event::{INSTRUMENT_NONE, MarketEvent};
use feeds::send_buffer::SendBuffer;
use feeds::symbol::Symbol;

use crate::fix::codec::Header;
use crate::fix::frame::FRAME_MAX;
use crate::fix::identity::SessionIds;
use crate::fix::sent_log::SentLog;
use crate::fix::session::{Session, SessionConfig, State};
use crate::fix::timestamp::TimePrecision;
use crate::fix::{reports, requests, status_request};
use crate::venue::desk::Acceptor;
use crate::venue::{OrderRequest, Reports, TradeChange, VenueCore};

/// Bytes that may wait for the client, at least; all that one call reports fits ([`VenueCore::reports_max`]).
const SEND_BUFFER_BYTES: usize = 1 << 20;

/// More than a report takes.
const REPORT_BYTES: usize = 512;

/// Bytes and messages of the client's session that can be sent again.
const SENT: (usize, usize) = (1 << 24, 1 << 16);

/// Messages that are sent again in one turn at most.
const RESENT_A_TURN: usize = 16;

/// The only session of a gateway.
const SESSION: u16 = 0;

/// See the module's text.
pub struct Gateway {
    core: VenueCore,
    session: Session,
    ids: SessionIds,
    out: SendBuffer,
    sent: SentLog,
    /// Bytes at the front of `out` that are in `sent` already.
    recorded: usize,
    reports: Reports,
    /// A report that finds no room in `out`.
    unsent: Box<[u8; FRAME_MAX]>,
    /// Sorted by symbol.
    instruments: Vec<(Symbol, u32)>,
    symbols: Vec<Symbol>,
    malformed: u64,
    lost_reports: u64,
    cancels_on_disconnect: bool,
}

impl Gateway {
    /// A gateway in front of a core. `symbols` by instrument; `ids` from the venue's view.
    #[must_use]
    pub fn new(core: VenueCore, config: SessionConfig, ids: &SessionIds, symbols: &[Symbol]) -> Self {
        let mut instruments: Vec<_> = symbols.iter().copied().zip(0u32..).collect();
        instruments.sort_unstable();
        let out = SendBuffer::with_capacity(SEND_BUFFER_BYTES.max(core.reports_max() * REPORT_BYTES));
        Self {
            reports: Reports::with_capacity(core.reports_max()),
            unsent: Box::new([0; FRAME_MAX]),
            core,
            session: Session::new(config),
            ids: ids.clone(),
            out,
            sent: SentLog::new(SENT.0, SENT.1),
            recorded: 0,
            instruments,
            symbols: symbols.to_vec(),
            malformed: 0,
            lost_reports: 0,
            cancels_on_disconnect: true,
        }
    }

    /// The same; orders of a client that is gone live on unless it is told to cancel them.
    #[must_use]
    pub fn cancelling_on_disconnect(self, cancels_on_disconnect: bool) -> Self {
        Self { cancels_on_disconnect, ..self }
    }

    /// What the client wants again, a few messages a turn.
    fn resend(&mut self, now_ns: u64) {
        if self.session.is_resending() {
            let _ = self.session.resend(now_ns, &self.sent, RESENT_A_TURN, &mut self.out);
            self.record();
        }
    }

    /// When [`Acceptor::on_timer`] has something to do next, ns.
    #[must_use]
    pub fn next_timer_ns(&self) -> u64 {
        if self.session.is_resending() { 0 } else { self.session.next_timer_ns() }
    }

    /// The session is over by the venue's schedule: the client is logged out.
    pub fn log_out(&mut self, now_ns: u64) {
        let _ = self.session.logout(now_ns, &mut self.out);
        self.record();
    }

    /// A new session day has begun: both sequences start at 1 with the next connection. Between two connections only.
    pub const fn start_over(&mut self) {
        self.session.start_over();
    }

    /// UTC minus the time that callers pass, ns: what SendingTime(52) is written with from now on.
    pub const fn set_utc_offset(&mut self, offset_ns: i64) {
        self.session.set_utc_offset(offset_ns);
    }

    /// The core, for reports and tests.
    #[must_use]
    pub const fn core(&self) -> &VenueCore {
        &self.core
    }

    /// One event of the replayed feed.
    pub fn on_market(&mut self, event: &MarketEvent, now_ns: u64) {
        self.reports.clear();
        self.core.on_market(event, &mut self.reports);
        if !self.reports.is_empty() {
            self.send_reports(now_ns);
        }
    }

    /// The venue busts or corrects a fill, and says so. Whether there is such a one.
    pub fn change_trade(&mut self, now_ns: u64, change: &TradeChange) -> bool {
        self.reports.clear();
        let is_there = self.core.change_trade(now_ns, change, &mut self.reports);
        self.send_reports(now_ns);
        is_there
    }

    fn send_reports(&mut self, now_ns: u64) {
        // What the session itself has written since goes first: its numbers are lower, and a log that is given a lower number
        // than its last takes it for a new sequence.
        self.record();
        for report in self.reports.iter() {
            // A report about a symbol that nobody lists can only be a reject; FIX wants some symbol there.
            let symbol = self.symbols.get(report.instrument as usize).map_or(&b"?"[..], Symbol::trimmed);
            let header = Header {
                ids: &self.ids,
                sequence: self.session.reserve_sequence(),
                sending_time_ns: self.session.utc_ns(now_ns),
                time_precision: TimePrecision::Microseconds,
            };
            let has_room = self.session.is_logged_on() && self.out.room() >= FRAME_MAX;
            let space = if has_room { self.out.space(FRAME_MAX) } else { &mut self.unsent[..] };
            let Ok(length) = reports::encode(report, symbol, &header, space) else {
                self.lost_reports += 1;
                continue;
            };
            self.session.sent(now_ns);
            if has_room {
                self.out.commit(length);
            } else {
                // Nobody is there, or reads: the client finds its number missing and asks for it.
                record(&self.out, &mut self.recorded, &mut self.sent);
                self.sent.record(&self.unsent[..length]);
            }
        }
        self.record();
    }

    fn record(&mut self) {
        record(&self.out, &mut self.recorded, &mut self.sent);
    }

    /// Messages of the client that could not be understood.
    #[must_use]
    pub const fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Reports that have no FIX text.
    #[must_use]
    pub const fn lost_reports(&self) -> u64 {
        self.lost_reports
    }
}

impl Acceptor for Gateway {
    fn connected(&mut self, now_ns: u64) {
        self.out.clear();
        self.recorded = 0;
        let _ = self.session.on_connect(now_ns, &mut self.out);
    }

    /// The client's orders are cancelled; it learns of it when it is back.
    fn disconnected(&mut self, now_ns: u64) {
        self.session.on_disconnect();
        self.out.clear();
        self.recorded = 0;
        if !self.cancels_on_disconnect {
            return;
        }
        self.reports.clear();
        self.core.on_disconnect(SESSION, now_ns, &mut self.reports);
        self.send_reports(now_ns);
    }

    fn on_bytes(&mut self, now_ns: u64, bytes: &[u8]) {
        let Self { core, session, out, reports, instruments, malformed, .. } = self;
        reports.clear();
        let _ = session.on_bytes(now_ns, bytes, out, &mut |now_ns, message_type, frame| {
            if message_type == b'3' {
                *malformed += 1;
                return Ok(());
            }
            let decoded = if message_type == b'H' {
                status_request::decode(frame, SESSION)
            } else {
                requests::decode(frame, SESSION).map(|decoded| (decoded.request, decoded.symbol))
            };
            match decoded {
                Ok((request, symbol)) => {
                    let request = OrderRequest { instrument: instrument_of(instruments, symbol), ..request };
                    core.on_request(now_ns, &request, reports);
                }
                Err(error) => {
                    *malformed += 1;
                    return Err(error);
                }
            }
            Ok(())
        });
        self.send_reports(now_ns);
        self.resend(now_ns);
    }

    fn on_timer(&mut self, now_ns: u64) {
        if self.session.next_timer_ns() <= now_ns {
            let _ = self.session.on_timer(now_ns, &mut self.out);
            self.record();
        }
        self.resend(now_ns);
    }

    fn pending(&self) -> &[u8] {
        self.out.pending()
    }

    fn consume(&mut self, count: usize) {
        self.out.consume(count);
        self.recorded = self.recorded.saturating_sub(count);
    }

    fn wants_close(&self) -> bool {
        matches!(self.session.state(), State::Closed(_))
    }
}

/// What was queued since the last call can be sent again.
fn record(out: &SendBuffer, recorded: &mut usize, sent: &mut SentLog) {
    let pending = out.pending();
    sent.record(&pending[(*recorded).min(pending.len())..]);
    *recorded = pending.len();
}

fn instrument_of(instruments: &[(Symbol, u32)], symbol: &[u8]) -> u32 {
    let Some(symbol) = std::str::from_utf8(symbol).ok().and_then(|text| Symbol::new(text).ok()) else {
        return INSTRUMENT_NONE;
    };
    match instruments.binary_search_by_key(&symbol, |&(symbol, _)| symbol) {
        Ok(at) => instruments[at].1,
        Err(_) => INSTRUMENT_NONE,
    }
}
