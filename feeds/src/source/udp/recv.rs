//! One system call a datagram: busy-polled, non-blocking `recv`, or `recvmsg` where kernel times are asked for.
//!
//! The simplest way, and the lowest latency of those that need no capability: 1.66 us one way on loopback, against
//! 1.76 of `recvmmsg` and 2.11 of `io_uring` (notes/performance.md). One buffer for all lines, allocated at start.

use std::io;

use super::config::{LineConfig, OpenError, ReceiveOptions};
use super::control_message::{self, ControlBuffer};
use super::socket::{Purpose, UdpLine};
use super::{Datagram, LineStatistics, PacketSource};
use crate::units::TIME_NONE;

/// Plain sockets, one call a datagram.
#[derive(Debug)]
pub struct RecvSource {
    lines: Box<[Line]>,
    /// Line of the next call.
    next: usize,
    /// One byte longer than the longest datagram, so that a longer one shows.
    buffer: Box<[u8]>,
    control: ControlBuffer,
    kernel_time: bool,
}

#[derive(Debug)]
struct Line {
    socket: UdpLine,
    statistics: LineStatistics,
}

impl RecvSource {
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
            Ok(Line { socket, statistics: LineStatistics::default() })
        });
        Ok(Self {
            lines: lines.collect::<Result<_, OpenError>>()?,
            next: 0,
            buffer: vec![0; options.datagram_bytes_max + 1].into_boxed_slice(),
            control: ControlBuffer::EMPTY,
            kernel_time: options.kernel_time,
        })
    }

    /// Receives from one line: the length and the time, or none when nothing is there.
    #[inline]
    fn receive(&mut self, line: usize) -> io::Result<Option<(usize, u64)>> {
        let fd = self.lines[line].socket.fd();
        let (received, receive_ns) = if self.kernel_time {
            self.recvmsg(fd)
        } else {
            // SAFETY: the buffer is live, ours alone, and as long as the call is told.
            let received = unsafe {
                libc::recv(fd, self.buffer.as_mut_ptr().cast(), self.buffer.len(), libc::MSG_DONTWAIT)
            };
            (received, TIME_NONE)
        };
        match usize::try_from(received) {
            Ok(length) => Ok(Some((length, receive_ns))),
            Err(_) => nothing_or_error(),
        }
    }

    #[inline]
    fn recvmsg(&mut self, fd: libc::c_int) -> (libc::ssize_t, u64) {
        let mut vector =
            libc::iovec { iov_base: self.buffer.as_mut_ptr().cast(), iov_len: self.buffer.len() };
        // SAFETY: `msghdr` is pointers and integers: all zeroes is «none of it».
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = &raw mut vector;
        message.msg_iovlen = 1;
        message.msg_control = self.control.0.as_mut_ptr().cast();
        message.msg_controllen = self.control.0.len() as _;
        // SAFETY: the message names a live vector, which names our buffer, and our control buffer, each with its
        // length; nobody else refers to them during the call.
        let received = unsafe { libc::recvmsg(fd, &raw mut message, libc::MSG_DONTWAIT) };
        let written = self.control.0.get(..message.msg_controllen).unwrap_or_default();
        (received, control_message::receive_ns(written))
    }
}

/// What a failed receive call means: nothing is there, or an error.
#[cold]
fn nothing_or_error<T>() -> io::Result<Option<T>> {
    let error = io::Error::last_os_error();
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
        _ => Err(error),
    }
}

impl PacketSource for RecvSource {
    #[inline]
    fn poll(&mut self) -> io::Result<Option<Datagram<'_>>> {
        for _ in 0..self.lines.len() {
            let line = self.next;
            self.next = if line + 1 == self.lines.len() { 0 } else { line + 1 };
            let Some((length, receive_ns)) = self.receive(line)? else { continue };
            let statistics = &mut self.lines[line].statistics;
            if length == self.buffer.len() {
                statistics.truncated += 1;
                continue;
            }
            let payload = &self.buffer[..length];
            statistics.count(payload);
            return Ok(Some(Datagram { payload, receive_ns, from_line: line_number(line) }));
        }
        Ok(None)
    }

    fn statistics(&mut self, line: u8) -> io::Result<LineStatistics> {
        let line = self.lines.get(usize::from(line)).ok_or(io::ErrorKind::NotFound)?;
        Ok(LineStatistics { kernel_drops: line.socket.kernel_drops()?, ..line.statistics })
    }
}

/// A place among the lines as datagrams carry it; [`super::open`] lets no more than 255 lines in.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)]
pub(super) fn line_number(line: usize) -> u8 {
    debug_assert!(line < super::LINES_MAX);
    line as u8
}
