// Options in bulk, one a thread, from arrays of the device's memory: a chain that shares a market, options that each have their
// own, and volatilities by prices, under three models. Launched and ended; no CTA waits for another, so that a launch may be of
// any size. kernels/src/device/batch/options.rs launches them.
//
// Everything is computed by the functions of lognormal.cuh, normal.cuh and implied.cuh.
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

// A number of NoVolatility, or 0, stands beside each volatility that is found.
struct VolatilityColumns {
    double* volatility;
    uint64_t* refused;
};

WT_DEVICE SpotMarket market_at(const SpotColumns& markets, uint64_t i) {
    return SpotMarket{markets.spot[i], markets.rate[i], markets.underlying_yield[i], markets.years[i]};
}

WT_DEVICE ForwardMarket market_at(const ForwardColumns& markets, uint64_t i) {
    return ForwardMarket{markets.forward[i], markets.rate[i], markets.years[i]};
}

WT_DEVICE Contract contract_at(const OptionColumns& options, uint64_t i) {
    const double strike = options.strike[i];
    return Contract{strike, logarithm(strike).nearest, options.volatility[i], options.sign[i]};
}

// The normal model looks at no logarithm, and strikes may be below zero.
WT_DEVICE Contract plain_contract_at(const OptionColumns& options, uint64_t i) {
    return Contract{options.strike[i], 0.0, options.volatility[i], options.sign[i]};
}

// What the kernels differ in.
struct BlackScholesMerton {
    using Market = SpotMarket;
    using Markets = SpotColumns;
    using Terms = LognormalTerms;
    WT_DEVICE Terms terms(const Market& market) { return black_scholes_merton(market); }
    WT_DEVICE Contract contract(const OptionColumns& options, uint64_t i) { return contract_at(options, i); }
};

struct Black76 {
    using Market = ForwardMarket;
    using Markets = ForwardColumns;
    using Terms = LognormalTerms;
    WT_DEVICE Terms terms(const Market& market) { return black_76(market); }
    WT_DEVICE Contract contract(const OptionColumns& options, uint64_t i) { return contract_at(options, i); }
};

struct Bachelier {
    using Market = ForwardMarket;
    using Markets = ForwardColumns;
    using Terms = NormalTerms;
    WT_DEVICE Terms terms(const Market& market) { return bachelier(market); }
    WT_DEVICE Contract contract(const OptionColumns& options, uint64_t i) { return plain_contract_at(options, i); }
};

WT_DEVICE void put(const Sensitivities& s, const ResultColumns& out, uint64_t i) {
    const double values[] = {s.price, s.delta, s.gamma, s.vega, s.theta, s.rho, s.vanna, s.volga, s.charm};
#pragma unroll
    for (int field = 0; field < 9; ++field) {
        out.values[field][i] = values[field];
    }
}

WT_DEVICE void put(const Volatility& found, const VolatilityColumns& out, uint64_t i) {
    out.volatility[i] = found.volatility;
    out.refused[i] = found.refused;
}

WT_DEVICE uint64_t first_option() { return (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; }
WT_DEVICE uint64_t threads_of_grid() { return (uint64_t)gridDim.x * blockDim.x; }

// The terms of one market, made once for each CTA.
template <typename Model> WT_DEVICE void share_terms(typename Model::Terms& terms, const typename Model::Market& market) {
    if (threadIdx.x == 0) {
        terms = Model::terms(market);
    }
    __syncthreads();
}

// The kernels of a model. A volatility is looked for from that of the option.
#define WT_OPTION_KERNELS(suffix, Model)                                                                                \
    extern "C" __global__ void __launch_bounds__(OPTION_THREADS) price_chain_##suffix(                                  \
        const Model::Market market, const OptionColumns options, const ResultColumns out, uint64_t len) {               \
        __shared__ Model::Terms terms;                                                                                  \
        share_terms<Model>(terms, market);                                                                              \
        for (uint64_t i = first_option(); i < len; i += threads_of_grid()) {                                            \
            put(sensitivities(terms, Model::contract(options, i)), out, i);                                             \
        }                                                                                                               \
    }                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(OPTION_THREADS) price_each_##suffix(                                   \
        const Model::Markets markets, const OptionColumns options, const ResultColumns out, uint64_t len) {             \
        for (uint64_t i = first_option(); i < len; i += threads_of_grid()) {                                            \
            put(sensitivities(Model::terms(market_at(markets, i)), Model::contract(options, i)), out, i);               \
        }                                                                                                               \
    }                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(OPTION_THREADS)                                                        \
        implied_chain_##suffix(const Model::Market market, const OptionColumns options, const double* prices,           \
                               uint32_t steps, const VolatilityColumns out, uint64_t len) {                             \
        __shared__ Model::Terms terms;                                                                                  \
        share_terms<Model>(terms, market);                                                                              \
        for (uint64_t i = first_option(); i < len; i += threads_of_grid()) {                                            \
            put(implied_volatility(terms, Model::contract(options, i), prices[i], steps), out, i);                      \
        }                                                                                                               \
    }                                                                                                                   \
    extern "C" __global__ void __launch_bounds__(OPTION_THREADS)                                                        \
        implied_each_##suffix(const Model::Markets markets, const OptionColumns options, const double* prices,          \
                              uint32_t steps, const VolatilityColumns out, uint64_t len) {                              \
        for (uint64_t i = first_option(); i < len; i += threads_of_grid()) {                                            \
            const Model::Terms terms = Model::terms(market_at(markets, i));                                             \
            put(implied_volatility(terms, Model::contract(options, i), prices[i], steps), out, i);                      \
        }                                                                                                               \
    }

WT_OPTION_KERNELS(spot, BlackScholesMerton)
WT_OPTION_KERNELS(forward, Black76)
WT_OPTION_KERNELS(normal, Bachelier)
