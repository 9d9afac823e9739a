//! A second descriptor of every session's socket, so that a cold thread can end a connection that a hung thread owns.
//!
//! Whoever connects puts a descriptor here before the connection goes to the hot thread; whoever frees a lost connection
//! takes it out. [`SessionSockets::shut_down`] ends every connection: the venues' cancel-on-disconnect acts, and nothing that
//! the owner still writes leaves. Locks and allocates: for cold threads only.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use crate::transport::Connection;

/// See the module's text. Clones share the table.
#[derive(Clone, Debug, Default)]
pub struct SessionSockets(Arc<Mutex<Vec<Option<OwnedFd>>>>);

impl SessionSockets {
    fn with<T>(&self, act: impl FnOnce(&mut Vec<Option<OwnedFd>>) -> T) -> T {
        // A panic elsewhere leaves the table as whole as it was.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The venue's connection is this one from now on.
    ///
    /// # Errors
    /// No descriptor left: a session that could not be ended must not begin.
    pub fn put(&self, venue: u8, connection: &Connection) -> io::Result<()> {
        let descriptor = connection.duplicate()?;
        self.with(|table| {
            let at = usize::from(venue);
            if table.len() <= at {
                table.resize_with(at + 1, || None);
            }
            table[at] = Some(descriptor);
        });
        Ok(())
    }

    /// The venue's connection is gone.
    pub fn take_out(&self, venue: u8) {
        self.with(|table| drop(table.get_mut(usize::from(venue)).and_then(Option::take)));
    }

    /// All are gone.
    pub fn clear(&self) {
        self.with(Vec::clear);
    }

    /// Ends every connection in both directions; how many there were.
    pub fn shut_down(&self) -> usize {
        self.with(|table| {
            let open = table.iter().flatten();
            open.filter(|socket| {
                // SAFETY: the descriptor is open, since the table owns it, and shutdown touches no memory.
                unsafe { libc::shutdown(socket.as_raw_fd(), libc::SHUT_RDWR) == 0 }
            })
            .count()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Transport;
    use crate::transport::tcp::Tcp;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    #[test]
    fn a_connection_ends_under_its_owner() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let ours = TcpStream::connect(address).expect("connected");
        let (mut theirs, _) = listener.accept().expect("accepted");
        theirs.set_read_timeout(Some(Duration::from_secs(5))).expect("a time");
        let mut connection = Connection::Tcp(Tcp::of(ours).expect("options"));
        let sockets = SessionSockets::default();
        sockets.put(2, &connection).expect("a descriptor");
        assert_eq!(connection.send(b"last").expect("open"), 4);
        assert_eq!(sockets.clone().shut_down(), 1);
        assert!(connection.send(b"late").is_err(), "nothing leaves any more");
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).expect("the end");
        assert_eq!(all, b"last");
        sockets.take_out(2);
        assert_eq!(sockets.shut_down(), 0);
    }

    #[test]
    fn a_dropped_connection_ends_although_there_is_another_descriptor() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let ours = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (mut theirs, _) = listener.accept().expect("accepted");
        theirs.set_read_timeout(Some(Duration::from_secs(5))).expect("a time");
        let connection = Connection::Tcp(Tcp::of(ours).expect("options"));
        let sockets = SessionSockets::default();
        sockets.put(0, &connection).expect("a descriptor");
        connection.shut_down();
        drop(connection);
        assert_eq!(theirs.read(&mut [0; 8]).expect("the end"), 0);
    }
}
