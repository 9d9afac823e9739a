//! The volatility surface that an options day is quoted from: known, smooth, and free of arbitrage.

use feeds::source::synthetic::Prng;
use kernels::abi::Expiry;
use kernels::cpu::pricing::{Contract as PricedContract, ForwardTerms, Isa, ln, value_one};

use super::contracts::{Contract, ExpiryTerms};

/// Total implied variance by log-moneyness k = ln(K / F) and years T: the SSVI surface with the power law of exponent a
/// half,
///
/// ```text
/// theta = atm_variance T,  phi = eta / sqrt(theta)
/// w(k, T) = theta / 2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2))
/// ```
///
/// of J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces", arXiv:1204.0646. It has no butterfly
/// arbitrage while eta^2 (1 + |rho|) <= 4 and eta sqrt(theta) (1 + |rho|) < 4, and no calendar arbitrage: parameters are
/// drawn within that. It moves with the forward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surface {
    /// Variance a year at the money.
    pub atm_variance: f64,
    /// Skew, -1 to 1.
    pub rho: f64,
    /// Curvature.
    pub eta: f64,
}

impl Surface {
    /// At-the-money volatilities of 15 to 50 %, equity skews.
    pub(super) fn draw(prng: &mut Prng) -> Self {
        let atm = f64::from(150 + prng.below(351)) / 1000.0;
        let rho = -f64::from(200 + prng.below(501)) / 1000.0;
        let eta = f64::from(600 + prng.below(601)) / 1000.0;
        Self { atm_variance: atm * atm, rho, eta }
    }

    /// The same with volatilities that are this many percent of these.
    #[must_use]
    pub fn later(self, percent: u32) -> Self {
        let percent = f64::from(percent);
        Self { atm_variance: self.atm_variance * (percent * percent / 10_000.0), ..self }
    }

    /// Implied volatility at k = ln(K / F).
    #[must_use]
    pub fn volatility(&self, log_moneyness: f64, years: f64) -> f64 {
        let theta = self.atm_variance * years;
        let scaled = self.eta / theta.sqrt() * log_moneyness;
        let root = ((scaled + self.rho) * (scaled + self.rho) + 1.0 - self.rho * self.rho).sqrt();
        let variance = 0.5 * theta * (1.0 + self.rho * scaled + root);
        (variance / years).sqrt()
    }
}

/// What the contracts of one expiry share at one price of the underlying.
pub struct Slice<'a> {
    surface: &'a Surface,
    expiry: &'a ExpiryTerms,
    forward: f64,
    terms: ForwardTerms,
}

impl<'a> Slice<'a> {
    /// At a mid in cents.
    #[must_use]
    pub fn new(isa: Isa, surface: &'a Surface, expiry: &'a ExpiryTerms, mid_cents: i64) -> Self {
        let mid = mid_cents as f64 / 100.0;
        let (carry, discount, years) = (expiry.carry(), expiry.discount(), expiry.years);
        let shared = Expiry { carry, discount, years, sqrt_years: years.sqrt() };
        Self { surface, expiry, forward: mid * carry, terms: ForwardTerms::new(isa, &shared, mid) }
    }

    /// The surface's volatility of a contract.
    #[must_use]
    pub fn volatility(&self, contract: &Contract) -> f64 {
        let strike = contract.strike_e9 as f64 / 1e9;
        self.surface.volatility(ln(strike) - ln(self.forward), self.expiry.years)
    }

    /// What a contract is worth, in cents.
    #[must_use]
    pub fn value_cents(&self, contract: &Contract) -> f64 {
        let strike = contract.strike_e9 as f64 / 1e9;
        let (volatility, sign) = (self.volatility(contract), contract.right.sign());
        let priced = PricedContract { strike, ln_strike: ln(strike), volatility, sign };
        value_one(&self.terms, &priced).price * 100.0
    }
}
