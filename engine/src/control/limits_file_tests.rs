use super::*;

fn config() -> Config {
    let text = "[limits]\norder_qty_max = 400\n[risk]\nmessages_per_s = 900\n[[venues]]\nname = \"NASDAQ\"\n[[instruments]]\nsymbol = \"AAPL\"\n\
                [instruments.limits]\ncollar_bp = 200\n[instruments.market_maker]\nvenue = \"NASDAQ\"\n[[instruments]]\nsymbol = \"MSFT\"\n";
    Config::parse("test", text).expect("a configuration")
}

fn names() -> Names {
    Names::of(&["NASDAQ"], &["AAPL", "MSFT"], &[("AAPL", "market_maker")])
}

fn with(limits: &str) -> Result<Config, String> {
    let config: Table = config().to_toml().expect("TOML").parse().expect("TOML");
    let merged = merge(config, "limits.toml", limits)?;
    Config::parse("limits.toml", &toml::to_string(&merged).expect("TOML"))
}

fn differences(limits: &str) -> Result<Vec<String>, String> {
    let (old, new) = (Numbers::of(&config(), &names())?, Numbers::of(&with(limits)?, &names())?);
    Ok(old.differences(&new, &names())?.into_iter().map(|difference| difference.show(&names())).collect())
}

/// What is in force, as a limits file.
const SAME: &str = "[limits]\norder_qty_max = 400\n[risk]\nmessages_per_s = 900\n[[instruments]]\nsymbol = \"AAPL\"\n[instruments.limits]\ncollar_bp = 200\n";

#[test]
fn the_same_numbers_differ_in_nothing() {
    assert_eq!(differences(SAME), Ok(Vec::new()));
}

#[test]
fn what_differs_is_named_by_owner_and_rule() {
    let limits = SAME.replace("900", "800").replace("collar_bp = 200", "collar_bp = 300");
    assert_eq!(
        differences(&limits),
        Ok(vec![
            "messages_per_s of the firm: 900 -> 800".to_owned(),
            "collar_bp of symbol:AAPL: 200 -> 300".to_owned(),
        ])
    );
    // A common limit is that of each instrument without one of its own.
    let limits = SAME.replace("order_qty_max = 400", "order_qty_max = 100\ncollar_bp = 100");
    assert_eq!(
        differences(&limits),
        Ok(vec![
            "order_qty_max of symbol:AAPL: 400 -> 100".to_owned(),
            "collar_bp of symbol:MSFT: 500 -> 100".to_owned(),
            "order_qty_max of symbol:MSFT: 400 -> 100".to_owned(),
        ])
    );
    // What a file leaves out is what it would be in a configuration that leaves it out.
    let built_in = differences("").expect("limits");
    assert!(built_in.contains(&"order_qty_max of symbol:MSFT: 400 -> 500".to_owned()), "{built_in:?}");
}

#[test]
fn what_is_built_in_cannot_change() {
    let error = differences(&SAME.replace("[risk]", "price_tick_e9 = 100\n[risk]")).expect_err("refused");
    assert!(error.contains("price_tick_e9 of symbol:AAPL cannot change"), "{error}");
}

#[test]
fn what_is_no_limit_is_refused() {
    for (text, said) in [
        ("[pipeline]\norder_ring = 64", "nothing else"),
        ("date = \"2026-01-05\"", "nothing else"),
        ("limits = 3", "nothing else"),
        ("[[instruments]]\nsymbol = \"IBM\"", "IBM: the configuration has none"),
        ("[[instruments]]\n[instruments.limits]\ncollar_bp = 1", "no symbol"),
        (
            "[[instruments]]\nsymbol = \"AAPL\"\n[instruments.market_maker]\nvenue = \"BX\"",
            "market_maker does not belong",
        ),
        ("[[venues]]\nname = \"NASDAQ\"\naddress = \"elsewhere:1\"", "address does not belong"),
        ("[risk]\nno_such_limit = 1", "no_such_limit"),
        ("[limits]\ncollar_bp = -1", "limits.toml"),
        ("[limits", "limits.toml"),
    ] {
        let error = differences(text).expect_err(text);
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn none_is_the_loosest_there_is() {
    let of = |rule, old, new| Difference { scope: Scope::All, rule, old, new };
    assert!(of(LimitRule::CollarBp, Some(5), None).loosens());
    assert!(!of(LimitRule::CollarBp, None, Some(5)).loosens());
    assert_eq!(of(LimitRule::CollarBp, Some(5), None).change(2).value, LimitChange::NONE);
    assert!(of(LimitRule::Restricted, Some(1), None).loosens());
    assert!(!of(LimitRule::Restricted, None, Some(1)).loosens());
    assert!(of(LimitRule::OrderQtyMin, Some(10), None).loosens());
    assert!(!of(LimitRule::OrderQtyMin, None, Some(10)).loosens());
    assert_eq!(of(LimitRule::OrderQtyMin, Some(10), None).change(2).value, 0);
}

#[test]
fn a_configuration_names_its_limits_file() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("limits.toml"), SAME).expect("written");
    let path = directory.path().join("live.toml");
    let text = "limits = \"limits.toml\"\n[[instruments]]\nsymbol = \"AAPL\"\n";
    let (resolved, file) = resolve(&path, text).expect("limits");
    assert_eq!(file, Some(directory.path().join("limits.toml")));
    let config = Config::parse("live.toml", &resolved).expect("a configuration");
    assert_eq!((config.limits.order_qty_max, config.risk.messages_per_s), (400, 900));
    assert_eq!(config.instruments[0].limits.expect("its own").collar_bp, 200);
    let inline = "[limits]\ncollar_bp = 1\n";
    assert_eq!(resolve(&path, inline), Ok((inline.to_owned(), None)));
    let error = resolve(&path, "limits = \"none.toml\"").expect_err("no such file");
    assert!(error.contains("none.toml"), "{error}");
}
