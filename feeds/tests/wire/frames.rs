//! Payloads of the frames in a classic pcap file, UDP and TCP alike: for packets whose protocol is not MoldUDP64.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::captures::shared_data;

/// All .pcap files of the folders under `collection` whose name starts with `prefix`; `None` (said aloud) where the
/// shared data is absent.
pub fn packet_files(collection: &str, prefix: &str) -> Option<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in std::fs::read_dir(shared_data(collection)?).unwrap() {
        let folder = folder.unwrap();
        if folder.file_name().to_string_lossy().starts_with(prefix) {
            files.extend(std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()));
        }
    }
    files.sort();
    Some(files)
}

/// A transport payload of a captured frame.
pub struct Payload {
    /// Over TCP rather than UDP.
    pub tcp: bool,
    pub bytes: Vec<u8>,
}

/// Every payload of a little-endian pcap file of Ethernet frames (IPv4, VLAN tags allowed), gzipped or not.
pub fn payloads(path: &Path) -> Vec<Payload> {
    let mut file = std::fs::read(path).unwrap();
    if file.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(&file[..]).read_to_end(&mut plain).unwrap();
        file = plain;
    }
    assert_eq!(file[..4], [0xd4, 0xc3, 0xb2, 0xa1], "{}", path.display());
    let mut payloads = Vec::new();
    let mut rest = &file[24..];
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let frame = &rest[16..16 + length];
        rest = &rest[16 + length..];
        let mut at = 12;
        while frame[at..at + 2] == [0x81, 0x00] {
            at += 4;
        }
        assert_eq!(frame[at..at + 2], [0x08, 0x00]);
        let packet = &frame[at + 2..];
        let header = usize::from(packet[0] & 0x0f) * 4;
        let packet = &packet[..usize::from(u16::from_be_bytes([packet[2], packet[3]]))];
        let segment = &packet[header..];
        let tcp = packet[9] == 6;
        let data = if tcp { usize::from(segment[12] >> 4) * 4 } else { 8 };
        payloads.push(Payload { tcp, bytes: segment[data..].to_vec() });
    }
    payloads
}
