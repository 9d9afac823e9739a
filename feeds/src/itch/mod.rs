//! NASDAQ TotalView-ITCH 5.0: message structs, decoder, encoder, and their meaning as market events.
//!
//! Source: «NASDAQ TotalView-ITCH 5.0» specification, section «Message Formats». NASDAQ, BX and PSX use the same
//! messages. Nothing here allocates (but [`encode::append_framed`], which grows its caller's vector) or does I/O.

pub mod decode;
pub mod encode;
pub mod feed;
pub mod messages;
mod order_fields;
