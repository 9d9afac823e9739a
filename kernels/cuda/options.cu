// Options in bulk, one a thread, from arrays of the device's memory: a chain that shares a market, options that each have their
// own, and volatilities by prices. Launched and ended; no CTA waits for another, so that a launch may be of any size.
//
// Everything is computed by the functions of lognormal.cuh, normal.cuh and implied.cuh. kernels/tests/device_options.rs runs the
// built PTX without a GPU and compares every bit with the CPU's.
#include "implied.cuh"

constexpr uint32_t OPTION_THREADS = 128;

// One array a field, as kernels/src/cpu/pricing/loops.rs and markets.rs have them.
struct OptionColumns {
    const double* strike;
    const double* volatility;
    const double* sign;
};

struct SpotColumns {
    const double* spot;
    const double* rate;
    const double* underlying_yield;
    const double* years;
};

struct ForwardColumns {
    const double* forward;
    const double* rate;
    const double* years;
};

struct ResultColumns {
    double* values[9];
};

WT_DEVICE Contract contract_at(const OptionColumns& options, uint64_t i) {
    const double strike = options.strike[i];
    return Contract{strike, logarithm(strike).nearest, options.volatility[i], options.sign[i]};
}

// The normal model looks at no logarithm, and strikes may be below zero.
WT_DEVICE Contract plain_contract_at(const OptionColumns& options, uint64_t i) {
    return Contract{options.strike[i], 0.0, options.volatility[i], options.sign[i]};
}

WT_DEVICE void put(const Sensitivities& s, const ResultColumns& out, uint64_t i) {
    const double values[] = {s.price, s.delta, s.gamma, s.vega, s.theta, s.rho, s.vanna, s.volga, s.charm};
#pragma unroll
    for (int field = 0; field < 9; ++field) {
        out.values[field][i] = values[field];
    }
}

WT_DEVICE uint64_t first_option() { return (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; }
WT_DEVICE uint64_t threads_of_grid() { return (uint64_t)gridDim.x * blockDim.x; }

// Black-Scholes-Merton at one market: its terms are made once for each CTA.
extern "C" __global__ void __launch_bounds__(OPTION_THREADS)
    price_chain(const SpotMarket market, const OptionColumns options, const ResultColumns out, uint64_t len) {
    __shared__ LognormalTerms terms;
    if (threadIdx.x == 0) {
        terms = black_scholes_merton(market);
    }
    __syncthreads();
    for (uint64_t i = first_option(); i < len; i += threads_of_grid()) {
        put(sensitivities(terms, contract_at(options, i)), out, i);
    }
}

extern "C" __global__ void __launch_bounds__(OPTION_THREADS)
    price_each_spot(const SpotColumns markets, const OptionColumns options, const ResultColumns out, uint64_t len) {
    for (uint64_t i = first_option(); i < len; i += threads_of_grid()) {
        const SpotMarket market = {markets.spot[i], markets.rate[i], markets.underlying_yield[i], markets.years[i]};
        put(sensitivities(black_scholes_merton(market), contract_at(options, i)), out, i);
    }
}

extern "C" __global__ void __launch_bounds__(OPTION_THREADS)
    price_each_forward(const ForwardColumns markets, const OptionColumns options, const ResultColumns out, uint64_t len) {
    for (uint64_t i = first_option(); i < len; i += threads_of_grid()) {
        const ForwardMarket market = {markets.forward[i], markets.rate[i], markets.years[i]};
        put(sensitivities(black_76(market), contract_at(options, i)), out, i);
    }
}

extern "C" __global__ void __launch_bounds__(OPTION_THREADS)
    price_each_normal(const ForwardColumns markets, const OptionColumns options, const ResultColumns out, uint64_t len) {
    for (uint64_t i = first_option(); i < len; i += threads_of_grid()) {
        const ForwardMarket market = {markets.forward[i], markets.rate[i], markets.years[i]};
        put(sensitivities(bachelier(market), plain_contract_at(options, i)), out, i);
    }
}

// The options' volatilities are the starts; a number of NoVolatility, or 0, stands beside each that is found.
extern "C" __global__ void __launch_bounds__(OPTION_THREADS)
    implied_spot(const SpotColumns markets, const OptionColumns options, const double* prices, uint32_t steps,
                 double* volatility, uint32_t* refused, uint64_t len) {
    for (uint64_t i = first_option(); i < len; i += threads_of_grid()) {
        const SpotMarket market = {markets.spot[i], markets.rate[i], markets.underlying_yield[i], markets.years[i]};
        const Volatility found =
            implied_volatility(black_scholes_merton(market), contract_at(options, i), prices[i], steps);
        volatility[i] = found.volatility;
        refused[i] = found.refused;
    }
}

extern "C" __global__ void __launch_bounds__(OPTION_THREADS)
    implied_normal(const ForwardColumns markets, const OptionColumns options, const double* prices, uint32_t steps,
                   double* volatility, uint32_t* refused, uint64_t len) {
    for (uint64_t i = first_option(); i < len; i += threads_of_grid()) {
        const ForwardMarket market = {markets.forward[i], markets.rate[i], markets.years[i]};
        const Volatility found = implied_volatility(bachelier(market), plain_contract_at(options, i), prices[i], steps);
        volatility[i] = found.volatility;
        refused[i] = found.refused;
    }
}
