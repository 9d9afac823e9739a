"""Coefficients of the pricing kernels' exp, ln and normal tail, fitted at 50 digits. Needs mpmath.

    python3 coefficients.py rust > ../../src/cpu/pricing/coefficients.rs
    python3 coefficients.py cuda > ../../cuda/coefficients.cuh
    python3 coefficients.py errors          degree and maximum relative error of each fit

Each polynomial interpolates its function at the Chebyshev points of the interval; the error printed is that of the
coefficients as rounded to doubles, evaluated exactly, over 2,000 points.
"""

import struct
import sys

from mpmath import acos, atanh, binomial, cos, erfc, exp, log, mp, mpf, nstr, pi, sqrt

mp.dps = 50

TAIL_CENTRE = 5  # d + TAIL_CENTRE is the divisor of the tail's variable
D_MAX = mpf(27)  # |d| is cut to this: exp(-D_MAX^2 / 2) is 10^-158, far from the smallest normal double
TAIL_DEGREE = 21
EXP_DEGREE = 9
LN_DEGREE = 9


def chebyshev(f, low, high, degree):
    n = degree + 1
    points = [cos(pi * (k + mpf(1) / 2) / n) for k in range(n)]
    values = [f((high - low) / 2 * x + (low + high) / 2) for x in points]
    series = [
        mpf(2) / n * sum(values[k] * cos(pi * j * (k + mpf(1) / 2) / n) for k in range(n)) for j in range(n)
    ]
    series[0] /= 2
    return monomials(series, low, high)


def monomials(series, low, high):
    """A Chebyshev series over [low, high] as coefficients of powers, low order first."""
    n = len(series)
    polynomials = [[mpf(1)], [mpf(0), mpf(1)]]
    for j in range(2, n):
        doubled = [mpf(0)] + [2 * v for v in polynomials[j - 1]]
        for i, v in enumerate(polynomials[j - 2]):
            doubled[i] -= v
        polynomials.append(doubled)
    inner = [sum(series[j] * polynomials[j][i] for j in range(n) if i < len(polynomials[j])) for i in range(n)]
    scale, offset = mpf(2) / (high - low), -(low + high) / (high - low)
    outer = [mpf(0)] * n
    for i in range(n):
        for k in range(i + 1):
            outer[k] += inner[i] * binomial(i, k) * scale**k * offset ** (i - k)
    return outer


def tail(t):
    """(d + c) exp(d^2 / 2) N(-d) for t = (d - c) / (d + c)."""
    d = TAIL_CENTRE * (1 + t) / (1 - t)
    return (d + TAIL_CENTRE) * exp(d * d / 2) * erfc(d / sqrt(mpf(2))) / 2


def ln_series(z):
    """What 2 atanh(s) = 2 s + 2 s z P(z) leaves for P, z = s^2."""
    s = sqrt(z)
    return (atanh(s) / s - 1) / z if z > mpf(10) ** -12 else mpf(1) / 3 + z / 5 + z * z / 7


def exp_series(r):
    """What exp(r) = 1 + r + r^2 P(r) leaves for P."""
    return (exp(r) - 1 - r) / (r * r) if abs(r) > mpf(10) ** -10 else mpf(1) / 2 + r / 6 + r * r / 24


HALF_LN2 = log(mpf(2)) / 2
Z_MAX = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2
T_MAX = (D_MAX - TAIL_CENTRE) / (D_MAX + TAIL_CENTRE)

FITS = (
    ("TAIL", "Of (d + 5) exp(d^2/2) N(-d) in t = (d - 5)/(d + 5), d from 0 to 27.", tail, mpf(-1), T_MAX, TAIL_DEGREE),
    ("EXP", "Of (exp(r) - 1 - r)/r^2, |r| up to half of ln 2.", exp_series, -HALF_LN2, HALF_LN2, EXP_DEGREE),
    ("LN", "Of (atanh(s)/s - 1)/z in z = s^2, s = (m - 1)/(m + 1), m from sqrt(1/2) to sqrt(2).", ln_series, mpf(0), Z_MAX, LN_DEGREE),
)


def rounded(coefficients):
    return [float(nstr(c, 40)) for c in coefficients]


def error(f, coefficients, low, high):
    worst = mpf(0)
    for i in range(2001):
        x = low + (high - low) * mpf(i) / 2000
        value = mpf(0)
        for c in reversed(coefficients):
            value = value * x + mpf(c)
        worst = max(worst, abs(value / f(x) - 1))
    return worst


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def main(what):
    fits = []
    for name, text, f, low, high, degree in FITS:
        coefficients = rounded(chebyshev(f, low, high, degree))
        fits.append((name, text, nstr(error(f, coefficients, low, high), 2), coefficients))
    if what == "rust":
        print("//! Polynomial coefficients, low order first, written by `tests/reference/coefficients.py`: not edited by hand.")
        for name, text, worst, coefficients in fits:
            print(f"\n/// {text} Relative error of the fit at most {worst}.")
            print(f"pub(super) const {name}: [f64; {len(coefficients)}] = [")
            for c in coefficients:
                print(f"    {c!r},")
            print("];")
    elif what == "cuda":
        print("// Polynomial coefficients, low order first, written by tests/reference/coefficients.py: not edited by hand.")
        print("#pragma once")
        for name, text, worst, coefficients in fits:
            print(f"\n// {text} Relative error of the fit at most {worst}.")
            print(f"#define WT_{name}_COEFFICIENTS \\")
            print("    { " + ", \\\n      ".join(c.hex() for c in coefficients) + " }")
    else:
        for name, _, worst, coefficients in fits:
            print(name, len(coefficients) - 1, worst)


main(sys.argv[1] if len(sys.argv) > 1 else "errors")
