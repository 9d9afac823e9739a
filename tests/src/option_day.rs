//! A small day of options at one venue: an underlying that wanders, and a chain on it whose market makers quote by a known
//! volatility surface that moves at noon. Now and then somebody offers below, or bids above, what the market shows, for a
//! few milliseconds: who quotes inside of the market trades with them.
//!
//! Prices come from the project's own formula, everything else from a seed: the same bytes each time.

use feeds::itch::encode::append_framed;
use feeds::itch::messages::{
    AddOrder, Header, Message, OrderDelete, OrderReplace, StockDirectory, StockTradingAction, SystemEvent,
};
use feeds::symbol::Symbol;
use kernels::abi::Expiry;
use kernels::cpu::pricing::{Contract, ForwardTerms, Isa, ln, value_one};

/// Symbol of the underlying.
pub const UNDERLYING: &str = "UNDR";

/// Times to expiry, years, each with the forward of 1 and the present value of 1.
pub const EXPIRIES: [(f64, f64, f64); 2] = [(0.25, 1.002, 0.997), (0.75, 1.006, 0.99)];

/// Lowest strike, their number, and their distance, currency units.
pub const STRIKES: (i64, i64, i64) = (84, 9, 4);

/// Where the underlying begins, cents.
const START_CENTS: i64 = 10_000;

/// Between two moves of the market, ns.
const STEP_NS: u64 = 20_000_000;

/// When the day begins, ns since midnight.
const OPEN_NS: u64 = 34_200_000_000_000;

/// Half of the market makers' spread, cents.
const HALF_SPREAD_CENTS: f64 = 6.0;

/// Wire price units of a cent.
const UNITS_A_CENT: i64 = 100;

/// The volatility that everybody quotes by; `late` behind noon.
#[must_use]
pub fn volatility(expiry: usize, strike: f64, forward: f64, late: bool) -> f64 {
    let (years, level) = (EXPIRIES[expiry].0, if late { 1.15 } else { 1.0 });
    let k = (strike / forward).ln() - 0.02;
    let w = years * (0.03 + 0.12 * (-0.4 * k + (k * k + 0.01).sqrt()));
    level * (w / years).sqrt()
}

/// Symbols of the options in the order of a chain's grid: expiry by expiry, strike by strike, the call before the put.
#[must_use]
pub fn symbols() -> Vec<String> {
    let strikes = |expiry: usize| {
        (0..STRIKES.1).flat_map(move |strike| ["C", "P"].map(|kind| format!("OP{expiry}{strike}{kind}")))
    };
    (0..EXPIRIES.len()).flat_map(strikes).collect()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// The orders that show a listing's market: reference and price in cents of bid and offer.
type Shown = [(u64, i64); 2];

struct Day {
    out: Vec<u8>,
    now_ns: u64,
    next_reference: u64,
    symbols: Vec<Symbol>,
    shown: Vec<Option<Shown>>,
}

impl Day {
    fn header(&self, listing: usize) -> Header {
        Header { locate: listing as u16, tracking: 0, timestamp_ns: self.now_ns }
    }

    fn say(&mut self, message: &Message) {
        append_framed(message, &mut self.out);
        self.now_ns += 1_000;
    }

    fn event(&mut self, event_code: u8) {
        let header = self.header(0);
        self.say(&Message::SystemEvent(SystemEvent { header, event_code }));
    }

    /// A listing, from 1, with its trading state.
    fn list(&mut self, listing: usize) {
        let (header, stock) = (self.header(listing), self.symbols[listing - 1]);
        self.say(&Message::StockDirectory(StockDirectory {
            header,
            stock,
            market_category: b'Q',
            financial_status: b'N',
            round_lot_size: 100,
            round_lots_only: b'N',
            issue_classification: b'C',
            issue_subtype: *b"Z ",
            authenticity: b'P',
            short_sale_threshold: b'N',
            ipo_flag: b'N',
            luld_tier: b'1',
            etp_flag: b'N',
            etp_leverage: 0,
            inverse: b'N',
        }));
        let trading_state = b'T';
        let action = StockTradingAction { header, stock, trading_state, reserved: b' ', reason: *b"    " };
        self.say(&Message::StockTradingAction(action));
    }

    fn add(&mut self, listing: usize, side: u8, shares: u32, cents: i64) -> u64 {
        let reference = self.next_reference;
        self.next_reference += 1;
        let (header, stock) = (self.header(listing), self.symbols[listing - 1]);
        let price = (cents * UNITS_A_CENT) as u32;
        self.say(&Message::AddOrder(AddOrder { header, reference, side, shares, stock, price }));
        reference
    }

    fn delete(&mut self, listing: usize, reference: u64) {
        let header = self.header(listing);
        self.say(&Message::OrderDelete(OrderDelete { header, reference }));
    }

    /// The market of a listing is this now.
    fn show(&mut self, listing: usize, bid_cents: i64, ask_cents: i64, shares: u32) {
        let wanted = [bid_cents, ask_cents];
        let Some(mut shown) = self.shown[listing - 1] else {
            let orders = [(b'B', bid_cents), (b'S', ask_cents)]
                .map(|(side, cents)| (self.add(listing, side, shares, cents), cents));
            self.shown[listing - 1] = Some(orders);
            return;
        };
        // The side that gives way first, so that the book is never crossed.
        let order = if ask_cents > shown[1].1 { [1, 0] } else { [0, 1] };
        let order = if bid_cents < shown[0].1 { [0, 1] } else { order };
        for side in order {
            if shown[side].1 == wanted[side] {
                continue;
            }
            let new_reference = self.next_reference;
            self.next_reference += 1;
            let (header, price) = (self.header(listing), (wanted[side] * UNITS_A_CENT) as u32);
            let reference = std::mem::replace(&mut shown[side], (new_reference, wanted[side])).0;
            let replace = OrderReplace { header, reference, new_reference, shares, price };
            self.say(&Message::OrderReplace(replace));
        }
        self.shown[listing - 1] = Some(shown);
    }
}

/// What an option is worth, cents.
fn worth(number: usize, mid: f64, late: bool) -> f64 {
    let per_expiry = 2 * STRIKES.1 as usize;
    let (expiry, within) = (number / per_expiry, number % per_expiry);
    let strike = (STRIKES.0 + STRIKES.2 * (within as i64 / 2)) as f64;
    let (years, carry, discount) = EXPIRIES[expiry];
    let terms = Expiry { carry, discount, years, sqrt_years: years.sqrt() };
    let forward = ForwardTerms::new(Isa::detect(), &terms, mid);
    let sign = if within.is_multiple_of(2) { 1.0 } else { -1.0 };
    let volatility = volatility(expiry, strike, mid * carry, late);
    value_one(&forward, &Contract { strike, ln_strike: ln(strike), volatility, sign }).price * 100.0
}

/// The day in BinaryFILE framing: `steps` moves of the market, 20 ms apart.
///
/// # Panics
/// Never: the symbols are short.
#[must_use]
pub fn option_day(seed: u64, steps: u64) -> Vec<u8> {
    let names = std::iter::once(UNDERLYING.to_owned()).chain(symbols());
    let symbols: Vec<_> = names.map(|name| Symbol::new(&name).expect("short")).collect();
    let listings = symbols.len();
    let mut day =
        Day { out: Vec::new(), now_ns: OPEN_NS, next_reference: 1, shown: vec![None; listings], symbols };
    day.event(b'O');
    (1..=listings).for_each(|listing| day.list(listing));
    day.event(b'S');
    day.event(b'Q');
    let (mut random, mut bid_cents) = (Random(seed), START_CENTS);
    let mut flash: Option<(usize, u64)> = None;
    for step in 0..steps {
        day.now_ns = OPEN_NS + (step + 1) * STEP_NS;
        // Before the market moves, so that no book is ever crossed.
        if let Some((listing, reference)) = flash.take() {
            day.delete(listing, reference);
        }
        bid_cents = (bid_cents + random.below(9) as i64 - 4).clamp(START_CENTS - 300, START_CENTS + 300);
        day.show(1, bid_cents, bid_cents + 2, 500);
        let (mid, late) = ((bid_cents + 1) as f64 / 100.0, 2 * step >= steps);
        for option in 0..listings - 1 {
            let worth = worth(option, mid, late);
            let (bid, ask) = (worth - HALF_SPREAD_CENTS, worth + HALF_SPREAD_CENTS);
            day.show(option + 2, (bid.floor() as i64).max(1), (ask.ceil() as i64).max(2), 100);
        }
        let option = random.below(listings as u64 - 1) as usize;
        let fair = worth(option, mid, late);
        if fair > 2.0 * HALF_SPREAD_CENTS {
            let buys = random.below(2) == 0;
            let (side, cents) = if buys { (b'B', fair + 4.5) } else { (b'S', fair - 4.5) };
            let reference = day.add(option + 2, side, 5, cents.round() as i64);
            flash = Some((option + 2, reference));
        }
    }
    day.event(b'M');
    day.event(b'C');
    day.out
}
