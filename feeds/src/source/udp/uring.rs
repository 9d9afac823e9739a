//! `io_uring`: one multishot receive a line, armed once, into a ring of provided buffers; Linux 6.1 and later.
//!
//! Sources: man pages io_uring_setup(2), io_uring_enter(2), io_uring_register_buf_ring(3),
//! io_uring_prep_recv_multishot(3). Deferred task work with the task-run flag: while nothing has arrived a poll reads two
//! shared words and makes no system call; when something has, one `io_uring_enter` fetches all of it. The ring is enabled
//! at the first poll, since it belongs to the thread that enables it: poll it from that one only. Buffers are lent to the
//! caller and go back at the next poll; when all are filled the kernel stops, datagrams wait in the socket's receive
//! buffer, and the receive is armed again behind the last one.

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::{BufRingEntry, CancelBuilder, Fd, RecvMsgOut};
use io_uring::{IoUring, cqueue, opcode};
use memmap2::{MmapMut, MmapRaw};

use super::config::{LineConfig, OpenError, ReceiveOptions};
use super::control_message::{self, CONTROL_BYTES};
use super::recv::line_number;
use super::socket::{Purpose, UdpLine};
use super::{Datagram, LINES_MAX, LineStatistics, PacketSource};
use crate::units::TIME_NONE;

/// Provided buffers, all lines together; a power of two.
pub const BUFFERS: u16 = 1024;

/// The one group of buffers.
const GROUP: u16 = 0;

/// What the kernel puts in front of the control messages and the payload of a multishot `recvmsg`.
const MESSAGE_HEADER_BYTES: usize = 16;

/// `io_uring` multishot receive.
pub struct UringSource {
    ring: IoUring,
    lines: Box<[Line]>,
    buffers: Buffers,
    /// What the kernel is told about the parts of a message; used where times are asked for.
    message: Box<libc::msghdr>,
    kernel_time: bool,
    payload_bytes_max: usize,
    /// Whether the ring has been enabled, by the thread that polls.
    enabled: bool,
    /// Whether a line's receive has ended and must be armed again.
    any_idle: bool,
    /// Buffer that is lent to the caller.
    lent: Option<u16>,
}

#[derive(Debug)]
struct Line {
    socket: UdpLine,
    statistics: LineStatistics,
    armed: bool,
}

// SAFETY: the raw pointers in it are those of the message template, which are null; memory shared with the kernel
// belongs to this value alone and stays where it is when the value moves.
unsafe impl Send for UringSource {}

impl std::fmt::Debug for UringSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UringSource").field("lines", &self.lines).finish_non_exhaustive()
    }
}

/// The buffers and the ring through which they are given to the kernel.
struct Buffers {
    entries: MmapRaw,
    memory: MmapRaw,
    slot_bytes: usize,
    /// Entries given so far, wrapping.
    tail: u16,
}

impl Buffers {
    fn new(slot_bytes: usize) -> io::Result<Self> {
        let count = usize::from(BUFFERS);
        let anonymous = |bytes| MmapMut::map_anon(bytes).map(MmapRaw::from);
        let mut this = Self {
            entries: anonymous(count * size_of::<BufRingEntry>())?,
            memory: anonymous(count * slot_bytes)?,
            slot_bytes,
            tail: 0,
        };
        (0..BUFFERS).for_each(|buffer| this.give(buffer));
        Ok(this)
    }

    /// Gives a buffer to the kernel; nothing may borrow it any more.
    #[inline]
    fn give(&mut self, buffer: u16) {
        let base = self.entries.as_mut_ptr().cast::<BufRingEntry>();
        // SAFETY: the place is below the number of entries, which the mapping holds, aligned by its page; entries
        // from the tail on are ours, the kernel reads only those before it.
        let entry = unsafe { &mut *base.add(usize::from(self.tail % BUFFERS)) };
        // SAFETY: a buffer's number is below `BUFFERS`, and that many slots lie in the mapping.
        let address = unsafe { self.memory.as_ptr().add(usize::from(buffer) * self.slot_bytes) };
        entry.set_addr(address as u64);
        entry.set_len(u32::try_from(self.slot_bytes).unwrap_or(0));
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail is a word of the first entry that entries do not use, aligned, and in the mapping.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(base).cast_mut()) };
        // Release: the entry is written before the kernel sees it. Pairs with the kernel's acquire of the tail.
        tail.store(self.tail, Ordering::Release);
    }

    /// What the kernel wrote into a buffer of ours; none when the numbers are not possible ones.
    #[inline]
    fn filled(&self, buffer: u16, length: usize) -> Option<&[u8]> {
        if buffer >= BUFFERS || length > self.slot_bytes {
            return None;
        }
        // SAFETY: the bytes lie in the mapping (checked above); the completion that named the buffer gave it to us, and
        // only `give`, which needs `&mut self`, gives it back.
        Some(unsafe {
            std::slice::from_raw_parts(
                self.memory.as_ptr().add(usize::from(buffer) * self.slot_bytes),
                length,
            )
        })
    }
}

/// A completed receive.
struct Completed {
    line: usize,
    /// None for an empty datagram, which takes no buffer (and ends a multishot `recv`, as the end of a stream would).
    buffer: Option<u16>,
    length: usize,
}

impl UringSource {
    /// Opens the lines; see [`super::open`].
    ///
    /// # Errors
    /// [`OpenError`]: what the kernel refused; an older kernel refuses the ring itself.
    pub fn open(
        lines: &[LineConfig],
        options: &ReceiveOptions,
        notices: &mut Vec<String>,
    ) -> Result<Self, OpenError> {
        let sockets = lines.iter().map(|line| {
            let socket = UdpLine::open(line, options, Purpose::Receive, notices)?;
            Ok(Line { socket, statistics: LineStatistics::default(), armed: false })
        });
        let sockets: Box<[Line]> = sockets.collect::<Result<_, OpenError>>()?;
        let failed = |doing: &str, error| match lines.first() {
            Some(line) => OpenError::new(line, doing, error),
            None => OpenError::lines(0),
        };
        let headers = if options.kernel_time { MESSAGE_HEADER_BYTES + CONTROL_BYTES } else { 0 };
        // One byte longer than the longest datagram, so that a longer one shows.
        let slot_bytes = (headers + options.datagram_bytes_max + 1).next_multiple_of(64);
        let buffers = Buffers::new(slot_bytes).map_err(|error| failed("allocating buffers", error))?;
        // A receive a line is all that is ever submitted at once; every buffer and every line's end can be completed
        // without the completion queue being read.
        let ring = IoUring::builder()
            .setup_r_disabled()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_cqsize(2 * u32::from(BUFFERS))
            .build(u32::try_from(LINES_MAX + 1).unwrap_or(1))
            .map_err(|error| failed("making an io_uring (Linux 6.1)", error))?;
        // SAFETY: the address is that of `BUFFERS` entries in a mapping which this value owns, and which it unmaps only
        // after the ring, a field before it, has been closed.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(buffers.entries.as_ptr() as u64, BUFFERS, GROUP, 0)
        }
        .map_err(|error| failed("registering the ring of buffers", error))?;
        // SAFETY: `msghdr` is pointers and integers: all zeroes is «none of it».
        let mut message: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        message.msg_controllen = CONTROL_BYTES as _;
        Ok(Self {
            ring,
            lines: sockets,
            buffers,
            message,
            kernel_time: options.kernel_time,
            payload_bytes_max: options.datagram_bytes_max,
            enabled: false,
            any_idle: true,
            lent: None,
        })
    }

    /// Enables the ring, at the first poll, and arms the lines whose receive has ended.
    #[cold]
    fn arm(&mut self) -> io::Result<()> {
        if !self.enabled {
            self.ring.submitter().register_enable_rings()?;
            self.enabled = true;
        }
        for (number, line) in self.lines.iter_mut().enumerate().filter(|(_, line)| !line.armed) {
            let fd = Fd(line.socket.fd());
            let entry = if self.kernel_time {
                opcode::RecvMsgMulti::new(fd, &raw const *self.message, GROUP).build()
            } else {
                opcode::RecvMulti::new(fd, GROUP).build()
            };
            let entry = entry.user_data(number as u64);
            // SAFETY: the descriptor and the message template live as long as the ring; buffers come from the
            // registered group.
            let pushed = unsafe { self.ring.submission().push(&entry) };
            pushed.map_err(|_| io::ErrorKind::QuotaExceeded)?;
            line.armed = true;
        }
        self.any_idle = false;
        self.ring.submit().map(|_| ())
    }

    /// The next completion that holds a datagram.
    #[inline]
    fn completed(&mut self) -> io::Result<Option<Completed>> {
        let Some(completion) = self.ring.completion().next() else { return Ok(None) };
        let line = usize::try_from(completion.user_data()).unwrap_or(usize::MAX);
        if !cqueue::more(completion.flags()) {
            self.line_ended(line);
        }
        match usize::try_from(completion.result()) {
            Ok(length) => {
                let buffer = cqueue::buffer_select(completion.flags());
                Ok(Some(Completed { line, buffer, length }))
            }
            Err(_) => match -completion.result() {
                // All buffers are filled: the receive is armed again when they have been taken.
                libc::ENOBUFS | libc::EAGAIN | libc::EINTR => Ok(None),
                code => Err(io::Error::from_raw_os_error(code)),
            },
        }
    }

    #[cold]
    fn line_ended(&mut self, line: usize) {
        if let Some(line) = self.lines.get_mut(line) {
            line.armed = false;
        }
        self.any_idle = true;
    }
}

/// Payload and receive time in what a multishot `recvmsg` wrote; none when it is not whole.
#[inline]
fn message_parts<'a>(filled: &'a [u8], template: &libc::msghdr) -> Option<(&'a [u8], u64)> {
    let message =
        RecvMsgOut::parse(filled, template).ok().filter(|message| !message.is_payload_truncated())?;
    let receive_ns = control_message::receive_ns(message.control_data());
    // The payload is the end of what was filled; the parser's own slice borrows the parser.
    let start = filled.len().checked_sub(message.payload_data().len())?;
    Some((&filled[start..], receive_ns))
}

impl PacketSource for UringSource {
    #[inline]
    fn poll(&mut self) -> io::Result<Option<Datagram<'_>>> {
        if let Some(buffer) = self.lent.take() {
            self.buffers.give(buffer);
        }
        let mut completed = self.completed()?;
        if completed.is_none() {
            if self.any_idle {
                self.arm()?;
            } else if self.ring.submission().taskrun() {
                self.ring.submit()?;
            } else {
                return Ok(None);
            }
            completed = self.completed()?;
        }
        let Some(Completed { line: number, buffer, length }) = completed else { return Ok(None) };
        self.lent = buffer.filter(|&buffer| buffer < BUFFERS);
        let Some(line) = self.lines.get_mut(number) else { return Ok(None) };
        let filled = match buffer {
            Some(buffer) => self.buffers.filled(buffer, length),
            None => Some(&[][..]),
        };
        let parts = filled.and_then(|filled| {
            if self.kernel_time { message_parts(filled, &self.message) } else { Some((filled, TIME_NONE)) }
        });
        match parts.filter(|(payload, _)| payload.len() <= self.payload_bytes_max) {
            Some((payload, receive_ns)) => {
                line.statistics.count(payload);
                Ok(Some(Datagram { payload, receive_ns, from_line: line_number(number) }))
            }
            None => {
                line.statistics.truncated += 1;
                Ok(None)
            }
        }
    }

    fn statistics(&mut self, line: u8) -> io::Result<LineStatistics> {
        let line = self.lines.get(usize::from(line)).ok_or(io::ErrorKind::NotFound)?;
        Ok(LineStatistics { kernel_drops: line.socket.kernel_drops()?, ..line.statistics })
    }
}

impl Drop for UringSource {
    fn drop(&mut self) {
        // So that nothing is in flight when the buffers go. It may fail on another thread than the polling one: then the
        // closing of the ring cancels, and cancelled receives write to no buffer.
        let _ = self.ring.submitter().register_sync_cancel(None, CancelBuilder::any());
    }
}
