//! `warptick run --resume DIR`: a run goes on where another one of the same day ended or was killed.
//!
//! The former run's journal is all that is read. Its newest snapshot and the records behind it give open orders, positions, the
//! counter of the ClOrdIDs ([`crate::control::recovery`]). Its sessions' bytes give the sequence numbers, and what a venue had
//! said that decide had not heard ([`crate::control::session_store`]). Nothing that was sent before is sent again: what a
//! venue wants again is gap-filled, and once a session is up the venue is asked what became of each open order; until it has
//! answered, the order's exposure stays reserved.
//!
//! It refuses to guess: a run that is still going, another day, other venues or strategies, a journal that lost orders
//! that had left. Cold; of order entry's bytes it reads all.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::control::config::{Config, OrderProtocol, VenueConfig};
use crate::control::failure::Failure;
use crate::control::journal::{self, RUN_HEADER_FILE, RunRecorder};
use crate::control::recovery::{self, Recovered};
use crate::control::run_header::RunHeader;
use crate::control::schedule_config::ScheduleConfig;
use crate::control::session_store::{self, StoredSession};
use crate::control::startup;
use crate::order::CL_ORD_ID_COUNTER_MAX;
use crate::pipeline::carried_state::CarriedState;
use crate::pipeline::decision_core::DecisionCore;
use crate::pipeline::order_entry::OrderEntry;
use crate::pipeline::tsc::system_utc_ns;

/// What a run goes on with.
pub struct Resumption {
    dir: PathBuf,
    former_run: [u8; 32],
    recovered: Recovered,
    /// Executions in it that decide had not heard when it ended.
    unheard: usize,
    /// By venue; `None` where it never connected.
    sessions: Vec<Option<StoredSession>>,
    /// By venue: since the former run a session day has ended, so that its numbers start at 1.
    starts_over: Vec<bool>,
    /// Held, so that nobody else resumes from it at the same time.
    _lock: journal::JournalLock,
}

impl Resumption {
    /// Reads the journal of the run that `config` is to go on with.
    ///
    /// # Errors
    /// What the module says is refused, and what to do about it.
    pub fn read(dir: &Path, config: &Config) -> Result<Self, Failure> {
        let unreadable = |error: journal::JournalError| Failure::Input(error.to_string());
        let header = RunHeader::read(dir)?;
        let lock = journal::lock(dir).map_err(unreadable)?;
        let refused = |what: String| Failure::Input(format!("{}: cannot be resumed: {what}", dir.display()));
        compare(&header, config).map_err(refused)?;
        let header_bytes = std::fs::read(dir.join(RUN_HEADER_FILE));
        let header_bytes =
            header_bytes.map_err(|error| Failure::Input(format!("{}: {error}", dir.display())))?;
        let former_run: [u8; 32] = Sha256::digest(&header_bytes).into();
        let mut recovered = recovery::recover(dir, &header, former_run)?;
        for damaged in &recovered.damaged {
            eprintln!("warptick: {damaged}");
        }
        let mut unheard = Vec::new();
        let (mut sessions, mut starts_over) = (Vec::new(), Vec::new());
        let utc_ns = system_utc_ns();
        for (number, venue) in (0..).zip(&config.venues) {
            let session = startup::session_config(venue)?;
            let heard = recovered.heard.of(number);
            let mut stored = session_store::read(dir, number, &session, heard).map_err(unreadable)?;
            let last_cl_ord_id = stored.as_ref().map_or(0, |stored| stored.last_cl_ord_id);
            if last_cl_ord_id % (CL_ORD_ID_COUNTER_MAX + 1) >= recovered.state.next_counter {
                return Err(refused(format!(
                    "order entry sent ClOrdID {last_cl_ord_id} to {}, which the decisions on record do not have: the end of \
                     the journal is lost. Settle orders and positions with the venue by hand, then start without --resume",
                    venue.name
                )));
            }
            unheard.extend(
                stored.as_mut().map(|stored| std::mem::take(&mut stored.unheard)).unwrap_or_default(),
            );
            let schedule = venue.schedule.as_ref().map(ScheduleConfig::schedule).transpose();
            let schedule = schedule.map_err(Failure::Input)?;
            let last_ns = stored.as_ref().map_or(0, |stored| stored.last_ns);
            let is_another = schedule.is_some_and(|schedule| !schedule.is_same_session(last_ns, utc_ns));
            starts_over.push(is_another && last_ns > 0);
            sessions.push(stored);
        }
        if !unheard.is_empty() {
            recovered.state = recovery::hear(&header.config, &recovered.state, &unheard)?;
        }
        let unheard = unheard.len();
        Ok(Self { dir: dir.to_owned(), former_run, recovered, unheard, sessions, starts_over, _lock: lock })
    }

    /// Puts core and order entry where the former run was, and writes that to the new journal.
    ///
    /// # Errors
    /// A state that does not fit this configuration's sizes; a full journal.
    pub fn apply(
        &self,
        core: &mut DecisionCore,
        entry: &mut OrderEntry,
        recorder: Option<&mut RunRecorder>,
    ) -> Result<(), Failure> {
        let refused = |what: String| Failure::Input(format!("{}: {what}", self.dir.display()));
        let carried = &self.recovered.state;
        core.resume(carried).map_err(|error| refused(error.to_string()))?;
        for ((venue, stored), &starts_over) in (0..).zip(&self.sessions).zip(&self.starts_over) {
            if let Some(StoredSession { next_outgoing, next_incoming, .. }) = stored {
                entry.resume(venue, *next_outgoing, *next_incoming);
                if starts_over {
                    entry.start_over(venue);
                }
            }
        }
        // Last: a journal in which it is whole can be resumed from, and then the sessions' numbers are in it too.
        if let Some(recorder) = recorder {
            recorder.resumed(carried).map_err(|error| refused(format!("new journal: {error:?}")))?;
        }
        Ok(())
    }

    /// The run that is gone on with.
    #[must_use]
    pub const fn former_run(&self) -> [u8; 32] {
        self.former_run
    }

    /// What is taken over, for people.
    #[must_use]
    pub fn note(&self) -> String {
        let Recovered { state, snapshot, records, .. } = &self.recovered;
        let CarriedState { orders, accounts, next_counter, blocks, .. } = state;
        let positions = accounts.iter().filter(|account| account.position != 0).count();
        let blocked = if blocks.is_empty() { "" } else { "; what was stopped stays so until it is reset" };
        let from = match snapshot {
            Some((number, sequence)) => {
                format!("snapshot {number} (to record {sequence}) and {records} records")
            }
            None => format!("{records} records"),
        };
        let heard = match self.unheard {
            0 => String::new(),
            count => format!(" and {count} answers that were on their way to decide"),
        };
        format!(
            "resumed from {}, {from}{heard}: {} open orders to ask about, {} positions, ClOrdIDs go on at \
             {next_counter}{blocked}",
            self.dir.display(),
            orders.len(),
            positions
        )
    }
}

/// Whether a run under `config` can go on with what a run under `header` left.
fn compare(header: &RunHeader, config: &Config) -> Result<(), String> {
    if !header.is_live() {
        return Err("it is the journal of a replay".to_owned());
    }
    let (former, now) = (&header.config, config);
    if former.date != now.date {
        return Err(format!(
            "its session date is {}, this run's {}: its day orders have expired; start without --resume",
            former.date.as_deref().unwrap_or("not given"),
            now.date.as_deref().unwrap_or("not given")
        ));
    }
    let identity = |venue: &VenueConfig| {
        (venue.name.clone(), venue.protocol, venue.sender_comp_id.clone(), venue.target().to_owned())
    };
    if !former.venues.iter().map(identity).eq(now.venues.iter().map(identity)) {
        return Err("its venues or their CompIDs are others than this configuration's".to_owned());
    }
    if let Some(venue) = now.venues.iter().find(|venue| venue.protocol == OrderProtocol::Ouch) {
        return Err(format!(
            "venue {} speaks OUCH, whose sessions cannot be resumed yet: settle its orders by hand and start without \
             --resume",
            venue.name
        ));
    }
    if former.parent_orders != now.parent_orders {
        return Err("its parent orders are others than this configuration's: what of them has filled would count against \
                    others; give the same, or start without --resume with what is left of them"
            .to_owned());
    }
    let strategies: fn(&Config) -> Vec<_> = |config| {
        let entries = config.instruments.iter();
        entries
            .map(|entry| {
                let maker = entry.market_maker.as_ref().map(|maker| maker.venue.clone());
                (entry.symbol.clone(), maker, entry.arbitrage.is_some())
            })
            .collect()
    };
    if strategies(former) != strategies(now) {
        return Err(
            "its instruments or their strategies are others than this configuration's: an order would \
                    change its owner"
                .to_owned(),
        );
    }
    Ok(())
}
