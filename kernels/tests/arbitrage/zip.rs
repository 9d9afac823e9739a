//! The files of a zip archive, in the order of its directory. Only what the captures use: deflated or stored, one volume.

use flate2::read::DeflateDecoder;
use std::io::Read;
use std::path::Path;

fn number(bytes: &[u8], at: usize, len: usize) -> usize {
    bytes[at..at + len].iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte))
}

/// Name and text of every file.
pub fn texts(path: &Path) -> Vec<(String, String)> {
    let bytes = std::fs::read(path).expect("the archive");
    let end = (0..bytes.len() - 3).rev().find(|&at| bytes[at..].starts_with(b"PK\x05\x06")).expect("its end");
    let (count, mut at) = (number(&bytes, end + 10, 2), number(&bytes, end + 16, 4));
    let mut texts = Vec::new();
    for _ in 0..count {
        assert!(bytes[at..].starts_with(b"PK\x01\x02"), "an entry of the directory");
        let (method, packed) = (number(&bytes, at + 10, 2), number(&bytes, at + 20, 4));
        let [name, extra, comment] = [28, 30, 32].map(|field| number(&bytes, at + field, 2));
        let local = number(&bytes, at + 42, 4);
        let start = local + 30 + number(&bytes, local + 26, 2) + number(&bytes, local + 28, 2);
        let mut text = String::new();
        match method {
            0 => text.push_str(std::str::from_utf8(&bytes[start..start + packed]).expect("text")),
            // The stream says where it ends; the directory does not where it has fields of 64 bits.
            _ => drop(DeflateDecoder::new(&bytes[start..]).read_to_string(&mut text).expect("deflated text")),
        }
        texts.push((String::from_utf8_lossy(&bytes[at + 46..at + 46 + name]).into_owned(), text));
        at += 46 + name + extra + comment;
    }
    texts
}
