//! OUCH 5.0 order entry over SoupBinTCP: messages, hot encoder, hot decoder, the client's session, and the venue's two
//! ends of the codec, all sans-I/O.
//!
//! The client's hot path has two ends: [`encode`] writes orders by patching prepared packets, [`messages`] reads what
//! the venue says and [`ledger`] makes executions of it. [`session`] is the client's session; the venue's is
//! [`crate::venue::ouch_gateway`]. Allocation happens at construction only; nothing here reads a clock or owns a socket.
//! The thread that owns the socket owns all of it.
//!
//! Source: «OUCH 5.0» (Nasdaq). Layouts were taken from the Open Markets Initiative's description of the edition of
//! April 2023 and hold for the genuine packets in `../shared/data/omi_packets`. The text itself was not at hand; rules
//! of behaviour are those that others quote from it, and each place that rests on such a quotation says so.
//!
//! # Numbers of orders
//!
//! OUCH names an order by its UserRefNum: 32 bits, strictly increasing in the account and the day. Our ClOrdIDs are the
//! session date and a counter of eight digits ([`crate::order::ClOrdId`]), and the counter *is* the UserRefNum, so that
//! neither direction needs a table to translate. One counter serves all venues: each sees some of its numbers, in
//! increasing order. A cancel uses one up as well, though OUCH's cancel carries only the number of the order that it is
//! about; [`ledger`] remembers which cancel that was.
//!
//! # Grammar
//!
//! A message is its type character and fields of fixed width at fixed places, integers big-endian, texts padded with
//! spaces on the right. Those that can have an appendage end in its length, 16 bits, and the appendage: options of a
//! length byte (of tag and value), a tag byte and a value. The lengths must fit the message exactly. An option that is
//! not known is skipped; a message of an unknown type, of another length, or whose appendage does not add up is an error.

pub mod appendage;
pub mod decode_error;
pub mod encode;
pub mod ledger;
pub mod messages;
pub mod reasons;
pub mod session;
mod trades;

#[cfg(test)]
mod damage;
#[cfg(test)]
mod naive_reader;
#[cfg(test)]
mod packets;
