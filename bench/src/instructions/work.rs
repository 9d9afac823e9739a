//! The work that is counted: fixed input from fixed seeds, and for each scenario one function, `counted_...`, by whose name
//! callgrind knows when to count.
//!
//! Each checks its result, outside of what is counted, and gives a number that depends on all of it.

use std::hint::black_box;

use engine::control::inputs::book_config_of;
use engine::fix::identity::SessionIds;
use engine::fix::templates::{OrderTemplates, TEMPLATE_BYTES, TemplateFormat};
use engine::order::Order;
use engine::pipeline::risk::{Risk, RiskApproved, Stamp};
use feeds::directory::Directory;
use feeds::event::MarketEvent;
use feeds::itch::feed::ItchFeed;
use feeds::source::file::Capture;
use feeds::source::prescan::prescan;
use feeds::source::synthetic::{SyntheticConfig, generate_bytes};
use kernels::cpu::book::{BookConfig, VenueBooks};

use crate::fix_encode::approved_orders;
use crate::risk::{Case, cases, every_limit};

/// One scenario.
pub struct Work {
    /// Its name.
    pub name: &'static str,
    /// What an item is.
    pub item: &'static str,
    /// Items that are counted, and twice as many.
    pub items: u64,
    /// Part of the counted function's name.
    pub function: &'static str,
    run: fn(usize) -> Result<u64, String>,
}

impl Work {
    /// Does it.
    ///
    /// # Errors
    /// Something was refused, or there are not so many items.
    pub fn run(&self, items: usize) -> Result<u64, String> {
        (self.run)(items)
    }
}

/// All scenarios.
pub const WORKS: &[Work] = &[
    Work { name: "decode", item: "message", items: 10_000, function: "counted_decode", run: decode },
    Work { name: "book", item: "event", items: 10_000, function: "counted_book", run: book },
    Work { name: "risk", item: "new order", items: 10_000, function: "counted_risk", run: risk },
    Work { name: "encode", item: "order", items: 10_000, function: "counted_encode", run: encode },
];

/// Messages of the generated session, and its symbols: its first venue has more than twice the items.
const MESSAGES: u64 = 40_000;
const SYMBOLS: usize = 50;

/// Instruments of risk, as in the scenario `risk`.
const INSTRUMENTS: usize = 1_024;

/// The scenario of a name.
///
/// # Errors
/// There is none.
pub fn find(name: &str) -> Result<&'static Work, String> {
    let all = || WORKS.iter().map(|work| work.name).collect::<Vec<_>>().join(", ");
    WORKS.iter().find(|work| work.name == name).ok_or_else(|| format!("{name}: not one of {}", all()))
}

/// A generated venue's day and what is needed to decode it.
struct Day {
    capture: Capture,
    directory: Directory,
    books: BookConfig,
}

impl Day {
    fn new() -> Result<Self, String> {
        let settings = SyntheticConfig { messages: MESSAGES, symbols: SYMBOLS, ..SyntheticConfig::default() };
        let [nasdaq, _] = generate_bytes(&settings).map_err(|error| error.to_string())?;
        let capture = Capture::from_bytes("generated", nasdaq).map_err(|error| error.to_string())?;
        let (scan, damage) = prescan(&capture, 0);
        if let Some(error) = damage {
            return Err(error.to_string());
        }
        let symbols = scan.listings.iter().map(|listing| listing.symbol).collect();
        let mut directory = Directory::new(symbols, 0).map_err(|error| error.to_string())?;
        scan.list_into(&mut directory).map_err(|error| error.to_string())?;
        let books = BookConfig { instruments_max: directory.len().max(1), ..book_config_of(&scan) };
        Ok(Self { capture, directory, books })
    }

    /// The bodies of its first messages.
    fn bodies(&self, items: usize) -> Result<Vec<Vec<u8>>, String> {
        let mut bodies = Vec::new();
        let walked = self.capture.walk(|message| {
            bodies.push(message.body.to_vec());
            Ok::<(), feeds::error::CaptureError>(())
        });
        walked.map_err(|error| error.to_string())?;
        if bodies.len() < items {
            return Err(format!("{items} items: the day has {}", bodies.len()));
        }
        bodies.truncate(items);
        Ok(bodies)
    }
}

fn decode(items: usize) -> Result<u64, String> {
    let mut day = Day::new()?;
    let bodies = day.bodies(items)?;
    let mut feed = ItchFeed::new(0, 0, 0);
    let mut events = vec![MarketEvent::NOTHING; items];
    let decoded = counted_decode(&mut feed, &mut day.directory, &bodies, &mut events);
    if decoded * 2 < items {
        return Err(format!("{decoded} events of {items} messages"));
    }
    Ok(fold(events.iter().map(|event| event.order_id ^ event.price as u64 ^ event.quantity)))
}

#[inline(never)]
fn counted_decode(
    feed: &mut ItchFeed,
    directory: &mut Directory,
    bodies: &[Vec<u8>],
    events: &mut [MarketEvent],
) -> usize {
    let mut decoded = 0;
    for ((body, event), number) in bodies.iter().zip(events).zip(1..) {
        decoded += usize::from(feed.decode_into(directory, body, number, number, event).unwrap_or(false));
    }
    decoded
}

fn book(items: usize) -> Result<u64, String> {
    let mut day = Day::new()?;
    // Not every message is an event.
    let bodies = day.bodies(items * 3 / 2)?;
    let mut feed = ItchFeed::new(0, 0, 0);
    let mut events = Vec::with_capacity(items);
    for (body, number) in bodies.iter().zip(1..) {
        let mut event = MarketEvent::NOTHING;
        let decoded = feed.decode_into(&mut day.directory, body, number, number, &mut event);
        if decoded.map_err(|error| format!("message {number}: {error}"))? && events.len() < items {
            events.push(event);
        }
    }
    if events.len() < items {
        return Err(format!("{} events of {} messages", events.len(), bodies.len()));
    }
    let mut books = VenueBooks::new(day.books).map_err(|error| error.to_string())?;
    let refused = counted_book(&mut books, &events);
    if refused > 0 {
        return Err(format!("{refused} events refused"));
    }
    Ok(books.bbo_checksum(u64::from))
}

#[inline(never)]
fn counted_book(books: &mut VenueBooks, events: &[MarketEvent]) -> usize {
    events.iter().filter(|event| black_box(books.apply(event)).is_err()).count()
}

fn risk(items: usize) -> Result<u64, String> {
    let mut risk = every_limit(INSTRUMENTS);
    let cases = cases(INSTRUMENTS, false);
    let approved = counted_risk(&mut risk, &cases, items);
    if approved == items { Ok(approved as u64) } else { Err(format!("{approved} of {items} approved")) }
}

/// Approval and release: what is reserved must go again, or the limits are reached.
#[inline(never)]
fn counted_risk(risk: &mut Risk, cases: &[Case], items: usize) -> usize {
    let mut approved = 0;
    for (case, decision) in cases.iter().cycle().take(items).zip(1_u64..) {
        let time_ns = decision * 1_000_000;
        let stamp = Stamp { decision, time_ns, cl_ord_id: decision, strategy: decision as u16 % 4 };
        if let Ok(approval) = risk.approve(&case.intent, &case.reference, None, &stamp) {
            risk.release(&black_box(approval).released());
            approved += 1;
        }
    }
    approved
}

fn encode(items: usize) -> Result<u64, String> {
    let orders = approved_orders(64, 1_024, true)?;
    let ids = SessionIds::new("FIX.4.4", "WARPTICK", "VENUE").map_err(|error| error.to_string())?;
    let symbols: Vec<String> = (0..64).map(|number| format!("S{number}")).collect();
    let symbols = symbols.iter().map(String::as_str);
    let templates = OrderTemplates::new(&ids, TemplateFormat::default(), symbols);
    let mut templates = templates.map_err(|error| error.to_string())?;
    let mut out = [0; TEMPLATE_BYTES];
    let bytes = counted_encode(&mut templates, &orders, items, &mut out);
    if bytes < items * 100 { Err(format!("{bytes} bytes of {items} orders")) } else { Ok(bytes as u64) }
}

#[inline(never)]
fn counted_encode(
    templates: &mut OrderTemplates,
    orders: &[RiskApproved<Order>],
    items: usize,
    out: &mut [u8; TEMPLATE_BYTES],
) -> usize {
    let mut bytes = 0;
    for (order, sequence) in orders.iter().cycle().take(items).zip(1_u32..) {
        bytes += templates.encode(order, sequence, order.time_ns + 500, out).unwrap_or(0);
        black_box(&out);
    }
    bytes
}

fn fold(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0xcbf2_9ce4_8422_2325, |hash, value| (hash ^ value).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_work_can_be_done_twice_over_and_is_the_same_each_time() {
        for work in WORKS {
            let once = work.run(2 * work.items as usize);
            assert!(once.is_ok(), "{}: {once:?}", work.name);
            assert_eq!(work.run(2 * work.items as usize), once, "{}", work.name);
        }
        assert!(find("decod").is_err_and(|said| said.contains("decode, book, risk, encode")));
    }
}
