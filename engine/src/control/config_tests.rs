//! Configuration files: what is not given, what is wrong, and the example that ships.

use super::*;
use crate::control::feed_config::{FeedClientConfig, PublishingConfig};
use crate::control::logon_config::LogonConfig;
use crate::control::surface::config::SurfaceConfig;
use crate::control::wide_config::OptionQuoteConfig;
use crate::strategy::options_maker::OptionsMakerConfig;
use crate::strategy::relation_taker::RelationTakerConfig;
use crate::venue::publisher::FaultConfig;

/// The example that ships, with every field there is.
const DESK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/desk.toml"));

/// A live run against the simulated exchange.
const LIVE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/live.toml"));

/// Wide work, with every field there is.
const WIDE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/wide.toml"));

/// A desk of each kind: options, equities at two venues, a triangle of coins.
const OPTIONS_MAKER: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/options_maker.toml"));
const CROSS_VENUE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cross_venue.toml"));
const TRIANGULAR: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/triangular.toml"));

/// A parent order.
const PARENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/parent_order.toml"));

#[test]
fn the_example_of_a_parent_order_shows_its_defaults_as_they_are() {
    let config = Config::parse("parent_order.toml", PARENT).expect("the example is valid");
    let text = config.to_toml().expect("it can be written");
    assert_eq!(Config::parse("written.toml", &text), Ok(config.clone()), "as a journal's header holds it");
    let [parent] = &config.parent_orders[..] else { panic!("one parent order") };
    let bare = "symbol = \"AKDO\"\nside = \"buy\"\nquantity = 900\nlimit_e9 = 1000000000000";
    let bare: ParentOrderConfig = toml::from_str(bare).expect("good settings");
    assert_eq!((bare.lot, bare.child_qty_max, bare.begin_ms), (parent.lot, parent.child_qty_max, 0));
    assert_eq!((bare.cool_down_ns, bare.end_ms), (parent.cool_down_ns, 86_400_000));
    assert_eq!((&parent.symbol, parent.side, parent.quantity), (&bare.symbol, bare.side, bare.quantity));
}

#[test]
fn vpin_needs_its_features() {
    let maker = "market_maker = { venue = \"X\", parameters = { vpin_max_e9 = 500000000 } }";
    let text = format!("[[instruments]]\nsymbol = \"A\"\n{maker}\n");
    let error = Config::parse("desk.toml", &text).expect_err("no features");
    assert!(
        error.contains("instrument A: market_maker: vpin_max_e9 needs VPIN: give [[features]]"),
        "{error}"
    );
    let features = "[[features]]\nsymbol = \"A\"\nvpin_bucket = 5000\n";
    let config = Config::parse("desk.toml", &format!("{text}{features}")).expect("now it has them");
    assert_eq!(config.features[0].parameters().vpin_buckets, 50);
    let text = config.to_toml().expect("it can be written");
    assert_eq!(Config::parse("written.toml", &text), Ok(config));
    let bulk = format!("{features}vpin_bulk = {{ changes = 100 }}\n");
    let config = Config::parse("desk.toml", &bulk).expect("trades in bulk");
    let in_bulk = config.features[0].parameters().vpin_bulk.map(|bulk| (bulk.bar_ns, bulk.changes));
    assert_eq!(in_bulk, Some((60_000_000_000, 100)));
    assert_eq!(Config::parse("written.toml", &config.to_toml().expect("it can be written")), Ok(config));
    let error = Config::parse("desk.toml", &bulk.replace("100", "0")).expect_err("no deviation of nothing");
    assert!(error.contains("features of A: 0 buckets, samples or changes: give 1 to"), "{error}");
    let error = Config::parse("desk.toml", &features.replace("5000", "0")).expect_err("an empty bucket");
    assert!(error.contains("features of A: a VPIN bucket of 0: give 1 to"), "{error}");
    let error = Config::parse("desk.toml", &format!("{features}{features}")).expect_err("twice");
    assert!(error.contains("features of A: they are configured twice"), "{error}");
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(Config::parse("empty.toml", ""), Ok(Config::default()));
}

#[test]
fn the_example_parses_and_comes_back_whole() {
    let desk = Config::parse("desk.toml", DESK).expect("the example is valid");
    assert_eq!(desk.venues.len(), 2);
    assert_eq!(desk.instruments.len(), 3);
    assert_eq!(desk.venues[1].target(), "BX", "an empty target is the venue's name");
    let text = desk.to_toml().expect("it can be written");
    assert_eq!(Config::parse("written.toml", &text), Ok(desk));
}

#[test]
fn the_live_example_has_all_that_a_live_run_needs() {
    let live = Config::parse("live.toml", LIVE).expect("the example is valid");
    assert!(live.date.is_some() && !live.instruments.is_empty());
    for venue in &live.venues {
        let feed = venue.feed.as_ref().expect("a feed");
        assert!(!venue.address.is_empty() && feed.line_b.is_some());
        assert!(feed.retransmission.is_some() && feed.glimpse.is_some());
    }
}

#[test]
fn the_example_of_wide_work_shows_every_default_as_it_is() {
    let config = Config::parse("wide.toml", WIDE).expect("the example is valid");
    let text = config.to_toml().expect("it can be written");
    assert_eq!(Config::parse("written.toml", &text), Ok(config.clone()), "as a journal's header holds it");
    let wide = config.wide.expect("wide work");
    let (default, [chain]) = (WideConfig::default(), &wide.chains[..]) else { panic!("one chain") };
    assert_eq!(wide.compute_latency_ns, default.compute_latency_ns);
    assert_eq!((wide.min_speedup, wide.unanswered_max), (default.min_speedup, default.unanswered_max));
    assert_eq!(wide.taker, Some(RelationTakerConfig::default()));
    assert_eq!(chain.quote, OptionQuoteConfig::default());
    let grid = chain.strikes.as_ref().expect("a grid").iter().count() * chain.expiries.len() * 2;
    assert_eq!(chain.options.len() + grid, 151);
    let bare = |text: &str| toml::from_str::<WideConfig>(text).expect("good settings");
    let pair = &bare("pairs = [{ symbols = [\"AKDO\", \"YHVG\"] }]").pairs[0];
    assert_eq!(&wide.pairs[0], pair);
    assert_eq!(wide.relations[0].profit_min_e9, pair.profit_min_e9);
    let listing =
        &bare("listings = [{ venue = \"BX\", symbol = \"AKDO\", fee_unit_e9 = 500000 }]").listings[0];
    assert_eq!(&wide.listings[0], listing);
    let error = Config::parse("wide.toml", &WIDE.replace("lot = 1", "lot = 0")).expect_err("no lots");
    assert_eq!(error, format!("wide.toml: wide: listings[0]: lot is 0; give 1 to {}", i64::MAX));
}

/// The example with its relations by kind, which are comments: none of them is in a generated day.
fn wide_with_its_kinds() -> String {
    WIDE.lines().map(|line| format!("{}\n", line.strip_prefix("#: ").unwrap_or(line))).collect()
}

#[test]
fn the_example_of_wide_work_shows_every_default_of_each_kind_of_relation() {
    let text = wide_with_its_kinds();
    let config = Config::parse("wide.toml", &text).expect("the example is valid");
    let written = config.to_toml().expect("it can be written");
    assert_eq!(Config::parse("written.toml", &written), Ok(config.clone()), "as a journal's header holds it");
    let WideConfig { currencies, spreads, baskets, bases, .. } = config.wide.expect("wide work");
    // What has no default, and what the example says is another.
    let mine = [
        ("currencies", ["from", "markets"].as_slice()),
        ("spreads", &["venue", "exercise", "unit_e9", "underlying", "expiries", "options"]),
        ("baskets", &["fund", "components", "cash_e9", "fee_e9"]),
        ("bases", &["spot", "future", "discount", "income_e9", "cost_of_short_e9"]),
    ];
    let table: toml::Table = toml::from_str(&text).expect("a table");
    let mut bare = toml::Table::new();
    for (name, kept) in mine {
        let mut shown = table["wide"][name][0].as_table().expect("a table").clone();
        shown.retain(|field, _| kept.contains(&field));
        bare.insert(name.to_owned(), vec![toml::Value::Table(shown)].into());
    }
    let bare: WideConfig = bare.try_into().expect("good settings");
    assert_eq!((currencies, spreads), (bare.currencies, bare.spreads));
    assert_eq!((baskets, bases), (bare.baskets, bare.bases));
}

#[test]
fn the_examples_of_desks_parse_and_come_back_whole() {
    let examples = [
        ("options_maker.toml", OPTIONS_MAKER),
        ("cross_venue.toml", CROSS_VENUE),
        ("triangular.toml", TRIANGULAR),
    ];
    let [options, equities, coins] = examples.map(|(name, text)| {
        let config = Config::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
        let written = config.to_toml().expect("it can be written");
        assert_eq!(Config::parse(name, &written), Ok(config.clone()), "as a journal's header holds it");
        config.wide.expect("wide work")
    });
    let strikes = options.chains[0].strikes.as_ref().expect("a grid");
    assert_eq!(strikes.symbols.len(), 36);
    let surface = SurfaceConfig { fit_interval_ms: 500, points_min: 6, ..SurfaceConfig::default() };
    assert_eq!(options.surface, Some(surface));
    let maker = OptionsMakerConfig {
        contract_size: 100,
        half_width_min_e9: 10_000_000,
        half_width_max_e9: 30_000_000,
        width_vega_e9: 200_000,
        width_delta_e9: 5_000_000,
        skew_delta_e9: 5_000,
        skew_vega_e12: 10_000,
        ..OptionsMakerConfig::default()
    };
    assert_eq!(options.options_maker, Some(maker));
    assert!(equities.taker.is_some() && equities.pairs[0].symbols.len() == 2);
    assert!(coins.taker.is_some() && coins.relations.iter().all(|relation| relation.legs.len() == 3));
    assert!(
        coins.listings.iter().all(|listing| listing.unit_e9 == 1_000_000 && listing.fee_ppb == 1_000_000)
    );
    let first = format!("    \"{}\", ", strikes.symbols[0]);
    let one_less = OPTIONS_MAKER.replacen(&first, "    ", 1);
    let error = Config::parse("options_maker.toml", &one_less).expect_err("a symbol is missing");
    assert!(error.contains("35 symbols for 36 options"), "{error}");
}

#[test]
fn the_example_shows_every_default_as_it_is() {
    let desk = Config::parse("desk.toml", DESK).expect("the example is valid");
    let default = Config::default();
    assert_eq!(desk.pipeline, default.pipeline);
    assert_eq!(desk.latency, default.latency);
    assert_eq!(desk.risk, default.risk);
    assert_eq!(desk.limits, default.limits);
    assert_eq!(desk.books, default.books);
    assert_eq!(desk.reconnect, default.reconnect);
    assert_eq!(desk.venues[0].logon, LogonConfig::default());
    let feed = desk.venues[0].feed.as_ref().expect("given");
    assert_eq!(feed.client, FeedClientConfig::default());
    assert_eq!(feed.publisher, PublishingConfig::default());
    assert_eq!(feed.faults, FaultConfig::default());
    let maker = desk.instruments[0].market_maker.as_ref().expect("quoted");
    assert_eq!(maker.parameters, MarketMakerConfig::default());
    assert_eq!(desk.instruments[0].arbitrage, Some(ArbitrageTakerConfig::default()));
}

#[test]
fn unknown_fields_are_refused_with_the_files_name() {
    for text in [
        "colour = 1",
        "[pipeline]\nmarket_rings = 4096",
        "[latency]\norder_us = 1",
        "[risk]\nmessages = 1",
        "[limits]\ncollar = 1",
        "[[venues]]\nname = \"X\"\nport = 1",
        "[[instruments]]\nsymbol = \"A\"\nvenue = \"X\"",
        "[[instruments]]\nsymbol = \"A\"\n[instruments.limits]\nqty = 1",
        "[[instruments]]\nsymbol = \"A\"\n[instruments.market_maker]\nvenue = \"X\"\nspread = 1",
    ] {
        let error = Config::parse("desk.toml", text).expect_err(text);
        assert!(error.starts_with("desk.toml: ") && error.contains("unknown field"), "{text}: {error}");
    }
}

#[test]
fn values_out_of_range_are_refused_by_name() {
    for (text, named) in [
        ("date = \"2026-02-30\"", "2026-02-30"),
        ("[pipeline]\norder_ring = 63", "ring"),
        ("[pipeline]\nmarket_ring = 16777217", "ring"),
        ("[pipeline]\nmessages_max = 100000000", "messages_max"),
        ("[pipeline]\nopen_orders_max = 0", "open_orders_max"),
        ("[pipeline]\ntimer_ms = 86400001", "timer_ms"),
        ("[latency]\norder_ns = 0", "order_ns"),
        ("[latency]\nline_ns = 60000000001", "line_ns"),
        ("[risk]\nmessages_burst = 0", "messages_burst"),
        ("[risk]\nmessages_per_s = -1", "-1"),
        ("[[venues]]\nname = \"X\"\n[[venues]]\nname = \"X\"", "X"),
        ("[[instruments]]\nsymbol = \"A\"\n[[instruments]]\nsymbol = \"A\"", "A"),
        ("[[instruments]]\nsymbol = \"A\"\n[instruments.limits]\nprice_tick_e9 = 0", "price_tick_e9"),
    ] {
        let error = Config::parse("desk.toml", text).expect_err(text);
        assert!(error.starts_with("desk.toml: ") && error.contains(named), "{text}: {error}");
    }
}

#[test]
fn money_is_never_a_float() {
    let error = Config::parse("desk.toml", "[limits]\nprice_tick_e9 = 0.01").expect_err("a float");
    assert!(error.starts_with("desk.toml: "), "{error}");
}

#[test]
fn a_limit_left_out_is_the_common_one() {
    let text = "[limits]\ncollar_bp = 50\nposition_max = 7\n[[instruments]]\nsymbol = \"A\"\n\
                [instruments.limits]\nposition_max = 9\n[[instruments]]\nsymbol = \"B\"\n";
    let config = Config::parse("desk.toml", text).expect("it is good");
    let limits = config.instruments[0].limits.expect("it has its own");
    assert_eq!((limits.collar_bp, limits.position_max), (50, 9));
    assert_eq!(limits.order_qty_max, config.limits.order_qty_max);
    assert_eq!(config.instruments[1].limits, None);
}

/// What is wrong with a venue that has these lines.
fn venue_error(lines: &str) -> String {
    Config::parse("desk.toml", &format!("[[venues]]\nname = \"X\"\n{lines}")).expect_err(lines)
}

#[test]
fn transports_that_contradict_themselves_are_refused_in_words() {
    for (lines, said) in [
        ("transport = \"udp\"", "uring"),
        ("[venues.tls]\nserver_name = \"a\"", "ca_file or pinned_sha256"),
        ("[venues.tls]\nca_file = \"a\"\npinned_sha256 = \"b\"", "exclude each other"),
        ("[venues.tls]\npinned_sha256 = \"b\"", "64 hexadecimal digits"),
        ("[venues.tls]\nca_file = \"a\"\nclient_key_file = \"k\"", "belong together"),
        ("[venues.tls]\ncertificate_file = \"a\"", "belong together"),
        ("[venues.tls]\nca = \"a\"", "unknown field"),
        ("transport = \"uring\"\n[venues.tls]\nca_file = \"a\"", "plain TCP"),
        ("[venues.logon]\nmethod = \"password\"", "password_env or password_fd"),
        (
            "[venues.logon]\nmethod = \"password\"\npassword_env = \"P\"\npassword_fd = 3",
            "exclude each other",
        ),
        ("[venues.logon]\nusername = \"me\"", "name the method"),
        ("[venues.logon]\nmethod = \"ed25519\"\nsigned_text = \"{34}\"", "secret_env or secret_fd"),
        ("[venues.logon]\nmethod = \"hmac-sha256\"\nsecret_env = \"S\"", "signed_text"),
        ("[venues.logon]\nmethod = \"md5\"", "unknown variant"),
        ("[reconnect]\nfirst_ms = 0", "first_ms"),
        ("[reconnect]\nfirst_ms = 10\nmax_ms = 9", "max_ms"),
    ] {
        let error = venue_error(lines);
        assert!(error.starts_with("desk.toml: ") && error.contains(said), "{lines}: {error}");
    }
}

#[test]
fn a_schedule_that_cannot_be_kept_is_refused_in_words() {
    let hours = "[venues.schedule]\ntime_zone = \"UTC\"\nstart_time = \"08:00\"\nend_time = \"17:30\"\n";
    for (lines, said) in [
        (format!("{hours}start_day = \"Sunday\""), "end_day"),
        (hours.replace("UTC", "Mars/Base"), "time_zone"),
        (format!("protocol = \"ouch\"\n{hours}"), "OUCH"),
        (format!("{hours}[reconnect]\nenabled = false"), "reconnect.enabled = true"),
    ] {
        let error = venue_error(&lines);
        assert!(
            error.starts_with("desk.toml: venue X: schedule: ") && error.contains(said),
            "{lines}: {error}"
        );
    }
    let good = Config::parse("desk.toml", &format!("[[venues]]\nname = \"X\"\n{hours}")).expect("it is good");
    assert!(good.venues[0].schedule.is_some());
    let again = Config::parse("again", &good.to_toml().expect("it can be written")).expect("it is good");
    assert_eq!(again, good);
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    for key in ["password", "secret", "passphrase", "private_key", "api_secret"] {
        for table in ["", "[venues.logon]\n", "[venues.tls]\n"] {
            let error = venue_error(&format!("{table}{key} = \"hunter2\""));
            assert!(error.contains(key) && error.contains("does not belong into a file"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
