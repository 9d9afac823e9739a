//! A scene's captures: per venue the symbol directory and the trading states as they stood, the books as adds, and then the
//! venue's messages as they were on the wire.
//!
//! All that comes before the scene's own messages is stamped midnight, so that it sorts before them whatever the venue; the
//! core's memory says when each feed was heard last.

use std::collections::BTreeMap;

use feeds::event::Side;
use feeds::itch::encode::append_framed;
use feeds::itch::messages::{AddOrder, Header, Message};
use feeds::source::file::Capture;
use feeds::source::pieces::Pieces;
use feeds::symbol::Symbol;
use feeds::units::ITCH_PRICE4_UNIT;
use kernels::cpu::book::RestingOrder;

use super::record::Scene;
use crate::control::failure::Failure;
use crate::control::inputs::Inputs;
use crate::control::universe::Universe;

/// Where a body has its time stamp.
const TIMESTAMP: std::ops::Range<usize> = 5..11;

/// Bytes of the length in front of a body.
const PREFIX_BYTES: usize = 2;

/// By venue and instrument: the stock locate and the symbol.
pub(super) struct Names(Vec<BTreeMap<u32, (u16, Symbol)>>);

impl Names {
    pub(super) fn new(inputs: &Inputs) -> Result<Self, Failure> {
        let directory = inputs.directory()?;
        let of = |(venue, input): (u8, &crate::control::inputs::VenueInput)| {
            let listings = input.scan.listings.iter();
            listings
                .map(|listing| {
                    (directory.instrument_at(venue, listing.locate), (listing.locate, listing.symbol))
                })
                .collect()
        };
        Ok(Self((0u8..).zip(&inputs.venues).map(of).collect()))
    }

    /// Appends a resting order as an add.
    pub(super) fn add(&self, venue: usize, order: &RestingOrder, framed: &mut Vec<u8>) {
        let Some(&(locate, stock)) = self.0.get(venue).and_then(|names| names.get(&order.instrument)) else {
            return;
        };
        // Price and quantity came out of 32-bit fields in these units.
        let message = Message::AddOrder(AddOrder {
            header: Header { locate, tracking: 0, timestamp_ns: 0 },
            reference: order.order_id,
            side: if order.side == Side::Buy { b'B' } else { b'S' },
            shares: u32::try_from(order.quantity).unwrap_or(u32::MAX),
            stock,
            price: u32::try_from(order.price / ITCH_PRICE4_UNIT).unwrap_or(u32::MAX),
        });
        append_framed(&message, framed);
    }
}

/// What of one venue a scene needs from its capture.
#[derive(Default)]
struct Cut<'a> {
    /// The last system event before it.
    system_event: Option<&'a [u8]>,
    /// The last trading action of each locate before it.
    actions: BTreeMap<u16, &'a [u8]>,
    /// Where its messages begin, and where they end.
    bytes: (usize, usize),
}

/// One venue's capture, cut for every scene.
struct VenuePart<'a> {
    capture: &'a [u8],
    /// Every directory message of the day: the instruments' numbers depend on all symbols.
    directory: Vec<&'a [u8]>,
    /// By the place of the scene.
    cuts: Vec<Cut<'a>>,
}

/// All of them.
pub(super) struct VenueParts<'a>(Vec<VenuePart<'a>>);

impl<'a> VenueParts<'a> {
    /// Walks each capture once.
    pub(super) fn read(inputs: &'a Inputs, scenes: &[Scene]) -> Self {
        let parts = inputs.venues.iter().enumerate().map(|(venue, input)| {
            let ranges = scenes.iter().map(|scene| scene.plan.messages[venue]).collect();
            read_venue(&input.capture, ranges)
        });
        Self(parts.collect())
    }

    /// The bytes of scene number `at`'s capture of a venue.
    pub(super) fn capture_of(&self, venue: usize, at: usize, scene: &Scene, inputs: &Inputs) -> Vec<u8> {
        let VenuePart { capture, directory, cuts } = &self.0[venue];
        let Cut { system_event, actions, bytes } = &cuts[at];
        let mut out = Vec::new();
        directory.iter().for_each(|body| append_at_midnight(body, &mut out));
        system_event.iter().for_each(|body| append_at_midnight(body, &mut out));
        let scan = &inputs.venues[venue].scan;
        // Numbers are those of the directory, which has been read without an error before.
        let directory = inputs.directory().ok();
        let concerned = |locate: u16| {
            let number = directory.as_ref().map(|d| d.instrument_at(venue as u8, locate));
            number.is_some_and(|number| scene.instruments.contains(&number))
        };
        for listing in scan.listings.iter().filter(|listing| concerned(listing.locate)) {
            if let Some(body) = actions.get(&listing.locate) {
                append_at_midnight(body, &mut out);
            }
        }
        out.extend_from_slice(&scene.adds[venue]);
        out.extend_from_slice(&capture[bytes.0..bytes.1]);
        out
    }
}

fn append_at_midnight(body: &[u8], out: &mut Vec<u8>) {
    let Ok(length) = u16::try_from(body.len()) else { return };
    out.extend_from_slice(&length.to_be_bytes());
    let from = out.len();
    out.extend_from_slice(body);
    if let Some(stamp) = out[from..].get_mut(TIMESTAMP) {
        stamp.fill(0);
    }
}

/// `ranges`: for each scene the number of the last message before it, and of its last one.
fn read_venue(capture: &Capture, ranges: Vec<(u64, u64)>) -> VenuePart<'_> {
    let mut cuts: Vec<Cut<'_>> = ranges.iter().map(|_| Cut::default()).collect();
    let (mut begins, mut ends) = (BTreeMap::<u64, Vec<usize>>::new(), BTreeMap::<u64, Vec<usize>>::new());
    for (at, &(before, last)) in ranges.iter().enumerate() {
        begins.entry(before).or_default().push(at);
        ends.entry(last).or_default().push(at);
    }
    let mut directory = Vec::new();
    let (mut system_event, mut actions) = (None, BTreeMap::new());
    // As if there were a message 0 that ends where the file begins.
    let (mut number, mut end) = (0, 0);
    let mut pieces = Pieces::new(capture);
    loop {
        for &at in begins.get(&number).into_iter().flatten() {
            cuts[at] = Cut { system_event, actions: BTreeMap::clone(&actions), bytes: (end, end) };
        }
        for &at in ends.get(&number).into_iter().flatten() {
            cuts[at].bytes.1 = end;
        }
        let Some(piece) = pieces.next() else { break };
        let body = piece.bytes.get(PREFIX_BYTES..).unwrap_or_default();
        match body.first() {
            Some(b'R') => directory.push(body),
            Some(b'S') => system_event = Some(body),
            Some(b'H') => drop(actions.insert(locate_of(body), body)),
            _ => {}
        }
        number = piece.first_sequence;
        end = usize::try_from(piece.offset).unwrap_or(usize::MAX).saturating_add(piece.bytes.len());
    }
    VenuePart { capture: capture.bytes(), directory, cuts }
}

fn locate_of(body: &[u8]) -> u16 {
    body.get(1..3).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u16::from_be_bytes(*bytes))
}
