//! Implied volatilities without a start, by the crate `implied-vol` (Jaeckel's method).
//!
//! It computes with the machine's own library of functions: its last bits may differ from one machine to another. So the
//! answer is rounded to 1e-9, and reaches decisions only as a sequenced, journalled input, never from inside them; the
//! warm [`super::implied`] goes on from there. For a cold thread; allocates nothing.

use super::implied::{Invertible, NoVolatility};
use super::lognormal::LognormalTerms;
use super::normal::NormalTerms;
use super::{Contract, Isa, PerIsa};
use implied_vol::{DefaultSpecialFn, ImpliedBlackVolatility, ImpliedNormalVolatility};

/// A model that the crate knows.
pub trait KnownModel: Invertible {
    /// The deviation at which an option out of the money is worth this much before discounting.
    fn deviation(&self, strike: f64, wanted: f64) -> Option<f64>;
}

impl KnownModel for LognormalTerms {
    fn deviation(&self, strike: f64, wanted: f64) -> Option<f64> {
        let forward = self.forward.forward;
        let out_of_the_money = ImpliedBlackVolatility::builder()
            .option_price(wanted)
            .forward(forward)
            .strike(strike)
            .expiry(1.0)
            .is_call(forward <= strike)
            .build()?;
        out_of_the_money.calculate::<DefaultSpecialFn>()
    }
}

impl KnownModel for NormalTerms {
    fn deviation(&self, strike: f64, wanted: f64) -> Option<f64> {
        let out_of_the_money = ImpliedNormalVolatility::builder()
            .option_price(wanted)
            .forward(self.forward)
            .strike(strike)
            .expiry(1.0)
            .is_call(self.forward <= strike)
            .build()?;
        out_of_the_money.calculate::<DefaultSpecialFn>()
    }
}

/// The volatility of a contract by its price, rounded to 1e-9; the contract's own is not looked at.
///
/// # Errors
/// Why there is none.
pub fn cold_start<M: KnownModel>(model: &M, contract: &Contract, price: f64) -> Result<f64, NoVolatility> {
    let problem = Isa::detect().run(ProblemOf { model: *model, contract: *contract, price });
    problem.possible()?;
    let deviation =
        model.deviation(contract.strike, problem.wanted).filter(|deviation| deviation.is_finite());
    let volatility = deviation.ok_or(NoVolatility::NotConverged)? / problem.sqrt_years;
    Ok((volatility * 1e9).round() / 1e9)
}

struct ProblemOf<M> {
    model: M,
    contract: Contract,
    price: f64,
}

impl<M: Invertible> PerIsa for ProblemOf<M> {
    type Output = super::implied::Problem;

    #[inline(always)]
    fn run(self) -> Self::Output {
        self.model.problem(&self.contract, self.price)
    }
}
