// Warps, CTAs, clusters: kernels whose answers a few lines of Rust can give.
#include <stdint.h>
typedef unsigned long long u64;

// Each CTA sums 256 integers through shared memory; the sums are added by an atomic.
extern "C" __global__ void __launch_bounds__(256) sum_shared(const int* in, int* sums, int* total)
{
    __shared__ int part[256];
    int thread = threadIdx.x;
    part[thread] = in[blockIdx.x * 256 + thread];
    __syncthreads();
    for (int step = 128; step; step >>= 1) {
        if (thread < step) part[thread] += part[thread + step];
        __syncthreads();
    }
    if (thread == 0) {
        sums[blockIdx.x] = part[0];
        atomicAdd(total, part[0]);
    }
}

// The same through dynamic shared memory and warp shuffles, with the barriers that count and vote.
extern "C" __global__ void sum_shuffled(const int* in, int* out, int* votes)
{
    extern __shared__ int warps[];
    int thread = threadIdx.x, value = in[thread];
    int above = __syncthreads_count(value > 100);
    int any = __syncthreads_or(value == 7);
    int all = __syncthreads_and(value >= 0);
    for (int step = 16; step; step >>= 1) value += __shfl_down_sync(~0u, value, step);
    if ((thread & 31) == 0) warps[thread >> 5] = value;
    __syncthreads();
    if (thread == 0) {
        int sum = 0;
        for (unsigned warp = 0; warp < blockDim.x / 32; warp++) sum += warps[warp];
        out[0] = sum;
        votes[0] = above;
        votes[1] = any;
        votes[2] = all;
    }
}

// Producer and consumer warps of one CTA on two named barriers.
extern "C" __global__ void __launch_bounds__(64) named_barriers(int* out, int rounds)
{
    __shared__ int box[32];
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    for (int round = 0; round < rounds; round++) {
        if (warp == 0) {
            box[lane] = round * 100 + lane;
            asm volatile("bar.arrive 1, 64;" ::: "memory");
            asm volatile("bar.sync 2, 64;" ::: "memory");
        } else {
            asm volatile("bar.sync 1, 64;" ::: "memory");
            out[round * 32 + lane] = box[31 - lane];
            asm volatile("bar.arrive 2, 64;" ::: "memory");
        }
    }
}

static __device__ __forceinline__ unsigned load_acquire(const unsigned* p)
{
    unsigned v;
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}
static __device__ __forceinline__ void store_release(unsigned* p, unsigned v)
{
    asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}

// CTA 0 hands out rounds of work to the other CTAs through release and acquire words and gathers their answers.
extern "C" __global__ void __launch_bounds__(64) distribute(u64* work, u64* answers, unsigned* go, unsigned* done, u64* out, unsigned rounds)
{
    unsigned workers = gridDim.x - 1, thread = threadIdx.x;
    if (blockIdx.x == 0) {
        for (unsigned round = 1; round <= rounds; round++) {
            for (unsigned i = thread; i < workers * 64; i += 64) work[i] = (u64)round * 1000003ull + i;
            __syncthreads();
            if (thread == 0) store_release(go, round);
            if (thread < workers) while (load_acquire(&done[thread]) != round) { }
            __syncthreads();
            if (thread == 0) {
                u64 sum = 0;
                for (unsigned i = 0; i < workers * 64; i++) sum += answers[i];
                out[round - 1] = sum;
            }
            __syncthreads();
        }
    } else {
        unsigned worker = blockIdx.x - 1, at = worker * 64 + thread;
        for (unsigned round = 1; round <= rounds; round++) {
            if (thread == 0) while (load_acquire(go) != round) { }
            __syncthreads();
            answers[at] = work[at] * work[at] ^ worker;
            __syncthreads();
            if (thread == 0) store_release(&done[worker], round);
        }
    }
}

// A ticket lock around a counter that is no atomic, taken by one lane of each warp at a time.
extern "C" __global__ void ticket_lock(unsigned* next, unsigned* serving, unsigned* counter, unsigned rounds)
{
    for (unsigned round = 0; round < rounds; round++)
        for (int lane = 0; lane < 32; lane++)
            if ((threadIdx.x & 31) == lane) {
                unsigned mine = atomicAdd(next, 1);
                while (load_acquire(serving) != mine) { }
                *counter += 1;
                store_release(serving, mine + 1);
            }
}

// A lock between lanes of one warp: only independent thread scheduling lets it end.
extern "C" __global__ void lane_lock(int* lock, int* counter)
{
    bool mine = false;
    while (!mine) {
        if (atomicCAS(lock, 0, 1) == 0) {
            __threadfence();
            int value = *(volatile int*)counter;
            *(volatile int*)counter = value + 1;
            __threadfence();
            atomicExch(lock, 0);
            mine = true;
        }
    }
}

// Calls that are not inlined, a structure by value, arrays in local memory, an indexed branch.
struct Pair { double x; int y; };
static __device__ __constant__ double table[4] = {1.5, 2.5, -3.0, 0.25};
__device__ unsigned counters[4] = {10, 20, 30, 40};
__device__ unsigned* counters_pointer = counters;
static __device__ __noinline__ Pair make_pair(double a, const int* b)
{
    Pair pair;
    pair.x = a * table[*b & 3];
    pair.y = *b + (int)counters_pointer[*b & 3];
    return pair;
}
static __device__ __noinline__ long long twice(long long a, int b) { return make_pair((double)a, &b).y * 2 + a; }
extern "C" __global__ void calls(long long* out, int shift)
{
    int thread = threadIdx.x, local[8];
    for (int i = 0; i < 8; i++) local[i] = (thread + shift) * (i + 1);
    int picked = local[thread & 7];
    long long result = (thread & 1) ? twice(picked, thread) : twice(thread, picked);
    switch (thread & 7) {
    case 0: result += 11; break;
    case 1: result *= 3; break;
    case 2: result -= 5; break;
    case 3: result ^= 0x55; break;
    case 4: result += local[1]; break;
    case 5: result *= local[2]; break;
    case 6: result -= local[3]; break;
    default: result = -result;
    }
    Pair pair = make_pair((double)thread, &picked);
    out[thread] = result + (long long)(pair.x * 4.0);
}

// Positions in a grid of three dimensions.
extern "C" __global__ void positions(unsigned* out)
{
    unsigned cta = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    unsigned threads = blockDim.x * blockDim.y * blockDim.z;
    unsigned warp, lane;
    asm("mov.u32 %0, %%warpid;" : "=r"(warp));
    asm("mov.u32 %0, %%laneid;" : "=r"(lane));
    out[cta * threads + thread] = cta << 16 | warp << 8 | lane;
}

// Faults, one each.
extern "C" __global__ void misaligned(char* p) { *(int*)(p + threadIdx.x) = 1; }
extern "C" __global__ void null_store(int* p) { p[threadIdx.x] = 1; }
extern "C" __global__ void beyond_shared(int* p, int at)
{
    __shared__ int few[16];
    few[threadIdx.x & 15] = 1;
    __syncthreads();
    *p = few[at];
}
extern "C" __global__ void divergent_barrier(int* p)
{
    if (threadIdx.x < 40) asm volatile("bar.sync 0;");
    else asm volatile("bar.sync 1;");
    *p = 1;
}
extern "C" __global__ void traps(int* p) { if (*p == 3) asm volatile("trap;"); }

// A control kernel of a WHILE node, and its body.
extern "C" __global__ void count_up(cudaGraphConditionalHandle handle, int* count, int end)
{
    *count += 1;
    cudaGraphSetConditional(handle, *count < end);
}
extern "C" __global__ void append(int* list, const int* count) { list[*count] = *count * 10 + (int)gridDim.x; }

// A barrier of the whole grid, as cooperative groups build it from atomics.
#include <cooperative_groups.h>
extern "C" __global__ void grid_sync(int* values, int rounds)
{
    auto grid = cooperative_groups::this_grid();
    unsigned count = gridDim.x;
    for (int round = 0; round < rounds; round++) {
        if (threadIdx.x == 0) values[(round + 1) % 2 * count + blockIdx.x] = values[round % 2 * count + (blockIdx.x + 1) % count] + 1;
        grid.sync();
    }
}

// 16 bytes at once.
extern "C" __global__ void move_16(const void* from, void* to)
{
    u64 low, high;
    const char* p = (const char*)from + 16 * threadIdx.x;
    char* q = (char*)to + 16 * threadIdx.x;
    asm volatile("{ .reg .b128 t; ld.relaxed.sys.global.b128 t, [%2]; mov.b128 {%0, %1}, t; }" : "=l"(low), "=l"(high) : "l"(p) : "memory");
    asm volatile("{ .reg .b128 t; mov.b128 t, {%1, %2}; st.relaxed.sys.global.b128 [%0], t; }" ::"l"(q), "l"(high + 1), "l"(low) : "memory");
}
