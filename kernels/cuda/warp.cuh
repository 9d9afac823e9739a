// What a warp does together, and the memory orders that the engine names. The tests replace this header by one whose
// lanes are fibers that run in a seeded order (tests/shim/warp.cuh there): only these names touch the machine.
#pragma once
#include "portable.cuh"

constexpr uint32_t WARP_LANES = 32;
constexpr uint32_t ALL_LANES = 0xFFFFFFFFu;

struct Quad {
    uint32_t x, y, z, w;
};

WT_DEVICE uint32_t wt_lane() { return threadIdx.x % WARP_LANES; }
WT_DEVICE uint32_t wt_ballot(bool p) { return __ballot_sync(ALL_LANES, p); }
WT_DEVICE uint32_t wt_shfl(uint32_t value, uint32_t lane) { return __shfl_sync(ALL_LANES, value, (int)lane); }
WT_DEVICE uint64_t wt_shfl64(uint64_t value, uint32_t lane) {
    return __shfl_sync(ALL_LANES, (unsigned long long)value, (int)lane);
}
WT_DEVICE void wt_syncwarp() { __syncwarp(); }
WT_DEVICE uint32_t wt_popc(uint32_t value) { return (uint32_t)__popc(value); }
// Number of the lowest bit that is set; `value` is not zero.
WT_DEVICE uint32_t wt_lowest(uint32_t value) { return (uint32_t)__ffs((int)value) - 1; }

// Sum over all lanes, in every lane.
WT_DEVICE uint64_t wt_sum64(uint64_t value) {
    for (uint32_t step = WARP_LANES / 2; step > 0; step /= 2) {
        value += __shfl_xor_sync(ALL_LANES, (unsigned long long)value, (int)step);
    }
    return value;
}

// 16 bytes as one access, at whatever the address is; they order nothing by themselves.
WT_DEVICE Quad wt_load_quad(const void* at) {
    uint64_t low, high;
    asm volatile("{ .reg .b128 t; ld.relaxed.sys.b128 t, [%2]; mov.b128 {%0, %1}, t; }"
                 : "=l"(low), "=l"(high)
                 : "l"(at)
                 : "memory");
    return {(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high, (uint32_t)(high >> 32)};
}
WT_DEVICE void wt_store_quad(void* at, Quad q) {
    uint64_t low = q.x | (uint64_t)q.y << 32, high = q.z | (uint64_t)q.w << 32;
    asm volatile("{ .reg .b128 t; mov.b128 t, {%1, %2}; st.relaxed.sys.b128 [%0], t; }" ::"l"(at), "l"(low), "l"(high)
                 : "memory");
}

// Words between the warps of one CTA.
WT_DEVICE uint32_t wt_load_acquire_cta(const uint32_t* at) {
    uint32_t value;
    asm volatile("ld.acquire.cta.u32 %0, [%1];" : "=r"(value) : "l"(at) : "memory");
    return value;
}
WT_DEVICE void wt_store_release_cta(uint32_t* at, uint32_t value) {
    asm volatile("st.release.cta.u32 [%0], %1;" ::"l"(at), "r"(value) : "memory");
}

// Words between all CTAs of the engine.
#if defined(WT_CLUSTER)
#define WT_TEAM "cluster"
#else
#define WT_TEAM "gpu"
#endif
WT_DEVICE uint32_t wt_load_acquire_team(const uint32_t* at) {
    uint32_t value;
    asm volatile("ld.acquire." WT_TEAM ".u32 %0, [%1];" : "=r"(value) : "l"(at) : "memory");
    return value;
}
WT_DEVICE void wt_add_release_team(uint32_t* at, uint32_t value) {
    asm volatile("red.release." WT_TEAM ".add.u32 [%0], %1;" ::"l"(at), "r"(value) : "memory");
}
WT_DEVICE uint32_t wt_add_team(uint32_t* at, uint32_t value) {
    uint32_t before;
    asm volatile("atom.relaxed." WT_TEAM ".add.u32 %0, [%1], %2;" : "=r"(before) : "l"(at), "r"(value) : "memory");
    return before;
}
WT_DEVICE void wt_fence_team() { asm volatile("fence.acq_rel." WT_TEAM ";" ::: "memory"); }

// The device's clock, ns.
WT_DEVICE uint64_t wt_now_ns() {
    uint64_t now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    return now;
}
