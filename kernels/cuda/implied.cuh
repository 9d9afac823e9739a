// Implied volatilities from a warm start. Twin of kernels/src/cpu/pricing/implied.rs and implied/inversion.rs, whose pages say
// how; the same names and the same order of operations.
#pragma once
#include "normal.cuh"

constexpr double ROUNDING = 9e-16;
constexpr double LAST_STEP_MAX = 4e-4;
constexpr double LAST_DISTANCE_MAX = 0.1;
constexpr double PRICE_MIN = 1e-290;
constexpr double SQRT_2PI = 2.5066282746310002;
constexpr double LARGEST = 0x1.fffffffffffffp+1023;

enum NoVolatility : uint32_t {
    VOLATILITY_FOUND = 0,
    NOT_CONVERGED = 1,
    NO_TIME_VALUE = 2,
    BELOW_INTRINSIC = 3,
    ABOVE_BOUND = 4,
    NO_TIME = 5,
    NOT_FINITE = 6,
};

struct Problem {
    double wanted;
    double smaller_side;
    double apart;
    double start;
    double sqrt_years;
    uint32_t refused;
};

struct Point {
    double price;
    double price_over_slope;
    double curvature;
};

// The last that holds is what is said.
WT_DEVICE uint32_t refused_price(double wanted, double bound, double rounding, double sqrt_years, double price) {
    uint32_t refused = VOLATILITY_FOUND;
    refused = wanted <= rounding ? NO_TIME_VALUE : refused;
    refused = wanted < -rounding ? BELOW_INTRINSIC : refused;
    refused = wanted >= bound - rounding ? ABOVE_BOUND : refused;
    refused = sqrt_years <= 0.0 ? NO_TIME : refused;
    refused = magnitude(price) <= LARGEST ? refused : NOT_FINITE;
    return refused;
}

WT_DEVICE double start_of(const Contract& c, double sqrt_years, double guess) {
    const double start = c.volatility * sqrt_years;
    return start > DEVIATION_MIN && start < 1.0 / DEVIATION_MIN ? start : guess;
}

WT_DEVICE Problem problem_of(const LognormalTerms& model, const Contract& c, double price) {
    const ForwardTerms& t = model.forward;
    const double forward_less_strike = t.forward - c.strike;
    const double smaller_side = smaller(t.forward, c.strike);
    const double offered = price * (1.0 / t.discount) - larger(c.sign * forward_less_strike, 0.0);
    const uint32_t refused =
        refused_price(offered, smaller_side, ROUNDING * (t.forward + c.strike), t.sqrt_years, price);
    const double wanted = refused == VOLATILITY_FOUND ? offered : 0.1 * smaller_side;
    const double distance = (t.ln_forward - c.ln_strike) + t.ln_forward_rest;
    const double apart = forward_less_strike == 0.0 ? 0.0 : magnitude(distance);
    const double guess = larger(wt_sqrt(2.0 * apart), SQRT_2PI * (wanted / smaller_side));
    return Problem{wanted, smaller_side, apart, start_of(c, t.sqrt_years, guess), t.sqrt_years, refused};
}

WT_DEVICE Problem problem_of(const NormalTerms& t, const Contract& c, double price) {
    const double forward_less_strike = t.forward - c.strike;
    const double offered = price * (1.0 / t.discount) - larger(c.sign * forward_less_strike, 0.0);
    const double rounding = ROUNDING * (magnitude(t.forward) + magnitude(c.strike));
    const uint32_t refused = refused_price(offered, LARGEST, rounding, t.sqrt_years, price);
    const double wanted = refused == VOLATILITY_FOUND ? offered : 1.0;
    const double apart = magnitude(forward_less_strike);
    const double start = start_of(c, t.sqrt_years, larger(0.5 * apart, SQRT_2PI * wanted));
    return Problem{wanted, 1.0, apart, start, t.sqrt_years, refused};
}

WT_DEVICE Point price_at(const LognormalTerms&, const Problem& problem, double deviation) {
    const double inverse = 1.0 / deviation;
    const double h = problem.apart * inverse, t = 0.5 * deviation;
    const double near = h - t, far = h + t;
    const double cut = smaller(magnitude(near), D_MAX);
    const double scaled = problem.smaller_side * exponential(-0.5 * cut * cut);
    const double near_ratio = tail_ratio(cut), far_ratio = tail_ratio(smaller(far, D_MAX));
    const double below = scaled * (near_ratio - far_ratio);
    const double above = problem.smaller_side - scaled * (near_ratio + far_ratio);
    const double price = larger(near > 0.0 ? below : above, PRICE_MIN);
    const double price_over_slope = price / (scaled * INVERSE_SQRT_2PI);
    return Point{price, price_over_slope, near * far * inverse};
}

WT_DEVICE Point price_at(const NormalTerms&, const Problem& problem, double deviation) {
    const double inverse = 1.0 / deviation;
    const double d = problem.apart * inverse;
    const double cut = smaller(d, D_MAX);
    const double density = exponential(-0.5 * cut * cut);
    const double part = INVERSE_SQRT_2PI - d * tail_ratio(cut);
    const double price = larger(deviation * density * part, PRICE_MIN);
    const double price_over_slope = price / (density * INVERSE_SQRT_2PI);
    return Point{price, price_over_slope, d * d * inverse};
}

struct Volatility {
    double volatility;
    uint32_t refused;
};

template <typename Model>
WT_DEVICE Volatility implied_volatility(const Model& model, const Contract& c, double price, uint32_t steps) {
    const Problem problem = problem_of(model, c, price);
    const double inverse_wanted = 1.0 / problem.wanted;
    double deviation = problem.start, newton = 0.0, distance = LARGEST;
    for (uint32_t i = 0; i < steps; ++i) {
        const Point point = price_at(model, problem, deviation);
        distance = logarithm_once(point.price * inverse_wanted);
        newton = -distance * point.price_over_slope;
        const double bend = 1.0 + 0.5 * (newton * point.curvature + distance);
        const double stepped = deviation + newton / larger(bend, 0.5);
        deviation = smaller(larger(stepped, 0.25 * deviation), 4.0 * deviation);
    }
    const bool converged = magnitude(newton) <= LAST_STEP_MAX * deviation && magnitude(distance) <= LAST_DISTANCE_MAX;
    const uint32_t found = converged ? VOLATILITY_FOUND : NOT_CONVERGED;
    const uint32_t refused = problem.refused == VOLATILITY_FOUND ? found : problem.refused;
    return Volatility{refused == VOLATILITY_FOUND ? deviation / problem.sqrt_years : 0.0, refused};
}
