// Bachelier's model. Twin of kernels/src/cpu/pricing/normal.rs; the same names and the same order of operations.
#pragma once
#include "lognormal.cuh"

struct NormalTerms {
    double forward;
    double discount;
    double sqrt_years;
    double years;
    double rate;
};

WT_DEVICE NormalTerms bachelier(const ForwardMarket& m) {
    return NormalTerms{m.forward, exponential(-(m.rate * m.years)), wt_sqrt(m.years), m.years, m.rate};
}

WT_DEVICE Sensitivities sensitivities(const NormalTerms& t, const Contract& c) {
    const double total = c.volatility * t.sqrt_years;
    const double deviation = larger(total, DEVIATION_MIN);
    const double inverse_deviation = 1.0 / deviation;
    const double apart = t.forward - c.strike;
    const double d = apart * inverse_deviation;
    const double cut = smaller(magnitude(d), D_MAX);
    const double density_part = exponential(-0.5 * cut * cut);
    const double tail = density_part * tail_ratio(cut);
    const double n = c.sign * d > 0.0 ? 1.0 - tail : tail;
    const double density = total > DEVIATION_MIN ? density_part * INVERSE_SQRT_2PI : 0.0;
    const double time_value = larger(deviation * density - magnitude(apart) * tail, 0.0);
    const double intrinsic = larger(c.sign * apart, 0.0);
    const double price = t.discount * (intrinsic + time_value);
    const double delta = t.discount * c.sign * n;
    const double scale = t.discount * density;
    const double vega = scale * t.sqrt_years;
    const double inverse_volatility = t.sqrt_years * inverse_deviation;
    const double inverse_sqrt_years = c.volatility * inverse_deviation;
    Sensitivities s;
    s.price = price;
    s.delta = delta;
    s.gamma = scale * inverse_deviation;
    s.vega = vega;
    s.theta = t.rate * price - 0.5 * scale * (c.volatility * inverse_sqrt_years);
    s.rho = -(t.years * price);
    s.vanna = -(scale * (d * inverse_volatility));
    s.volga = vega * (d * d * inverse_volatility);
    s.charm = t.rate * delta + scale * (0.5 * d * (inverse_sqrt_years * inverse_sqrt_years));
    return s;
}
