//! `warptick chain`, then `warptick replay` with what it printed, as a user types them: on archives that the test writes, of
//! a chain and its shares that are quoted each minute, with an hour in which nothing is.

use std::io::Write;
use std::path::Path;

use engine::control::config::Config;
use warptick_tests::warptick::{Finished, line, run};

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
    let [options, shares] = ["options.zip", "shares.zip"].map(|name| directory.join(name));
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

/// A replay with the configuration, and how many orders it approved.
fn replayed(captures: &[String; 2], config: &Path) -> (Finished, u64) {
    let summary = config.with_extension("json");
    let [config, written] = [config, &summary].map(|path| path.display().to_string());
    let [options, shares] = captures;
    let replayed = run(["replay", options, shares, "--config", &config, "--summary", &written]);
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    let summary = std::fs::read(summary).expect("a summary");
    let summary: serde_json::Value = serde_json::from_slice(&summary).expect("JSON");
    let orders = summary["orders"].as_u64().expect("orders");
    (replayed, orders)
}

#[test]
fn what_chain_prints_is_a_configuration_whose_replay_sends_its_orders() {
    let directory = tempfile::tempdir().expect("a directory");
    let captures = captures(directory.path());
    let [options, shares] = &captures;
    let chain = ["chain", options, shares, "--underlying", "GOOG@SHARES", "--rate", "0.005"];
    let made = run(chain);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let parsed = Config::parse("chain.toml", &made.stdout).expect("a configuration");
    assert_eq!(parsed.date.as_deref(), Some("2015-12-24"));
    assert_eq!(parsed.wide.as_ref().expect("wide work").chains[0].options.len(), 10);
    let names: Vec<&str> = parsed.venues.iter().map(|venue| venue.name.as_str()).collect();
    assert_eq!(names, ["OPTIONS", "SHARES"]);

    let config = directory.path().join("chain.toml");
    std::fs::write(&config, &made.stdout).expect("writable");
    let (finished, orders) = replayed(&captures, &config);
    assert!(orders > 100, "{}", finished.stdout);
    assert!(!finished.stdout.contains("not sent"), "{}", finished.stdout);
    assert!(finished.stdout.contains("expiries fitted"), "{}", finished.stdout);

    // With the usual heartbeat the same orders do not get out: what is held against above can be seen.
    let usual = made.stdout.replace("heartbeat_s = 3600", "heartbeat_s = 30");
    assert_ne!(usual, made.stdout);
    std::fs::write(&config, usual).expect("writable");
    let (finished, _) = replayed(&captures, &config);
    let entry = line(&finished.stdout, "order entry:");
    assert!(entry.contains("orders not sent"), "{entry}");
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
