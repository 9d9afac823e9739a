// All sensitivities under Black-Scholes-Merton and Black-76. Twin of kernels/src/cpu/pricing/lognormal.rs, whose page says
// what each is; the same names and the same order of operations.
#pragma once
#include "pricing.cuh"

// In the order of kernels/src/cpu/pricing/loops.rs.
struct Sensitivities {
    double price;
    double delta;
    double gamma;
    double vega;
    double theta;
    double rho;
    double vanna;
    double volga;
    double charm;
};

struct SpotMarket {
    double spot;
    double rate;
    double underlying_yield;
    double years;
};

// Also of the normal model, where it may be below zero.
struct ForwardMarket {
    double forward;
    double rate;
    double years;
};

struct LognormalTerms {
    ForwardTerms forward;
    double ln_forward_beyond;
    double underlying_yield;
    double cost_of_carry;
    double yield_scale;
    double rate_scale;
    double rho_forward;
    double rho_strike;
    double decay_scale;
    double charm_scale;
    double gamma_scale;
};

WT_DEVICE Expiry expiry_of(double rate, double cost_of_carry, double years) {
    return Expiry{exponential(cost_of_carry * years), exponential(-(rate * years)), years, wt_sqrt(years)};
}

WT_DEVICE LognormalTerms lognormal_terms(const Expiry& expiry, double underlying, double ln_carry, double rate,
                                         double underlying_yield, double cost_of_carry, double rho_forward,
                                         double rho_strike) {
    const Logarithm ln_underlying = logarithm(underlying);
    const double inverse_underlying = 1.0 / underlying;
    const double density_scale = expiry.discount * INVERSE_SQRT_2PI;
    LognormalTerms t;
    t.forward = forward_terms(expiry, underlying);
    t.ln_forward_beyond = ((ln_underlying.nearest - t.forward.ln_forward) + ln_carry) +
                          (ln_underlying.rest - t.forward.ln_forward_rest);
    t.underlying_yield = underlying_yield;
    t.cost_of_carry = cost_of_carry;
    t.yield_scale = expiry.discount * underlying_yield;
    t.rate_scale = expiry.discount * rate;
    t.rho_forward = rho_forward;
    t.rho_strike = rho_strike;
    t.decay_scale = 0.5 * density_scale;
    t.charm_scale = density_scale * inverse_underlying;
    t.gamma_scale = t.charm_scale * inverse_underlying;
    return t;
}

WT_DEVICE LognormalTerms black_scholes_merton(const SpotMarket& m) {
    const double cost_of_carry = m.rate - m.underlying_yield;
    const Expiry expiry = expiry_of(m.rate, cost_of_carry, m.years);
    const double rho_strike = expiry.discount * m.years;
    const double ln_carry = cost_of_carry * m.years;
    return lognormal_terms(expiry, m.spot, ln_carry, m.rate, m.underlying_yield, cost_of_carry, 0.0, rho_strike);
}

WT_DEVICE LognormalTerms black_76(const ForwardMarket& m) {
    const Expiry expiry = expiry_of(m.rate, 0.0, m.years);
    const double rho_strike = expiry.discount * m.years;
    return lognormal_terms(expiry, m.forward, 0.0, m.rate, m.rate, 0.0, -rho_strike, rho_strike);
}

constexpr double YEARS_MIN = 1e-9;

WT_DEVICE LognormalTerms of_expiry(const Expiry& expiry, double mid) {
    const double inverse_years = expiry.years > YEARS_MIN ? 1.0 / expiry.years : 0.0;
    const double rate = -logarithm(expiry.discount).nearest * inverse_years;
    const double ln_carry = logarithm(expiry.carry).nearest;
    const double cost_of_carry = ln_carry * inverse_years;
    const double rho_strike = expiry.discount * expiry.years;
    return lognormal_terms(expiry, mid, ln_carry, rate, rate - cost_of_carry, cost_of_carry, 0.0, rho_strike);
}

WT_DEVICE Sensitivities sensitivities(const LognormalTerms& t, const Contract& c) {
    const Parts p = parts(t.forward, c);
    const double live = p.scaled_density, inverse_deviation = p.inverse_deviation;
    const double decay_rate = c.volatility * (c.volatility * inverse_deviation);
    const double carried = t.yield_scale * p.forward_side - t.rate_scale * p.strike_side;
    const double owed = t.rho_forward * p.forward_side + t.rho_strike * p.strike_side;
    const double apart = t.ln_forward_beyond - logarithm(c.strike).rest;
    const double beyond = t.forward.forward == c.strike ? 0.0 : apart;
    const double shift = beyond * inverse_deviation;
    const double d1 = p.d1 + shift, d2 = p.d2 + shift;
    const double correction = larger(smaller(1.0 - p.d1 * shift, 2.0), 0.0);
    const double corrected = live * correction;
    const double inverse_volatility = t.forward.sqrt_years * inverse_deviation;
    const double inverse_sqrt_years = c.volatility * inverse_deviation;
    const double drift = t.cost_of_carry * inverse_deviation - 0.5 * d2 * (inverse_sqrt_years * inverse_sqrt_years);
    Sensitivities s;
    s.price = p.value.price;
    s.delta = p.value.delta;
    s.gamma = live * t.gamma_scale * inverse_deviation;
    s.vega = p.value.vega;
    s.theta = c.sign * carried - live * t.decay_scale * decay_rate;
    s.rho = c.sign * owed;
    s.vanna = -(corrected * t.charm_scale * (d2 * inverse_volatility));
    s.volga = corrected * t.forward.vega_scale * (d1 * d2 * inverse_volatility);
    s.charm = t.underlying_yield * p.value.delta - corrected * t.charm_scale * drift;
    return s;
}
