//! SoupBinTCP 3.00: the logical packets of a TCP stream, both directions.
//!
//! Source: «SoupBinTCP Version 3.00» (NASDAQ), sections 2.1 to 2.3; the login request of version 4, with its heartbeat
//! timeout, is read too. Each packet is a big-endian `u16` length (of the type and the payload), a type character and
//! the payload. Sans-I/O: [`Packet`] is one packet taken apart, [`Framer`] finds packets in a stream,
//! [`SoupBinClient`] and [`SoupBinServer`] are the two ends of a session. Codec and framer allocate nothing per
//! packet; framer and sessions take their buffers when they are made. One thread owns a session: the one that owns
//! its socket. Nothing here looks into messages.

mod client;
mod framer;
mod server;
#[cfg(test)]
mod session_tests;

pub use client::{ClientEvent, ClientState, SoupBinClient};
pub use framer::Framer;
pub use server::{ServerConfig, ServerState, SoupBinServer};

use std::fmt;

use crate::send_buffer::SendBuffer;
use crate::units::NS_PER_S;

/// Each side sends a heartbeat when it has sent nothing for this long, ns (sections 2.2.4 and 2.3.3).
pub const HEARTBEAT_NS: u64 = NS_PER_S;

/// A side that has received nothing for this long may give the other up, ns (section 2.2.4).
pub const SILENCE_NS: u64 = 15 * NS_PER_S;

/// Bytes of the longest packet: a length of `u16::MAX` and its prefix.
pub const PACKET_LENGTH_MAX: usize = 2 + u16::MAX as usize;

/// Bytes of the longest packet that a client has to send for the session itself: the login request.
pub const LOGIN_REQUEST_LENGTH: usize = 2 + 1 + LOGIN_PAYLOAD;

const LOGIN_PAYLOAD: usize = 6 + 10 + 10 + 20;
/// Version 4 adds the heartbeat timeout in milliseconds, five ASCII digits.
const LOGIN_PAYLOAD_VERSION_4: usize = LOGIN_PAYLOAD + 5;

/// User name and password in their fields, padded on the right.
pub type Credentials = ([u8; 6], [u8; 10]);

/// What a client logs in with (section 2.3.1). Texts are ASCII, padded with spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginRequest {
    /// User name, padded on the right; upper and lower case are the same.
    pub username: [u8; 6],
    /// Password, padded on the right; upper and lower case are the same.
    pub password: [u8; 10],
    /// Session to join, padded on the left; all spaces: the current one.
    pub session: [u8; 10],
    /// Next sequence number wanted; 0: begin with the newest message.
    pub sequence: u64,
}

/// The server's answer to a good login (section 2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginAccepted {
    /// Session that the client is in now, padded on the left.
    pub session: [u8; 10],
    /// Sequence number of the next sequenced message.
    pub sequence: u64,
}

/// Why a login was refused (section 2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// `A`: user name or password are wrong.
    NotAuthorized,
    /// `S`: there is no such session, or it has no such sequence number.
    SessionNotAvailable,
    /// A character that the specification does not list.
    Other(u8),
}

impl RejectReason {
    const fn code(self) -> u8 {
        match self {
            Self::NotAuthorized => b'A',
            Self::SessionNotAvailable => b'S',
            Self::Other(code) => code,
        }
    }

    const fn of_code(code: u8) -> Self {
        match code {
            b'A' => Self::NotAuthorized,
            b'S' => Self::SessionNotAvailable,
            other => Self::Other(other),
        }
    }
}

/// One logical packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `+`, either side: text for people, to be passed over.
    Debug(&'a [u8]),
    /// `A`, server.
    LoginAccepted(LoginAccepted),
    /// `J`, server, which closes the connection behind it.
    LoginRejected(RejectReason),
    /// `S`, server: a message with the next sequence number, which is not in the packet.
    Sequenced(&'a [u8]),
    /// `H`, server.
    ServerHeartbeat,
    /// `Z`, server: the session is over, no message follows.
    EndOfSession,
    /// `L`, client.
    LoginRequest(LoginRequest),
    /// `U`, either side: a message without a sequence number.
    Unsequenced(&'a [u8]),
    /// `R`, client.
    ClientHeartbeat,
    /// `O`, client: close the connection.
    LogoutRequest,
}

/// What is wrong with a stream, or why a session ended. After one, the connection is to be closed: the next packet's
/// start is not known, or the other side is not to be talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoupError {
    /// A packet of length zero has no type.
    Empty,
    /// No such packet type.
    UnknownType(u8),
    /// The payload of this type has another length.
    Length {
        /// The type character.
        packet_type: u8,
        /// Payload bytes.
        found: usize,
    },
    /// A sequence number that is no decimal number of at most 20 digits below 2^64.
    Number,
    /// A packet longer than the receive buffer.
    TooLong {
        /// Bytes of the packet, its length prefix included.
        packet: usize,
        /// Bytes of the buffer.
        capacity: usize,
    },
    /// A packet that this side may not receive, or not now.
    Unexpected(u8),
    /// Nothing came for [`SILENCE_NS`].
    Silence,
    /// The server refused the login.
    Rejected(RejectReason),
    /// The other side does not read: what there is to send no longer fits its buffer.
    Backlog,
}

impl fmt::Display for SoupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => f.write_str("a SoupBinTCP packet of length 0"),
            Self::UnknownType(byte) => {
                write!(f, "unknown SoupBinTCP packet type {byte:#04x} ('{}')", byte.escape_ascii())
            }
            Self::Length { packet_type, found } => {
                write!(f, "a SoupBinTCP packet of type '{}' with {found} bytes", packet_type.escape_ascii())
            }
            Self::Number => f.write_str("a SoupBinTCP sequence number that is no decimal number"),
            Self::TooLong { packet, capacity } => {
                write!(f, "a SoupBinTCP packet of {packet} bytes, where the receive buffer holds {capacity}")
            }
            Self::Unexpected(byte) => {
                write!(f, "a SoupBinTCP packet of type '{}' out of place", byte.escape_ascii())
            }
            Self::Silence => write!(f, "nothing was received for {} s", SILENCE_NS / NS_PER_S),
            Self::Rejected(RejectReason::NotAuthorized) => {
                f.write_str("login refused: check user name and password")
            }
            Self::Rejected(RejectReason::SessionNotAvailable) => {
                f.write_str("login refused: no such session or sequence number")
            }
            Self::Rejected(RejectReason::Other(code)) => {
                write!(f, "login refused, reason '{}'", code.escape_ascii())
            }
            Self::Backlog => f.write_str("the other side does not read what it is sent"),
        }
    }
}

impl std::error::Error for SoupError {}

/// `N` bytes at `at`; zeros where there are none, which no caller lets happen.
fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// A number in ASCII, padded with spaces on either side; no digits at all are 0 (a blank field).
///
/// # Errors
/// [`SoupError::Number`] for anything else, and for a number that is not below 2^64.
pub fn decode_number(field: &[u8]) -> Result<u64, SoupError> {
    field.trim_ascii().iter().try_fold(0u64, |value, &digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit <= 9).ok_or(SoupError::Number)?;
        value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit))).ok_or(SoupError::Number)
    })
}

/// A number as 20 ASCII characters, padded with spaces on the left.
#[must_use]
pub fn encode_number(mut number: u64) -> [u8; 20] {
    let mut field = [b' '; 20];
    for place in field.iter_mut().rev() {
        // A remainder of ten fits every integer.
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    field
}

/// A session name in its field: padded with spaces on the left, cut to ten characters.
#[must_use]
pub fn session_field(name: &[u8]) -> [u8; 10] {
    let name = &name[..name.len().min(10)];
    let mut field = [b' '; 10];
    field[10 - name.len()..].copy_from_slice(name);
    field
}

/// A text in a field that is padded with spaces on the right (user name, password), cut to the field's width.
#[must_use]
pub fn text_field<const N: usize>(text: &[u8]) -> [u8; N] {
    let text = &text[..text.len().min(N)];
    let mut field = [b' '; N];
    field[..text.len()].copy_from_slice(text);
    field
}

impl<'a> Packet<'a> {
    /// The type character.
    #[must_use]
    pub const fn packet_type(&self) -> u8 {
        match self {
            Self::Debug(_) => b'+',
            Self::LoginAccepted(_) => b'A',
            Self::LoginRejected(_) => b'J',
            Self::Sequenced(_) => b'S',
            Self::ServerHeartbeat => b'H',
            Self::EndOfSession => b'Z',
            Self::LoginRequest(_) => b'L',
            Self::Unsequenced(_) => b'U',
            Self::ClientHeartbeat => b'R',
            Self::LogoutRequest => b'O',
        }
    }

    /// The packet whose type and payload are `packet` (without the length prefix, which a [`Framer`] takes off).
    ///
    /// # Errors
    /// [`SoupError::Empty`], [`SoupError::UnknownType`], [`SoupError::Length`] or [`SoupError::Number`].
    #[inline]
    pub fn decode(packet: &'a [u8]) -> Result<Self, SoupError> {
        let Some((&packet_type, payload)) = packet.split_first() else {
            return Err(SoupError::Empty);
        };
        let expect = |lengths: &[usize]| {
            let found = payload.len();
            lengths.contains(&found).then_some(()).ok_or(SoupError::Length { packet_type, found })
        };
        Ok(match packet_type {
            b'S' => Self::Sequenced(payload),
            b'U' => Self::Unsequenced(payload),
            b'+' => Self::Debug(payload),
            b'A' => {
                expect(&[30])?;
                Self::LoginAccepted(LoginAccepted {
                    session: bytes_at(payload, 0),
                    sequence: decode_number(&payload[10..])?,
                })
            }
            b'J' => {
                expect(&[1])?;
                Self::LoginRejected(RejectReason::of_code(payload[0]))
            }
            b'L' => {
                expect(&[LOGIN_PAYLOAD, LOGIN_PAYLOAD_VERSION_4])?;
                Self::LoginRequest(LoginRequest {
                    username: bytes_at(payload, 0),
                    password: bytes_at(payload, 6),
                    session: bytes_at(payload, 16),
                    sequence: decode_number(&payload[26..46])?,
                })
            }
            b'H' | b'Z' | b'R' | b'O' => {
                expect(&[0])?;
                match packet_type {
                    b'H' => Self::ServerHeartbeat,
                    b'Z' => Self::EndOfSession,
                    b'R' => Self::ClientHeartbeat,
                    _ => Self::LogoutRequest,
                }
            }
            _ => return Err(SoupError::UnknownType(packet_type)),
        })
    }

    /// Writes the packet with its length prefix to the front of `out`; returns its length, or `None` when `out` has
    /// no room for it or the packet would be longer than [`PACKET_LENGTH_MAX`]. Nothing is written then.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let mut fixed = [0; LOGIN_PAYLOAD];
        let payload: &[u8] = match self {
            Self::Debug(bytes) | Self::Sequenced(bytes) | Self::Unsequenced(bytes) => bytes,
            Self::ServerHeartbeat | Self::EndOfSession | Self::ClientHeartbeat | Self::LogoutRequest => &[],
            Self::LoginRejected(reason) => {
                fixed[0] = reason.code();
                &fixed[..1]
            }
            Self::LoginAccepted(accepted) => {
                fixed[..10].copy_from_slice(&accepted.session);
                fixed[10..30].copy_from_slice(&encode_number(accepted.sequence));
                &fixed[..30]
            }
            Self::LoginRequest(login) => {
                fixed[..6].copy_from_slice(&login.username);
                fixed[6..16].copy_from_slice(&login.password);
                fixed[16..26].copy_from_slice(&login.session);
                fixed[26..].copy_from_slice(&encode_number(login.sequence));
                &fixed
            }
        };
        let length = u16::try_from(payload.len() + 1).ok()?;
        let packet = out.get_mut(..payload.len() + 3)?;
        packet[..2].copy_from_slice(&length.to_be_bytes());
        packet[2] = self.packet_type();
        packet[3..].copy_from_slice(payload);
        Some(payload.len() + 3)
    }

    /// Adds the packet to what is pending; `false` and nothing added when there is no room.
    fn send_into(&self, out: &mut SendBuffer) -> bool {
        // Pending bytes are moved only for a packet that would not fit otherwise.
        let length = self.encode(out.space(0)).or_else(|| self.encode(out.space(usize::MAX)));
        length.is_some_and(|length| {
            out.commit(length);
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Any packet, its payload (where it has one) being `payload`.
    fn packet(kind: usize, payload: &[u8], a: [u8; 10], b: [u8; 10], number: u64) -> Packet<'_> {
        match kind % 10 {
            0 => Packet::Debug(payload),
            1 => Packet::LoginAccepted(LoginAccepted { session: a, sequence: number }),
            2 => Packet::LoginRejected(RejectReason::of_code(a[0])),
            3 => Packet::Sequenced(payload),
            4 => Packet::ServerHeartbeat,
            5 => Packet::EndOfSession,
            6 => Packet::LoginRequest(LoginRequest {
                username: bytes_at(&a, 2),
                password: b,
                session: a,
                sequence: number,
            }),
            7 => Packet::Unsequenced(payload),
            8 => Packet::ClientHeartbeat,
            _ => Packet::LogoutRequest,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn packets_come_back(
            kind in 0..10usize,
            payload in prop::collection::vec(any::<u8>(), 0..80),
            a: [u8; 10],
            b: [u8; 10],
            number: u64,
        ) {
            let packet = packet(kind, &payload, a, b, number);
            let mut out = [0xa5; 128];
            let length = packet.encode(&mut out).unwrap();
            prop_assert_eq!(usize::from(u16::from_be_bytes([out[0], out[1]])), length - 2);
            prop_assert_eq!(Packet::decode(&out[2..length]), Ok(packet));
            prop_assert!(out[length..].iter().all(|&byte| byte == 0xa5));
            for room in 0..length {
                prop_assert_eq!(packet.encode(&mut [0; 128][..room]), None);
            }
        }

        /// Whatever the bytes, decoding answers; and what decodes means the same when it is encoded and read again.
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..60), kind in 0..10usize) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() && kind < 10 {
                *first = b"+AJSHZLURO"[kind];
            }
            if let Ok(packet) = Packet::decode(&bytes) {
                let mut out = [0; 128];
                let length = packet.encode(&mut out).unwrap();
                prop_assert_eq!(Packet::decode(&out[2..length]), Ok(packet));
            }
        }
    }

    #[test]
    fn login_request_known_answer() {
        // Laid out by hand from section 2.3.1.
        let login = LoginRequest {
            username: text_field(b"WARP"),
            password: text_field(b"secret"),
            session: session_field(b""),
            sequence: 1,
        };
        let mut out = [0; LOGIN_REQUEST_LENGTH];
        assert_eq!(Packet::LoginRequest(login).encode(&mut out), Some(LOGIN_REQUEST_LENGTH));
        assert_eq!(&out, b"\0\x2fLWARP  secret                                 1");
        let mut version_4 = out[2..].to_vec();
        version_4.extend(b"15000");
        assert_eq!(Packet::decode(&version_4), Ok(Packet::LoginRequest(login)));
    }

    #[test]
    fn every_cut_of_a_fixed_packet_is_an_error() {
        for kind in [1, 2, 6] {
            let mut out = [0; 64];
            let length = packet(kind, b"", *b"ABCDEFGHIJ", *b"abcdefghij", 7).encode(&mut out).unwrap();
            for cut in 3..length {
                let found = cut - 3;
                let error = SoupError::Length { packet_type: out[2], found };
                assert_eq!(Packet::decode(&out[2..cut]), Err(error));
            }
        }
        assert_eq!(Packet::decode(b""), Err(SoupError::Empty));
        assert_eq!(Packet::decode(b"x"), Err(SoupError::UnknownType(b'x')));
        assert_eq!(Packet::decode(b"H "), Err(SoupError::Length { packet_type: b'H', found: 1 }));
    }

    #[test]
    fn numbers() {
        for number in [0, 1, 9, 10, 12_345, u64::MAX - 1, u64::MAX] {
            assert_eq!(decode_number(&encode_number(number)), Ok(number));
        }
        assert_eq!(&encode_number(1205), b"                1205");
        assert_eq!(decode_number(b"00000000000000000042"), Ok(42));
        assert_eq!(decode_number(b"42                  "), Ok(42));
        assert_eq!(decode_number(b"                    "), Ok(0));
        for bad in [&b"18446744073709551616"[..], b"4 2", b"-1", b"0x1", b"\xff"] {
            assert_eq!(decode_number(bad), Err(SoupError::Number), "{}", bad.escape_ascii());
        }
    }
}
