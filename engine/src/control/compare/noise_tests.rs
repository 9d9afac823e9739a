//! The whole test against made-up hosts: ten thousand comparisons of equal sides, and a thousand with 5 % planted, on each.
//!
//! A host is a model of what was seen on shared machines: phases in which everything is slower, processes that are lucky with their
//! memory or not, rounds that somebody interrupts, tails without a mean. The seed of a failure is its number.

use super::judge::{Plan, Verdict, look};
use super::ranks::median;
use crate::pipeline::draws::Draws;

/// Rounds of each process in a pair, as the command does by default.
const ROUNDS: usize = 8;

struct Host {
    name: &'static str,
    /// Chance, in 1,000, that a round begins another phase; phases are up to so many times slower.
    phase_change: u64,
    slowest_phase: f64,
    /// How much a process differs from its binary: half-width of a Cauchy distribution.
    process: f64,
    /// Chance, in 1,000, that a process is unlucky, and what that costs.
    unlucky: (u64, f64),
    /// Half-width of a round's noise, Cauchy too.
    round: f64,
    /// Chance, in 1,000, that a round is interrupted; it then takes up to twice as long.
    interrupted: u64,
    /// What every round is slower than the one before.
    drift: f64,
}

const CALM: Host = Host {
    name: "calm",
    phase_change: 0,
    slowest_phase: 1.0,
    process: 0.0,
    unlucky: (0, 0.0),
    round: 0.003,
    interrupted: 10,
    drift: 0.0,
};

const HOSTS: [Host; 5] = [
    CALM,
    Host { name: "phases", phase_change: 100, slowest_phase: 1.6, round: 0.005, ..CALM },
    Host { name: "heavy tails", process: 0.003, round: 0.01, interrupted: 100, ..CALM },
    Host { name: "unlucky processes", unlucky: (250, 0.04), round: 0.005, interrupted: 200, ..CALM },
    Host { name: "everything", process: 0.002, unlucky: (100, 0.03), drift: 0.002, ..HOSTS_PHASES },
];

const HOSTS_PHASES: Host = Host { phase_change: 100, slowest_phase: 1.6, interrupted: 100, ..CALM };

struct Run<'h> {
    host: &'h Host,
    draws: Draws,
    phase: f64,
    drifted: f64,
}

impl Run<'_> {
    fn unit(&mut self) -> f64 {
        (self.draws.any() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn cauchy(&mut self, half_width: f64) -> f64 {
        // Cut off where a process would not have ended in time.
        (half_width * (std::f64::consts::PI * (self.unit() - 0.5)).tan()).clamp(-0.5, 2.0)
    }

    fn in_thousand(&mut self, chance: u64) -> bool {
        self.draws.below(1_000) < chance
    }

    fn process(&mut self) -> f64 {
        let (chance, cost) = self.host.unlucky;
        let luck = if self.in_thousand(chance) { cost } else { 0.0 };
        1.0 + luck + self.cauchy(self.host.process)
    }

    fn round(&mut self, process: f64) -> f64 {
        if self.in_thousand(self.host.phase_change) {
            self.phase = 1.0 + self.unit() * (self.host.slowest_phase - 1.0);
        }
        self.drifted += self.host.drift;
        let interrupted = if self.in_thousand(self.host.interrupted) { 1.0 + self.unit() } else { 1.0 };
        process * self.phase * interrupted * (1.0 + self.drifted + self.cauchy(self.host.round))
    }

    /// The log ratio of a pair of processes in turns, as `binaries` measures it.
    fn pair(&mut self, planted: f64) -> f64 {
        let (a, b) = (self.process(), self.process() * planted);
        let ratios = (0..ROUNDS).map(|_| {
            let (of_a, of_b) = if self.draws.once_in(2) {
                let of_a = self.round(a);
                (of_a, self.round(b))
            } else {
                let of_b = self.round(b);
                (self.round(a), of_b)
            };
            (of_b / of_a).ln()
        });
        median(ratios.collect())
    }
}

/// A whole comparison; how many pairs it took, too.
fn comparison(host: &Host, seed: u64, planted: f64, plan: &Plan) -> (Verdict, usize) {
    let mut run = Run { host, draws: Draws(seed), phase: 1.0, drifted: 0.0 };
    let mut ratios = Vec::new();
    loop {
        ratios.push(run.pair(planted));
        if let Some((verdict, _)) = look(&ratios, plan) {
            return (verdict, ratios.len());
        }
    }
}

/// Verdicts by kind (same, slower, faster, cannot tell) and pairs in all.
fn comparisons(host: &Host, count: u64, planted: f64, plan: &Plan) -> ([u64; 4], usize) {
    let (mut verdicts, mut pairs) = ([0; 4], 0);
    for seed in 0..count {
        let (verdict, taken) = comparison(host, seed, planted, plan);
        verdicts[verdict as usize] += 1;
        pairs += taken;
    }
    (verdicts, pairs)
}

#[test]
fn equal_sides_are_called_different_no_more_often_than_stated() {
    for host in &HOSTS {
        let plan = Plan::default();
        let ([_, slower, faster, _], _) = comparisons(host, 10_000, 1.0, &plan);
        assert!(slower + faster <= 10, "{}: {slower} slower, {faster} faster of 10,000", host.name);
        // Without the smallest effect that counts, the test alone must keep its rate; a looser one, so that there is
        // something to count: 500 of 10,000, and 60 more by chance.
        let plan = Plan { false_alarm: 0.05, counts: 1.0, ..plan };
        let ([_, slower, faster, _], _) = comparisons(host, 10_000, 1.0, &plan);
        assert!(slower + faster <= 560, "{}: {slower} slower, {faster} faster of 10,000", host.name);
        assert!(slower + faster > 50, "{}: a test that never alarms tells nothing", host.name);
    }
}

#[test]
fn equal_sides_pass_and_five_per_cent_is_found() {
    for host in &HOSTS {
        let ([same, _, _, cannot_tell], pairs) = comparisons(host, 1_000, 1.0, &Plan::default());
        assert!(same >= 990, "{}: same {same}, cannot tell {cannot_tell} ({pairs} pairs)", host.name);
        let ([_, slower, _, _], pairs) = comparisons(host, 1_000, 1.05, &Plan::default());
        assert!(slower >= 990, "{}: {slower} of 1,000 found ({pairs} pairs)", host.name);
        let ([_, _, faster, _], _) = comparisons(host, 1_000, 1.0 / 1.05, &Plan::default());
        assert!(faster >= 990, "{}: {faster} of 1,000 found", host.name);
    }
}
