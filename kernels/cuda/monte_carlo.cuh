// Simulated paths, one sample (a path and its mirror image) a call. Twin of kernels/src/cpu/monte_carlo.rs and its folder,
// whose pages say how; the same names and the same order of operations, none fused but by wt_fma.
#pragma once
#include "pricing.cuh"

// Samples of a tile: threads of a block.
constexpr uint32_t TILE = 256;
constexpr uint32_t MOMENTS = 5;
constexpr uint32_t PAYOFF_EUROPEAN = 0, PAYOFF_ARITHMETIC_ASIAN = 1;
constexpr double QUARTER_TURN = 1.5707963267948966;
constexpr uint64_t ONE_BITS = 0x3FF0000000000000ull;

struct PathTerms {
    uint64_t samples;
    uint32_t key[2];
    double spot;
    double strike;
    double sign;
    double discount;
    double drift;
    double deviation;
    double control_mean;
    double inverse_steps;
    uint32_t steps;
    uint32_t payoff;
};
static_assert(sizeof(PathTerms) == 88, "the layout of the host");

struct Bits128 {
    uint32_t v[4];
};

WT_DEVICE Bits128 philox(Bits128 counter, uint32_t key0, uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t first = (uint64_t)0xD2511F53u * counter.v[0];
        const uint64_t second = (uint64_t)0xCD9E8D57u * counter.v[2];
        counter = Bits128{{(uint32_t)(second >> 32) ^ counter.v[1] ^ key0, (uint32_t)second,
                           (uint32_t)(first >> 32) ^ counter.v[3] ^ key1, (uint32_t)first}};
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

template <int N> WT_DEVICE double series(const double (&coefficients)[N], double square) {
    double sum = coefficients[N - 1];
    for (int i = N - 2; i >= 0; --i) {
        sum = wt_fma(sum, square, coefficients[i]);
    }
    return sum;
}

struct Normals {
    double one;
    double other;
};

WT_DEVICE double turned(double x, uint64_t sign) {
    return wt_of_bits(wt_bits_of(x) ^ sign << 63);
}

WT_DEVICE Normals normals(const Bits128& bits) {
    const double sine_series[] = {-1.0 / 6.0,          1.0 / 120.0,          -1.0 / 5040.0,           1.0 / 362880.0,
                                  -1.0 / 39916800.0, 1.0 / 6227020800.0, -1.0 / 1307674368000.0};
    const double cosine_series[] = {-1.0 / 2.0,       1.0 / 24.0,        -1.0 / 720.0,         1.0 / 40320.0,
                                    -1.0 / 3628800.0, 1.0 / 479001600.0, -1.0 / 87178291200.0, 1.0 / 20922789888000.0};
    const uint64_t first = bits.v[0] | (uint64_t)bits.v[1] << 32;
    const uint64_t second = bits.v[2] | (uint64_t)bits.v[3] << 32;
    const double uniform = 2.0 - wt_of_bits(ONE_BITS | first >> 12);
    const double radius = wt_sqrt(-2.0 * logarithm(uniform).nearest);
    const uint64_t quarter = second >> 62;
    const double angle = (wt_of_bits(ONE_BITS | (second << 2) >> 12) - 1.5) * QUARTER_TURN;
    const double square = angle * angle;
    const double sine = radius * wt_fma(angle * square, series(sine_series, square), angle);
    const double cosine = radius * wt_fma(square, series(cosine_series, square), 1.0);
    const bool odd = (quarter & 1) == 1;
    const double along = odd ? sine : cosine, across = odd ? cosine : sine;
    return Normals{turned(along, (quarter ^ quarter >> 1) & 1), turned(across, quarter >> 1)};
}

struct Path {
    double log;
    double log_sum;
    double price_sum;
};

WT_DEVICE void step(Path& path, const PathTerms& terms, double normal) {
    path.log = wt_fma(terms.deviation, normal, path.log + terms.drift);
    if (terms.payoff != PAYOFF_EUROPEAN) {
        path.log_sum += path.log;
    }
    if (terms.payoff == PAYOFF_ARITHMETIC_ASIAN) {
        path.price_sum += exponential(path.log);
    }
}

WT_DEVICE double paid(const PathTerms& terms, double price) {
    return terms.discount * larger(terms.sign * (price - terms.strike), 0.0);
}

struct Sample {
    double value;
    double control;
};

WT_DEVICE Sample end(const Path& path, const PathTerms& terms) {
    const double log = terms.payoff != PAYOFF_EUROPEAN ? path.log_sum * terms.inverse_steps : path.log;
    const double price = terms.spot * exponential(log);
    if (terms.payoff == PAYOFF_ARITHMETIC_ASIAN) {
        return Sample{paid(terms, terms.spot * (path.price_sum * terms.inverse_steps)), paid(terms, price)};
    }
    return Sample{paid(terms, price), terms.discount * price};
}

// One sample of a simulation; of those beyond its last one nothing counts.
WT_DEVICE Sample sample(const PathTerms& terms, uint64_t number) {
    Path path = {0.0, 0.0, 0.0}, mirrored = {0.0, 0.0, 0.0};
    const uint32_t pairs = terms.steps / 2 + terms.steps % 2;
    for (uint32_t pair = 0; pair < pairs; ++pair) {
        const Bits128 counter = {{pair, 0, (uint32_t)number, (uint32_t)(number >> 32)}};
        const Normals drawn = normals(philox(counter, terms.key[0], terms.key[1]));
        step(path, terms, drawn.one);
        step(mirrored, terms, -drawn.one);
        if (2 * pair + 1 < terms.steps) {
            step(path, terms, drawn.other);
            step(mirrored, terms, -drawn.other);
        }
    }
    const Sample found = end(path, terms), other = end(mirrored, terms);
    const bool counts = number < terms.samples;
    const double control = 0.5 * (found.control + other.control) - terms.control_mean;
    return Sample{counts ? 0.5 * (found.value + other.value) : 0.0, counts ? control : 0.0};
}
