"""Reference values of American options from QuantLib. Needs the QuantLib wheel (values committed: version 1.44).

    python3 american.py        writes american.csv beside it

Columns: strike, days to expiry (of 365), volatility, rate, yield of the underlying, price of the call and of the put with
the underlying at 100, by the QD+ fixed-point engine's high-precision scheme. The first 480 rows are the grid of 960
options by which accuracy is stated; the others are regimes that it has not: equal rates, negative ones, no rate.
"""

import csv
import itertools
from pathlib import Path

import QuantLib as ql

SPOT = 100.0
STRIKES = [80, 90, 100, 110, 120]
DAYS = [7, 30, 91, 182, 365, 1095]
VOLATILITIES = [0.1, 0.2, 0.4, 0.8]
GRID = [(0.05, 0.0), (0.05, 0.03), (0.02, 0.06), (0.0, 0.03)]
OTHERS = [(0.04, 0.04), (0.0, 0.0), (0.03, -0.01), (-0.01, 0.02), (-0.02, -0.005), (0.1, 0.09), (0.005, 0.0)]


def prices(strike, days, volatility, rate, dividend_yield):
    today = ql.Date(1, 1, 2026)
    ql.Settings.instance().evaluationDate = today
    days_of = ql.Actual365Fixed()

    def flat(value):
        return ql.YieldTermStructureHandle(ql.FlatForward(today, value, days_of))

    surface = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), volatility, days_of))
    spot = ql.QuoteHandle(ql.SimpleQuote(SPOT))
    process = ql.BlackScholesMertonProcess(spot, flat(dividend_yield), flat(rate), surface)
    engine = ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.highPrecisionScheme())
    for kind in (ql.Option.Call, ql.Option.Put):
        exercise = ql.AmericanExercise(today, today + days)
        option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, float(strike)), exercise)
        option.setPricingEngine(engine)
        try:
            yield f"{option.NPV():.12f}"
        except RuntimeError as refused:
            assert "double-boundary" in str(refused), refused
            yield ""


def main():
    print("QuantLib", ql.__version__)
    with open(Path(__file__).parent / "american.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow("strike,days,volatility,rate,dividend_yield,call,put".split(","))
        for rates in (GRID, OTHERS):
            for strike, days, volatility, (rate, dividend) in itertools.product(STRIKES, DAYS, VOLATILITIES, rates):
                out.writerow([strike, days, volatility, rate, dividend, *prices(strike, days, volatility, rate, dividend)])


main()
