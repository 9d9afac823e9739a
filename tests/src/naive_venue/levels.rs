//! Books of levels in the slow venue: every level that was ever set stays in one map, shown or not.

use engine::venue::VenueReport;
use feeds::event::{MarketEvent, Side, flags};

use super::{NaiveVenue, nearer};

/// A price of a book of levels.
#[derive(Default)]
pub(super) struct Level {
    pub(super) shown: u64,
    pub(super) used: u64,
}

impl NaiveVenue {
    pub(super) fn set_level(&mut self, event: &MarketEvent, out: &mut Vec<VenueReport>) {
        let MarketEvent { instrument, side, price, quantity, .. } = *event;
        let has_orders = self.displayed.iter().any(|shown| shown.instrument == instrument);
        if side == Side::None || has_orders || !self.fits_place(event) {
            return;
        }
        let level = self.levels.entry((instrument, side, price)).or_default();
        let before = level.shown;
        level.shown = quantity;
        if self.of_levels.insert(instrument) {
            self.lose_places(instrument);
        }
        self.cap_used(instrument, side);
        for at in 0..self.clients.len() {
            let client = &self.clients[at];
            if (client.instrument, client.side) == (instrument, side) {
                let most = self.may_stand(instrument, side, client.price);
                let client = &mut self.clients[at];
                let is_shown_first = event.flags & flags::SNAPSHOT != 0 && client.price == price;
                client.ahead = match (client.ahead, most) {
                    _ if is_shown_first => most,
                    (Some(ahead), Some(most)) => Some(ahead.min(most)),
                    (ahead, None) => ahead,
                    (None, most) => most,
                };
            }
        }
        if event.flags & flags::SNAPSHOT != 0 {
            return;
        }
        let new = quantity
            .saturating_sub(before)
            .min(quantity.saturating_sub(self.levels[&(instrument, side, price)].used));
        let filled = self.share(event, out, new, |client| {
            client.side == side.opposite() && !nearer(client.side, price, client.price)
        });
        self.levels.get_mut(&(instrument, side, price)).expect("set above").used += filled;
    }

    /// A print of something displayed.
    pub(super) fn print_of_levels(&mut self, event: &MarketEvent, out: &mut Vec<VenueReport>) {
        let MarketEvent { instrument, price, quantity, .. } = *event;
        let mut left = quantity;
        for side in [Side::Buy, Side::Sell] {
            let other = side.opposite();
            let other_could = self.levels.iter().any(|(&(of, on, at), level)| {
                (of, on) == (instrument, other) && level.shown > 0 && !nearer(other, price, at)
            });
            let hit = if event.side == Side::None { !other_could } else { event.side == side };
            if !hit {
                continue;
            }
            left -= self.share_up_to(event, out, left, |client| {
                if client.side != side || nearer(side, price, client.price) {
                    0
                } else if client.price == price {
                    client.ahead.map_or(0, |ahead| quantity.saturating_sub(ahead))
                } else {
                    u64::MAX
                }
            });
            for client in &mut self.clients {
                if (client.instrument, client.side, client.price) == (instrument, side, price) {
                    client.ahead = client.ahead.map(|ahead| ahead.saturating_sub(quantity));
                }
            }
        }
    }

    /// The most that may stand at a price; `None`: it is unseen.
    pub(super) fn may_stand(&self, instrument: u32, side: Side, price: i64) -> Option<u64> {
        let shown = |at: &(u32, Side, i64)| self.levels.get(at).map_or(0, |level| level.shown);
        if shown(&(instrument, side, price)) > 0 {
            return Some(shown(&(instrument, side, price)));
        }
        let shows_worse = self.levels.iter().any(|(&(of, on, at), level)| {
            (of, on) == (instrument, side) && level.shown > 0 && nearer(side, price, at)
        });
        shows_worse.then_some(0)
    }

    fn cap_used(&mut self, instrument: u32, side: Side) {
        let prices: Vec<i64> =
            self.levels.keys().filter(|key| (key.0, key.1) == (instrument, side)).map(|key| key.2).collect();
        for price in prices {
            let most = self.may_stand(instrument, side, price).unwrap_or(u64::MAX);
            let level = self.levels.get_mut(&(instrument, side, price)).expect("listed above");
            level.used = level.used.min(most);
        }
    }
}
