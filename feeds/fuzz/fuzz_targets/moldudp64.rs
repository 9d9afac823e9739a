//! MoldUDP64 packets: the blocks that come out fill the payload.
#![no_main]

use feeds::moldudp64;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    if let Ok((header, blocks)) = moldudp64::decode(payload) {
        let bodies = moldudp64::blocks(blocks);
        assert_eq!(bodies.count(), usize::from(header.message_count()));
        assert_eq!(bodies.map(|body| body.len() + 2).sum::<usize>(), blocks.len());
    }
});
