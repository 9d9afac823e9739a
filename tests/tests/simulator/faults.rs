//! What goes wrong in a day: a list of timed faults. It is data, drawn from the seed once, so that a failing day can be
//! tried again with some of them left out.

use std::fmt;
use std::str::FromStr;

use warptick_tests::chatter::Dice;

const MS: u64 = 1_000;
const SECOND: u64 = 1_000 * MS;

/// Faults are drawn for this long, us; what has begun by then may last longer.
pub const TROUBLE_US: u64 = 10 * SECOND;

/// Declares [`Kind`] with the names that its members have in text.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// A kind of fault. What its numbers mean is said at each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    /// `amount` of 1000 packets are lost on the feed lines whose bits `way` has.
    FeedLoss = "feed-loss",
    /// `amount` of 1000 packets come twice.
    FeedRepeat = "feed-repeat",
    /// `amount` of 1000 packets are overtaken by later ones.
    FeedReorder = "feed-reorder",
    /// The lines of `way` are `amount` us late.
    FeedSkew = "feed-skew",
    /// Neither line brings anything.
    Outage = "outage",
    /// The retransmission and snapshot servers are silent.
    NoAnswers = "no-answers",
    /// The connection breaks; `way`: 0 what is under way is lost both ways, 1 requests still arrive, 2 answers do.
    Drop = "drop",
    /// What is written arrives in pieces of at most `amount` bytes.
    Pieces = "pieces",
    /// Nothing of the connection arrives before the span is over; bits of `way`: 1 to the venue, 2 to the client.
    Stall = "stall",
    /// The next `amount` messages vanish; `way` as before, one of both.
    Swallow = "swallow",
    /// The next `amount` messages to the client come twice.
    Repeat = "repeat",
    /// The engine dies at the point of the number in `amount`, at the next occasion.
    Crash = "crash",
    /// The system clock is `amount` ms off, ahead with `way` 0, behind with 1.
    Clock = "clock",
    /// The journal's disk has no room.
    DiskFull = "disk-full",
    /// The order ring has `amount` slots and order entry takes from it every `way` ms only; executions are late too.
    Slow = "slow",
    /// The operator's kill switch.
    Kill = "kill",
    /// An operator stops a part: `way` 0 a side, 1 the venue, 2 a symbol, 3 a strategy, `amount` its number; he lets it
    /// go on when the span is over.
    Halt = "halt",
    /// A person lets everything go on that was stopped, for whatever cause.
    Reset = "reset",
    /// The venue takes a fill back (`way` 0) or says that it was a smaller one (1); `amount` picks it.
    Bust = "bust",
    /// A new limits file, drawn from `amount`: what is tighter holds at once, another person confirms what is looser when the
    /// span is over.
    Limits = "limits",
}

/// Where the engine dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A market event has come and is not looked at.
    BeforeInput,
    /// Input and action are in decide's journal, order entry has not seen the order.
    AfterAppend,
    /// The order's bytes are in order entry's journal and not with the kernel.
    AfterEncode,
    /// The bytes are with the kernel.
    AfterSend,
    /// The first order of an input is with the kernel, the second not with order entry.
    BetweenOrders,
    /// Bytes of a venue have come and are not read.
    BeforeReceive,
    /// They are in order entry's journal, and decide has not heard of them.
    AfterReceive,
    /// An execution is in decide's journal, what decide did about it is not on its way.
    AfterExecution,
    /// Our Logon is on its way.
    DuringLogon,
    /// The venue has asked for messages again, or sends some again.
    DuringResend,
    /// The feed is taking in a snapshot, or has asked for one.
    DuringSnapshot,
}

impl Point {
    pub const ALL: [Self; 11] = [
        Self::BeforeInput,
        Self::AfterAppend,
        Self::AfterEncode,
        Self::AfterSend,
        Self::BetweenOrders,
        Self::BeforeReceive,
        Self::AfterReceive,
        Self::AfterExecution,
        Self::DuringLogon,
        Self::DuringResend,
        Self::DuringSnapshot,
    ];

    pub fn of(number: u32) -> Self {
        Self::ALL[number as usize % Self::ALL.len()]
    }
}

/// One fault of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When it begins, us after the start of the day.
    pub at_us: u64,
    pub kind: Kind,
    pub venue: u8,
    pub way: u8,
    /// How long it lasts, us; 0 for what is over at once.
    pub span_us: u64,
    pub amount: u32,
}

impl Fault {
    fn drawn(dice: &mut Dice, venues: u64) -> Self {
        let kind = match dice.below(52) {
            0..4 => Kind::FeedLoss,
            4..6 => Kind::FeedRepeat,
            6..8 => Kind::FeedReorder,
            8..10 => Kind::FeedSkew,
            10..13 => Kind::Outage,
            13 => Kind::NoAnswers,
            14..20 => Kind::Drop,
            20..22 => Kind::Pieces,
            22..25 => Kind::Stall,
            25..28 => Kind::Swallow,
            28 => Kind::Repeat,
            29..35 => Kind::Crash,
            35 => Kind::Clock,
            36 => Kind::DiskFull,
            37..39 => Kind::Slow,
            39..41 => Kind::Halt,
            41..44 => Kind::Limits,
            44..47 => Kind::Reset,
            47..51 => Kind::Bust,
            _ if dice.below(3) == 0 => Kind::Kill,
            _ => Kind::Drop,
        };
        let mut upto = |from: u64, to: u64| from + dice.below(to - from + 1);
        let at_us = upto(50 * MS, TROUBLE_US);
        let venue = upto(0, venues - 1) as u8;
        let (way, span_us, amount) = match kind {
            Kind::FeedLoss => (upto(1, 3), upto(20 * MS, 2 * SECOND), upto(20, 600)),
            Kind::FeedRepeat | Kind::FeedReorder => (upto(1, 3), upto(50 * MS, 3 * SECOND), upto(20, 500)),
            Kind::FeedSkew => (upto(1, 2), upto(50 * MS, 3 * SECOND), upto(10, 3_000)),
            Kind::Outage => (3, upto(5 * MS, 1_500 * MS), 1_000),
            Kind::NoAnswers => (0, upto(50 * MS, 2 * SECOND), 0),
            Kind::Drop => (upto(0, 2), 0, 0),
            Kind::Pieces => (0, upto(50 * MS, 2 * SECOND), upto(1, 60)),
            Kind::Stall => {
                let most = if upto(0, 3) == 0 { 7 * SECOND } else { 500 * MS };
                (upto(1, 3), upto(5 * MS, most), 0)
            }
            Kind::Swallow => (upto(1, 2), 0, upto(1, 6)),
            Kind::Repeat => (2, 0, upto(1, 3)),
            Kind::Crash => (0, upto(5 * MS, SECOND), upto(0, Point::ALL.len() as u64 - 1)),
            Kind::Clock => (upto(0, 1), upto(100 * MS, 3 * SECOND), upto(1, 400)),
            Kind::DiskFull => (0, upto(SECOND, 9 * SECOND), 0),
            Kind::Slow => (upto(1, 30), upto(100 * MS, 2 * SECOND), upto(1, 12)),
            Kind::Kill | Kind::Reset => (0, 0, 0),
            Kind::Bust => (upto(0, 1), 0, upto(0, 999_999)),
            Kind::Halt => (upto(0, 3), upto(50 * MS, 4 * SECOND), upto(0, 11)),
            Kind::Limits => (0, upto(10 * MS, 3 * SECOND), upto(0, 999_999)),
        };
        Self { at_us, kind, venue, way: way as u8, span_us, amount: amount as u32 }
    }

    /// The faults of a day, in the order of their times.
    pub fn draw(dice: &mut Dice, venues: u64) -> Vec<Self> {
        let count = 2 + dice.below(14);
        let mut faults: Vec<_> = (0..count).map(|_| Self::drawn(dice, venues)).collect();
        faults.sort_by_key(|fault| fault.at_us);
        faults
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_us, kind, venue, way, span_us, amount } = self;
        write!(f, "{}@{at_us}/{venue}/{way}/{span_us}/{amount}", kind.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no fault: KIND@AT_US/VENUE/WAY/SPAN_US/AMOUNT");
        let (name, numbers) = text.split_once('@').ok_or_else(wrong)?;
        let kind = Kind::ALL.iter().find(|kind| kind.name() == name).ok_or_else(wrong)?;
        let numbers: Vec<u64> =
            numbers.split('/').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        let [at_us, venue, way, span_us, amount] = numbers.try_into().map_err(|_| wrong())?;
        let (venue, way, amount) = (venue as u8, way as u8, amount as u32);
        Ok(Self { at_us, kind: *kind, venue, way, span_us, amount })
    }
}

/// How often each kind was met, and how often it did something.
#[derive(Clone, Debug)]
pub struct FaultCounts {
    begun: Vec<u64>,
    /// Packets, messages, bytes' pieces, connections or crashes that it touched.
    done: Vec<u64>,
    pub crashes: [u64; Point::ALL.len()],
}

impl Default for FaultCounts {
    fn default() -> Self {
        let none = vec![0; Kind::ALL.len()];
        Self { begun: none.clone(), done: none, crashes: [0; Point::ALL.len()] }
    }
}

impl FaultCounts {
    pub fn begun(&mut self, kind: Kind) {
        self.begun[kind as usize] += 1;
    }

    pub fn done(&mut self, kind: Kind) {
        self.done[kind as usize] += 1;
    }

    pub fn of(&self, kind: Kind) -> u64 {
        self.done[kind as usize]
    }

    pub fn add(&mut self, other: &Self) {
        let sum = |to: &mut [u64], from: &[u64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        sum(&mut self.begun, &other.begun);
        sum(&mut self.done, &other.done);
        sum(&mut self.crashes, &other.crashes);
    }
}

impl fmt::Display for FaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for kind in Kind::ALL {
            let (begun, done) = (self.begun[*kind as usize], self.done[*kind as usize]);
            writeln!(f, "  {:<14} {begun:>8} times, {done:>9} touched", kind.name())?;
        }
        for (point, count) in Point::ALL.iter().zip(self.crashes) {
            writeln!(f, "  crash {:<20} {count:>6}", format!("{point:?}"))?;
        }
        Ok(())
    }
}

#[test]
fn a_fault_is_its_text() {
    let mut dice = Dice::new(7);
    for _ in 0..200 {
        for fault in Fault::draw(&mut dice, 2) {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
    }
    assert!("drop@1/2/3".parse::<Fault>().is_err() && "fall@1/0/0/0/0".parse::<Fault>().is_err());
}
