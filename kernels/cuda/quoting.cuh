// Our quote for an option. Twin of kernels/src/cpu/option_quote.rs, and of what cpu/wide/state.rs makes of a book's best
// bid and offer; the same names and the same order of operations.
#pragma once
#include "abi.cuh"
#include "portable.cuh"
#include "pricing.cuh"

constexpr int64_t E9_MAX = (int64_t)AMOUNT_MAX;
// 2^52: from there on every double is an integer.
constexpr double INTEGERS_FROM = 4503599627370496.0;

// The nearest integer, half to even.
WT_DEVICE double nearest_integer(double scaled) {
    const double shift = scaled < 0.0 ? -INTEGERS_FROM : INTEGERS_FROM;
    return magnitude(scaled) < INTEGERS_FROM ? (scaled + shift) - shift : scaled;
}

// Beyond 2^62 it is 2^62 with the number's sign; a NaN counts as beyond.
WT_DEVICE int64_t saturated(double integer) {
    if (magnitude(integer) < (double)AMOUNT_MAX) {
        return (int64_t)integer;
    }
    return integer < 0.0 ? -E9_MAX : E9_MAX;
}

WT_DEVICE int64_t to_e9(double value) {
    return saturated(nearest_integer(value * 1e9));
}

WT_DEVICE int64_t to_e9_up(double value) {
    const double scaled = value * 1e9;
    const double rounded = nearest_integer(scaled);
    return saturated(rounded < scaled ? rounded + 1.0 : rounded);
}

// Bid and offer; see the twin for why nothing overflows.
WT_DEVICE void around(int64_t theoretical, int64_t half, int64_t tick_e9, int64_t& bid, int64_t& offer) {
    bid = offer = PRICE_NONE;
    if (theoretical >= E9_MAX || half >= E9_MAX) {
        return;
    }
    const int64_t low = theoretical - half;
    const uint64_t high = (uint64_t)(theoretical + half), tick = (uint64_t)tick_e9;
    if (low >= tick_e9) {
        bid = (int64_t)((uint64_t)low - (uint64_t)low % tick);
    }
    const uint64_t rest = high % tick;
    const uint64_t up = rest == 0 ? high : high + (tick - rest);
    const uint64_t least = up > tick ? up : tick;
    if (least <= (uint64_t)INT64_MAX) {
        offer = (int64_t)least;
    }
}

WT_DEVICE Values quote(const OptionValue& value, const OptionTerms& terms) {
    Values values;
    const int64_t theoretical = to_e9(value.price);
    const int64_t wanted = to_e9_up(value.vega * terms.width_vega);
    const int64_t half = wanted > terms.half_width_min_e9 ? wanted : terms.half_width_min_e9;
    around(theoretical, half, terms.tick_e9, values.v[0], values.v[1]);
    values.v[2] = theoretical;
    values.v[3] = to_e9(value.delta);
    values.v[4] = to_e9(value.vega);
    return values;
}

// The price that options are computed from, 1e-9: middle of bid and offer, rounded down; PRICE_NONE when a side is
// missing or not positive, or when they cross.
WT_DEVICE int64_t mid_of(int64_t bid_px, uint64_t bid_qty, int64_t ask_px, uint64_t ask_qty) {
    const bool there = bid_px > 0 && bid_qty > 0 && ask_qty > 0;
    return there && bid_px <= ask_px ? bid_px + (ask_px - bid_px) / 2 : PRICE_NONE;
}

// Values of an option where its underlying has no mid.
WT_DEVICE Values no_quote() {
    return Values{{PRICE_NONE, PRICE_NONE, 0, 0, 0}};
}

// What pricing takes as the underlying's price.
WT_DEVICE double mid_in_currency_units(int64_t mid_e9) {
    return (double)mid_e9 / 1e9;
}

// Values of an option whose expiry's terms are at hand.
WT_DEVICE Values option_answer_at(const OptionTerms& option, const ForwardTerms& terms) {
    const double sign = (option.flags & OPTION_PUT) == 0 ? 1.0 : -1.0;
    const Contract contract = {option.strike, option.ln_strike, option.volatility, sign};
    return quote(value_one(terms, contract), option);
}

// Values of an option at its underlying's mid_of.
WT_DEVICE Values option_answer(const OptionTerms& option, const Expiry& expiry, int64_t mid_e9) {
    return mid_e9 == PRICE_NONE ? no_quote()
                                : option_answer_at(option, forward_terms(expiry, mid_in_currency_units(mid_e9)));
}
