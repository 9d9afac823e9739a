// Relations: whether a cycle of trades brings back more than it takes. Twin of kernels/src/cpu/arbitrage.rs, whose page
// says what is computed and why nothing overflows; the same names and the same order of operations.
#pragma once
#include "abi.cuh"
#include "portable.cuh"

constexpr uint64_t UNIT_E9 = 1000000000ull;

// Quotient and remainder of 128 bits by 10^9; false when the quotient takes more than 64 bits. By limbs of 32 bits:
// every division is one of 64 bits by a constant.
WT_DEVICE bool divided_e9(uint64_t high, uint64_t low, uint64_t& quotient, uint64_t& remainder) {
    if (high >= UNIT_E9) {
        return false;
    }
    const uint64_t upper = (high << 32) | (low >> 32);
    const uint64_t lower = ((upper % UNIT_E9) << 32) | (low & 0xFFFFFFFFull);
    quotient = ((upper / UNIT_E9) << 32) | (lower / UNIT_E9);
    remainder = lower % UNIT_E9;
    return true;
}

// 128 bits / 10^9 rounded down or up, if that is at most AMOUNT_MAX; else 0 and false.
WT_DEVICE bool scaled_e9(uint64_t high, uint64_t low, bool up, uint64_t& result) {
    uint64_t quotient, remainder;
    result = 0;
    if (!divided_e9(high, low, quotient, remainder) || quotient > AMOUNT_MAX) {
        return false;
    }
    quotient += up && remainder != 0;
    if (quotient > AMOUNT_MAX) {
        return false;
    }
    result = quotient;
    return true;
}

WT_DEVICE uint64_t amount_with_fees(uint64_t raw, const ListingTerms& terms, bool buys) {
    uint64_t with_fee;
    const uint64_t fee_ppb = (uint64_t)terms.fee_ppb, fee_unit_e9 = (uint64_t)terms.fee_unit_e9;
    const uint64_t factor = buys ? UNIT_E9 + fee_ppb : UNIT_E9 - fee_ppb;
    if (!scaled_e9(wt_mulhi64(raw, factor), raw * factor, buys, with_fee)) {
        return 0;
    }
    const uint64_t sum = buys ? with_fee + fee_unit_e9 : with_fee - fee_unit_e9;
    return (int64_t)sum > 0 && sum <= AMOUNT_MAX ? sum : 0;
}

// What one quantity unit costs (buys) or brings, each step rounded against us; 0 where there is no such price.
WT_DEVICE uint64_t amount_of_unit(int64_t price, const ListingTerms& terms, bool buys) {
    uint64_t raw;
    const uint64_t unit = terms.unit_e9;
    if (price <= 0 || !scaled_e9(wt_mulhi64((uint64_t)price, unit), (uint64_t)price * unit, buys, raw)) {
        return 0;
    }
    return amount_with_fees(raw, terms, buys);
}

WT_DEVICE Touch fold(int64_t bid_px, uint64_t bid_qty, int64_t ask_px, uint64_t ask_qty, const ListingTerms& terms) {
    const uint64_t cost = ask_qty > 0 ? amount_of_unit(ask_px, terms, true) : 0;
    const uint64_t proceeds = bid_qty > 0 ? amount_of_unit(bid_px, terms, false) : 0;
    return Touch{cost, cost > 0 ? ask_qty : 0, proceeds, proceeds > 0 ? bid_qty : 0};
}

// unit_e9 * 10^9 / price, by bits: the remainder stays below the price, which is below 2^63.
WT_DEVICE uint64_t inverse_of_unit(int64_t price, const ListingTerms& terms, bool buys) {
    const uint64_t high = wt_mulhi64(terms.unit_e9, UNIT_E9), low = terms.unit_e9 * UNIT_E9;
    const uint64_t divisor = (uint64_t)price;
    if (price <= 0 || high >= divisor) {
        return 0;
    }
    uint64_t remainder = high, quotient = 0;
    for (int bit = 63; bit >= 0; --bit) {
        remainder = remainder << 1 | (low >> bit & 1);
        const bool fits = remainder >= divisor;
        remainder -= fits ? divisor : 0;
        quotient = quotient << 1 | fits;
    }
    if (quotient > AMOUNT_MAX || (quotient == AMOUNT_MAX && buys && remainder != 0)) {
        return 0;
    }
    return amount_with_fees(quotient + (buys && remainder != 0), terms, buys);
}

// fold where the price is upside-down: who takes the bid buys the unit.
WT_DEVICE Touch fold_inverse(int64_t bid_px, uint64_t bid_qty, int64_t ask_px, uint64_t ask_qty,
                             const ListingTerms& terms) {
    const uint64_t cost = bid_qty > 0 ? inverse_of_unit(bid_px, terms, true) : 0;
    const uint64_t proceeds = ask_qty > 0 ? inverse_of_unit(ask_px, terms, false) : 0;
    return Touch{cost, cost > 0 ? bid_qty : 0, proceeds, proceeds > 0 ? ask_qty : 0};
}

struct PricedLeg {
    uint64_t goes_in;
    uint64_t comes_out;
    uint64_t quantity;
    uint64_t lot;
};

// A leg that is not there: whatever comes in goes out, without limit.
constexpr PricedLeg NO_LEG = {1, 1, AMOUNT_MAX, 1};

WT_DEVICE PricedLeg priced_leg(uint32_t leg, const ListingTerms* terms, const Touch* touches) {
    const ListingTerms& t = terms[leg >> 1];
    const Touch& touch = touches[leg >> 1];
    return (leg & 1) != 0 ? PricedLeg{t.unit_e9, touch.proceeds, touch.proceeds_quantity, t.lot}
                          : PricedLeg{touch.cost, t.unit_e9, touch.cost_quantity, t.lot};
}

WT_DEVICE uint64_t whole_lots(const PricedLeg& leg, uint64_t quantity) {
    return quantity - quantity % leg.lot;
}

struct Wide {
    uint64_t words[4];
};

// The product of two numbers of 128 bits, least significant word first.
WT_DEVICE Wide times(uint64_t a0, uint64_t a1, uint64_t b0, uint64_t b1) {
    Wide p;
    p.words[0] = a0 * b0;
    uint64_t middle = wt_mulhi64(a0, b0);
    // The high half of a product of words is at most 2^64 - 2: one carry more fits.
    const uint64_t cross0 = a0 * b1, cross1 = a1 * b0;
    middle += cross0;
    uint64_t upper = wt_mulhi64(a0, b1) + (middle < cross0);
    middle += cross1;
    const uint64_t carry = wt_mulhi64(a1, b0) + (middle < cross1);
    p.words[1] = middle;
    upper += carry;
    const uint64_t high = a1 * b1;
    const uint64_t over = upper < carry;
    p.words[2] = upper + high;
    p.words[3] = wt_mulhi64(a1, b1) + (p.words[2] < high) + over;
    return p;
}

WT_DEVICE bool above(const Wide& a, const Wide& b) {
    if (a.words[3] != b.words[3]) {
        return a.words[3] > b.words[3];
    }
    if (a.words[2] != b.words[2]) {
        return a.words[2] > b.words[2];
    }
    if (a.words[1] != b.words[1]) {
        return a.words[1] > b.words[1];
    }
    return a.words[0] > b.words[0];
}

// The screen: every leg has something to trade, and what comes out is more than what goes in, exactly. Two legs need 128
// bits only.
WT_DEVICE bool earns_anything(const PricedLeg (&l)[LEGS_MAX], uint32_t legs_len) {
    if (l[0].quantity == 0 || l[1].quantity == 0 || l[2].quantity == 0 || l[3].quantity == 0) {
        return false;
    }
    const uint64_t out0 = l[0].comes_out * l[1].comes_out, out1 = wt_mulhi64(l[0].comes_out, l[1].comes_out);
    const uint64_t into0 = l[0].goes_in * l[1].goes_in, into1 = wt_mulhi64(l[0].goes_in, l[1].goes_in);
    if (legs_len <= 2) {
        return out1 != into1 ? out1 > into1 : out0 > into0;
    }
    return above(
        times(out0, out1, l[2].comes_out * l[3].comes_out, wt_mulhi64(l[2].comes_out, l[3].comes_out)),
        times(into0, into1, l[2].goes_in * l[3].goes_in, wt_mulhi64(l[2].goes_in, l[3].goes_in)));
}

WT_DEVICE uint64_t lesser(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

// Backward for what each leg may bring, forward with what really arrives; values stay zero when nothing is to be had.
WT_DEVICE void walk(const Relation& relation, PricedLeg (&legs)[LEGS_MAX], Values& values) {
    uint64_t cap = AMOUNT_MAX;
    for (int i = LEGS_MAX - 1; i >= 0; --i) {
        PricedLeg& leg = legs[i];
        const uint64_t fitting = lesser(lesser(leg.quantity, cap / leg.comes_out), AMOUNT_MAX / leg.goes_in);
        leg.quantity = whole_lots(leg, fitting);
        cap = leg.quantity * leg.goes_in;
    }
    uint64_t amount = lesser(cap, relation.amount_max);
    uint64_t taken = 0;
    uint64_t quantities[LEGS_MAX];
    bool all = true;
    for (int i = 0; i < (int)LEGS_MAX; ++i) {
        const uint64_t quantity = whole_lots(legs[i], amount / legs[i].goes_in);
        taken = i == 0 ? quantity * legs[0].goes_in : taken;
        all = all && quantity > 0;
        quantities[i] = (uint32_t)i < relation.legs_len ? quantity : 0;
        amount = quantity * legs[i].comes_out;
    }
    if (!all || amount <= taken || amount - taken < relation.profit_min) {
        return;
    }
    for (int i = 0; i < (int)LEGS_MAX; ++i) {
        values.v[i] = (int64_t)quantities[i];
    }
    values.v[4] = (int64_t)(amount - taken);
}

// Values of ITEM_RELATION; all zero when there is nothing to take. terms and touches are indexed by listing.
WT_DEVICE Values evaluate(const Relation& relation, const ListingTerms* terms, const Touch* touches) {
    PricedLeg legs[LEGS_MAX];
    for (uint32_t i = 0; i < LEGS_MAX; ++i) {
        legs[i] = i < relation.legs_len ? priced_leg(relation.legs[i], terms, touches) : NO_LEG;
    }
    Values values = {{0, 0, 0, 0, 0}};
    if (earns_anything(legs, relation.legs_len)) {
        walk(relation, legs, values);
    }
    return values;
}
