//! `[venues.feed]`: where a venue's market data is, and, for the simulated venue, how it publishes it and how bad its
//! lines are. Publisher (`warptick venue`) and client (`warptick run`) read the same addresses.

use std::net::{Ipv4Addr, SocketAddrV4};

use feeds::arbiter::{ArbiterConfig, Recovery};
use feeds::source::udp::Backend;
use serde::{Deserialize, Serialize};

use crate::venue::publisher::{FaultConfig, PPM, PublisherConfig};

/// Longest delay of a packet by a fault: far beyond any line, and far from overflowing a time.
const DELAY_NS_MAX: u64 = 60_000_000_000;

/// The addresses of a venue's feed. Each is `IPv4:PORT`; what is not given is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedLinesConfig {
    /// Line A: a multicast group, or the receiver's own address for unicast.
    pub line_a: SocketAddrV4,
    /// Line B; without one there is one line.
    pub line_b: Option<SocketAddrV4>,
    /// Address of the network interface that multicast is sent from or joined on; without one the system chooses.
    pub interface: Option<Ipv4Addr>,
    /// The only sender that packets are taken from (source-specific multicast); without one any.
    pub source: Option<Ipv4Addr>,
    /// The MoldUDP64 retransmission server.
    pub retransmission: Option<SocketAddrV4>,
    /// The GLIMPSE snapshot server (SoupBinTCP).
    pub glimpse: Option<SocketAddrV4>,
    /// User name for GLIMPSE, up to 6 characters; empty at the venue: anybody may log in.
    #[serde(default)]
    pub glimpse_username: String,
    /// Password for GLIMPSE, up to 10 characters.
    #[serde(default)]
    pub glimpse_password: String,
    /// How `warptick run` receives it.
    #[serde(default)]
    pub client: FeedClientConfig,
    /// How the simulated venue publishes.
    #[serde(default)]
    pub publisher: PublishingConfig,
    /// What is wrong with the simulated venue's lines.
    #[serde(default)]
    pub faults: FaultConfig,
}

/// How `warptick run` receives a feed. All venues of a run share one way to the kernel: the first venue's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeedClientConfig {
    /// `auto`, `recv`, `recvmmsg`, `packet-ring` or `io-uring`; `auto` is the fastest that works on the host.
    pub backend: String,
    /// Whether the kernel's receive time is taken; else the engine's own clock at the poll.
    pub kernel_time: bool,
    /// Receive buffer asked of the kernel for each line, bytes; what is granted is reported.
    pub receive_buffer_bytes: usize,
    /// SO_BUSY_POLL, us; 0 leaves the system's setting.
    pub busy_poll_us: u32,
    /// How long a message may be late before its gap is open, us.
    pub reorder_wait_us: u64,
    /// Between two requests for the same message, us.
    pub request_interval_us: u64,
    /// Requests without an answer after which a snapshot is fetched.
    pub requests_max: u32,
    /// Largest hole that is asked for, messages; a larger one means a snapshot.
    pub request_messages_max: u64,
    /// Messages that can wait for a missing one, 80 bytes each.
    pub window_messages: usize,
}

impl Default for FeedClientConfig {
    fn default() -> Self {
        let arbiter = ArbiterConfig::default();
        Self {
            backend: Backend::Auto.name().to_owned(),
            kernel_time: true,
            receive_buffer_bytes: 8 << 20,
            busy_poll_us: 0,
            reorder_wait_us: arbiter.reorder_wait_ns / 1_000,
            request_interval_us: arbiter.request_interval_ns / 1_000,
            requests_max: arbiter.requests_max,
            request_messages_max: arbiter.request_messages_max,
            window_messages: arbiter.window_messages,
        }
    }
}

impl FeedClientConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first value out of range, and the range.
    fn check(&self) -> Result<(), String> {
        self.backend.parse::<Backend>()?;
        if !(64..=1 << 24).contains(&self.window_messages) {
            return Err("feed.client.window_messages is 64 to 16777216".to_owned());
        }
        if [self.reorder_wait_us, self.request_interval_us].iter().any(|&us| us > DELAY_NS_MAX / 1_000) {
            return Err("feed.client: a time is at most 60000000 us (a minute)".to_owned());
        }
        if self.request_interval_us == 0 || self.requests_max == 0 || self.request_messages_max == 0 {
            return Err(
                "feed.client: request_interval_us, requests_max and request_messages_max are at least 1"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// How the simulated venue publishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublishingConfig {
    /// MoldUDP64 session name, 1 to 10 ASCII characters.
    pub session: String,
    /// Payload bytes of a packet at most, 128 to 65507.
    pub packet_bytes_max: usize,
    /// How many of the messages sent last can be asked for again, 8 bytes of memory each; before them lie only
    /// snapshots.
    pub retransmission_window: usize,
    /// Packets that answer one request at most.
    pub answer_packets_max: u32,
    /// Routers that multicast packets pass at most.
    pub multicast_ttl: u32,
}

impl Default for PublishingConfig {
    fn default() -> Self {
        let default = PublisherConfig::default();
        Self {
            session: "WARPTICK01".to_owned(),
            packet_bytes_max: default.packet_bytes_max,
            retransmission_window: default.retransmission_window,
            answer_packets_max: default.answer_packets_max,
            multicast_ttl: 1,
        }
    }
}

impl FeedLinesConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first value out of range, and the range.
    pub fn check(&self) -> Result<(), String> {
        if self.line_b == Some(self.line_a) {
            return Err("feed.line_a and feed.line_b are the same".to_owned());
        }
        for (name, text, most) in [
            ("glimpse_username", &self.glimpse_username, 6),
            ("glimpse_password", &self.glimpse_password, 10),
        ] {
            if text.len() > most || !text.is_ascii() {
                return Err(format!("feed.{name} is at most {most} ASCII characters"));
            }
        }
        let session = self.publisher.session.as_bytes();
        if session.is_empty() || session.len() > 10 || !session.iter().all(u8::is_ascii_graphic) {
            return Err("feed.publisher.session is 1 to 10 ASCII characters".to_owned());
        }
        if self.publisher.multicast_ttl > 255 {
            return Err("feed.publisher.multicast_ttl is 0 to 255".to_owned());
        }
        self.client.check()?;
        self.publishing().check().map_err(|error| error.to_string())?;
        let faults = &self.faults;
        if [faults.loss_ppm, faults.duplicate_ppm, faults.reorder_ppm, faults.burst_ppm]
            .iter()
            .any(|&share| share > PPM)
        {
            return Err(format!("feed.faults: a share is 0 to {PPM} parts per million"));
        }
        if faults.reorder_packets == 0 || faults.burst_packets == 0 {
            return Err("feed.faults: reorder_packets and burst_packets are at least 1".to_owned());
        }
        if [faults.reorder_ns, faults.skew_ns, faults.jitter_ns].iter().any(|&ns| ns > DELAY_NS_MAX) {
            return Err(format!("feed.faults: a delay is at most {DELAY_NS_MAX} ns (a minute)"));
        }
        Ok(())
    }

    /// How the client puts the lines in order, and where it gets what is missing.
    #[must_use]
    pub fn arbiter(&self) -> ArbiterConfig {
        ArbiterConfig {
            lines: if self.line_b.is_some() { 2 } else { 1 },
            window_messages: self.client.window_messages,
            reorder_wait_ns: self.client.reorder_wait_us * 1_000,
            request_interval_ns: self.client.request_interval_us * 1_000,
            requests_max: self.client.requests_max,
            request_messages_max: self.client.request_messages_max,
            recovery: Recovery {
                retransmission: self.retransmission.is_some(),
                snapshot: self.glimpse.is_some(),
            },
            ..ArbiterConfig::default()
        }
    }

    /// What the publisher is made of.
    #[must_use]
    pub fn publishing(&self) -> PublisherConfig {
        let mut session = [b' '; 10];
        for (place, &byte) in session.iter_mut().zip(self.publisher.session.as_bytes()) {
            *place = byte;
        }
        PublisherConfig {
            session,
            packet_bytes_max: self.publisher.packet_bytes_max,
            retransmission_window: self.publisher.retransmission_window,
            answer_packets_max: self.publisher.answer_packets_max,
            ..PublisherConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::control::config::Config;

    fn parse(feed: &str) -> Result<Config, String> {
        Config::parse("f.toml", &format!("[[venues]]\nname = \"NASDAQ\"\n[venues.feed]\n{feed}"))
    }

    #[test]
    fn two_lines_and_their_servers() {
        let text = "line_a = \"239.1.1.1:26400\"\nline_b = \"239.1.2.1:26401\"\ninterface = \"10.0.0.1\"\n\
                    retransmission = \"10.0.0.1:26402\"\nglimpse = \"10.0.0.1:26403\"\n\
                    [venues.feed.faults]\nloss_ppm = 10000\nseed = 9";
        let config = parse(text).expect("valid");
        let feed = config.venues[0].feed.as_ref().expect("given");
        assert!(feed.line_a.ip().is_multicast() && feed.line_b.is_some_and(|line| line.port() == 26_401));
        assert_eq!(feed.publishing().session, *b"WARPTICK01");
        assert_eq!((feed.faults.loss_ppm, feed.faults.seed), (10_000, 9));
        let written = config.to_toml().expect("it can be written");
        assert_eq!(Config::parse("written.toml", &written), Ok(config));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let line = "line_a = \"127.0.0.1:26400\"\n";
        for (text, part) in [
            ("line_b = \"127.0.0.1:1\"".to_owned(), "line_a"),
            ("line_a = \"localhost:1\"".to_owned(), "line_a"),
            (format!("{line}line_b = \"127.0.0.1:26400\""), "the same"),
            (format!("{line}glimpse_username = \"TOOLONG\""), "glimpse_username"),
            (format!("{line}colour = 1"), "colour"),
            (format!("{line}[venues.feed.publisher]\nsession = \"\""), "session"),
            (format!("{line}[venues.feed.publisher]\npacket_bytes_max = 100"), "packet_bytes_max = 100"),
            (format!("{line}[venues.feed.publisher]\nmulticast_ttl = 256"), "multicast_ttl"),
            (format!("{line}[venues.feed.faults]\nloss_ppm = 1000001"), "parts per million"),
            (format!("{line}[venues.feed.faults]\nburst_packets = 0"), "burst_packets"),
            (format!("{line}[venues.feed.faults]\nskew_ns = 60000000001"), "a minute"),
        ] {
            let error = parse(&text).expect_err(&text);
            assert!(error.starts_with("f.toml: ") && error.contains(part), "{error}");
        }
    }
}
