//! What options are worth, by formulas of this file.

/// N(x) by Simpson's rule.
fn normal(x: f64) -> f64 {
    let (steps, end) = (400, x.abs().min(9.0));
    let density = |t: f64| (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let h = end / f64::from(steps);
    let inner: f64 = (1..steps).map(|i| density(f64::from(i) * h) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
    let area = (density(0.0) + inner + density(end)) * h / 3.0;
    if x < 0.0 { 0.5 - area } else { 0.5 + area }
}

/// The surface's volatility: SSVI with the power law of exponent a half, as `surfaces.csv` has it.
pub fn volatility(surface: [f64; 3], strike: f64, forward: f64, years: f64) -> f64 {
    let [atm_variance, rho, eta] = surface;
    let theta = atm_variance * years;
    let scaled = eta / theta.sqrt() * (strike / forward).ln();
    let root = ((scaled + rho).powi(2) + 1.0 - rho * rho).sqrt();
    (0.5 * atm_variance * (1.0 + rho * scaled + root)).sqrt()
}

/// Black and Scholes with the surface's volatility, cents.
pub fn value_cents(
    surface: [f64; 3],
    mid: f64,
    years: f64,
    discount: f64,
    strike: f64,
    is_call: bool,
) -> f64 {
    let forward = mid / discount;
    let deviation = volatility(surface, strike, forward, years) * years.sqrt();
    let d1 = (forward / strike).ln() / deviation + deviation / 2.0;
    let sign = if is_call { 1.0 } else { -1.0 };
    100.0 * discount * sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - deviation)))
}
