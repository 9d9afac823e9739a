//! The limits of a resumed run: what was changed live before the restart, and what the configuration says by now.
//!
//! A resumed run goes by the numbers that were in force when the former run ended. Where its configuration or limits file
//! says otherwise, the tighter number wins and nobody is left to guess: what is tighter there is in force before the
//! first input of the run, as a command of the next version, noted and journalled like any other; what is looser there
//! is not taken, since loosening wants two people. Either is said. Runs once, before the threads start.

use crate::control::failure::Failure;
use crate::control::limits_desk::{AtResume, LimitsDesk};
use crate::control::limits_file::Difference;
use crate::order::Order;
use crate::pipeline::controls::LimitAnswer;
use crate::pipeline::decide::{Decide, OrderSink};
use crate::pipeline::operator::{Command, OperatorNote};
use crate::pipeline::risk::RiskApproved;
use crate::pipeline::stamps::PathStamps;

/// Nothing leaves yet: every order that was taken over is in doubt, and no strategy has been asked.
struct Nowhere;

impl OrderSink for Nowhere {
    fn free_slots(&self) -> usize {
        0
    }

    fn capacity(&self) -> usize {
        0
    }

    fn send(&mut self, _order: RiskApproved<Order>, _stamps: PathStamps) {}
}

/// Takes the limits of the former runs over into the desk, puts in force what the configuration has tighter, and tells
/// `say` where the two differ. `file` is where the configuration has its limits; `now_ns` is UTC.
///
/// # Errors
/// A tighter number that decide does not take: the run must not start under the looser one.
pub fn agree(
    desk: &mut LimitsDesk,
    decide: &mut Decide,
    file: &str,
    now_ns: u64,
    mut say: impl FnMut(String),
) -> Result<(), Failure> {
    desk.resume(decide.core().risk().changes());
    let AtResume { tightening, looser } =
        desk.at_resume().map_err(|what| Failure::Input(format!("{file}: {what}")))?;
    if !tightening.differences.is_empty() {
        desk.given(&tightening);
        let failed =
            |error| Failure::Stopped(format!("{file}: its limits cannot be put in force: {error:?}"));
        decide
            .note(&OperatorNote::new("limits file", "tighter than what the resumed run goes by"))
            .map_err(failed)?;
        for (difference, change) in tightening.differences.iter().zip(tightening.changes()) {
            let stamps = &mut PathStamps::begin_answer(false);
            decide.command(now_ns, Command::SetLimit(change), stamps, &mut Nowhere).map_err(failed)?;
            let is_in_force = decide.core().risk().changes().contains(&change);
            desk.answered(LimitAnswer { change, is_in_force });
            let (rule, there, before) = words(difference, desk);
            if !is_in_force {
                return Err(Failure::Input(format!(
                    "{file}: {rule} is {there} there, tighter than the {before} of the resumed run, and cannot be put in force: \
                     take it out of the file, or start without --resume"
                )));
            }
            say(format!(
                "{file}: {rule} is {there} there, tighter than the {before} that was in force when the former run ended: \
                 {there} is in force from the start (version {}). If {before} is wanted, propose it again with `warptick limits`",
                change.version
            ));
        }
    }
    for difference in &looser {
        let (rule, there, before) = words(difference, desk);
        say(format!(
            "{file}: {rule} is {there} there, looser than the {before} that was in force when the former run ended: {before} \
             stays in force. If {there} is wanted, propose it with `warptick limits`, and have another person confirm it"
        ));
    }
    Ok(())
}

/// `collar_bp of symbol:AAPL`, what the file says, and what is in force.
fn words(difference: &Difference, desk: &LimitsDesk) -> (String, String, String) {
    let [there, before] = [difference.new, difference.old].map(Difference::show_value);
    (difference.show_rule(desk.names()), there, before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::Config;
    use crate::control::digest::digest_ring;
    use crate::control::journal::{DecideReader, DecideRecord};
    use crate::control::live_run::LiveUniverse;
    use crate::control::names::Names;
    use crate::control::run_header::RunJournal;
    use crate::control::startup;
    use crate::pipeline::carried_state::CarriedState;
    use crate::pipeline::operator::{LimitChange, LimitRule, Scope};

    const AAPL: Scope = Scope::Instrument(0);

    /// A run under a collar of 200 bp and at most 400 shares an order, resumed from one that ended with `changes`: what
    /// was said, the limits in force by then, and what the journal has of it.
    fn resumed(changes: &[LimitChange]) -> (Vec<String>, Vec<LimitChange>, Vec<DecideRecord>) {
        let text = "date = \"2026-11-20\"\n[limits]\ncollar_bp = 200\norder_qty_max = 400\n\
                    [pipeline]\nmessages_max = 100\nopen_orders_max = 10\n\
                    [books]\nlate_listings_max = 16\norders_max = 1000\nlevels_max = 500\n\
                    [journal]\nsegment_bytes = 65536\n\
                    [[venues]]\nname = \"NASDAQ\"\n[[instruments]]\nsymbol = \"AAPL\"\n";
        let config = Config::parse("test", text).expect("a configuration");
        let universe = LiveUniverse::new(&config).expect("a date");
        let mut core = startup::decision_core(&universe, &config, Vec::new()).expect("a core");
        let carried = CarriedState { next_counter: 1, limits: changes.to_vec(), ..CarriedState::default() };
        core.resume(&carried).expect("it fits");
        let directory = tempfile::tempdir().expect("a directory");
        let dir = directory.path().join("journal");
        let mut journal = RunJournal::create_live(&dir, &config, Some([1; 32])).expect("a journal");
        let mut recorder = journal.take_decide().expect("decide's");
        recorder.resumed(&carried).expect("room");
        let (digest, _receiver) = digest_ring(64);
        let mut decide = Decide::new(core, Some(recorder), digest);
        let mut desk =
            LimitsDesk::new(&config, Names::new(&universe, &config).expect("names")).expect("numbers");
        let mut said = Vec::new();
        agree(&mut desk, &mut decide, "limits.toml", 5, |what| said.push(what)).expect("in force");
        // Desk and decide are of one mind: the same file again changes nothing.
        assert!(desk.is_settled().is_ok());
        let again = desk.at_resume().expect("numbers").tightening;
        assert!(again.differences.is_empty());
        let (core, recorder) = decide.finish();
        let recorder = recorder.expect("it was given one");
        recorder.finish(6, [0; 32], core.book_hash()).expect("room");
        let records =
            DecideReader::open(&dir).expect("a journal").map(|record| record.expect("whole").record);
        let records = records.filter(|record| {
            matches!(record, DecideRecord::Note(_) | DecideRecord::Command(_) | DecideRecord::Standing(_))
        });
        (said, core.risk().changes().to_vec(), records.collect())
    }

    fn change(version: u32, rule: LimitRule, value: i64) -> LimitChange {
        LimitChange { version, scope: AAPL, rule, value }
    }

    #[test]
    fn what_the_file_has_tighter_is_in_force_at_once() {
        let loosened = change(4, LimitRule::CollarBp, 500);
        let (said, in_force, records) = resumed(&[loosened]);
        let tightened = change(5, LimitRule::CollarBp, 200);
        assert_eq!(in_force, [tightened]);
        assert_eq!(said.len(), 1, "{said:?}");
        for part in [
            "limits.toml",
            "collar_bp of symbol:AAPL is 200",
            "tighter than the 500",
            "200 is in force",
            "version 5",
        ] {
            assert!(said[0].contains(part), "{part:?} in {said:?}");
        }
        let [DecideRecord::Standing(taken), DecideRecord::Note(note), DecideRecord::Command(command)] =
            &records[..]
        else {
            panic!("{records:?}")
        };
        assert_eq!(*taken, Command::SetLimit(loosened));
        assert_eq!(note.who(), "limits file");
        assert_eq!(*command, Command::SetLimit(tightened));
    }

    #[test]
    fn what_the_file_has_looser_is_said_and_not_taken() {
        let tightened = change(2, LimitRule::CollarBp, 50);
        let (said, in_force, records) = resumed(&[tightened]);
        assert_eq!(in_force, [tightened]);
        assert_eq!(said.len(), 1, "{said:?}");
        for part in ["collar_bp of symbol:AAPL is 200", "looser than the 50", "50 stays in force", "confirm"]
        {
            assert!(said[0].contains(part), "{part:?} in {said:?}");
        }
        assert_eq!(records.len(), 1, "nothing was commanded: {records:?}");
    }

    #[test]
    fn each_number_goes_its_own_way_and_no_limit_is_the_loosest() {
        let lifted = change(2, LimitRule::OrderQtyMax, LimitChange::NONE);
        let same = change(3, LimitRule::CollarBp, 200);
        let (said, in_force, _) = resumed(&[lifted, same]);
        assert_eq!(in_force, [change(4, LimitRule::OrderQtyMax, 400), same]);
        assert!(said.len() == 1 && said[0].contains("tighter than the none"), "{said:?}");
        let set = change(2, LimitRule::TouchTicksMax, 3);
        let (said, in_force, _) = resumed(&[set, lifted]);
        assert_eq!(in_force, [set, change(3, LimitRule::OrderQtyMax, 400)]);
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(resumed(&[]).0, [""; 0]);
    }
}
