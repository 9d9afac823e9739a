//! `warptick book`: build the books of captures, and nothing else.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use feeds::event::{MarketEvent, flags};
use feeds::source::protocol::Protocol;
use feeds::units::{ITCH_PRICE4_UNIT, NS_PER_S, PRICE_NONE, TIME_NONE};
use kernels::cpu::book::{Bbo, VenueBooks};
use kernels::cpu::features::FeatureParameters;

use crate::control::atomic_file;
use crate::control::book_bench;
use crate::control::book_hash;
use crate::control::failure::Failure;
use crate::control::feature_rows::FeatureRows;
use crate::control::inputs::{Inputs, VenueInput};
use crate::control::progress::Progress;
use crate::control::shutdown;
use crate::control::startup;
use crate::control::stream_bench;
use crate::control::universe::Universe;

/// Instruments whose last BBO is printed.
const SHOWN: usize = 20;

/// What building the books gave.
pub struct BookReport {
    /// Messages decoded.
    pub messages: u64,
    /// Market events applied.
    pub events: u64,
    /// Messages known to be missing.
    pub gaps: u64,
    /// One hash over all books, by symbol.
    pub book_hash: u64,
    /// The books, one table a venue.
    pub books: Vec<VenueBooks>,
    /// Why it ended early, if it did.
    pub failure: Option<Failure>,
    /// The instruments whose best bid and offer changed most often.
    active: Vec<Active>,
}

/// What became of one book.
#[derive(Clone, Copy)]
struct Active {
    venue: u8,
    instrument: u32,
    tops: Tops,
}

/// How often a best bid and offer changed, and what it last was while there was any.
#[derive(Clone, Copy)]
struct Tops {
    changes: u64,
    /// It has changed within a market message that has not ended.
    unended: bool,
    shown: Bbo,
    /// When the book became empty, by the exchange's clock, UTC ns; of no meaning while it is not.
    emptied_ns: u64,
}

impl Tops {
    const NONE: Self = Self { changes: 0, unended: false, shown: Bbo::EMPTY, emptied_ns: TIME_NONE };

    /// Takes an event in, which may have changed the top: what counts as shown is what a market message leaves.
    fn note(&mut self, event: &MarketEvent, bbo_changed: bool, books: &VenueBooks) {
        self.changes += u64::from(bbo_changed);
        self.unended |= bbo_changed;
        if self.unended && event.flags & flags::LAST_OF_EVENT != 0 {
            self.unended = false;
            match books.bbo(event.instrument) {
                Bbo::EMPTY => self.emptied_ns = event.exchange_ns,
                bbo => self.shown = bbo,
            }
        }
    }
}

/// What building the books is to write besides.
#[derive(Clone, Copy, Default)]
pub struct BookFiles<'a> {
    /// `--bbo`: a row after each message that changed its instrument's best bid or offer.
    pub bbo: Option<&'a Path>,
    /// `--features`: the book's features after each of these messages, and what they are measured over.
    pub features: Option<(&'a Path, FeatureParameters)>,
}

/// Builds the books of all captures, and the files that are wanted.
///
/// # Errors
/// When the tables or the output file cannot be made. A damaged capture is in [`BookReport::failure`] instead, beside
/// what came before the damage.
pub fn build(inputs: &Inputs, files: BookFiles<'_>) -> Result<BookReport, Failure> {
    let mut ingest = inputs.ingest(0)?;
    let instruments_max = ingest.directory().capacity();
    let mut books = Vec::new();
    for venue in 0..inputs.venues.len() as u8 {
        books.push(startup::venue_books(inputs, venue, instruments_max)?);
    }
    let mut rows = files.bbo.map(|path| BboRows::create(path, inputs)).transpose()?;
    let feature_rows = files.features.map(|(path, parameters)| {
        FeatureRows::create(path, parameters, inputs.venues.len(), instruments_max)
    });
    let mut feature_rows = feature_rows.transpose()?;
    let mut tops = vec![vec![Tops::NONE; instruments_max]; books.len()];
    let mut progress = Progress::start("messages", Some(inputs.messages()));
    let mut events = 0;
    let mut gaps = 0;
    let failure = loop {
        let event = match ingest.next_message() {
            Ok(None) => break None,
            Ok(Some(event)) => event,
            Err(error) => break Some(Failure::from(error)),
        };
        if ingest.messages() & 0xffff == 0 {
            progress.update(ingest.messages());
            if shutdown::signalled() {
                break Some(Failure::Stopped(format!("stopped after {} messages", ingest.messages())));
            }
        }
        let Some(event) = event else { continue };
        let table = &mut books[usize::from(event.venue)];
        let applied = match table.apply(&event) {
            Ok(applied) => applied,
            Err(error) => break Some(inputs.book_failure(error, event.venue, event.sequence)),
        };
        events += 1;
        if event.kind == feeds::event::EventKind::Gap {
            gaps += event.quantity;
        }
        if let Some(rows) = &mut feature_rows {
            rows.update(&event, &applied, table);
        }
        // A clear of the whole venue names no instrument; the snapshot behind it brings each one's rows.
        let Some(tops) = tops[usize::from(event.venue)].get_mut(event.instrument as usize) else { continue };
        tops.note(&event, applied.bbo_changed, table);
        if applied.bbo_changed {
            let symbol = ingest.directory().symbol(event.instrument);
            if let Some(rows) = &mut rows {
                rows.write(ingest.messages(), &event, symbol, table.bbo(event.instrument))?;
            }
            if let Some(rows) = &mut feature_rows {
                let venue = &inputs.venues[usize::from(event.venue)].venue;
                rows.write(ingest.messages(), &event, venue, symbol)?;
            }
        }
    };
    progress.finish();
    rows.map_or(Ok(()), BboRows::finish)?;
    feature_rows.map_or(Ok(()), FeatureRows::finish)?;
    Ok(BookReport {
        messages: ingest.messages(),
        events,
        gaps,
        active: most_active(&tops),
        book_hash: book_hash::by_symbol(&books, ingest.directory()),
        books,
        failure,
    })
}

fn most_active(tops: &[Vec<Tops>]) -> Vec<Active> {
    let mut active: Vec<Active> = Vec::new();
    for (venue, tops) in (0u8..).zip(tops) {
        let all = (0u32..).zip(tops).map(|(instrument, &tops)| Active { venue, instrument, tops });
        active.extend(all.filter(|one| one.tops.changes > 0));
    }
    active.sort_unstable_by_key(|one| (std::cmp::Reverse(one.tops.changes), one.venue, one.instrument));
    active.truncate(SHOWN);
    active
}

/// `--bench`: times decoding, and decoding with books, over captures that are in memory; several passes, medians.
///
/// # Errors
/// A capture that cannot be read to its end.
pub fn bench(inputs: &Inputs) -> Result<String, Failure> {
    if inputs.venues.iter().any(|input| input.scan.protocol != Protocol::Itch) {
        return stream_bench::bench(inputs);
    }
    let captures: Vec<_> = (0u8..)
        .zip(&inputs.venues)
        .map(|(venue, input)| book_bench::VenueCapture { capture: &input.capture, venue })
        .collect();
    let bench = book_bench::bench(&captures);
    let bench = bench.map_err(|error| Failure::Input(error.to_string()))?;
    let one = bench.one_at_a_time;
    Ok(format!(
        "messages      {}\ndecode: {:.1} ns{}\ndecode + book: {:.1} ns ({})\none message at a time: p50 {:.0} ns, p90 \
         {:.0} ns, p99 {:.0} ns (of which the stamp {:.0} ns)\nbbo_checksum  {}\nlive orders   {}\nlive levels   {}\nbook \
         errors   {}\n",
        bench.messages,
        bench.decode_ns_per_message,
        if bench.in_cache { " (in cache)" } else { "" },
        bench.decode_and_book_ns_per_message,
        if bench.look_ahead { "with look-ahead" } else { "without look-ahead" },
        one.p50_ns,
        one.p90_ns,
        one.p99_ns,
        one.stamp_ns,
        bench.bbo_checksum,
        bench.live_orders,
        bench.live_levels,
        bench.book_errors
    ))
}

impl BookReport {
    /// Writes messages, events, gaps, live orders and the book hash as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_summary(&self, path: &Path) -> Result<(), Failure> {
        let live: usize = self.books.iter().map(VenueBooks::live_orders).sum();
        let summary = serde_json::json!({
            "messages": self.messages,
            "events": self.events,
            "gaps": self.gaps,
            "live_orders": live,
            "book_hash": format!("{:016x}", self.book_hash),
        });
        atomic_file::write(path, format!("{summary:#}\n").as_bytes())
            .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
    }

    /// Writes the report for the terminal.
    ///
    /// # Errors
    /// The writer's.
    pub fn print(&self, inputs: &Inputs, out: &mut impl Write) -> std::io::Result<()> {
        let live: usize = self.books.iter().map(VenueBooks::live_orders).sum();
        let levels: usize = self.books.iter().map(VenueBooks::live_levels).sum();
        let crossed: u64 = self.books.iter().map(VenueBooks::crossed_events).sum();
        writeln!(out, "messages      {}", self.messages)?;
        writeln!(out, "events        {}", self.events)?;
        writeln!(out, "live orders   {live}")?;
        writeln!(out, "live levels   {levels}")?;
        writeln!(out, "gaps          {} messages missing", self.gaps)?;
        writeln!(out, "crossed       {crossed} events in continuous trading")?;
        writeln!(out, "book hash     {:016x}", self.book_hash)?;
        let Ok(directory) = inputs.directory() else { return Ok(()) };
        writeln!(
            out,
            "\n{:<16} {:<10} {:>16} {:>14} {:>16} {:>14}",
            "symbol", "venue", "bid", "size", "ask", "size"
        )?;
        for &Active { venue, instrument, tops } in &self.active {
            let bbo = self.books[usize::from(venue)].bbo(instrument);
            let symbol = directory.symbol(instrument).map_or_else(|| "?".to_owned(), |s| s.to_string());
            let name = &inputs.venues[usize::from(venue)].venue;
            writeln!(out, "{symbol:<16} {name:<10} {}{}", sides(bbo), tops.end(bbo))?;
        }
        let empty = self
            .active
            .iter()
            .filter(|one| self.books[usize::from(one.venue)].bbo(one.instrument) == Bbo::EMPTY);
        match empty.count() {
            0 => Ok(()),
            empty => writeln!(
                out,
                "\n{empty} of these {} books are empty at the end of the capture: behind each is what it showed last",
                self.active.len()
            ),
        }
    }
}

/// Both sides of a best bid and offer, in columns.
fn sides(bbo: Bbo) -> String {
    let (bid, ask) = (decimal(bbo.bid_px), decimal(bbo.ask_px));
    format!("{bid:>16} {:>14} {ask:>16} {:>14}", bbo.bid_qty, bbo.ask_qty)
}

impl Tops {
    /// Words behind the row of a book that ends as `bbo`: none while it shows something.
    fn end(&self, bbo: Bbo) -> String {
        if bbo != Bbo::EMPTY || self.shown == Bbo::EMPTY {
            return String::new();
        }
        let side = |price, quantity: u64| match price {
            PRICE_NONE => "none".to_owned(),
            _ => format!("{} x {quantity}", decimal(price)),
        };
        let second = self.emptied_ns / NS_PER_S % 86_400;
        format!(
            "  empty since {:02}:{:02}:{:02} UTC; before that bid {}, offer {}",
            second / 3600,
            second / 60 % 60,
            second % 60,
            side(self.shown.bid_px, self.shown.bid_qty),
            side(self.shown.ask_px, self.shown.ask_qty)
        )
    }
}

/// A price for people: at least two decimals, at most nine.
#[must_use]
pub fn decimal(price: i64) -> String {
    if price == PRICE_NONE {
        return "-".to_owned();
    }
    let (whole, fraction) = (price / 1_000_000_000, (price % 1_000_000_000).unsigned_abs());
    let digits = format!("{fraction:09}");
    let kept = digits.trim_end_matches('0').len().max(2);
    let sign = if price < 0 && whole == 0 { "-" } else { "" };
    format!("{sign}{whole}.{}", &digits[..kept])
}

/// How a venue's rows are written.
#[derive(Clone, Copy)]
struct BboUnit {
    /// Price units (1e-9) in one unit of the file.
    price: i64,
    /// UTC ns that times count from.
    time_zero_ns: u64,
}

impl BboUnit {
    /// ITCH: its own price unit and ns since Eastern midnight. The others: 1e-9 and UTC ns.
    fn of(input: &VenueInput, midnight_ns: u64) -> Self {
        match input.scan.protocol {
            Protocol::Itch => Self { price: ITCH_PRICE4_UNIT, time_zero_ns: midnight_ns },
            _ => Self { price: 1, time_zero_ns: 0 },
        }
    }
}

/// The `--bbo` file. Its header is the same for every protocol; the units are the feed's ([`BboUnit`]).
struct BboRows {
    out: BufWriter<File>,
    path: String,
    /// By venue.
    units: Vec<BboUnit>,
}

impl BboRows {
    fn create(path: &Path, inputs: &Inputs) -> Result<Self, Failure> {
        let midnight_ns = inputs.date.eastern_midnight_ns();
        let units = inputs.venues.iter().map(|input| BboUnit::of(input, midnight_ns)).collect();
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| Failure::Input(format!("{name}: {error}")))?;
        let mut rows = Self { out: BufWriter::with_capacity(1 << 20, file), path: name, units };
        rows.put("messages_consumed,ts_ns,symbol,bid_px,bid_sz,ask_px,ask_sz\n")?;
        Ok(rows)
    }

    fn put(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes()).map_err(|error| Failure::Input(format!("{}: {error}", self.path)))
    }

    fn write(
        &mut self,
        messages: u64,
        event: &MarketEvent,
        symbol: Option<feeds::symbol::Symbol>,
        bbo: Bbo,
    ) -> Result<(), Failure> {
        let Some(units) = self.units.get(usize::from(event.venue)) else { return Ok(()) };
        let unit = |price: i64| if price == PRICE_NONE { 0 } else { price / units.price };
        let symbol = symbol.map_or_else(String::new, |symbol| symbol.to_string());
        let (bid, ask) = (unit(bbo.bid_px), unit(bbo.ask_px));
        let time_ns = event.exchange_ns.saturating_sub(units.time_zero_ns);
        self.put(&format!("{messages},{time_ns},{symbol},{bid},{},{ask},{}\n", bbo.bid_qty, bbo.ask_qty))
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| Failure::Input(format!("{}: {error}", self.path)))
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;
    use feeds::units::PRICE_NONE;

    #[test]
    fn prices_for_people() {
        for (price, text) in [
            (209_250_000_000, "209.25"),
            (1_000_000_000, "1.00"),
            (123_400_000, "0.1234"),
            (-500_000_000, "-0.50"),
            (1, "0.000000001"),
            (PRICE_NONE, "-"),
        ] {
            assert_eq!(decimal(price), text);
        }
    }
}
