//! The client's session against this gateway: by hand (`by_hand`), and at random with connections that are lost anywhere
//! (`lost_connections`), trades broken among it (`busts`).

use feeds::event::{EventKind, Side, flags};
use kernels::cpu::book::BookConfig;

use super::*;
use crate::venue::VenueConfig;

mod busts;
mod by_hand;
mod lost_connections;
mod random_client;

const CENT: i64 = 10_000_000;

fn gateway() -> OuchGateway {
    let core = VenueCore::new(VenueConfig {
        books: BookConfig {
            instruments_max: 2,
            orders_max: 4_000,
            levels_max: 4_000,
            price_tick: CENT / 100,
        },
        orders_max: 64,
        cl_ord_ids_max: 20_000,
        used_orders_max: 1_000,
        quantity_max: 10_000,
        ..VenueConfig::default()
    });
    let symbols = [Symbol::new("GOOG").unwrap(), Symbol::new("MSFT").unwrap()];
    OuchGateway::new(core.unwrap(), Some((*b"WARP  ", *b"secret    ")), "DAY", &symbols).unwrap()
}

fn event(kind: EventKind, order_id: u64, side: Side, cents: i64, quantity: u64) -> MarketEvent {
    MarketEvent {
        exchange_ns: 1,
        receive_ns: 1,
        sequence: 1,
        order_id,
        price: 100_000_000_000 + cents * CENT,
        quantity,
        instrument: 0,
        kind,
        side,
        flags: flags::LAST_OF_EVENT,
        ..MarketEvent::NOTHING
    }
}
