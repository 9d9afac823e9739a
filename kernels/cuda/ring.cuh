// The two rings of tagged lines in pinned host memory; see kernels/src/abi/lines.rs for the format.
//
// Every quad carries the line's tag, so that nothing has to be ordered beside it: a line is there when all its quads
// say so. One warp reads ticks, eight lines a load; any warp writes signals, each line into the slot of a ticket that it drew.
#pragma once
#include "abi.cuh"
#include "warp.cuh"

constexpr uint32_t QUADS = 4;
constexpr uint32_t LINES_A_LOAD = WARP_LANES / QUADS;

// What the host writes and the device reads now and then, one quad.
struct HostWord {
    uint32_t stop;       // not zero: end at once
    uint32_t heartbeat;  // changes while the host lives
    uint32_t credits;    // signal lines taken out so far
    uint32_t reserved;
};

// What the device writes and the host reads, one quad.
struct DeviceWord {
    uint32_t heartbeat;  // changes while the kernel lives
    uint32_t sequenced;  // tick lines worked off, so that their slots are free
    uint32_t state;      // RunState
    uint32_t epoch;      // epochs begun
};

enum RunState : uint32_t {
    STATE_NONE = 0,
    STATE_RUNNING = 1,
    STATE_EPOCH_ENDED = 2,  // another epoch follows
    STATE_STOPPED = 3,      // by an in-band line or the stop word
    STATE_BROKEN = 4,       // the replica could not go on
    STATE_HOST_LOST = 5,    // the host's heartbeat stood still
};

struct Control {
    alignas(64) HostWord host;
    alignas(64) DeviceWord device;
};
static_assert(sizeof(Control) == 128, "control");

// How many of the next eight lines are there, from the first without a hole. `tag` is the one that this lane looks for.
WT_DEVICE uint32_t ring_lines_there(uint32_t quad_tag, uint32_t tag) {
    uint32_t there = wt_ballot(quad_tag == tag);
    uint32_t whole = there & there >> 1 & there >> 2 & there >> 3 & 0x11111111u;
    uint32_t missing = ~whole & 0x11111111u;
    return missing ? wt_lowest(missing) / QUADS : LINES_A_LOAD;
}

// This lane's quad of the line `tag + lane / 4`.
WT_DEVICE Quad ring_load(const Line* ring, uint32_t mask, uint32_t tag) {
    uint32_t lane = wt_lane();
    return wt_load_quad((const char*)&ring[(tag + lane / QUADS) & mask] + lane % QUADS * sizeof(Quad));
}

// A signal line as its ten payload words behind request and kind.
struct Signal {
    uint32_t request;
    uint32_t what;  // index | kind << SIGNAL_INDEX_BITS
    Values values;
};

WT_DEVICE void ring_store(Line* ring, uint32_t mask, uint32_t tag, const Signal& s) {
    char* at = (char*)&ring[tag & mask];
    const int64_t* v = s.values.v;
    wt_store_quad(at, {tag, s.request, s.what, (uint32_t)v[0]});
    wt_store_quad(at + 16, {tag, (uint32_t)((uint64_t)v[0] >> 32), (uint32_t)v[1], (uint32_t)((uint64_t)v[1] >> 32)});
    wt_store_quad(at + 32, {tag, (uint32_t)v[2], (uint32_t)((uint64_t)v[2] >> 32), (uint32_t)v[3]});
    wt_store_quad(at + 48, {tag, (uint32_t)((uint64_t)v[3] >> 32), (uint32_t)v[4], (uint32_t)((uint64_t)v[4] >> 32)});
}

// A tick line as its reader staged it: four quads.
struct Staged {
    Quad quads[QUADS];
};
static_assert(sizeof(Staged) == sizeof(Line), "staged");

WT_DEVICE uint32_t tick_listing(const Staged& s) { return s.quads[0].y; }
WT_DEVICE uint32_t tick_kind(const Staged& s) { return s.quads[0].z & 0xFF; }
WT_DEVICE bool tick_sells(const Staged& s) { return (s.quads[0].z >> 8 & 0xFF) == SIDE_SELL; }
WT_DEVICE uint32_t tick_flags(const Staged& s) { return s.quads[0].z >> 16 & 0xFF; }
WT_DEVICE uint32_t tick_credits(const Staged& s) { return s.quads[0].w; }
WT_DEVICE uint64_t of_halves(uint32_t low, uint32_t high) { return low | (uint64_t)high << 32; }
WT_DEVICE int64_t tick_price(const Staged& s) { return (int64_t)of_halves(s.quads[1].y, s.quads[1].z); }
WT_DEVICE uint64_t tick_quantity(const Staged& s) { return of_halves(s.quads[1].w, s.quads[2].y); }
WT_DEVICE uint64_t tick_order_id(const Staged& s) { return of_halves(s.quads[2].z, s.quads[2].w); }
WT_DEVICE uint64_t tick_second_id(const Staged& s) { return of_halves(s.quads[3].y, s.quads[3].z); }
