//! A strategy of one's own: joins the best bid with 100 shares. Run: `cargo run --example join_best CAPTURE SYMBOL`.
use engine::control::{config::Config, inputs::Inputs, replay, startup};
use engine::order::TimeInForce;
use engine::strategy::{Intents, Strategy, View};
use feeds::event::{MarketEvent, Side};
use feeds::units::PRICE_NONE;

struct JoinBest([u32; 1]);

impl Strategy for JoinBest {
    fn instruments(&self) -> &[u32] {
        &self.0
    }

    fn on_market(&mut self, view: &View<'_>, _: &MarketEvent, intents: &mut Intents) {
        let [instrument] = self.0;
        let best = view.bbo(0, instrument).bid_px;
        match view.open_order(instrument, Side::Buy) {
            Some(order) if order.is_pending() || order.price == best => {}
            Some(order) => intents.cancel(order),
            None if best == PRICE_NONE || !view.is_continuous(0, instrument) => {}
            None => intents.new_order(0, instrument, Side::Buy, best, 100, TimeInForce::Day),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [capture, symbol] = &arguments[..] else { return Err("usage: join_best CAPTURE SYMBOL".into()) };
    let inputs = Inputs::open(&[capture.parse()?], None)?;
    // Naming the instrument allows it to be traded, within the default limits.
    let config = Config::parse("join_best", &format!("[[instruments]]\nsymbol = \"{symbol}\""))?;
    let config = startup::complete(&inputs, config)?;
    let strategy = JoinBest([startup::instrument_number(&inputs, symbol)?]);
    let outcome =
        replay::replay(&inputs, &config, &replay::ReplayOptions::default(), vec![Box::new(strategy)])?;
    println!("{outcome}");
    outcome.failure.map_or(Ok(()), |failure| Err(failure.into()))
}
