// Linear relations: whether legs in fixed proportions bring more than they cost. Twin of kernels/src/cpu/linear.rs, whose
// page says what is computed and why nothing overflows; the same names and the same order of operations.
//
// The steps stand apart: one thread takes them leg by leg here, a warp in linear_warp.cuh. Sums and least values of integers
// do not depend on the order of the legs.
#pragma once
#include "abi.cuh"
#include "arbitrage.cuh"
#include "portable.cuh"

// 1e-18 in 128 bits.
struct Sum {
    uint64_t low;
    uint64_t high;
};

WT_DEVICE void add(Sum& sum, uint64_t low, uint64_t high) {
    sum.low += low;
    sum.high += high + (sum.low < low);
}

WT_DEVICE void add_product(Sum& sum, uint64_t a, uint64_t b) {
    add(sum, a * b, wt_mulhi64(a, b));
}

WT_DEVICE bool above(const Sum& a, const Sum& b) {
    return a.high != b.high ? a.high > b.high : a.low > b.low;
}

// What goes into one copy and what comes out.
struct OneCopy {
    Sum into;
    Sum out;
};

// A copy without its legs: the payoff.
WT_DEVICE OneCopy payoff_of(const LinearRelation& relation) {
    OneCopy copy = {{0, 0}, {0, 0}};
    const bool owes = relation.payoff_e9 < 0;
    const uint64_t payoff = owes ? 0 - (uint64_t)relation.payoff_e9 : (uint64_t)relation.payoff_e9;
    add_product(owes ? copy.into : copy.out, payoff, UNIT_E9);
    return copy;
}

WT_DEVICE void add_leg(OneCopy& copy, const LinearLeg& leg, const Touch* touches) {
    const Touch& touch = touches[leg.leg >> 1];
    if ((leg.leg & 1) != 0) {
        add_product(copy.out, leg.ratio_e9, touch.proceeds);
    } else {
        add_product(copy.into, leg.ratio_e9, touch.cost);
    }
}

// A copy's amounts, 1e-9, rounded against us; false when nothing is to be had.
WT_DEVICE bool rounded(const OneCopy& copy, uint64_t& into, uint64_t& out) {
    return above(copy.out, copy.into) && scaled_e9(copy.into.high, copy.into.low, true, into) &&
           scaled_e9(copy.out.high, copy.out.low, false, out) && into != 0 && out > into;
}

// Copies that one leg's displayed quantity is enough for.
WT_DEVICE uint64_t copies_of(const LinearLeg& leg, const Touch* touches) {
    const Touch& touch = touches[leg.leg >> 1];
    const uint64_t displayed = (leg.leg & 1) != 0 ? touch.proceeds_quantity : touch.cost_quantity;
    return displayed / leg.weight;
}

// The values of so many copies at most.
WT_DEVICE Values hit(const LinearRelation& relation, uint64_t into, uint64_t out, uint64_t displayed) {
    Values values = {{0, 0, 0, 0, 0}};
    uint64_t copies = lesser(displayed, lesser(relation.amount_max / into, AMOUNT_MAX / out));
    copies -= copies % relation.step;
    const uint64_t profit = copies * (out - into);
    if (profit >= relation.profit_min) {
        values = Values{{(int64_t)copies, (int64_t)into, (int64_t)out, 0, (int64_t)profit}};
    }
    return values;
}

// Copies, what goes into one, what comes out of one, zero, the profit of all; all zero when there is nothing to take. legs
// are the relation's, touches are indexed by listing.
WT_DEVICE Values evaluate_linear(const LinearRelation& relation, const LinearLeg* legs, const Touch* touches) {
    OneCopy copy = payoff_of(relation);
    for (uint32_t i = 0; i < relation.legs_len; ++i) {
        add_leg(copy, legs[i], touches);
    }
    uint64_t into, out;
    if (!rounded(copy, into, out)) {
        return Values{{0, 0, 0, 0, 0}};
    }
    uint64_t displayed = AMOUNT_MAX;
    for (uint32_t i = 0; i < relation.legs_len; ++i) {
        displayed = lesser(displayed, copies_of(legs[i], touches));
    }
    return hit(relation, into, out, displayed);
}
