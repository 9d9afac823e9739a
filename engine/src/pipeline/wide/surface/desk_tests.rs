//! When chains are looked at, what of their quotes is read, and what of a fit is told.

use super::super::*;
use super::*;
use std::sync::{Arc, Mutex};

const CHAIN_OPTIONS: u32 = 4;

/// Chain, mid and quotes of each job.
type Seen = Arc<Mutex<Vec<(usize, i64, Vec<SeenQuote>)>>>;

/// Gives back what a script says, when it says so; keeps the quotes that it saw.
struct Scripted {
    seen: Seen,
    vols: Arc<Mutex<Vec<SurfaceVol>>>,
    job: Option<Box<SurfaceJob>>,
    polls_until_done: u32,
    polls: u32,
}

impl SurfaceFitter for Scripted {
    fn submit(&mut self, mut job: Box<SurfaceJob>) {
        let seen = (job.chain, job.mid_e9, job.quotes.clone());
        self.seen.lock().expect("not poisoned").push(seen);
        job.vols.extend(self.vols.lock().expect("not poisoned").iter());
        job.fitted = 1;
        job.refuse(FitRefused::Calendar);
        (self.job, self.polls) = (Some(job), 0);
    }

    fn poll(&mut self) -> Option<Box<SurfaceJob>> {
        self.polls += 1;
        if self.polls <= self.polls_until_done { None } else { self.job.take() }
    }
}

struct Rig {
    desk: SurfaceDesk,
    nbbo: Nbbo,
    seen: Seen,
    vols: Arc<Mutex<Vec<SurfaceVol>>>,
}

/// Instruments 0 and 1 are underlyings; those of option `n` is 10 + n.
fn rig(polls_until_done: u32, quoted: u32, change_min_e9: u64) -> Rig {
    let chain = |number: u32| SurfaceChain {
        listing: number,
        at: WideListing { venue: 0, instrument: number },
        quoted: (0..quoted)
            .map(|at| number * quoted + at)
            .map(|option| QuotedOption { option, at: WideListing { venue: 0, instrument: 10 + option } })
            .collect(),
        options: number * CHAIN_OPTIONS..(number + 1) * CHAIN_OPTIONS,
    };
    let (seen, vols) = (Arc::default(), Arc::default());
    let fitter =
        Scripted { seen: Arc::clone(&seen), vols: Arc::clone(&vols), job: None, polls_until_done, polls: 0 };
    let desk = SurfaceDesk::new(vec![chain(0), chain(1)], 8, 1_000, change_min_e9, Box::new(fitter));
    Rig { desk, nbbo: Nbbo::new(300, 1), seen, vols }
}

impl Rig {
    fn quote(&mut self, instrument: u32, bid_px: i64, ask_px: i64) {
        let bbo = Bbo { bid_px, bid_qty: 1, ask_px, ask_qty: 1 };
        self.nbbo.update(instrument, 0, &bbo, true);
    }

    fn script(&self, vols: &[(u32, i64)]) {
        let vols = vols.iter().map(|&(option, volatility_e9)| {
            let premium = PremiumTable::NONE;
            SurfaceVol { option, volatility_e9, premium }
        });
        *self.vols.lock().expect("not poisoned") = vols.collect();
    }

    /// A lockstep fit of the chain that is due.
    fn fit(&mut self) -> Option<Vec<(u32, i64)>> {
        let job = self.desk.fit_now(&self.nbbo)?;
        let vols = job.vols.iter().map(|vol| (vol.option, vol.volatility_e9)).collect();
        self.desk.put_back(job);
        Some(vols)
    }
}

#[test]
fn a_market_event_makes_the_next_multiple_the_time_of_all_chains() {
    let mut rig = rig(0, 2, 1);
    assert_eq!(rig.desk.due_ns(), u64::MAX);
    rig.desk.market(1_500);
    rig.desk.market(9_999);
    assert_eq!(rig.desk.due_ns(), 2_000, "the first event counts");
    rig.script(&[(0, 5)]);
    assert_eq!(rig.fit(), Some(vec![(0, 5)]));
    assert_eq!(rig.desk.due_ns(), 2_000, "the second chain");
    rig.script(&[]);
    assert_eq!(rig.fit(), None);
    assert_eq!(rig.desk.due_ns(), u64::MAX, "nothing happens without events");
    rig.desk.market(3_000);
    assert_eq!(rig.desk.due_ns(), 4_000, "never at the event itself");
    let chains: Vec<_> = rig.seen.lock().expect("not poisoned").iter().map(|seen| seen.0).collect();
    assert_eq!(chains, [0, 1]);
    let report = rig.desk.report();
    assert_eq!((report.inputs, report.volatilities, report.fitted), (1, 1, 2));
    assert_eq!(report.refused[FitRefused::Calendar as usize], 2);
    assert!(report.to_string().contains("2 refused: calendar arbitrage"), "{report}");
}

#[test]
fn one_sided_and_crossed_quotes_are_not_read() {
    let mut rig = rig(0, 4, 1);
    rig.quote(0, 90, 110);
    rig.quote(10, 3, 5);
    rig.quote(11, PRICE_NONE, 5);
    rig.quote(12, 6, 5);
    rig.quote(13, 5, 5);
    rig.desk.market(1);
    let _ = (rig.fit(), rig.fit());
    let quote = |option, bid_px, ask_px| SeenQuote { option, bid_px, ask_px };
    let seen = rig.seen.lock().expect("not poisoned");
    assert_eq!(seen[0], (0, 100, vec![quote(0, 3, 5), quote(3, 5, 5)]));
    assert_eq!(seen[1], (1, PRICE_NONE, vec![]));
}

#[test]
fn only_what_has_moved_is_told() {
    let mut rig = rig(0, 2, 10);
    rig.desk.market(1);
    rig.script(&[(0, 100), (1, 200)]);
    assert_eq!(rig.fit(), Some(vec![(0, 100), (1, 200)]), "all of the first");
    rig.script(&[(0, 109), (1, 210)]);
    assert_eq!(rig.fit(), Some(vec![(1, 210)]));
    rig.desk.market(1);
    rig.script(&[(0, 109), (1, 205)]);
    assert_eq!(rig.fit(), None);
    rig.script(&[(0, 110), (1, 210), (8, 1)]);
    assert_eq!(rig.fit(), Some(vec![(0, 110)]), "from what was told last; there is no option 8");
}

#[test]
fn a_live_run_reads_portions_and_waits_for_nobody() {
    let quoted = 2 * PORTION as u32 + 1;
    let mut rig = rig(3, quoted, 1);
    for option in 0..2 * quoted {
        rig.quote(10 + option, 3, 5);
    }
    assert_eq!(rig.desk.step(&rig.nbbo, 5_000), (false, None), "no event yet");
    assert!(!rig.desk.has_work(5_000));
    rig.desk.market(1);
    assert_eq!(rig.desk.step(&rig.nbbo, 999), (false, None), "not yet");
    assert!(!rig.desk.has_work(999) && rig.desk.has_work(1_000));
    rig.script(&[(1, 7)]);
    let mut steps = 0;
    let job = loop {
        steps += 1;
        assert!(rig.desk.has_work(1_000), "step {steps}");
        if let (_, Some(job)) = rig.desk.step(&rig.nbbo, 1_000) {
            break job;
        }
    };
    assert_eq!(steps, 1 + 3 + 4, "it begins, reads three portions, and looks four times");
    assert_eq!((rig.desk.listing_of(&job), rig.desk.last_fit(), job.vols.len()), (0, 1, 1));
    rig.desk.put_back(job);
    rig.script(&[]);
    for _ in 0..8 {
        assert_eq!(rig.desk.step(&rig.nbbo, 1_000).1, None, "the second chain changes nothing");
    }
    assert_eq!(rig.desk.due_ns(), u64::MAX);
    assert!(!rig.desk.has_work(u64::MAX - 1), "all chains are done");
    let seen = rig.seen.lock().expect("not poisoned");
    assert_eq!((seen.len(), seen[0].2.len(), seen[1].2.len()), (2, quoted as usize, quoted as usize));
    assert!(seen[1].2.windows(2).all(|pair| pair[0].option < pair[1].option));
}
