//! A generated day through a [`Checker`]: two venues, relations of both forms between their instruments, some of which are
//! quoted upside-down, and option chains; volatilities change on the way. Every kind of wide work occurs, or the check fails. It
//! allocates.

mod wide_work;

use super::check::{CheckedListing, Checker, Compared, Difference};
use super::feed::Feed;
use crate::cpu::book::{BookConfig, VenueBooks};
use crate::cpu::wide::WideTables;
use feeds::directory::Directory;
use feeds::itch::encode::encode;
use feeds::itch::feed::ItchFeed;
use feeds::itch::messages::BODY_LENGTH_MAX;
use feeds::source::synthetic::{Session, SyntheticConfig};
use feeds::units::{ITCH_PRICE4_UNIT, TIME_NONE};
use std::fmt;
use std::sync::Arc;

/// Venues of a generated day.
const VENUES: u32 = 2;

/// Events between two changes of a volatility.
const VOLATILITY_EVERY: u64 = 1_000;

/// Which day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Seed of feed and wide work.
    pub seed: u64,
    /// Messages of both venues.
    pub messages: u64,
    /// Symbols.
    pub symbols: u32,
}

/// Why a day's check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DayFailed {
    /// Something differed after so many messages.
    Differs {
        /// What.
        difference: Difference,
        /// After how many messages.
        message: u64,
    },
    /// A kind of wide work did not occur: nothing was shown.
    NothingCompared(Compared),
    /// The day cannot be generated.
    Generator(String),
}

impl fmt::Display for DayFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { difference, message } => write!(f, "at message {message}: {difference}"),
            Self::NothingCompared(compared) => write!(f, "a kind of wide work did not occur: {compared:?}"),
            Self::Generator(why) => write!(f, "the day cannot be generated: {why}"),
        }
    }
}

impl std::error::Error for DayFailed {}

/// Draws numbers; SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

impl Day {
    /// What each listing is.
    #[must_use]
    pub fn listings(&self) -> Vec<CheckedListing> {
        (0..self.symbols * VENUES)
            .map(|number| CheckedListing { venue: (number % VENUES) as u8, instrument: number / VENUES })
            .collect()
    }

    /// Books for the day's venues.
    ///
    /// # Panics
    /// Never: the sizes are in range.
    #[must_use]
    pub fn books(&self) -> Vec<VenueBooks> {
        let config = BookConfig {
            instruments_max: self.symbols as usize,
            orders_max: usize::try_from(self.messages).unwrap_or(usize::MAX).clamp(1_000, 4_000_000),
            levels_max: usize::try_from(self.messages).unwrap_or(usize::MAX).clamp(1_000, 1_000_000),
            price_tick: ITCH_PRICE4_UNIT,
        };
        (0..VENUES).map(|_| VenueBooks::new(config).expect("sizes in range")).collect()
    }

    /// Runs the day; `seen` is called after each message with how many there were so far.
    ///
    /// # Errors
    /// What differs, or that nothing was shown.
    pub fn run(
        &self,
        tables: &Arc<WideTables>,
        feed: Feed,
        mut seen: impl FnMut(u64, &mut Checker),
    ) -> Result<Compared, DayFailed> {
        let generator = SyntheticConfig {
            seed: self.seed,
            symbols: self.symbols as usize,
            messages: self.messages,
            halts: 2,
            ..SyntheticConfig::default()
        };
        let failed = |why: &dyn fmt::Display| DayFailed::Generator(why.to_string());
        let mut session = Session::new(&generator).map_err(|why| failed(&why))?;
        let mut directory = Directory::new(Vec::new(), self.symbols as usize).map_err(|why| failed(&why))?;
        let mut decoders = [0, 1].map(|venue| ItchFeed::new(venue, 0, 0));
        let mut books = self.books();
        let mut checker = Checker::new(tables, &self.listings(), feed);
        let mut random = Random(self.seed ^ 0x5EED);
        let mut body = [0; BODY_LENGTH_MAX];
        let mut messages = 0;
        while let Some((venue, message)) = session.next_message() {
            messages += 1;
            let differs = |difference| DayFailed::Differs { difference, message: messages };
            let len = encode(&message, &mut body);
            let decoder = &mut decoders[usize::from(venue)];
            let event = decoder.decode_event(&mut directory, &body[..len], messages, TIME_NONE);
            if let Some(event) = event.map_err(|why| failed(&why))? {
                checker.event(&mut books, &event).map_err(differs)?;
            }
            if messages % VOLATILITY_EVERY == 0 && !tables.options().is_empty() {
                let option = random.below(tables.options().len() as u64) as u32;
                checker.set_volatility(option, random.below(100) as f64 / 100.0).map_err(differs)?;
            }
            seen(messages, &mut checker);
        }
        let at_end = |difference| DayFailed::Differs { difference, message: messages };
        checker.compare_all(&books).map_err(at_end)?;
        let compared = *checker.compared();
        if compared.is_of_all_kinds() { Ok(compared) } else { Err(DayFailed::NothingCompared(compared)) }
    }
}
