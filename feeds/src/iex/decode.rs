//! The one decoder of IEX message bodies. Sans-I/O and stateless; no allocation, no panic on any input.
//!
//! It checks the type and that the body is long enough; it does not judge the values in the fields.

use super::messages::{Message, ReadError};
use crate::packet_decoder::{PacketErrorCause, count};

/// Decodes one message body (type character first, no length prefix). `Ok(None)`: a type that the known
/// specifications do not have. Bytes behind the known fields are left out.
///
/// # Errors
/// [`PacketErrorCause`] when the body is empty or shorter than its type.
#[inline(always)]
pub fn decode(body: &[u8]) -> Result<Option<Message>, PacketErrorCause> {
    let Some(&message_type) = body.first() else {
        return Err(PacketErrorCause::MessageLength { message_type: 0, needed: 1, found: 0 });
    };
    match Message::read(message_type, body) {
        Ok(message) => Ok(Some(message)),
        Err(ReadError::UnknownType) => Ok(None),
        Err(ReadError::Short(needed)) => Err(PacketErrorCause::MessageLength {
            message_type: message_type.into(),
            needed: needed.into(),
            found: count(body.len()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iex::messages::{MESSAGE_TYPES, body_length};

    /// The bytes of the example in «Quote Update Message» (TOPS 1.6), laid out by hand from its table.
    #[test]
    fn known_answer_quote_update() {
        let mut body = vec![b'Q', 0x00];
        body.extend(0x1493_fd6d_b1f7_63acu64.to_le_bytes());
        body.extend(b"ZIEXT   ");
        body.extend(9700u32.to_le_bytes());
        body.extend(990_500i64.to_le_bytes());
        body.extend(990_700i64.to_le_bytes());
        body.extend(1000u32.to_le_bytes());
        let Ok(Some(Message::QuoteUpdate(quote))) = decode(&body) else { panic!() };
        assert_eq!((quote.bid_size, quote.bid_price), (9700, 990_500));
        assert_eq!((quote.ask_size, quote.ask_price), (1000, 990_700));
        assert_eq!((quote.symbol.wire8(), quote.timestamp_ns), (*b"ZIEXT   ", 0x1493_fd6d_b1f7_63ac));
    }

    #[test]
    fn every_type_needs_its_length_and_takes_more() {
        assert_eq!(
            decode(&[]),
            Err(PacketErrorCause::MessageLength { message_type: 0, needed: 1, found: 0 })
        );
        let zeros = [0u8; 100];
        for message_type in 0..=u8::MAX {
            for length in 1..zeros.len() {
                let mut body = zeros;
                body[0] = message_type;
                let decoded = decode(&body[..length]);
                match body_length(message_type) {
                    None => assert_eq!(decoded, Ok(None)),
                    Some(needed) => assert_eq!(decoded.is_ok(), length >= needed, "{message_type} {length}"),
                }
            }
        }
        assert_eq!((0..=u8::MAX).filter(|&t| body_length(t).is_some()).count(), MESSAGE_TYPES.len());
    }
}
