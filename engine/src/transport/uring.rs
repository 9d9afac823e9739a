//! A TCP connection through `io_uring`: one receive and one send under way, both in memory that the transport owns.
//!
//! Sources: man pages io_uring_setup(2), io_uring_enter(2), io_uring_prep_send(3), io_uring_prep_recv(3). Bytes that are
//! taken are copied into a buffer of the transport and stay there until the kernel has completed them: what a partial
//! completion left is submitted again before anything behind it, and there is never more than one send under way, since
//! the kernel does not promise an order between two. While nothing has arrived a poll reads two shared words and makes no
//! system call; the receive is armed with the next submission, so that an order and the wait for its answer are one call.
//!
//! The ring is made disabled and belongs to the thread that enables it, the first that polls: the calling thread may hand
//! it on before that, and afterwards with [`Transport::release`], which draws back what is under way and makes another
//! ring. Measured beside plain TCP in `warptick-bench fix_round_trip`.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use io_uring::types::{CancelBuilder, Fd, Timespec};
use io_uring::{IoUring, opcode};
use memmap2::{MmapMut, MmapRaw};

use super::Transport;
use super::tcp::{acknowledge_now, acknowledge_with_data, connect_stream, set_option};

/// Bytes that may be under way to the venue, and bytes of a receive.
const BUFFER_BYTES: usize = 1 << 18;

/// Marks of the two operations.
const SEND: u64 = 1;
const RECEIVE: u64 = 2;

/// Longest wait for what was drawn back.
const CANCEL_PATIENCE_S: u64 = 1;

/// Memory that the kernel reads or writes while an operation is under way: mapped, so that it has an address of its own
/// that no move of the transport changes.
#[derive(Debug)]
struct Buffer {
    memory: MmapRaw,
    /// First byte that is not done with.
    head: usize,
    /// Behind the last byte that is in it.
    tail: usize,
}

impl Buffer {
    fn new() -> io::Result<Self> {
        Ok(Self { memory: MmapMut::map_anon(BUFFER_BYTES).map(MmapRaw::from)?, head: 0, tail: 0 })
    }

    const fn len(&self) -> usize {
        self.tail - self.head
    }

    /// The first `count` bytes are done with.
    fn consume(&mut self, count: usize) {
        self.head = (self.head + count).min(self.tail);
        if self.head == self.tail {
            self.head = 0;
            self.tail = 0;
        }
    }

    /// Address of the byte at `offset`, which is at most [`BUFFER_BYTES`].
    fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset <= BUFFER_BYTES);
        // SAFETY: offsets are kept at or below the mapping's length.
        unsafe { self.memory.as_mut_ptr().add(offset) }
    }

    /// Appends what fits and says how much that is.
    fn append(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(BUFFER_BYTES - self.tail);
        // SAFETY: the bytes from the tail on, `count` of them, lie in the mapping and behind what the kernel was told of:
        // nobody else reads or writes them; `bytes` cannot overlap memory that only this value knows.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.at(self.tail), count) };
        self.tail += count;
        count
    }

    /// Copies the first bytes out and is done with them.
    fn take(&mut self, out: &mut [u8]) -> usize {
        let count = out.len().min(self.len());
        // SAFETY: `count` bytes from the head on lie in the mapping and were completed by the kernel, which does not touch
        // them again; `out` is borrowed mutably and cannot be this mapping.
        unsafe { std::ptr::copy_nonoverlapping(self.at(self.head), out.as_mut_ptr(), count) };
        self.consume(count);
        count
    }

    /// Moves what is in it to the front. The kernel must have nothing of it under way.
    fn move_to_front(&mut self) {
        let length = self.len();
        // SAFETY: both ranges lie in the mapping; `copy` allows them to overlap; nothing is under way (see above).
        unsafe { std::ptr::copy(self.at(self.head), self.at(0), length) };
        self.head = 0;
        self.tail = length;
    }
}

/// See the module's text.
pub struct Uring {
    ring: IoUring,
    stream: TcpStream,
    outgoing: Buffer,
    incoming: Buffer,
    /// Bytes of a send under way, at the front of `outgoing`; 0 for none.
    sending: usize,
    receiving: bool,
    /// Whether this thread has enabled the ring.
    enabled: bool,
    /// Entries are in the submission queue that the kernel was not told of.
    unsubmitted: bool,
    /// Bytes came in, and nothing has left since that acknowledges them.
    unacknowledged: bool,
    /// The connection is gone, and why: an errno, 0 for the peer's end of stream.
    gone: Option<i32>,
}

impl std::fmt::Debug for Uring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uring").field("stream", &self.stream).finish_non_exhaustive()
    }
}

fn new_ring() -> io::Result<IoUring> {
    // One send, one receive, and their completions: nothing more is ever under way.
    IoUring::builder()
        .setup_r_disabled()
        .setup_single_issuer()
        .setup_coop_taskrun()
        .setup_taskrun_flag()
        .build(8)
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("making an io_uring (Linux 6.0; transport = \"tcp\" needs none): {error}"),
            )
        })
}

impl Uring {
    /// Connects to `HOST:PORT`, waiting up to `patience` for each of its addresses.
    ///
    /// # Errors
    /// When no address answers; when the kernel has no `io_uring` for us.
    pub fn connect(address: &str, patience: Duration) -> io::Result<Self> {
        Self::of(connect_stream(address, patience)?)
    }

    /// Takes over a connected stream: no Nagle delay, acknowledgements as [`super::tcp`] says. The stream stays a blocking one, since
    /// `io_uring` gives up on a non-blocking one instead of waiting for it.
    ///
    /// # Errors
    /// When the system refuses an option, or the ring.
    pub fn of(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(false)?;
        acknowledge_with_data(&stream)?;
        Ok(Self {
            ring: new_ring()?,
            stream,
            outgoing: Buffer::new()?,
            incoming: Buffer::new()?,
            sending: 0,
            receiving: false,
            enabled: false,
            unsubmitted: false,
            unacknowledged: false,
            gone: None,
        })
    }

    /// Asks the kernel to poll the network card's queue (SO_BUSY_POLL), best effort.
    pub fn busy_poll(&self, us: u32) {
        let us = libc::c_int::try_from(us).unwrap_or(libc::c_int::MAX);
        let _ = set_option(&self.stream, libc::SOL_SOCKET, libc::SO_BUSY_POLL, us);
    }

    /// Takes in what the kernel has completed.
    #[inline]
    fn reap(&mut self) {
        loop {
            let Some(completion) = self.ring.completion().next() else { return };
            self.completed(completion.user_data(), completion.result());
        }
    }

    fn completed(&mut self, mark: u64, result: i32) {
        // What the kernel did not get to, and what was drawn back, is submitted again as if it had never been.
        let again = matches!(-result, libc::EAGAIN | libc::EINTR | libc::ECANCELED);
        match (mark, usize::try_from(result)) {
            (SEND, Ok(sent)) => {
                debug_assert!(sent <= self.sending);
                self.outgoing.consume(sent.min(self.sending));
                self.sending = 0;
                self.unacknowledged = false;
            }
            (RECEIVE, Ok(0)) => {
                self.receiving = false;
                self.gone.get_or_insert(0);
            }
            (RECEIVE, Ok(received)) => {
                self.receiving = false;
                self.incoming.head = 0;
                self.incoming.tail = received.min(BUFFER_BYTES);
                self.unacknowledged = true;
            }
            (mark, _) => {
                if mark == SEND {
                    self.sending = 0;
                } else {
                    self.receiving = false;
                }
                if !again {
                    self.gone.get_or_insert(-result);
                }
            }
        }
    }

    /// Puts a send of what waits into the submission queue, where none is under way.
    fn queue_send(&mut self) -> io::Result<()> {
        if self.sending > 0 || self.outgoing.len() == 0 {
            return Ok(());
        }
        if self.outgoing.head > 0 && self.outgoing.tail > BUFFER_BYTES / 2 {
            self.outgoing.move_to_front();
        }
        let length = self.outgoing.len();
        let entry = opcode::Send::new(
            Fd(self.stream.as_raw_fd()),
            self.outgoing.at(self.outgoing.head),
            u32::try_from(length).unwrap_or(0),
        )
        .flags(libc::MSG_NOSIGNAL)
        .build()
        .user_data(SEND);
        // SAFETY: the bytes lie in a mapping that outlives the operation (`Drop` waits for it, or leaves the mapping in
        // place), and until its completion only bytes behind them are written.
        unsafe { self.ring.submission().push(&entry) }.map_err(|_| ErrorKind::QuotaExceeded)?;
        self.sending = length;
        self.unsubmitted = true;
        Ok(())
    }

    /// Puts a receive into the submission queue, where none is under way and all that came was taken.
    fn queue_receive(&mut self) -> io::Result<()> {
        if self.receiving || self.incoming.len() > 0 {
            return Ok(());
        }
        let entry = opcode::Recv::new(Fd(self.stream.as_raw_fd()), self.incoming.at(0), BUFFER_BYTES as u32)
            .build()
            .user_data(RECEIVE);
        // SAFETY: as for a send; the buffer is empty, and nothing reads or writes it until the completion.
        unsafe { self.ring.submission().push(&entry) }.map_err(|_| ErrorKind::QuotaExceeded)?;
        self.receiving = true;
        self.unsubmitted = true;
        Ok(())
    }

    fn submit(&mut self) -> io::Result<()> {
        if !self.enabled {
            self.enable()?;
        }
        match self.ring.submit() {
            Ok(_) => {
                self.unsubmitted = false;
                Ok(())
            }
            // Taken at the next turn.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN | libc::EBUSY)) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    pub(super) const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    #[cold]
    fn enable(&mut self) -> io::Result<()> {
        self.ring.submitter().register_enable_rings()?;
        self.enabled = true;
        Ok(())
    }

    #[cold]
    fn error(&self) -> io::Error {
        match self.gone {
            Some(code) if code != 0 => io::Error::from_raw_os_error(code),
            _ => ErrorKind::UnexpectedEof.into(),
        }
    }

    /// Draws back what is under way and waits for its completion; whether nothing is under way any more.
    fn draw_back(&mut self) -> bool {
        if !self.enabled {
            return !self.receiving && self.sending == 0;
        }
        let patience = Timespec::new().sec(CANCEL_PATIENCE_S);
        let _ = self.ring.submitter().register_sync_cancel(Some(patience), CancelBuilder::any());
        for _ in 0..4 {
            self.reap();
            if !self.receiving && self.sending == 0 {
                return true;
            }
            let _ = self.ring.submit();
        }
        self.reap();
        !self.receiving && self.sending == 0
    }
}

impl Transport for Uring {
    #[inline]
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.reap();
        if self.gone.is_some() {
            return Err(self.error());
        }
        if self.sending == 0 && self.outgoing.head > 0 {
            self.outgoing.move_to_front();
        }
        let taken = self.outgoing.append(bytes);
        self.queue_send()?;
        self.queue_receive()?;
        if self.unsubmitted {
            self.submit()?;
            self.reap();
        }
        Ok(taken)
    }

    #[inline]
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reap();
        if self.incoming.len() == 0 && self.gone.is_none() {
            self.queue_send()?;
            self.queue_receive()?;
            if self.unsubmitted || self.ring.submission().taskrun() {
                self.submit()?;
                self.reap();
            }
        }
        if self.incoming.len() > 0 {
            return Ok(self.incoming.take(buffer));
        }
        if self.gone.is_some() {
            return Err(self.error());
        }
        if self.unacknowledged {
            self.unacknowledged = false;
            acknowledge_now(&self.stream);
        }
        Ok(0)
    }

    fn is_drained(&self) -> bool {
        self.outgoing.len() == 0
    }

    fn release(&mut self) -> io::Result<()> {
        // Entries that the kernel never saw go with the ring; they are made anew from what waits.
        if self.unsubmitted {
            self.submit()?;
        }
        if !self.draw_back() {
            return Err(io::Error::other("io_uring: what is under way cannot be drawn back"));
        }
        self.ring = new_ring()?;
        self.enabled = false;
        self.unsubmitted = false;
        Ok(())
    }

    fn peer(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        // The other direction too: a receive that waits ends with the connection.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        if !self.draw_back() {
            // On another thread than the polling one nothing can be drawn back: the memory stays, since the kernel may
            // still write to it.
            for buffer in [&mut self.outgoing, &mut self.incoming] {
                if let Ok(empty) = MmapMut::map_anon(1) {
                    std::mem::forget(std::mem::replace(&mut buffer.memory, MmapRaw::from(empty)));
                }
            }
        }
    }
}
