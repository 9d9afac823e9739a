//! `recvmmsg`: as many datagrams a system call as are there, up to [`BATCH`].
//!
//! Dearer than `recv` for a single datagram (1.76 against 1.66 us one way on loopback), cheaper a datagram when many
//! are queued (507 against 535 ns; notes/performance.md). Every line has its own batch, allocated at start.

use std::io;
use std::mem::zeroed;

use super::config::{LineConfig, OpenError, ReceiveOptions};
use super::control_message::{self, CONTROL_BYTES, ControlBuffer};
use super::recv::line_number;
use super::socket::{Purpose, UdpLine};
use super::{Datagram, LineStatistics, PacketSource};
use crate::units::TIME_NONE;

/// Most datagrams of one call: more gain nothing (notes/performance.md measured 64), and fewer stay in the cache.
pub const BATCH: usize = 32;

/// Sockets read in batches.
#[derive(Debug)]
pub struct RecvmmsgSource {
    lines: Box<[Line]>,
    /// Line of the next call.
    current: usize,
    kernel_time: bool,
}

/// A line and its batch.
struct Line {
    socket: UdpLine,
    statistics: LineStatistics,
    /// Point into `vectors` and `controls`, which point into `buffers`: heap blocks that live and stay where they are
    /// as long as the line does.
    messages: Box<[libc::mmsghdr]>,
    _vectors: Box<[libc::iovec]>,
    controls: Box<[ControlBuffer]>,
    buffers: Box<[u8]>,
    /// Bytes of one buffer: one more than the longest datagram.
    slot_bytes: usize,
    /// Messages of the last call that have not been handed out: from `taken` to `received`.
    taken: usize,
    received: usize,
}

// SAFETY: the raw pointers in it go to heap blocks that the line owns and nobody else refers to; moving the line to
// another thread moves that ownership, and the blocks stay where they are.
unsafe impl Send for Line {}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { socket, statistics, taken, received, .. } = self;
        f.debug_struct("Line")
            .field("socket", socket)
            .field("statistics", statistics)
            .field("taken", taken)
            .field("received", received)
            .finish_non_exhaustive()
    }
}

impl Line {
    fn new(socket: UdpLine, options: &ReceiveOptions) -> Self {
        let slot_bytes = options.datagram_bytes_max + 1;
        let mut buffers = vec![0; slot_bytes * BATCH].into_boxed_slice();
        let mut controls = vec![ControlBuffer::EMPTY; BATCH].into_boxed_slice();
        let mut vectors: Box<[libc::iovec]> = buffers
            .chunks_exact_mut(slot_bytes)
            .map(|slot| libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() })
            .collect();
        let messages = vectors.iter_mut().zip(&mut controls).map(|(vector, control)| {
            // SAFETY: `mmsghdr` is pointers and integers: all zeroes is «none of it».
            let mut message: libc::mmsghdr = unsafe { zeroed() };
            message.msg_hdr.msg_iov = std::ptr::from_mut(vector);
            message.msg_hdr.msg_iovlen = 1;
            if options.kernel_time {
                message.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
                message.msg_hdr.msg_controllen = CONTROL_BYTES as _;
            }
            message
        });
        let messages = messages.collect();
        Self {
            socket,
            statistics: LineStatistics::default(),
            messages,
            _vectors: vectors,
            controls,
            buffers,
            slot_bytes,
            taken: 0,
            received: 0,
        }
    }

    /// Fills the batch; whether anything came.
    #[inline]
    fn receive(&mut self, kernel_time: bool) -> io::Result<bool> {
        if kernel_time {
            // The kernel left the length of what it wrote.
            for message in &mut self.messages[..self.received] {
                message.msg_hdr.msg_controllen = CONTROL_BYTES as _;
            }
        }
        (self.taken, self.received) = (0, 0);
        let count = libc::c_uint::try_from(BATCH).unwrap_or(1);
        // SAFETY: `count` messages, each naming a vector, a buffer and a control buffer that we own and that nobody
        // else refers to during the call.
        let received = unsafe {
            libc::recvmmsg(
                self.socket.fd(),
                self.messages.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        match usize::try_from(received) {
            Ok(received) => {
                self.received = received.min(BATCH);
                Ok(received > 0)
            }
            Err(_) => nothing_or_error(),
        }
    }

    /// The next datagram of the batch that is whole: its place in it.
    #[inline]
    fn take(&mut self) -> Option<usize> {
        while self.taken < self.received {
            let at = self.taken;
            self.taken += 1;
            if self.messages[at].msg_hdr.msg_flags & libc::MSG_TRUNC == 0 && self.length(at) < self.slot_bytes
            {
                return Some(at);
            }
            self.statistics.truncated += 1;
        }
        None
    }

    fn length(&self, at: usize) -> usize {
        usize::try_from(self.messages[at].msg_len).unwrap_or(usize::MAX)
    }
}

#[cold]
fn nothing_or_error() -> io::Result<bool> {
    let error = io::Error::last_os_error();
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(false),
        _ => Err(error),
    }
}

impl RecvmmsgSource {
    /// Opens the lines; see [`super::open`].
    ///
    /// # Errors
    /// [`OpenError`]: what the kernel refused.
    pub fn open(
        lines: &[LineConfig],
        options: &ReceiveOptions,
        notices: &mut Vec<String>,
    ) -> Result<Self, OpenError> {
        let lines = lines.iter().map(|line| {
            let socket = UdpLine::open(line, options, Purpose::Receive, notices)?;
            Ok(Line::new(socket, options))
        });
        Ok(Self {
            lines: lines.collect::<Result<_, OpenError>>()?,
            current: 0,
            kernel_time: options.kernel_time,
        })
    }

    /// Line and place of the next datagram: the rest of the current batch, else a new batch of the lines in turn.
    #[inline]
    fn advance(&mut self) -> io::Result<Option<(usize, usize)>> {
        let count = self.lines.len();
        if let Some(at) = self.lines[self.current].take() {
            return Ok(Some((self.current, at)));
        }
        for _ in 0..count {
            self.current = if self.current + 1 == count { 0 } else { self.current + 1 };
            let line = &mut self.lines[self.current];
            if line.receive(self.kernel_time)?
                && let Some(at) = line.take()
            {
                return Ok(Some((self.current, at)));
            }
        }
        Ok(None)
    }
}

impl PacketSource for RecvmmsgSource {
    #[inline]
    fn poll(&mut self) -> io::Result<Option<Datagram<'_>>> {
        let Some((number, at)) = self.advance()? else { return Ok(None) };
        let line = &mut self.lines[number];
        let receive_ns = if self.kernel_time {
            let written = line.messages[at].msg_hdr.msg_controllen;
            control_message::receive_ns(line.controls[at].0.get(..written).unwrap_or_default())
        } else {
            TIME_NONE
        };
        let start = at * line.slot_bytes;
        let payload = &line.buffers[start..start + line.length(at)];
        line.statistics.count(payload);
        Ok(Some(Datagram { payload, receive_ns, from_line: line_number(number) }))
    }

    fn statistics(&mut self, line: u8) -> io::Result<LineStatistics> {
        let line = self.lines.get(usize::from(line)).ok_or(io::ErrorKind::NotFound)?;
        Ok(LineStatistics { kernel_drops: line.socket.kernel_drops()?, ..line.statistics })
    }
}
