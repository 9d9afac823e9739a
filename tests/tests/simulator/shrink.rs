//! Makes a failing plan small: as few faults, messages, symbols and strategies as still break the same invariant.

use crate::plan::Plan;

/// The smallest plan found that `fails` still, and how many were tried.
pub fn shrink(plan: &Plan, fails: &mut impl FnMut(&Plan) -> bool) -> (Plan, usize) {
    let mut tries = 0;
    let mut smallest = plan.clone();
    let mut attempt = |smallest: &mut Plan, candidate: Plan| {
        tries += 1;
        let does = fails(&candidate);
        if does {
            *smallest = candidate;
        }
        does
    };
    loop {
        let before = (smallest.faults.len(), smallest.sizes());
        drop_faults(&mut smallest, &mut attempt);
        for symbols in 1..smallest.symbols {
            let candidate = Plan { symbols, ..smallest.clone() };
            if attempt(&mut smallest, candidate) {
                break;
            }
        }
        for strategies in 1..smallest.strategies {
            let candidate = Plan { strategies, ..smallest.clone() };
            if attempt(&mut smallest, candidate) {
                break;
            }
        }
        while smallest.messages > 100 {
            let candidate = Plan { messages: smallest.messages * 2 / 3, ..smallest.clone() };
            if !attempt(&mut smallest, candidate) {
                break;
            }
        }
        if (smallest.faults.len(), smallest.sizes()) == before {
            return (smallest, tries);
        }
    }
}

/// Delta debugging: leaves out ever smaller parts of the list, as long as that goes.
fn drop_faults(smallest: &mut Plan, attempt: &mut impl FnMut(&mut Plan, Plan) -> bool) {
    let mut size = smallest.faults.len();
    while size > 0 {
        let mut at = 0;
        while at < smallest.faults.len() {
            let mut candidate = smallest.clone();
            candidate.faults.drain(at..(at + size).min(candidate.faults.len()));
            if !attempt(smallest, candidate) {
                at += size;
            }
        }
        size /= 2;
    }
}

#[test]
fn what_does_not_matter_goes() {
    let plan = (0..).map(Plan::of_seed).find(|plan| plan.faults.len() >= 12).expect("one of many");
    let needed = [plan.faults[2], plan.faults[9]];
    let mut fails = |plan: &Plan| needed.iter().all(|fault| plan.faults.contains(fault));
    let (smallest, tries) = shrink(&plan, &mut fails);
    assert_eq!(smallest.faults, needed);
    assert!(smallest.symbols == 1 && smallest.strategies == 1 && smallest.messages <= 100);
    assert!(tries < 100, "{tries}");
}
