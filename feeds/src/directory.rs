//! Dense instrument numbers: one `u32` per symbol, the same on every venue, and listings that map to them by array.
//!
//! Built once, before the first event, from the sorted symbols of a pre-scan or a configuration; a symbol that
//! shows up later takes the next number, in the order of its listing, as long as the fixed extra capacity lasts.
//! All memory (8 MiB of listing tables, and the symbols) is allocated and touched in [`Directory::new`]; nothing is
//! allocated afterwards. One thread owns it: the one that decodes.
//!
//! It refuses to give a locate a second symbol: venues number securities for a whole day.

use std::fmt;

use crate::event::INSTRUMENT_NONE;
use crate::symbol::Symbol;

/// Venues that one directory can hold; venue numbers are below this.
pub const VENUES_MAX: usize = 16;

/// Locates of one venue: every `u16`.
const LOCATES: usize = 1 << 16;

/// Instruments that fit: the two highest numbers are sentinels of [`crate::event`], and no market comes close.
const INSTRUMENTS_MAX: usize = 1 << 24;

/// Why a symbol could not be listed. The listing's events then carry [`INSTRUMENT_NONE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryError {
    /// More symbols than the directory was built for; raise the extra capacity.
    Full {
        /// Instruments that fit.
        capacity: usize,
    },
    /// The venue number is not below [`VENUES_MAX`].
    Venue(u8),
    /// The venue gave this locate to another symbol before: the input mixes venues or days.
    Conflict {
        /// The symbol that holds the locate.
        listed: Symbol,
    },
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => {
                write!(f, "all {capacity} instrument numbers are taken; allow for more late listings")
            }
            Self::Venue(venue) => write!(f, "venue {venue} is not below {VENUES_MAX}"),
            Self::Conflict { listed } => {
                write!(f, "the locate belongs to {listed} already; the input mixes venues or days")
            }
        }
    }
}

impl std::error::Error for DirectoryError {}

/// Symbols, their instrument numbers, and the listings of up to [`VENUES_MAX`] venues.
pub struct Directory {
    /// (venue, locate) -> instrument, [`INSTRUMENT_NONE`] where nothing is listed.
    listings: Box<[u32; VENUES_MAX * LOCATES]>,
    /// (venue, locate) -> shares in a round lot, 0 where not given.
    round_lots: Box<[u32]>,
    /// Instrument -> symbol.
    symbols: Vec<Symbol>,
    /// Sorted by symbol, for the cold look-up.
    by_symbol: Vec<(Symbol, u32)>,
    capacity: usize,
}

impl Directory {
    /// A directory of `symbols` (in any order, repeats allowed), numbered from 0 in symbol order, with room for
    /// `late_listings_max` symbols more.
    ///
    /// # Errors
    /// [`DirectoryError::Full`] when the symbols and the extra room exceed 2^24.
    pub fn new(mut symbols: Vec<Symbol>, late_listings_max: usize) -> Result<Self, DirectoryError> {
        symbols.sort_unstable();
        symbols.dedup();
        let capacity = symbols.len().saturating_add(late_listings_max);
        if capacity > INSTRUMENTS_MAX {
            return Err(DirectoryError::Full { capacity: INSTRUMENTS_MAX });
        }
        symbols.reserve_exact(late_listings_max);
        let mut by_symbol = Vec::with_capacity(capacity);
        by_symbol.extend(symbols.iter().copied().zip(0u32..));
        // Not `vec![0; n]`: zeroed pages would be faulted in by the first look-up that needs them.
        let mut round_lots = vec![1; VENUES_MAX * LOCATES].into_boxed_slice();
        round_lots.fill(0);
        let listings = vec![INSTRUMENT_NONE; VENUES_MAX * LOCATES].into_boxed_slice();
        Ok(Self {
            listings: listings.try_into().expect("the vector has the array's length"),
            round_lots,
            symbols,
            by_symbol,
            capacity,
        })
    }

    /// Index of a listing; venues out of range fold onto others here, [`Self::list`] refuses them.
    #[inline(always)]
    fn listing(venue: u8, locate: u16) -> usize {
        (usize::from(venue) % VENUES_MAX) * LOCATES + usize::from(locate)
    }

    /// The instrument of a listing, or [`INSTRUMENT_NONE`]. One array load; hot.
    #[inline(always)]
    #[must_use]
    pub fn instrument_at(&self, venue: u8, locate: u16) -> u32 {
        debug_assert!(usize::from(venue) < VENUES_MAX);
        self.listings[Self::listing(venue, locate)]
    }

    /// The symbol of an instrument; `None` for a number that is not taken and for the sentinels.
    #[must_use]
    pub fn symbol(&self, instrument: u32) -> Option<Symbol> {
        self.symbols.get(usize::try_from(instrument).ok()?).copied()
    }

    /// The instrument of a symbol. A binary search; cold.
    #[must_use]
    pub fn instrument(&self, symbol: Symbol) -> Option<u32> {
        let at = self.by_symbol.binary_search_by_key(&symbol, |&(symbol, _)| symbol).ok()?;
        Some(self.by_symbol[at].1)
    }

    /// Lists `symbol` at `venue` under `locate`; a symbol that is new takes the next instrument number. Listing the
    /// same again changes nothing. Returns the instrument. Cold; does not allocate.
    ///
    /// # Errors
    /// [`DirectoryError`]; the directory is unchanged.
    #[cold]
    pub fn list(&mut self, venue: u8, locate: u16, symbol: Symbol) -> Result<u32, DirectoryError> {
        if usize::from(venue) >= VENUES_MAX {
            return Err(DirectoryError::Venue(venue));
        }
        let listing = Self::listing(venue, locate);
        if let Some(listed) = self.symbol(self.listings[listing]).filter(|&listed| listed != symbol) {
            return Err(DirectoryError::Conflict { listed });
        }
        let instrument = match self.by_symbol.binary_search_by_key(&symbol, |&(symbol, _)| symbol) {
            Ok(at) => self.by_symbol[at].1,
            Err(at) => {
                let full = DirectoryError::Full { capacity: self.capacity };
                if self.symbols.len() >= self.capacity {
                    return Err(full);
                }
                let instrument = u32::try_from(self.symbols.len()).map_err(|_| full)?;
                self.symbols.push(symbol);
                self.by_symbol.insert(at, (symbol, instrument));
                instrument
            }
        };
        self.listings[listing] = instrument;
        Ok(instrument)
    }

    /// Sets the shares in a round lot of a listing, for venues that publish them (ITCH `R`). Cold.
    pub fn set_round_lot(&mut self, venue: u8, locate: u16, round_lot_qty: u32) {
        self.round_lots[Self::listing(venue, locate)] = round_lot_qty;
    }

    /// Shares in a round lot of a listing, or `None` when the venue gave none.
    #[must_use]
    pub fn round_lot(&self, venue: u8, locate: u16) -> Option<u32> {
        Some(self.round_lots[Self::listing(venue, locate)]).filter(|&quantity| quantity != 0)
    }

    /// Instrument numbers that are taken: they are `0..len`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether no instrument number is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// Instrument numbers that can ever be taken: what tables indexed by instrument are to be sized to.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::INSTRUMENT_ALL;

    fn symbol(text: &str) -> Symbol {
        Symbol::new(text).unwrap()
    }

    #[test]
    fn numbers_follow_the_symbols_and_late_listings_follow_them() {
        let mut directory = Directory::new(vec![symbol("MSFT"), symbol("AAPL"), symbol("MSFT")], 2).unwrap();
        assert_eq!((directory.len(), directory.capacity()), (2, 4));
        assert_eq!(directory.instrument(symbol("AAPL")), Some(0));
        assert_eq!(directory.instrument(symbol("MSFT")), Some(1));
        assert_eq!(directory.instrument_at(0, 7), INSTRUMENT_NONE);

        assert_eq!(directory.list(0, 7, symbol("MSFT")), Ok(1));
        assert_eq!(directory.list(1, 9, symbol("MSFT")), Ok(1), "same instrument on another venue");
        assert_eq!(directory.list(0, 8, symbol("ZVZZT")), Ok(2));
        assert_eq!(directory.list(15, u16::MAX, symbol("A")), Ok(3));
        assert_eq!(directory.list(0, 9, symbol("B")), Err(DirectoryError::Full { capacity: 4 }));
        assert_eq!(directory.list(0, 7, symbol("MSFT")), Ok(1), "again");
        assert_eq!(
            directory.list(0, 7, symbol("AAPL")),
            Err(DirectoryError::Conflict { listed: symbol("MSFT") })
        );
        assert_eq!(directory.list(16, 7, symbol("AAPL")), Err(DirectoryError::Venue(16)));

        assert_eq!(directory.instrument_at(0, 7), 1);
        assert_eq!(directory.instrument_at(1, 9), 1);
        assert_eq!(directory.instrument_at(15, u16::MAX), 3);
        assert_eq!(directory.instrument_at(0, 9), INSTRUMENT_NONE);
        assert_eq!(directory.instrument(symbol("A")), Some(3));
        assert_eq!(directory.symbol(3), Some(symbol("A")));
        assert_eq!(directory.symbol(4), None);
        assert_eq!(directory.symbol(INSTRUMENT_ALL), None);
        assert_eq!(directory.symbol(INSTRUMENT_NONE), None);
    }

    #[test]
    fn round_lots_belong_to_a_listing() {
        let mut directory = Directory::new(vec![symbol("BRK.A")], 0).unwrap();
        assert_eq!(directory.round_lot(0, 3), None);
        directory.set_round_lot(0, 3, 1);
        assert_eq!(directory.round_lot(0, 3), Some(1));
        assert_eq!(directory.round_lot(1, 3), None);
    }

    #[test]
    fn many_late_listings_agree_with_a_map() {
        let mut directory = Directory::new(Vec::new(), 5000).unwrap();
        let mut model = std::collections::HashMap::new();
        let mut random = 0x1234_5678_9abc_def1u64;
        for locate in 0..5000u16 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let symbol = symbol(&format!("S{}", random % 3000));
            let next = u32::try_from(model.len()).unwrap();
            let expected = *model.entry(symbol).or_insert(next);
            assert_eq!(directory.list(2, locate, symbol), Ok(expected));
            assert_eq!(directory.instrument_at(2, locate), expected);
        }
        assert_eq!(directory.len(), model.len());
        for (symbol, instrument) in model {
            assert_eq!(directory.instrument(symbol), Some(instrument));
            assert_eq!(directory.symbol(instrument), Some(symbol));
        }
    }
}
