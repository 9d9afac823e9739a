// The cases on a device, one a thread. The PTX beside this file is what the interpreter runs in the tests; build.sh makes it.
#include "cases.cuh"

#define WT_CASES(name, kind, inputs, outputs) \
    static_assert(INPUT_WORDS[kind] == inputs && OUTPUT_WORDS[kind] == outputs, "the words of a case"); \
    extern "C" __global__ void name(const uint64_t* in, uint64_t* out, uint32_t cases) { \
        const uint32_t at = blockIdx.x * blockDim.x + threadIdx.x; \
        if (at < cases) { \
            run_case(kind, in + at * inputs, out + at * outputs); \
        } \
    }

WT_CASES(fold_cases, CASE_FOLD, 8, 4)
WT_CASES(evaluate_cases, CASE_EVALUATE, 37, 5)
WT_CASES(option_cases, CASE_OPTION, 13, 8)
WT_CASES(quote_cases, CASE_QUOTE, 11, 5)
WT_CASES(mid_cases, CASE_MID, 4, 1)
WT_CASES(lognormal_cases, CASE_LOGNORMAL, 8, 9)
WT_CASES(normal_cases, CASE_NORMAL, 6, 9)
WT_CASES(implied_cases, CASE_IMPLIED, 10, 2)
WT_CASES(linear_cases, CASE_LINEAR, 47, 5)
WT_CASES(inverse_cases, CASE_INVERSE, 8, 4)
