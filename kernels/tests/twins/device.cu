// The cases on a device, one a thread: the entries that the interpreter's test runs.
#include "cases.cuh"

#define WT_CASES(name, kind) \
    extern "C" __global__ void name(const uint64_t* in, uint64_t* out, uint32_t cases) { \
        const uint32_t at = blockIdx.x * blockDim.x + threadIdx.x; \
        if (at < cases) { \
            run_case(kind, in + at * INPUT_WORDS[kind], out + at * OUTPUT_WORDS[kind]); \
        } \
    }

WT_CASES(fold_cases, CASE_FOLD)
WT_CASES(evaluate_cases, CASE_EVALUATE)
WT_CASES(option_cases, CASE_OPTION)
WT_CASES(quote_cases, CASE_QUOTE)
WT_CASES(mid_cases, CASE_MID)
