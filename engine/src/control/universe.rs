//! What a run is about, whether it comes from captures or from live lines: the symbols with their dense numbers, the
//! session date, and how large each venue's books may grow.

use feeds::directory::Directory;
use kernels::cpu::book::BookConfig;

use crate::control::failure::Failure;
use crate::control::session_date::SessionDate;

/// See the module's text.
pub trait Universe {
    /// The symbols known at the start, and room for late listings.
    ///
    /// # Errors
    /// More symbols than the engine can number.
    fn directory(&self) -> Result<Directory, Failure>;

    /// Session date.
    fn date(&self) -> SessionDate;

    /// Venues, numbered below this.
    fn venue_count(&self) -> u8;

    /// Sizes of one venue's book tables; `instruments_max` is the caller's to set.
    fn book_config(&self, venue: u8) -> BookConfig;
}
