// One call of each function that has a twin, from words to words: what the tests compare with the Rust side. A case's
// words stand as tests/twins.rs writes them; the same source runs on the host and as one thread of a kernel.
#pragma once
#include "../../cuda/arbitrage.cuh"
#include "../../cuda/implied.cuh"
#include "../../cuda/linear.cuh"
#include "../../cuda/quoting.cuh"

enum CaseKind : uint32_t {
    CASE_FOLD = 0,
    CASE_EVALUATE = 1,
    CASE_OPTION = 2,
    CASE_QUOTE = 3,
    CASE_MID = 4,
    CASE_LOGNORMAL = 5,
    CASE_NORMAL = 6,
    CASE_IMPLIED = 7,
    CASE_LINEAR = 8,
    CASE_INVERSE = 9,
};
constexpr uint32_t CASE_KINDS = 10;

constexpr uint32_t INPUT_WORDS[CASE_KINDS] = {8, 37, 13, 11, 4, 8, 6, 10, 47, 8};
constexpr uint32_t OUTPUT_WORDS[CASE_KINDS] = {4, 5, 8, 5, 1, 9, 9, 2, 5, 4};

WT_DEVICE ListingTerms listing_terms(const uint64_t* w) {
    return ListingTerms{w[0], w[1], (int64_t)w[2], (int64_t)w[3]};
}

WT_DEVICE OptionTerms option_terms(const uint64_t* w) {
    OptionTerms t;
    t.strike = wt_of_bits(w[0]);
    t.ln_strike = wt_of_bits(w[1]);
    t.volatility = wt_of_bits(w[2]);
    t.width_vega = wt_of_bits(w[3]);
    t.half_width_min_e9 = (int64_t)w[4];
    t.tick_e9 = (int64_t)w[5];
    t.expiry = (uint32_t)w[6];
    t.flags = (uint32_t)(w[6] >> 32);
    t.underlying = (uint32_t)w[7];
    t.reserved = 0;
    return t;
}

WT_DEVICE void put(const Values& values, uint64_t* out) {
    for (int i = 0; i < 5; ++i) {
        out[i] = (uint64_t)values.v[i];
    }
}

WT_DEVICE void put(const OptionValue& value, uint64_t* out) {
    out[0] = wt_bits_of(value.price);
    out[1] = wt_bits_of(value.delta);
    out[2] = wt_bits_of(value.vega);
}

WT_DEVICE void put(const Touch& touch, uint64_t* out) {
    out[0] = touch.cost;
    out[1] = touch.cost_quantity;
    out[2] = touch.proceeds;
    out[3] = touch.proceeds_quantity;
}

WT_DEVICE void fold_case(const uint64_t* w, uint64_t* out) {
    put(fold((int64_t)w[4], w[5], (int64_t)w[6], w[7], listing_terms(w)), out);
}

WT_DEVICE void inverse_case(const uint64_t* w, uint64_t* out) {
    put(fold_inverse((int64_t)w[4], w[5], (int64_t)w[6], w[7], listing_terms(w)), out);
}

// Up to six legs over six listings.
WT_DEVICE void linear_case(const uint64_t* w, uint64_t* out) {
    const LinearRelation relation = {0, (uint32_t)w[0], w[1], (int64_t)w[2], w[3], w[4]};
    LinearLeg legs[6];
    Touch touches[6];
    for (int i = 0; i < 6; ++i) {
        const uint64_t *leg = w + 5 + 3 * i, *touch = w + 23 + 4 * i;
        legs[i] = LinearLeg{(uint32_t)leg[0], 0, leg[1], leg[2]};
        touches[i] = Touch{touch[0], touch[1], touch[2], touch[3]};
    }
    put(evaluate_linear(relation, legs, touches), out);
}

WT_DEVICE void evaluate_case(const uint64_t* w, uint64_t* out) {
    Relation relation;
    for (uint32_t i = 0; i < LEGS_MAX; ++i) {
        relation.legs[i] = (uint32_t)(w[i / 2] >> (32 * (i % 2)));
    }
    relation.legs_len = (uint32_t)w[2];
    relation.reserved = 0;
    relation.amount_max = w[3];
    relation.profit_min = w[4];
    ListingTerms terms[4];
    Touch touches[4];
    for (int i = 0; i < 4; ++i) {
        const uint64_t* touch = w + 21 + 4 * i;
        terms[i] = listing_terms(w + 5 + 4 * i);
        touches[i] = Touch{touch[0], touch[1], touch[2], touch[3]};
    }
    put(evaluate(relation, terms, touches), out);
}

WT_DEVICE void option_case(const uint64_t* w, uint64_t* out) {
    const OptionTerms option = option_terms(w);
    const Expiry expiry = {wt_of_bits(w[8]), wt_of_bits(w[9]), wt_of_bits(w[10]), wt_of_bits(w[11])};
    const int64_t mid_e9 = (int64_t)w[12];
    put(option_answer(option, expiry, mid_e9), out);
    const Contract contract = {option.strike, option.ln_strike, option.volatility,
                               (option.flags & OPTION_PUT) == 0 ? 1.0 : -1.0};
    put(value_one(forward_terms(expiry, mid_in_currency_units(mid_e9)), contract), out + 5);
}

WT_DEVICE void quote_case(const uint64_t* w, uint64_t* out) {
    const OptionValue value = {wt_of_bits(w[8]), wt_of_bits(w[9]), wt_of_bits(w[10])};
    put(quote(value, option_terms(w)), out);
}

WT_DEVICE void put(const Sensitivities& s, uint64_t* out) {
    const double values[] = {s.price, s.delta, s.gamma, s.vega, s.theta, s.rho, s.vanna, s.volga, s.charm};
    for (int i = 0; i < 9; ++i) {
        out[i] = wt_bits_of(values[i]);
    }
}

WT_DEVICE Contract contract(const uint64_t* w) {
    const double strike = wt_of_bits(w[0]);
    return Contract{strike, strike > 0.0 ? logarithm(strike).nearest : 0.0, wt_of_bits(w[1]), wt_of_bits(w[2])};
}

// Which model, then its market as four words: what it does not have is zero. An expiry is mid, carry, discount, years.
WT_DEVICE LognormalTerms lognormal_terms(const uint64_t* w) {
    const double first = wt_of_bits(w[1]), second = wt_of_bits(w[2]), third = wt_of_bits(w[3]), years = wt_of_bits(w[4]);
    switch (w[0]) {
    case 0: return black_scholes_merton(SpotMarket{first, second, third, years});
    case 1: return black_76(ForwardMarket{first, second, years});
    default: return of_expiry(Expiry{second, third, years, wt_sqrt(years)}, first);
    }
}

WT_DEVICE NormalTerms normal_terms(const uint64_t* w) {
    return bachelier(ForwardMarket{wt_of_bits(w[0]), wt_of_bits(w[1]), wt_of_bits(w[2])});
}

WT_DEVICE void implied_case(const uint64_t* w, uint64_t* out) {
    const Contract c = contract(w + 5);
    const double price = wt_of_bits(w[8]);
    const uint32_t steps = (uint32_t)w[9];
    const Volatility found = w[0] == 3 ? implied_volatility(normal_terms(w + 1), c, price, steps)
                                       : implied_volatility(lognormal_terms(w), c, price, steps);
    out[0] = wt_bits_of(found.volatility);
    out[1] = found.refused;
}

WT_DEVICE void run_case(uint32_t kind, const uint64_t* in, uint64_t* out) {
    switch (kind) {
    case CASE_FOLD: fold_case(in, out); break;
    case CASE_EVALUATE: evaluate_case(in, out); break;
    case CASE_OPTION: option_case(in, out); break;
    case CASE_QUOTE: quote_case(in, out); break;
    case CASE_LOGNORMAL: put(sensitivities(lognormal_terms(in), contract(in + 5)), out); break;
    case CASE_NORMAL: put(sensitivities(normal_terms(in), contract(in + 3)), out); break;
    case CASE_IMPLIED: implied_case(in, out); break;
    case CASE_LINEAR: linear_case(in, out); break;
    case CASE_INVERSE: inverse_case(in, out); break;
    default: out[0] = (uint64_t)mid_of((int64_t)in[0], in[1], (int64_t)in[2], in[3]); break;
    }
}
