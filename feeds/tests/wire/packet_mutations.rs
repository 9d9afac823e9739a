//! 10^6 damaged packets to each packet protocol: none may panic or hang, what decodes encodes back, and events of
//! messages before the damage are kept.

use feeds::directory::Directory;
use feeds::event::MarketEvent;
use feeds::iex;
use feeds::iex::feed::IexFeed;
use feeds::iex::messages::MESSAGE_TYPES;
use feeds::mdp3;
use feeds::mdp3::feed::{BookForm, Mdp3Feed};
use feeds::mdp3::messages::LAYOUTS;
use feeds::mdp3::packet::{MessageHeader, PacketHeader};
use feeds::packet_decoder::PacketDecoder;
use feeds::units::TIME_NONE;

use crate::frames::{packet_files, payloads};
use crate::mutator::run;

/// Instruments that the decoders have room for: few, so that their tables fill up.
const INSTRUMENTS: usize = 24;

/// A decoder with what it needs around it.
struct Bench<D> {
    decoder: D,
    directory: Directory,
    events: Vec<MarketEvent>,
}

impl<D: PacketDecoder> Bench<D> {
    fn new(decoder: D) -> Self {
        let directory = Directory::new(Vec::new(), INSTRUMENTS / 2).unwrap();
        Self { decoder, directory, events: Vec::with_capacity(1 << 16) }
    }

    /// Whether the packet is accepted. Its events must be of the venue, and no more than promised.
    fn accepts(&mut self, payload: &[u8]) -> bool {
        self.events.clear();
        let result = self.decoder.decode_packet(&mut self.directory, payload, TIME_NONE, &mut self.events);
        assert!(self.events.len() <= self.decoder.events_max(payload.len()));
        assert!(self.events.iter().all(|event| event.venue == 3));
        match result {
            Ok(summary) => summary.next_sequence.wrapping_sub(summary.first_sequence) < 1 << 16,
            Err(error) => {
                assert!(usize::try_from(error.offset).unwrap() <= payload.len(), "{error}");
                false
            }
        }
    }
}

/// A segment with one message of every type, fields filled with a running byte.
fn iex_segment(message_protocol: u16) -> Vec<u8> {
    let messages: Vec<_> = MESSAGE_TYPES
        .iter()
        .map(|&message_type| {
            let length = iex::messages::body_length(message_type).unwrap();
            let body: Vec<u8> = std::iter::once(message_type).chain(1..).take(length).collect();
            iex::decode::decode(&body).unwrap().unwrap()
        })
        .collect();
    let header = iex::transport::Header {
        version: iex::transport::VERSION,
        reserved: 0,
        message_protocol,
        channel: 1,
        session: 1,
        payload_length: 0,
        message_count: 0,
        stream_offset: 0,
        first_sequence: 1,
        send_ns: 0,
    };
    let mut segment = Vec::new();
    iex::encode::append_segment(header, &messages, &mut segment).unwrap();
    segment
}

#[test]
fn iex_decoder() {
    let protocols = [iex::transport::TOPS, iex::transport::DEEP, iex::transport::DEEP_PLUS];
    let mut packets: Vec<Vec<u8>> = protocols.map(iex_segment).to_vec();
    for file in packet_files("omi_packets/Iex", "").unwrap_or_default() {
        packets.extend(payloads(&file).into_iter().map(|payload| payload.bytes));
    }
    // Short ones: damage is to hit fields, not only the middle of a long list of the same message.
    packets.retain(|packet| packet.len() < 600);
    let mut benches = protocols.map(|_| Bench::new(IexFeed::new(3, INSTRUMENTS, 5)));
    run("IEX-TP", &packets, |payload| {
        if let Ok((header, blocks)) = iex::transport::decode(payload) {
            assert_eq!(iex::transport::blocks(blocks).count(), usize::from(header.message_count));
            for body in iex::transport::blocks(blocks) {
                let Ok(Some(message)) = iex::decode::decode(body) else { continue };
                let mut out = [0; iex::messages::BODY_LENGTH_MAX];
                let length = iex::encode::encode(&message, &mut out);
                assert!(body.starts_with(&out[..length]), "what decodes encodes back");
            }
        }
        let protocol = payload.get(2).copied().unwrap_or(0);
        benches[usize::from(protocol.wrapping_sub(3)) % protocols.len()].accepts(payload)
    });
}

/// A packet with one message of every template, filled with `byte`, two entries in each group.
fn mdp3_packet(byte: u8) -> Vec<u8> {
    let mut packet = PacketHeader { sequence: 7, sending_ns: 8 }.to_bytes().to_vec();
    for layout in LAYOUTS {
        let mut body = vec![byte; layout.root_length];
        for group in layout.groups {
            body.extend(u16::try_from(group.entry_length).unwrap().to_le_bytes());
            body.extend(std::iter::repeat_n(0, group.header_length - 3));
            body.push(2);
            body.extend(std::iter::repeat_n(byte, 2 * group.entry_length));
        }
        let header = MessageHeader {
            size: u16::try_from(MessageHeader::LENGTH + body.len()).unwrap(),
            block_length: u16::try_from(layout.root_length).unwrap(),
            template: layout.template,
            schema: 1,
            version: 9,
        };
        packet.extend(header.to_bytes());
        packet.extend(body);
    }
    packet
}

/// The messages of a packet, each in a packet of its own.
fn split(packet: &[u8]) -> Vec<Vec<u8>> {
    let (header, all) = mdp3::packet::decode(packet).unwrap();
    mdp3::packet::messages(all)
        .map(|(message, body)| [&header.to_bytes()[..], &message.to_bytes(), body].concat())
        .collect()
}

#[test]
fn mdp3_decoder() {
    // Zero, a character of a bid, and nulls or negatives.
    let mut packets: Vec<Vec<u8>> =
        [0, 1, b'0', 0xff].into_iter().flat_map(|byte| split(&mdp3_packet(byte))).collect();
    for (_, packet) in crate::mdp3::packets().unwrap_or_default() {
        packets.extend(split(&packet));
        packets.push(packet);
    }
    let forms = [BookForm::Levels, BookForm::Orders];
    let mut benches = forms.map(|form| Bench::new(Mdp3Feed::new(3, 310, form, INSTRUMENTS, 5)));
    let mut inputs = 0u64;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    run("MDP 3.0", &packets, |payload| {
        if let Ok((_, all)) = mdp3::packet::decode(payload) {
            for (header, body) in mdp3::packet::messages(all) {
                let Ok(Some(message)) = mdp3::messages::decode(&header, body) else { continue };
                first.clear();
                message.append(&header, &mut first);
                let header = MessageHeader { size: u16::try_from(first.len()).unwrap(), ..header };
                let again =
                    mdp3::messages::decode(&header, &first[MessageHeader::LENGTH..]).unwrap().unwrap();
                second.clear();
                again.append(&header, &mut second);
                assert!(first == second, "what decodes encodes back");
            }
        }
        inputs += 1;
        for bench in &mut benches {
            if inputs.is_multiple_of(1000) {
                bench.decoder.lost();
            }
        }
        let [levels, orders] = &mut benches;
        levels.accepts(payload) & orders.accepts(payload)
    });
}
