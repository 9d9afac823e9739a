// Kernels that are right, and the same with one thing left out. Each counts in `wrong` what it saw go wrong.
#include <stdint.h>

static __device__ __forceinline__ uint32_t load(const uint32_t* p, bool acquire)
{
    uint32_t v;
    if (acquire) asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    else asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}
static __device__ __forceinline__ void store(uint32_t* p, uint32_t v, bool release)
{
    if (release) asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
    else asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
static __device__ __forceinline__ uint32_t plain(const uint32_t* p)
{
    uint32_t v;
    asm volatile("ld.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}

// CTA 0 writes 32 words and a flag; CTA 1 waits for the flag, reads the words and acknowledges.
template <bool release, bool acquire>
static __device__ __forceinline__ void message(uint32_t* data, uint32_t* flag, uint32_t* back, uint32_t* wrong, uint32_t rounds)
{
    uint32_t lane = threadIdx.x;
    for (uint32_t round = 1; round <= rounds; round++) {
        if (blockIdx.x == 0) {
            data[lane] = round * 64 + lane;
            __syncwarp();
            if (lane == 0) { store(flag, round, release); while (load(back, true) != round) { } }
            __syncwarp();
        } else {
            if (lane == 0) while (load(flag, acquire) != round) { }
            __syncwarp();
            if (plain(&data[lane]) != round * 64 + lane) atomicAdd(wrong, 1);
            __syncwarp();
            if (lane == 0) store(back, round, true);
        }
    }
}
#define ARGUMENTS uint32_t *data, uint32_t *flag, uint32_t *back, uint32_t *wrong, uint32_t rounds
extern "C" __global__ void message_right(ARGUMENTS) { message<true, true>(data, flag, back, wrong, rounds); }
extern "C" __global__ void message_without_release(ARGUMENTS) { message<false, true>(data, flag, back, wrong, rounds); }
extern "C" __global__ void message_without_acquire(ARGUMENTS) { message<true, false>(data, flag, back, wrong, rounds); }

// The same with fences beside relaxed accesses, and with an atomic as the flag.
template <bool fenced>
static __device__ __forceinline__ void fences(uint32_t* data, uint32_t* flag, uint32_t* back, uint32_t* wrong, uint32_t rounds)
{
    uint32_t lane = threadIdx.x;
    for (uint32_t round = 1; round <= rounds; round++) {
        if (blockIdx.x == 0) {
            data[lane] = round * 64 + lane;
            if (fenced) __threadfence();
            __syncwarp();
            if (lane == 0) { atomicAdd(flag, 1); while (load(back, true) != round) { } }
            __syncwarp();
        } else {
            while (load(flag, false) != round) { }
            __threadfence();
            if (plain(&data[lane]) != round * 64 + lane) atomicAdd(wrong, 1);
            __syncwarp();
            if (lane == 0) store(back, round, true);
        }
    }
}
extern "C" __global__ void fences_right(ARGUMENTS) { fences<true>(data, flag, back, wrong, rounds); }
extern "C" __global__ void fences_left_out(ARGUMENTS) { fences<false>(data, flag, back, wrong, rounds); }

// Two warps swap words through shared memory, with and without the barrier between writing and reading.
template <bool barrier>
static __device__ __forceinline__ void swap_shared(uint32_t* wrong, uint32_t rounds)
{
    __shared__ volatile uint32_t box[64];
    uint32_t thread = threadIdx.x;
    for (uint32_t round = 1; round <= rounds; round++) {
        box[thread] = round * 64 + thread;
        if (barrier) __syncthreads();
        if (box[thread ^ 32] != round * 64 + (thread ^ 32)) atomicAdd(wrong, 1);
        __syncthreads();
    }
}
extern "C" __global__ void swap_right(ARGUMENTS) { swap_shared<true>(wrong, rounds); }
extern "C" __global__ void swap_without_barrier(ARGUMENTS) { swap_shared<false>(wrong, rounds); }

// Lanes of one warp hand words on through shared memory, with and without the meeting of the warp.
template <bool before, bool after>
static __device__ __forceinline__ void pass_on(uint32_t* wrong, uint32_t rounds)
{
    __shared__ volatile uint32_t box[32];
    uint32_t lane = threadIdx.x;
    for (uint32_t round = 1; round <= rounds; round++) {
        box[lane] = round * 64 + lane;
        if (before) __syncwarp();
        uint32_t next = (lane + 1) & 31;
        if (box[next] != round * 64 + next) atomicAdd(wrong, 1);
        if (after) __syncwarp();
    }
}
extern "C" __global__ void pass_right(ARGUMENTS) { pass_on<true, true>(wrong, rounds); }
extern "C" __global__ void pass_without_sync(ARGUMENTS) { pass_on<false, true>(wrong, rounds); }
extern "C" __global__ void pass_overwritten(ARGUMENTS) { pass_on<true, false>(wrong, rounds); }

// A CTA publishes what all its threads wrote: the barrier alone is no release at the scope of the GPU.
template <bool release>
static __device__ __forceinline__ void publish(uint32_t* data, uint32_t* flag, uint32_t* back, uint32_t* wrong, uint32_t rounds)
{
    uint32_t thread = threadIdx.x;
    for (uint32_t round = 1; round <= rounds; round++) {
        if (blockIdx.x == 0) {
            data[thread] = round * 64 + thread;
            __syncthreads();
            if (thread == 0) { store(flag, round, release); while (load(back, true) != round) { } }
            __syncthreads();
        } else {
            if (thread == 0) while (load(flag, true) != round) { }
            __syncthreads();
            if (plain(&data[thread]) != round * 64 + thread) atomicAdd(wrong, 1);
            __syncthreads();
            if (thread == 0) store(back, round, true);
        }
    }
}
extern "C" __global__ void publish_right(ARGUMENTS) { publish<true>(data, flag, back, wrong, rounds); }
extern "C" __global__ void publish_without_release(ARGUMENTS) { publish<false>(data, flag, back, wrong, rounds); }
