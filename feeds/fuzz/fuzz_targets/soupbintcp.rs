//! SoupBinTCP: what decodes encodes back to a packet that means the same; a stream is framed to its end.
#![no_main]

use feeds::soupbintcp::{Framer, PACKET_LENGTH_MAX, Packet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(packet) = Packet::decode(bytes) {
        let mut out = vec![0; PACKET_LENGTH_MAX];
        if let Some(length) = packet.encode(&mut out) {
            assert_eq!(Packet::decode(&out[2..length]), Ok(packet));
        }
    }
    let mut framer = Framer::with_capacity(512);
    let mut rest = bytes;
    loop {
        let taken = framer.push(rest);
        rest = &rest[taken..];
        let mut packets = 0;
        while let Ok(Some(packet)) = framer.next_packet() {
            let _ = Packet::decode(packet);
            packets += 1;
        }
        if rest.is_empty() || (taken == 0 && packets == 0) {
            break;
        }
    }
});
