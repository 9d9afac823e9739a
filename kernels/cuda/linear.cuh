// Linear relations: whether legs in fixed proportions bring more than they cost. Twin of kernels/src/cpu/linear.rs, whose
// page says what is computed and why nothing overflows; the same names and the same order of operations.
#pragma once
#include "abi.cuh"
#include "arbitrage.cuh"
#include "portable.cuh"

// 1e-18 in 128 bits.
struct Sum {
    uint64_t low;
    uint64_t high;
};

WT_DEVICE void add_product(Sum& sum, uint64_t a, uint64_t b) {
    const uint64_t low = a * b;
    sum.low += low;
    sum.high += wt_mulhi64(a, b) + (sum.low < low);
}

WT_DEVICE bool above(const Sum& a, const Sum& b) {
    return a.high != b.high ? a.high > b.high : a.low > b.low;
}

// What goes into one copy and what comes out.
struct OneCopy {
    Sum into;
    Sum out;
};

WT_DEVICE OneCopy one_copy(const LinearRelation& relation, const LinearLeg* legs, const Touch* touches) {
    OneCopy copy = {{0, 0}, {0, 0}};
    const bool owes = relation.payoff_e9 < 0;
    const uint64_t payoff = owes ? 0 - (uint64_t)relation.payoff_e9 : (uint64_t)relation.payoff_e9;
    add_product(owes ? copy.into : copy.out, payoff, UNIT_E9);
    for (uint32_t i = 0; i < relation.legs_len; ++i) {
        const Touch& touch = touches[legs[i].leg >> 1];
        if ((legs[i].leg & 1) != 0) {
            add_product(copy.out, legs[i].ratio_e9, touch.proceeds);
        } else {
            add_product(copy.into, legs[i].ratio_e9, touch.cost);
        }
    }
    return copy;
}

// Copies, what goes into one, what comes out of one, zero, the profit of all; all zero when there is nothing to take. legs
// are the relation's, touches are indexed by listing.
WT_DEVICE Values evaluate_linear(const LinearRelation& relation, const LinearLeg* legs, const Touch* touches) {
    Values values = {{0, 0, 0, 0, 0}};
    const OneCopy copy = one_copy(relation, legs, touches);
    uint64_t into, out;
    if (!above(copy.out, copy.into) || !scaled_e9(copy.into.high, copy.into.low, true, into) ||
        !scaled_e9(copy.out.high, copy.out.low, false, out) || into == 0 || out <= into) {
        return values;
    }
    uint64_t copies = lesser(relation.amount_max / into, AMOUNT_MAX / out);
    for (uint32_t i = 0; i < relation.legs_len; ++i) {
        const Touch& touch = touches[legs[i].leg >> 1];
        const uint64_t displayed = (legs[i].leg & 1) != 0 ? touch.proceeds_quantity : touch.cost_quantity;
        copies = lesser(copies, displayed / legs[i].weight);
    }
    copies -= copies % relation.step;
    const uint64_t profit = copies * (out - into);
    if (profit >= relation.profit_min) {
        values = Values{{(int64_t)copies, (int64_t)into, (int64_t)out, 0, (int64_t)profit}};
    }
    return values;
}
