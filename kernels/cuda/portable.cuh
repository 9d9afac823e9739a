// What the headers need of a compiler: the same source is compiled for the device by nvcc and for the host by a C++
// compiler (tests), so that nothing but these few names differs.
#pragma once
#include <stdint.h>

#if defined(__CUDACC__)
#define WT_DEVICE static __device__ __forceinline__
#else
#include <math.h>
#include <string.h>
#define WT_DEVICE static inline
#endif

// High 64 bits of a product.
WT_DEVICE uint64_t wt_mulhi64(uint64_t a, uint64_t b) {
#if defined(__CUDACC__)
    return __umul64hi(a, b);
#else
    return (uint64_t)(((unsigned __int128)a * b) >> 64);
#endif
}

// Fused: one rounding.
WT_DEVICE double wt_fma(double a, double b, double c) {
#if defined(__CUDACC__)
    return __fma_rn(a, b, c);
#else
    return fma(a, b, c);
#endif
}

WT_DEVICE double wt_sqrt(double a) {
#if defined(__CUDACC__)
    return __dsqrt_rn(a);
#else
    return sqrt(a);
#endif
}

WT_DEVICE uint64_t wt_bits_of(double a) {
#if defined(__CUDACC__)
    return (uint64_t)__double_as_longlong(a);
#else
    uint64_t bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
#endif
}

WT_DEVICE double wt_of_bits(uint64_t bits) {
#if defined(__CUDACC__)
    return __longlong_as_double((long long)bits);
#else
    double a;
    memcpy(&a, &bits, sizeof a);
    return a;
#endif
}
