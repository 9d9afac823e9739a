//! What people and watchdogs tell a running engine: kill, reset, new limits, positions to compare with.
//!
//! Every command is an input of the decision core like any other: sequenced, journalled, the same in a replay. Plain
//! data without heap parts. Who asked, when and why goes beside it into the journal ([`OperatorNote`]); it decides nothing.

use feeds::event::Side;

/// What a kill or a reset is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole engine.
    All,
    /// Orders of one side.
    Side(Side),
    /// Orders to one venue, by dense number.
    Venue(u8),
    /// Orders for one instrument, by dense number.
    Instrument(u32),
    /// Orders of one strategy, by number.
    Strategy(u16),
}

/// Why trading was stopped.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KillCause {
    /// A person asked for it: the operator port.
    Operator = 1,
    /// A person asked for it: SIGUSR1.
    Signal = 2,
    /// A feed has been silent for too long.
    FeedLost = 3,
    /// The session to a venue is gone.
    SessionLost = 4,
    /// A hot thread, and the strategies on it, made no progress.
    Heartbeat = 5,
    /// The journal takes no more records.
    Journal = 6,
    /// Realised and unrealised loss of the day.
    DailyLoss = 7,
    /// Loss from the day's best.
    Drawdown = 8,
    /// Loss within the window.
    LossRate = 9,
    /// A message was not answered in time.
    Unanswered = 10,
    /// A position differs from what its keeper says.
    Reconciliation = 11,
    /// A fill of an order that is not ours, or was done.
    UnknownFill = 12,
    /// More filled than was ordered.
    Overfill = 13,
    /// A fill outside the limit price.
    FillPrice = 14,
    /// A strategy traded more often than it may without a person's consent.
    Executions = 15,
    /// Market-maker protection: too many fills, too much quantity or too much delta at once.
    MarketMakerProtection = 16,
    /// Fills that cannot be told apart any more: no room to remember them.
    FillsFull = 17,
}

impl KillCause {
    /// Every cause.
    pub const ALL: [Self; 17] = [
        Self::Operator,
        Self::Signal,
        Self::FeedLost,
        Self::SessionLost,
        Self::Heartbeat,
        Self::Journal,
        Self::DailyLoss,
        Self::Drawdown,
        Self::LossRate,
        Self::Unanswered,
        Self::Reconciliation,
        Self::UnknownFill,
        Self::Overfill,
        Self::FillPrice,
        Self::Executions,
        Self::MarketMakerProtection,
        Self::FillsFull,
    ];

    /// The cause of a code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&cause| cause as u8 == code)
    }

    /// For reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Signal => "signal",
            Self::FeedLost => "feed lost",
            Self::SessionLost => "session lost",
            Self::Heartbeat => "heartbeat lost",
            Self::Journal => "journal failed",
            Self::DailyLoss => "daily loss",
            Self::Drawdown => "drawdown",
            Self::LossRate => "loss rate",
            Self::Unanswered => "message not answered",
            Self::Reconciliation => "position differs",
            Self::UnknownFill => "fill of no open order",
            Self::Overfill => "overfill",
            Self::FillPrice => "fill outside the limit price",
            Self::Executions => "repeated executions",
            Self::MarketMakerProtection => "market-maker protection",
            Self::FillsFull => "no room for fills",
        }
    }
}

/// One number of the limits file, set while the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitChange {
    /// Version of the limits file that brings it, from 2 (1 is what the run started with).
    pub version: u32,
    /// Whose limit: `All` the firm's, `Venue`, `Instrument` or `Strategy`.
    pub scope: Scope,
    /// Which.
    pub rule: LimitRule,
    /// The new value, in the limits file's unit; [`LimitChange::NONE`] where the file gives none.
    pub value: i64,
}

impl LimitChange {
    /// The value of a limit that is not set.
    pub const NONE: i64 = i64::MAX;
}

/// The limits that can be changed while the engine runs, named as in the limits file.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitRule {
    /// `order_qty_max`, of an instrument.
    OrderQtyMax = 1,
    /// `order_qty_min`, of an instrument.
    OrderQtyMin = 2,
    /// `lot_qty`, of an instrument.
    LotQty = 3,
    /// `order_notional_max`, of an instrument.
    OrderNotionalMax = 4,
    /// `collar_bp`, of an instrument.
    CollarBp = 5,
    /// `touch_ticks_max`, of an instrument.
    TouchTicksMax = 6,
    /// `position_max`, of an instrument.
    PositionMax = 7,
    /// `open_orders_max`, of an instrument or the firm.
    OpenOrdersMax = 8,
    /// `messages_per_s`, of an instrument, a venue or the firm.
    MessagesPerS = 9,
    /// `messages_burst`, of an instrument, a venue or the firm.
    MessagesBurst = 10,
    /// `duplicates_max`, of an instrument.
    DuplicatesMax = 11,
    /// `last_trade_age_max_ms`, of an instrument.
    LastTradeAgeMaxMs = 12,
    /// `market_data_age_max_ms`, of an instrument.
    MarketDataAgeMaxMs = 13,
    /// `restricted`, of an instrument: 1 or 0.
    Restricted = 14,
    /// `short_restricted`, of an instrument: 1 or 0.
    ShortRestricted = 15,
    /// `locate_qty`, of an instrument.
    LocateQty = 16,
    /// `margin_bp`, of an instrument.
    MarginBp = 17,
    /// `gross_notional_max`, of a strategy or the firm.
    GrossNotionalMax = 18,
    /// `net_notional_max`, of a strategy or the firm.
    NetNotionalMax = 19,
    /// `open_notional_max`, of a strategy or the firm.
    OpenNotionalMax = 20,
    /// `buying_power`, of the firm.
    BuyingPower = 21,
    /// `daily_loss_max`, of the firm.
    DailyLossMax = 22,
    /// `drawdown_max`, of the firm.
    DrawdownMax = 23,
    /// `loss_rate_max`, of the firm.
    LossRateMax = 24,
    /// `order_to_trade_max`, of the firm.
    OrderToTradeMax = 25,
    /// `answer_ms_max`, of the firm.
    AnswerMsMax = 26,
    /// `clock_skew_max_ms`, of the firm.
    ClockSkewMaxMs = 27,
    /// `executions_max`, of a strategy.
    ExecutionsMax = 28,
    /// `protection_fills_max`, of a strategy.
    ProtectionFillsMax = 29,
    /// `protection_qty_max`, of a strategy.
    ProtectionQtyMax = 30,
    /// `protection_delta_max`, of a strategy.
    ProtectionDeltaMax = 31,
}

impl LimitRule {
    /// Every rule with its name in the limits file.
    pub const ALL: [(Self, &'static str); 31] = [
        (Self::OrderQtyMax, "order_qty_max"),
        (Self::OrderQtyMin, "order_qty_min"),
        (Self::LotQty, "lot_qty"),
        (Self::OrderNotionalMax, "order_notional_max"),
        (Self::CollarBp, "collar_bp"),
        (Self::TouchTicksMax, "touch_ticks_max"),
        (Self::PositionMax, "position_max"),
        (Self::OpenOrdersMax, "open_orders_max"),
        (Self::MessagesPerS, "messages_per_s"),
        (Self::MessagesBurst, "messages_burst"),
        (Self::DuplicatesMax, "duplicates_max"),
        (Self::LastTradeAgeMaxMs, "last_trade_age_max_ms"),
        (Self::MarketDataAgeMaxMs, "market_data_age_max_ms"),
        (Self::Restricted, "restricted"),
        (Self::ShortRestricted, "short_restricted"),
        (Self::LocateQty, "locate_qty"),
        (Self::MarginBp, "margin_bp"),
        (Self::GrossNotionalMax, "gross_notional_max"),
        (Self::NetNotionalMax, "net_notional_max"),
        (Self::OpenNotionalMax, "open_notional_max"),
        (Self::BuyingPower, "buying_power"),
        (Self::DailyLossMax, "daily_loss_max"),
        (Self::DrawdownMax, "drawdown_max"),
        (Self::LossRateMax, "loss_rate_max"),
        (Self::OrderToTradeMax, "order_to_trade_max"),
        (Self::AnswerMsMax, "answer_ms_max"),
        (Self::ClockSkewMaxMs, "clock_skew_max_ms"),
        (Self::ExecutionsMax, "executions_max"),
        (Self::ProtectionFillsMax, "protection_fills_max"),
        (Self::ProtectionQtyMax, "protection_qty_max"),
        (Self::ProtectionDeltaMax, "protection_delta_max"),
    ];

    /// The rule of a code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(rule, _)| (rule as u8 == code).then_some(rule))
    }

    /// The name in the limits file.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find_map(|(rule, name)| (rule == self).then_some(name)).unwrap_or("unknown")
    }

    /// Whether going from `old` to `new` lets more pass than before.
    #[must_use]
    pub const fn loosens(self, old: i64, new: i64) -> bool {
        match self {
            Self::OrderQtyMin | Self::LotQty | Self::Restricted | Self::ShortRestricted | Self::MarginBp => {
                new < old
            }
            _ => new > old,
        }
    }
}

/// An operator's command, sequenced like every other input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Nothing new leaves within the scope until a person resets it, and every order there is cancelled: one that was on its
    /// way, or whose state was in doubt, when its answer comes, although the reset was before that.
    Kill {
        /// What is stopped.
        scope: Scope,
        /// Why.
        cause: KillCause,
    },
    /// A person lets the scope trade again. A reset of `All` lifts every block, whatever its scope and cause.
    Reset {
        /// What may go on.
        scope: Scope,
    },
    /// A new limit.
    SetLimit(LimitChange),
    /// The position that a drop copy or the clearer has of an instrument; another one than ours stops trading.
    Reconcile {
        /// Dense instrument number.
        instrument: u32,
        /// Net quantity, positive long.
        position: i64,
    },
}

/// Who asked for a command and why, as UTF-8, cut to what fits and padded with zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorNote {
    /// Who.
    pub who: [u8; 32],
    /// Why.
    pub why: [u8; 96],
}

impl OperatorNote {
    /// A note of two texts.
    #[must_use]
    pub fn new(who: &str, why: &str) -> Self {
        Self { who: cut(who), why: cut(why) }
    }

    /// Who, without the padding.
    #[must_use]
    pub fn who(&self) -> &str {
        text(&self.who)
    }

    /// Why, without the padding.
    #[must_use]
    pub fn why(&self) -> &str {
        text(&self.why)
    }
}

/// The longest prefix of whole characters that fits.
fn cut<const N: usize>(text: &str) -> [u8; N] {
    let mut length = text.len().min(N);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    let mut bytes = [0; N];
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    bytes
}

fn text(bytes: &[u8]) -> &str {
    let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..length]).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_come_back() {
        for (rule, name) in LimitRule::ALL {
            assert_eq!(LimitRule::from_code(rule as u8), Some(rule));
            assert_eq!(rule.name(), name);
        }
        for cause in KillCause::ALL {
            assert_eq!(KillCause::from_code(cause as u8), Some(cause));
        }
    }

    #[test]
    fn notes_are_cut_at_characters() {
        let note = OperatorNote::new(&"ä".repeat(40), "why");
        assert_eq!((note.who(), note.why()), ("ä".repeat(16).as_str(), "why"));
        assert_eq!(OperatorNote::new("", "x".repeat(200).as_str()).why().len(), 96);
    }
}
