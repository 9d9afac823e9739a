//! The receive time in a socket's control messages: SO_TIMESTAMPNS, CLOCK_REALTIME of the kernel.
//!
//! Source: Linux Documentation/networking/timestamping.rst, section 1.1; layout of cmsg(3). Bounds-checked over bytes,
//! so that `recvmsg`, `recvmmsg` and `io_uring` share it.

use std::mem::{align_of, size_of};

use crate::units::{NS_PER_S, TIME_NONE};

/// Bytes of one control message's header.
const HEADER_BYTES: usize = size_of::<libc::cmsghdr>();

/// Room for the time stamp and a little more, should another option be on.
pub(super) const CONTROL_BYTES: usize = 64;

/// A control buffer: aligned for the kernel's headers.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub(super) struct ControlBuffer(pub(super) [u8; CONTROL_BYTES]);

const _: () = assert!(align_of::<ControlBuffer>() >= align_of::<libc::cmsghdr>());
const _: () = assert!(CONTROL_BYTES >= HEADER_BYTES + size_of::<libc::timespec>());

impl ControlBuffer {
    pub(super) const EMPTY: Self = Self([0; CONTROL_BYTES]);
}

/// The receive time in the control messages, UTC ns; [`TIME_NONE`] when there is none.
#[inline]
pub(super) fn receive_ns(control: &[u8]) -> u64 {
    let mut rest = control;
    while let (Some(length), Some(level), Some(kind)) = (word(rest, 0), int(rest, 8), int(rest, 12)) {
        let Ok(length) = usize::try_from(length) else { return TIME_NONE };
        if length < HEADER_BYTES || length > rest.len() {
            return TIME_NONE;
        }
        if level == libc::SOL_SOCKET && kind == libc::SCM_TIMESTAMPNS {
            return time_ns(&rest[HEADER_BYTES..length]);
        }
        // Each message is padded to a whole number of words.
        rest = rest.get(length.next_multiple_of(8)..).unwrap_or_default();
    }
    TIME_NONE
}

fn time_ns(data: &[u8]) -> u64 {
    match (word(data, 0), word(data, 8)) {
        (Some(seconds), Some(ns)) => {
            seconds.checked_mul(NS_PER_S).and_then(|time| time.checked_add(ns)).unwrap_or(TIME_NONE)
        }
        _ => TIME_NONE,
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

fn int(bytes: &[u8], at: usize) -> Option<libc::c_int> {
    bytes.get(at..)?.first_chunk().map(|bytes| libc::c_int::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: libc::c_int, kind: libc::c_int, data: &[u8]) -> Vec<u8> {
        let mut bytes = (HEADER_BYTES + data.len()).to_ne_bytes().to_vec();
        bytes.extend(level.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    #[test]
    fn the_time_is_found_behind_other_messages_and_damage_is_no_time() {
        let mut time = 1_700_000_000u64.to_ne_bytes().to_vec();
        time.extend(123_456_789u64.to_ne_bytes());
        let mut control = message(libc::SOL_SOCKET, 40, &[1, 2, 3, 4]);
        control.extend(message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &time));
        assert_eq!(receive_ns(&control), 1_700_000_000_123_456_789);
        for length in 0..control.len() {
            assert_eq!(receive_ns(&control[..length]), TIME_NONE, "cut to {length}");
        }
        assert_eq!(receive_ns(&message(libc::SOL_SOCKET, 40, &[0; 4])), TIME_NONE);
        let mut endless = control.clone();
        endless[..8].copy_from_slice(&0u64.to_ne_bytes());
        assert_eq!(receive_ns(&endless), TIME_NONE);
        let huge = message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &[0xff; 16]);
        assert_eq!(receive_ns(&huge), TIME_NONE);
    }
}
