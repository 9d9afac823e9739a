//! What a synthetic session is made of: sizes, seed, density, and their checks.

use std::fmt;

use crate::units::NS_PER_S;

/// Start of market hours, ns since midnight: 09:30.
pub const MARKET_OPEN_NS: u64 = (9 * 60 + 30) * 60 * NS_PER_S;

/// Regular market hours, ns: 09:30 to 16:00.
pub const MARKET_HOURS_NS: u64 = (6 * 60 + 30) * 60 * NS_PER_S;

/// Mean time between two messages of a session without an explicit span, ns: 5,000 messages a second over both
/// venues, a quiet day's average; 1 million messages last 200 s, 117 million the whole day. Within a burst the
/// spacing is microseconds whatever the mean.
pub const MEAN_GAP_NS: u64 = 200_000;

/// Listings that one venue can number: the range of the 16-bit Stock Locate, less a margin.
pub const SYMBOLS_MAX: usize = 60_000;

/// System event messages of both venues.
pub(super) const SYSTEM_EVENTS: u64 = 12;

/// A synthetic session. The same values give the same bytes on every machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticConfig {
    /// Seed of every random choice. Default 1.
    pub seed: u64,
    /// Symbols, all of them listed on NASDAQ, 1 to [`SYMBOLS_MAX`]. Default 8000, a full market.
    pub symbols: usize,
    /// Messages of both venues together, all types. Default 1,000,000.
    pub messages: u64,
    /// Civil day as YYYYMMDD. The streams carry nanoseconds since midnight only; the day is mixed into the seed, so
    /// that each day differs, and is what a caller passes on to a decoder. Default 20260105, a Monday.
    pub date: u32,
    /// Share of the symbols that BX lists too, in 1/1000. Default 800.
    pub bx_listed_permille: u32,
    /// Share of the order flow of a symbol listed on both that goes to BX, in 1/1000. Default 300.
    pub bx_flow_permille: u32,
    /// Symbols that are halted on both venues for a while. Default 4; fewer when too few are listed on both.
    pub halts: u32,
    /// Orders per listing that rest before the opening, on average; all of them together are at most 1/16 of
    /// `messages`. Default 30.
    pub opening_orders: u32,
    /// Length of market hours in ns, at most [`MARKET_HOURS_NS`]. `None` (default): `messages` times
    /// [`MEAN_GAP_NS`], at most the whole day. A shorter session opens at 09:30 and closes early.
    pub span_ns: Option<u64>,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            symbols: 8000,
            messages: 1_000_000,
            date: 20_260_105,
            bx_listed_permille: 800,
            bx_flow_permille: 300,
            halts: 4,
            opening_orders: 30,
            span_ns: None,
        }
    }
}

/// A configuration that no session can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntheticConfigError {
    /// `symbols` is 0 or above [`SYMBOLS_MAX`].
    Symbols(usize),
    /// `messages` does not hold directory, trading states, crosses, halts and system events.
    Messages {
        /// The value.
        found: u64,
        /// The least that these symbols need.
        minimum: u64,
    },
    /// A share is above 1000 of 1000.
    Permille(u32),
    /// `span_ns` is 0 or longer than market hours.
    Span(u64),
    /// `date` is not a day in the form YYYYMMDD.
    Date(u32),
}

impl fmt::Display for SyntheticConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Symbols(found) => write!(f, "symbols = {found}: must be 1 to {SYMBOLS_MAX}"),
            Self::Messages { found, minimum } => {
                write!(
                    f,
                    "messages = {found}: these symbols need at least {minimum}; raise it or use fewer symbols"
                )
            }
            Self::Permille(found) => write!(f, "share = {found}: must be at most 1000 (it is in 1/1000)"),
            Self::Span(found) => write!(f, "span_ns = {found}: must be 1 to {MARKET_HOURS_NS}"),
            Self::Date(found) => write!(f, "date = {found}: must be a day as YYYYMMDD"),
        }
    }
}

impl std::error::Error for SyntheticConfigError {}

impl SyntheticConfig {
    /// Checks each value by itself; [`Self::minimum_messages`] is checked by the session, once listings are drawn.
    pub(super) fn validate(&self) -> Result<(), SyntheticConfigError> {
        if self.symbols == 0 || self.symbols > SYMBOLS_MAX {
            return Err(SyntheticConfigError::Symbols(self.symbols));
        }
        if let Some(&share) = [self.bx_listed_permille, self.bx_flow_permille].iter().find(|&&s| s > 1000) {
            return Err(SyntheticConfigError::Permille(share));
        }
        if !(1..=MARKET_HOURS_NS).contains(&self.market_span_ns()) {
            return Err(SyntheticConfigError::Span(self.market_span_ns()));
        }
        let (month, day) = (self.date / 100 % 100, self.date % 100);
        if !(19_700_101..=99_991_231).contains(&self.date)
            || !(1..=12).contains(&month)
            || !(1..=31).contains(&day)
        {
            return Err(SyntheticConfigError::Date(self.date));
        }
        Ok(())
    }

    /// The least value of `messages` for this many listings on BX: what every session holds, and room to trade.
    pub(super) fn minimum_messages(&self, bx_listings: usize) -> u64 {
        let (symbols, bx) = (self.symbols as u64, bx_listings as u64);
        // Directory and trading state per listing, a cross per symbol, four times two messages per halt.
        let fixed = SYSTEM_EVENTS + 2 * (symbols + bx) + symbols + 8 * u64::from(self.halts);
        fixed + fixed / 8 + 100
    }

    /// Length of market hours, ns.
    #[must_use]
    pub fn market_span_ns(&self) -> u64 {
        self.span_ns.unwrap_or_else(|| self.messages.saturating_mul(MEAN_GAP_NS).min(MARKET_HOURS_NS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_values_are_named() {
        let good = SyntheticConfig::default();
        assert_eq!(good.validate(), Ok(()));
        let bad = [
            SyntheticConfig { symbols: 0, ..good.clone() },
            SyntheticConfig { symbols: SYMBOLS_MAX + 1, ..good.clone() },
            SyntheticConfig { bx_listed_permille: 1001, ..good.clone() },
            SyntheticConfig { bx_flow_permille: 1001, ..good.clone() },
            SyntheticConfig { span_ns: Some(0), ..good.clone() },
            SyntheticConfig { span_ns: Some(MARKET_HOURS_NS + 1), ..good.clone() },
            SyntheticConfig { date: 20_261_301, ..good.clone() },
            SyntheticConfig { date: 26_01_05, ..good.clone() },
        ];
        for config in bad {
            let error = config.validate().unwrap_err();
            assert!(error.to_string().contains(": must be"), "{error}");
        }
    }

    #[test]
    fn the_span_follows_the_number_of_messages() {
        let config = SyntheticConfig { messages: 1_000_000, ..SyntheticConfig::default() };
        assert_eq!(config.market_span_ns(), 200 * NS_PER_S);
        let config = SyntheticConfig { messages: u64::MAX, ..config };
        assert_eq!(config.market_span_ns(), MARKET_HOURS_NS);
        assert_eq!(SyntheticConfig { span_ns: Some(5), ..config }.market_span_ns(), 5);
    }
}
