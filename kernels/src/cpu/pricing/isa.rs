//! Which instruction set the loops run on: one choice at start, three compilations of the same loops.

use super::{Contracts, ForwardTerms, GreekTerms, Greeks, Values, greeks_loop, value_loop};

/// An instruction set that this machine has; only [`Isa::detect`] and [`Isa::all`] make one. It changes the speed, never
/// a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// What the compiler was told to build for; a fused multiply-add may be a library call.
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// The widest of this machine.
    #[must_use]
    pub fn detect() -> Self {
        Self::all().last().expect("the portable one is always there")
    }

    /// All of this machine, the portable one first.
    pub fn all() -> impl Iterator<Item = Self> {
        let kinds = [
            Some(Kind::Portable),
            #[cfg(target_arch = "x86_64")]
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Kind::Avx2),
            #[cfg(target_arch = "x86_64")]
            has_avx512().then_some(Kind::Avx512),
        ];
        kinds.into_iter().flatten().map(Self)
    }

    /// What it is called in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }

    pub(super) fn value(self, terms: &ForwardTerms, contracts: &Contracts<'_>, out: Values<'_>) {
        match self.0 {
            Kind::Portable => value_loop(terms, contracts, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `all` makes this kind only where the machine has these features.
            Kind::Avx2 => unsafe { value_avx2(terms, contracts, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `all` makes this kind only where the machine has these features.
            Kind::Avx512 => unsafe { value_avx512(terms, contracts, out) },
        }
    }

    pub(super) fn greeks(self, terms: &GreekTerms, contracts: &Contracts<'_>, out: Greeks<'_>) {
        match self.0 {
            Kind::Portable => greeks_loop(terms, contracts, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `all` makes this kind only where the machine has these features.
            Kind::Avx2 => unsafe { greeks_avx2(terms, contracts, out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `all` makes this kind only where the machine has these features.
            Kind::Avx512 => unsafe { greeks_avx512(terms, contracts, out) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn value_avx2(terms: &ForwardTerms, contracts: &Contracts<'_>, out: Values<'_>) {
    value_loop(terms, contracts, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,fma")]
fn value_avx512(terms: &ForwardTerms, contracts: &Contracts<'_>, out: Values<'_>) {
    value_loop(terms, contracts, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn greeks_avx2(terms: &GreekTerms, contracts: &Contracts<'_>, out: Greeks<'_>) {
    greeks_loop(terms, contracts, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,fma")]
fn greeks_avx512(terms: &GreekTerms, contracts: &Contracts<'_>, out: Greeks<'_>) {
    greeks_loop(terms, contracts, out);
}
