// The price of an American option: the European one and what early exercise adds. Twin of `AmericanOption::european` in
// kernels/src/cpu/american.rs and of `EarlyExercise::price` in american/early_exercise.rs; the same names and the same order of
// operations. What cannot be priced was refused by the host.
#pragma once
#include "american.cuh"

// A standard deviation of the underlying until expiry below this counts as none.
constexpr double CHANCE_MIN = 1e-7;

struct AmericanOption {
    // 1 for a call, -1 for a put.
    double sign;
    double strike;
    double rate;
    double dividend_yield;
    double volatility;
    double years;
};

enum Regime : uint32_t { NEVER, CERTAIN, BELOW };

// A put is solved as it is, a call with rate and yield exchanged.
WT_DEVICE UnitPut unit_put(const AmericanOption& option) {
    const bool is_put = option.sign < 0.0;
    const double rate = is_put ? option.rate : option.dividend_yield;
    const double dividend_yield = is_put ? option.dividend_yield : option.rate;
    const double first = rate > 0.0 && dividend_yield > rate ? rate / dividend_yield : 1.0;
    return UnitPut{rate, dividend_yield, option.volatility, option.years, first};
}

WT_DEVICE Regime regime(const UnitPut& put) {
    if (put.volatility * wt_sqrt(put.years) < CHANCE_MIN) {
        return CERTAIN;
    }
    return put.rate > 0.0 || put.dividend_yield < put.rate ? BELOW : NEVER;
}

WT_DEVICE double european(const AmericanOption& option, double spot) {
    const double years = option.years;
    const double carry = exponential((option.rate - option.dividend_yield) * years);
    const Expiry expiry = {carry, exponential(-option.rate * years), years, wt_sqrt(years)};
    const Contract contract = {option.strike, logarithm(option.strike).nearest, option.volatility, option.sign};
    return value_one(forward_terms(expiry, spot), contract).price;
}

WT_DEVICE double gain(const UnitPut& put, double spot, double time) {
    return larger(exponential(-put.rate * time) - spot * exponential(-put.dividend_yield * time), 0.0);
}

WT_DEVICE bool is_normal(double a) {
    const uint64_t exponent = wt_bits_of(a) >> 52 & 0x7FF;
    return exponent != 0 && exponent != 0x7FF;
}

// A unit put whose underlying cannot deviate: the best of exercising now, at expiry and where the gain is largest.
WT_DEVICE double certain(const UnitPut& put, double spot) {
    const double ends = larger(gain(put, spot, 0.0), gain(put, spot, put.years));
    const double earned = put.dividend_yield * spot, saved = put.rate;
    if (earned * saved > 0.0 && put.rate != put.dividend_yield) {
        const double ratio = saved / earned;
        if (is_normal(ratio)) {
            const double best = logarithm(ratio).nearest / (put.rate - put.dividend_yield);
            if (best > 0.0 && best < put.years) {
                return larger(gain(put, spot, best), ends);
            }
        }
    }
    return ends;
}

WT_DEVICE double american_price(const AmericanOption& option, const Nodes& nodes, double spot) {
    const double of_european = european(option, spot);
    const bool is_put = option.sign < 0.0;
    const double intrinsic = larger(is_put ? option.strike - spot : spot - option.strike, 0.0);
    const double at_once = larger(intrinsic - of_european, 0.0);
    const double scale = is_put ? option.strike : spot;
    const double moneyness = is_put ? spot / option.strike : option.strike / spot;
    const UnitPut put = unit_put(option);
    const Regime how = regime(put);
    double premium = at_once;
    if (how == CERTAIN) {
        premium = larger(scale * certain(put, moneyness) - of_european, at_once);
    } else if (how == BELOW) {
        const UnitPremium found = unit_premium(put, nodes, moneyness);
        const bool is_exercised = logarithm(moneyness).nearest <= found.ln_now;
        premium = is_exercised ? at_once : larger(scale * found.premium, at_once);
    }
    return of_european + premium;
}
