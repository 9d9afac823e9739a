//! The way of bytes between this process and a venue: plain TCP, `io_uring`, or TLS, behind one trait.
//!
//! A transport moves bytes and knows nothing of FIX. It is made by a cold thread ([`endpoint::Endpoint`] connects and
//! shakes hands, and may block), and then owned and polled by one hot thread that never blocks in it. Bytes that a
//! transport has taken leave it in that order: what a partial write left goes before anything that is handed in later,
//! and bytes that it did not take stay with the caller. It refuses to reconnect by itself ([`reconnect`] says when to
//! try, a cold thread does).
//!
//! [`Connection`] is an enum and no `Box<dyn Transport>`: there are three ways, each order passes here, and a
//! predicted branch lets the compiler inline plain TCP into the loop that polls it.
//!
//! `Tcp` and `Uring` allocate at construction only. `Tls` allocates for each record, as rustls does: plain TCP is for a
//! cross-connect, TLS for a venue that insists.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};

pub mod endpoint;
pub mod reconnect;
pub mod tcp;
pub mod tls;
pub mod tls_files;
pub mod uring;

use tcp::Tcp;
use tls::Tls;
use uring::Uring;

/// A connected, non-blocking stream of bytes, polled by the thread that owns it.
pub trait Transport {
    /// Takes what can be taken now, from the front; the number of bytes taken, perhaps none. They arrive in this order,
    /// behind all that was taken before. The caller keeps the rest and offers it first the next time.
    ///
    /// # Errors
    /// When the connection is gone.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Receives what is there; none when nothing is. It also moves on what was taken and could not leave yet, so it is
    /// called in every turn of the owner's loop.
    ///
    /// # Errors
    /// When the connection is gone or the peer has closed it.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Whether all bytes taken have been given to the kernel: a connection that is closed earlier loses some.
    fn is_drained(&self) -> bool;

    /// Whether bytes can be exchanged: a handshake is over. Until then [`Self::send`] takes none.
    fn is_ready(&self) -> bool {
        true
    }

    /// The calling thread gives the transport up and another one will poll it. Nothing is lost by it. Cold.
    ///
    /// # Errors
    /// When the kernel refuses what the next thread needs.
    fn release(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The other side's address.
    ///
    /// # Errors
    /// When the connection is gone.
    fn peer(&self) -> io::Result<SocketAddr>;
}

/// A transport of any kind. See the module's text for why it is an enum.
#[derive(Debug)]
pub enum Connection {
    /// Non-blocking system calls.
    Tcp(Tcp),
    /// `io_uring`.
    Uring(Box<Uring>),
    /// TLS over non-blocking system calls.
    Tls(Box<Tls>),
}

impl Connection {
    fn stream(&self) -> &TcpStream {
        match self {
            Self::Tcp(tcp) => tcp.stream(),
            Self::Uring(uring) => uring.stream(),
            Self::Tls(tls) => tls.stream(),
        }
    }

    /// Another descriptor of the same socket, for a thread that may have to end the connection. While it is open the
    /// connection outlives this: whoever drops a connection calls [`Self::shut_down`] first.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn duplicate(&self) -> io::Result<OwnedFd> {
        self.stream().as_fd().try_clone_to_owned()
    }

    /// Ends the connection in both directions, whoever else has a descriptor of it. What was given to the kernel still
    /// leaves. Cold.
    pub fn shut_down(&self) {
        // It may be gone already.
        let _ = self.stream().shutdown(Shutdown::Both);
    }
}

impl Transport for Connection {
    #[inline]
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.send(bytes),
            Self::Uring(uring) => uring.send(bytes),
            Self::Tls(tls) => tls.send(bytes),
        }
    }

    #[inline]
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => tcp.receive(buffer),
            Self::Uring(uring) => uring.receive(buffer),
            Self::Tls(tls) => tls.receive(buffer),
        }
    }

    fn is_drained(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.is_drained(),
            Self::Uring(uring) => uring.is_drained(),
            Self::Tls(tls) => tls.is_drained(),
        }
    }

    fn is_ready(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.is_ready(),
            Self::Uring(uring) => uring.is_ready(),
            Self::Tls(tls) => tls.is_ready(),
        }
    }

    fn release(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(tcp) => tcp.release(),
            Self::Uring(uring) => uring.release(),
            Self::Tls(tls) => tls.release(),
        }
    }

    fn peer(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(tcp) => tcp.peer(),
            Self::Uring(uring) => uring.peer(),
            Self::Tls(tls) => tls.peer(),
        }
    }
}

#[cfg(test)]
mod tests;
