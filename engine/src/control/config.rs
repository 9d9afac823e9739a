//! Configuration: one small typed struct a stage, read from TOML once and checked before anything starts.
//!
//! Decimal fractions for money in TOML would be floats, so every money field is an integer in
//! 1e-9 of the currency and says so in its name. A field that is not given has the default written here; a field that
//! does not exist is an error.

use kernels::cpu::book::BookConfig;
use serde::{Deserialize, Serialize};

use crate::control::features_config::FeaturesConfig;
use crate::control::feed_config::FeedLinesConfig;
use crate::control::fix_config::FixConfig;
use crate::control::journal_config::JournalConfig;
use crate::control::logon_config::{self, LogonConfig};
use crate::control::operator_config::OperatorConfig;
use crate::control::parent_config::ParentOrderConfig;
use crate::control::placement_config::PlacementConfig;
pub use crate::control::risk_config::{LimitsConfig, RiskConfig, StrategyRiskConfig};
use crate::control::schedule_config::ScheduleConfig;
use crate::control::session_date::SessionDate;
use crate::control::transport_config::{ReconnectConfig, TlsConfig, TransportKind};
use crate::control::wide_config::WideConfig;
use crate::strategy::arbitrage_taker::ArbitrageTakerConfig;
use crate::strategy::market_maker::MarketMakerConfig;

/// Longest virtual latency: far beyond any link, and far from overflowing a time.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// Longest interval of the strategies' timer.
const TIMER_MS_MAX: u64 = 86_400_000;

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Session date, `YYYY-MM-DD`; else `--date`, else the date in the capture's name, else 1970-01-01.
    pub date: Option<String>,
    /// Threads and rings.
    pub pipeline: PipelineConfig,
    /// Which CPU each thread has; without it `pipeline.cores`, without that a rule.
    #[serde(skip_serializing_if = "PlacementConfig::is_empty")]
    pub placement: PlacementConfig,
    /// Virtual latencies of a replay.
    pub latency: LatencyConfig,
    /// Limits of the whole engine.
    pub risk: RiskConfig,
    /// Limits of every instrument that gives none of its own.
    pub limits: LimitsConfig,
    /// How the journal is kept.
    pub journal: JournalConfig,
    /// Venues, in the order of their dense numbers. Those of the command line are added.
    pub venues: Vec<VenueConfig>,
    /// How a live run comes back to a venue that it lost.
    pub reconnect: ReconnectConfig,
    /// The operator port and the watchdog of a live run.
    pub operator: OperatorConfig,
    /// Sizes of each venue's books in a live run; a replay knows from its captures.
    pub books: BooksConfig,
    /// Instruments that may be traded, and by which strategies.
    pub instruments: Vec<InstrumentConfig>,
    /// Instruments whose microstructure features are kept for strategies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<FeaturesConfig>,
    /// Quantities to be bought or sold today, split over the venues.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parent_orders: Vec<ParentOrderConfig>,
    /// Relations and option chains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wide: Option<WideConfig>,
}

/// How the stages are laid out on cores.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// All hot stages fused on one core: no hop between cores on the way of an order.
    #[default]
    Inline,
    /// One core a stage, joined by rings: the highest rate.
    Split,
}

impl Topology {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Split => "split",
        }
    }
}

/// Threads and rings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineConfig {
    /// Overridden by `--topology`.
    pub topology: Topology,
    /// Cores for the hot stages in the order ingest, decide, order entry, venue; empty: chosen from what is there.
    pub cores: Vec<usize>,
    /// Slots of the market rings (events).
    pub market_ring: usize,
    /// Slots of the order ring; a quarter is for cancels only.
    pub order_ring: usize,
    /// Slots of the execution ring.
    pub execution_ring: usize,
    /// Interval of the strategies' timer, ms of core time; 0: none.
    pub timer_ms: u64,
    /// Most open orders of ours at once.
    pub open_orders_max: usize,
    /// Most order messages of a session.
    pub messages_max: usize,
    /// When `inline` walks the path of an order on a miniature engine, to keep its code warm.
    pub rehearse: Rehearse,
    /// Lock what is mapped when a paced or live run begins, so that none of it is paged out.
    pub lock_memory: bool,
}

/// When the path of an order is rehearsed; see [`crate::pipeline::rehearsal`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rehearse {
    /// Never.
    Off,
    /// Before trading begins, and when nothing is due.
    #[default]
    Idle,
    /// After every system call too, even when messages wait: the lowest service time, and a lower highest rate.
    Always,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            topology: Topology::Inline,
            cores: Vec::new(),
            market_ring: 4096,
            order_ring: 1024,
            execution_ring: 1024,
            timer_ms: 1000,
            open_orders_max: 4096,
            messages_max: 4_000_000,
            rehearse: Rehearse::Idle,
            lock_memory: true,
        }
    }
}

/// Virtual latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LatencyConfig {
    /// From an order's decision to its arrival at the venue, ns, at least 1.
    pub order_ns: u64,
    /// From an event at the venue to its execution's being an input, ns, at least 1.
    pub fill_ns: u64,
    /// From the exchange's time stamp to our receive time where the capture has no receive time, ns.
    pub line_ns: u64,
}

impl Default for LatencyConfig {
    /// A co-located desk on a kernel socket: some microseconds each way.
    fn default() -> Self {
        Self { order_ns: 20_000, fill_ns: 20_000, line_ns: 5_000 }
    }
}

/// Sizes of each venue's books in a live run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BooksConfig {
    /// Symbols of the feeds that the configuration does not name: they are booked, not traded.
    pub late_listings_max: usize,
    /// Live orders of a venue.
    pub orders_max: usize,
    /// Live price levels of a venue.
    pub levels_max: usize,
    /// Price unit of the books, 1e-9; 100,000 is ITCH's 0.0001 dollar.
    pub price_tick_e9: i64,
}

impl Default for BooksConfig {
    /// A full US equity venue, about 350 MB.
    fn default() -> Self {
        let books = BookConfig::default();
        Self {
            late_listings_max: books.instruments_max,
            orders_max: books.orders_max,
            levels_max: books.levels_max,
            price_tick_e9: books.price_tick,
        }
    }
}

/// The protocol of a venue's order entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderProtocol {
    /// FIX, see `[venues.fix]`.
    #[default]
    Fix,
    /// OUCH 5.0 over SoupBinTCP.
    Ouch,
}

/// A venue and the session to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueConfig {
    /// The name used in `FILE@VENUE` and in instruments.
    pub name: String,
    /// What its order entry speaks. The CompIDs and HeartBtInt are FIX's; OUCH logs in with `[venues.logon]`.
    #[serde(default)]
    pub protocol: OrderProtocol,
    /// Our SenderCompID(49).
    #[serde(default = "default_comp_id")]
    pub sender_comp_id: String,
    /// The venue's CompID, our TargetCompID(56); the venue's name when empty.
    #[serde(default)]
    pub target_comp_id: String,
    /// HeartBtInt(108), s.
    #[serde(default = "default_heartbeat_s")]
    pub heartbeat_s: u32,
    /// `HOST:PORT` of its FIX acceptor for paced replay; empty: the built-in venue on loopback.
    #[serde(default)]
    pub address: String,
    /// Fee of taking a share, 1e-9; negative is a rebate.
    #[serde(default = "default_taker_fee_e9")]
    pub taker_fee_e9: i64,
    /// Fee of giving a share, 1e-9; negative is a rebate.
    #[serde(default)]
    pub maker_fee_e9: i64,
    /// New orders and replaces a second to it; without it only `[risk]` limits them.
    #[serde(default)]
    pub messages_per_s: Option<u32>,
    /// How many may come at once after a quiet time; as many as a second when not given.
    #[serde(default)]
    pub messages_burst: Option<u32>,
    /// Which system calls move its session's bytes.
    #[serde(default)]
    pub transport: TransportKind,
    /// How long the kernel may poll the network card in a receive (SO_BUSY_POLL), us; 0: as the host is set.
    #[serde(default)]
    pub busy_poll_us: u32,
    /// Whether the venue cancels our open orders when the session's connection is gone. A live run refuses one that does not,
    /// unless `operator.accept_no_cancel_on_disconnect` says so.
    #[serde(default = "default_cancel_on_disconnect")]
    pub cancel_on_disconnect: bool,
    /// TLS; without it bytes go as they are.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// What its FIX session is like.
    #[serde(default)]
    pub fix: FixConfig,
    /// When its FIX session is open, live and at `warptick venue`; without it always. A replay keeps no hours.
    #[serde(default)]
    pub schedule: Option<ScheduleConfig>,
    /// How we prove who we are.
    #[serde(default)]
    pub logon: LogonConfig,
    /// Its market data on the network; without it only captures have any.
    #[serde(default)]
    pub feed: Option<FeedLinesConfig>,
}

fn default_comp_id() -> String {
    "WARPTICK".to_owned()
}

fn default_cancel_on_disconnect() -> bool {
    true
}

fn default_heartbeat_s() -> u32 {
    30
}

/// 0.0030 a share: NASDAQ's standard fee for removing liquidity.
fn default_taker_fee_e9() -> i64 {
    3_000_000
}

impl VenueConfig {
    /// A venue with every default.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            protocol: OrderProtocol::Fix,
            sender_comp_id: default_comp_id(),
            target_comp_id: String::new(),
            heartbeat_s: default_heartbeat_s(),
            address: String::new(),
            taker_fee_e9: if name == "BX" { 500_000 } else { default_taker_fee_e9() },
            maker_fee_e9: 0,
            messages_per_s: None,
            messages_burst: None,
            transport: TransportKind::Tcp,
            busy_poll_us: 0,
            tls: None,
            fix: FixConfig::default(),
            schedule: None,
            logon: LogonConfig::default(),
            cancel_on_disconnect: true,
            feed: None,
        }
    }

    fn check(&self) -> Result<(), String> {
        if let Some(feed) = &self.feed {
            feed.check()?;
        }
        if let Some(tls) = &self.tls {
            tls.check()?;
            if self.transport == TransportKind::Uring {
                return Err(
                    "transport = \"uring\" and TLS exclude each other: TLS goes over plain TCP".to_owned()
                );
            }
        }
        if self.protocol == OrderProtocol::Ouch {
            self.logon.check_soup()?;
        }
        if let Some(schedule) = &self.schedule {
            schedule.schedule()?;
            if self.protocol == OrderProtocol::Ouch {
                return Err("schedule: an OUCH session is one day of the venue's: leave [venues.schedule] out, it is \
                            for FIX"
                    .to_owned());
            }
        }
        if self.messages_per_s == Some(0) || self.messages_burst == Some(0) {
            return Err("messages_per_s and messages_burst are at least 1".to_owned());
        }
        self.fix.check()?;
        self.logon.check()
    }

    /// TargetCompID(56).
    #[must_use]
    pub fn target(&self) -> &str {
        if self.target_comp_id.is_empty() { &self.name } else { &self.target_comp_id }
    }
}

/// One instrument that may be traded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentConfig {
    /// Symbol as the feed writes it.
    pub symbol: String,
    /// Its limits; the common ones when absent.
    pub limits: Option<LimitsConfig>,
    /// Quote it with the market maker, on this venue.
    pub market_maker: Option<MarketMakerEntry>,
    /// Take cross-venue arbitrage in it.
    pub arbitrage: Option<ArbitrageTakerConfig>,
}

/// A market maker on one venue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketMakerEntry {
    /// Venue that it quotes on.
    pub venue: String,
    /// Its parameters.
    #[serde(default)]
    pub parameters: MarketMakerConfig,
}

impl Config {
    /// Reads and checks TOML text; `name` is for error texts.
    ///
    /// # Errors
    /// What is wrong, with the file's name and, where the parser knows it, the line.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        if let Ok(table) = text.parse::<toml::Table>() {
            // First, since the typed parser quotes the line that it refuses.
            logon_config::refuse_secrets(&table).map_err(|what| format!("{name}: {what}"))?;
        }
        let mut config: Self = toml::from_str(text).map_err(|error| format!("{name}: {error}"))?;
        config.inherit_limits(text);
        config.check().map_err(|what| format!("{name}: {what}"))?;
        Ok(config)
    }

    /// A limit that an instrument does not give is that of `[limits]`, not the built-in default: leaving one out must
    /// never loosen it.
    fn inherit_limits(&mut self, text: &str) {
        let Ok(table) = text.parse::<toml::Table>() else { return };
        let given = table.get("instruments").and_then(toml::Value::as_array);
        let Ok(common) = toml::Table::try_from(self.limits) else { return };
        for (instrument, given) in self.instruments.iter_mut().zip(given.into_iter().flatten()) {
            let Some(limits) = &mut instrument.limits else { continue };
            let own = given.get("limits").and_then(toml::Value::as_table);
            let mut merged = common.clone();
            merged.extend(own.cloned().unwrap_or_default());
            if let Ok(inherited) = merged.try_into() {
                *limits = inherited;
            }
        }
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first value out of range, and the range.
    pub fn check(&self) -> Result<(), String> {
        if let Some(date) = &self.date {
            date.parse::<SessionDate>()?;
        }
        if !self.placement.is_empty() && !self.pipeline.cores.is_empty() {
            return Err(
                "[placement] and pipeline.cores both place the stages: take one of them out".to_owned()
            );
        }
        let rings = [self.pipeline.market_ring, self.pipeline.order_ring, self.pipeline.execution_ring];
        if rings.iter().any(|&slots| !(64..=1 << 24).contains(&slots)) {
            return Err("a ring has 64 to 16777216 slots".to_owned());
        }
        if self.latency.order_ns == 0 || self.latency.fill_ns == 0 {
            return Err(
                "latency.order_ns and latency.fill_ns are at least 1: nothing is instantaneous".to_owned()
            );
        }
        let latencies = [self.latency.order_ns, self.latency.fill_ns, self.latency.line_ns];
        if latencies.iter().any(|&latency_ns| latency_ns > LATENCY_NS_MAX) {
            return Err(format!(
                "latency: order_ns, fill_ns and line_ns are at most {LATENCY_NS_MAX} (a minute)"
            ));
        }
        if self.pipeline.timer_ms > TIMER_MS_MAX {
            return Err(format!("pipeline.timer_ms is at most {TIMER_MS_MAX} (a day)"));
        }
        self.risk.check()?;
        self.limits.check().map_err(|what| format!("limits: {what}"))?;
        if self.pipeline.messages_max == 0 || self.pipeline.messages_max > 99_999_999 {
            return Err(
                "pipeline.messages_max is 1 to 99999999 (a ClOrdID's counter has 8 digits)".to_owned()
            );
        }
        if self.pipeline.open_orders_max == 0 || self.pipeline.open_orders_max > 1 << 24 {
            return Err("pipeline.open_orders_max is 1 to 16777216".to_owned());
        }
        self.journal.check()?;
        for (at, venue) in self.venues.iter().enumerate() {
            if self.venues[..at].iter().any(|other| other.name == venue.name) {
                return Err(format!("venue {} is configured twice", venue.name));
            }
            venue.check().map_err(|what| format!("venue {}: {what}", venue.name))?;
        }
        self.reconnect.check()?;
        self.operator.check()?;
        if let Some(venue) = self.venues.iter().find(|venue| venue.schedule.is_some())
            && !self.reconnect.enabled
        {
            return Err(format!(
                "venue {}: schedule: its sessions need somebody who connects: set reconnect.enabled = true",
                venue.name
            ));
        }
        for (at, instrument) in self.instruments.iter().enumerate() {
            if self.instruments[..at].iter().any(|other| other.symbol == instrument.symbol) {
                return Err(format!("instrument {} is configured twice", instrument.symbol));
            }
            let limits = instrument.limits.unwrap_or(self.limits).check();
            limits.map_err(|what| format!("instrument {}: {what}", instrument.symbol))?;
            let maker = instrument.market_maker.as_ref();
            let needs_vpin = maker.is_some_and(|maker| maker.parameters.watches_vpin());
            if needs_vpin && !self.features.iter().any(|features| features.symbol == instrument.symbol) {
                return Err(format!(
                    "instrument {}: market_maker: vpin_max_e9 needs VPIN: give [[features]] of it",
                    instrument.symbol
                ));
            }
        }
        for (at, features) in self.features.iter().enumerate() {
            let refused = |what: String| format!("features of {}: {what}", features.symbol);
            if self.features[..at].iter().any(|other| other.symbol == features.symbol) {
                return Err(refused("they are configured twice".to_owned()));
            }
            features.parameters().validate().map_err(|error| refused(error.to_string()))?;
        }
        for (at, parent) in self.parent_orders.iter().enumerate() {
            let refused = |what: String| format!("parent order in {}: {what}", parent.symbol);
            if self.parent_orders[..at].iter().any(|other| other.symbol == parent.symbol) {
                return Err(refused("there is one already; give one a symbol".to_owned()));
            }
            if !self.instruments.iter().any(|instrument| instrument.symbol == parent.symbol) {
                return Err(refused("it is not among [[instruments]], whose limits it needs".to_owned()));
            }
            parent.check().map_err(refused)?;
        }
        if let Some(wide) = &self.wide {
            wide.check().map_err(|what| format!("wide: {what}"))?;
        }
        Ok(())
    }

    /// The configuration as TOML, for the journal's header.
    ///
    /// # Errors
    /// None in practice; the serialiser's text.
    pub fn to_toml(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
