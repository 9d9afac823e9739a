//! A venue as the arbitrage taker reads it: terms of trading there, and room for its depth, so that nothing allocates.

use super::DEPTH_LEVELS;
use crate::strategy::View;
use feeds::event::Side;
use feeds::units::PRICE_NONE;
use kernels::cpu::book::DepthLevel;
use kernels::cpu::cross_venue::VenueDepth;

/// A venue that the taker may trade at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArbitrageVenue {
    /// Dense venue number.
    pub venue: u8,
    /// Price increment of the instrument there, 1e-9.
    pub price_tick: i64,
    /// Fee for taking, 1e-9 per share; negative is a rebate.
    pub taker_fee: i64,
}

/// One venue with room for its depth.
#[derive(Clone, Copy)]
pub(super) struct TakenVenue {
    pub(super) at: ArbitrageVenue,
    pub(super) bids: [DepthLevel; DEPTH_LEVELS],
    pub(super) asks: [DepthLevel; DEPTH_LEVELS],
    pub(super) bid_levels: usize,
    pub(super) ask_levels: usize,
}

impl TakenVenue {
    /// Reads the best level of each side; nothing when the venue is not trading or stale.
    pub(super) fn read_touch(&mut self, view: &View<'_>, instrument: u32) {
        let touch = view.nbbo.venue_quote(instrument, self.at.venue);
        self.bids[0] = DepthLevel { price: touch.bid_px, quantity: touch.bid_qty, orders: 0 };
        self.asks[0] = DepthLevel { price: touch.ask_px, quantity: touch.ask_qty, orders: 0 };
        self.bid_levels = usize::from(touch.bid_px != PRICE_NONE);
        self.ask_levels = usize::from(touch.ask_px != PRICE_NONE);
    }

    /// Reads the levels of the sides that have a touch.
    pub(super) fn read_depth(&mut self, view: &View<'_>, instrument: u32) {
        if self.bid_levels > 0 {
            self.bid_levels = view.depth(self.at.venue, instrument, Side::Buy, &mut self.bids);
        }
        if self.ask_levels > 0 {
            self.ask_levels = view.depth(self.at.venue, instrument, Side::Sell, &mut self.asks);
        }
    }

    pub(super) fn depth(&self) -> VenueDepth<'_> {
        VenueDepth {
            bids: &self.bids[..self.bid_levels],
            asks: &self.asks[..self.ask_levels],
            taker_fee: self.at.taker_fee,
            tick: self.at.price_tick,
        }
    }
}
