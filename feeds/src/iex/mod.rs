//! IEX: the transport IEX-TP, the messages of TOPS 1.5/1.6, DEEP 1.0 and DEEP+ 1.0, and their meaning as market
//! events.
//!
//! Sources: «IEX Transport Specification» 1.25, «IEX TOPS Specification» 1.6, «IEX DEEP Specification» 1.0, «IEX DEEP+
//! Specification» 1.0. All integers are little-endian, prices 1e-4, times UTC ns. One message format serves all
//! three feeds; which messages a feed sends differs. Sans-I/O.
//!
//! Types that a newer specification adds are passed over and counted, and so are bytes that it adds behind the
//! fields of a known type: the specifications ask for both («Message Format»).

pub mod decode;
pub mod encode;
pub mod feed;
pub mod messages;
pub mod transport;
