//! What the gateway adds to a round trip over TCP: an order's bytes out, the report's bytes in, against a bare busy-polled
//! echo of as many bytes on the same host.
//!
//! Two threads on the first two CPUs, both spinning, one order in flight. The peer answers whatever ends like a message
//! with the next of answers that were prepared before: a Logon, then ExecutionReports, each the fill of its order. *bare*
//! writes one prepared order again and again to a plain non-blocking socket and reads until the answer is whole; it looks
//! at nothing, and its write call alone is timed too: what a send on such a socket costs at least. *tcp*, *uring* and *tls* encode each order (`OrderEntry::encode`), send it, poll the transport and hand what
//! comes to the session until the execution is there. Rounds of all variants take turns, and so does which is first; each
//! round is a new connection and a new session. A ratio is that of the medians of one round.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use engine::control::config::VenueConfig;
use engine::control::cpus::Host;
use engine::control::placement::{Role, pin_current};
use engine::control::transport_config::{TlsConfig, TransportKind};
use engine::fix::codec::{Encoder, Header};
use engine::fix::fix44;
use engine::fix::identity::SessionIds;
use engine::fix::reports::{REPORT_BYTES_MAX, encode};
use engine::fix::session::SessionConfig;
use engine::fix::templates::TemplateFormat;
use engine::fix::timestamp::TimePrecision;
use engine::order::{Execution, ExecutionKind, Intent, Order, OrderAction, RejectReason, TimeInForce};
use engine::pipeline::order_entry::OrderEntry;
use engine::pipeline::risk::{EngineLimits, InstrumentLimits, Reference, Risk, RiskApproved, Stamp};
use engine::pipeline::tsc::{self, Calibration};
use engine::transport::endpoint::{ConnectionAcceptor, Endpoint};
use engine::transport::{Connection, Transport};
use engine::venue::{ClOrdIdText, OrderStatus, VenueReport};
use feeds::event::Side;
use feeds::symbol::Symbol;
use feeds::units::PRICE_SCALE;
use rcgen::{CertificateParams, KeyPair};

use crate::line::Line;
use crate::timing::{Figures, Samples, tenths};

const ROUNDS: usize = 15;
const ROUND_TRIPS: usize = 5_000;
const WARM_UP: usize = 500;

/// ClOrdID of the first order.
const FIRST_ID: u64 = 2_026_112_100_000_000;

/// Turns without an answer after which the peer counts as gone, some seconds.
const PATIENCE_TURNS: u32 = 1 << 24;

const VARIANTS: [&str; 4] = ["bare", "tcp", "uring", "tls"];

/// What a round came to.
struct Timed {
    round_trip: Figures,
    /// Of the write call alone, where it is a plain one.
    send_call: Option<Figures>,
}

/// What both sides are given.
struct Load {
    venues: [VenueConfig; 4],
    orders: Vec<RiskApproved<Order>>,
    /// One order as bytes, for the bare echo.
    request: Vec<u8>,
    calibration: Calibration,
    near: usize,
    far: usize,
}

/// Runs it.
///
/// # Errors
/// A CPU or a connection that cannot be had; an execution that is not the answer to its order.
pub fn run() -> Result<Vec<Line>, String> {
    let host = Host::read().map_err(|error| error.to_string())?;
    let cpus: Vec<_> = host.online().take(2).collect();
    let &[near, far] = cpus.as_slice() else {
        let line = Line::new("fix_round_trip", "", "two threads", "none");
        return Ok(vec![line.with("skipped", "needs two CPUs")]);
    };
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let plain = VenueConfig::named("VENUE");
    let uring = VenueConfig { transport: TransportKind::Uring, ..plain.clone() };
    let tls = VenueConfig { tls: Some(certificate(directory.path())?), ..plain.clone() };
    let calibration = Calibration::measure();
    let orders = orders()?;
    let mut entry = entry()?;
    let request = first_order_bytes(&mut entry, &orders, &calibration)?;
    let venues = [plain.clone(), plain, uring, tls];
    let load = Load { venues, orders, request, calibration, near: near.id, far: far.id };

    let mut rounds: [Vec<Figures>; 4] = Default::default();
    let (mut answer_bytes, mut sends) = (0, Vec::new());
    for round in 0..ROUNDS {
        for turn in 0..VARIANTS.len() {
            let variant = (round + turn) % VARIANTS.len();
            let (Timed { round_trip, send_call }, bytes) =
                load.round(variant).map_err(|error| format!("{}: {error}", VARIANTS[variant]))?;
            rounds[variant].push(round_trip);
            sends.extend(send_call.and_then(|figures| figures.p50_ns));
            answer_bytes = bytes;
        }
    }
    let median = |values: Vec<f64>| {
        let mut values = values;
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let of = |variant: usize, figure: fn(&Figures) -> Option<f64>| {
        median(rounds[variant].iter().filter_map(figure).collect())
    };
    let mut lines = Vec::new();
    for (variant, name) in VARIANTS.iter().enumerate() {
        let figures = Figures {
            samples: ROUNDS * ROUND_TRIPS,
            calls_per_sample: 1,
            min_ns: of(variant, |figures| figures.min_ns),
            p50_ns: of(variant, |figures| figures.p50_ns),
            p90_ns: of(variant, |figures| figures.p90_ns),
            p99_ns: of(variant, |figures| figures.p99_ns),
            p999_ns: None,
            max_ns: of(variant, |figures| figures.max_ns),
            clock_pair_ns: of(variant, |figures| figures.clock_pair_ns),
        };
        let mut ratios: Vec<f64> = rounds[variant]
            .iter()
            .zip(&rounds[0])
            .filter_map(|(ours, bare)| Some(ours.p50_ns? / bare.p50_ns?))
            .collect();
        ratios.sort_by(f64::total_cmp);
        let hundredths = |ratio: &f64| (ratio * 100.0).round() / 100.0;
        lines.push(
            Line::new(
                "fix_round_trip",
                name,
                "closed loop, one order in flight, two spinning threads, loopback",
                &format!("{WARM_UP} round trips of each of {ROUNDS} rounds"),
            )
            .pinned(&format!("client on CPU {}, peer on CPU {}", load.near, load.far))
            .figures(figures)
            .given([&load.request])
            .with("percentiles_are", "medians of the rounds' percentiles")
            .with("order_bytes", load.request.len())
            .with("answer_bytes", tenths(answer_bytes as f64))
            .with("send_call_p50_ns", if variant == 0 { median(sends.clone()) } else { None })
            .with("against_bare_p50", ratios.get(ratios.len() / 2).map(hundredths))
            .with("against_bare_p50_min", ratios.first().map(hundredths))
            .with("against_bare_p50_max", ratios.last().map(hundredths))
            .checked(if variant == 0 {
                "every answer has as many bytes as were expected"
            } else {
                "every execution is the fill of its order, in order"
            }),
        );
    }
    Ok(lines)
}

/// A certificate of its own, trusted by its fingerprint's file.
fn certificate(directory: &Path) -> Result<TlsConfig, String> {
    use std::os::unix::fs::PermissionsExt;
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let key = KeyPair::generate().map_err(|error| words(&error))?;
    let params = CertificateParams::new(vec!["localhost".to_owned()]).map_err(|error| words(&error))?;
    let certificate = params.self_signed(&key).map_err(|error| words(&error))?;
    let (certificate_file, key_file) = (directory.join("venue.pem"), directory.join("venue.key"));
    std::fs::write(&certificate_file, certificate.pem()).map_err(|error| words(&error))?;
    std::fs::write(&key_file, key.serialize_pem()).map_err(|error| words(&error))?;
    std::fs::set_permissions(&key_file, PermissionsExt::from_mode(0o600)).map_err(|error| words(&error))?;
    let certificate_file = certificate_file.display().to_string();
    Ok(TlsConfig {
        server_name: "localhost".to_owned(),
        ca_file: certificate_file.clone(),
        certificate_file,
        key_file: key_file.display().to_string(),
        ..TlsConfig::default()
    })
}

fn ids() -> Result<SessionIds, String> {
    SessionIds::new("FIX.4.4", "WARPTICK", "VENUE").map_err(|error| error.to_string())
}

/// Order entry with one session and no journal.
fn entry() -> Result<OrderEntry, String> {
    let symbol = Symbol::new("GOOG").map_err(|error| error.to_string())?;
    let ids = ids()?;
    let session = SessionConfig::initiator(ids.clone(), 30);
    OrderEntry::new(vec![(session, ids)], &[symbol], TemplateFormat::default(), None)
        .map_err(|error| error.to_string())
}

/// Approved orders, one for each round trip: only risk can make them.
fn orders() -> Result<Vec<RiskApproved<Order>>, String> {
    let (tick, mid) = (PRICE_SCALE / 100, 100 * PRICE_SCALE);
    let limits = InstrumentLimits {
        order_qty_max: 500,
        order_notional_max: 100_000 * i128::from(PRICE_SCALE),
        collar_bp: 100,
        position_max: 1_000,
        price_tick: tick,
        ..InstrumentLimits::default()
    };
    let engine =
        EngineLimits { messages_per_s: 1_000_000, messages_burst: 1_000_000, ..EngineLimits::default() };
    let mut risk = Risk::new(engine, vec![limits]);
    let reference = Reference::of(mid - tick, mid + tick);
    let mut orders = Vec::with_capacity(WARM_UP + ROUND_TRIPS);
    for number in 0..(WARM_UP + ROUND_TRIPS) as u64 {
        let intent = Intent {
            action: OrderAction::New,
            target: 0,
            price: mid,
            quantity: 100,
            instrument: 0,
            venue: 0,
            side: Side::Buy,
            time_in_force: TimeInForce::Day,
        };
        let stamp = Stamp {
            decision: number,
            time_ns: number * 1_000_000,
            cl_ord_id: FIRST_ID + number,
            strategy: 0,
        };
        let approval = risk
            .approve(&intent, &reference, None, &stamp)
            .map_err(|reasons| format!("risk refused order {number}: {reasons:?}"))?;
        risk.release(&approval.released());
        orders.push(approval.order);
    }
    Ok(orders)
}

/// What the peer answers, in turn: a Logon, then the fill of each order. Ends of the messages within the bytes.
fn answers(now_ns: u64) -> Result<(Vec<u8>, Vec<usize>), String> {
    let ids = ids()?.reversed();
    let header = |sequence: usize| Header {
        ids: &ids,
        sequence: sequence as u32,
        sending_time_ns: now_ns,
        time_precision: TimePrecision::Microseconds,
    };
    let mut message = [0; REPORT_BYTES_MAX];
    let mut encoder = Encoder::start_message(&mut message, &header(1), b"A");
    encoder.set(fix44::ENCRYPT_METHOD, 0).set(fix44::HEART_BT_INT, 30).set(fix44::RESET_SEQ_NUM_FLAG, true);
    let length = encoder.done().map_err(|error| error.to_string())?;
    let mut bytes = message[..length].to_vec();
    let mut ends = vec![bytes.len()];
    for number in 0..WARM_UP + ROUND_TRIPS {
        let price = 100 * PRICE_SCALE;
        let report = VenueReport {
            time_ns: now_ns,
            order_id: 1_000_000 + number as u64,
            exec_id: 1_000_000 + number as u64,
            price,
            order_qty: 100,
            last_px: price,
            last_qty: 100,
            leaves_qty: 0,
            cum_qty: 100,
            cum_value: i128::from(price) * 100,
            instrument: 0,
            session: 0,
            cl_ord_id: ClOrdIdText::from_number(FIRST_ID + number as u64),
            orig_cl_ord_id: ClOrdIdText::NONE,
            kind: ExecutionKind::Fill,
            status: OrderStatus::Filled,
            reason: RejectReason::None,
            response_to: None,
            side: Side::Buy,
            time_in_force: TimeInForce::Day,
        };
        let length =
            encode(&report, b"GOOG", &header(number + 2), &mut message).map_err(|error| error.to_string())?;
        bytes.extend_from_slice(&message[..length]);
        ends.push(bytes.len());
    }
    Ok((bytes, ends))
}

/// One order as the gateway writes it, from a session in memory.
fn first_order_bytes(
    entry: &mut OrderEntry,
    orders: &[RiskApproved<Order>],
    calibration: &Calibration,
) -> Result<Vec<u8>, String> {
    let now_ns = calibration.utc_ns(tsc::now());
    let (bytes, ends) = answers(now_ns)?;
    entry.connected(0, now_ns);
    entry.consume(0, entry.pending(0).len());
    entry.receive(0, now_ns, &bytes[..ends[0]], &mut |_| {});
    entry.encode(&orders[0], now_ns).map_err(|reason| format!("not logged on: {reason:?}"))?;
    Ok(entry.pending(0).to_vec())
}

/// Whether bytes end like a FIX message: `10=ddd` SOH.
fn ends_a_message(bytes: &[u8]) -> bool {
    bytes.len() > 7 && bytes[bytes.len() - 7..].starts_with(b"10=")
}

impl Load {
    fn now_ns(&self) -> u64 {
        self.calibration.utc_ns(tsc::now())
    }

    /// One round of one variant: its figures, and the bytes of an answer.
    fn round(&self, variant: usize) -> Result<(Timed, usize), String> {
        let venue = &self.venues[variant];
        let (bytes, ends) = answers(self.now_ns())?;
        let answer = ends[ends.len() - 1] - ends[ends.len() - 2];
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
        let acceptor = ConnectionAcceptor::new(venue)?;
        let pin = |role, cpu| pin_current(role, cpu).map_err(|error| error.to_string());
        let (bytes, ends) = (bytes.as_slice(), ends.as_slice());
        std::thread::scope(|scope| {
            let peer = scope.spawn(move || {
                pin(Role::Venue, self.far)?;
                let (stream, _) = listener.accept().map_err(|error| error.to_string())?;
                // The bare echo has no Logon.
                let first = usize::from(variant == 0);
                if venue.tls.is_none() {
                    return serve(Plain::of(stream).map_err(|error| error.to_string())?, bytes, ends, first);
                }
                let connection = acceptor.accept(stream).map_err(|error| error.to_string())?;
                serve(connection, bytes, ends, first)
            });
            let client = scope.spawn(move || {
                pin(Role::Inline, self.near)?;
                match variant {
                    0 => self.bare(&address, ends),
                    _ => self.gateway(Endpoint::new(venue, &address)?.connect()?),
                }
            });
            let panicked = |_| "a thread panicked".to_owned();
            let figures = client.join().map_err(panicked)?;
            let served = peer.join().map_err(panicked)?;
            let figures = figures?;
            served.map(|()| (figures, answer))
        })
    }

    /// A plain socket, prepared bytes, nothing looked at.
    fn bare(&self, address: &str, ends: &[usize]) -> Result<Timed, String> {
        let words = |error: std::io::Error| error.to_string();
        let Plain(mut stream) = TcpStream::connect(address).and_then(Plain::of).map_err(words)?;
        let mut buffer = vec![0; 1 << 16];
        let mut samples = Samples::single(WARM_UP + ROUND_TRIPS);
        let mut sends = Samples::single(WARM_UP + ROUND_TRIPS);
        for trip in 0..WARM_UP + ROUND_TRIPS {
            if trip == WARM_UP {
                samples.clear();
                sends.clear();
            }
            // The numbers of messages have more digits later.
            let answer = ends[trip + 1] - ends[trip];
            let start = tsc::now();
            let sent = stream.write(&self.request).map_err(words)?;
            sends.add(tsc::now() - start);
            let (mut received, mut turns) = (0, 0);
            while received < answer {
                match stream.read(&mut buffer) {
                    Ok(0) => return Err("the peer closed".to_owned()),
                    Ok(length) => received += length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => turns += 1,
                    Err(error) => return Err(words(error)),
                }
                if turns > PATIENCE_TURNS {
                    return Err(format!("no answer to order {trip}"));
                }
            }
            samples.add(tsc::now() - start);
            if sent != self.request.len() || received != answer {
                return Err(format!("trip {trip}: {sent} bytes sent, {received} received"));
            }
        }
        Ok(Timed {
            round_trip: samples.figures(&self.calibration, 1.0),
            send_call: Some(sends.figures(&self.calibration, 1.0)),
        })
    }

    /// Order entry over a transport, from the approved order to its execution.
    fn gateway(&self, mut connection: Connection) -> Result<Timed, String> {
        let words = |error: std::io::Error| error.to_string();
        let mut entry = entry()?;
        let mut buffer = vec![0; 1 << 16];
        entry.connected(0, self.now_ns());
        let mut turns = 0;
        while !entry.is_logged_on(0) {
            exchange(&mut entry, &mut connection, &mut buffer, self, &mut |_| {}).map_err(words)?;
            turns += 1;
            if turns > PATIENCE_TURNS {
                return Err("no answer to the Logon".to_owned());
            }
        }
        let mut samples = Samples::single(WARM_UP + ROUND_TRIPS);
        for (trip, order) in self.orders.iter().enumerate() {
            if trip == WARM_UP {
                samples.clear();
            }
            let mut execution: Option<Execution> = None;
            let mut turns = 0;
            let start = tsc::now();
            entry.encode(order, self.now_ns()).map_err(|reason| format!("order {trip}: {reason:?}"))?;
            while execution.is_none() {
                exchange(&mut entry, &mut connection, &mut buffer, self, &mut |found| {
                    execution = Some(found)
                })
                .map_err(words)?;
                turns += 1;
                if turns > PATIENCE_TURNS {
                    return Err(format!("no answer to order {trip}"));
                }
            }
            samples.add(tsc::now() - start);
            let is_its_fill = execution.is_some_and(|execution| {
                execution.cl_ord_id == order.cl_ord_id && execution.kind == ExecutionKind::Fill
            });
            if !is_its_fill {
                return Err(format!("order {}: {execution:?}", order.cl_ord_id));
            }
        }
        Ok(Timed { round_trip: samples.figures(&self.calibration, 1.0), send_call: None })
    }
}

/// One turn of the gateway's loop: what waits is sent, what is there is handed to the session.
#[inline]
fn exchange(
    entry: &mut OrderEntry,
    connection: &mut Connection,
    buffer: &mut [u8],
    load: &Load,
    sink: &mut impl FnMut(Execution),
) -> std::io::Result<()> {
    let pending = entry.pending(0);
    if !pending.is_empty() {
        let sent = connection.send(pending)?;
        entry.consume(0, sent);
    }
    let length = connection.receive(buffer)?;
    if length > 0 {
        entry.receive(0, load.now_ns(), &buffer[..length], sink);
    }
    Ok(())
}

/// A plain non-blocking socket, the same peer for all but TLS.
struct Plain(TcpStream);

impl Plain {
    fn of(stream: TcpStream) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }
}

impl Transport for Plain {
    #[inline]
    fn send(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            outcome => outcome,
        }
    }

    #[inline]
    fn receive(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            outcome => outcome,
        }
    }

    fn is_drained(&self) -> bool {
        true
    }

    fn peer(&self) -> std::io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}

/// The peer: each message is answered by the next prepared one, until the client closes.
fn serve(mut connection: impl Transport, bytes: &[u8], ends: &[usize], first: usize) -> Result<(), String> {
    let mut buffer = vec![0; 1 << 16];
    let mut next = first;
    let mut filled = 0;
    loop {
        match connection.receive(&mut buffer[filled..]) {
            Ok(length) => filled += length,
            Err(_) if next == ends.len() => return Ok(()),
            Err(error) => return Err(format!("the client closed after {next} messages: {error}")),
        }
        if ends_a_message(&buffer[..filled]) && next < ends.len() {
            filled = 0;
            let mut start = if next == 0 { 0 } else { ends[next - 1] };
            while start < ends[next] {
                start += connection.send(&bytes[start..ends[next]]).map_err(|error| error.to_string())?;
            }
            next += 1;
        }
    }
}
