//! The markets that options in bulk have, as the kernels of `options.cu` take them: numbers of one, columns of many.

use crate::cpu::pricing::implied::Invertible;
use crate::cpu::pricing::lognormal::LognormalTerms;
use crate::cpu::pricing::loops::Markets;
use crate::cpu::pricing::markets::{MarketOnForward, MarketsOnForward, OnForward, SpotMarket, SpotMarkets};
use crate::cpu::pricing::normal::NormalTerms;

/// A model's number in the table of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionModel {
    /// Black-Scholes-Merton, on a spot.
    Spot,
    /// Black-76, on a forward.
    Forward,
    /// Bachelier's, on a forward that may be below zero.
    Normal,
}

/// A model on forwards that has kernels.
pub trait ForwardModel: OnForward + Invertible {
    /// Which.
    const MODEL: OptionModel;
}

impl ForwardModel for LognormalTerms {
    const MODEL: OptionModel = OptionModel::Forward;
}

impl ForwardModel for NormalTerms {
    const MODEL: OptionModel = OptionModel::Normal;
}

/// One market for a chain.
pub trait BatchMarket {
    /// Under which model.
    const MODEL: OptionModel;

    /// Its numbers in the order of the kernel's structure; what is behind them is not looked at.
    fn numbers(&self) -> [f64; 4];
}

impl BatchMarket for SpotMarket {
    const MODEL: OptionModel = OptionModel::Spot;

    fn numbers(&self) -> [f64; 4] {
        [self.spot, self.rate, self.underlying_yield, self.years]
    }
}

impl<M: ForwardModel> BatchMarket for MarketOnForward<M> {
    const MODEL: OptionModel = M::MODEL;

    fn numbers(&self) -> [f64; 4] {
        [self.forward, self.rate, self.years, 0.0]
    }
}

/// A column of input and what it is called in an error.
pub(super) type Column<'a> = (&'static str, &'a [f64]);

/// Markets of options, one an option.
pub trait BatchMarkets: Markets<Model: Invertible> {
    /// Under which model.
    const MODEL: OptionModel;

    /// Their columns in the order of the kernel's structure.
    fn columns(&self) -> Vec<(&'static str, &[f64])>;
}

impl BatchMarkets for SpotMarkets<'_> {
    const MODEL: OptionModel = OptionModel::Spot;

    fn columns(&self) -> Vec<(&'static str, &[f64])> {
        let Self { spot, rate, underlying_yield, years } = *self;
        vec![("spot", spot), ("rate", rate), ("underlying_yield", underlying_yield), ("years", years)]
    }
}

impl<M: ForwardModel> BatchMarkets for MarketsOnForward<'_, M> {
    const MODEL: OptionModel = M::MODEL;

    fn columns(&self) -> Vec<(&'static str, &[f64])> {
        vec![("forward", self.forward), ("rate", self.rate), ("years", self.years)]
    }
}
