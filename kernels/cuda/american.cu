// American options in bulk, one a thread: prices, and of puts on a strike of 1 the logarithm of the boundary now and what early
// exercise is worth (kernels/src/cpu/american/early_exercise.rs, `unit_premium`). Launched and ended; no CTA waits for another.
// kernels/src/device/batch/american.rs launches them.
#include "american_price.cuh"

constexpr uint32_t AMERICAN_THREADS = 64;

// One array a field.
struct AmericanColumns {
    const double* sign;
    const double* strike;
    const double* rate;
    const double* dividend_yield;
    const double* volatility;
    const double* years;
    const double* spot;
};

extern "C" __global__ void __launch_bounds__(AMERICAN_THREADS)
    american_prices(const AmericanColumns columns, const Nodes* nodes, double* prices, uint64_t len) {
    const uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < len) {
        const AmericanOption option = {columns.sign[i],           columns.strike[i],     columns.rate[i],
                                       columns.dividend_yield[i], columns.volatility[i], columns.years[i]};
        prices[i] = american_price(option, *nodes, columns.spot[i]);
    }
}

extern "C" __global__ void __launch_bounds__(AMERICAN_THREADS)
    american_premiums(const UnitPut* puts, const double* spots, const Nodes* nodes, double* results, uint64_t len) {
    const uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < len) {
        const UnitPremium found = unit_premium(puts[i], *nodes, spots[i]);
        results[2 * i] = found.ln_now;
        results[2 * i + 1] = found.premium;
    }
}
