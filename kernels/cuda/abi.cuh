// What both sides of the PCIe bus read; the device's side of kernels/src/abi. Names, order and sizes are the same there.
#pragma once
#include <stddef.h>
#include <stdint.h>

constexpr uint32_t LINE_WORDS = 16;
constexpr uint32_t LEGS_MAX = 4;
constexpr uint64_t AMOUNT_MAX = 1ull << 62;
// feeds::units::PRICE_NONE.
constexpr int64_t PRICE_NONE = INT64_MIN;

struct alignas(64) Line {
    uint32_t words[LINE_WORDS];
};
static_assert(sizeof(Line) == 64, "a line");

enum TickKind : uint32_t {
    TICK_LEVEL = 1,
    TICK_ORDER_ADD = 2,
    TICK_ORDER_REDUCE = 3,
    TICK_ORDER_REPLACE = 4,
    TICK_CLEAR = 5,
    TICK_ELIGIBLE = 6,
    TICK_VOLATILITY = 7,
    TICK_NOTHING = 8,
    TICK_EPOCH_END = 9,
};
constexpr uint32_t TICK_REQUEST = 1;
constexpr uint32_t TICK_FULL = 2;
constexpr uint32_t SIDE_SELL = 2;
constexpr uint64_t EPOCH_CONTINUE = 1;
constexpr uint64_t EPOCH_STOP = 2;

enum SignalKind : uint32_t {
    SIGNAL_RELATION = 1,
    SIGNAL_OPTION = 2,
    SIGNAL_END = 3,
    SIGNAL_EPOCH_END = 4,
    SIGNAL_BROKEN = 5,
};
constexpr uint32_t SIGNAL_INDEX_BITS = 24;

struct ListingTerms {
    uint64_t unit_e9;
    uint64_t lot;
    int64_t fee_ppb;
    int64_t fee_unit_e9;
};
static_assert(sizeof(ListingTerms) == 32, "listing terms");

struct alignas(32) Touch {
    uint64_t cost;
    uint64_t cost_quantity;
    uint64_t proceeds;
    uint64_t proceeds_quantity;
};
static_assert(sizeof(Touch) == 32, "touch");

// A leg is listing << 1 | sells.
struct Relation {
    uint32_t legs[LEGS_MAX];
    uint32_t legs_len;
    uint32_t reserved;
    uint64_t amount_max;
    uint64_t profit_min;
};
static_assert(sizeof(Relation) == 40 && offsetof(Relation, amount_max) == 24, "relation");

struct LinearLeg {
    uint32_t leg;
    uint32_t reserved;
    uint64_t weight;
    uint64_t ratio_e9;
};
static_assert(sizeof(LinearLeg) == 24 && offsetof(LinearLeg, weight) == 8, "linear leg");

struct LinearRelation {
    uint32_t first_leg;
    uint32_t legs_len;
    uint64_t step;
    int64_t payoff_e9;
    uint64_t amount_max;
    uint64_t profit_min;
};
static_assert(sizeof(LinearRelation) == 40 && offsetof(LinearRelation, payoff_e9) == 16, "linear relation");

struct Expiry {
    double carry;
    double discount;
    double years;
    double sqrt_years;
};
static_assert(sizeof(Expiry) == 32, "expiry");

constexpr uint32_t OPTION_PUT = 1;

struct alignas(64) OptionTerms {
    double strike;
    double ln_strike;
    double volatility;
    double width_vega;
    int64_t half_width_min_e9;
    int64_t tick_e9;
    uint32_t expiry;
    uint32_t flags;
    uint32_t underlying;
    uint32_t reserved;
};
static_assert(sizeof(OptionTerms) == 64 && offsetof(OptionTerms, expiry) == 48, "option terms");

// Values of an item; see ItemKind.
struct Values {
    int64_t v[5];
};
