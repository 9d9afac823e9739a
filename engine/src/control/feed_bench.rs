//! `warptick bench feed`: the receive backends side by side on loopback, and what the live path adds to a bare loop.
//!
//! Two figures for each variant. **One way**: a sender on one core stamps a packet with the tick counter and sends it, one
//! every 12 us (open loop, busy spin); the receiver, on another core, polls and takes the counter when it has the packet. The
//! sender's system call and the receive softirq, which loopback runs inside it, are in the figure. **Queued**: packets are
//! sent in bursts to a socket that nobody reads; then the receiver takes them one after the other, and the time between
//! two is a sample. All variants take turns, round by round, each with sockets of its own; the first packets of each
//! turn are thrown away. Every packet must arrive, in order of their stamps, or the run fails.

mod receivers;

use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use feeds::source::udp::Backend;
use feeds::units::NS_PER_S;
use hdrhistogram::Histogram;
use serde_json::json;

use crate::control::cpus::Host;
use crate::control::failure::Failure;
use crate::control::machine::Machine;
use crate::control::placement::{Plan, Role};
use crate::pipeline::tsc::{self, Calibration};
use receivers::{BareReceiver, LiveReceiver, PACKET_BYTES, Path, PollReceiver, Receiver, TestPacket};

/// Between two sends of the one-way figure.
const SEND_INTERVAL_NS: u64 = 12_000;

/// Packets of a burst: they fit the default receive buffer of a plain socket (212,992 bytes, 768 a packet).
const BURST: u64 = 200;

/// One packet in so many of a turn is warm-up, and at least so many.
const WARM_UP_PART: u64 = 10;

/// Without a packet for so long the run fails.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the live path may add to a bare loop on the same socket, ns p50.
const ADDED_NS_MAX: f64 = 150.0;

/// What the receiver tells the sender: wait, send, leave off.
const WAIT: u8 = 0;
const GO: u8 = 1;
const LEAVE_OFF: u8 = 2;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct FeedBenchOptions {
    /// Turns of every variant.
    pub rounds: u64,
    /// Packets of a turn, of each of the two figures.
    pub packets: u64,
}

/// One line of the table.
struct Variant {
    backend: Backend,
    kernel_time: bool,
    path: Path,
    one_way: Histogram<u64>,
    queued: Histogram<u64>,
    /// Total time of the bursts and the packets in them.
    queued_ns: u64,
    queued_packets: u64,
    skipped: Option<String>,
}

impl Variant {
    fn new(backend: Backend, kernel_time: bool, path: Path) -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, 10 * NS_PER_S, 3).expect("constant bounds are valid");
        Self {
            backend,
            kernel_time,
            path,
            one_way: histogram(),
            queued: histogram(),
            queued_ns: 0,
            queued_packets: 0,
            skipped: None,
        }
    }

    fn all() -> Vec<Self> {
        let mut all = vec![Self::new(Backend::Recv, false, Path::Bare)];
        for (backend, kernel_time) in [
            (Backend::Recv, false),
            (Backend::Recv, true),
            (Backend::Recvmmsg, true),
            (Backend::PacketRing, true),
            (Backend::IoUring, true),
        ] {
            all.extend([Path::Poll, Path::Live].map(|path| Self::new(backend, kernel_time, path)));
        }
        all
    }

    fn name(&self) -> String {
        let path = match self.path {
            Path::Bare => return "bare recv loop".to_owned(),
            Path::Poll => "poll",
            Path::Live => "live path",
        };
        let times = if self.kernel_time { "" } else { ", no times" };
        format!("{}{times}: {path}", self.backend.name())
    }

    fn queued_mean_ns(&self) -> f64 {
        self.queued_ns as f64 / self.queued_packets.max(1) as f64
    }
}

/// Runs it and gives the table, the verdict and the JSON line.
///
/// # Errors
/// A CPU that cannot be had; a packet that did not arrive.
pub fn run(options: &FeedBenchOptions) -> Result<String, Failure> {
    let input = |error: String| Failure::Input(error);
    if options.rounds == 0 || options.packets < BURST {
        return Err(input(format!("--rounds is at least 1 and --packets at least {BURST}")));
    }
    let host = Host::read().map_err(|error| input(error.to_string()))?;
    let plan =
        Plan::automatic(&host, &[Role::Ingest, Role::Venue]).map_err(|error| input(error.to_string()))?;
    let (Some(receiver_cpu), Some(sender_cpu)) = (plan.cpu_of(Role::Ingest), plan.cpu_of(Role::Venue)) else {
        return Err(input("no plan of two threads".to_owned()));
    };
    if receiver_cpu == sender_cpu {
        return Err(input("bench feed needs two CPUs: sender and receiver both spin".to_owned()));
    }
    let calibration = Calibration::measure();
    let mut variants = Variant::all();
    for _ in 0..options.rounds {
        for variant in variants.iter_mut().filter(|variant| variant.skipped.is_none()) {
            let turn = Turn { plan: &plan, calibration: &calibration, packets: options.packets };
            let outcome = turn.measure(variant);
            outcome.map_err(|error| Failure::Check(format!("{}: {error}", variant.name())))?;
        }
    }
    let cores = format!("receiver on CPU {receiver_cpu}, sender on CPU {sender_cpu}");
    let address = free_address().map_err(input)?;
    let default = PollReceiver::open(address, Backend::Auto, true).map_err(input)?.backend();
    Ok(report(options, &variants, &cores, default))
}

/// One turn of one variant.
struct Turn<'a> {
    plan: &'a Plan,
    calibration: &'a Calibration,
    packets: u64,
}

impl Turn<'_> {
    fn measure(&self, variant: &mut Variant) -> Result<(), String> {
        // Each turn has its own port, so that nothing of the turn before is in it.
        let address = free_address()?;
        if variant.path == Path::Bare {
            let open = || BareReceiver::open(address).map_err(|error| error.to_string());
            return self.both(variant, address, open);
        }
        let (backend, kernel_time) = (variant.backend, variant.kernel_time);
        let open = || PollReceiver::open(address, backend, kernel_time);
        if let Err(why) = open() {
            variant.skipped = Some(why);
            return Ok(());
        }
        match variant.path {
            Path::Live => self.both(variant, address, || LiveReceiver::new(open()?, *self.calibration)),
            _ => self.both(variant, address, open),
        }
    }

    fn both<R: Receiver>(
        &self,
        variant: &mut Variant,
        address: SocketAddr,
        open: impl Fn() -> Result<R, String> + Sync,
    ) -> Result<(), String> {
        let signal = AtomicU8::new(WAIT);
        let (one_way, queued) = std::thread::scope(|scope| {
            // Not spawned by the receiver: a thread starts with the affinity of the one that made it, and under a real-time
            // priority would never get its turn beside a receiver that spins.
            let sending = scope.spawn(|| self.send_paced(address, &signal));
            let measured = scope.spawn(|| {
                let outcome = self.receive_both(address, &open, &signal);
                // After a failure nobody would tell the sender.
                signal.fetch_max(LEAVE_OFF * u8::from(outcome.is_err()), Ordering::Relaxed);
                outcome
            });
            let panicked = |_| "a thread panicked".to_owned();
            let measured = measured.join().map_err(panicked)?;
            sending.join().map_err(panicked)??;
            measured
        })?;
        let warm_up = usize::try_from(self.packets / WARM_UP_PART).unwrap_or(0);
        for ticks in one_way.into_iter().skip(warm_up) {
            variant.one_way.saturating_record(self.calibration.ticks_to_ns(ticks));
        }
        for burst in queued.chunks_exact(BURST as usize).skip(warm_up / BURST as usize) {
            // The first of a burst waits for its first instructions to be fetched; it is a sample like any other.
            let ns = burst.iter().map(|&ticks| self.calibration.ticks_to_ns(ticks));
            ns.clone().for_each(|ns| variant.queued.saturating_record(ns));
            variant.queued_ns += ns.sum::<u64>();
            variant.queued_packets += BURST;
        }
        Ok(())
    }

    /// The receiving thread: sources are opened on the thread that polls them.
    fn receive_both<R: Receiver>(
        &self,
        address: SocketAddr,
        open: &impl Fn() -> Result<R, String>,
        signal: &AtomicU8,
    ) -> Result<(Vec<u64>, Vec<u64>), String> {
        self.plan.pin_current(Role::Ingest).map_err(|error| error.to_string())?;
        let one_way = self.one_way(open()?, signal)?;
        let queued = self.queued(address, open()?)?;
        Ok((one_way, queued))
    }

    /// Ticks from the sender's stamp to the receiver's having the packet.
    fn one_way(&self, mut receiver: impl Receiver, signal: &AtomicU8) -> Result<Vec<u64>, String> {
        // The first poll may do what is done once.
        receiver.receive().map_err(|error| error.to_string())?;
        let mut samples = Vec::with_capacity(self.packets as usize);
        // Relaxed: no data goes with it but what the socket carries.
        signal.store(GO, Ordering::Relaxed);
        let mut last = 0;
        let mut patience = Patience::new();
        while samples.len() < self.packets as usize {
            let Some(stamp) = receiver.receive().map_err(|error| error.to_string())? else {
                patience.check(samples.len(), self.packets)?;
                continue;
            };
            samples.push(tsc::now().saturating_sub(stamp));
            if stamp <= last {
                return Err(format!("packet {} came out of order", samples.len()));
            }
            last = stamp;
            patience.restart();
        }
        Ok(samples)
    }

    /// The sender: one packet every [`SEND_INTERVAL_NS`], on its own core, when it is told to.
    fn send_paced(&self, address: SocketAddr, signal: &AtomicU8) -> Result<(), String> {
        self.plan.pin_current(Role::Venue).map_err(|error| error.to_string())?;
        let socket = sender_to(address)?;
        let interval = self.calibration.ns_to_ticks(SEND_INTERVAL_NS);
        let mut packet = TestPacket::new();
        while signal.load(Ordering::Relaxed) == WAIT {
            std::hint::spin_loop();
        }
        let mut due = tsc::now() + interval;
        for sequence in 1..=self.packets {
            while tsc::now() < due {
                std::hint::spin_loop();
            }
            if signal.load(Ordering::Relaxed) == LEAVE_OFF {
                break;
            }
            socket.send(packet.stamped(sequence)).map_err(|error| format!("send: {error}"))?;
            // After an interruption the next ones are not sent in a burst.
            due = (due + interval).max(tsc::now());
        }
        Ok(())
    }

    /// Ticks between two packets taken from a socket in which they wait.
    fn queued(&self, address: SocketAddr, mut receiver: impl Receiver) -> Result<Vec<u64>, String> {
        receiver.receive().map_err(|error| error.to_string())?;
        let socket = sender_to(address)?;
        let mut packet = TestPacket::new();
        let bursts = self.packets / BURST;
        let mut samples = Vec::with_capacity((bursts * BURST) as usize);
        for burst in 0..bursts {
            for sequence in burst * BURST + 1..=(burst + 1) * BURST {
                socket.send(packet.stamped(sequence)).map_err(|error| format!("send: {error}"))?;
            }
            let mut patience = Patience::new();
            let mut before = tsc::now();
            for _ in 0..BURST {
                while receiver.receive().map_err(|error| error.to_string())?.is_none() {
                    patience.check(samples.len(), self.packets)?;
                }
                let now = tsc::now();
                samples.push(now - before);
                before = now;
            }
        }
        Ok(samples)
    }
}

/// An address of this host that was free a moment ago.
fn free_address() -> Result<SocketAddr, String> {
    let probe = UdpSocket::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    probe.local_addr().map_err(|error| error.to_string())
}

fn sender_to(address: SocketAddr) -> Result<UdpSocket, String> {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    socket.connect(address).map_err(|error| error.to_string())?;
    Ok(socket)
}

/// Ends a wait for a packet that does not come; looks at the clock only now and then.
struct Patience {
    since: Instant,
    polls: u32,
}

impl Patience {
    fn new() -> Self {
        Self { since: Instant::now(), polls: 0 }
    }

    #[inline]
    fn restart(&mut self) {
        self.polls = 0;
    }

    #[inline]
    fn check(&mut self, received: usize, of: u64) -> Result<(), String> {
        self.polls += 1;
        if self.polls == 1 << 12 {
            self.since = Instant::now();
        }
        if self.polls.is_multiple_of(1 << 14) && self.since.elapsed() > PATIENCE {
            return Err(format!(
                "nothing arrived for {PATIENCE:?} after {received} of {of} packets: they were lost while the \
                 receiver did not run (a busy machine: use chrt -f 50)"
            ));
        }
        Ok(())
    }
}

/// The fastest variant whose poll was measured, and whether the live path is within its bound on it.
fn report(options: &FeedBenchOptions, variants: &[Variant], cores: &str, default: Backend) -> String {
    let mut text = String::new();
    let mut line = |words: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{words}");
    };
    line(format_args!(
        "{PACKET_BYTES}-byte payload (MoldUDP64, one Add Order), loopback, {cores}, tick counter, ns"
    ));
    line(format_args!(
        "{:<30} {:>9}  {:^35}  {:^24}",
        "",
        "",
        "one way, one packet per 12 us",
        format!("queued, bursts of {BURST}")
    ));
    line(format_args!(
        "{:<30} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "variant", "samples", "min", "p50", "p90", "p99", "mean", "p50", "p99"
    ));
    for variant in variants {
        if let Some(why) = &variant.skipped {
            line(format_args!("{:<30} SKIPPED: {why}", variant.name()));
            continue;
        }
        let (one_way, queued) = (&variant.one_way, &variant.queued);
        line(format_args!(
            "{:<30} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8.0} {:>8} {:>8}",
            variant.name(),
            one_way.len(),
            one_way.min(),
            one_way.value_at_quantile(0.5),
            one_way.value_at_quantile(0.9),
            one_way.value_at_quantile(0.99),
            variant.queued_mean_ns(),
            queued.value_at_quantile(0.5),
            queued.value_at_quantile(0.99),
        ));
    }
    let p50 = |variant: &Variant| variant.queued.value_at_quantile(0.5) as f64;
    let find = |backend, kernel_time, path| {
        variants.iter().find(|variant| {
            variant.skipped.is_none()
                && (variant.backend, variant.kernel_time, variant.path) == (backend, kernel_time, path)
        })
    };
    let mut added = Vec::new();
    for live in variants.iter().filter(|variant| variant.path == Path::Live && variant.skipped.is_none()) {
        // A bare loop on the same socket: `recv` itself; where there is no such call for it (a ring) or the socket stamps
        // its datagrams, nothing but the poll.
        let bare = match (live.backend, live.kernel_time) {
            (Backend::Recv, false) => find(Backend::Recv, false, Path::Bare),
            (backend, kernel_time) => find(backend, kernel_time, Path::Poll),
        };
        let Some(bare) = bare else { continue };
        let added_ns = p50(live) - p50(bare);
        let verdict = if added_ns <= ADDED_NS_MAX { "within" } else { "BEYOND" };
        line(format_args!(
            "{} adds {added_ns:.0} ns p50 a packet to: {} ({verdict} the bound of {ADDED_NS_MAX:.0})",
            live.name(),
            bare.name()
        ));
        added.push(json!({ "live": live.name(), "bare": bare.name(), "added_p50_ns": added_ns }));
    }
    let polls = variants.iter().filter(|variant| variant.path == Path::Poll && variant.skipped.is_none());
    let fastest = polls.min_by_key(|variant| variant.one_way.value_at_quantile(0.5));
    let fastest = fastest.map_or("none", |variant| variant.backend.name());

    line(format_args!(
        "default here: {}: the lowest one-way p50 of those measured for the engine's order of preference \
         (packet-ring where CAP_NET_RAW is there, else recv); fastest in this run: {fastest}",
        default.name()
    ));
    let figures = variants.iter().map(|variant| {
        let Variant { one_way, queued, .. } = variant;
        json!({
            "variant": variant.name(),
            "skipped": variant.skipped,
            "samples": one_way.len(),
            "one_way_ns": quantiles(one_way),
            "queued_ns": quantiles(queued),
            "queued_mean_ns": variant.queued_mean_ns(),
        })
    });
    let json = json!({
        "scenario": "feed",
        "version": env!("CARGO_PKG_VERSION"),
        "machine": Machine::read(),
        "profile": if cfg!(debug_assertions) { "debug assertions on" } else { "release" },
        "pinning": cores,
        "load_model": format!("one way: open loop, one {PACKET_BYTES}-byte packet per {SEND_INTERVAL_NS} ns, busy spin; \
                               queued: closed loop over bursts of {BURST}; variants take turns, {} rounds", options.rounds),
        "clock": "rdtsc, calibrated against CLOCK_MONOTONIC at start; the sender's stamp is taken before its send",
        "warm_up": format!("the first tenth of each turn of {} packets", options.packets),
        "variants": figures.collect::<Vec<_>>(),
        "live_path_adds": added,
        "default": default.name(),
        "fastest": fastest,
        "checks": ["every packet arrived, once, in order", "the live path decoded every message to its event"],
    });
    line(format_args!("{json}"));
    text
}

/// Percentiles, ns; the 99.9th only with enough samples beyond it.
fn quantiles(histogram: &Histogram<u64>) -> serde_json::Value {
    let at = |quantile| histogram.value_at_quantile(quantile);
    let p999 = (histogram.len() >= 10_000).then(|| at(0.999));
    json!({
        "min": histogram.min(), "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": p999,
        "max": histogram.max(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_measures_every_backend_that_the_host_has() {
        if Host::read().expect("sysfs").online().count() < 2 {
            return println!("SKIPPED: bench feed needs two CPUs");
        }
        let text = run(&FeedBenchOptions { rounds: 1, packets: 400 }).expect("a run");
        let json: serde_json::Value =
            serde_json::from_str(text.lines().last().expect("lines")).expect("the last line is JSON");
        let variants = json["variants"].as_array().expect("variants");
        assert_eq!(variants.len(), 11);
        for variant in variants {
            if variant["skipped"].is_null() {
                assert_eq!(variant["samples"], 360, "{variant}");
                assert!(variant["one_way_ns"]["p50"].as_u64().is_some_and(|ns| ns > 0), "{variant}");
            } else {
                println!("SKIPPED: {variant}");
            }
        }
        assert!(text.contains("default here") && text.contains("adds"), "{text}");
    }
}
