//! The IEX message and segment encoder: the inverse of [`super::decode::decode`] and [`super::transport::decode`].

use super::messages::{BODY_LENGTH_MAX, Message};
use super::transport::Header;

/// Writes the message's body (type character first, no length prefix) to the front of `out`; returns its length.
#[inline(always)]
pub fn encode(message: &Message, out: &mut [u8; BODY_LENGTH_MAX]) -> usize {
    message.write(out)
}

/// Appends the message as IEX-TP carries it: its length as little-endian `u16`, then its body.
pub fn append_framed(message: &Message, out: &mut Vec<u8>) {
    let mut body = [0; BODY_LENGTH_MAX];
    let length = encode(message, &mut body);
    // At most 80: see the compile-time check beside the message table.
    let [length_low, length_high, ..] = length.to_le_bytes();
    out.extend_from_slice(&[length_low, length_high]);
    out.extend_from_slice(&body[..length]);
}

/// Appends a segment of `messages`. Payload length and message count are set from them; the rest of `header` is kept.
///
/// # Errors
/// The messages again when they are more than one segment holds (65,535 bytes); `out` is then unchanged.
pub fn append_segment<'a>(
    header: Header,
    messages: &'a [Message],
    out: &mut Vec<u8>,
) -> Result<(), &'a [Message]> {
    let mut blocks = Vec::with_capacity(messages.len() * (2 + BODY_LENGTH_MAX));
    for message in messages {
        append_framed(message, &mut blocks);
    }
    let (Ok(payload_length), Ok(message_count)) =
        (u16::try_from(blocks.len()), u16::try_from(messages.len()))
    else {
        return Err(messages);
    };
    out.extend_from_slice(&Header { payload_length, message_count, ..header }.to_bytes());
    out.extend_from_slice(&blocks);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iex::decode::decode;
    use crate::iex::messages::{MESSAGE_TYPES, body_length};
    use crate::iex::transport;
    use proptest::prelude::*;

    fn body(type_index: usize, mut bytes: [u8; 32], tail: [u8; 32], rest: [u8; 32]) -> Vec<u8> {
        bytes[0] = MESSAGE_TYPES[type_index];
        bytes.into_iter().chain(tail).chain(rest).take(body_length(bytes[0]).unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// Random fields of all types: bytes -> message -> bytes -> message.
        #[test]
        fn both_directions_agree(
            type_index in 0..MESSAGE_TYPES.len(),
            bytes in prop::array::uniform32(any::<u8>()),
            tail in prop::array::uniform32(any::<u8>()),
        ) {
            let body = body(type_index, bytes, tail, bytes);
            let message = decode(&body).unwrap().unwrap();
            let mut out = [0xa5; BODY_LENGTH_MAX];
            let length = encode(&message, &mut out);
            prop_assert_eq!(&out[..length], &body[..]);
            prop_assert!(out[length..].iter().all(|&b| b == 0xa5));
            prop_assert_eq!(decode(&out[..length]), Ok(Some(message)));
        }

        /// Segments of random messages come apart into the same messages.
        #[test]
        fn segments_agree(
            types in prop::collection::vec(0..MESSAGE_TYPES.len(), 0..20),
            bytes in prop::array::uniform32(any::<u8>()),
            sequence in any::<u64>(),
        ) {
            let messages: Vec<Message> =
                types.iter().map(|&index| decode(&body(index, bytes, bytes, bytes)).unwrap().unwrap()).collect();
            let header = Header {
                version: transport::VERSION,
                reserved: 0,
                message_protocol: transport::TOPS,
                channel: 1,
                session: 2,
                payload_length: 0,
                message_count: 0,
                stream_offset: 3,
                first_sequence: sequence,
                send_ns: 4,
            };
            let mut segment = Vec::new();
            append_segment(header, &messages, &mut segment).unwrap();
            let (decoded, blocks) = transport::decode(&segment).unwrap();
            prop_assert_eq!(decoded.first_sequence, sequence);
            prop_assert_eq!(usize::from(decoded.message_count), messages.len());
            let again: Vec<Message> =
                transport::blocks(blocks).map(|body| decode(body).unwrap().unwrap()).collect();
            prop_assert_eq!(again, messages);
        }
    }
}
