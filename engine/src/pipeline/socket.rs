//! A non-blocking TCP connection, polled by the thread that owns it: two system calls, send and receive.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// See the module's text.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
}

impl Socket {
    /// Connects to `HOST:PORT`, waiting up to `patience` for each of its addresses.
    ///
    /// # Errors
    /// When no address answers.
    pub fn connect(address: &str, patience: Duration) -> io::Result<Self> {
        let mut last = io::Error::new(ErrorKind::NotFound, format!("{address}: no such address"));
        for candidate in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&candidate, patience) {
                Ok(stream) => return Self::of(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Takes over an accepted or connected stream: no Nagle delay, immediate acknowledgements, non-blocking.
    ///
    /// # Errors
    /// When the system refuses an option.
    pub fn of(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let on: libc::c_int = 1;
        // SAFETY: the descriptor is open for as long as `stream` lives, and the option's value is a C int whose size
        // is given.
        let outcome = unsafe {
            libc::setsockopt(
                stream.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_QUICKACK,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        if outcome != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { stream })
    }

    /// Sends what the kernel takes now; the number of bytes taken, perhaps none.
    ///
    /// # Errors
    /// When the connection is gone.
    #[inline]
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.write(bytes) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            outcome => outcome,
        }
    }

    /// Receives what is there; none when nothing is.
    ///
    /// # Errors
    /// When the connection is gone or the peer has closed it.
    #[inline]
    pub fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            outcome => outcome,
        }
    }

    /// The other side's address.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn peer(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}
