// The exercise boundary of an American option and what early exercise is worth, one option a call. Twin of
// kernels/src/cpu/american.rs and its folder (start, boundary, early_exercise), whose pages say how; the same names and the
// same order of operations, none fused but by wt_fma. The nodes come from the host as bytes.
#pragma once
#include "pricing.cuh"

constexpr int NODES = 8;
constexpr int STEP_POINTS = 12;
constexpr int PRICE_POINTS = 32;
constexpr int LANES = 8;
constexpr int START_STEPS = 3;
constexpr int STEPS = 3;
constexpr double STRIDE_MAX = 0.5;
constexpr double DEPTH_MAX = 40.0;

template <int N> struct Points {
    double root[N];
    double inverse_root[N];
    double time_weight[N];
};

struct alignas(64) Nodes {
    double root[NODES];
    double step_from[STEP_POINTS][NODES][NODES];
    double price_from[NODES][PRICE_POINTS];
    Points<PRICE_POINTS> price;
    Points<STEP_POINTS> step;
    double reserved[4];
};
static_assert(sizeof(Nodes) == 8 * (NODES + 3 * (STEP_POINTS + PRICE_POINTS) + STEP_POINTS * NODES * NODES +
                                    PRICE_POINTS * NODES + 4),
              "the layout of the host");

struct UnitPut {
    double rate;
    double dividend_yield;
    double volatility;
    double years;
    double first;
};

struct Perpetual {
    double first;
    double apart;
};

WT_DEVICE Perpetual perpetual(const UnitPut& put, double ln_first) {
    const double variance = put.volatility * put.volatility;
    const double drift = (put.rate - put.dividend_yield) / variance - 0.5;
    const double product = 2.0 * put.rate / variance;
    const double spread = wt_sqrt(drift * drift + product);
    const double root = drift > 0.0 ? -drift - spread : -product / larger(spread - drift, 1e-30);
    const double exponent = smaller(root, -1e-6);
    const double first = exponential(-ln_first);
    const double last = (exponent - 1.0) / exponent;
    return Perpetual{first, larger(last - first, first * 1e-9)};
}

WT_DEVICE double until(const Perpetual& p, const UnitPut& put, double root_time) {
    const double deviation = put.volatility * root_time;
    const double drift = (put.dividend_yield - put.rate) * root_time * root_time;
    const double reach = larger(drift + 2.0 * deviation, 0.5 * deviation);
    const double part = 1.0 - exponential(-smaller(reach * p.first / p.apart, 700.0));
    return -logarithm(p.first + p.apart * part).nearest;
}

WT_DEVICE double improve(const UnitPut& put, double root_time, double x, double ln_first) {
    const double rate = put.rate, dividend_yield = put.dividend_yield;
    const double time = root_time * root_time;
    const double variance = put.volatility * put.volatility;
    const double v = put.volatility * root_time;
    const double inverse_v = 1.0 / v;
    const double discount = exponential(-rate * time), carried = exponential(-dividend_yield * time);
    const double growth = rate * time;
    const double series = 1.0 / (time * (1.0 - 0.5 * growth * (1.0 - growth * (1.0 / 3.0))));
    const bool small = growth * growth < 1e-10;
    const double hazard = small ? series : rate / (small ? 1.0 : 1.0 - discount);
    const double omega = 2.0 * (rate - dividend_yield) / variance - 1.0;
    const double spread = wt_sqrt(omega * omega + 8.0 * hazard / variance);
    const double lambda = -0.5 * (omega + spread);
    const double slope_of_lambda = 2.0 * hazard * hazard / (variance * spread);
    const double alpha = -2.0 / (variance * spread);
    const double beta = alpha * discount * (hazard - slope_of_lambda / spread) - lambda;

    const double s = exponential(x);
    const double d1 = (x + (rate - dividend_yield) * time) * inverse_v + 0.5 * v;
    const double d2 = d1 - v;
    const double cut1 = smaller(magnitude(d1), D_MAX), cut2 = smaller(magnitude(d2), D_MAX);
    const double bell1 = exponential(-0.5 * cut1 * cut1), bell2 = exponential(-0.5 * cut2 * cut2);
    const double tail1 = bell1 * tail_ratio(cut1), tail2 = bell2 * tail_ratio(cut2);
    const double delta = carried * (d1 > 0.0 ? tail1 : 1.0 - tail1);
    const double bond = discount * (d2 > 0.0 ? tail2 : 1.0 - tail2);
    const double density = carried * bell1 * INVERSE_SQRT_2PI;
    const double decay = variance * 0.5 * inverse_v * density;
    const double theta = rate * bond - dividend_yield * s * delta - s * decay;
    const double gain = 1.0 - s - (bond - s * delta);
    const double excess = (1.0 - delta) * s - beta * gain + alpha * theta;
    const double of_theta = (dividend_yield - rate) * density * inverse_v - dividend_yield * delta -
                            decay * (1.0 - d1 * inverse_v);
    const double slope = (1.0 - delta) * (1.0 + beta) + density * inverse_v + alpha * of_theta;
    const double stride = excess / larger(s * slope, 1e-30);
    const double next = x - smaller(larger(stride, -STRIDE_MAX), STRIDE_MAX);
    return smaller(larger(next, ln_first - DEPTH_MAX), ln_first);
}

WT_DEVICE double weighted_normal(double factor, double d, double cut, double weighted_bell) {
    const double tail = weighted_bell * tail_ratio(cut);
    return d > 0.0 ? factor - tail : tail;
}

// One fixed-point step of node i, from the boundary at all nodes before it.
WT_DEVICE double step(const UnitPut& put, const Nodes& nodes, double ln_first, const double (&depth)[NODES], int i) {
    const double drift = put.rate - put.dividend_yield - 0.5 * put.volatility * put.volatility;
    const double node_root = wt_sqrt(put.years) * nodes.root[i];
    const double inverse_deviation = 1.0 / (put.volatility * node_root);
    double n_sum = 0.0, d_sum = 0.0;
    for (int k = 0; k < STEP_POINTS; ++k) {
        const double passed = nodes.step.root[k], inverse_passed = nodes.step.inverse_root[k];
        const double time_weight = nodes.step.time_weight[k];
        const double time = node_root * node_root * (passed * passed);
        const double discount = exponential(-put.rate * time), carried = exponential(-put.dividend_yield * time);
        double square = nodes.step_from[k][0][i] * (depth[0] * depth[0]);
        for (int j = 1; j < NODES; ++j) {
            square = wt_fma(nodes.step_from[k][j][i], depth[j] * depth[j], square);
        }
        const double apart = wt_sqrt(larger(square, 0.0)) - depth[i];
        const double root = node_root * passed;
        const double d2 = wt_fma(drift * root, root, apart) * (inverse_deviation * inverse_passed);
        const double d1 = wt_fma(put.volatility, root, d2);
        const double cut1 = smaller(magnitude(d1), D_MAX), cut2 = smaller(magnitude(d2), D_MAX);
        const double bell1 = carried * exponential(-0.5 * cut1 * cut1);
        const double bell2 = discount * exponential(-0.5 * cut2 * cut2);
        n_sum = wt_fma(time_weight, weighted_normal(discount, d2, cut2, bell2), n_sum);
        d_sum = wt_fma(time_weight, weighted_normal(carried, d1, cut1, bell1), d_sum);
    }
    const double time = node_root * node_root;
    const double discount = exponential(-put.rate * time), carried = exponential(-put.dividend_yield * time);
    const double d2 = wt_fma(drift * node_root, node_root, ln_first - depth[i]) * inverse_deviation;
    const double d1 = wt_fma(put.volatility, node_root, d2);
    const double cut1 = smaller(magnitude(d1), D_MAX), cut2 = smaller(magnitude(d2), D_MAX);
    const double bell1 = carried * exponential(-0.5 * cut1 * cut1);
    const double bell2 = discount * exponential(-0.5 * cut2 * cut2);
    n_sum = wt_fma(put.rate * time, n_sum, weighted_normal(discount, d2, cut2, bell2));
    d_sum = wt_fma(put.dividend_yield * time, d_sum, weighted_normal(carried, d1, cut1, bell1));
    const double x = logarithm(n_sum / d_sum).nearest;
    return smaller(larger(ln_first - x, 0.0), DEPTH_MAX);
}

// ln(X / B) at the nodes.
WT_DEVICE void solve(const UnitPut& put, const Nodes& nodes, double ln_first, double (&depth)[NODES]) {
    const Perpetual endless = perpetual(put, ln_first);
    const double root_years = wt_sqrt(put.years);
    for (int i = 0; i < NODES; ++i) {
        const double root_time = root_years * nodes.root[i];
        double x = until(endless, put, root_time);
        for (int again = 0; again < START_STEPS; ++again) {
            x = improve(put, root_time, x, ln_first);
        }
        depth[i] = ln_first - x;
    }
    for (int again = 0; again < STEPS; ++again) {
        double next[NODES];
        for (int i = 0; i < NODES; ++i) {
            next[i] = step(put, nodes, ln_first, depth, i);
        }
        for (int i = 0; i < NODES; ++i) {
            depth[i] = next[i];
        }
    }
}

struct UnitPremium {
    double ln_now;
    double premium;
};

WT_DEVICE UnitPremium unit_premium(const UnitPut& put, const Nodes& nodes, double spot) {
    const double ln_first = logarithm(put.first).nearest;
    double depth[NODES];
    solve(put, nodes, ln_first, depth);
    const double ln_spot = logarithm(spot).nearest;
    const double deviation = put.volatility * wt_sqrt(put.years);
    const double inverse_deviation = 1.0 / deviation;
    const double drift = (put.rate - put.dividend_yield) * put.years - 0.5 * deviation * deviation;
    double lanes[LANES] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
    for (int k = 0; k < PRICE_POINTS; ++k) {
        const double passed = nodes.price.root[k], inverse_passed = nodes.price.inverse_root[k];
        double square = nodes.price_from[0][k] * (depth[0] * depth[0]);
        for (int j = 1; j < NODES; ++j) {
            square = wt_fma(nodes.price_from[j][k], depth[j] * depth[j], square);
        }
        const double ln_then = ln_first - wt_sqrt(larger(square, 0.0));
        const double time = put.years * (passed * passed);
        const double weight = put.years * nodes.price.time_weight[k];
        const double rate = put.rate * weight * exponential(-put.rate * time);
        const double earned = spot * (put.dividend_yield * weight * exponential(-put.dividend_yield * time));
        const double apart = ln_spot - ln_then;
        const double d2 = wt_fma(drift * passed, passed, apart) * (inverse_deviation * inverse_passed);
        const double d1 = wt_fma(deviation, passed, d2);
        const double cut1 = smaller(magnitude(d1), D_MAX), cut2 = smaller(magnitude(d2), D_MAX);
        const double saved = weighted_normal(rate, -d2, cut2, rate * exponential(-0.5 * cut2 * cut2));
        const double missed = weighted_normal(earned, -d1, cut1, earned * exponential(-0.5 * cut1 * cut1));
        lanes[k % LANES] += saved - missed;
    }
    const double even = (lanes[0] + lanes[4]) + (lanes[2] + lanes[6]);
    const double odd = (lanes[1] + lanes[5]) + (lanes[3] + lanes[7]);
    return UnitPremium{ln_first - depth[0], larger(even + odd, 0.0)};
}
