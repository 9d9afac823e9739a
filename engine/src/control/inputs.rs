//! The captures of a run: opened, scanned once for their symbols, and given dense venue numbers.

use std::path::PathBuf;

use feeds::directory::Directory;
use feeds::itch::feed::ItchFeed;
use feeds::source::file::Capture;
use feeds::source::pieces::{Found, Pieces};
use feeds::source::prescan::{Listing, Prescan, prescan};
use feeds::source::protocol::Protocol;
use feeds::source::stream::{EventStream, StreamConfig};
use kernels::cpu::book::{BookConfig, BookError};

use crate::control::config::Config;
use crate::control::failure::Failure;
use crate::control::recorded_lines::RecordedLines;
use crate::control::session_date::SessionDate;
use crate::control::universe::Universe;
use crate::pipeline::ingest::{Ingest, Input};
use crate::pipeline::live_feed::LiveFeed;
use crate::pipeline::recording::{LineRole, Recording};

/// Symbols that may be listed after the start.
const LATE_LISTINGS_MAX: usize = 256;

/// `FILE[@VENUE]` of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureArgument {
    /// The file.
    pub path: PathBuf,
    /// Name of its venue; `None` for the usual one of its protocol.
    pub venue: Option<String>,
}

impl std::str::FromStr for CaptureArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = text.rsplit_once('@').filter(|(file, venue)| {
            !file.is_empty() && !venue.is_empty() && venue.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        Ok(match named {
            Some((file, venue)) => Self { path: file.into(), venue: Some(venue.to_owned()) },
            None => Self { path: text.into(), venue: None },
        })
    }
}

/// One capture with what its first pass found.
pub struct VenueInput {
    /// The capture.
    pub capture: Capture,
    /// What one pass over it found, up to its first damaged part.
    pub scan: Prescan,
    /// Name of its venue; its dense number is its place in [`Inputs::venues`].
    pub venue: String,
    /// How its lines are put in order, when it holds several.
    pub lines: Option<RecordedLines>,
}

impl VenueInput {
    /// Finds the first packet, record or line with message `sequence`; what came from a snapshot server is passed over.
    /// `None` where it is not, or the capture is damaged before it.
    #[must_use]
    pub fn find(&self, sequence: u64) -> Option<Found<'_>> {
        let role_of = |line: u8| self.lines.as_ref().and_then(|lines| lines.roles.get(usize::from(line)));
        Pieces::new(&self.capture).find(sequence, |piece| role_of(piece.line) != Some(&LineRole::Snapshots))
    }
}

/// All captures of a run.
pub struct Inputs {
    /// One a venue, in the order of the command line.
    pub venues: Vec<VenueInput>,
    /// Session date.
    pub date: SessionDate,
}

impl Inputs {
    /// Opens and scans the captures, without a configuration.
    ///
    /// # Errors
    /// As [`Self::open_for`].
    pub fn open(arguments: &[CaptureArgument], date: Option<&str>) -> Result<Self, Failure> {
        Self::open_for(&Config::default(), arguments, date)
    }

    /// Opens and scans the captures of a configuration's venues: of a venue that has a feed, the datagrams that its
    /// lines and servers sent, whatever else the capture holds.
    ///
    /// # Errors
    /// A file that cannot be opened, a venue named twice, a date that is none, lines that cannot be told apart.
    pub fn open_for(
        config: &Config,
        arguments: &[CaptureArgument],
        date: Option<&str>,
    ) -> Result<Self, Failure> {
        let mut captures = Vec::new();
        for argument in arguments {
            let mut capture = Capture::open(&argument.path)?;
            let usual = || capture.default_venue().to_owned();
            let venue = argument.venue.clone().unwrap_or_else(usual);
            let feed = config.venues.iter().find(|known| known.name == venue).and_then(|v| v.feed.as_ref());
            let lines = RecordedLines::find(&mut capture, feed)?;
            captures.push((capture, venue, lines));
        }
        let name =
            arguments.first().and_then(|argument| argument.path.file_name()).map(|n| n.to_string_lossy());
        let date = match date {
            Some(text) => text.parse().map_err(Failure::Input)?,
            None => name.and_then(|n| SessionDate::in_file_name(&n)).unwrap_or(SessionDate::EPOCH),
        };
        Self::scan(captures, date)
    }

    /// Scans captures that are in memory already, each with the name of its venue.
    ///
    /// # Errors
    /// A venue named twice, or more venues than there are numbers.
    pub fn of_captures(captures: Vec<(Capture, String)>, date: SessionDate) -> Result<Self, Failure> {
        Self::scan(captures.into_iter().map(|(capture, venue)| (capture, venue, None)).collect(), date)
    }

    fn scan(
        captures: Vec<(Capture, String, Option<RecordedLines>)>,
        date: SessionDate,
    ) -> Result<Self, Failure> {
        if captures.is_empty() {
            return Err(Failure::Input("no capture given".to_owned()));
        }
        if captures.len() > feeds::directory::VENUES_MAX / 2 {
            return Err(Failure::Input(format!("{} captures; at most 8 venues in a run", captures.len())));
        }
        let mut venues: Vec<VenueInput> = Vec::with_capacity(captures.len());
        for (number, (capture, venue, lines)) in (0u8..).zip(captures) {
            if venues.iter().any(|other| other.venue == venue) {
                return Err(Failure::Input(format!(
                    "{}: venue {venue} has a capture already; name its venue as FILE@VENUE",
                    capture.name()
                )));
            }
            // A damaged part is reported when the replay reaches it: what is before it is still good.
            let (scan, _damage) = prescan(&capture, number);
            venues.push(VenueInput { capture, scan, venue, lines });
        }
        Ok(Self { venues, date })
    }

    /// Messages that the first pass found, over all captures.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.venues.iter().map(|input| input.scan.messages).sum()
    }

    /// The decoder of each venue's stream over its capture, merged; `line_latency_ns` where a capture has no receive
    /// time.
    ///
    /// # Errors
    /// A capture whose first message cannot be framed; the directory's.
    pub fn ingest(&self, line_latency_ns: u64) -> Result<Ingest<'_>, Failure> {
        let midnight_ns = self.date.eastern_midnight_ns();
        let mut sources = Vec::with_capacity(self.venues.len());
        for (venue, input) in (0u8..).zip(&self.venues) {
            let itch = ItchFeed::new(venue, midnight_ns, line_latency_ns);
            if let Some(lines) = &input.lines {
                let feed = LiveFeed::new(lines.arbiter, itch);
                let recording = Recording::new(&input.capture, lines.roles.clone(), feed)?;
                sources.push(Input::Recording(Box::new(recording)));
                continue;
            }
            let config = StreamConfig {
                line_latency_ns,
                instruments_max: (input.scan.listings.len() + LATE_LISTINGS_MAX).min(1 << 16),
                ..input.scan.stream.clone()
            };
            sources.push(match EventStream::new(&input.capture, config)? {
                Some(stream) => Input::Stream(Box::new(stream)),
                None => Input::Itch(&input.capture, itch),
            });
        }
        Ok(Ingest::new(sources, self.directory()?)?)
    }

    /// Words for a market event that does not fit its book, with its file and byte offset.
    #[must_use]
    pub fn book_failure(&self, error: BookError, venue: u8, sequence: u64) -> Failure {
        let Some(input) = self.venues.get(usize::from(venue)) else {
            return Failure::Input(format!("venue {venue}: {error}"));
        };
        let (offset, good) = input.find(sequence).map_or_else(Default::default, |found| {
            // Where every line brings a message, or a packet has one number for all of its messages, how many numbers
            // came before it says nothing.
            let counts = input.lines.is_none() && input.scan.protocol != Protocol::Mdp3;
            let good = counts.then(|| format!("; {} messages were good before it", found.before));
            (format!("byte {} ", found.offset()), good.unwrap_or_default())
        });
        let check = match input.scan.protocol {
            Protocol::Itch => "complete from the start of the day, and of one venue",
            Protocol::Dbn => "of one publisher, and starts with a snapshot or with the session",
            Protocol::IexTp | Protocol::Mdp3 => "complete from a snapshot or the start of the session",
            Protocol::Binance => "one stream's, each line once",
        };
        Failure::Input(format!(
            "{}: {offset}(message {sequence}): {error}{good}. Check that the capture is {check}",
            input.capture.name(),
        ))
    }
}

impl Universe for Inputs {
    fn directory(&self) -> Result<Directory, Failure> {
        let symbols = self.venues.iter().flat_map(|input| input.scan.listings.iter().map(|l| l.symbol));
        let too_many = |error| Failure::Input(format!("symbol directory: {error}"));
        let mut directory = Directory::new(symbols.collect(), LATE_LISTINGS_MAX).map_err(too_many)?;
        for input in &self.venues {
            input.scan.list_into(&mut directory).map_err(too_many)?;
        }
        Ok(directory)
    }

    fn date(&self) -> SessionDate {
        self.date
    }

    fn venue_count(&self) -> u8 {
        self.venues.len() as u8
    }

    /// What its capture adds, at most a full market.
    fn book_config(&self, venue: u8) -> BookConfig {
        self.venues
            .get(usize::from(venue))
            .map_or_else(BookConfig::default, |input| book_config_of(&input.scan))
    }
}

/// Tables for what a capture adds, at most a full market's.
#[must_use]
pub fn book_config_of(scan: &Prescan) -> BookConfig {
    let full = BookConfig::default();
    let sum = |of: fn(&Listing) -> u64| -> usize {
        let total: u64 = scan.listings.iter().map(of).sum();
        usize::try_from(total).unwrap_or(usize::MAX)
    };
    let orders_max = sum(|listing| listing.order_adds).clamp(1 << 10, full.orders_max);
    let levels_max = sum(Listing::activity).clamp(1 << 10, full.levels_max);
    BookConfig { orders_max, levels_max, price_tick: scan.price_tick, ..full }
}
