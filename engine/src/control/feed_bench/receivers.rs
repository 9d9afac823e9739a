//! What is measured side by side: a bare `recv` loop, a source's poll alone, and the live receive path.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use feeds::arbiter::ArbiterConfig;
use feeds::directory::Directory;
use feeds::event::MarketEvent;
use feeds::itch::encode::encode;
use feeds::itch::feed::ItchFeed;
use feeds::itch::messages::{AddOrderMpid, BODY_LENGTH_MAX, Header as ItchHeader, Message};
use feeds::moldudp64::{HEADER_LENGTH, Header};
use feeds::source::udp::{self, Backend, LineConfig, LiveSource, PacketSource, ReceiveOptions};
use feeds::symbol::Symbol;

use crate::pipeline::live_feed::LiveFeed;
use crate::pipeline::tsc::{self, Calibration};

/// Bytes of the packet that is sent: a MoldUDP64 header and one Add Order with MPID.
pub const PACKET_BYTES: usize = HEADER_LENGTH + 2 + 40;

/// Where in the packet the order reference number is: it carries the sender's tick count.
const REFERENCE_AT: usize = HEADER_LENGTH + 2 + 11;

const SESSION: [u8; 10] = *b"FEEDBENCH1";
const LOCATE: u16 = 7;

/// A packet, patched for each send.
pub struct TestPacket {
    bytes: [u8; PACKET_BYTES],
}

impl TestPacket {
    /// One Add Order of a listed symbol.
    ///
    /// # Panics
    /// When the encoder's message is not as long as it is said to be.
    #[must_use]
    pub fn new() -> Self {
        let mut bytes = [0; PACKET_BYTES];
        let header = Header { session: SESSION, sequence: 1, count: 1 }.encode();
        bytes[..HEADER_LENGTH].copy_from_slice(&header);
        let mut body = [0; BODY_LENGTH_MAX];
        let add = AddOrderMpid {
            header: ItchHeader { locate: LOCATE, tracking: 0, timestamp_ns: 34_200_000_000_000 },
            reference: 0,
            side: b'B',
            shares: 100,
            stock: symbol(),
            price: 1_000_000,
            attribution: *b"WARP",
        };
        let length = encode(&Message::AddOrderMpid(add), &mut body);
        assert_eq!(HEADER_LENGTH + 2 + length, PACKET_BYTES);
        bytes[HEADER_LENGTH..HEADER_LENGTH + 2].copy_from_slice(&(length as u16).to_be_bytes());
        bytes[HEADER_LENGTH + 2..].copy_from_slice(&body[..length]);
        Self { bytes }
    }

    /// The packet with this sequence number, stamped now.
    #[inline]
    pub fn stamped(&mut self, sequence: u64) -> &[u8] {
        self.bytes[10..18].copy_from_slice(&sequence.to_be_bytes());
        self.bytes[REFERENCE_AT..REFERENCE_AT + 8].copy_from_slice(&tsc::now().to_be_bytes());
        &self.bytes
    }
}

fn symbol() -> Symbol {
    Symbol::new("BENCH").expect("a symbol of five letters")
}

fn stamp_in(payload: &[u8]) -> Option<u64> {
    payload.get(REFERENCE_AT..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// What a datagram goes through before it counts as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// A non-blocking `recv` on a plain socket, nothing else: what the others are held against.
    Bare,
    /// [`PacketSource::poll`].
    Poll,
    /// The live receive path: clock, poll, MoldUDP64, A/B arbitration, ITCH to `MarketEvent`, timers.
    Live,
}

/// Something that receives test packets.
pub trait Receiver {
    /// The sender's tick count in the next packet; `None` when none is there now.
    ///
    /// # Errors
    /// The kernel's.
    fn receive(&mut self) -> io::Result<Option<u64>>;
}

/// See [`Path::Bare`].
pub struct BareReceiver {
    socket: UdpSocket,
    buffer: [u8; 2_048],
}

impl BareReceiver {
    /// Binds a port of 127.0.0.1.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        // As much as the others ask for; the kernel grants what it may.
        let bytes =
            libc::c_int::try_from(LineConfig::new(address).receive_buffer_bytes).unwrap_or(libc::c_int::MAX);
        // SAFETY: the option's value is a live integer, and its size is given; the descriptor is open.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVBUF,
                (&raw const bytes).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        Ok(Self { socket, buffer: [0; 2_048] })
    }
}

impl Receiver for BareReceiver {
    #[inline]
    fn receive(&mut self) -> io::Result<Option<u64>> {
        match self.socket.recv(&mut self.buffer) {
            Ok(length) => Ok(stamp_in(&self.buffer[..length])),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// See [`Path::Poll`].
pub struct PollReceiver {
    source: LiveSource,
}

impl PollReceiver {
    /// Opens a source on an address of this host.
    ///
    /// # Errors
    /// Why the backend cannot be had.
    pub fn open(address: SocketAddr, backend: Backend, kernel_time: bool) -> Result<Self, String> {
        let options = ReceiveOptions { backend, kernel_time, ..ReceiveOptions::default() };
        let opened = udp::open(&[LineConfig::new(address)], &options).map_err(|error| error.to_string())?;
        Ok(Self { source: opened.source })
    }

    /// What the backend asked for came to.
    pub fn backend(&self) -> Backend {
        self.source.backend()
    }
}

impl Receiver for PollReceiver {
    #[inline]
    fn receive(&mut self) -> io::Result<Option<u64>> {
        Ok(self.source.poll()?.and_then(|datagram| stamp_in(datagram.payload)))
    }
}

/// See [`Path::Live`].
pub struct LiveReceiver {
    source: LiveSource,
    feed: LiveFeed,
    directory: Directory,
    calibration: Calibration,
    last: Option<MarketEvent>,
}

impl LiveReceiver {
    /// The path behind a source.
    ///
    /// # Errors
    /// Why the directory cannot be made.
    pub fn new(poll: PollReceiver, calibration: Calibration) -> Result<Self, String> {
        let mut directory = Directory::new(vec![symbol()], 0).map_err(|error| error.to_string())?;
        directory.list(0, LOCATE, symbol()).map_err(|error| error.to_string())?;
        let config = ArbiterConfig { lines: 1, window_messages: 4_096, ..ArbiterConfig::default() };
        Ok(Self {
            source: poll.source,
            feed: LiveFeed::new(config, ItchFeed::new(0, 0, 0)),
            directory,
            calibration,
            last: None,
        })
    }
}

impl Receiver for LiveReceiver {
    #[inline]
    fn receive(&mut self) -> io::Result<Option<u64>> {
        let Self { source, feed, directory, calibration, last } = self;
        *last = None;
        let mut sink = |event: &MarketEvent| *last = Some(*event);
        // As a turn of the live loop: the clock, the lines, then what time demands.
        let now_ns = calibration.utc_ns(tsc::now());
        if let Some(datagram) = source.poll()? {
            let line = usize::from(datagram.from_line);
            feed.on_packet(directory, line, datagram.payload, datagram.receive_ns, now_ns, &mut sink);
        }
        feed.on_time(directory, now_ns, &mut sink);
        // The whole event, not only the one field of it that is looked at.
        Ok(std::hint::black_box(*last).map(|event| event.order_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_gives_the_stamp_back() {
        let calibration = Calibration::measure();
        let sender = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
        let poll = |kernel_time| PollReceiver::open(address, Backend::Recv, kernel_time).expect("a source");
        let paths: [Box<dyn Fn() -> Box<dyn Receiver>>; 3] = [
            Box::new(|| Box::new(BareReceiver::open(address).expect("a socket"))),
            Box::new(|| Box::new(poll(false))),
            Box::new(|| Box::new(LiveReceiver::new(poll(true), calibration).expect("a path"))),
        ];
        let mut packet = TestPacket::new();
        for open in paths {
            let mut receiver = open();
            assert_eq!(receiver.receive().expect("a poll"), None);
            for sequence in 1..=3 {
                let bytes = packet.stamped(sequence);
                let stamp = stamp_in(bytes);
                sender.send_to(bytes, address).expect("sent");
                assert!(stamp.is_some());
                assert_eq!(receiver.receive().expect("a poll"), stamp);
            }
            assert_eq!(receiver.receive().expect("a poll"), None);
        }
    }
}
