//! `warptick chain`, then `warptick replay` with what it printed, as a user types them: on archives that the test writes, of
//! a chain and its shares that are quoted each minute, with an hour in which nothing is, and on a real chain.

use std::io::Write;
use std::path::Path;

use engine::control::config::Config;
use warptick_tests::captures::shared;
use warptick_tests::warptick::run;

/// Bars that say something new begin so, in minutes from midnight: an hour of them, and after as long a gap another.
fn minutes() -> impl Iterator<Item = u64> {
    (570..630).chain(690..750)
}

/// A row, of prices in ten-thousandths: the whole bar at one quote.
fn row(minute: u64, bid: u64, ask: u64) -> String {
    let (begins_ms, [bid, ask]) = (minute * 60_000, [bid, ask].map(|price| format!("{price},").repeat(4)));
    format!("{begins_ms},{bid}20,{ask}30\n")
}

/// The shares' middle in cents: up and down by a dime.
fn spot(minute: u64) -> u64 {
    75_000 + 10 * (minute % 7)
}

/// Writes an archive of files, each with a row a minute.
fn write(archive: &Path, files: &[(String, &dyn Fn(u64) -> u64)]) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(archive).expect("writable"));
    for (name, middle_of) in files {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("a file");
        for minute in minutes() {
            let middle = middle_of(minute) * 100;
            zip.write_all(row(minute, middle - 500, middle + 500).as_bytes()).expect("a row");
        }
    }
    zip.finish().expect("an archive");
}

/// Captures of a chain of ten contracts and of its shares, as arguments.
fn captures(directory: &Path) -> [String; 2] {
    let [options, shares] = ["options_20151224.zip", "shares_20151224.zip"].map(|name| directory.join(name));
    write(&shares, &[("20151224_goog_minute_quote.csv".to_owned(), &spot)]);
    let call = |minute| 2_000 + spot(minute) / 2 - 37_500;
    let put = |minute| 2_000 - (spot(minute) / 2 - 37_500);
    let mut files: Vec<(String, &dyn Fn(u64) -> u64)> = Vec::new();
    for strike in [740, 745, 750, 755, 760] {
        let name = |right| format!("20151224_goog_minute_quote_american_{right}_{strike}0000_20160115.csv");
        files.extend([(name("call"), &call as _), (name("put"), &put as _)]);
    }
    write(&options, &files);
    [format!("{}@OPTIONS", options.display()), format!("{}@SHARES", shares.display())]
}

/// What `warptick chain` prints for the captures.
fn printed(captures: &[String; 2]) -> String {
    let [options, shares] = captures;
    let made = run(["chain", options, shares, "--underlying", "GOOG@SHARES", "--rate", "0.005"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    made.stdout
}

/// Replays the captures with what was printed for them: more than so many orders, and all of them sent.
fn sends_its_orders(captures: &[String; 2], printed: &str, orders_min: u64) {
    let directory = tempfile::tempdir().expect("a directory");
    let [config, summary] =
        ["chain.toml", "summary.json"].map(|name| directory.path().join(name).display().to_string());
    std::fs::write(&config, printed).expect("writable");
    let [options, shares] = captures;
    let replayed = run(["replay", options, shares, "--config", &config, "--summary", &summary]);
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    let summary = std::fs::read(summary).expect("a summary");
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("JSON");
    let orders = summary["orders"].as_u64().expect("orders");
    assert!(orders > orders_min, "{}", replayed.stdout);
    assert!(!replayed.stdout.contains("not sent"), "{}", replayed.stdout);
    assert!(replayed.stdout.contains("expiries fitted"), "{}", replayed.stdout);
}

#[test]
fn what_chain_prints_is_a_configuration_whose_replay_sends_its_orders() {
    let directory = tempfile::tempdir().expect("a directory");
    let captures = captures(directory.path());
    let printed = printed(&captures);
    let config = Config::parse("chain.toml", &printed).expect("a configuration");
    assert_eq!(config.date.as_deref(), Some("2015-12-24"));
    assert_eq!(config.wide.as_ref().expect("wide work").chains[0].options.len(), 10);
    assert_eq!(
        config.venues.iter().map(|venue| venue.name.as_str()).collect::<Vec<_>>(),
        ["OPTIONS", "SHARES"]
    );
    sends_its_orders(&captures, &printed, 1_000);
}

/// Its bars are further apart than heartbeats, which overtook an order at 14:43:39 once: 25,393 orders were not sent then.
#[test]
fn goog_sends_its_orders_with_what_chain_prints() {
    let [Some(options), Some(shares)] = [
        shared("lean_options/option_usa_minute_goog_20151224_quote_american.zip"),
        shared("lean_options/equity_usa_minute_goog_20151224_quote.zip"),
    ] else {
        return;
    };
    let captures = [format!("{}@OPTIONS", options.display()), format!("{}@SHARES", shares.display())];
    // A fit at the hour: more of them change no order.
    let printed = printed(&captures).replace("fit_interval_ms = 60000\n", "fit_interval_ms = 3600000\n");
    sends_its_orders(&captures, &printed, 200);
}

#[test]
fn captures_of_one_venue_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let captures = captures(directory.path());
    let [options, shares] = captures.each_ref().map(|one| one.split('@').next().expect("a path"));
    let refused = run(["replay", options, shares]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("venue LEAN has a capture already"), "{}", refused.stderr);
}
