//! The microstructure features of the books that somebody asks for, kept by the decision core as events come.
//!
//! Owned by the decision thread. Everything is taken at construction; an event of an instrument without features costs one
//! load. It refuses nothing: parameters are checked where it is made.

use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent};
use kernels::cpu::book::{Applied, VenueBooks};
use kernels::cpu::features::{BookFeatures, FeatureError, FeatureParameters};

/// No features of this instrument.
const NONE: u32 = u32::MAX;

/// See the module's text.
pub struct FeatureBoard {
    /// By instrument: number among those with features, or [`NONE`].
    places: Box<[u32]>,
    /// The instruments with features, in that order.
    instruments: Box<[u32]>,
    venues: usize,
    /// By place, then venue.
    features: Box<[BookFeatures]>,
}

impl FeatureBoard {
    /// Features of these instruments, below `instruments_max`, at each of `venues` venues.
    ///
    /// # Errors
    /// A parameter out of range.
    pub fn new(
        wanted: &[(u32, FeatureParameters)],
        venues: usize,
        instruments_max: usize,
    ) -> Result<Self, FeatureError> {
        let mut places = vec![NONE; instruments_max].into_boxed_slice();
        let mut features = Vec::with_capacity(wanted.len() * venues);
        for (place, (instrument, parameters)) in (0..).zip(wanted) {
            places[*instrument as usize] = place;
            let one = BookFeatures::new(parameters)?;
            features.extend(std::iter::repeat_n(one, venues));
        }
        let instruments = wanted.iter().map(|(instrument, _)| *instrument).collect();
        Ok(Self { places, instruments, venues, features: features.into_boxed_slice() })
    }

    fn at(&self, venue: u8, instrument: u32) -> Option<usize> {
        let place = *self.places.get(instrument as usize)?;
        let is_there = place != NONE && usize::from(venue) < self.venues;
        is_there.then(|| place as usize * self.venues + usize::from(venue))
    }

    /// Takes an event in that `books`, those of its venue, have just applied; core time `now_ns`.
    #[inline]
    pub(super) fn update(&mut self, now_ns: u64, event: &MarketEvent, applied: &Applied, books: &VenueBooks) {
        if event.instrument == INSTRUMENT_ALL {
            return self.update_all(now_ns, event, applied, books);
        }
        if let Some(at) = self.at(event.venue, event.instrument) {
            self.features[at].update(now_ns, event, applied, &books.bbo(event.instrument));
        }
    }

    /// All books of a venue are forgotten, in doubt, or current again.
    #[cold]
    fn update_all(&mut self, now_ns: u64, event: &MarketEvent, applied: &Applied, books: &VenueBooks) {
        if !matches!(event.kind, EventKind::Clear | EventKind::Gap | EventKind::Recovered) {
            return;
        }
        for place in 0..self.instruments.len() {
            let instrument = self.instruments[place];
            if let Some(at) = self.at(event.venue, instrument) {
                self.features[at].update(now_ns, event, applied, &books.bbo(instrument));
            }
        }
    }

    /// The features of an instrument at a venue, if it has any.
    #[must_use]
    pub fn get(&self, venue: u8, instrument: u32) -> Option<&BookFeatures> {
        self.at(venue, instrument).map(|at| &self.features[at])
    }
}
