//! A delay planted in one stage, so that a test sees in which figures it appears.
//!
//! Only with the cargo feature `failpoints`, which no build that ships has; without it [`spend`] is nothing. With it
//! `WARPTICK_PLANT=stage:ns` in the environment makes the code of that stage take so much longer each time. The delay is
//! in the stage's own code, not at its stamps: what it shows is that the stamps lie around the code.

#[cfg(not(feature = "failpoints"))]
use crate::pipeline::stamps::Stage;

/// The code of `stage` is at work.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub const fn spend(_stage: Stage) {}

#[cfg(feature = "failpoints")]
pub use planted::spend;

#[cfg(feature = "failpoints")]
mod planted {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    use crate::control::histograms::Measure;
    use crate::pipeline::stamps::Stage;

    fn planted() -> Option<(Stage, Duration)> {
        static PLANTED: OnceLock<Option<(Stage, Duration)>> = OnceLock::new();
        *PLANTED.get_or_init(|| {
            let text = std::env::var("WARPTICK_PLANT").ok()?;
            let (name, ns) = text.split_once(':').expect("WARPTICK_PLANT=stage:ns");
            let stage = Stage::ALL.into_iter().find(|&stage| Measure::from(stage).name() == name);
            let ns = ns.parse().expect("WARPTICK_PLANT=stage:ns");
            Some((stage.expect("WARPTICK_PLANT names a stage"), Duration::from_nanos(ns)))
        })
    }

    /// The code of `stage` is at work: it takes longer if it is to.
    pub fn spend(stage: Stage) {
        if let Some((_, delay)) = planted().filter(|(planted, _)| *planted == stage) {
            let begun = Instant::now();
            while begun.elapsed() < delay {
                std::hint::spin_loop();
            }
        }
    }
}
