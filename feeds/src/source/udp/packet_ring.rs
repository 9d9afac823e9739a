//! A memory-mapped ring of received frames (AF_PACKET, TPACKET_V2): a poll is a load of one status word, and no system
//! call; 1.01 us one way on loopback, against 1.66 of `recv` (notes/performance.md). Needs CAP_NET_RAW.
//!
//! Source: Linux Documentation/networking/packet_mmap.rst. Version 2 and not 3: it hands over every frame at once,
//! version 3 hands over blocks. The ring sees packets from the IP header on (SOCK_DGRAM); a filter in the kernel lets
//! only the line's own datagrams in. Payloads are borrowed from the ring and never copied: a slot goes back to the
//! kernel at the next poll. Beside the ring a UDP socket holds the group and the port and throws everything away, so
//! that the switch sends the group and the kernel answers no «port unreachable».
//!
//! What the UDP layer would do is done here: lengths are held against the slot before a slice is made, checksums that
//! neither card nor sender vouches for are computed. Not done: reassembly of fragments, IPv6 extension headers (the
//! filter keeps both out), and taking apart what a sender on this host sent with UDP_SEGMENT.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::config::{LineConfig, OpenError, ReceiveOptions};
use super::recv::line_number;
use super::socket::{self, Purpose, UdpLine, checked, get_option, set_option};
use super::{Datagram, LineStatistics, PacketSource, checksum, filter};
use crate::source::network::{self, Content};
use crate::units::NS_PER_S;

/// Bytes in front of the IP packet in a slot: the kernel's header, aligned, and 16 that it leaves free.
const HEADROOM_BYTES: usize = libc::TPACKET2_HDRLEN.next_multiple_of(16) + 16;

/// IPv6 and UDP headers, and what IPv4 options may take.
const PROTOCOL_HEADERS_BYTES: usize = 68;

/// What the kernel allocates in one piece; slots lie in it without a gap, since their size divides it.
const BLOCK_BYTES: usize = 1 << 17;

/// Rings of AF_PACKET sockets, one a line.
#[derive(Debug)]
pub struct PacketRingSource {
    lines: Box<[Line]>,
    /// Line of the next look.
    next: usize,
    /// Line whose slot is lent to the caller.
    lent: Option<usize>,
}

/// A line's ring.
#[derive(Debug)]
struct Line {
    socket: OwnedFd,
    _group: UdpLine,
    memory: Mapping,
    slot_bytes: usize,
    slots: usize,
    /// Slot of the next frame.
    next: usize,
    payload_bytes_max: usize,
    statistics: LineStatistics,
}

/// Memory shared with the kernel.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value alone (the kernel is the only other user, and takes turns by the slots'
// status words); a mapping may be used from any thread of the process.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(socket: &OwnedFd, bytes: usize) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        // SAFETY: a new mapping at an address of the kernel's choice; it overlaps nothing of ours.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, socket.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, bytes })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping that `new` made; whoever borrowed from it borrowed this value, too.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

impl Line {
    fn open(line: &LineConfig, options: &ReceiveOptions) -> Result<Self, OpenError> {
        let failed = |doing: &str, error| OpenError::new(line, doing, error);
        let Some(interface) = socket::interface_index(line)? else {
            return Err(OpenError::input(
                line,
                "the packet ring needs the interface of a multicast line (GROUP:PORT@INTERFACE)",
            ));
        };
        let payload_bytes_max = options.datagram_bytes_max;
        let slot_bytes = (HEADROOM_BYTES + PROTOCOL_HEADERS_BYTES + payload_bytes_max).next_power_of_two();
        if slot_bytes > BLOCK_BYTES {
            return Err(OpenError::input(line, "datagrams of more than 65,507 bytes do not exist"));
        }
        let blocks = line.receive_buffer_bytes.div_ceil(BLOCK_BYTES).max(1);
        let slots = blocks * (BLOCK_BYTES / slot_bytes);
        // Protocol 0: nothing is received before `bind` names one, when the filter is there.
        let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        let socket = socket::new_socket(libc::AF_PACKET, kind, 0)
            .map_err(|error| failed("opening an AF_PACKET socket", error))?;
        filter::attach(&socket, &filter::datagrams_of(line))
            .map_err(|error| failed("attaching the line's filter", error))?;
        let version = libc::tpacket_versions::TPACKET_V2 as libc::c_int;
        set_option(&socket, libc::SOL_PACKET, libc::PACKET_VERSION, &version)
            .map_err(|error| failed("choosing TPACKET_V2", error))?;
        // The filter refuses what goes out; where the kernel knows this option (4.20) it does not even look.
        let on: libc::c_int = 1;
        let _ = set_option(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &on);
        let count = |value: usize| {
            libc::c_uint::try_from(value)
                .map_err(|_| OpenError::input(line, "the receive buffer is too large"))
        };
        let request = libc::tpacket_req {
            tp_block_size: count(BLOCK_BYTES)?,
            tp_block_nr: count(blocks)?,
            tp_frame_size: count(slot_bytes)?,
            tp_frame_nr: count(slots)?,
        };
        set_option(&socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)
            .map_err(|error| failed("making the ring", error))?;
        let memory =
            Mapping::new(&socket, blocks * BLOCK_BYTES).map_err(|error| failed("mapping the ring", error))?;
        // Its notices are of a receive buffer that is not used.
        let group = UdpLine::open(line, options, Purpose::HoldGroup, &mut Vec::new())?;
        bind(&socket, line.group, interface)
            .map_err(|error| failed("binding the ring to the interface", error))?;
        Ok(Self {
            socket,
            _group: group,
            memory,
            slot_bytes,
            slots,
            next: 0,
            payload_bytes_max,
            statistics: LineStatistics::default(),
        })
    }

    /// The start of the slot at `next`.
    #[inline(always)]
    fn slot(&self) -> NonNull<u8> {
        debug_assert!(self.next < self.slots);
        // SAFETY: `next` is below `slots`, and that many slots of `slot_bytes` lie in the mapping.
        unsafe { self.memory.start.add(self.next * self.slot_bytes) }
    }

    #[inline(always)]
    fn status(&self) -> &AtomicU32 {
        // SAFETY: the status is the first word of a slot, slots are aligned to at least 2,048 bytes in a page-aligned
        // mapping that lives as long as `self`, and the kernel accesses the word as a whole.
        unsafe { AtomicU32::from_ptr(self.slot().cast().as_ptr()) }
    }

    /// Gives the slot at `next` back to the kernel and goes on to the following one.
    #[inline(always)]
    fn release(&mut self) {
        // Release: our reads of the slot come before the kernel sees that it may write to it. Pairs with the kernel's
        // barrier behind its own look at the status.
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = if self.next + 1 == self.slots { 0 } else { self.next + 1 };
    }

    /// The frame in the slot at `next`: its IP packet, receive time and status; none when the kernel has not filled it.
    /// `Some(Err)`: the slot contradicts itself.
    #[inline(always)]
    fn frame(&self) -> Option<Result<Frame<'_>, Fault>> {
        // Acquire: pairs with the barrier between the kernel's filling the slot and its writing the status.
        let status = self.status().load(Ordering::Acquire);
        if status & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: the status says that the slot is ours until we store TP_STATUS_KERNEL; the header is plain integers
        // at its start, and a slot is longer and more aligned than the header.
        let header = unsafe { self.slot().cast::<libc::tpacket2_hdr>().read() };
        let start = usize::from(header.tp_net);
        let captured = usize::try_from(header.tp_snaplen).unwrap_or(usize::MAX);
        if header.tp_snaplen < header.tp_len {
            return Some(Err(Fault::Truncated));
        }
        if start < size_of::<libc::tpacket2_hdr>()
            || start.checked_add(captured).is_none_or(|end| end > self.slot_bytes)
        {
            return Some(Err(Fault::Damaged));
        }
        // SAFETY: start + captured lies within the slot (checked above), which the kernel does not write to while it is
        // ours; the slice borrows `self`, and only `release`, which needs `&mut self`, gives the slot back.
        let packet = unsafe { std::slice::from_raw_parts(self.slot().add(start).as_ptr(), captured) };
        let receive_ns = u64::from(header.tp_sec) * NS_PER_S + u64::from(header.tp_nsec);
        // Frames of this host have their checksum computed by nobody; cards vouch for those that they checked.
        let vouched = status & (libc::TP_STATUS_CSUMNOTREADY | libc::TP_STATUS_CSUM_VALID) != 0;
        Some(Ok(Frame { packet, start, receive_ns, vouched }))
    }

    /// Looks for a datagram in the slot at `next`; none when the kernel has not filled it.
    #[inline]
    fn look(&self) -> Option<Result<Found, Fault>> {
        let frame = match self.frame()? {
            Ok(frame) => frame,
            Err(fault) => return Some(Err(fault)),
        };
        let Content::Udp { at, payload } = network::content(network::link::RAW, frame.packet) else {
            return Some(Err(Fault::Damaged));
        };
        if payload.len() > self.payload_bytes_max {
            return Some(Err(Fault::Truncated));
        }
        if !frame.vouched && !checksum::is_right(frame.packet, &frame.packet[at - 8..at + payload.len()]) {
            return Some(Err(Fault::Damaged));
        }
        Some(Ok(Found { offset: frame.start + at, length: payload.len(), receive_ns: frame.receive_ns }))
    }

    /// The payload that [`Self::look`] found in the slot at `next`, which has not been released since.
    #[inline(always)]
    fn payload(&self, found: &Found) -> &[u8] {
        debug_assert!(found.offset + found.length <= self.slot_bytes);
        // SAFETY: `look` found these bytes inside the slot, which is ours until `release`: that needs `&mut self`, and
        // the slice borrows `self`.
        unsafe { std::slice::from_raw_parts(self.slot().add(found.offset).as_ptr(), found.length) }
    }

    #[cold]
    fn discard(&mut self, fault: Fault) {
        match fault {
            Fault::Truncated => self.statistics.truncated += 1,
            Fault::Damaged => self.statistics.damaged += 1,
        }
        self.release();
    }
}

/// An IP packet in a slot.
struct Frame<'a> {
    packet: &'a [u8],
    /// Where it starts in the slot.
    start: usize,
    receive_ns: u64,
    /// Whether somebody answers for the checksum.
    vouched: bool,
}

/// Where the payload of a slot's datagram is, in bytes from the slot's start.
#[derive(Clone, Copy, Debug)]
struct Found {
    offset: usize,
    length: usize,
    receive_ns: u64,
}

/// Why a frame is not handed out.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Truncated,
    Damaged,
}

/// Starts receiving IP packets of one interface.
fn bind(socket: &OwnedFd, group: IpAddr, interface: u32) -> io::Result<()> {
    let protocol = if group.is_ipv4() { libc::ETH_P_IP } else { libc::ETH_P_IPV6 };
    // SAFETY: integers and an array of them, for which all zeroes is valid.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = socket::family_of(libc::AF_PACKET);
    address.sll_protocol = u16::try_from(protocol).unwrap_or_default().to_be();
    address.sll_ifindex = libc::c_int::try_from(interface).map_err(|_| io::ErrorKind::InvalidInput)?;
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).unwrap_or_default();
    // SAFETY: a live, initialised link-layer address of `length` bytes.
    checked(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })
}

impl PacketRingSource {
    /// Opens the lines; see [`super::open`].
    ///
    /// # Errors
    /// [`OpenError`]: no CAP_NET_RAW, no interface, no memory for the ring.
    pub fn open(lines: &[LineConfig], options: &ReceiveOptions) -> Result<Self, OpenError> {
        let lines = lines.iter().map(|line| Line::open(line, options));
        Ok(Self { lines: lines.collect::<Result<_, OpenError>>()?, next: 0, lent: None })
    }
}

impl PacketSource for PacketRingSource {
    #[inline]
    fn poll(&mut self) -> io::Result<Option<Datagram<'_>>> {
        if let Some(line) = self.lent.take() {
            self.lines[line].release();
        }
        for _ in 0..self.lines.len() {
            let number = self.next;
            self.next = if number + 1 == self.lines.len() { 0 } else { number + 1 };
            match self.lines[number].look() {
                None => {}
                Some(Err(fault)) => self.lines[number].discard(fault),
                Some(Ok(found)) => {
                    self.lent = Some(number);
                    let line = &mut self.lines[number];
                    line.statistics.packets += 1;
                    line.statistics.bytes += found.length as u64;
                    let payload = self.lines[number].payload(&found);
                    let from_line = line_number(number);
                    return Ok(Some(Datagram { payload, receive_ns: found.receive_ns, from_line }));
                }
            }
        }
        Ok(None)
    }

    fn statistics(&mut self, line: u8) -> io::Result<LineStatistics> {
        let line = self.lines.get_mut(usize::from(line)).ok_or(io::ErrorKind::NotFound)?;
        // Reading it sets it back to zero.
        let counted: libc::tpacket_stats =
            get_option(&line.socket, libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        line.statistics.kernel_drops += u64::from(counted.tp_drops);
        Ok(line.statistics)
    }
}
