//! A non-blocking TCP connection, polled by the thread that owns it: send, receive, and one option.
//!
//! TCP_NODELAY is set once. Acknowledgements are never delayed, and never sent on the way of an answer either: in the mode
//! that TCP_QUICKACK asks for, Linux sends one from inside the receive, before the bytes are handed over, which costs an
//! order's round trip 2 us on loopback (`warptick-bench fix_round_trip`). So the connection stays in the other mode, where an
//! acknowledgement rides on the next order; where none was sent, the first receive that finds nothing sets TCP_QUICKACK
//! to an even value, which sends the acknowledgement that waits and changes nothing else (net/ipv4/tcp.c,
//! `__tcp_sock_set_quickack`).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::Transport;

/// See the module's text.
#[derive(Debug)]
pub struct Tcp {
    stream: TcpStream,
    /// Bytes came in, and nothing has left since that acknowledges them.
    unacknowledged: bool,
}

/// Connects to `HOST:PORT`, waiting up to `patience` for each of its addresses; the stream is still a blocking one.
///
/// # Errors
/// When no address answers.
pub(super) fn connect_stream(address: &str, patience: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, format!("{address}: no such address"));
    for candidate in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&candidate, patience) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Sets an option whose value is a C int.
pub(super) fn set_option(
    stream: &TcpStream,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `stream` lives, and the option's value is a C int whose size is
    // given.
    let outcome = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Acknowledgements wait for data to ride on.
pub(super) fn acknowledge_with_data(stream: &TcpStream) -> io::Result<()> {
    set_option(stream, libc::IPPROTO_TCP, libc::TCP_QUICKACK, 0)
}

/// Sends the acknowledgement that waits, if one does. Refused, it costs the peer a delay and nothing else.
pub(super) fn acknowledge_now(stream: &TcpStream) {
    let _ = set_option(stream, libc::IPPROTO_TCP, libc::TCP_QUICKACK, 2);
}

impl Tcp {
    /// Connects to `HOST:PORT`, waiting up to `patience` for each of its addresses.
    ///
    /// # Errors
    /// When no address answers.
    pub fn connect(address: &str, patience: Duration) -> io::Result<Self> {
        Self::of(connect_stream(address, patience)?)
    }

    /// Takes over an accepted or connected stream: no Nagle delay, acknowledgements as the module says, non-blocking.
    ///
    /// # Errors
    /// When the system refuses an option.
    pub fn of(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        acknowledge_with_data(&stream)?;
        Ok(Self { stream, unacknowledged: false })
    }

    /// Asks the kernel to poll the network card's queue for up to `us` microseconds in a receive (SO_BUSY_POLL). Best
    /// effort: raising it needs CAP_NET_ADMIN, loopback and many cards know nothing of it.
    pub fn busy_poll(&self, us: u32) {
        let us = libc::c_int::try_from(us).unwrap_or(libc::c_int::MAX);
        let _ = set_option(&self.stream, libc::SOL_SOCKET, libc::SO_BUSY_POLL, us);
    }

    pub(super) const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    #[cold]
    fn acknowledge(&mut self) {
        self.unacknowledged = false;
        acknowledge_now(&self.stream);
    }
}

impl Transport for Tcp {
    #[inline]
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.write(bytes) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Ok(length) => {
                self.unacknowledged = false;
                Ok(length)
            }
            Err(error) => Err(error),
        }
    }

    #[inline]
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                self.unacknowledged = true;
                Ok(length)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                if self.unacknowledged {
                    self.acknowledge();
                }
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    fn is_drained(&self) -> bool {
        true
    }

    fn peer(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}
