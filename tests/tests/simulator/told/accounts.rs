//! Positions, cash and what they are worth by the fills that the engine was told of, and the limits that go by them.
//!
//! Sums are taken anew each time over everything there is. What a position is worth is not known between the start of a
//! process and the first national quote of its symbol; nothing is held against sums then.

use std::collections::HashSet;

use engine::pipeline::operator::{KillCause, Scope};

use crate::limits::{Limits, StrategyLimits};

/// A fill, as booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    pub venue: usize,
    pub symbol: usize,
    pub strategy: usize,
    pub buy: bool,
    pub price: i64,
    pub quantity: u64,
    pub takes: bool,
}

impl Fill {
    fn signed(&self) -> i64 {
        if self.buy { self.quantity as i64 } else { -(self.quantity as i64) }
    }
}

/// Fills within a while, time and signed quantity.
type Recent = Vec<(u64, i64)>;

/// See the module's text.
#[derive(Clone)]
pub struct Accounts {
    /// By strategy, then by symbol.
    positions: Vec<Vec<i64>>,
    cash: i128,
    marks: Vec<Option<i64>>,
    /// Taker's and maker's fee of a share, by venue.
    fees: Vec<(i64, i64)>,
    pub trades: u64,
    /// New orders, replaces and cancels that left.
    pub messages: u64,
    /// Venue and ExecID of fills that were booked, and which they were.
    pub booked: HashSet<(usize, u64)>,
    /// The most that the account was worth.
    best: i128,
    worths: Vec<(u64, i128)>,
    /// From when on the loss within the window is held against its limit; nothing before the first look at it.
    known_ns: Option<u64>,
    /// What it was worth last.
    last: Option<i128>,
    executions: Vec<Recent>,
    protection: Vec<Recent>,
}

/// Sums of notional of positions and open orders, 1e-9 of the currency.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    pub gross: i128,
    pub net: i128,
}

impl Accounts {
    pub fn new(symbols: usize, strategies: usize, fees: Vec<(i64, i64)>) -> Self {
        Self {
            positions: vec![vec![0; symbols]; strategies],
            cash: 0,
            marks: vec![None; symbols],
            fees,
            trades: 0,
            messages: 0,
            booked: HashSet::new(),
            best: 0,
            worths: Vec::new(),
            known_ns: Some(0),
            last: Some(0),
            executions: vec![Vec::new(); strategies],
            protection: vec![Vec::new(); strategies],
        }
    }

    /// Another process goes on: it knows the fills, neither prices nor what was lately.
    pub fn restart(&mut self) {
        self.marks.fill(None);
        self.best = i128::MIN;
        (self.last, self.known_ns) = (None, None);
        self.worths.clear();
        self.executions.iter_mut().chain(&mut self.protection).for_each(Vec::clear);
    }

    pub fn position(&self, symbol: usize) -> i64 {
        self.positions.iter().map(|positions| positions[symbol]).sum()
    }

    pub const fn cash(&self) -> i128 {
        self.cash
    }

    pub fn mark(&mut self, symbol: usize, price: i64) {
        self.marks[symbol] = Some(price);
    }

    fn value(&self, symbol: usize, position: i64) -> Option<i128> {
        match self.marks[symbol] {
            Some(mark) => Some(i128::from(position) * i128::from(mark)),
            None => (position == 0).then_some(0),
        }
    }

    /// What the positions come to, of one strategy or of all; `None` where a price is not known.
    pub fn sums(&self, strategy: Option<usize>) -> Option<Sums> {
        let mut sums = Sums::default();
        for symbol in 0..self.marks.len() {
            let position = strategy.map_or_else(|| self.position(symbol), |one| self.positions[one][symbol]);
            let value = self.value(symbol, position)?;
            (sums.gross, sums.net) = (sums.gross + value.abs(), sums.net + value);
        }
        Some(sums)
    }

    /// Margin of the positions, 1e-13 of the currency.
    pub fn margin(&self, limits: &Limits) -> Option<i128> {
        let symbols = limits.symbols.iter().enumerate();
        symbols.map(|(at, own)| Some(self.value(at, self.position(at))?.abs() * own.margin_bp)).sum()
    }

    fn worth(&self) -> Option<i128> {
        Some(self.cash + self.sums(None)?.net)
    }

    /// Books a fill, or takes it back.
    pub fn trade(&mut self, fill: &Fill, takes_back: bool) {
        let sign = if takes_back { -1 } else { 1 };
        let (taker, maker) = self.fees[fill.venue];
        let fee = i128::from(if fill.takes { taker } else { maker }) * i128::from(fill.quantity);
        let value = i128::from(fill.price) * i128::from(fill.signed());
        self.cash -= i128::from(sign) * (value + fee);
        self.positions[fill.strategy][fill.symbol] += sign * fill.signed();
        self.trades += u64::from(!takes_back);
    }

    /// What a fill stops of its strategy.
    pub fn stopped_by_fill(&mut self, fill: &Fill, now_ns: u64, limits: &StrategyLimits) -> Vec<KillCause> {
        let add = |recent: &mut Recent, window_ns: u64| {
            recent.retain(|&(time_ns, _)| now_ns - time_ns < window_ns);
            recent.push((now_ns, fill.signed()));
        };
        let mut causes = Vec::new();
        let executions = &mut self.executions[fill.strategy];
        add(executions, limits.executions_window_ns);
        if executions.len() as u64 > limits.executions_max {
            causes.push(KillCause::Executions);
        }
        if !fill.takes {
            let recent = &mut self.protection[fill.strategy];
            add(recent, limits.protection_window_ns);
            let quantity: u64 = recent.iter().map(|fill| fill.1.unsigned_abs()).sum();
            let delta: i64 = recent.iter().map(|fill| fill.1).sum();
            if recent.len() as u64 > limits.protection_fills_max
                || quantity > limits.protection_qty_max
                || delta.unsigned_abs() > limits.protection_delta_max
            {
                causes.push(KillCause::MarketMakerProtection);
            }
        }
        causes
    }

    /// What the account's worth stops.
    pub fn stopped_by_loss(&mut self, now_ns: u64, limits: &Limits) -> Vec<KillCause> {
        let Some(worth) = self.worth() else { return Vec::new() };
        let stood = self.last.replace(worth);
        if stood == Some(worth) {
            return Vec::new();
        }
        self.best = self.best.max(worth);
        // The engine may date the best of a 32nd of the window by its start.
        let window_ns = limits.firm.loss_window_ns / 32 * 31;
        self.worths.retain(|&(time_ns, _)| now_ns - time_ns < window_ns);
        // What it stood at last it stood at until now.
        self.worths.extend(stood.map(|stood| (now_ns, stood)));
        self.worths.push((now_ns, worth));
        // A process that has just begun does not know what the account stood at.
        let known_ns = *self.known_ns.get_or_insert(now_ns + window_ns);
        if now_ns < known_ns {
            self.worths.clear();
        }
        let recent = self.worths.iter().map(|worth| worth.1).max().unwrap_or(worth);
        let firm = &limits.firm;
        let broken = [
            (-worth > firm.daily_loss_max, KillCause::DailyLoss),
            (self.best - worth > firm.drawdown_max, KillCause::Drawdown),
            (recent - worth > firm.loss_rate_max, KillCause::LossRate),
        ];
        broken.into_iter().filter_map(|(is_broken, cause)| is_broken.then_some(cause)).collect()
    }

    /// A person lets a scope go on.
    pub fn reset(&mut self, scope: Scope) {
        for (strategy, (executions, protection)) in
            (0u16..).zip(self.executions.iter_mut().zip(&mut self.protection))
        {
            if scope == Scope::All || scope == Scope::Strategy(strategy) {
                executions.clear();
                protection.clear();
            }
        }
        if scope == Scope::All {
            // The day's loss does not begin anew, whether the worth changes or not.
            self.last = None;
            self.best = self.worth().unwrap_or(i128::MIN);
            self.worths.clear();
        }
    }
}
