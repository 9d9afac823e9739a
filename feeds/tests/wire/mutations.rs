//! 10^6 damaged inputs to ITCH, MoldUDP64, SoupBinTCP, GLIMPSE and each capture form: none may panic, hang, or hand
//! out bytes that are not in the input.

use feeds::error::CaptureError;
use feeds::itch::decode::decode;
use feeds::itch::encode::encode;
use feeds::itch::messages::BODY_LENGTH_MAX;
use feeds::soupbintcp::{
    Framer, LoginAccepted, LoginRequest, Packet, RejectReason, session_field, text_field,
};
use feeds::source::file::Capture;
use feeds::{glimpse, moldudp64};

use crate::captures::itch_packet_files;
use crate::containers::{
    Order, enhanced_packet, every_message_framed, frame, gzip, interface, mold, pcap, section_header,
    simple_packet,
};
use crate::mutator::run;

/// Walks a capture to its end or its error; everything handed out must lie in the file, and [`Capture::walk`] must
/// hand out the same messages and end the same way.
fn walk(bytes: &[u8]) -> bool {
    let Ok(capture) = Capture::from_bytes("", bytes.to_vec()) else { return false };
    let range = capture.bytes().as_ptr_range();
    let mut walked = Vec::new();
    let end = capture.walk(|message| -> Result<(), CaptureError> {
        walked.push((message.body.as_ptr(), message.body.len(), message.offset, message.receive_ns));
        assert_eq!(message.number, walked.len() as u64);
        Ok(())
    });
    let mut walked = walked.into_iter();
    let mut cursor = capture.packets();
    for _ in 0..=capture.bytes().len() {
        match cursor.next(&capture) {
            Ok(Some(packet)) => {
                let mut offset = usize::try_from(packet.offset).unwrap();
                let mut count = 0;
                for (body, at) in packet.messages() {
                    assert_eq!(walked.next(), Some((body.as_ptr(), body.len(), at, packet.receive_ns)));
                    assert_eq!(usize::try_from(at).unwrap(), offset);
                    assert!(range.contains(&body.as_ptr()) || body.is_empty());
                    assert!(capture.bytes()[offset + 2..].starts_with(body));
                    offset += 2 + body.len();
                    count += 1;
                }
                assert_eq!(count, packet.message_count);
            }
            Ok(None) => {
                assert!(end.is_ok() && walked.next().is_none());
                return true;
            }
            Err(error) => {
                assert!(end == Err(error.clone()) && walked.next().is_none());
                assert!(error.offset <= capture.bytes().len() as u64);
                assert_eq!(cursor.next(&capture), Err(error), "the cursor stays at an error");
                return false;
            }
        }
    }
    panic!("the walk does not end");
}

/// UDP payloads of the real packets where they are there, else of built ones.
fn mold_packets() -> Vec<Vec<u8>> {
    let messages = every_message_framed();
    let mut payloads = vec![mold(1, &messages), mold(9, &messages[..3]), mold(5, &[])];
    for file in itch_packet_files().unwrap_or_default() {
        let capture = Capture::open(file).unwrap();
        let mut cursor = capture.packets();
        while let Some(packet) = cursor.next(&capture).unwrap() {
            let at = usize::try_from(packet.offset).unwrap();
            let payload = &capture.bytes()[at - moldudp64::HEADER_LENGTH..at + packet.blocks.len()];
            payloads.push(payload.to_vec());
        }
    }
    payloads
}

#[test]
fn message_decoder() {
    let bodies: Vec<Vec<u8>> =
        every_message_framed().into_iter().map(|framed| framed[2..].to_vec()).collect();
    run("message", &bodies, |body| {
        let Ok(message) = decode(body) else { return false };
        let mut out = [0; BODY_LENGTH_MAX];
        let length = encode(&message, &mut out);
        assert_eq!(&out[..length], body, "what decodes encodes back");
        true
    });
}

#[test]
fn mold_decoder() {
    run("MoldUDP64", &mold_packets(), |payload| {
        let Ok((header, blocks)) = moldudp64::decode(payload) else { return false };
        let bodies = moldudp64::blocks(blocks);
        assert_eq!(bodies.count(), usize::from(header.message_count()));
        assert_eq!(bodies.map(|body| body.len() + 2).sum::<usize>(), blocks.len());
        true
    });
}

#[test]
fn soup_bin_tcp_stream() {
    let login = LoginRequest {
        username: text_field(b"WARP"),
        password: text_field(b"TICK"),
        session: session_field(b"1"),
        sequence: 1,
    };
    let end = glimpse::encode_end(77);
    let packets = [
        Packet::LoginRequest(login),
        Packet::LoginAccepted(LoginAccepted { session: session_field(b"1"), sequence: 1 }),
        Packet::LoginRejected(RejectReason::NotAuthorized),
        Packet::Debug(b"hello"),
        Packet::Sequenced(b"message"),
        Packet::Sequenced(&end),
        Packet::Unsequenced(b""),
        Packet::ServerHeartbeat,
        Packet::ClientHeartbeat,
        Packet::LogoutRequest,
        Packet::EndOfSession,
    ];
    let streams: Vec<Vec<u8>> = packets
        .windows(3)
        .map(|packets| {
            let mut stream = Vec::new();
            for packet in packets {
                let mut out = [0; 64];
                let length = packet.encode(&mut out).unwrap();
                stream.extend_from_slice(&out[..length]);
            }
            stream
        })
        .collect();
    let mut framer = Framer::with_capacity(128);
    run("SoupBinTCP", &streams, |stream| {
        framer.clear();
        let mut rest = stream;
        loop {
            rest = &rest[framer.push(rest)..];
            let packet = match framer.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) if rest.is_empty() => return framer.buffered() == 0,
                Ok(None) => continue,
                Err(_) => return false,
            };
            match Packet::decode(packet) {
                Ok(packet) => assert!(packet.encode(&mut [0; 256]).is_some()),
                Err(_) => return false,
            }
        }
    });
}

#[test]
fn glimpse_messages() {
    let mut bodies: Vec<Vec<u8>> =
        every_message_framed().into_iter().map(|framed| framed[2..].to_vec()).collect();
    bodies.extend([1, 77, u64::MAX].map(|next_sequence| glimpse::encode_end(next_sequence).to_vec()));
    run("GLIMPSE", &bodies, |body| match glimpse::decode(body) {
        Ok(glimpse::SnapshotMessage::State(state)) => {
            assert!(decode(state).is_ok());
            true
        }
        Ok(glimpse::SnapshotMessage::End { next_sequence }) => {
            assert!(next_sequence > 0);
            true
        }
        Err(_) => false,
    });
}

#[test]
fn pcap_capture() {
    let files: Vec<Vec<u8>> = mold_packets()
        .chunks(3)
        .zip([(Order::Little, true), (Order::Big, false)].into_iter().cycle())
        .map(|(payloads, (order, nanoseconds))| {
            let frames: Vec<_> = payloads.iter().map(|payload| (1, 2, frame(17, payload))).collect();
            pcap(order, nanoseconds, &frames)
        })
        .collect();
    run("pcap", &files, walk);
}

#[test]
fn pcapng_capture() {
    let files: Vec<Vec<u8>> = mold_packets()
        .chunks(2)
        .zip([Order::Little, Order::Big].into_iter().cycle())
        .map(|(payloads, order)| {
            let mut file = [section_header(order), interface(order, 9), interface(order, 0x86)].concat();
            for payload in payloads {
                file.extend(enhanced_packet(order, 1, 1 << 60, &frame(17, payload)));
                file.extend(simple_packet(order, &frame(17, payload)));
            }
            file
        })
        .collect();
    run("pcapng", &files, walk);
}

#[test]
fn binary_file_capture() {
    let messages = every_message_framed();
    let mut ended = messages[..6].concat();
    ended.extend([0, 0]);
    run("BinaryFILE", &[messages.concat(), messages[3..5].concat(), ended], walk);
}

#[test]
fn gzipped_capture() {
    let messages = every_message_framed();
    let files = [gzip(&messages[..5].concat()), [gzip(&messages[0]), gzip(&messages[1])].concat()];
    run("gzip", &files, walk);
}
