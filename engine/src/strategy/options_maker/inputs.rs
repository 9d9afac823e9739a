//! What an options maker makes of each input: which options it learns something of, and then a round of work.

use super::{Counts, OptionsMaker, Quoted, explanation};
use crate::order::{Execution, Intent};
use crate::pipeline::order_table::LiveOrder;
use crate::pipeline::risk::RiskReasons;
use crate::pipeline::wide::{SurfaceFitted, WideAnswered};
use crate::strategy::{Intents, Strategy, View};
use feeds::event::{INSTRUMENT_ALL, MarketEvent};
use kernels::abi::ItemKind;

impl Strategy for OptionsMaker {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, view: &View<'_>, event: &MarketEvent, intents: &mut Intents) {
        match Self::place(&self.by_instrument, event.instrument) {
            Some(place) => {
                self.look(place, view);
                self.queue.wait(place);
            }
            // A status of the whole venue.
            None if event.instrument == INSTRUMENT_ALL => self.queue.look_at_all(),
            None => {}
        }
        self.work(view, intents);
    }

    fn on_execution(
        &mut self,
        view: &View<'_>,
        execution: &Execution,
        order: &LiveOrder,
        closed: bool,
        intents: &mut Intents,
    ) {
        if let Some(place) = Self::place(&self.by_instrument, order.instrument) {
            let sides = &mut self.quoted[place].sides;
            if execution.kind.is_refusal() {
                sides.pause(order.side, &self.pace, view.time_ns);
            }
            if closed {
                sides.closed(order.side);
            }
            self.queue.wait(place);
        }
        self.work(view, intents);
    }

    fn on_reject(&mut self, time_ns: u64, intent: &Intent, _reasons: RiskReasons) {
        if let Some(place) = Self::place(&self.by_instrument, intent.instrument) {
            self.quoted[place].sides.pause(intent.side, &self.pace, time_ns);
        }
    }

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        self.queue.look_at_all();
        self.work(view, intents);
    }

    fn wants_wide(&self) -> bool {
        true
    }

    fn on_wide(&mut self, view: &View<'_>, answer: &WideAnswered<'_>, intents: &mut Intents) {
        for item in answer.items.iter().filter(|item| item.key.kind == ItemKind::Option) {
            if let Some(place) = Self::place(&self.by_option, item.key.index) {
                self.quoted[place].contract.answered(&item.values);
                self.price(place, view);
                self.queue.wait(place);
            }
        }
        self.work(view, intents);
    }

    fn on_surface(&mut self, view: &View<'_>, fitted: &SurfaceFitted<'_>, intents: &mut Intents) {
        for vol in fitted.vols {
            let Some(place) = Self::place(&self.by_option, vol.option) else { continue };
            let Quoted { contract, market, .. } = &mut self.quoted[place];
            market.refitted(vol.volatility_e9, vol.volatility());
            let was_repriced = contract.refitted(&vol.premium);
            let vega = self.portfolio.values(place).vega;
            if was_repriced || market.is_beyond(&self.band, vega) != market.has_left() {
                self.price(place, view);
                self.queue.wait(place);
            }
        }
        self.work(view, intents);
    }

    fn report(&self) -> Option<String> {
        let Counts { premiums_held, touches_solved, markets_left } = self.counts;
        Some(format!(
            "options maker: {touches_solved} touches of options turned into volatilities, {markets_left} times a market \
             left what its option was priced by, {premiums_held} prices with the underlying beyond what early exercise was \
             fitted for"
        ))
    }

    fn explain(&self, view: &View<'_>) -> Vec<String> {
        explanation::of(self, view)
    }
}
