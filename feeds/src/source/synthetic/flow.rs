//! What the background flow does next, when, and how much: message mix, spacing and order sizes.
//!
//! Plain state, integers only, no allocation.

use super::config::MARKET_HOURS_NS;
use super::prng::Prng;

/// What one message of the background flow does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// `A`.
    Add,
    /// `F`.
    AddAttributed,
    /// `D`.
    Delete,
    /// `U`.
    Replace,
    /// `E`, and `C` now and then.
    Execute,
    /// `X`.
    Cancel,
    /// `P`.
    HiddenTrade,
}

/// Actions with their share of the messages of continuous trading, in 1/1000. Adds are a little above removals
/// (`D` and complete executions), so that books grow by 2 % of the messages, as they do in the morning.
const TARGETS: [(Action, u64); 7] = [
    (Action::Add, 444),
    (Action::AddAttributed, 5),
    (Action::Delete, 396),
    (Action::Replace, 78),
    (Action::Execute, 47),
    (Action::Cancel, 20),
    (Action::HiddenTrade, 10),
];

/// Messages after which the weights are set anew.
const REFRESH_MESSAGES: u64 = 512;

/// Messages within which a type that fell behind is to catch up.
const HORIZON_MESSAGES: u64 = 4096;

/// Draws actions so that the mix of all messages, those of quote moves included, tends to [`TARGETS`].
#[derive(Clone, Debug)]
pub(super) struct Mix {
    counts: [u64; TARGETS.len()],
    total: u64,
    weights: [u32; TARGETS.len()],
    weight_sum: u32,
}

impl Mix {
    /// A mix that has seen nothing.
    pub(super) fn new() -> Self {
        let mut mix =
            Self { counts: [0; TARGETS.len()], total: 0, weights: [0; TARGETS.len()], weight_sum: 0 };
        mix.refresh();
        mix
    }

    fn refresh(&mut self) {
        for (weight, (&(_, share), &count)) in self.weights.iter_mut().zip(TARGETS.iter().zip(&self.counts)) {
            let due = share * (self.total + HORIZON_MESSAGES);
            // At most 444 * 4096 above what was due before; a type in surplus rests.
            *weight = u32::try_from(due.saturating_sub(1000 * count) / 16).unwrap_or(u32::MAX / 8);
        }
        self.weight_sum = self.weights.iter().fold(0u32, |sum, &weight| sum.saturating_add(weight));
    }

    /// Counts a message of continuous trading.
    pub(super) fn count(&mut self, message_type: u8) {
        let index = match message_type {
            b'A' => 0,
            b'F' => 1,
            b'D' => 2,
            b'U' => 3,
            b'E' | b'C' => 4,
            b'X' => 5,
            b'P' => 6,
            _ => return,
        };
        self.counts[index] += 1;
        self.total += 1;
        if self.total.is_multiple_of(REFRESH_MESSAGES) {
            self.refresh();
        }
    }

    /// What to do next.
    pub(super) fn draw(&self, prng: &mut Prng) -> Action {
        let mut point = prng.below(self.weight_sum);
        for (&weight, &(action, _)) in self.weights.iter().zip(&TARGETS) {
            if point < weight {
                return action;
            }
            point -= weight;
        }
        Action::Add
    }
}

/// Displayed shares of a new order: mostly 100, odd lots, round lots, a few blocks.
pub(super) fn order_shares(prng: &mut Prng) -> u32 {
    match prng.below(100) {
        0..55 => 100,
        55..75 => 1 + prng.below(99),
        75..97 => 100 * (1 + prng.below(10)),
        _ => 100 * (10 + prng.below(90)),
    }
}

/// Share of the steps that follow the one before within a burst, in 1/1000.
const BURST_PERMILLE: u64 = 750;

/// Longest spacing within a burst, ns.
const BURST_GAP_MAX_NS: u64 = 12_000;

/// Steps after which the mean spacing is set anew.
const PACE_REFRESH_STEPS: u64 = 256;

/// Spaces background steps in bursts, and so that the session's messages end with its market hours.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    close_ns: u64,
    messages_left: u64,
    /// Messages and background steps so far; one step in some is followed by a burst of quote moves.
    messages: u64,
    steps: u64,
    mean_gap_ns: u64,
}

impl Pace {
    /// The pace of `messages` between `now_ns` and `close_ns`.
    pub(super) fn new(now_ns: u64, close_ns: u64, messages: u64) -> Self {
        let mut pace = Self { close_ns, messages_left: messages, messages: 1, steps: 1, mean_gap_ns: 1 };
        pace.refresh(now_ns);
        pace
    }

    fn refresh(&mut self, now_ns: u64) {
        let left_ns = u128::from(self.close_ns.saturating_sub(now_ns));
        let steps_left = u128::from(self.messages_left.max(1)) * u128::from(self.steps);
        let gap = left_ns * u128::from(self.messages) / steps_left;
        self.mean_gap_ns = u64::try_from(gap).unwrap_or(MARKET_HOURS_NS).min(MARKET_HOURS_NS);
    }

    /// Counts a message.
    pub(super) fn count(&mut self) {
        self.messages += 1;
        self.messages_left = self.messages_left.saturating_sub(1);
    }

    /// Time to the next background step, ns, and whether it belongs to the same burst.
    pub(super) fn next_gap(&mut self, prng: &mut Prng, now_ns: u64) -> (u64, bool) {
        self.steps += 1;
        if self.steps.is_multiple_of(PACE_REFRESH_STEPS) {
            self.refresh(now_ns);
        }
        let burst_max = BURST_GAP_MAX_NS.min(self.mean_gap_ns);
        if u64::from(prng.below(1000)) < BURST_PERMILLE {
            let burst_max = u32::try_from(burst_max).unwrap_or(u32::MAX);
            return (u64::from(prng.below(burst_max + 1)), true);
        }
        let idle_mean =
            (1000 * self.mean_gap_ns - BURST_PERMILLE * (burst_max / 2)) / (1000 - BURST_PERMILLE);
        (prng.exponential(idle_mean), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_recovers_from_any_surplus() {
        let mut prng = Prng::new(3);
        let mut mix = Mix::new();
        (0..20_000).for_each(|_| mix.count(b'D'));
        let types = [b'A', b'F', b'D', b'U', b'E', b'X', b'P'];
        for _ in 0..200_000 {
            let action = mix.draw(&mut prng);
            let index = TARGETS.iter().position(|t| t.0 == action).unwrap();
            mix.count(types[index]);
        }
        for (&(action, share), &count) in TARGETS.iter().zip(&mix.counts) {
            assert!((count * 1000 / mix.total).abs_diff(share) <= 3, "{action:?} {count} of {}", mix.total);
        }
    }

    #[test]
    fn the_pace_keeps_its_span() {
        for span in [1_000u64, 1_000_000_000, 200_000_000_000] {
            let mut prng = Prng::new(span);
            let mut pace = Pace::new(500, 500 + span, 100_000);
            let mut now = 500;
            let mut bursts = 0;
            for step in 0..100_000 {
                let (gap, burst) = pace.next_gap(&mut prng, now);
                now += gap;
                bursts += i32::from(burst);
                // Every third step brings a second message later on.
                if step < 50_000 {
                    pace.count();
                    pace.count();
                }
                if pace.messages_left == 0 {
                    break;
                }
            }
            assert!((span * 9 / 10..=span * 11 / 10).contains(&(now - 500)), "{span}: {now}");
            assert!(bursts > 30_000, "{bursts}");
        }
    }

    #[test]
    fn sizes_are_mostly_round_lots() {
        let mut prng = Prng::new(5);
        let shares: Vec<u32> = (0..100_000).map(|_| order_shares(&mut prng)).collect();
        let share = |test: fn(u32) -> bool| shares.iter().filter(|&&s| test(s)).count() / 1000;
        assert!((55..60).contains(&share(|s| s == 100)));
        assert!((18..22).contains(&share(|s| s < 100)));
        assert!(shares.iter().all(|&s| (1..10_000).contains(&s)));
    }
}
