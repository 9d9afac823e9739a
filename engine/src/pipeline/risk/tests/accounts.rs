//! Cash, inventory and profit through fills, fees, prices, busts and corrections, and what a resumed run takes over.

use super::*;
use crate::pipeline::carried_state::CarriedState;
use crate::pipeline::draws::Draws;

/// A trade as a list keeps it: instrument, signed quantity, price, fee.
type Trade = (u32, i128, i128, i128);

#[test]
pub(super) fn cash_and_inventory_are_the_sum_of_the_trades() {
    for seed in 0..100 {
        let mut draws = Draws(seed);
        let mut risk = risk();
        let mut trades: Vec<(u64, Trade)> = Vec::new();
        let mut marks = [0_i128; 2];
        for exec_id in 1..300 {
            let instrument = draws.below(2) as u32;
            let price = draws.below(200) as i64 * DOLLAR + DOLLAR;
            match draws.below(5) {
                0 if !trades.is_empty() => {
                    let at = draws.below(trades.len() as u64) as usize;
                    let (busted, _) = trades.swap_remove(at);
                    assert!(risk.bust(0, busted, 0).is_some(), "seed {seed}");
                    assert!(risk.bust(0, busted, 0).is_none(), "busted twice");
                }
                1 => {
                    risk.mark(instrument, price, 0);
                    marks[instrument as usize] = i128::from(price);
                }
                _ => {
                    let side = draws.one_of(&[Side::Buy, Side::Sell]);
                    let (quantity, takes) = (1 + draws.below(500), draws.once_in(2));
                    risk.fill(&Fill { instrument, price, takes, exec_id, ..fill(side, quantity) });
                    let signed = i128::from(quantity) * if side == Side::Buy { 1 } else { -1 };
                    let fee = i128::from(quantity) * if takes { 3_000_000 } else { -2_000_000 };
                    trades.push((exec_id, (instrument, signed, i128::from(price), fee)));
                    let mark = &mut marks[instrument as usize];
                    *mark = if *mark == 0 { i128::from(price) } else { *mark };
                }
            }
            let cash: i128 = trades.iter().map(|(_, (_, signed, price, fee))| -signed * price - fee).sum();
            let position = |at: u32| -> i128 {
                trades.iter().filter(|(_, trade)| trade.0 == at).map(|(_, trade)| trade.1).sum()
            };
            let inventory: i128 = [0, 1].map(|at| position(at) * marks[at as usize]).iter().sum();
            assert_eq!(risk.worth(), cash + inventory, "seed {seed}, fill {exec_id}");
            for at in [0, 1] {
                let account = risk.account(at);
                assert_eq!(i128::from(risk.exposure(at).position), position(at), "seed {seed}");
                assert_eq!(risk.holding(0, at), risk.exposure(at).position, "seed {seed}");
                let mark = risk.mark_of(at);
                let profit = account.realised + account.unrealised(mark) - account.fees;
                assert_eq!(profit, account.cash + i128::from(account.position) * i128::from(mark));
            }
        }
        // What is carried makes the same risk again.
        let mut carried = CarriedState::default();
        risk.carry(&mut carried);
        let mut resumed = self::risk();
        resumed.resume(&carried, 7).expect("the same sizes");
        let mut again = CarriedState::default();
        resumed.carry(&mut again);
        assert_eq!(again, carried, "seed {seed}");
        assert_eq!(resumed.worth(), risk.worth(), "seed {seed}");
        assert_eq!(resumed.firm.totals, risk.firm.totals, "seed {seed}");
        assert_eq!(resumed.firm.margin, risk.firm.margin, "seed {seed}");
        assert_eq!(resumed.strategies[0].totals, risk.strategies[0].totals, "seed {seed}");
    }
}

#[test]
pub(super) fn a_fill_is_known_by_its_venue_and_number() {
    let mut risk = risk();
    for exec_id in 1..=EngineLimits::OPEN.fills_max as u64 {
        risk.fill(&Fill { exec_id, ..fill(Side::Buy, 1) });
        assert!(risk.is_booked(0, exec_id) && !risk.is_booked(1, exec_id) && !risk.is_booked(0, exec_id + 1));
    }
    assert!(!risk.is_killed());
    risk.fill(&Fill { exec_id: u64::MAX, ..fill(Side::Buy, 1) });
    assert_eq!(risk.blocks().of_all(), Some(KillCause::FillsFull), "fills cannot be told apart any more");
    assert!(!risk.is_booked(0, 0), "no number");
}

#[test]
pub(super) fn a_position_is_valued_at_the_price_of_the_time_that_it_had_none() {
    let mut risk = risk();
    risk.fill(&fill(Side::Buy, 1));
    risk.fill(&fill(Side::Sell, 1));
    let price = 2 * fill(Side::Buy, 1).price;
    risk.mark(0, price, 1);
    risk.fill(&Fill { price, ..fill(Side::Buy, 1) });
    let mut carried = CarriedState::default();
    risk.carry(&mut carried);
    assert_eq!((carried.accounts[0].position, carried.accounts[0].mark), (1, price));
}

#[test]
pub(super) fn blocks_and_limits_are_taken_over() {
    let mut risk = risk();
    risk.command(Command::Kill { scope: Scope::Strategy(0), cause: KillCause::Executions });
    let change = |rule, value| LimitChange { version: 2, scope: Scope::Instrument(0), rule, value };
    for (rule, value) in [(LimitRule::OrderQtyMax, 7), (LimitRule::OrderQtyMax, 9), (LimitRule::CollarBp, 5)]
    {
        risk.command(Command::SetLimit(change(rule, value)));
    }
    let mut carried = CarriedState::default();
    risk.carry(&mut carried);
    assert_eq!(carried.blocks, [(Scope::Strategy(0), KillCause::Executions)]);
    assert_eq!(carried.limits, [change(LimitRule::OrderQtyMax, 9), change(LimitRule::CollarBp, 5)]);
    let mut resumed = self::risk();
    resumed.resume(&carried, 0).expect("the same sizes");
    assert_eq!((resumed.limits(0).order_qty_max, resumed.limits(0).collar_bp), (9, 5));
    refused(&mut resumed, Intent { quantity: 9, ..INTENT }, REFERENCE, RiskReasons::KILL_SWITCH);
}
