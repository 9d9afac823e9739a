//! Capture files of any form (BinaryFILE, pcap, pcapng, gzip): the walk ends, and stays at an error.
#![no_main]

use feeds::source::file::Capture;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(capture) = Capture::from_bytes("", bytes.to_vec()) else { return };
    let mut cursor = capture.packets();
    loop {
        match cursor.next(&capture) {
            Ok(Some(packet)) => assert_eq!(packet.messages().count(), usize::from(packet.message_count)),
            Ok(None) => break,
            Err(error) => {
                assert_eq!(cursor.next(&capture), Err(error));
                break;
            }
        }
    }
});
