//! Options against each other: boxes, verticals and butterflies of one expiry, calendars of two.

use super::super::error::KindFault;
use super::super::money::{bought, sold};
use super::{ChainExpiry, ChainKind, Exercise, Hedge, OptionChain, Smile, Strike};
use crate::cpu::wide::{LinearSpec, common_divisor};
use std::collections::BTreeMap;

impl OptionChain<'_> {
    pub(super) fn spreads(
        &self,
        kind: ChainKind,
        smile: &Smile<'_>,
        made: &mut Vec<LinearSpec>,
    ) -> Result<(), KindFault> {
        match kind {
            ChainKind::Box => self.boxes(smile, made),
            ChainKind::Vertical => {
                self.verticals(smile, &smile.calls, false, made)?;
                self.verticals(smile, &smile.puts, true, made)
            }
            _ => {
                self.butterflies(smile, &smile.calls, made);
                self.butterflies(smile, &smile.puts, made);
                Ok(())
            }
        }
    }

    fn boxes(&self, smile: &Smile<'_>, made: &mut Vec<LinearSpec>) -> Result<(), KindFault> {
        let (size, discount) = (self.size(), self.discount(smile.expiry));
        let strikes = smile.complete();
        for (at, &(low, low_call, low_put)) in strikes.iter().enumerate() {
            for &(high, high_call, high_put) in strikes.iter().skip(at + 1).take(self.reach) {
                let long =
                    vec![bought(low_call, 1), sold(high_call, 1), bought(high_put, 1), sold(low_put, 1)];
                made.push(self.spec(long, size.received(high - low, discount.receive_e9)?));
                if self.exercise == Exercise::European {
                    let short =
                        vec![sold(low_call, 1), bought(high_call, 1), sold(high_put, 1), bought(low_put, 1)];
                    made.push(self.spec(short, -size.paid(high - low, discount.pay_e9)?));
                }
            }
        }
        Ok(())
    }

    fn verticals(
        &self,
        smile: &Smile<'_>,
        strikes: &[Strike],
        puts: bool,
        made: &mut Vec<LinearSpec>,
    ) -> Result<(), KindFault> {
        let pay_e9 = self.discount(smile.expiry).pay_e9;
        for (at, &(low, low_option)) in strikes.iter().enumerate() {
            for &(high, high_option) in strikes.iter().skip(at + 1).take(self.reach) {
                // The one that is worth more: the call of the lower strike, the put of the higher one.
                let (dear, cheap) = if puts { (high_option, low_option) } else { (low_option, high_option) };
                made.push(self.spec(vec![bought(dear, 1), sold(cheap, 1)], 0));
                let paid = self.size().paid(high - low, pay_e9)?;
                made.push(self.spec(vec![sold(dear, 1), bought(cheap, 1)], -paid));
            }
        }
        Ok(())
    }

    fn butterflies(&self, smile: &Smile<'_>, strikes: &[Strike], made: &mut Vec<LinearSpec>) {
        if self.exercise == Exercise::American && !smile.expiry.discount.only_falls() {
            return;
        }
        for (at, &(low, low_option)) in strikes.iter().enumerate() {
            for (middle_at, &(middle, middle_option)) in
                strikes.iter().enumerate().skip(at + 1).take(self.reach)
            {
                for &(high, high_option) in strikes.iter().skip(middle_at + 1).take(self.reach) {
                    let common = common_divisor(high - middle, middle - low);
                    let legs = vec![
                        bought(low_option, (high - middle) / common),
                        sold(middle_option, (high - low) / common),
                        bought(high_option, (middle - low) / common),
                    ];
                    made.push(self.spec(legs, 0));
                }
            }
        }
    }

    pub(super) fn calendars(&self, near: &Smile<'_>, far: &Smile<'_>, made: &mut Vec<LinearSpec>) {
        let mut add = |near: &[Strike], far: &[Strike]| {
            let far: BTreeMap<u64, u32> = far.iter().copied().collect();
            for (strike, option) in near {
                if let Some(far_option) = far.get(strike) {
                    made.push(self.spec(vec![bought(*far_option, 1), sold(*option, 1)], 0));
                }
            }
        };
        if near.expiry.order == far.expiry.order || near.expiry.hedge != far.expiry.hedge {
            // Options on futures of different months have different underlyings.
            return;
        }
        match self.exercise {
            Exercise::American => {
                add(&near.calls, &far.calls);
                add(&near.puts, &far.puts);
            }
            Exercise::European if call_waits(near.expiry, far.expiry) => add(&near.calls, &far.calls),
            Exercise::European => {}
        }
    }
}

/// Whether a European call that lives longer is worth at least as much: nothing is paid to who holds the underlying
/// meanwhile, and paying the strike later costs no more.
fn call_waits(near: &ChainExpiry, far: &ChainExpiry) -> bool {
    far.dividends_paid_e9 == 0
        && far.discount.pay_e9 <= near.discount.receive_e9
        && !matches!(far.hedge, Some(Hedge::Future(_)))
}
