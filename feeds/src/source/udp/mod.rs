//! Live lines: UDP datagrams of one or more lines (A and B of a feed), polled by the thread that owns them.
//!
//! One trait, [`PacketSource`], and four ways to the kernel behind it: [`recv`], [`recvmmsg`], [`packet_ring`]
//! (a memory-mapped AF_PACKET ring) and [`uring`] (`io_uring` multishot receive). `warptick bench feed` measures them
//! side by side; [`open`] takes the one asked for, or with [`Backend::Auto`] the fastest that the host allows.
//!
//! Everything is allocated when a source is opened. After that [`PacketSource::poll`] allocates nothing, never blocks,
//! and makes no system call but on the sockets that the source owns; the ring makes none at all. A source belongs to
//! one thread at a time (it may be moved to it before the first poll). It joins groups but never sends.
//!
//! It refuses to interpret payloads: framing, arbitration and gaps are not here. A datagram longer than
//! [`ReceiveOptions::datagram_bytes_max`] is counted and thrown away, never handed out cut.

pub(super) mod checksum;
mod config;
mod control_message;
mod filter;
pub mod packet_ring;
pub mod recv;
pub mod recvmmsg;
mod socket;
pub mod uring;

#[cfg(test)]
mod loopback_tests;
#[cfg(test)]
mod namespace_tests;

use std::io;

pub use config::{Backend, LineConfig, OpenError, ReceiveOptions};

use packet_ring::PacketRingSource;
use recv::RecvSource;
use recvmmsg::RecvmmsgSource;
use uring::UringSource;

/// Most lines of one source: their number is a `u8` in [`Datagram`].
pub const LINES_MAX: usize = 255;

/// A UDP payload, borrowed from the source's memory until its next poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The UDP payload, whole.
    pub payload: &'a [u8],
    /// When the kernel received it, UTC ns of its realtime clock; [`crate::units::TIME_NONE`] where the source was
    /// not asked for times.
    pub receive_ns: u64,
    /// Which line it came on: the line's place in the slice that [`open`] was given.
    pub from_line: u8,
}

/// What a line has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineStatistics {
    /// Datagrams handed out.
    pub packets: u64,
    /// Payload bytes in them.
    pub bytes: u64,
    /// Datagrams that the kernel threw away because the receive buffer or the ring was full.
    pub kernel_drops: u64,
    /// Datagrams longer than [`ReceiveOptions::datagram_bytes_max`], thrown away.
    pub truncated: u64,
    /// Datagrams thrown away because lengths or checksum were wrong (packet ring; elsewhere the kernel does it).
    pub damaged: u64,
}

impl LineStatistics {
    /// Counts a datagram that is handed out.
    #[inline(always)]
    fn count(&mut self, payload: &[u8]) {
        self.packets += 1;
        self.bytes += payload.len() as u64;
    }
}

/// Where live packets come from.
pub trait PacketSource {
    /// The next datagram of any line, lines taking turns; `None` when none is there now. Bounded work; never blocks.
    /// The datagrams of one line come in the order in which the kernel received them.
    ///
    /// # Errors
    /// The kernel's, of the socket or of the ring (an interface that went down). The source may be polled on.
    fn poll(&mut self) -> io::Result<Option<Datagram<'_>>>;

    /// The counters of a line; one system call, so not for the hot path.
    ///
    /// # Errors
    /// The kernel's; a line that does not exist.
    fn statistics(&mut self, line: u8) -> io::Result<LineStatistics>;
}

/// A source of any backend; a poll costs one well-predicted branch more than the backend's own.
// One value a thread, made once: boxing the large variant would put a pointer into every poll.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum LiveSource {
    /// One `recv` or `recvmsg` a datagram.
    Recv(RecvSource),
    /// Batches.
    Recvmmsg(RecvmmsgSource),
    /// Memory-mapped AF_PACKET rings.
    PacketRing(PacketRingSource),
    /// `io_uring`.
    IoUring(UringSource),
}

impl LiveSource {
    /// The backend that it is; never [`Backend::Auto`].
    #[must_use]
    pub const fn backend(&self) -> Backend {
        match self {
            Self::Recv(_) => Backend::Recv,
            Self::Recvmmsg(_) => Backend::Recvmmsg,
            Self::PacketRing(_) => Backend::PacketRing,
            Self::IoUring(_) => Backend::IoUring,
        }
    }
}

impl PacketSource for LiveSource {
    #[inline]
    fn poll(&mut self) -> io::Result<Option<Datagram<'_>>> {
        match self {
            Self::Recv(source) => source.poll(),
            Self::Recvmmsg(source) => source.poll(),
            Self::PacketRing(source) => source.poll(),
            Self::IoUring(source) => source.poll(),
        }
    }

    fn statistics(&mut self, line: u8) -> io::Result<LineStatistics> {
        match self {
            Self::Recv(source) => source.statistics(line),
            Self::Recvmmsg(source) => source.statistics(line),
            Self::PacketRing(source) => source.statistics(line),
            Self::IoUring(source) => source.statistics(line),
        }
    }
}

/// An opened source and what the user should know about it.
#[derive(Debug)]
pub struct Opened {
    /// The source.
    pub source: LiveSource,
    /// Sentences for the user: a receive buffer smaller than asked, why a faster backend could not be had.
    pub notices: Vec<String>,
}

/// Opens the lines, joins their groups and allocates everything.
///
/// [`Backend::Auto`] tries the backends in the order of their measured one-way latency and takes the first that opens.
///
/// # Errors
/// [`OpenError`]: what the kernel refused, for which line, and what to do.
pub fn open(lines: &[LineConfig], options: &ReceiveOptions) -> Result<Opened, OpenError> {
    if lines.is_empty() || lines.len() > LINES_MAX {
        return Err(OpenError::lines(lines.len()));
    }
    if options.backend != Backend::Auto {
        return open_backend(options.backend, lines, options);
    }
    let mut refusals = Vec::new();
    for backend in Backend::FASTEST_FIRST {
        match open_backend(backend, lines, options) {
            Ok(mut opened) => {
                opened.notices.extend(refusals);
                return Ok(opened);
            }
            // The last one, plain sockets, says what is wrong with the line itself.
            Err(error) if backend == Backend::Recv => return Err(error),
            Err(error) => refusals.push(format!("{} cannot be used: {error}", backend.name())),
        }
    }
    unreachable!("plain sockets are in the list and return")
}

fn open_backend(
    backend: Backend,
    lines: &[LineConfig],
    options: &ReceiveOptions,
) -> Result<Opened, OpenError> {
    let mut notices = Vec::new();
    let source = match backend {
        Backend::Auto | Backend::Recv => LiveSource::Recv(RecvSource::open(lines, options, &mut notices)?),
        Backend::Recvmmsg => LiveSource::Recvmmsg(RecvmmsgSource::open(lines, options, &mut notices)?),
        Backend::PacketRing => LiveSource::PacketRing(PacketRingSource::open(lines, options)?),
        Backend::IoUring => LiveSource::IoUring(UringSource::open(lines, options, &mut notices)?),
    };
    Ok(Opened { source, notices })
}
