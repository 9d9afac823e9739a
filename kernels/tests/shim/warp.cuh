// A warp on the host: each lane is a fiber, collectives are where fibers are switched, and between two collectives the
// lanes run one after the other in an order drawn from a seed. What depends on that order is a missing synchronisation.
//
// It stands in for kernels/cuda/warp.cuh, with the same names. WT_WITHOUT_SYNC leaves wt_syncwarp out, so that the tests
// can show that they notice.
#pragma once
#include <assert.h>
#include <ucontext.h>
#include <functional>
#include <vector>
#include "portable.cuh"

constexpr uint32_t WARP_LANES = 32;

struct Quad {
    uint32_t x, y, z, w;
};

namespace shim {

struct Warp {
    ucontext_t scheduler;
    ucontext_t lanes[WARP_LANES];
    std::vector<char> stacks = std::vector<char>(WARP_LANES * 64 * 1024);
    uint64_t values[WARP_LANES];
    bool waits[WARP_LANES];
    bool done[WARP_LANES];
    uint32_t current;
    uint64_t random;
    const std::function<void()>* body;
};

inline Warp* warp;

inline void enter() {
    (*warp->body)();
    warp->done[warp->current] = true;
    swapcontext(&warp->lanes[warp->current], &warp->scheduler);
}

// All lanes come here before one goes on.
inline void meet() {
    warp->waits[warp->current] = true;
    swapcontext(&warp->lanes[warp->current], &warp->scheduler);
}

inline uint32_t draw(uint32_t below) {
    warp->random ^= warp->random << 13;
    warp->random ^= warp->random >> 7;
    warp->random ^= warp->random << 17;
    return (uint32_t)(warp->random >> 33) % below;
}

// Runs `body` on all lanes until all have returned.
inline void run(Warp& w, const std::function<void()>& body) {
    warp = &w;
    w.body = &body;
    for (uint32_t lane = 0; lane < WARP_LANES; ++lane) {
        w.waits[lane] = w.done[lane] = false;
        getcontext(&w.lanes[lane]);
        w.lanes[lane].uc_stack.ss_sp = &w.stacks[lane * 64 * 1024];
        w.lanes[lane].uc_stack.ss_size = 64 * 1024;
        w.lanes[lane].uc_link = nullptr;
        makecontext(&w.lanes[lane], enter, 0);
    }
    for (;;) {
        uint32_t order[WARP_LANES], left = 0;
        for (uint32_t lane = 0; lane < WARP_LANES; ++lane) {
            order[lane] = lane;
            left += !w.done[lane];
        }
        if (left == 0) {
            return;
        }
        // All of them return, or none: a lane that leaves while others wait would hang a GPU.
        assert(left == WARP_LANES);
        for (uint32_t lane = WARP_LANES - 1; lane > 0; --lane) {
            std::swap(order[lane], order[draw(lane + 1)]);
        }
        for (uint32_t lane : order) {
            w.current = lane;
            w.waits[lane] = false;
            swapcontext(&w.scheduler, &w.lanes[lane]);
        }
    }
}

inline uint64_t exchange(uint64_t value, uint32_t from) {
    warp->values[warp->current] = value;
    meet();
    uint64_t other = warp->values[from % WARP_LANES];
    meet();
    return other;
}

}  // namespace shim

static inline uint32_t wt_lane() { return shim::warp->current; }
static inline uint32_t wt_ballot(bool p) {
    shim::warp->values[wt_lane()] = p;
    shim::meet();
    uint32_t all = 0;
    for (uint32_t lane = 0; lane < WARP_LANES; ++lane) {
        all |= (uint32_t)shim::warp->values[lane] << lane;
    }
    shim::meet();
    return all;
}
static inline uint32_t wt_shfl(uint32_t value, uint32_t lane) { return (uint32_t)shim::exchange(value, lane); }
static inline uint64_t wt_shfl64(uint64_t value, uint32_t lane) { return shim::exchange(value, lane); }
static inline void wt_syncwarp() {
#if !defined(WT_WITHOUT_SYNC)
    shim::meet();
#endif
}
static inline uint32_t wt_popc(uint32_t value) { return (uint32_t)__builtin_popcount(value); }
static inline uint32_t wt_lowest(uint32_t value) { return (uint32_t)__builtin_ctz(value); }
