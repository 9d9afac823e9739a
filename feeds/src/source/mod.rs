//! Where packets come from. Captures on disk: [`mod@file`] opens them, tells their [`protocol`] and walks BinaryFILE,
//! `compression` unpacks, [`pcap`] walks pcap and pcapng, `network` finds the UDP payload in a frame, [`stream`] decodes every protocol but
//! ITCH, [`prescan`] reads a capture once for its directory, [`pieces`] finds a message again by its number.
//! Live lines: [`udp`]; [`pcapng_writer`] makes recordings of them. Made here: [`synthetic`].

mod compression;
pub mod file;
pub mod memory;
mod network;
pub mod pcap;
pub mod pcapng_writer;
pub mod pieces;
pub mod prescan;
pub mod protocol;
pub mod stream;
pub mod synthetic;
pub mod udp;
