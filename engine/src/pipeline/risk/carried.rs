//! Risk's part of what a run takes over from a former one.

use super::limits::QTY_CEILING;
use super::{Account, Risk};
use crate::order::ClOrdId;
use crate::pipeline::carried_state::{CarriedAccount, CarriedHolding, CarriedState, ResumeError};
use feeds::event::Side;

impl Risk {
    /// Writes what another run would take over.
    pub fn carry(&self, carried: &mut CarriedState) {
        carried.messages = self.firm.messages;
        carried.trades = self.firm.trades;
        carried.best_worth = self.firm.best_worth;
        carried.worths = self.firm.losses.samples().collect();
        let accounts = (0..).zip(self.accounts.iter().zip(&self.instruments));
        carried.accounts = accounts
            .filter(|(_, (account, _))| **account != Account::default())
            .map(|(instrument, (account, at))| CarriedAccount {
                instrument,
                position: account.position,
                mark: at.mark,
                cost: account.cost,
                realised: account.realised,
                fees: account.fees,
            })
            .collect();
        for (instrument, at) in (0..).zip(&self.instruments) {
            let holders = &self.holdings[at.holders.0 as usize..at.holders.1 as usize];
            carried.holdings.extend(holders.iter().filter(|holding| holding.position != 0).map(|holding| {
                CarriedHolding { instrument, strategy: holding.strategy, position: holding.position }
            }));
        }
        carried.fills = self.fills.as_slice().to_vec();
        carried.blocks = self.blocks.iter().collect();
        carried.limits = self.changes.clone();
    }

    /// Takes over the accounts of a former run, and what its open orders reserve. Of fresh risk only.
    ///
    /// # Errors
    /// What has no place here; risk is of no use then.
    pub fn resume(&mut self, carried: &CarriedState, last_cl_ord_id: ClOrdId) -> Result<(), ResumeError> {
        const NO_ROOM: ResumeError = ResumeError::NoRoom { what: "instruments" };
        for &change in &carried.limits {
            self.set_limit(change);
        }
        for holding in &carried.holdings {
            let at = self.instruments.get_mut(holding.instrument as usize).ok_or(NO_ROOM)?;
            let holders = &mut self.holdings[at.holders.0 as usize..at.holders.1 as usize];
            let own = holders.iter_mut().find(|own| own.strategy == holding.strategy);
            own.ok_or(ResumeError::NoRoom { what: "strategies' positions" })?.position = holding.position;
        }
        for account in &carried.accounts {
            self.resume_account(account)?;
        }
        for order in &carried.orders {
            let at = self.instruments.get_mut(order.instrument as usize).ok_or(NO_ROOM)?;
            let notional = order.reserved_notional();
            *at.exposure.open_of(order.side).ok_or(NO_ROOM)? += order.reserved;
            at.open_notional += notional;
            at.open_orders += 1;
            self.firm.open_orders += 1;
            self.firm.margin.add(notional * i128::from(at.limits.margin_bp));
            let is_buy = order.side == Side::Buy;
            self.firm.totals.add_order(is_buy, notional);
            if let Some(strategy) = self.strategies.get_mut(usize::from(order.strategy)) {
                strategy.totals.add_order(is_buy, notional);
            }
        }
        for &fill in &carried.fills {
            if !self.fills.add(fill) {
                return Err(ResumeError::NoRoom { what: "fills (risk.fills_max)" });
            }
        }
        for &(scope, cause) in &carried.blocks {
            self.blocks.block(scope, cause);
        }
        self.firm.messages = carried.messages;
        self.firm.trades = carried.trades;
        self.firm.best_worth = carried.best_worth;
        self.firm.losses.resume(&carried.worths);
        self.on_record.resume_best(carried.best_worth);
        self.last_cl_ord_id = last_cl_ord_id;
        Ok(())
    }

    fn resume_account(&mut self, carried: &CarriedAccount) -> Result<(), ResumeError> {
        let &CarriedAccount { instrument, position, mark, cost, realised, fees } = carried;
        let at = self.instruments.get_mut(instrument as usize);
        let at = at.ok_or(ResumeError::NoRoom { what: "instruments" })?;
        if position.unsigned_abs() > QTY_CEILING {
            return Err(ResumeError::Account { instrument });
        }
        let cash = realised.saturating_sub(cost).saturating_sub(fees);
        self.accounts[instrument as usize] = Account { position, cost, realised, fees, cash };
        self.firm.cash.add(cash);
        at.exposure.position = position;
        at.mark = mark;
        self.on_record.set_mark(instrument, mark);
        let value = i128::from(position) * i128::from(mark);
        self.firm.totals.move_position(0, value);
        self.firm.margin.add(value.abs().saturating_mul(i128::from(at.limits.margin_bp)));
        for holding in &self.holdings[at.holders.0 as usize..at.holders.1 as usize] {
            let value = i128::from(holding.position) * i128::from(mark);
            self.strategies[usize::from(holding.strategy)].totals.move_position(0, value);
        }
        Ok(())
    }

    /// Instruments with their positions, those that are not flat, by instrument.
    pub fn positions(&self) -> impl Iterator<Item = (u32, i64)> + '_ {
        let positions = (0..).zip(&self.instruments).map(|(number, one)| (number, one.exposure.position));
        positions.filter(|&(_, position)| position != 0)
    }
}
