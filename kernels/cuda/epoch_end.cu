// The control kernel behind the engine in the graph's loop: whether another epoch follows.
#include "abi.cuh"
#include "state.cuh"

extern "C" __global__ void epoch_end(cudaGraphConditionalHandle another, const EngineState* state) {
    cudaGraphSetConditional(another, state->again);
}
