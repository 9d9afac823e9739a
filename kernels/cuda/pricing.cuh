// Price, delta and vega of a European option. Twin of kernels/src/cpu/pricing.rs and pricing/elementary.rs, whose pages
// give the formula and its error; the same names and the same order of operations, none fused but by wt_fma. All
// sensitivities are in lognormal.cuh and normal.cuh, volatilities in implied.cuh.
#pragma once
#include "abi.cuh"
#include "coefficients.cuh"
#include "portable.cuh"

constexpr double DEVIATION_MIN = 1e-30;
constexpr double INVERSE_SQRT_2PI = 0.3989422804014327;
constexpr double D_MAX = 27.0;
constexpr double LOG2_E = 1.4426950408889634;
constexpr double LN2 = 0x1.62e42fefa39efp-1;
constexpr double LN2_HIGH = 0x1.62e42fefa2000p-1;
constexpr double LN2_LOW = 0x1.9ef35793c7673p-41;
// 1.5 * 2^52.
constexpr double ROUNDER = 6755399441055744.0;
constexpr uint64_t SQRT_HALF_BITS = 0x3FE6A09E667F3BCDull;
constexpr double TAIL_CENTRE = 5.0;

// A polynomial, low order first, as two chains of fused multiply-adds; an even number of coefficients.
template <int N> WT_DEVICE double even_odd(const double (&coefficients)[N], double x) {
    static_assert(N >= 2 && N % 2 == 0, "two chains of equal length");
    const double square = x * x;
    double even = coefficients[N - 2], odd = coefficients[N - 1];
    for (int i = N - 4; i >= 0; i -= 2) {
        odd = wt_fma(odd, square, coefficients[i + 1]);
        even = wt_fma(even, square, coefficients[i]);
    }
    return wt_fma(odd, x, even);
}

WT_DEVICE double exponential(double x) {
    const double coefficients[] = WT_EXP_COEFFICIENTS;
    const double shifted = wt_fma(x, LOG2_E, ROUNDER);
    const double n = shifted - ROUNDER;
    const double r = wt_fma(n, -LN2_LOW, wt_fma(n, -LN2_HIGH, x));
    const double mantissa = 1.0 + wt_fma(r * r, even_odd(coefficients, r), r);
    return wt_of_bits(wt_bits_of(mantissa) + (wt_bits_of(shifted) << 52));
}

struct Logarithm {
    double nearest;
    double rest;
};

WT_DEVICE Logarithm logarithm(double x) {
    const double coefficients[] = WT_LN_COEFFICIENTS;
    const int64_t exponent = (int64_t)(wt_bits_of(x) - SQRT_HALF_BITS) >> 52;
    const double f = wt_of_bits(wt_bits_of(x) - ((uint64_t)exponent << 52)) - 1.0;
    const double e = (double)exponent;
    const double divisor = 2.0 + f;
    const double divisor_low = f - (divisor - 2.0);
    const double s = f / divisor;
    const double s_low = wt_fma(-s, divisor_low, wt_fma(-s, divisor, f)) / divisor;
    const double z = s * s;
    const double series = 2.0 * s * z * even_odd(coefficients, z);
    const double a = e * LN2_HIGH, b = 2.0 * s;
    const double high = a + b;
    const double of_b = high - a;
    const double low = (a - (high - of_b)) + (b - of_b);
    const double rest = low + (wt_fma(2.0, s_low, e * LN2_LOW) + series);
    const double nearest = high + rest;
    return Logarithm{nearest, (high - nearest) + rest};
}

WT_DEVICE double logarithm_once(double x) {
    const double coefficients[] = WT_LN_COEFFICIENTS;
    const int64_t exponent = (int64_t)(wt_bits_of(x) - SQRT_HALF_BITS) >> 52;
    const double f = wt_of_bits(wt_bits_of(x) - ((uint64_t)exponent << 52)) - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s;
    const double series = 2.0 * s * z * even_odd(coefficients, z);
    return wt_fma((double)exponent, LN2, wt_fma(2.0, s, series));
}

WT_DEVICE double tail_ratio(double d) {
    const double coefficients[] = WT_TAIL_COEFFICIENTS;
    const double reciprocal = 1.0 / (d + TAIL_CENTRE);
    const double t = wt_fma(2.0, d * reciprocal, -1.0);
    return even_odd(coefficients, t) * reciprocal;
}

struct ForwardTerms {
    double forward;
    double ln_forward;
    double ln_forward_rest;
    double discount;
    double sqrt_years;
    double delta_scale;
    double vega_scale;
};

WT_DEVICE ForwardTerms forward_terms(const Expiry& expiry, double mid) {
    ForwardTerms t;
    t.forward = mid * expiry.carry;
    const Logarithm ln_forward = logarithm(t.forward);
    t.ln_forward = ln_forward.nearest;
    t.ln_forward_rest = ln_forward.rest;
    t.discount = expiry.discount;
    t.sqrt_years = expiry.sqrt_years;
    t.delta_scale = expiry.discount * expiry.carry;
    t.vega_scale = expiry.discount * expiry.sqrt_years * INVERSE_SQRT_2PI;
    return t;
}

struct Contract {
    double strike;
    double ln_strike;
    double volatility;
    double sign;
};

struct OptionValue {
    double price;
    double delta;
    double vega;
};

WT_DEVICE double smaller(double a, double b) {
    return a < b ? a : b;
}

// The second where they are equal.
WT_DEVICE double larger(double a, double b) {
    return a > b ? a : b;
}

WT_DEVICE double magnitude(double a) {
    return wt_of_bits(wt_bits_of(a) & 0x7FFFFFFFFFFFFFFFull);
}

// What price and sensitivities are made of.
struct Parts {
    OptionValue value;
    double d1;
    double d2;
    double inverse_deviation;
    double scaled_density;
    double forward_side;
    double strike_side;
};

WT_DEVICE Parts parts(const ForwardTerms& t, const Contract& c) {
    const double total = c.volatility * t.sqrt_years;
    const double deviation = larger(total, DEVIATION_MIN);
    const double inverse_deviation = 1.0 / deviation;
    const double apart = (t.ln_forward - c.ln_strike) + t.ln_forward_rest;
    const double distance = t.forward == c.strike ? 0.0 : apart;
    const double d1 = wt_fma(distance, inverse_deviation, 0.5 * deviation);
    const double d2 = d1 - deviation;
    const double cut1 = smaller(magnitude(d1), D_MAX), cut2 = smaller(magnitude(d2), D_MAX);
    const double density = exponential(-0.5 * cut1 * cut1);
    const double tail1 = density * tail_ratio(cut1);
    const double scaled_density = t.forward * density;
    const double strike_tail = scaled_density * tail_ratio(cut2);
    const double n1 = c.sign * d1 > 0.0 ? 1.0 - tail1 : tail1;
    const double strike_side = c.sign * d2 > 0.0 ? c.strike - strike_tail : strike_tail;
    const double forward_side = t.forward * n1;
    const double signed_discount = c.sign * t.discount;
    const double intrinsic = larger(signed_discount * (t.forward - c.strike), 0.0);
    const double live_density = total > DEVIATION_MIN ? scaled_density : 0.0;
    OptionValue value;
    value.price = larger(signed_discount * (forward_side - strike_side), intrinsic);
    value.delta = c.sign * t.delta_scale * n1;
    value.vega = live_density * t.vega_scale;
    return Parts{value, d1, d2, inverse_deviation, live_density, forward_side, strike_side};
}

WT_DEVICE OptionValue value_one(const ForwardTerms& t, const Contract& c) {
    return parts(t, c).value;
}
