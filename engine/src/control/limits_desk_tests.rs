use super::*;
use crate::pipeline::operator::{LimitRule, Scope};

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

impl LimitsDesk {
    /// Gives it to a decide that takes all of it, or none.
    fn settle(&mut self, submission: &Submission, is_in_force: bool) {
        self.given(submission);
        for change in submission.changes() {
            self.answered(LimitAnswer { change, is_in_force });
        }
    }

    fn bring(&mut self, text: &str, who: &str, now_s: u64) -> Submission {
        let submission = self.submit("f", text, who, now_s).expect("limits");
        self.settle(&submission, true);
        submission
    }
}

#[test]
fn tightening_is_in_force_at_once_and_loosening_waits() {
    let mut desk = desk("");
    let submitted = desk.bring(&file(100, 500), "ann", 0);
    assert_eq!(shown(&desk, &submitted.differences), ["collar_bp of symbol:AAPL: 200 -> 100"]);
    assert_eq!((submitted.version, desk.version()), (2, 2));
    assert_eq!(submitted.changes().next().expect("one").scope, Scope::Instrument(0));
    let proposal = submitted.proposed.expect("a proposal");
    assert_eq!((proposal.id, proposal.who.as_str()), (1, "ann"));
    assert_eq!(shown(&desk, &proposal.differences), ["order_qty_max of symbol:AAPL: 400 -> 500"]);
    let own = desk.confirm(1, " Ann ", 1).expect_err("her own");
    assert!(own.contains("another person"), "{own}");
    let confirmed = desk.confirm(1, "bob", 600).expect("in time");
    assert_eq!(shown(&desk, &confirmed.differences), ["order_qty_max of symbol:AAPL: 400 -> 500"]);
    assert_eq!(desk.version(), 2, "decide has not heard of it");
    desk.settle(&confirmed, true);
    assert_eq!(desk.version(), 3);
    assert!(desk.confirm(1, "bob", 600).expect_err("twice").contains("not open"));
    // The same file again: nothing is left to do.
    let again = desk.bring(&file(100, 500), "ann", 700);
    assert!(again.differences.is_empty() && again.proposed.is_none());
    assert_eq!(desk.version(), 3);
}

#[test]
fn a_proposal_ends_with_its_time_or_the_next_file() {
    let mut desk = desk("");
    assert!(desk.confirm(1, "bob", 0).is_err(), "none was made");
    desk.bring(&file(300, 400), "ann", 0);
    assert!(desk.proposal(600).is_some() && desk.proposal(601).is_none());
    assert!(desk.confirm(1, "bob", 601).expect_err("late").contains("within 600 s"));
    desk.bring(&file(300, 400), "ann", 1_000);
    desk.bring(&file(200, 500), "ann", 1_001);
    assert!(desk.confirm(2, "bob", 1_002).expect_err("replaced").contains("not open"));
    assert_eq!(desk.confirm(3, "bob", 1_002).expect("the last").differences.len(), 1);
    assert_eq!(desk.version(), 1, "nobody has given it to decide");
}

#[test]
fn a_file_that_is_wrong_changes_nothing() {
    let mut desk = desk("");
    desk.bring(&file(300, 400), "ann", 0);
    for text in ["[limits", "[limits]\ncollar_bp = -1", "[limits]\nprice_tick_e9 = 1", "[pipeline]"] {
        assert!(desk.submit("f", text, "eve", 1).is_err(), "{text}");
    }
    assert_eq!(desk.version(), 1);
    assert!(desk.confirm(1, "bob", 2).is_ok(), "the proposal stands");
}

#[test]
fn one_person_may_be_enough() {
    let mut desk = desk("[operator]\nconfirm_by = \"anyone\"\n");
    desk.bring(&file(300, 400), "ann", 0);
    assert!(desk.confirm(1, "ann", 1).is_ok());
}

#[test]
fn what_decide_did_not_get_or_refused_is_not_in_force() {
    let mut desk = desk("");
    desk.bring(&file(200, 500), "ann", 0);
    // The ring was full: as if nobody had asked, and what was proposed stands.
    let lost = desk.submit("f", &file(100, 400), "ann", 1).expect("limits");
    assert_eq!((lost.version, desk.version()), (2, 1));
    assert!(desk.proposal(1).is_some());
    // Decide has it and says nothing: what is in force is not known.
    desk.given(&lost);
    let change = lost.changes().next().expect("one");
    assert_eq!((desk.standing(&change), desk.version()), (Standing::Waiting, 1));
    let waits = desk.submit("f", &file(50, 400), "ann", 2).expect_err("unsettled");
    assert!(waits.contains("1 changes of version 2"), "{waits}");
    assert!(desk.confirm(1, "bob", 2).is_err());
    // It refuses it: the next file starts from the old number, under a version of its own.
    desk.answered(LimitAnswer { change, is_in_force: false });
    assert_eq!((desk.standing(&change), desk.version()), (Standing::Refused, 1));
    let again = desk.bring(&file(50, 400), "ann", 3);
    assert_eq!(shown(&desk, &again.differences), ["collar_bp of symbol:AAPL: 200 -> 50"]);
    assert_eq!((again.version, desk.version()), (3, 3));
    assert_eq!(desk.standing(&again.changes().next().expect("one")), Standing::InForce);
}

#[test]
fn a_resumed_run_starts_from_what_was_changed_before() {
    let mut desk = desk("");
    let changed = |version, rule, value| LimitChange { version, scope: Scope::Instrument(0), rule, value };
    desk.resume(&[
        changed(2, LimitRule::CollarBp, 50),
        changed(4, LimitRule::OrderQtyMax, 900),
        changed(3, LimitRule::TouchTicksMax, LimitChange::NONE),
    ]);
    assert_eq!(desk.version(), 4);
    // 100 tightens the configuration's 200; of the 50 in force it is a loosening.
    let submitted = desk.bring(&file(100, 500), "ann", 0);
    assert_eq!(shown(&desk, &submitted.differences), ["order_qty_max of symbol:AAPL: 900 -> 500"]);
    assert_eq!(submitted.version, 5);
    let proposal = submitted.proposed.expect("a proposal");
    assert_eq!(shown(&desk, &proposal.differences), ["collar_bp of symbol:AAPL: 50 -> 100"]);
}
