//! The relations of which an answer said that there is something to take, and which were not tried since.
//!
//! They go by what their answers said that they earn, since they share quotes: what one takes the others cannot. Where relations
//! count in different moneys that is merely an order. It allocates at construction only.

/// See the module's text.
pub(super) struct Standing {
    /// A bit a relation.
    bits: Box<[u64]>,
    /// What the last answer about each said that it earns.
    profits: Box<[i64]>,
}

impl Standing {
    pub(super) fn new(relations: u32) -> Self {
        Self {
            bits: vec![0; relations.div_ceil(64) as usize].into(),
            profits: vec![0; relations as usize].into(),
        }
    }

    /// An answer about a relation; nothing to take at 0 and below.
    pub(super) fn answered(&mut self, relation: u32, profit: i64) {
        let Some(known) = self.profits.get_mut(relation as usize) else { return };
        *known = profit;
        let (word, bit) = (&mut self.bits[relation as usize / 64], 1 << (relation % 64));
        *word = if profit > 0 { *word | bit } else { *word & !bit };
    }

    /// The one that earns most, of equal ones the first; it stands no longer.
    pub(super) fn take_best(&mut self) -> Option<u32> {
        let mut best: Option<(i64, u32)> = None;
        for (word, &bits) in (0..).zip(&self.bits) {
            let mut left = bits;
            while left != 0 {
                let relation = word * 64 + left.trailing_zeros();
                left &= left - 1;
                let profit = self.profits[relation as usize];
                if best.is_none_or(|(most, _)| profit > most) {
                    best = Some((profit, relation));
                }
            }
        }
        let (_, relation) = best?;
        self.bits[relation as usize / 64] &= !(1 << (relation % 64));
        Some(relation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_goes_by_profit_and_once() {
        let mut standing = Standing::new(200);
        for (relation, profit) in [(3, 5), (64, 9), (199, 9), (70, 7), (200, 100), (5, 0)] {
            standing.answered(relation, profit);
        }
        standing.answered(70, -1);
        let order: Vec<_> = std::iter::from_fn(|| standing.take_best()).collect();
        assert_eq!(order, [64, 199, 3]);
        standing.answered(3, 1);
        assert_eq!(standing.take_best(), Some(3));
    }
}
