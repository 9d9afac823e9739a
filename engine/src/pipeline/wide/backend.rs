//! Who computes wide work: the seam between the deciding stage and the CPU or a device.
//!
//! All calls come from the thread that decides. For each market event that its book has taken, in the order of the
//! sequence:
//!
//! 1. [`WideBackend::book_changed`] for each wide listing that the event is about, with the event and the books after it:
//!    a device keeps its replica by it, and makes one anew from the books; the CPU needs none.
//! 2. [`WideBackend::touch_changed`] for each listing whose best prices, or whether it counts, are others at the end of
//!    an event, all of them before any request.
//! 3. [`WideBackend::volatilities_changed`] behind a finished surface, before the request that it leads to.
//! 4. [`WideBackend::request`] for each request. What is answered to it is computed from the state of this moment, whatever
//!    changes before the answer is fetched.
//!
//! [`WideBackend::answer`] fetches the answer to the oldest request that has none: waiting for it where time is virtual,
//! else looking whether it is there. So answers come in the order of requests, whoever computes.
//!
//! An answer holds the items that are others than in the item's last answer, in ascending order of their keys, and the
//! values are the same bits whoever computed them (`kernels::abi`). No call may allocate.

use super::{ComputedBy, SurfaceVol, TouchChange, WideListing, WideRequest};
use feeds::event::MarketEvent;
use kernels::abi::WideItem;
use kernels::cpu::book::VenueBooks;

/// How long the deciding stage waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Until it is there: virtual time stands still meanwhile. A device that does not answer is given up, and the CPU
    /// answers instead.
    Wait,
    /// Not at all: a look.
    Look,
}

/// An answer as a backend hands it over.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Who has computed it.
    pub computed_by: ComputedBy,
    /// Somebody else should have, and did not in time.
    pub is_fallback: bool,
    /// Ticks that the relations took; 0: not measured, or none.
    pub scan_ticks: u64,
    /// Ticks that the options took; 0: not measured, or none.
    pub price_ticks: u64,
    /// What has changed, in ascending order of the keys.
    pub items: &'a [WideItem],
}

/// See the module's text.
pub trait WideBackend: Send {
    /// Who computes when nothing goes wrong.
    fn computes_by(&self) -> ComputedBy;

    /// The book of a wide listing has taken an event of it or of its whole venue; `books` are those of all venues, after
    /// it.
    fn book_changed(&mut self, listing: u32, event: &MarketEvent, books: &[VenueBooks]) {
        let _ = (listing, event, books);
    }

    /// A listing's touch, or whether it counts, has changed.
    fn touch_changed(&mut self, change: &TouchChange);

    /// Options have other volatilities from now on.
    fn volatilities_changed(&mut self, vols: &[SurfaceVol]);

    /// Everything that depends on the request's listing is to be computed; `books` are those of all venues.
    fn request(&mut self, request: &WideRequest, books: &[VenueBooks]);

    /// The answer to `request`, the oldest that has none; always one with [`Patience::Wait`].
    fn answer(&mut self, request: &WideRequest, patience: Patience) -> Option<Answered<'_>>;

    /// An event is over: all that it changed was told, all that it asked for was asked. A device that comes back takes the
    /// books from here.
    fn settle(&mut self, books: &[VenueBooks], listings: &[WideListing]) {
        let _ = (books, listings);
    }

    /// Answers that were held against the CPU's and are others: such a run has failed.
    fn differences(&self) -> u64 {
        0
    }

    /// A few words for the report, where there is something to say.
    fn note(&self) -> Option<String> {
        None
    }
}
