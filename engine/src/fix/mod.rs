//! FIX 4.2 and 4.4 order entry: codec, hot templates, hot decoders, and the session, all sans-I/O.
//!
//! Own code in the shape of fefix: typed field constants ([`fix44`]), [`codec::Encoder`] with `set`,
//! [`codec::Message`] with `get`. Cold messages (logon, rejects, the venue's reports) go through that codec. The hot
//! path has its own two ends: [`templates`] writes orders by patching prepared bytes; a [`framer`] finds a message's fields
//! in the pass that verifies it ([`index`]), and [`executions`] and [`rejects`] take the values. [`session`] is one state
//! machine for the initiator and the acceptor. [`dictionary`] knows what FIX 4.2 and FIX 4.4 define, and [`validate`] judges
//! whole messages by it.
//!
//! Allocation happens at construction only ([`framer::Framer`], [`feeds::send_buffer::SendBuffer`],
//! [`templates::OrderTemplates`], [`session::Session`]); nothing here reads a clock or owns a socket. The thread that
//! owns the socket owns all of it. What may be sent again its owner decides ([`session::SentMessages`]).
//!
//! # Grammar
//!
//! What is accepted, in words; every decoder of this module holds to it and a naive model checks that they do.
//!
//! **Frame.** `8=` BeginString SOH, `9=` BodyLength SOH, `35=` MsgType SOH, fields, `10=` CheckSum SOH, in this order.
//! - BeginString is `FIX.` digit `.` digit, or `FIXT.` digit `.` digit.
//! - BodyLength is one to eight digits, leading zeros accepted. It counts the bytes from `35=` up to and with the SOH
//!   before `10=`. The whole frame has at most [`frame::FRAME_MAX`] bytes.
//! - MsgType has at least one byte.
//! - CheckSum is exactly three digits, the sum modulo 256 of all bytes before `10=`.
//! - In a byte stream, whatever is not a frame is skipped up to the next `8=FIX` and counted as garbled; where BodyLength(9)
//!   leads to no CheckSum(10), up to the next one behind the bytes that it claims.
//!
//! **Field.** Tag `=` value SOH. The tag has one to five digits and no leading zero. The value has at least one byte,
//! none of them SOH. A data field (89, 91, 96, 213, 349 to 365 odd, 446, 619, 622) must directly follow its length
//! field, has exactly as many bytes as that says (at least one), and may hold SOH; a length field that its data field
//! does not follow is refused, and so is a data field without its length. Tags 8, 9, 10 and 35 occur nowhere else.
//!
//! **Repetition.** The general codec allows a tag more than once (groups) and `get` gives the first. The order
//! decoders refuse a second occurrence of any field that they read.
//!
//! **Values.** A field that a decoder reads must be well formed, whether this message needs it or not.
//! - Int: an optional `-`, then digits. SeqNum, Length: digits, at most 4,294,967,295. Leading zeros are accepted
//!   everywhere, a `+` nowhere, exponents nowhere.
//! - Qty: digits with an optional point; after the point only zeros. Price, Amt: an optional `-`, digits with an
//!   optional point; exact to 1e-9: a tenth decimal must be zero. `23.` and `.5` are numbers, `.` and `-` are not.
//! - Char is one byte; Boolean is `Y` or `N`.
//! - UTCTimestamp is `YYYYMMDD-HH:MM:SS`, optionally with `.` and 3, 6 or 9 digits; years 1970 to 2553, real dates
//!   only; second 60 only as 23:59:60, which is the next midnight.

pub mod byte_text;
pub mod codec;
pub mod cursor;
pub mod delimiters;
pub mod dictionary;
pub mod executions;
pub mod fault;
pub mod field;
pub mod fix42;
pub mod fix44;
pub mod frame;
pub mod framer;
pub mod identity;
pub mod index;
pub mod logon_auth;
pub mod number;
pub mod redact;
pub mod rejects;
pub mod reports;
pub mod requests;
pub mod sent_log;
pub mod session;
pub mod status_request;
pub mod templates;
pub mod timestamp;
pub mod validate;

#[cfg(test)]
mod damage;
#[cfg(test)]
mod naive_decoder;
#[cfg(test)]
mod standard;
