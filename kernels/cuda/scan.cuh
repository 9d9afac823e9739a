// What a request fans out into: the relations and options that depend on one listing, in slices of one warp each, and the
// answers whose rounded values changed.
#pragma once
#include "abi.cuh"
#include "arbitrage.cuh"
#include "book.cuh"
#include "linear_warp.cuh"
#include "quoting.cuh"
#include "ring.cuh"
#include "state.cuh"
#include "warp.cuh"

// One worker's part of a request.
struct Part {
    uint32_t request;
    uint32_t listing;
    uint32_t full;
    uint32_t worker;
    uint32_t workers;
};

WT_DEVICE uint32_t slices_of(const EngineParameters& p, uint32_t listing) {
    const uint32_t relations = p.relation_start[listing + 1] - p.relation_start[listing];
    const uint32_t options = p.option_start[listing + 1] - p.option_start[listing];
    return (relations + WARP_LANES - 1) / WARP_LANES + (options + WARP_LANES - 1) / WARP_LANES;
}

// Apart, so that the sequencer of what is quoted the usual way spills no registers for its sake.
extern "C" __device__ __noinline__ void take_inverse_touch(const EngineParameters& p, uint32_t listing, int64_t bid_price,
                                                           uint64_t bid_quantity, int64_t ask_price,
                                                           uint64_t ask_quantity) {
    p.touches[listing] = fold_inverse(bid_price, bid_quantity, ask_price, ask_quantity, p.terms[listing]);
}

// The sequencer takes a listing's new best prices in: folded for relations, the way that it is quoted, the mid for options.
WT_DEVICE void take_touch(const EngineParameters& p, uint32_t listing, int64_t bid_price, uint64_t bid_quantity,
                          int64_t ask_price, uint64_t ask_quantity) {
    if (p.inverse[listing]) {
        take_inverse_touch(p, listing, bid_price, bid_quantity, ask_price, ask_quantity);
    } else {
        p.touches[listing] = fold(bid_price, bid_quantity, ask_price, ask_quantity, p.terms[listing]);
    }
    p.mids[listing] = mid_of(bid_price, bid_quantity, ask_price, ask_quantity);
}

// Every lane with `changed` writes a signal line; the tickets of a warp follow each other.
WT_DEVICE void signal(const EngineParameters& p, uint32_t* tickets, bool changed, const Signal& s) {
    const uint32_t who = wt_ballot(changed);
    if (who == 0) {
        return;
    }
    uint32_t before = 0;
    if (wt_lane() == wt_lowest(who)) {
        before = wt_add_team(tickets, wt_popc(who));
    }
    before = wt_shfl(before, wt_lowest(who));
    if (changed) {
        const uint32_t rank = wt_popc(who & ((1u << wt_lane()) - 1));
        ring_store(p.signals, p.signals_mask, before + rank + 1, s);
    }
}

// No relation: of lanes behind a list's end.
constexpr uint32_t NO_RELATION = UINT32_MAX;

// Values of this lane's relation, of either form; zero for NO_RELATION. All lanes call it together: what is long is worked
// off by all of them, one after the other. Every relation is evaluated exactly; the integer screen that spares the CPU most of
// them would load as much.
WT_DEVICE Values relation_values(const EngineParameters& p, uint32_t index) {
    Values values = {{0, 0, 0, 0, 0}};
    bool is_long = false;
    if (index < p.relations_len) {
        values = evaluate(p.relations[index], p.terms, p.touches);
    } else if (index != NO_RELATION) {
        const LinearRelation& linear = p.linears[index - p.relations_len];
        is_long = linear.legs_len > LEGS_A_LANE;
        if (!is_long) {
            values = evaluate_linear(linear, p.linear_legs + linear.first_leg, p.touches);
        }
    }
    for (uint32_t todo = wt_ballot(is_long); todo != 0; todo &= todo - 1) {
        const uint32_t whose = wt_lowest(todo);
        const LinearRelation& linear = p.linears[wt_shfl(index, whose) - p.relations_len];
        const Values of_warp = evaluate_linear_by_warp(linear, p.linear_legs + linear.first_leg, p.touches);
        if (wt_lane() == whose) {
            values = of_warp;
        }
    }
    return values;
}

// Works off every `workers`-th slice of a request, from slice `worker` on.
extern "C" __device__ __noinline__ void scan(const EngineParameters& p, uint32_t* tickets, Part part) {
    const uint32_t relation_from = p.relation_start[part.listing], relation_to = p.relation_start[part.listing + 1];
    const uint32_t option_from = p.option_start[part.listing], option_to = p.option_start[part.listing + 1];
    const uint32_t relation_slices = (relation_to - relation_from + WARP_LANES - 1) / WARP_LANES;
    const uint32_t option_slices = (option_to - option_from + WARP_LANES - 1) / WARP_LANES;
    uint32_t slice = part.worker;
    for (; slice < relation_slices; slice += part.workers) {
        const uint32_t at = relation_from + slice * WARP_LANES + wt_lane();
        const uint32_t index = at < relation_to ? p.relation_list[at] : NO_RELATION;
        const Signal s = {part.request, index | SIGNAL_RELATION << SIGNAL_INDEX_BITS, relation_values(p, index)};
        bool changed = false;
        if (index != NO_RELATION) {
            changed = part.full != 0;
            for (uint32_t i = 0; i < 5; ++i) {
                changed |= s.values.v[i] != p.relation_last[index].v[i];
            }
            if (changed) {
                p.relation_last[index] = s.values;
            }
        }
        signal(p, tickets, changed, s);
    }
    const int64_t mid = p.mids[part.listing];
    for (slice -= relation_slices; slice < option_slices; slice += part.workers) {
        const uint32_t index = option_from + slice * WARP_LANES + wt_lane();
        bool changed = false;
        Signal s = {part.request, 0, {}};
        if (index < option_to) {
            const OptionTerms terms = p.options[index];
            s.values = option_answer(terms, p.expiries[terms.expiry], mid);
            // Our bid and offer: the other values count with them.
            changed = part.full != 0 || s.values.v[0] != p.option_last[index].v[0] ||
                      s.values.v[1] != p.option_last[index].v[1];
            s.what = index | SIGNAL_OPTION << SIGNAL_INDEX_BITS;
            if (changed) {
                p.option_last[index] = s.values;
            }
        }
        signal(p, tickets, changed, s);
    }
}
