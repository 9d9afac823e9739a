//! A market under the scan: quotes in, the relations that have something to take at this moment out.

use crate::{brute_force, checker};
use kernels::cpu::book::Bbo;
use kernels::cpu::wide::{Hit, WideAnswer, WideSpec, WideState, WideTables};
use num_bigint::BigInt;
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Scan {
    pub spec: WideSpec,
    pub bbos: Vec<Bbo>,
    /// By number of the relation.
    pub hits: BTreeMap<u32, [i64; 5]>,
    /// What a copy of a relation pays, where that is not what its specification counts.
    pub payoffs: BTreeMap<u32, i64>,
    /// Answers that said that there is something to take.
    pub found: u64,
    tables: Arc<WideTables>,
    state: WideState,
    answer: WideAnswer,
}

impl Scan {
    pub fn new(spec: WideSpec) -> Self {
        let tables = Arc::new(WideTables::compile(&spec).unwrap_or_else(|error| panic!("{error}")));
        Self {
            bbos: vec![Bbo::EMPTY; spec.listings.len()],
            hits: BTreeMap::new(),
            payoffs: BTreeMap::new(),
            found: 0,
            state: WideState::new(&tables),
            answer: WideAnswer::new(&tables),
            tables,
            spec,
        }
    }

    pub fn tick(&mut self, listing: u32, bbo: Bbo) {
        self.bbos[listing as usize] = bbo;
        self.state.set_touch(listing, &bbo, true);
        self.state.compute(listing, false, &mut self.answer);
        for item in self.answer.items() {
            if item.values[4] > 0 {
                self.hits.insert(item.key.index, item.values);
                self.found += 1;
            } else {
                assert!(self.hits.remove(&item.key.index).is_some(), "what was no hit is none again");
            }
        }
    }

    /// Whether each hit can be executed.
    pub fn check_hits(&self) {
        let Self { spec, tables, .. } = self;
        let market = checker::Market { terms: &spec.listings, inverse: &spec.inverse, bbos: &self.bbos };
        let touches: Vec<_> = (0..spec.listings.len() as u32).map(|l| *self.state.touch(l)).collect();
        for (&relation, values) in &self.hits {
            let hit = Hit::new(tables, &touches, relation, values).expect("a hit");
            let linear = spec.linears.get((relation as usize).wrapping_sub(spec.relations.len()));
            let part = |at: usize| linear.map_or(1_000_000_000, |linear| linear.legs[at].factor_e9);
            let orders: Vec<_> = (hit.legs.iter().enumerate())
                .map(|(at, leg)| (leg.leg.listing() as usize, leg.leg.sells(), leg.quantity, part(at)))
                .collect();
            let profit = match linear {
                None => checker::profit_of_cycle(&market, &orders),
                Some(_) => {
                    let other = self.payoffs.get(&relation).map(|of_copy| i128::from(of_copy * values[0]));
                    let payoff = BigInt::from(other.unwrap_or(hit.payoff_e9));
                    checker::profit_of_package(&market, &orders, payoff)
                }
            };
            assert!(checker::is_covered(&profit, values[4]), "{hit}: {profit} in 1e-36");
        }
    }

    /// Whether the hits are those of the brute force.
    pub fn check_all(&self) {
        let expected = brute_force::hits(&self.spec, &self.bbos);
        for (relation, values) in &expected {
            assert_eq!(
                self.hits.get(relation),
                Some(values),
                "relation {relation} is missed, or is otherwise"
            );
        }
        assert_eq!(self.hits.len(), expected.len(), "hits that are none");
        self.check_hits();
    }
}
