// American options, one a thread: the logarithm of the boundary now and what early exercise is worth, of puts on a strike
// of 1 (kernels/src/cpu/american/early_exercise.rs, `unit_premium`).
#include "american.cuh"

extern "C" __global__ void american_premiums(const UnitPut* puts, const double* spots, const Nodes* nodes,
                                             double* results, uint32_t options) {
    const uint32_t at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at < options) {
        const UnitPremium found = unit_premium(puts[at], *nodes, spots[at]);
        results[2 * at] = found.ln_now;
        results[2 * at + 1] = found.premium;
    }
}
