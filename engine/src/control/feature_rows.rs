//! The `--features` file of `warptick book`: microstructure features of every book, a row a change of its top.
//!
//! Cold: it allocates, formats and writes; the features themselves are those of `kernels::cpu::features`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent};
use feeds::symbol::Symbol;
use feeds::units::PRICE_NONE;
use kernels::cpu::book::{Applied, VenueBooks};
use kernels::cpu::features::{BookFeatures, FeatureParameters, FeatureValues, IMBALANCE_NONE, VPIN_NONE};
use kernels::cpu::volatility::SIGMA_NONE;

use crate::control::failure::Failure;

/// The first line: prices and ratios in 1e-9, times in UTC ns, flows in quantity units; an empty field is "none yet".
pub const HEADER: &str = "messages_consumed,ts_ns,venue,symbol,microprice_e9,queue_imbalance_e9,order_flow,\
                          order_flow_interval,vpin_e9,sigma_e9";

/// The file and the features of all books, made when a book's first event comes.
pub struct FeatureRows {
    out: BufWriter<File>,
    path: String,
    parameters: FeatureParameters,
    /// By venue, then instrument.
    features: Vec<Vec<Option<Box<BookFeatures>>>>,
}

impl FeatureRows {
    /// Begins the file.
    ///
    /// # Errors
    /// A parameter out of range; a file that cannot be written.
    pub fn create(
        path: &Path,
        parameters: FeatureParameters,
        venues: usize,
        instruments_max: usize,
    ) -> Result<Self, Failure> {
        parameters.validate().map_err(|error| Failure::Input(format!("--features: {error}")))?;
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| Failure::Input(format!("{name}: {error}")))?;
        let features = vec![vec![None; instruments_max]; venues];
        let out = BufWriter::with_capacity(1 << 20, file);
        let mut rows = Self { out, path: name, parameters, features };
        rows.put(&format!("{HEADER}\n"))?;
        Ok(rows)
    }

    fn put(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes()).map_err(|error| Failure::Input(format!("{}: {error}", self.path)))
    }

    /// Takes an event in that `books` have just applied.
    pub fn update(&mut self, event: &MarketEvent, applied: &Applied, books: &VenueBooks) {
        let Some(features) = self.features.get_mut(usize::from(event.venue)) else { return };
        if event.instrument == INSTRUMENT_ALL {
            // A venue whose books are forgotten or in doubt: each begins anew.
            if matches!(event.kind, EventKind::Clear | EventKind::Gap | EventKind::Recovered) {
                for (instrument, features) in (0..).zip(features) {
                    let Some(features) = features else { continue };
                    features.update(event.receive_ns, event, applied, &books.bbo(instrument));
                }
            }
            return;
        }
        let Some(features) = features.get_mut(event.instrument as usize) else { return };
        let features = features.get_or_insert_with(|| {
            Box::new(BookFeatures::new(&self.parameters).expect("checked when the file was made"))
        });
        features.update(event.receive_ns, event, applied, &books.bbo(event.instrument));
    }

    /// Writes the row of the event's book.
    ///
    /// # Errors
    /// The file's.
    pub fn write(
        &mut self,
        messages: u64,
        event: &MarketEvent,
        venue: &str,
        symbol: Option<Symbol>,
    ) -> Result<(), Failure> {
        let book =
            self.features.get(usize::from(event.venue)).and_then(|of| of.get(event.instrument as usize));
        let Some(Some(features)) = book else { return Ok(()) };
        let FeatureValues { microprice, queue_imbalance_e9, order_flow, order_flow_interval, vpin_e9, sigma } =
            features.values(event.receive_ns);
        let signed = |value: i64, none: i64| if value == none { String::new() } else { value.to_string() };
        let unsigned = |value: u64, none: u64| if value == none { String::new() } else { value.to_string() };
        let symbol = symbol.map_or_else(String::new, |symbol| symbol.to_string());
        self.put(&format!(
            "{messages},{},{venue},{symbol},{},{},{order_flow},{order_flow_interval},{},{}\n",
            event.exchange_ns,
            signed(microprice, PRICE_NONE),
            signed(queue_imbalance_e9, IMBALANCE_NONE),
            unsigned(vpin_e9, VPIN_NONE),
            unsigned(sigma, SIGMA_NONE),
        ))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The file's.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| Failure::Input(format!("{}: {error}", self.path)))
    }
}
