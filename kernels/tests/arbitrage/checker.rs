//! Whether a hit can be executed: from the displayed prices and the fees alone, without rounding, sharing no code with what
//! found it. Money is counted in 1e-36 here.

use kernels::abi::ListingTerms;
use kernels::cpu::book::Bbo;
use num_bigint::{BigInt, BigUint};

/// One order of a hit: listing, whether the unit is sold, quantity units, and the part of the price that is paid, 1e-9.
pub type Order = (usize, bool, u64, u64);

pub struct Market<'a> {
    pub terms: &'a [ListingTerms],
    pub inverse: &'a [u32],
    pub bbos: &'a [Bbo],
}

fn ten(power: u32) -> BigInt {
    BigInt::from(BigUint::from(10u32).pow(power))
}

impl Market<'_> {
    /// What the order's quantity costs or brings net of fees, 1e-36; it has to be displayed, in whole lots.
    fn amount(&self, &(listing, sells, quantity, part_e9): &Order) -> BigInt {
        let (terms, bbo) = (&self.terms[listing], &self.bbos[listing]);
        let inverse = self.inverse.contains(&(listing as u32));
        let takes_bid = sells != inverse;
        let (price, shown) = if takes_bid { (bbo.bid_px, bbo.bid_qty) } else { (bbo.ask_px, bbo.ask_qty) };
        assert!(price > 0 && quantity > 0 && quantity <= shown, "{quantity} of {shown} at {price}");
        assert_eq!(quantity % terms.lot, 0, "a broken lot");
        let unit = BigInt::from(terms.unit_e9);
        let raw = if inverse { unit * ten(27) / price } else { unit * price * ten(9) };
        let sign = if sells { -1 } else { 1 };
        let fees = ten(9) + sign * terms.fee_ppb;
        // The fees are paid today, whatever part of the price is: the price without them is what counts less.
        let late = BigInt::from(part_e9) - ten(9);
        let whole = &raw * fees + sign * BigInt::from(terms.fee_unit_e9) * ten(27);
        (whole + raw * late) * quantity
    }
}

/// A cycle: what comes out of one order pays the next one. 1e-36 of what the first one takes.
pub fn profit_of_cycle(market: &Market<'_>, orders: &[Order]) -> BigInt {
    let (mut paid, mut purse) = (BigInt::ZERO, None);
    for order in orders {
        let unit = BigInt::from(market.terms[order.0].unit_e9) * order.2 * ten(27);
        let amount = market.amount(order);
        let (takes, brings) = if order.1 { (unit, amount) } else { (amount, unit) };
        match purse {
            None => paid = takes,
            Some(purse) => assert!(takes <= purse, "an order takes {takes}, only {purse} is there"),
        }
        purse = Some(brings);
    }
    purse.expect("orders") - paid
}

/// Orders together, and what they pay afterwards, 1e-9.
pub fn profit_of_package(market: &Market<'_>, orders: &[Order], payoff_e9: BigInt) -> BigInt {
    let amounts =
        orders.iter().map(|order| if order.1 { market.amount(order) } else { -market.amount(order) });
    amounts.sum::<BigInt>() + payoff_e9 * ten(27)
}

/// Whether what a hit says it earns, 1e-9, is there.
pub fn is_covered(profit: &BigInt, said_e9: i64) -> bool {
    said_e9 > 0 && *profit >= BigInt::from(said_e9) * ten(27)
}
