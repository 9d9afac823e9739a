//! The housekeeping of a run, on the calling thread: hashes the order stream, fills the histograms, keeps the journal's
//! segments ahead, follows the system clock, lets the watchdog look, and shows progress. A journal that cannot be kept sets the
//! kill word: nothing new leaves while the segments that are ready last, and what is open is cancelled.

use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use crate::control::counters::Counters;
use crate::control::digest::DigestReceiver;
use crate::control::journal::JournalKeeper;
use crate::control::kill_switch::KillSwitch;
use crate::control::progress::Progress;
use crate::control::report::Collector;
use crate::control::report_page::rings::RingWatch;
use crate::control::slice;
use crate::control::utc_watch::UtcWatch;
use crate::control::watchdog::Watchdog;
use crate::pipeline::decide::Decide;
use crate::pipeline::decision_core::DecisionCore;
use crate::pipeline::operator::KillCause;
use crate::pipeline::tsc;
use crate::pipeline::wide::WideReport;

/// Housekeeping looks at its rings this often.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_micros(200);

/// What housekeeping does while the hot threads run.
pub(super) struct Housekeeping {
    pub(super) digest: Option<DigestReceiver>,
    pub(super) order_stream: [u8; 32],
    /// Of the answers of wide work, where there is any.
    pub(super) answers: Option<DigestReceiver>,
    pub(super) answer_stream: [u8; 32],
    pub(super) wide: Option<WideReport>,
    pub(super) collector: Collector,
    pub(super) keeper: Option<JournalKeeper>,
    pub(super) progress: Progress,
    /// A live run follows the system clock.
    pub(super) utc: Option<UtcWatch>,
    pub(super) journal_error: Option<String>,
    pub(super) kill: KillSwitch,
    /// A live run is watched.
    pub(super) watchdog: Option<Watchdog>,
    /// How full the rings are.
    pub(super) rings: RingWatch,
}

impl Housekeeping {
    pub(super) fn turn(&mut self, messages: u64) {
        self.look_at_rings();
        for digest in self.digest.iter_mut().chain(&mut self.answers) {
            digest.poll();
        }
        self.collector.drain();
        if let Some(utc) = &mut self.utc {
            utc.turn();
        }
        if let Some(keeper) = &mut self.keeper
            && let Err(error) = keeper.poll()
        {
            // The writer goes on until its segments are used up, and then stops the run by itself. Until then what is open
            // is cancelled, and no reset lifts that.
            if self.journal_error.is_none() {
                eprintln!("warptick: journal: {error}: trading stops, open orders are cancelled");
            }
            self.journal_error.get_or_insert_with(|| error.to_string());
            if !self.kill.is_final() {
                self.kill.set(KillCause::Journal);
            }
        }
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.look(Instant::now(), tsc::system_utc_ns(), |alarm| eprintln!("warptick: {alarm}"));
        }
        self.progress.update(messages);
    }

    /// Before they are emptied: between two looks they only fill.
    fn look_at_rings(&mut self) {
        self.rings.look();
        for (name, receiver) in [("order digest", &self.digest), ("answer digest", &self.answers)] {
            if let Some(receiver) = receiver {
                let (waiting, slots) = receiver.fill();
                self.rings.about_to_empty(name, "decide to housekeeping", waiting, slots);
            }
        }
        let (waiting, slots) = self.collector.fill();
        self.rings.about_to_empty("stamps", "order entry to housekeeping", waiting, slots);
    }

    /// Works until the threads are done.
    pub(super) fn watch<T>(&mut self, counters: &Counters, threads: &[&ScopedJoinHandle<'_, T>]) {
        // Signals arrive here, and the watchdog is here.
        slice::shorten();
        while !threads.iter().all(|thread| thread.is_finished()) {
            self.turn(counters.ingest.messages.get());
            std::thread::sleep(HOUSEKEEPING_INTERVAL);
        }
    }

    /// Ends the decide stage; its journal is closed with what the run came to.
    pub(super) fn close(&mut self, decide: Decide) -> DecisionCore {
        self.wide = decide.wide_report();
        let (core, journal) = decide.finish();
        self.collector.drain();
        // Ending the stage has dropped the sender, so nothing can follow what is in the ring.
        if let Some(Ok(digest)) = self.digest.take().map(DigestReceiver::finish) {
            self.order_stream = digest.finish();
        }
        if let Some(Ok(digest)) = self.answers.take().map(DigestReceiver::finish) {
            self.answer_stream = digest.finish();
        }
        if let Some(wide) = &self.wide {
            self.collector.add_wide(wide);
        }
        if let Some(journal) = journal
            && let Err(error) = journal.finish(core.time_ns(), self.order_stream, core.book_hash())
        {
            self.journal_error.get_or_insert_with(|| format!("decide: {error:?}"));
        }
        core
    }
}
