// Polynomial coefficients, low order first, written by tests/reference/coefficients.py: not edited by hand.
#pragma once

// Of (d + 5) exp(d^2/2) N(-d) in t = (d - 5)/(d + 5), d from 0 to 37.5. Relative error of the fit at most 7.4e-17.
#define WT_TAIL_COEFFICIENTS \
    { 0x1.89d3abe1f95aep-1, \
      -0x1.54ad03f27ca18p-1, \
      0x1.fb31653876f6dp-2, \
      -0x1.410ed5f8759bdp-2, \
      0x1.51f6329f02669p-3, \
      -0x1.1b1c254c9ee37p-4, \
      0x1.54b4d4f4262b2p-6, \
      -0x1.88590ea4ba3f1p-9, \
      -0x1.a25037090e4e1p-11, \
      0x1.1daf1cd8d55dfp-11, \
      -0x1.f214b0e8ab730p-15, \
      -0x1.a170cdf63bfe2p-15, \
      0x1.17df645f4ac17p-16, \
      0x1.0b29dd4b05705p-18, \
      -0x1.73d5c45b9184dp-19, \
      -0x1.6a2982cf9c7a9p-22, \
      0x1.d2a88b1c46d55p-22, \
      0x1.7694e61642c61p-25, \
      -0x1.1f33b7b6f2f8bp-24, \
      -0x1.6c4bbcae97c0ep-27, \
      0x1.09195cbca2affp-27, \
      0x1.358c714884839p-29 }

// Of exp(r), |r| up to half of ln 2. Relative error of the fit at most 1.7e-17.
#define WT_EXP_COEFFICIENTS \
    { 0x1.0000000000000p+0, \
      0x1.0000000000000p+0, \
      0x1.0000000000011p-1, \
      0x1.555555555555ap-3, \
      0x1.555555554f0cfp-5, \
      0x1.111111110f225p-7, \
      0x1.6c16c187fbe02p-10, \
      0x1.a01a01b14378fp-13, \
      0x1.a01991ac8730ap-16, \
      0x1.71ddf5749d126p-19, \
      0x1.28b4057f44145p-22, \
      0x1.af631d0059becp-26 }

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
