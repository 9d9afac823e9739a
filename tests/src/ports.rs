//! UDP ports that nobody has and that no socket is given by chance.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicU32, Ordering};

/// Ports from here on, below those that Linux gives to sockets that ask for any (32,768 and above).
const FIRST: u32 = 12_000;
const COUNT: u32 = 20_000;

/// `N` different ports of 127.0.0.1. Between now and their use only a program that names one can take it.
///
/// # Panics
/// When none is free.
#[must_use]
pub fn free_udp_ports<const N: usize>() -> [u16; N] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    [(); N].map(|()| {
        // Test processes of one run start at different places.
        let candidates = (0..COUNT).map(|_| {
            let number =
                NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(97));
            (FIRST + number % COUNT) as u16
        });
        let mut free = candidates.filter(|&port| UdpSocket::bind(("127.0.0.1", port)).is_ok());
        free.next().expect("a free port")
    })
}
