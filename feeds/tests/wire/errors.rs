//! Every kind of bad capture: the error names the file, the byte and the cause, and nothing good before it is lost.

use feeds::error::{CaptureError, CaptureErrorKind};
use feeds::source::file::Capture;
use feeds::source::prescan::{Prescan, prescan};

use crate::containers::{
    Order, block, enhanced_packet, every_message_framed, frame, gzip, interface, mold, pcap, section_header,
};

fn scan(bytes: Vec<u8>) -> (Prescan, CaptureError) {
    let capture = Capture::from_bytes("day.itch", bytes).unwrap();
    let (scan, error) = prescan(&capture, 0);
    let error = error.expect("the capture is bad");
    assert_eq!(scan.messages, error.decoded_before, "{error}");
    (scan, error)
}

fn text(bytes: Vec<u8>) -> String {
    scan(bytes).1.to_string()
}

/// Framed messages of all types, and the byte offset of each.
fn messages() -> (Vec<Vec<u8>>, Vec<usize>) {
    let messages = every_message_framed();
    let offsets = messages
        .iter()
        .scan(0, |at, message| {
            *at += message.len();
            Some(*at - message.len())
        })
        .collect();
    (messages, offsets)
}

#[test]
fn truncated_file() {
    let (messages, offsets) = messages();
    let mut file = messages.concat();
    file.truncate(offsets[5] + 9);
    assert_eq!(
        text(file.clone()),
        format!(
            "day.itch: byte {} (message 6): truncated: the file ends inside a message, which needs {} bytes and \
             has 9; 5 messages were good before it. Copy the file again and compare its size with the source's.",
            offsets[5],
            messages[5].len()
        )
    );
    file.truncate(offsets[5] + 1);
    assert!(
        text(file)
            .contains("the file ends inside a length prefix, which needs 2 bytes and has 1; 5 messages")
    );
}

#[test]
fn wrong_length_prefix() {
    let (messages, offsets) = messages();
    let mut file = messages.concat();
    file[offsets[10] + 1] -= 1;
    assert_eq!(
        text(file),
        format!(
            "day.itch: byte {} (message 11): wrong length prefix 35: a message of type 'A' has 36 bytes; 10 messages \
             were good before it. Check that this is TotalView-ITCH 5.0 in BinaryFILE framing (u16 length prefix), \
             and copy it again.",
            offsets[10]
        )
    );
}

#[test]
fn unknown_message_type() {
    let (messages, offsets) = messages();
    let mut file = messages.concat();
    file[offsets[22] + 2] = b'z';
    let expected = format!(
        "day.itch: byte {} (message 23): unknown message type 0x7a ('z'); 22 messages were good before it. Check",
        offsets[22]
    );
    assert!(text(file).starts_with(&expected));
}

#[test]
fn broken_gzip_keeps_what_came_before() {
    let (messages, _) = messages();
    let file: Vec<u8> = std::iter::repeat_n(messages.concat(), 2000).flatten().collect();
    let whole = gzip(&file);

    let (scan_of_cut, error) = scan(whole[..whole.len() / 2].to_vec());
    assert!(scan_of_cut.messages > 10_000, "{}", scan_of_cut.messages);
    assert!(matches!(error.kind, CaptureErrorKind::Gzip(_)), "{error}");
    let expected = format!("(message {}): broken gzip stream: ", error.decoded_before + 1);
    assert!(
        error.to_string().starts_with("day.itch: byte ") && error.to_string().contains(&expected),
        "{error}"
    );
    assert!(error.offset > 100_000);

    // The checksum in the trailer: all data is good, the stream is not.
    let mut wrong_checksum = whole.clone();
    let at = wrong_checksum.len() - 8;
    wrong_checksum[at] ^= 1;
    let (scan_of_all, error) = scan(wrong_checksum);
    assert_eq!(scan_of_all.messages, 46_000);
    assert_eq!(error.offset, file.len() as u64);
    assert!(matches!(error.kind, CaptureErrorKind::Gzip(_)), "{error}");

    let (nothing, error) = scan(whole[..5].to_vec());
    assert_eq!((nothing.messages, error.offset), (0, 0));
    assert!(error.to_string().contains("byte 0 (message 1): broken gzip stream: "), "{error}");
}

#[test]
fn packets_of_another_protocol() {
    let (messages, _) = messages();
    let good = frame(17, &mold(1, &messages));
    let second = 24 + 16 + good.len() + 16;
    let capture = |bad: Vec<u8>| pcap(Order::Little, true, &[(1, 0, good.clone()), (2, 0, bad)]);
    let payload_at = second + 18 + 20 + 8;

    assert_eq!(
        text(capture(frame(17, b"GET / HTTP/1.1\r\n\r\n"))),
        format!(
            "day.itch: byte {payload_at} (message 24): packet of another protocol: not MoldUDP64, 18 bytes of payload \
             where a MoldUDP64 header has 20; 23 messages were good before it. Filter the capture to the feed's own \
             multicast group and port."
        )
    );
    let expected =
        format!("byte {second} (message 24): packet of another protocol: a TCP segment; 23 messages");
    assert!(text(capture(frame(6, b"payload"))).contains(&expected));

    let mut short_count = mold(24, &messages);
    short_count[19] -= 1;
    let left = messages.last().unwrap().len();
    let expected = format!(
        "byte {payload_at} (message 24): packet of another protocol: not MoldUDP64, {left} bytes are left behind the \
         last MoldUDP64 block;"
    );
    assert!(text(capture(frame(17, &short_count))).contains(&expected));
}

#[test]
fn damaged_pcap() {
    let (messages, _) = messages();
    let good = frame(17, &mold(1, &messages));
    let file = pcap(Order::Big, false, &[(1, 0, good.clone()), (2, 0, good.clone())]);
    let second = 24 + 16 + good.len();
    assert!(
        text(file[..10].to_vec())
            .contains("byte 0 (message 1): truncated: the file ends inside a pcap header")
    );
    let expected =
        format!("byte {second} (message 24): truncated: the file ends inside a pcap record header,");
    assert!(text(file[..second + 3].to_vec()).contains(&expected));
    let expected =
        format!("byte {second} (message 24): truncated: the file ends inside a pcap record, which needs");
    assert!(text(file[..second + 30].to_vec()).contains(&expected));

    let mut snapped = good;
    snapped.truncate(68);
    let file = pcap(Order::Big, false, &[(1, 0, snapped)]);
    let error = text(file);
    assert!(
        error.contains("byte 40 (message 1): damaged frame: it is shorter than its IP header says;"),
        "{error}"
    );
}

#[test]
fn damaged_pcapng() {
    let (messages, _) = messages();
    let order = Order::Little;
    let good = enhanced_packet(order, 0, 0, &frame(17, &mold(1, &messages)));
    let start = [section_header(order), interface(order, 9), good.clone()].concat();
    let at = start.len();
    let behind = |bad: Vec<u8>| text([start.clone(), bad].concat());

    let mut lengths_differ = good.clone();
    *lengths_differ.last_mut().unwrap() ^= 1;
    for (bad, cause) in [
        (good[..7].to_vec(), "truncated: the file ends inside a pcapng block header,"),
        (good[..40].to_vec(), "truncated: the file ends inside a pcapng block, which needs"),
        (lengths_differ, "damaged capture structure: a pcapng block's two lengths differ;"),
        (
            enhanced_packet(order, 1, 0, b""),
            "damaged capture structure: a pcapng packet block names an interface that is not described;",
        ),
        (
            interface(order, 120),
            "damaged capture structure: a pcapng interface description is cut, or its time resolution is out of",
        ),
        (
            block(order, 0x0a0d_0d0a, &[0; 16]),
            "damaged capture structure: a pcapng section header has no byte-order magic;",
        ),
    ] {
        let error = behind(bad);
        let expected = format!("day.itch: byte {at} (message 24): {cause}");
        assert!(error.starts_with(&expected), "{error}\n{expected}");
    }
}

#[test]
fn data_behind_the_end_marker() {
    let (messages, _) = messages();
    let mut file = messages.concat();
    let end = file.len();
    file.extend([0, 0]);
    file.extend(&messages[0]);
    let expected = format!(
        "byte {} (message 24): {} bytes follow the end-of-session marker;",
        end + 2,
        messages[0].len()
    );
    assert!(text(file).contains(&expected));
}

#[test]
fn files_that_cannot_be_read_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.itch");
    let error = |path: &std::path::Path| Capture::open(path).err().unwrap().to_string();
    assert!(error(&path).contains("empty.itch: cannot be read: No such file"), "{}", error(&path));
    std::fs::write(&path, []).unwrap();
    assert!(
        error(&path)
            .ends_with("empty.itch: the file is empty. Check that the download or the recording finished.")
    );
    assert!(error(folder.path()).contains("cannot be read: "));
    std::fs::write(&path, gzip(b"")).unwrap();
    assert!(error(&path).contains("empty.itch: the file is empty."));

    let (messages, _) = messages();
    std::fs::write(&path, gzip(&messages.concat())).unwrap();
    let capture = Capture::open(&path).unwrap();
    assert!(capture.name().ends_with("empty.itch"));
    assert_eq!(prescan(&capture, 0).0.messages, 23);
}
