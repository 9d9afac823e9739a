//! Questions to a network card's driver: the reading half of `ethtool`, by the same system call.
//!
//! One datagram socket, one `ioctl(SIOCETHTOOL)` a question. The kernel answers these three to anybody; nothing here can
//! change a setting. Every request and answer is a row of 32-bit words (linux/ethtool.h), the first of which is the
//! command.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// linux/sockios.h.
const SIOCETHTOOL: libc::Ioctl = 0x8946;

const GET_COALESCING: u32 = 0x0e;
const GET_RINGS: u32 = 0x10;
const GET_STAMPING: u32 = 0x41;

/// `SOF_TIMESTAMPING_RX_HARDWARE` (linux/net_tstamp.h).
const RX_HARDWARE: u32 = 1 << 2;

/// More words than any of the answers has: 23, 9 and 11.
const WORDS: usize = 64;

/// A card that can be asked.
#[derive(Debug)]
pub struct Card {
    socket: UdpSocket,
    name: [libc::c_char; libc::IFNAMSIZ],
}

impl Card {
    /// The card of an interface.
    ///
    /// # Errors
    /// The name is too long for one, or there is no socket to be had.
    pub fn of(interface: &str) -> io::Result<Self> {
        let mut name = [0; libc::IFNAMSIZ];
        // The last byte stays the terminating NUL.
        if interface.is_empty() || interface.len() >= libc::IFNAMSIZ || interface.contains('\0') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("'{interface}' names no interface"),
            ));
        }
        for (to, from) in name.iter_mut().zip(interface.bytes()) {
            *to = from as libc::c_char;
        }
        Ok(Self { socket: UdpSocket::bind(("127.0.0.1", 0))?, name })
    }

    /// How long an interrupt is held back after a packet, us, and whether the card chooses that itself.
    ///
    /// # Errors
    /// The driver does not say, or there is no such interface.
    pub fn coalescing(&self) -> io::Result<(u32, bool)> {
        let words = self.ask(GET_COALESCING)?;
        Ok((words[1], words[10] != 0))
    }

    /// Descriptors of a receive ring, and how many there could be.
    ///
    /// # Errors
    /// As [`Card::coalescing`].
    pub fn rx_ring(&self) -> io::Result<(u32, u32)> {
        let words = self.ask(GET_RINGS)?;
        Ok((words[5], words[1]))
    }

    /// Whether it can stamp what it receives.
    ///
    /// # Errors
    /// As [`Card::coalescing`].
    pub fn stamps_received(&self) -> io::Result<bool> {
        Ok(self.ask(GET_STAMPING)?[1] & RX_HARDWARE != 0)
    }

    fn ask(&self, command: u32) -> io::Result<[u32; WORDS]> {
        let mut words = [0u32; WORDS];
        words[0] = command;
        // SAFETY: `ifreq` is an array of characters and a union of plain data, for which all zeroes is a valid value.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        request.ifr_name = self.name;
        request.ifr_ifru.ifru_data = words.as_mut_ptr().cast();
        // SAFETY: the socket is open; `request` and the words that it points to are live locals, the name ends with NUL, and
        // the answer to each command of this file is shorter than the words (see WORDS).
        let result = unsafe { libc::ioctl(self.socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
        if result == 0 { Ok(words) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_answers_or_says_why_not() {
        let card = Card::of("lo").expect("a socket");
        // It has no rings and holds nothing back; the kernel itself answers what it can stamp.
        assert!(!card.stamps_received().unwrap_or(false), "loopback has no hardware");
        if let Err(error) = card.coalescing() {
            assert!(error.raw_os_error().is_some());
        }
    }

    #[test]
    fn a_card_that_is_not_there_is_an_error() {
        assert!(Card::of("wt-none0").expect("a socket").rx_ring().is_err());
        for name in ["", "an-interface-name-too-long", "a\0b"] {
            assert!(Card::of(name).is_err(), "{name:?}");
        }
    }
}
