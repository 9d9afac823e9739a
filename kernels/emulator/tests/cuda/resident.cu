// A resident kernel like warptick's: one warp answers tagged 64-byte lines of a ring in host memory, one tick after the other.
#include <stdint.h>
struct alignas(64) Line { uint32_t w[16]; };
struct alignas(64) Control { uint32_t stop; uint32_t pad0[15]; uint64_t heartbeat; uint32_t epoch; uint32_t state; uint32_t pad1[12]; };
#define LEVELS 256
struct Book { long long quantity[LEVELS]; uint32_t occupied[LEVELS / 32]; };

static __device__ __forceinline__ uint4 load_quad(const void* p)
{
    uint4 v;
    asm volatile("ld.relaxed.sys.global.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p) : "memory");
    return v;
}
static __device__ __forceinline__ void store_quad(void* p, uint4 v)
{
    asm volatile("st.relaxed.sys.global.v4.u32 [%0], {%1,%2,%3,%4};" ::"l"(p), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
}
static __device__ __forceinline__ uint32_t load_word(const uint32_t* p)
{
    uint32_t v;
    asm volatile("ld.relaxed.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
    return v;
}

// `tagged`: quads of an answer that carry the tag. `synced`: whether the warp meets between the book's update and its scan.
template <bool synced, bool every_quad>
static __device__ __forceinline__ void answer_ticks(const Line* requests, Line* answers, Control* control, Book* books, uint32_t mask, uint32_t sequence, uint32_t epoch_ticks)
{
    uint32_t lane = threadIdx.x & 31, spins = 0, end = sequence + epoch_ticks;
    uint64_t beats = 0;
    while (sequence != end) {
        uint4 quad;
        for (;;) {
            quad = load_quad((const char*)&requests[sequence & mask] + 16 * (lane & 3));
            if (__ballot_sync(~0u, quad.x == sequence) == ~0u) break;
            if ((++spins & 63) == 0) {
                if (lane == 0) *(volatile uint64_t*)&control->heartbeat = ++beats;
                uint32_t stop = lane == 0 ? load_word(&control->stop) : 0;
                if (__shfl_sync(~0u, stop, 0)) {
                    if (lane == 0) *(volatile uint32_t*)&control->state = 2;
                    return;
                }
            }
        }
        uint32_t book_number = __shfl_sync(~0u, quad.y, 0), level = __shfl_sync(~0u, quad.z, 0);
        int change = (int)__shfl_sync(~0u, quad.w, 0);
        uint32_t echo = __shfl_sync(~0u, quad.y, 1);
        Book* book = &books[book_number & 3];
        if (lane == 5) {
            long long quantity = book->quantity[level & (LEVELS - 1)] + change;
            if (quantity < 0) quantity = 0;
            book->quantity[level & (LEVELS - 1)] = quantity;
            uint32_t bit = 1u << (level & 31), *word = &book->occupied[(level & (LEVELS - 1)) >> 5];
            *word = quantity ? *word | bit : *word & ~bit;
        }
        if (synced) __syncwarp();
        uint32_t word = lane < LEVELS / 32 ? *(volatile uint32_t*)&book->occupied[lane] : 0;
        uint32_t any = __ballot_sync(~0u, word != 0);
        int best = -1;
        long long best_quantity = 0;
        if (any) {
            int at = 31 - __clz(any);
            uint32_t bits = __shfl_sync(~0u, word, at);
            best = at * 32 + 31 - __clz(bits);
            best_quantity = *(volatile long long*)&book->quantity[best];
        }
        uint4 reply;
        reply.x = every_quad || (lane & 3) == 0 || (lane & 3) == 3 ? sequence : 0;
        uint32_t part = lane & 3;
        reply.y = part == 0 ? book_number : part == 1 ? (uint32_t)best_quantity : part == 2 ? echo : sequence * 7;
        reply.z = part == 0 ? (uint32_t)best : part == 1 ? (uint32_t)(best_quantity >> 32) : part == 2 ? ~echo : 0;
        reply.w = part == 0 ? level : sequence ^ part;
        if (lane < 4) store_quad((char*)&answers[sequence & mask] + 16 * lane, reply);
        __syncwarp();
        ++sequence;
    }
}

extern "C" __global__ void __launch_bounds__(32, 1) resident(const Line* requests, Line* answers, Control* control, Book* books, uint32_t mask, uint32_t sequence)
{
    answer_ticks<true, true>(requests, answers, control, books, mask, sequence, 0xffffffffu);
}
extern "C" __global__ void __launch_bounds__(32, 1) resident_without_sync(const Line* requests, Line* answers, Control* control, Book* books, uint32_t mask, uint32_t sequence)
{
    answer_ticks<false, true>(requests, answers, control, books, mask, sequence, 0xffffffffu);
}
extern "C" __global__ void __launch_bounds__(32, 1) resident_tagged_at_the_ends(const Line* requests, Line* answers, Control* control, Book* books, uint32_t mask, uint32_t sequence)
{
    answer_ticks<true, false>(requests, answers, control, books, mask, sequence, 0xffffffffu);
}

// The body of the WHILE node: one epoch of ticks; then the control kernel decides whether there is another.
extern "C" __global__ void __launch_bounds__(32, 1) resident_epoch(const Line* requests, Line* answers, Control* control, Book* books, uint32_t mask, uint32_t* next, uint32_t epoch_ticks)
{
    uint32_t first = *(volatile uint32_t*)next;
    answer_ticks<true, true>(requests, answers, control, books, mask, first, epoch_ticks);
    if (threadIdx.x == 0) *next = first + epoch_ticks;
}
extern "C" __global__ void epoch_control(cudaGraphConditionalHandle handle, Control* control)
{
    control->epoch += 1;
    cudaGraphSetConditional(handle, *(volatile uint32_t*)&control->state == 2 ? 0u : 1u);
}

// Many warps: CTA 0 takes ticks and hands each to the CTA of its book through words in device memory; warp `w` of a CTA serves
// the books with (book >> 2) % warps == w and answers itself. All warps poll all the time.
extern "C" __global__ void __launch_bounds__(128) resident_many(const Line* requests, Line* answers, Control* control, uint32_t* posts, uint32_t mask)
{
    uint32_t lane = threadIdx.x & 31, warp = blockIdx.x * 4 + (threadIdx.x >> 5), warps = gridDim.x * 4;
    uint32_t sequence = 1, spins = 0;
    if (warp == 0) {
        for (;;) {
            uint4 quad = load_quad((const char*)&requests[sequence & mask] + 16 * (lane & 3));
            if (__ballot_sync(~0u, quad.x == sequence) == ~0u) {
                uint32_t book = __shfl_sync(~0u, quad.y, 0), level = __shfl_sync(~0u, quad.z, 0), to = 1 + book % (warps - 1);
                if (lane == 0) {
                    posts[to * 32 + 1] = level;
                    posts[to * 32 + 2] = sequence;
                    asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(&posts[to * 32]), "r"(sequence) : "memory");
                }
                __syncwarp();
                ++sequence;
            } else if ((++spins & 31) == 0) {
                if (lane == 0) *(volatile uint64_t*)&control->heartbeat += 1;
                if (__shfl_sync(~0u, load_word(&control->stop), 0)) {
                    if (lane == 0) for (uint32_t to = 1; to < warps; to++) asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(&posts[to * 32]), "r"(0xffffffffu) : "memory");
                    return;
                }
            }
        }
    }
    for (uint32_t last = 0;;) {
        uint32_t post;
        asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(post) : "l"(&posts[warp * 32]) : "memory");
        if (post == last) continue;
        if (post == 0xffffffffu) return;
        last = post;
        uint4 reply = make_uint4(post, posts[warp * 32 + 1] * 3, warp, lane & 3);
        if (lane < 4) store_quad((char*)&answers[post & mask] + 16 * lane, reply);
        __syncwarp();
    }
}

// A CTA whose first thread polls and whose other warps learn at a barrier, round after round, whether there is a tick.
extern "C" __global__ void __launch_bounds__(128) resident_barriers(const Line* requests, Line* answers, Control* control, uint32_t mask)
{
    __shared__ uint32_t tick[2], sums[4];
    for (uint32_t sequence = 1, spins = 0;; spins++) {
        if (threadIdx.x == 0) {
            uint4 quad = load_quad(&requests[sequence & mask]);
            tick[0] = quad.x == sequence ? 1 : (spins & 31) == 31 && load_word(&control->stop) ? 2 : 0;
            tick[1] = quad.z;
        }
        __syncthreads();
        uint32_t what = tick[0], level = tick[1];
        if (what == 2) return;
        if (what == 1) {
            uint32_t sum = level * threadIdx.x;
            for (int step = 16; step; step >>= 1) sum += __shfl_xor_sync(~0u, sum, step);
            if ((threadIdx.x & 31) == 0) sums[threadIdx.x >> 5] = sum;
            __syncthreads();
            if (threadIdx.x < 4) store_quad((char*)&answers[sequence & mask] + 16 * threadIdx.x, make_uint4(sequence, sums[0] + sums[1] + sums[2] + sums[3], 0, threadIdx.x));
            ++sequence;
        }
        __syncthreads();
    }
}
