use super::*;
use crate::pipeline::operator::Scope;

const START: &str = "[limits]\ncollar_bp = 200\norder_qty_max = 400\n";

fn desk(more: &str) -> LimitsDesk {
    let text = format!("{START}[[venues]]\nname = \"NASDAQ\"\n[[instruments]]\nsymbol = \"AAPL\"\n{more}");
    let config = Config::parse("test", &text).expect("a configuration");
    LimitsDesk::new(&config, Names::of(&["NASDAQ"], &["AAPL"], &[])).expect("numbers")
}

fn file(collar_bp: u32, order_qty_max: u32) -> String {
    format!("[limits]\ncollar_bp = {collar_bp}\norder_qty_max = {order_qty_max}\n")
}

fn shown(desk: &LimitsDesk, differences: &[Difference]) -> Vec<String> {
    differences.iter().map(|difference| difference.show(desk.names())).collect()
}

#[test]
fn tightening_is_in_force_at_once_and_loosening_waits() {
    let mut desk = desk("");
    let submitted = desk.submit("f", &file(100, 500), "ann", 0).expect("limits");
    assert_eq!(shown(&desk, &submitted.applied), ["collar_bp of symbol:AAPL: 200 -> 100"]);
    assert_eq!(desk.version(), 2);
    assert_eq!(submitted.applied[0].change(2).scope, Scope::Instrument(0));
    let proposal = submitted.proposed.expect("a proposal");
    assert_eq!((proposal.id, proposal.who.as_str()), (1, "ann"));
    assert_eq!(shown(&desk, &proposal.differences), ["order_qty_max of symbol:AAPL: 400 -> 500"]);
    let own = desk.confirm(1, " Ann ", 1).expect_err("her own");
    assert!(own.contains("another person"), "{own}");
    let confirmed = desk.confirm(1, "bob", 600).expect("in time");
    assert_eq!(shown(&desk, &confirmed), ["order_qty_max of symbol:AAPL: 400 -> 500"]);
    assert_eq!(desk.version(), 3);
    assert!(desk.confirm(1, "bob", 600).expect_err("twice").contains("not open"));
    // The same file again: nothing is left to do.
    let again = desk.submit("f", &file(100, 500), "ann", 700).expect("limits");
    assert!(again.applied.is_empty() && again.proposed.is_none());
    assert_eq!(desk.version(), 3);
}

#[test]
fn a_proposal_ends_with_its_time_or_the_next_file() {
    let mut desk = desk("");
    assert!(desk.confirm(1, "bob", 0).is_err(), "none was made");
    let _ = desk.submit("f", &file(300, 400), "ann", 0).expect("limits");
    assert!(desk.proposal(600).is_some() && desk.proposal(601).is_none());
    assert!(desk.confirm(1, "bob", 601).expect_err("late").contains("within 600 s"));
    let _ = desk.submit("f", &file(300, 400), "ann", 1_000).expect("limits");
    let _ = desk.submit("f", &file(200, 500), "ann", 1_001).expect("limits");
    assert!(desk.confirm(2, "bob", 1_002).expect_err("replaced").contains("not open"));
    assert_eq!(desk.confirm(3, "bob", 1_002).expect("the last").len(), 1);
    assert_eq!(desk.version(), 2);
}

#[test]
fn a_file_that_is_wrong_changes_nothing() {
    let mut desk = desk("");
    let _ = desk.submit("f", &file(300, 400), "ann", 0).expect("limits");
    for text in ["[limits", "[limits]\ncollar_bp = -1", "[limits]\nprice_tick_e9 = 1", "[pipeline]"] {
        assert!(desk.submit("f", text, "eve", 1).is_err(), "{text}");
    }
    assert_eq!(desk.version(), 1);
    assert!(desk.confirm(1, "bob", 2).is_ok(), "the proposal stands");
}

#[test]
fn one_person_may_be_enough() {
    let mut desk = desk("[operator]\nconfirm_by = \"anyone\"\n");
    let _ = desk.submit("f", &file(300, 400), "ann", 0).expect("limits");
    assert!(desk.confirm(1, "ann", 1).is_ok());
}
