//! Known answers of the primitives and of a venue; both sides against each other; what is wrong is refused.

use std::sync::Arc;

use feeds::send_buffer::SendBuffer;

use super::*;
use crate::fix::codec::{Header, Message};
use crate::fix::session::{CloseReason, Session, SessionConfig, State};
use crate::fix::timestamp::{TimePrecision, parse_timestamp, write_timestamp};

fn bytes(hex: &str) -> Vec<u8> {
    ByteText::Hex.decode(hex.as_bytes()).expect("hexadecimal")
}

fn signed(key: &SigningKey, text: &[u8]) -> String {
    let mut signature = [0; 64];
    let length = key.sign(text, &mut signature);
    let mut hex = [0; 128];
    let length = ByteText::Hex.encode(&signature[..length], &mut hex).expect("room");
    String::from_utf8(hex[..length].to_vec()).expect("digits")
}

/// RFC 4231, test cases 1, 2, 4 and 6: key, data, HMAC-SHA-256, HMAC-SHA-512.
#[test]
fn hmac_has_the_known_answers() {
    let cases: [(Vec<u8>, Vec<u8>, &str, &str); 4] = [
        (
            vec![0x0b; 20],
            b"Hi There".to_vec(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ),
        (
            b"Jefe".to_vec(),
            b"what do ya want for nothing?".to_vec(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
        (
            (1..=25).collect(),
            vec![0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
        ),
        (
            vec![0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ),
    ];
    for (key, data, sha256, sha512) in cases {
        assert_eq!(signed(&SigningKey::hmac_sha256(&key), &data), sha256);
        assert_eq!(signed(&SigningKey::hmac_sha512(&key), &data), sha512);
    }
}

/// RFC 8032, section 7.1, tests 1 to 3.
#[test]
fn ed25519_has_the_known_answers() {
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let key = SigningKey::ed25519_seed(&bytes(seed)).expect("32 bytes");
        assert_eq!(signed(&key, &bytes(message)), signature);
        let SigningKey::Ed25519(pair) = key else { panic!("another kind") };
        assert_eq!(ring::signature::KeyPair::public_key(&*pair).as_ref(), bytes(public));
    }
}

fn terms(pattern: &str, signature_tag: u32) -> SignatureTerms {
    SignatureTerms {
        text: SignedText::parse(pattern).expect("a pattern"),
        prehash: Prehash::None,
        signature_tag,
        encoding: ByteText::Base64,
        nonce_tag: 0,
    }
}

const BINANCE: &str = "{35}\u{1}{49}\u{1}{56}\u{1}{34}\u{1}{52}";

/// A whole Logon as the session writes it.
fn logon(auth: &LogonAuth, sender: &str, target: &str, sequence: u32, time: &str) -> Vec<u8> {
    let ids = SessionIds::new("FIX.4.4", sender, target).expect("valid");
    let sending_time_ns = parse_timestamp(time.as_bytes()).expect("a time");
    let mut out = vec![0; 4096];
    let time_precision = TimePrecision::Milliseconds;
    let header = Header { ids: &ids, sequence, sending_time_ns, time_precision };
    let mut encoder = Encoder::start_message(&mut out, &header, b"A");
    let mut sending_time = [0; 32];
    let length = write_timestamp(sending_time_ns, time_precision, &mut sending_time).expect("room");
    let header = LogonHeader { ids: &ids, sequence, sending_time: &sending_time[..length], sending_time_ns };
    encoder.set(fix44::ENCRYPT_METHOD, 0).set(fix44::HEART_BT_INT, 30);
    auth.set(&header, &mut encoder);
    let length = encoder.done().expect("a message");
    out.truncate(length);
    out
}

const TIME: &str = "20240627-11:17:25.223";

/// The example of Binance's documentation of its FIX interface, key and all.
#[test]
fn binance_documented_example() {
    let der = ByteText::Base64
        .decode(b"MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u")
        .expect("base64");
    let key = SigningKey::ed25519_pkcs8(&der).expect("a key");
    let name = "sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQwnWj8VxkOh1xqboS02SPGfKi2h8spZJb";
    let auth = LogonAuth::new(Some((553, name)), None, Some((key, terms(BINANCE, 96)))).expect("valid");
    let logon = logon(&auth, "EXAMPLE", "SPOT", 1, TIME);
    let message = Message::decode(&logon).expect("a message");
    let known = "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA==";
    assert_eq!(message.get(fix44::RAW_DATA), Ok(Some(known.as_bytes())));
    assert_eq!(message.raw(95), Some(&b"88"[..]));
    assert_eq!(message.get(fix44::USERNAME), Ok(Some(name.as_bytes())));
}

/// Coinbase's and Kraken's texts, signed here by the primitives alone.
#[test]
fn other_venues_texts_are_data() {
    let password = || Secret::from(&b"phrase"[..]);
    let mut coinbase = terms("{52}{35}{34}{9407}{56}{554}", 96);
    let key = || SigningKey::hmac_sha256(b"key");
    let auth = LogonAuth::new(Some((9407, "api")), Some(password()), Some((key(), coinbase.clone())))
        .expect("valid");
    let text = logon(&auth, "SERVICE", "COIN", 7, TIME);
    let message = Message::decode(&text).expect("a message");
    let SigningKey::Hmac(hmac) = key() else { panic!("another kind") };
    let expected = hmac::sign(&hmac, format!("{TIME}A7apiCOINphrase").as_bytes());
    assert_eq!(ByteText::Base64.decode(message.raw(96).expect("96")).as_deref(), Some(expected.as_ref()));
    assert_eq!((message.raw(554), message.raw(9407)), (Some(&b"phrase"[..]), Some(&b"api"[..])));

    coinbase = SignatureTerms {
        text: SignedText::parse("35={35}\u{1}34={34}\u{1}49={49}\u{1}56={56}\u{1}553={553}\u{1}{nonce}")
            .expect("one"),
        prehash: Prehash::Sha256,
        signature_tag: 554,
        encoding: ByteText::Base64,
        nonce_tag: 5025,
    };
    let auth = LogonAuth::new(Some((553, "api")), None, Some((SigningKey::hmac_sha512(b"key"), coinbase)));
    let text = logon(&auth.expect("valid"), "US", "KRAKEN-TRD", 1, TIME);
    let message = Message::decode(&text).expect("a message");
    // date -u -d '2024-06-27 11:17:25.223' +%s%3N
    assert_eq!(message.raw(5025), Some(&b"1719487045223"[..]));
    let input = "35=A\u{1}34=1\u{1}49=US\u{1}56=KRAKEN-TRD\u{1}553=api\u{1}1719487045223";
    let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, b"key"), sha256(input.as_bytes()).as_ref());
    assert_eq!(ByteText::Base64.decode(message.raw(554).expect("554")).as_deref(), Some(expected.as_ref()));
}

type Side = (SigningKey, VerifyingKey);

fn hmac_pair(key: &[u8], other: &[u8]) -> Side {
    (SigningKey::hmac_sha256(key), VerifyingKey::Hmac(hmac::Key::new(hmac::HMAC_SHA256, other)))
}

fn ed25519_pair(seed: u8, other: u8) -> Side {
    let public = |seed| {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes");
        let public = ring::signature::KeyPair::public_key(&pair).as_ref().try_into();
        VerifyingKey::Ed25519(public.expect("32 bytes"))
    };
    (SigningKey::ed25519_seed(&[seed; 32]).expect("32 bytes"), public(other))
}

#[test]
fn what_is_signed_is_verified_and_what_is_not_is_refused() {
    for encoding in [ByteText::Base64, ByteText::Base64Url, ByteText::Hex] {
        for prehash in [Prehash::None, Prehash::Sha256] {
            for (is_right, (signing, verifying)) in [
                (true, hmac_pair(b"secret", b"secret")),
                (false, hmac_pair(b"secret", b"secreT")),
                (true, ed25519_pair(1, 1)),
                (false, ed25519_pair(1, 2)),
            ] {
                let pattern = format!("{BINANCE}{{nonce}}");
                let terms = SignatureTerms { encoding, prehash, ..terms(&pattern, 96) };
                let auth =
                    LogonAuth::new(Some((553, "me")), None, Some((signing, terms.clone()))).expect("valid");
                let verifier =
                    LogonVerifier::new(Some((553, "me")), None, Some((verifying, terms))).expect("valid");
                let logon = logon(&auth, "A", "B", 1, TIME);
                assert_eq!(verifier.verify(&Message::decode(&logon).expect("a message")), is_right);
                // Signed for another number: what is signed counts, not that something is.
                let replayed = tampered(&logon, "\u{1}34=1\u{1}", "\u{1}34=2\u{1}");
                assert!(!verifier.verify(&Message::decode(&replayed).expect("a message")));
            }
        }
    }
}

/// The message with a text replaced by one of the same length, and its checksum put right.
fn tampered(message: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = message.windows(from.len()).position(|bytes| bytes == from.as_bytes()).expect("it is there");
    let mut message = message.to_vec();
    message[at..at + to.len()].copy_from_slice(to.as_bytes());
    let end = message.len() - 7;
    let sum: u32 = message[..end].iter().map(|&byte| u32::from(byte)).sum();
    message[end + 3..end + 6].copy_from_slice(format!("{:03}", sum % 256).as_bytes());
    message
}

#[test]
fn names_and_passwords_are_compared_whole() {
    let secret = |text: &str| Some(Secret::from(text.as_bytes()));
    let verifier = LogonVerifier::new(Some((553, "me")), secret("open sesame"), None).expect("valid");
    for (name, password, is_right) in [
        (Some("me"), Some("open sesame"), true),
        (Some("me"), Some("open sesam"), false),
        (Some("me"), Some("open sesame!"), false),
        (Some("me"), Some("0pen sesame"), false),
        (Some("you"), Some("open sesame"), false),
        (Some("me"), None, false),
        (None, Some("open sesame"), false),
        (None, None, false),
    ] {
        let auth =
            LogonAuth::new(name.map(|name| (553, name)), password.and_then(secret), None).expect("valid");
        let logon = logon(&auth, "A", "B", 1, TIME);
        let message = Message::decode(&logon).expect("a message");
        assert_eq!(verifier.verify(&message), is_right, "{name:?} {password:?}");
        assert!(
            LogonVerifier::new(None, None, None).expect("valid").verify(&message),
            "nothing is asked for"
        );
    }
}

/// Both sides of a session: what the acceptor makes of a Logon whose password is `given`.
fn session_with(given: &str) -> (State, State) {
    let ids = SessionIds::new("FIX.4.4", "DESK", "VENUE").expect("valid");
    let password = |text: &str| Some(Secret::from(text.as_bytes()));
    let auth = LogonAuth::new(Some((553, "me")), password(given), None).expect("valid");
    let verifier = LogonVerifier::new(Some((553, "me")), password("open sesame"), None).expect("valid");
    let initiator = SessionConfig::initiator(ids.clone(), 30);
    let acceptor = SessionConfig::acceptor(ids.reversed());
    let mut client = Session::new(SessionConfig { logon_auth: Arc::new(auth), ..initiator });
    let mut venue = Session::new(SessionConfig { logon_verifier: Some(Arc::new(verifier)), ..acceptor });
    let (mut to_venue, mut to_client) =
        (SendBuffer::with_capacity(1 << 16), SendBuffer::with_capacity(1 << 16));
    let now_ns = parse_timestamp(TIME.as_bytes()).expect("a time");
    let _ = venue.on_connect(now_ns, &mut to_client);
    let _ = client.on_connect(now_ns, &mut to_venue);
    let _ = venue.on_bytes(now_ns, to_venue.pending(), &mut to_client, &mut |_, _, _| Ok(()));
    to_venue.clear();
    let _ = client.on_bytes(now_ns, to_client.pending(), &mut to_venue, &mut |_, _, _| Ok(()));
    (client.state(), venue.state())
}

#[test]
fn a_session_is_refused_to_who_cannot_prove_himself() {
    assert_eq!(session_with("open sesame"), (State::LoggedOn, State::LoggedOn));
    let refused = (State::Closed(CloseReason::LogonRefused), State::Closed(CloseReason::LogonInvalid));
    assert_eq!(session_with("sesame"), refused);
}

#[test]
fn contradictions_are_refused_in_words() {
    let secret = || Some(Secret::from(&b"pw"[..]));
    let signed = |pattern, tag| Some((SigningKey::hmac_sha256(b"k"), terms(pattern, tag)));
    let long = "x".repeat(CREDENTIAL_BYTES_MAX + 1);
    let wide = "y".repeat(SIGNED_BYTES_MAX);
    for (given, said) in [
        (LogonAuth::new(Some((553, "a\u{1}b")), None, None), "printable"),
        (LogonAuth::new(Some((553, &long)), None, None), "512"),
        (LogonAuth::new(None, Some(Secret::from(&b"\x01"[..])), None), "printable"),
        (LogonAuth::new(None, secret(), signed("{34}", 554)), "leave the password out"),
        (LogonAuth::new(None, None, signed("{34}", 58)), "signature_tag"),
        (LogonAuth::new(None, None, signed("{553}", 96)), "{553}"),
        (LogonAuth::new(None, None, signed("{554}", 96)), "{554}"),
        (LogonAuth::new(None, None, signed(&format!("{{34}}{wide}"), 96)), "2048"),
    ] {
        let error = given.map(|_| ()).expect_err(said);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let auth = LogonAuth::new(
        Some((553, "user-name")),
        Some(Secret::from(&b"pass-word"[..])),
        Some((SigningKey::hmac_sha256(b"hmac-key"), terms("{34}", 96))),
    );
    let shown = format!("{:?}", auth.expect("valid"));
    for secret in ["user-name", "pass-word", "hmac-key", "112, 97, 115"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
