//! TLS over a non-blocking TCP connection: rustls keeps the records, [`Tcp`] moves them.
//!
//! A client shakes hands when it connects, on the thread that connects and blocking; the acceptor's side shakes hands
//! while it is polled, since one thread serves all clients. Afterwards both are polled alike. A record that left only in
//! part goes on before anything else is encrypted: [`Transport::send`] takes nothing while ciphertext waits. Certificates
//! and keys come from [`super::tls_files`].

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, ServerConfig, ServerConnection,
};

use super::Transport;
use super::tcp::{Tcp, connect_stream};

/// Bytes encrypted by one call: the longest plaintext of a record (RFC 8446, section 5.1).
const RECORD_BYTES_MAX: usize = 1 << 14;

/// See the module's text.
#[derive(Debug)]
pub struct Tls {
    session: rustls::Connection,
    tcp: Tcp,
}

/// The TCP connection as rustls wants it: nothing to read or no room is an error of its own, the end is no error.
struct Records<'a>(&'a mut Tcp);

impl Read for Records<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.receive(buffer) {
            Ok(0) => Err(ErrorKind::WouldBlock.into()),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
            outcome => outcome,
        }
    }
}

impl Write for Records<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.send(bytes) {
            Ok(0) => Err(ErrorKind::WouldBlock.into()),
            outcome => outcome,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Tls {
    /// Connects to `HOST:PORT` and shakes hands, waiting up to `patience` for each.
    ///
    /// # Errors
    /// No answer; a certificate that is not trusted or is another name's; what the venue refuses in the handshake. The
    /// text says what to do. (With TLS 1.3 a venue looks at the client's certificate after the client has shaken hands: it
    /// is refused in the first receive.)
    pub fn connect(
        address: &str,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
        patience: Duration,
    ) -> io::Result<Self> {
        let mut stream = connect_stream(address, patience)?;
        stream.set_nodelay(true)?;
        let session = ClientConnection::new(config, name).map_err(|error| explained(&error))?;
        let mut session = rustls::Connection::Client(session);
        shake_hands(&mut session, &mut stream, patience)?;
        Ok(Self { session, tcp: Tcp::of(stream)? })
    }

    /// Takes over an accepted stream; the handshake goes on while it is polled.
    ///
    /// # Errors
    /// When the system refuses an option.
    pub fn accept(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let session = ServerConnection::new(config).map_err(|error| explained(&error))?;
        Ok(Self { session: rustls::Connection::Server(session), tcp: Tcp::of(stream)? })
    }

    /// See [`Tcp::busy_poll`].
    pub fn busy_poll(&self, us: u32) {
        self.tcp.busy_poll(us);
    }

    pub(super) const fn stream(&self) -> &TcpStream {
        self.tcp.stream()
    }

    /// Gives the kernel what ciphertext it takes; the rest waits.
    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut Records(&mut self.tcp)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The client's handshake, blocking.
fn shake_hands(
    session: &mut rustls::Connection,
    stream: &mut TcpStream,
    patience: Duration,
) -> io::Result<()> {
    let begin = Instant::now();
    while session.is_handshaking() {
        let left = patience.checked_sub(begin.elapsed()).filter(|left| !left.is_zero());
        let Some(left) = left else { return Err(too_late()) };
        stream.set_read_timeout(Some(left))?;
        stream.set_write_timeout(Some(left))?;
        session.complete_io(stream).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => too_late(),
            ErrorKind::UnexpectedEof => io::Error::new(
                ErrorKind::UnexpectedEof,
                "TLS: the venue closed the connection in the handshake: is this its TLS port?",
            ),
            _ => match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
                Some(cause) => explained(cause),
                None => error,
            },
        })?;
    }
    Ok(())
}

fn too_late() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "TLS: no answer in the handshake: is this the venue's TLS port?")
}

/// An error with what to do about it.
#[cold]
fn explained(error: &rustls::Error) -> io::Error {
    let advice = match error {
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => {
            "the peer's certificate is not signed by the authority given here (tls.ca_file; at the venue: \
             tls.client_ca_file)"
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the venue's certificate is for another name: correct tls.server_name",
        rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            "the venue's certificate is not the pinned one (tls.pinned_sha256)"
        }
        rustls::Error::NoCertificatesPresented
        | rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "a client certificate is demanded: give tls.client_certificate_file and tls.client_key_file"
        }
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError,
        ) => "the peer does not accept our certificate: is it signed by the authority that the peer expects?",
        rustls::Error::InvalidMessage(_) => "what the peer said is no TLS: is this a TLS port?",
        _ => return io::Error::new(ErrorKind::InvalidData, format!("TLS: {error}")),
    };
    io::Error::new(ErrorKind::InvalidData, format!("TLS: {error}: {advice}"))
}

impl Transport for Tls {
    #[inline]
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        if self.session.wants_write() || self.session.is_handshaking() {
            return Ok(0);
        }
        let taken = self.session.writer().write(&bytes[..bytes.len().min(RECORD_BYTES_MAX)])?;
        self.flush()?;
        Ok(taken)
    }

    #[inline]
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut looked = false;
        loop {
            // An empty buffer moves a handshake on and leaves what follows it where it is.
            if !buffer.is_empty() {
                match self.session.reader().read(buffer) {
                    // The peer said that it is done.
                    Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    outcome => return outcome,
                }
            }
            if looked {
                return Ok(0);
            }
            looked = true;
            match self.session.read_tls(&mut Records(&mut self.tcp)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.flush()?;
                    return Ok(0);
                }
                Err(error) => return Err(error),
            }
            if let Err(error) = self.session.process_new_packets() {
                // The peer is told why.
                let _ = self.flush();
                return Err(explained(&error));
            }
            self.flush()?;
        }
    }

    fn is_drained(&self) -> bool {
        !self.session.wants_write()
    }

    fn is_ready(&self) -> bool {
        !self.session.is_handshaking()
    }

    fn peer(&self) -> io::Result<SocketAddr> {
        self.tcp.peer()
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        // So that the peer can tell an end from a cut line; it goes as far as the kernel takes it.
        self.session.send_close_notify();
        let _ = self.flush();
    }
}
