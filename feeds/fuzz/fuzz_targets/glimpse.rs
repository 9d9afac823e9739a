//! GLIMPSE snapshot messages: state messages are ITCH messages that decode.
#![no_main]

use feeds::glimpse::{SnapshotMessage, decode, encode_end};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| match decode(body) {
    Ok(SnapshotMessage::State(state)) => assert!(feeds::itch::decode::decode(state).is_ok()),
    Ok(SnapshotMessage::End { next_sequence }) => {
        assert_eq!(decode(&encode_end(next_sequence)), Ok(SnapshotMessage::End { next_sequence }));
    }
    Err(_) => {}
});
