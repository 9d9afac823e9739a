//! CME MDP 3.0: packets, SBE messages, and their meaning as market events.
//!
//! Sources: «CME MDP 3.0 - Binary Packet Header», «CME MDP 3.0 - SBE Message Header», and the SBE schema 1 (versions 5 to
//! 12) that the exchange publishes, from which the block tables here are written by hand; their lengths are checked
//! at compile time. All integers are little-endian. Sans-I/O.
//!
//! Newer versions append fields to blocks and groups to messages: lengths on the wire say how much to pass over.
//! Templates that are not known here are passed over and counted.

pub mod blocks;
pub mod definitions;
pub mod feed;
pub mod levels;
pub mod messages;
pub mod packet;
