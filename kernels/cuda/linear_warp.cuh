// A linear relation by a whole warp: a leg a lane, so that a basket of 128 legs takes four loads behind each other and not
// 128. The bits are those of evaluate_linear: only the order of sums of integers and of least values differs.
#pragma once
#include "abi.cuh"
#include "linear.cuh"
#include "warp.cuh"

// A lane evaluates a relation of up to so many legs alone, so that the usual ones, of two to four, go 32 at a time.
constexpr uint32_t LEGS_A_LANE = 8;

// Sum over all lanes, in every lane.
WT_DEVICE Sum sum_of_lanes(Sum sum) {
    for (uint32_t step = WARP_LANES / 2; step > 0; step /= 2) {
        const uint64_t low = wt_shfl64(sum.low, wt_lane() ^ step);
        const uint64_t high = wt_shfl64(sum.high, wt_lane() ^ step);
        add(sum, low, high);
    }
    return sum;
}

WT_DEVICE uint64_t least_of_lanes(uint64_t value) {
    for (uint32_t step = WARP_LANES / 2; step > 0; step /= 2) {
        value = lesser(value, wt_shfl64(value, wt_lane() ^ step));
    }
    return value;
}

// Every lane calls it with the same relation and has its values.
WT_DEVICE Values evaluate_linear_by_warp(const LinearRelation& relation, const LinearLeg* legs, const Touch* touches) {
    OneCopy of_lane = {{0, 0}, {0, 0}};
    for (uint32_t i = wt_lane(); i < relation.legs_len; i += WARP_LANES) {
        add_leg(of_lane, legs[i], touches);
    }
    const OneCopy of_legs = {sum_of_lanes(of_lane.into), sum_of_lanes(of_lane.out)};
    OneCopy copy = payoff_of(relation);
    add(copy.into, of_legs.into.low, of_legs.into.high);
    add(copy.out, of_legs.out.low, of_legs.out.high);
    uint64_t into, out;
    if (!rounded(copy, into, out)) {
        return Values{{0, 0, 0, 0, 0}};
    }
    uint64_t displayed = AMOUNT_MAX;
    for (uint32_t i = wt_lane(); i < relation.legs_len; i += WARP_LANES) {
        displayed = lesser(displayed, copies_of(legs[i], touches));
    }
    return hit(relation, into, out, least_of_lanes(displayed));
}
