//! What people do during a day: stop everything or a part, let it go on, bring new limits and confirm them.

use engine::control::config::{Config, LimitsConfig};
use engine::control::limits_desk::{LimitsDesk, Submission};
use engine::control::live_run::LiveUniverse;
use engine::control::names::Names;
use engine::pipeline::controls::LimitAnswer;
use engine::pipeline::operator::{Command, KillCause, Scope};
use feeds::event::Side;
use toml::{Table, Value};
use warptick_tests::chatter::Dice;

use super::World;
use crate::faults::{Fault, Kind};
use crate::network::Arrival;
use crate::plan::{Day, Plan};
use crate::story::Story;

/// A stop for the table of them.
pub(super) fn stop_name(scope: Scope, cause: KillCause) -> String {
    let scope = match scope {
        Scope::All => "everything",
        Scope::Side(_) => "a side",
        Scope::Venue(_) => "a venue",
        Scope::Instrument(_) => "a symbol",
        Scope::Strategy(_) => "a strategy",
    };
    format!("{}, {scope}", cause.name())
}

/// The desk of a day, as the engine's operator port has one.
pub(super) fn desk(plan: &Plan, day: &Day) -> LimitsDesk {
    let universe = LiveUniverse::new(&day.config).expect("a date");
    let names = Names::new(&universe, &day.config).expect("the day's symbols");
    LimitsDesk::new(&day.config, names.with_extra(usize::from(plan.strategies))).expect("numbers")
}

/// The limits file that says what a configuration says.
fn file_of(config: &Config) -> String {
    let mut table: Table = config.to_toml().expect("a configuration").parse().expect("a table");
    table.retain(|key, _| ["risk", "limits", "instruments", "venues"].contains(&key));
    for (list, kept) in [
        ("instruments", &["symbol", "limits"][..]),
        ("venues", &["name", "messages_per_s", "messages_burst"][..]),
    ] {
        let entries = table.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        entries.filter_map(Value::as_table_mut).for_each(|entry| entry.retain(|key, _| kept.contains(&key)));
    }
    toml::to_string(&table).expect("a limits file")
}

/// The limits of the day's start with some of them three quarters to double of what they were.
fn redrawn(config: &Config, amount: u32) -> String {
    let mut dice = Dice::new(u64::from(amount) ^ 0x006c_696d);
    let mut other = |limit: u64| limit * (3 + dice.below(6)) / 4;
    let mut risk = config.risk;
    let firm = [
        &mut risk.open_notional_max,
        &mut risk.gross_notional_max,
        &mut risk.net_notional_max,
        &mut risk.buying_power,
        &mut risk.daily_loss_max,
        &mut risk.drawdown_max,
        &mut risk.clock_skew_max_ms,
        &mut risk.order_to_trade_max,
        &mut risk.strategy.gross_notional_max,
        &mut risk.strategy.open_notional_max,
        &mut risk.strategy.protection_qty_max,
    ];
    for limit in firm.into_iter().flatten() {
        *limit = other(*limit);
    }
    let mut redraw = |limits: &LimitsConfig| LimitsConfig {
        order_qty_max: other(limits.order_qty_max),
        order_notional_max: other(limits.order_notional_max),
        collar_bp: other(u64::from(limits.collar_bp)) as u32,
        position_max: other(u64::from(limits.position_max)) as u32,
        touch_ticks_max: limits.touch_ticks_max.map(|ticks| other(u64::from(ticks)) as u32),
        open_orders_max: limits.open_orders_max.map(|count| other(u64::from(count)) as u32),
        locate_qty: other(limits.locate_qty),
        margin_bp: other(u64::from(limits.margin_bp)).min(40_000) as u32,
        restricted: limits.restricted != (other(4) == 3),
        ..*limits
    };
    let limits = redraw(&config.limits);
    let mut config = Config { risk, limits, ..config.clone() };
    for instrument in &mut config.instruments {
        instrument.limits = instrument.limits.as_ref().map(&mut redraw);
    }
    file_of(&config)
}

impl World<'_> {
    pub(super) fn operator(&mut self, fault: Fault, story: &mut Story) {
        let (now_ns, symbols) = (self.now_ns, self.plan.symbols);
        let Some(engine) = &mut self.engine else { return };
        self.network.counts.done(fault.kind);
        let due_ns = now_ns + fault.span_us * 1_000;
        match fault.kind {
            Kind::Kill => {
                self.tally.kills += 1;
                // First, since the process may die of what the kill lets it send.
                self.monitor.killed.get_or_insert((self.processes, now_ns));
                engine.command(now_ns, Command::Kill { scope: Scope::All, cause: KillCause::Operator });
            }
            Kind::Halt => {
                let scope = match fault.way {
                    0 => Scope::Side(if fault.amount.is_multiple_of(2) { Side::Buy } else { Side::Sell }),
                    1 => Scope::Venue(fault.venue),
                    2 => Scope::Instrument(fault.amount % symbols),
                    _ => Scope::Strategy(fault.amount as u16 % self.plan.strategies),
                };
                self.network.push(due_ns, Arrival::GoesOn(scope));
                engine.command(now_ns, Command::Kill { scope, cause: KillCause::Operator });
            }
            Kind::Reset => self.goes_on(Scope::All, story),
            _ => {
                let file = redrawn(&self.day.config, fault.amount);
                let submitted = self.desk.submit("limits", &file, "ann", 0).expect("a limits file");
                if let Some(proposal) = &submitted.proposed {
                    self.network.push(due_ns, Arrival::Confirms(proposal.id));
                }
                self.put_in_force(&submitted, story);
            }
        }
    }

    /// A person lets a scope go on.
    pub(super) fn goes_on(&mut self, scope: Scope, story: &mut Story) {
        let Some(engine) = &mut self.engine else { return };
        story.note(self.now_ns, || format!("{scope:?} may go on"));
        if scope == Scope::All {
            self.monitor.killed = None;
        }
        engine.command(self.now_ns, Command::Reset { scope });
    }

    /// Another person says yes.
    pub(super) fn confirms(&mut self, proposal: u32, story: &mut Story) {
        if self.engine.is_some()
            && let Ok(submission) = self.desk.confirm(proposal, "bob", 1)
        {
            self.put_in_force(&submission, story);
        }
    }

    fn put_in_force(&mut self, submission: &Submission, story: &mut Story) {
        let now_ns = self.now_ns;
        let Some(engine) = &mut self.engine else { return };
        self.desk.given(submission);
        for (difference, change) in submission.differences.iter().zip(submission.changes()) {
            story.note(now_ns, || difference.show(self.desk.names()));
            engine.command(now_ns, Command::SetLimit(change));
            let is_in_force = engine.core().risk().changes().contains(&change);
            self.desk.answered(LimitAnswer { change, is_in_force });
        }
    }
}
