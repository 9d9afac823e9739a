//! Which instruction set floating-point code runs on: one choice at start, one compilation for each set.

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

/// Code of which there is one compilation for each instruction set, loops over arrays for the most part. `run` is always
/// inlined into them: that is what makes it theirs.
pub(crate) trait PerIsa {
    /// What it gives back.
    type Output;

    /// The code.
    fn run(self) -> Self::Output;
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

    /// Runs code on this instruction set.
    #[inline]
    pub(crate) fn run<C: PerIsa>(self, code: C) -> C::Output {
        match self.0 {
            Kind::Portable => code.run(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `all` makes this kind only where the machine has these features.
            Kind::Avx2 => unsafe { run_avx2(code) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `all` makes this kind only where the machine has these features.
            Kind::Avx512 => unsafe { run_avx512(code) },
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
fn run_avx2<C: PerIsa>(code: C) -> C::Output {
    code.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,fma")]
fn run_avx512<C: PerIsa>(code: C) -> C::Output {
    code.run()
}
