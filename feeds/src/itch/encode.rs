//! The TotalView-ITCH 5.0 encoder: the exact inverse of [`super::decode::decode`].
//!
//! [`encode`] writes into the caller's buffer and allocates nothing; [`append_framed`] grows its caller's vector.

use super::messages::{BODY_LENGTH_MAX, Message};

/// Writes the message's body (type character first, no length prefix) to the front of `out`; returns its length.
/// The bytes behind it keep their values.
#[inline(always)]
pub fn encode(message: &Message, out: &mut [u8; BODY_LENGTH_MAX]) -> usize {
    message.write(out)
}

/// Appends the message as BinaryFILE and MoldUDP64 carry it: its length as big-endian `u16`, then its body.
#[inline]
pub fn append_framed(message: &Message, out: &mut Vec<u8>) {
    let mut body = [0; BODY_LENGTH_MAX];
    let length = encode(message, &mut body);
    // At most 50: see the compile-time check beside the message table.
    let [.., length_high, length_low] = length.to_be_bytes();
    out.extend_from_slice(&[length_high, length_low]);
    out.extend_from_slice(&body[..length]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::itch::decode::decode;
    use crate::itch::messages::{MESSAGE_TYPES, body_length};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// Random fields of all 23 types: bytes -> message -> bytes -> message.
        #[test]
        fn both_directions_agree(
            type_index in 0..MESSAGE_TYPES.len(),
            mut bytes in prop::array::uniform32(any::<u8>()),
            tail in prop::array::uniform32(any::<u8>()),
        ) {
            bytes[0] = MESSAGE_TYPES[type_index];
            let body: Vec<u8> = bytes.into_iter().chain(tail).take(body_length(bytes[0]).unwrap()).collect();
            let message = decode(&body).unwrap();
            let mut out = [0xa5; BODY_LENGTH_MAX];
            let length = encode(&message, &mut out);
            prop_assert_eq!(&out[..length], &body[..]);
            prop_assert!(out[length..].iter().all(|&b| b == 0xa5));
            prop_assert_eq!(decode(&out[..length]).unwrap(), message);

            let mut framed = vec![1, 2, 3];
            append_framed(&message, &mut framed);
            prop_assert_eq!(usize::from(u16::from_be_bytes([framed[3], framed[4]])), body.len());
            prop_assert_eq!(&framed[5..], &body[..]);
        }
    }
}
