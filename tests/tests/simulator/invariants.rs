//! What must hold: of the engine alone at any time, of both sides when it is quiet, of the journals in the end.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use engine::control::journal::{DecideReader, DecideRecord};
use engine::control::journal_replay;
use engine::order::{Order, OrderAction};
use engine::pipeline::decision_core::DecisionCore;
use engine::pipeline::operator::{KillCause, Scope};
use engine::pipeline::order_table::Doubt;
use engine::venue::{ClOrdIdText, OrderStatus};
use feeds::event::Side;

use crate::engine::core;
use crate::limits::Limits;
use crate::monitor::{Action, Monitor};
use crate::plan::{Day, Plan};
use crate::story::Broken;
use crate::told::Told;
use crate::venue::Venue;

/// What is reserved is what can still fill of the open orders.
///
/// # Errors
/// The first instrument of which that is not so.
pub fn exposure(core: &DecisionCore, day: &Day) -> Result<(), Broken> {
    let mut open = [[0u64; 2]; 64];
    for slot in 0..day.config.pipeline.open_orders_max as u32 {
        let Some(order) = core.orders().in_slot(slot) else { continue };
        open[order.instrument as usize % 64][usize::from(order.side == Side::Sell)] += order.reserved;
        if order.reserved < order.leaves() {
            return Err(Broken::new("RESERVED", format!("less than can still fill: {order:?}")));
        }
    }
    for instrument in 0..day.config.instruments.len() as u32 {
        let reserved = core.risk().exposure(instrument);
        if [reserved.open_buy, reserved.open_sell] != open[instrument as usize] {
            let open = open[instrument as usize];
            return Err(Broken::new(
                "RESERVED",
                format!("instrument {instrument}: {reserved:?}, open {open:?}"),
            ));
        }
    }
    Ok(())
}

/// What is stopped was stopped for a reason: by a person, or by a limit that there is. And all is stopped that the monitor
/// knows to be.
///
/// # Errors
/// The first stop of which that is not so.
pub fn blocks(core: &DecisionCore, told: &Told) -> Result<(), Broken> {
    let Limits { firm, strategies, .. } = &*told.limits.0;
    let has = |limit: bool| told.changes > 0 || limit;
    let any = core.risk().blocks().any();
    for (scope, cause) in core.risk().blocks().iter().take_while(|_| any) {
        let is_known = told.stopped.iter().any(|&(stopped, _)| stopped == scope);
        let one = strategies.first();
        let may_be = match cause {
            KillCause::Operator => is_known,
            KillCause::DailyLoss => has(firm.daily_loss_max < i128::MAX),
            KillCause::Drawdown => has(firm.drawdown_max < i128::MAX),
            KillCause::LossRate => has(firm.loss_rate_max < i128::MAX),
            KillCause::Unanswered => has(firm.answer_max_ns < u64::MAX),
            KillCause::Executions => has(one.is_some_and(|limits| limits.executions_max < u64::MAX)),
            KillCause::MarketMakerProtection => has(one.is_some_and(|limits| {
                limits.protection_fills_max < u64::MAX
                    || limits.protection_qty_max < u64::MAX
                    || limits.protection_delta_max < u64::MAX
            })),
            _ => false,
        };
        if !may_be {
            let counters = core.counters();
            let what = format!("{scope:?} stopped by itself for {cause:?}: {counters:?}");
            return Err(Broken::new("KILL", what));
        }
    }
    let goes_on = |scope: Scope| !core.risk().blocks().iter().any(|(blocked, _)| blocked == scope);
    if let Some(stop) = told.stopped.iter().find(|&&(scope, _)| goes_on(scope)) {
        return Err(Broken::new("GOES_ON", format!("{stop:?} is to be stopped and is not")));
    }
    Ok(())
}

/// Both sides say the same of every order, of what is open and of the positions.
///
/// # Errors
/// The first thing that they see differently.
pub fn agree(core: &DecisionCore, monitor: &Monitor, venues: &[Venue<'_>]) -> Result<(), Broken> {
    let ours = core.orders().open_orders();
    if let Some(order) = ours.iter().find(|order| order.doubt != Doubt::None || order.pending_id != 0) {
        return Err(Broken::new("SETTLED", format!("in doubt or pending when all is quiet: {order:?}")));
    }
    let stops = core.risk().blocks();
    if let Some(order) =
        ours.iter().find(|order| stops.cover(order.instrument, order.venue, order.side, order.strategy))
    {
        return Err(Broken::new("KILL", format!("open though its scope is stopped: {order:?}")));
    }
    let open: BTreeMap<u64, (usize, u64, u64)> = ours
        .iter()
        .map(|order| (order.cl_ord_id, (usize::from(order.venue), order.quantity, order.cumulative)))
        .collect();
    let theirs = monitor.open_by_name();
    if open != theirs {
        return Err(Broken::new("OPEN_ORDERS", format!("here {open:?}, on the wire {theirs:?}")));
    }
    for (instrument, symbol) in (0..).zip(monitor.symbols()) {
        let (here, there) =
            (core.risk().exposure(instrument).position, monitor.position(instrument as usize));
        if here != there {
            return Err(Broken::new("POSITIONS", format!("{symbol}: {here} here, {there} on the wire")));
        }
    }
    let cash: i128 = (0..monitor.symbols().len() as u32).map(|symbol| core.risk().account(symbol).cash).sum();
    let told = &monitor.told.accounts;
    if cash != told.cash() {
        return Err(Broken::new("CASH", format!("{cash} here, {} by the fills", told.cash())));
    }
    let differs = |&symbol: &usize| told.position(symbol) != monitor.position(symbol);
    if let Some(symbol) = (0..monitor.symbols().len()).find(differs) {
        let (told, wire) = (told.position(symbol), monitor.position(symbol));
        return Err(Broken::new("TOLD", format!("symbol {symbol}: {told} told, {wire} on the wire")));
    }
    let live: usize = venues.iter().map(|venue| venue.gateway.core().live_orders()).sum();
    if live != theirs.len() {
        return Err(Broken::new("VENUE", format!("{live} orders live, {} on the wire", theirs.len())));
    }
    for order in &monitor.orders {
        let record = venues[order.venue].gateway.core().order_of(0, &ClOrdIdText::from_number(order.root));
        let is_same = match record {
            Some((OrderStatus::New | OrderStatus::PartiallyFilled, filled)) => {
                order.open && filled == order.cumulative
            }
            Some((_, filled)) => !order.open && filled == order.cumulative,
            None => !order.open && order.cumulative == 0,
        };
        if !is_same {
            return Err(Broken::new("VENUE", format!("on record {record:?}, on the wire {order:?}")));
        }
    }
    Ok(())
}

/// Every order that a venue saw is in a journal, as it was seen, and every journal replays to what was decided.
///
/// # Errors
/// The first order or journal that does not.
pub fn journals(
    plan: &Plan,
    day: &Day,
    root: &Path,
    processes: u64,
    monitor: &Monitor,
) -> Result<(), Broken> {
    let mut actions: HashMap<u64, Order> = HashMap::new();
    for number in 0..processes {
        let dir = root.join(format!("run-{number}"));
        let unreadable = |what: String| Broken::new("JOURNAL", format!("run {number}: {what}"));
        let reader = DecideReader::open(&dir).map_err(|error| unreadable(error.to_string()))?;
        for record in reader {
            let record = record.map_err(|error| unreadable(error.to_string()))?;
            if let DecideRecord::Action(order) = record.record
                && order.action != OrderAction::Status
                && actions.insert(order.cl_ord_id, order).is_some()
            {
                return Err(Broken::new("CL_ORD_ID", format!("used twice: {order:?}")));
            }
        }
        let (_, outcome) = journal_replay::replay_into(&dir, core(plan, day, number))
            .map_err(|error| Broken::new("REPLAY", format!("run {number}: {error}")))?;
        if !outcome.is_reproduced() || (number + 1 == processes) != outcome.end.is_some() {
            return Err(Broken::new("REPLAY", format!("run {number}: {outcome}")));
        }
    }
    for ask in &monitor.asks {
        let is_same = actions.get(&ask.cl_ord_id).is_some_and(|order| {
            let action = match order.action {
                OrderAction::New => Action::New,
                OrderAction::Replace => Action::Replace,
                OrderAction::Cancel | OrderAction::Status => Action::Cancel,
            };
            (action, order.orig_cl_ord_id, order.quantity) == (ask.action, ask.orig_cl_ord_id, ask.quantity)
                && (usize::from(order.venue), order.instrument as usize) == (ask.venue, ask.symbol)
                && (order.side == Side::Buy) == ask.buy
                && (ask.action == Action::Cancel || order.price == ask.price)
        });
        if !is_same {
            let record = actions.get(&ask.cl_ord_id);
            return Err(Broken::new("JOURNALLED", format!("{ask:?} was seen, on record is {record:?}")));
        }
    }
    Ok(())
}
