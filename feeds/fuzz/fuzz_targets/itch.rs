//! ITCH 5.0 message bodies: what decodes encodes back.
#![no_main]

use feeds::itch::decode::decode;
use feeds::itch::encode::encode;
use feeds::itch::messages::BODY_LENGTH_MAX;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok(message) = decode(body) {
        let mut out = [0; BODY_LENGTH_MAX];
        let length = encode(&message, &mut out);
        assert_eq!(&out[..length], body);
    }
});
