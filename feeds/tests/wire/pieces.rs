//! A message is found again by its number: in built captures of every container, held against the walk that decoding
//! uses, and in real ones.

use feeds::source::file::Capture;
use feeds::source::pieces::{Found, Pieces};
use feeds::source::protocol::Protocol;

use crate::captures::{itch_packet_files, shared_data};
use crate::containers::{Order, every_message_framed, frame, mold, pcap};
use crate::frames::packet_files;

fn find(capture: &Capture, sequence: u64) -> Option<Found<'_>> {
    Pieces::new(capture).find(sequence, |_| true)
}

/// Each message of a capture of ITCH whose numbers start at `first` and have no hole.
fn check(capture: &Capture, first: u64) -> u64 {
    let counted = capture.walk(|message| {
        let found = find(capture, first + message.number - 1).expect("it is there");
        assert_eq!((found.offset(), found.before), (message.offset, message.number - 1));
        assert_eq!(found.piece.bytes[found.message.clone()], *message.body);
        let at = usize::try_from(found.piece.offset).unwrap();
        assert_eq!(capture.bytes()[at..at + found.piece.bytes.len()], *found.piece.bytes);
        Ok::<_, feeds::error::CaptureError>(())
    });
    let count = counted.unwrap();
    assert_eq!(find(capture, first + count), None);
    assert_eq!(find(capture, first - 1), None);
    count
}

#[test]
fn itch_messages_are_where_the_walk_has_them() {
    let messages = every_message_framed();
    let count = messages.len() as u64;
    let file = Capture::from_bytes("file", messages.concat()).unwrap();
    assert_eq!(check(&file, 1), count);
    let packets: Vec<_> = messages
        .chunks(3)
        .enumerate()
        .flat_map(|(number, part)| {
            // A heartbeat behind each packet: it has the next number and no message.
            let first = 1_000 + 3 * number as u64;
            [mold(first, part), mold(first + part.len() as u64, &[])]
        })
        .map(|payload| (1, 0, frame(17, &payload)))
        .collect();
    let packets = Capture::from_bytes("packets", pcap(Order::Little, true, &packets)).unwrap();
    assert_eq!(check(&packets, 1_000), count);
}

#[test]
fn a_piece_that_does_not_count_is_passed_over() {
    let messages = every_message_framed();
    let twice: Vec<_> = (0..2).map(|_| (1, 0, frame(17, &mold(7, &messages)))).collect();
    let capture = Capture::from_bytes("twice", pcap(Order::Little, true, &twice)).unwrap();
    let first = find(&capture, 8).unwrap();
    let second = Pieces::new(&capture).find(8, |piece| piece.offset != first.piece.offset).unwrap();
    assert!(second.piece.offset > first.piece.offset);
    assert_eq!((first.before, second.before, &first.message), (1, 1, &second.message));
}

#[test]
fn lines_are_found_by_their_place() {
    let text = "1700000000000000000 {\"a\":1}\n\n1700000000000000001 {\"b\":2}\n";
    let capture = Capture::from_bytes("lines", text.as_bytes().to_vec()).unwrap();
    assert_eq!(capture.protocol(), Protocol::Binance);
    let found = find(&capture, 2).unwrap();
    assert_eq!(found.piece.bytes, b"1700000000000000001 {\"b\":2}");
    assert_eq!((found.offset(), found.before, found.message.len()), (29, 1, found.piece.bytes.len()));
    assert_eq!(find(&capture, 3), None);
}

/// Every number of every piece of a real capture leads to a piece that has it, at the bytes that it says.
fn check_numbers(capture: &Capture) -> u64 {
    let mut count = 0;
    for piece in Pieces::new(capture) {
        for sequence in piece.first_sequence..piece.first_sequence + piece.message_count {
            let body = piece.message(sequence).expect("a number of its own");
            assert!(!body.is_empty() && body.end <= piece.bytes.len(), "{}", capture.name());
            if count < 500 {
                let found = find(capture, sequence).expect("it was seen");
                assert!(found.piece.offset <= piece.offset, "{}", capture.name());
            }
            count += 1;
        }
        assert_eq!(piece.message(piece.first_sequence + piece.message_count), None);
    }
    count
}

#[test]
fn real_captures_of_every_protocol() {
    let (Some(itch), Some(iex)) = (itch_packet_files(), packet_files("omi_packets/Iex", "")) else { return };
    let Some(mdp3) = packet_files("omi_packets/Cme", "") else { return };
    let files = itch.into_iter().chain(iex).chain(mdp3).chain(shared_data("iex_go_iex/TOPS16.pcapng.gz"));
    let mut counts = [0; 3];
    for file in files {
        let Ok(capture) = Capture::open(&file) else { continue };
        let at = match capture.protocol() {
            Protocol::Itch => 0,
            Protocol::IexTp => 1,
            Protocol::Mdp3 => 2,
            _ => continue,
        };
        counts[at] += check_numbers(&capture);
    }
    println!("{counts:?} messages");
    assert!(counts.iter().all(|&count| count >= 10), "{counts:?}");
}
