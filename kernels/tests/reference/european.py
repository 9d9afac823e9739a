"""Reference values of European options and of the functions they are made of, at 60 digits. Needs mpmath.

    python3 european.py        writes expiries.csv, options.csv and functions.csv beside it

The inputs are the doubles that a double computation would start from: what is written is the exact answer for them,
rounded once. Doubles are written as the 16 hexadecimal digits of their bits. The underlying is at 100.
"""

import random
import struct
from pathlib import Path

from mpmath import erfc, exp, log, mp, mpf, ncdf, pi, sqrt

mp.dps = 60

SPOT = mpf(100)
RATES = [(0.05, 0.0), (0.03, 0.06), (0.0, 0.0), (-0.01, 0.02)]  # interest rate, yield of the underlying
YEARS = [1 / 365, 7 / 365, 30 / 365, 0.25, 1.0, 3.0]
STRIKES = [50, 60, 70, 80, 90, 100, 110, 120, 140, 170, 200]
VOLATILITIES = [0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.5]
HERE = Path(__file__).parent


def bits(value):
    return f"{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016x}"


def normal_density(d):
    return exp(-d * d / 2) / sqrt(2 * pi)


def option(carry, discount, years, strike, volatility, sign):
    """Price, delta, gamma, vega, theta (a year) and rho, from the exact values of the doubles."""
    forward = SPOT * carry
    rate = -log(discount) / years
    dividend = rate - log(carry) / years
    v = volatility * sqrt(years)
    d1 = log(forward / strike) / v + v / 2
    d2 = d1 - v
    n1, n2, density = ncdf(sign * d1), ncdf(sign * d2), normal_density(d1)
    return [
        sign * discount * (forward * n1 - strike * n2),
        sign * discount * carry * n1,
        discount * carry * density / (SPOT * v),
        discount * forward * density * sqrt(years),
        sign * discount * (dividend * forward * n1 - rate * strike * n2)
        - discount * forward * density * volatility / (2 * sqrt(years)),
        sign * strike * years * discount * n2,
    ]


def options():
    expiries = ["carry,discount,years"]
    rows = ["expiry,strike,volatility," + ",".join(
        f"{kind}_{name}" for kind in ("call", "put") for name in ("price", "delta", "gamma", "vega", "theta", "rho")
    )]
    for rate, dividend in RATES:
        for years in YEARS:
            carry, discount = float(exp((mpf(rate) - mpf(dividend)) * years)), float(exp(-mpf(rate) * years))
            expiries.append(f"{bits(carry)},{bits(discount)},{bits(years)}")
            for strike in STRIKES:
                for volatility in VOLATILITIES:
                    inputs = [mpf(x) for x in (carry, discount, years, strike, volatility)]
                    values = option(*inputs, 1) + option(*inputs, -1)
                    rows.append(f"{len(expiries) - 2},{strike},{volatility}," + ",".join(map(bits, values)))
    (HERE / "expiries.csv").write_text("\n".join(expiries) + "\n")
    (HERE / "options.csv").write_text("\n".join(rows) + "\n")


def functions():
    """exp(x); ln(x) as a double and the rest; N(-x) exp(x^2/2)."""
    rng = random.Random(20260101)
    rows = ["function,x,value,rest"]

    def row(name, x, value):
        nearest = float(value)
        rows.append(f"{name},{bits(x)},{bits(nearest)},{bits(value - mpf(nearest))}")

    for x in [0.0, -1e-9, -0.35, -0.3466, -364.5] + [-rng.uniform(0, 364.5) for _ in range(200)]:
        row("exp", x, exp(mpf(x)))
    edges = [1.0, 1 + 2**-52, 1 - 2**-53, 2.0, 0.5, 0.7071067811865475, 0.7071067811865476, 1e-300, 1e300]
    near = [1 + rng.uniform(-1e-3, 1e-3) for _ in range(100)] + [rng.uniform(0.7, 1.42) for _ in range(100)]
    for x in edges + near + [rng.uniform(1, 400) for _ in range(100)] + [10 ** rng.uniform(-12, 12) for _ in range(100)]:
        row("ln", x, log(mpf(x)))
    for x in [0.0, 1e-9, 27] + [rng.uniform(0, 27) for _ in range(100)] + [rng.uniform(0, 3) for _ in range(100)]:
        row("tail", x, exp(mpf(x) ** 2 / 2) * erfc(mpf(x) / sqrt(mpf(2))) / 2)
    (HERE / "functions.csv").write_text("\n".join(rows) + "\n")


options()
functions()
