//! When each venue's feed was last heard, and how far its exchange's clock is from ours.

use feeds::event::MarketEvent;

/// One venue's.
#[derive(Clone, Copy, Default)]
struct FeedClock {
    receive_ns: u64,
    exchange_ns: u64,
}

/// By venue; memory is taken at construction.
pub(super) struct FeedClocks(Box<[FeedClock]>);

impl FeedClocks {
    pub(super) fn new(venues: usize) -> Self {
        Self(vec![FeedClock::default(); venues].into_boxed_slice())
    }

    /// A message came in.
    #[inline(always)]
    pub(super) fn heard(&mut self, event: &MarketEvent) {
        if let Some(clock) = self.0.get_mut(usize::from(event.venue)) {
            *clock = FeedClock { receive_ns: event.receive_ns, exchange_ns: event.exchange_ns };
        }
    }

    /// Receive and exchange time of each venue's last message.
    pub(super) fn times(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|clock| (clock.receive_ns, clock.exchange_ns))
    }

    /// Takes over what [`Self::times`] gave; whether it is of as many venues.
    pub(super) fn set_times(&mut self, times: &[(u64, u64)]) -> bool {
        for (clock, &(receive_ns, exchange_ns)) in self.0.iter_mut().zip(times) {
            *clock = FeedClock { receive_ns, exchange_ns };
        }
        times.len() == self.0.len()
    }

    /// For how long the venue has said nothing, ns of receive time; nothing yet is for ever.
    #[inline(always)]
    pub(super) fn age_ns(&self, venue: u8, now_ns: u64) -> u64 {
        self.0.get(usize::from(venue)).map_or(u64::MAX, |clock| now_ns.saturating_sub(clock.receive_ns))
    }

    /// How far apart the exchange's time and our receive time of its last message are, ns. A message without the
    /// exchange's time says nothing of it.
    #[inline(always)]
    pub(super) fn skew_ns(&self, venue: u8) -> u64 {
        let clock = self.0.get(usize::from(venue)).filter(|clock| clock.exchange_ns != 0);
        clock.map_or(0, |clock| clock.receive_ns.abs_diff(clock.exchange_ns))
    }
}
