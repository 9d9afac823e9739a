//! What a live line is, how it is written on the command line, and what can go wrong when it is opened.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Receive buffer of a line where nothing else is asked: a burst of some ten thousand small datagrams.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;

/// Longest payload of a datagram where nothing else is asked: more than an Ethernet frame of 1,500 bytes carries, and
/// small enough for ring slots of 2,048 bytes.
const DATAGRAM_BYTES_MAX: usize = 1_900;

/// One line of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineConfig {
    /// Multicast group to join, or a unicast address of this host.
    pub group: IpAddr,
    /// UDP port.
    pub port: u16,
    /// Interface by name or index. None: the kernel chooses by its routes. The packet ring needs it for multicast.
    pub interface: Option<String>,
    /// Take only what this sender sends (source-specific join); multicast only.
    pub source: Option<IpAddr>,
    /// Receive buffer asked of the kernel, bytes of payload and bookkeeping; of the packet ring, bytes of slots.
    pub receive_buffer_bytes: usize,
}

impl LineConfig {
    /// A line with the default receive buffer, any source, and the interface of the kernel's choice.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            group: address.ip(),
            port: address.port(),
            interface: None,
            source: None,
            receive_buffer_bytes: RECEIVE_BUFFER_BYTES,
        }
    }

    /// Group and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.group, self.port)
    }
}

impl fmt::Display for LineConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address())?;
        if let Some(interface) = &self.interface {
            write!(f, "@{interface}")?;
        }
        self.source.map_or(Ok(()), |source| write!(f, ",{source}"))
    }
}

impl FromStr for LineConfig {
    type Err = String;

    /// `GROUP:PORT[@INTERFACE][,SOURCE]`, an IPv6 group in brackets.
    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, source) = match text.split_once(',') {
            Some((rest, source)) => (rest, Some(source)),
            None => (text, None),
        };
        let (address, interface) = match rest.split_once('@') {
            Some((address, interface)) => (address, Some(interface)),
            None => (rest, None),
        };
        let wrong = |what: &str| format!("{text}: {what}; a line is GROUP:PORT[@INTERFACE][,SOURCE]");
        let address: SocketAddr = address.parse().map_err(|_| wrong("no address and port"))?;
        let mut line = Self::new(address);
        line.interface = match interface {
            Some("") => return Err(wrong("an empty interface name")),
            name => name.map(str::to_owned),
        };
        line.source = match source.map(str::parse) {
            None => None,
            Some(Ok(source)) => Some(source),
            Some(Err(_)) => return Err(wrong("the source is no address")),
        };
        line.check().map_err(|what| wrong(&what))?;
        Ok(line)
    }
}

impl LineConfig {
    /// What contradicts itself.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.port == 0 {
            return Err("port 0 is none".to_owned());
        }
        if self.group.is_unspecified() {
            return Err("the group is unspecified; name a group or an address of this host".to_owned());
        }
        match self.source {
            Some(_) if !self.group.is_multicast() => Err("a source needs a multicast group".to_owned()),
            Some(source) if source.is_ipv4() != self.group.is_ipv4() => {
                Err("group and source are of different address families".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// A way to the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The fastest that works on this host, by `warptick bench feed`: the packet ring where the capability is there.
    #[default]
    Auto,
    /// Busy-polled `recv`, or `recvmsg` where kernel times are asked for.
    Recv,
    /// `recvmmsg` in batches.
    Recvmmsg,
    /// Memory-mapped AF_PACKET ring (TPACKET_V2); needs CAP_NET_RAW.
    PacketRing,
    /// `io_uring` multishot receive into a ring of provided buffers.
    IoUring,
}

impl Backend {
    /// Those that can be had, lowest one-way latency first; [`Backend::Recv`], which always can, ends the list.
    pub(super) const FASTEST_FIRST: [Self; 2] = [Self::PacketRing, Self::Recv];

    /// All that receive.
    pub const ALL: [Self; 4] = [Self::Recv, Self::Recvmmsg, Self::PacketRing, Self::IoUring];

    /// The name on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Recv => "recv",
            Self::Recvmmsg => "recvmmsg",
            Self::PacketRing => "packet-ring",
            Self::IoUring => "io-uring",
        }
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Auto].into_iter().chain(Self::ALL).find(|backend| backend.name() == text).ok_or_else(|| {
            format!("{text}: no receive backend; there are auto, recv, recvmmsg, packet-ring and io-uring")
        })
    }
}

/// How lines are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveOptions {
    /// The way to the kernel.
    pub backend: Backend,
    /// Whether datagrams carry the kernel's receive time. The packet ring always does; elsewhere it makes a receive
    /// call a little dearer.
    pub kernel_time: bool,
    /// SO_BUSY_POLL, us that a receive call polls the card's queue; 0 leaves the system's setting. Needs
    /// CAP_NET_ADMIN to raise it, and does nothing on loopback.
    pub busy_poll_us: u32,
    /// Longest payload, bytes, 1 to 65,507.
    pub datagram_bytes_max: usize,
}

impl Default for ReceiveOptions {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            kernel_time: true,
            busy_poll_us: 0,
            datagram_bytes_max: DATAGRAM_BYTES_MAX,
        }
    }
}

/// Why a line cannot be opened. Cold; owns its texts.
#[derive(Debug)]
pub struct OpenError {
    /// The line as it is written on the command line; empty when it is about all of them.
    pub line: String,
    /// What was being done.
    pub doing: String,
    /// The system's answer.
    pub error: io::Error,
    /// What the user can do about it.
    pub remedy: &'static str,
}

impl OpenError {
    pub(super) fn new(line: &LineConfig, doing: impl Into<String>, error: io::Error) -> Self {
        let remedy = match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => "Give the program CAP_NET_RAW, or take --backend recv.",
            Some(libc::EADDRNOTAVAIL) => "Name an address of this host, or a multicast group.",
            Some(libc::EADDRINUSE) => "End the other program that has this port for itself.",
            Some(libc::ENODEV | libc::ENXIO) => "Name the interface (ip link) that the feed comes in on.",
            Some(libc::ENOBUFS | libc::ENOMEM) => {
                "Ask for less, or raise net.core.optmem_max and net.ipv4.igmp_max_memberships."
            }
            Some(libc::ENOSYS) => {
                "This kernel does not have it (or a sandbox forbids it): take --backend recv."
            }
            _ => "Check the line's group, port and interface.",
        };
        Self { line: line.to_string(), doing: doing.into(), error, remedy }
    }

    pub(super) fn input(line: &LineConfig, what: impl Into<String>) -> Self {
        Self::new(line, "checking it", io::Error::new(io::ErrorKind::InvalidInput, what.into()))
    }

    pub(super) fn lines(count: usize) -> Self {
        let what = format!("{count} lines where 1 to {} can be received", super::LINES_MAX);
        Self {
            line: String::new(),
            doing: "opening the lines".to_owned(),
            error: io::Error::new(io::ErrorKind::InvalidInput, what),
            remedy: "Name at least one line.",
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, doing, error, remedy } = self;
        if line.is_empty() {
            write!(f, "{doing}: {error}. {remedy}")
        } else {
            write!(f, "line {line}: {doing}: {error}. {remedy}")
        }
    }
}

impl std::error::Error for OpenError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_as_it_is_written() {
        for text in [
            "239.1.2.3:26400",
            "239.1.2.3:26400@eth0",
            "232.1.2.3:26400@7,10.0.0.1",
            "127.0.0.1:5000",
            "[ff15::1]:26400@eth0",
            "[ff35::1]:26400@eth0,2001:db8::1",
        ] {
            let line: LineConfig = text.parse().expect(text);
            assert_eq!(line.to_string(), text);
            assert_eq!(line.receive_buffer_bytes, RECEIVE_BUFFER_BYTES);
        }
    }

    #[test]
    fn a_wrong_line_says_what_is_wrong() {
        for (text, what) in [
            ("239.1.2.3", "no address and port"),
            ("", "no address and port"),
            ("239.1.2.3:0", "port 0"),
            ("0.0.0.0:5", "unspecified"),
            ("239.1.2.3:1@", "empty interface"),
            ("239.1.2.3:1,x", "no address"),
            ("127.0.0.1:1,10.0.0.1", "needs a multicast group"),
            ("239.1.2.3:1,2001:db8::1", "different address families"),
        ] {
            let error = text.parse::<LineConfig>().expect_err(text);
            assert!(error.contains(what), "{text}: {error}");
        }
    }

    #[test]
    fn a_backend_has_one_name() {
        for backend in [Backend::Auto].into_iter().chain(Backend::ALL) {
            assert_eq!(backend.name().parse(), Ok(backend));
        }
        assert!("dpdk".parse::<Backend>().is_err());
        assert_eq!(Backend::FASTEST_FIRST.last(), Some(&Backend::Recv));
    }
}
