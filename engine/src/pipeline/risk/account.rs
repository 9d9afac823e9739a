//! What trading in one instrument has come to: position, cost, cash and fees, in integers.
//!
//! Cost is what the present position was bought for (sold for, below zero, when short). A fill that reduces the position
//! takes its share of the cost with it, rounded towards zero; what is lost by rounding stays in the cost, so that at
//! every moment `realised + unrealised - fees = cash + position * mark`, exactly, whatever was traded.

/// See the module's text. All money is 1e-9 of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Net filled quantity, positive long.
    pub position: i64,
    /// What the position was bought for; negative when short.
    pub cost: i128,
    /// Profit of what was closed, fees not counted.
    pub realised: i128,
    /// Fees paid, rebates taken off.
    pub fees: i128,
    /// Received less paid, fees included.
    pub cash: i128,
}

impl Account {
    /// Books `quantity` (positive: bought) at `price`, with its fee. Bounded numbers only: see
    /// [`super::limits::QTY_CEILING`]; beyond them it saturates, and the identity no longer holds.
    pub fn trade(&mut self, quantity: i64, price: i64, fee: i128) {
        let value = i128::from(quantity) * i128::from(price);
        let reduces = (self.position > 0) != (quantity > 0) && self.position != 0;
        // What of the fill closes something, with the fill's sign.
        let closing = if reduces {
            let most = self.position.unsigned_abs().min(quantity.unsigned_abs());
            if quantity > 0 { i128::from(most) } else { -i128::from(most) }
        } else {
            0
        };
        if closing != 0 {
            // cost * -closing / position, without the product: it could overflow.
            let position = i128::from(self.position);
            let cost = self.cost / position * -closing + self.cost % position * -closing / position;
            self.realised = self.realised.saturating_add(-closing * i128::from(price) - cost);
            self.cost -= cost;
        }
        let opening = i128::from(quantity) - closing;
        self.cost = self.cost.saturating_add(opening * i128::from(price));
        self.position = self.position.saturating_add(quantity);
        self.cash = self.cash.saturating_sub(value).saturating_sub(fee);
        self.fees = self.fees.saturating_add(fee);
    }

    /// Worth of the position at `mark` less its cost.
    #[must_use]
    pub fn unrealised(&self, mark: i64) -> i128 {
        i128::from(self.position) * i128::from(mark) - self.cost
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_wrap, reason = "draws of a test: small numbers")]
mod tests {
    use super::*;
    use crate::pipeline::draws::Draws;

    #[test]
    fn a_round_trip_by_hand() {
        let mut account = Account::default();
        account.trade(100, 10, 3);
        account.trade(100, 20, 3);
        assert_eq!((account.position, account.cost, account.realised), (200, 3_000, 0));
        account.trade(-50, 30, -1);
        assert_eq!((account.position, account.cost, account.realised), (150, 2_250, 750));
        account.trade(-250, 8, 0);
        assert_eq!((account.position, account.cost, account.realised), (-100, -800, 750 - 1_050));
        assert_eq!(account.fees, 5);
        assert_eq!(account.unrealised(6), 200);
    }

    /// Whatever is traded: realised and unrealised less fees is cash and inventory, and the whole is what a naive sum over the
    /// trades gives.
    #[test]
    fn the_identity_holds_through_random_trades() {
        for seed in 0..200 {
            let mut draws = Draws(seed);
            let mut account = Account::default();
            let (mut cash, mut position) = (0_i128, 0_i128);
            for step in 0..500 {
                let most = if draws.once_in(10) { 1 << 40 } else { 300 };
                let quantity = draws.below(most) as i64 - (most / 2) as i64;
                let highest = if draws.once_in(10) { 1 << 50 } else { 1_000_000 };
                let price = draws.below(highest) as i64 + 1;
                let fee = i128::from(draws.below(2_000)) - 1_000;
                account.trade(quantity, price, fee);
                cash -= i128::from(quantity) * i128::from(price) + fee;
                position += i128::from(quantity);
                let mark = draws.below(1 << 50) as i64;
                let worth = cash + position * i128::from(mark);
                let place = format!("seed {seed}, step {step}");
                assert_eq!((account.cash, i128::from(account.position)), (cash, position), "{place}");
                assert_eq!(account.realised + account.unrealised(mark) - account.fees, worth, "{place}");
                assert!(account.position != 0 || account.cost == 0, "{place}");
                assert!(account.cost == 0 || (account.cost > 0) == (account.position > 0), "{place}");
            }
        }
    }
}
