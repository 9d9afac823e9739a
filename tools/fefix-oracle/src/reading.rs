//! What a codec reads from a message: its fields in order.

use std::fmt;

use engine::fix::codec::Message;
use engine::fix::frame::checksum;

/// Tags and bytes of a message, from BeginString(8) and MsgType(35) on, BodyLength(9) and CheckSum(10) left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading(pub Vec<(u32, Vec<u8>)>);

impl Reading {
    /// What our general codec reads.
    ///
    /// # Errors
    /// Why it refuses the message.
    pub fn ours(bytes: &[u8]) -> Result<Self, String> {
        let message = Message::decode(bytes).map_err(|error| error.to_string())?;
        let head = [8, 35].into_iter().filter_map(|tag| Some((tag, message.raw(tag)?.to_vec())));
        Ok(Self(head.chain(message.fields().map(|(tag, value)| (tag, value.to_vec()))).collect()))
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(tag, value)| write!(f, "{tag}={}|", value.escape_ascii()))
    }
}

/// Puts the right CheckSum(10) into a message that ends with `10=` and three digits.
pub fn sign(message: &mut [u8]) {
    let body = message.len() - 7;
    let digits = format!("{:03}", checksum(&message[..body]));
    message[body + 3..body + 6].copy_from_slice(digits.as_bytes());
}
