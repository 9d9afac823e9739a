//! Option prices of a binomial tree: one model of the underlying, so that its prices owe each other nothing, European and
//! American ones, over all strikes and expiries.

pub struct Tree {
    pub spot: f64,
    /// Growth of the bank account, and of the underlying where it goes up, a step.
    pub growth: f64,
    pub up: f64,
    /// A dividend, and the step at whose end it is paid; it does not depend on the price.
    pub dividend: f64,
    pub dividend_step: u32,
}

impl Tree {
    /// Present value, at the start of a step, of the dividend if it is paid in this step or later, before `end`.
    fn coming(&self, step: u32, end: u32) -> f64 {
        let counts = step <= self.dividend_step && self.dividend_step < end;
        if counts { self.dividend / self.growth.powi((self.dividend_step + 1 - step) as i32) } else { 0.0 }
    }

    pub fn dividends(&self, steps: u32) -> f64 {
        self.coming(0, steps)
    }

    /// Price of an option that lives so many of the tree's `horizon` steps.
    pub fn price(&self, strike: f64, put: bool, steps: u32, american: bool, horizon: u32) -> f64 {
        let down = 1.0 / self.up;
        let chance = (self.growth - down) / (self.up - down);
        assert!((0.0..1.0).contains(&chance));
        let base = self.spot - self.coming(0, horizon);
        let value_at = |step: u32, ups: u32| {
            let price = base * self.up.powi(2 * ups as i32 - step as i32) + self.coming(step, horizon);
            if put { (strike - price).max(0.0) } else { (price - strike).max(0.0) }
        };
        let mut values: Vec<f64> = (0..=steps).map(|ups| value_at(steps, ups)).collect();
        for step in (0..steps).rev() {
            for ups in 0..=step {
                let at = ups as usize;
                let held = (chance * values[at + 1] + (1.0 - chance) * values[at]) / self.growth;
                values[at] = if american { held.max(value_at(step, ups)) } else { held };
            }
        }
        values[0]
    }
}
