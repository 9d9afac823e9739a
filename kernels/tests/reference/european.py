"""Reference values of European options and of the functions they are made of, at 60 digits. Needs mpmath and, for the
prices to compare with, QuantLib (the committed file was made with 1.44).

    python3 european.py        writes options.csv, forwards.csv and functions.csv beside it

The inputs are the doubles that a double computation would start from: what is written is the exact answer for them,
rounded once. Doubles are written as the 16 hexadecimal digits of their bits. The underlying is at 100.

Prices come from the closed forms, sensitivities from numerical differentiation of those prices at 60 digits and more: no
formula of a sensitivity is written down here, so that a wrong one cannot be on both sides.

options.csv holds Black-Scholes-Merton: of a call and a put price, delta, theta, rho and charm, of both together gamma,
vega, vanna and volga, then QuantLib's two prices. forwards.csv holds the same without QuantLib for Black-76 and Bachelier.
"""

import random
import struct
from pathlib import Path

import QuantLib as ql
from mpmath import diff, erfc, exp, log, mp, mpf, ncdf, pi, sqrt

mp.dps = 60

UNDERLYING = 100.0
RATES = [(0.05, 0.0), (0.03, 0.06), (0.0, 0.0), (-0.01, 0.02)]  # interest rate, yield of the underlying
DAYS = [1, 7, 30, 91, 365, 1095]
STRIKES = [50, 60, 70, 80, 90, 100, 110, 120, 140, 170, 200]
VOLATILITIES = [0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.5]
FORWARD_RATES = [0.05, -0.01]
FORWARD_DAYS = [1, 30, 365, 1095]
FORWARD_STRIKES = {"black_76": [60, 90, 100, 110, 170], "bachelier": [-20, 60, 99, 100, 101, 170]}
FORWARD_VOLATILITIES = {"black_76": [0.05, 0.3, 1.5], "bachelier": [1.0, 20.0, 90.0]}
HERE = Path(__file__).parent


def bits(value):
    return f"{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016x}"


def lognormal(forward, discount, strike, deviation, sign):
    d1 = log(forward / strike) / deviation + deviation / 2
    return sign * discount * (forward * ncdf(sign * d1) - strike * ncdf(sign * (d1 - deviation)))


def black_scholes_merton(underlying, years, volatility, rate, strike, sign, underlying_yield):
    forward = underlying * exp((rate - underlying_yield) * years)
    return lognormal(forward, exp(-rate * years), strike, volatility * sqrt(years), sign)


def black_76(underlying, years, volatility, rate, strike, sign):
    return lognormal(underlying, exp(-rate * years), strike, volatility * sqrt(years), sign)


def bachelier(underlying, years, volatility, rate, strike, sign):
    deviation = volatility * sqrt(years)
    d = sign * (underlying - strike) / deviation
    density = exp(-d * d / 2) / sqrt(2 * pi)
    return exp(-rate * years) * (sign * (underlying - strike) * ncdf(d) + deviation * density)


def both(model, years, volatility, rate, *more):
    """Of a call and of a put: price, delta, theta, rho, charm; of both: gamma, vega, vanna, volga."""
    at = (mpf(UNDERLYING), mpf(years), mpf(volatility), mpf(rate))
    values = []
    for sign in (1, -1):
        price = lambda u, t, v, r: model(u, t, v, r, more[0], sign, *more[1:])
        along = lambda *orders: diff(price, at, orders)
        values += [price(*at), along(1, 0, 0, 0), -along(0, 1, 0, 0), along(0, 0, 0, 1), -along(1, 1, 0, 0)]
    return values + [along(2, 0, 0, 0), along(0, 0, 1, 0), along(1, 0, 1, 0), along(0, 0, 2, 0)]


def quantlib(rate, underlying_yield, days, strike, volatility):
    """NPV of a call and of a put by QuantLib's analytic engine."""
    today = ql.Date(1, 1, 2026)
    ql.Settings.instance().evaluationDate = today
    by = ql.Actual365Fixed()
    curve = lambda level: ql.YieldTermStructureHandle(ql.FlatForward(today, level, by, ql.Continuous))
    smile = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), volatility, by))
    spot = ql.QuoteHandle(ql.SimpleQuote(UNDERLYING))
    process = ql.BlackScholesMertonProcess(spot, curve(underlying_yield), curve(rate), smile)
    prices = []
    for kind in (ql.Option.Call, ql.Option.Put):
        option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, float(strike)), ql.EuropeanExercise(today + days))
        option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
        prices.append(option.NPV())
    return prices


COLUMNS = ",".join(
    [f"{kind}_{name}" for kind in ("call", "put") for name in ("price", "delta", "theta", "rho", "charm")]
    + ["gamma", "vega", "vanna", "volga"]
)


def options():
    rows = [f"rate,underlying_yield,days,strike,volatility,{COLUMNS},call_quantlib,put_quantlib"]
    for rate, underlying_yield in RATES:
        for days in DAYS:
            for strike in STRIKES:
                for volatility in VOLATILITIES:
                    inputs = (days / 365, volatility, rate, mpf(strike), mpf(underlying_yield))
                    values = both(black_scholes_merton, *inputs)
                    values += quantlib(rate, underlying_yield, days, strike, volatility)
                    given = f"{rate},{underlying_yield},{days},{strike},{volatility},"
                    rows.append(given + ",".join(map(bits, values)))
    (HERE / "options.csv").write_text("\n".join(rows) + "\n")


def forwards():
    rows = [f"model,rate,days,strike,volatility,{COLUMNS}"]
    for model in (black_76, bachelier):
        name = model.__name__
        for rate in FORWARD_RATES:
            for days in FORWARD_DAYS:
                for strike in FORWARD_STRIKES[name]:
                    for volatility in FORWARD_VOLATILITIES[name]:
                        values = both(model, days / 365, volatility, rate, mpf(strike))
                        rows.append(f"{name},{rate},{days},{strike},{volatility}," + ",".join(map(bits, values)))
    (HERE / "forwards.csv").write_text("\n".join(rows) + "\n")


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
forwards()
functions()
