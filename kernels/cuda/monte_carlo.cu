// A simulation's tiles, a block each: what its samples pay and their control, added by the tree of
// kernels/src/cpu/monte_carlo/paths.rs, five sums a tile.
#include "monte_carlo.cuh"

extern "C" __global__ void __launch_bounds__(TILE) monte_carlo_tiles(const PathTerms* terms, uint64_t first_tile,
                                                                     double* moments, uint32_t tiles) {
    __shared__ double sums[MOMENTS][TILE];
    const PathTerms shared_terms = *terms;
    for (uint32_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const Sample found = sample(shared_terms, (first_tile + tile) * TILE + threadIdx.x);
        sums[0][threadIdx.x] = found.value;
        sums[1][threadIdx.x] = found.value * found.value;
        sums[2][threadIdx.x] = found.control;
        sums[3][threadIdx.x] = found.control * found.control;
        sums[4][threadIdx.x] = found.value * found.control;
        __syncthreads();
        for (uint32_t half = TILE / 2; half > 0; half /= 2) {
            if (threadIdx.x < half) {
                for (uint32_t m = 0; m < MOMENTS; ++m) {
                    sums[m][threadIdx.x] += sums[m][threadIdx.x + half];
                }
            }
            __syncthreads();
        }
        if (threadIdx.x < MOMENTS) {
            moments[(uint64_t)tile * MOMENTS + threadIdx.x] = sums[threadIdx.x][0];
        }
        // Nobody writes the next tile's samples before these sums were read.
        __syncthreads();
    }
}
