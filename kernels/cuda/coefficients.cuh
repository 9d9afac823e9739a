// Polynomial coefficients, low order first, written by tests/reference/coefficients.py: not edited by hand.
#pragma once

// Of (d + 5) exp(d^2/2) N(-d) in t = (d - 5)/(d + 5), d from 0 to 27. Relative error of the fit at most 3.4e-17.
#define WT_TAIL_COEFFICIENTS \
    { 0x1.89d3abe1f95aep-1, \
      -0x1.54ad03f27ca18p-1, \
      0x1.fb31653876f8ep-2, \
      -0x1.410ed5f8759aep-2, \
      0x1.51f6329f01a0ep-3, \
      -0x1.1b1c254ca0683p-4, \
      0x1.54b4d4f498346p-6, \
      -0x1.88590ea00a08bp-9, \
      -0x1.a25037898f3f7p-11, \
      0x1.1daf1c080b7c7p-11, \
      -0x1.f2148a4e740dfp-15, \
      -0x1.a170801df7fc5p-15, \
      0x1.17dea47550829p-16, \
      0x1.0b219a3d7e7ecp-18, \
      -0x1.73d08208de691p-19, \
      -0x1.692c4fc1c4582p-22, \
      0x1.d2e606267dbf8p-22, \
      0x1.6ee9da3daa5b0p-25, \
      -0x1.21c681b5eafd5p-24, \
      -0x1.63266ef86b23cp-27, \
      0x1.15f406963fda9p-27, \
      0x1.43617285edda7p-29 }

// Of (exp(r) - 1 - r)/r^2, |r| up to half of ln 2. Relative error of the fit at most 2.3e-16.
#define WT_EXP_COEFFICIENTS \
    { 0x1.0000000000001p-1, \
      0x1.5555555555556p-3, \
      0x1.5555555553d68p-5, \
      0x1.11111111109b5p-7, \
      0x1.6c16c17889ef1p-10, \
      0x1.a01a01a7c2efep-13, \
      0x1.a019b9149a41cp-16, \
      0x1.71de0db2f6b19p-19, \
      0x1.28917c89a43a7p-22, \
      0x1.af389ecfc4b9cp-26 }

// Of (atanh(s)/s - 1)/z in z = s^2, s = (m - 1)/(m + 1), m from sqrt(1/2) to sqrt(2). Relative error of the fit at most 5.6e-17.
#define WT_LN_COEFFICIENTS \
    { 0x1.5555555555555p-2, \
      0x1.999999999999ap-3, \
      0x1.2492492492486p-3, \
      0x1.c71c71c71f255p-4, \
      0x1.745d17437e31ap-4, \
      0x1.3b13b261100c9p-4, \
      0x1.1110b8d10b6bbp-4, \
      0x1.e2029616bb132p-5, \
      0x1.ab83e04a47f78p-5, \
      0x1.bedb01af0c1fep-5 }
