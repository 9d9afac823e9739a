//! What a resumed run takes over, as the first records of its journal: one [`Resumed`], then open orders, accounts, the
//! strategies' positions, fills, how the account stood within the loss window, and blocks and limits as the commands that set them.

use super::command_records::encode_command;
use super::layout::{i64_at, u32_at, u64_at};
use super::order_records::{flag, side, time_in_force};
use super::records::{sized, zero};
use super::worth_records::{encode_worth, i128_at};
use super::{DecideRecord, PayloadError, RecordKind};
use crate::pipeline::carried_state::{CarriedAccount, CarriedHolding, CarriedState};
use crate::pipeline::order_table::{Doubt, LiveOrder, OrderState};
use crate::pipeline::risk::fills::BookedFill;

/// A run goes on where another one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// Inputs that the former runs have numbered.
    pub decision: u64,
    /// Core time of the last of them, UTC ns.
    pub time_ns: u64,
    /// Counter of the next ClOrdID.
    pub next_counter: u64,
    /// SHA-256 of the former run's header.
    pub former_run: [u8; 32],
    /// Messages of the day, cancels among them.
    pub messages: u64,
    /// Fills of the day.
    pub trades: u64,
    /// Best that the day's profit stood at, 1e-9 of the currency.
    pub best_worth: i128,
    /// Records of what was taken over that follow: with fewer of them the run was killed before it began.
    pub items: u64,
}

impl Resumed {
    /// The part of a state that is not a list; `items` records follow.
    #[must_use]
    const fn of(carried: &CarriedState, items: u64) -> Self {
        let CarriedState {
            decision, time_ns, next_counter, former_run, messages, trades, best_worth, ..
        } = *carried;
        Self { decision, time_ns, next_counter, former_run, messages, trades, best_worth, items }
    }

    /// A state whose lists are empty.
    fn begin(self) -> CarriedState {
        let Self { decision, time_ns, next_counter, former_run, messages, trades, best_worth, .. } = self;
        CarriedState {
            decision,
            time_ns,
            next_counter,
            former_run,
            messages,
            trades,
            best_worth,
            ..CarriedState::default()
        }
    }

    /// `[decision u64][time u64][next counter u64][SHA-256 32][items u64][messages u64][trades u64][best worth i128]`
    #[must_use]
    pub fn encode(&self) -> [u8; 96] {
        let mut out = [0; 96];
        out[0..8].copy_from_slice(&self.decision.to_le_bytes());
        out[8..16].copy_from_slice(&self.time_ns.to_le_bytes());
        out[16..24].copy_from_slice(&self.next_counter.to_le_bytes());
        out[24..56].copy_from_slice(&self.former_run);
        out[56..64].copy_from_slice(&self.items.to_le_bytes());
        out[64..72].copy_from_slice(&self.messages.to_le_bytes());
        out[72..80].copy_from_slice(&self.trades.to_le_bytes());
        out[80..96].copy_from_slice(&self.best_worth.to_le_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] for anything else.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let bytes = sized::<96>(RecordKind::Resumed, payload)?;
        let mut former_run = [0; 32];
        former_run.copy_from_slice(&bytes[24..56]);
        Ok(Self {
            decision: u64_at(bytes, 0),
            time_ns: u64_at(bytes, 8),
            next_counter: u64_at(bytes, 16),
            former_run,
            items: u64_at(bytes, 56),
            messages: u64_at(bytes, 64),
            trades: u64_at(bytes, 72),
            best_worth: i128_at(bytes, 80),
        })
    }
}

/// `[instrument u32][zero 4][position i64][mark i64][zero 8][cost i128][realised i128][fees i128]`
#[must_use]
pub fn encode_account(account: &CarriedAccount) -> [u8; 80] {
    let mut out = [0; 80];
    out[0..4].copy_from_slice(&account.instrument.to_le_bytes());
    out[8..16].copy_from_slice(&account.position.to_le_bytes());
    out[16..24].copy_from_slice(&account.mark.to_le_bytes());
    out[32..48].copy_from_slice(&account.cost.to_le_bytes());
    out[48..64].copy_from_slice(&account.realised.to_le_bytes());
    out[64..80].copy_from_slice(&account.fees.to_le_bytes());
    out
}

/// Reads what [`encode_account`] wrote.
///
/// # Errors
/// [`PayloadError`] for anything else.
pub fn decode_account(payload: &[u8]) -> Result<CarriedAccount, PayloadError> {
    let kind = RecordKind::Account;
    let bytes = sized::<80>(kind, payload)?;
    zero(kind, payload, 4, 8)?;
    zero(kind, payload, 24, 32)?;
    Ok(CarriedAccount {
        instrument: u32_at(bytes, 0),
        position: i64_at(bytes, 8),
        mark: i64_at(bytes, 16),
        cost: i128_at(bytes, 32),
        realised: i128_at(bytes, 48),
        fees: i128_at(bytes, 64),
    })
}

/// `[instrument u32][strategy u16][zero 2][position i64]`
#[must_use]
pub fn encode_holding(holding: &CarriedHolding) -> [u8; 16] {
    let mut out = [0; 16];
    out[0..4].copy_from_slice(&holding.instrument.to_le_bytes());
    out[4..6].copy_from_slice(&holding.strategy.to_le_bytes());
    out[8..16].copy_from_slice(&holding.position.to_le_bytes());
    out
}

/// Reads what [`encode_holding`] wrote.
///
/// # Errors
/// [`PayloadError`] for anything else.
pub fn decode_holding(payload: &[u8]) -> Result<CarriedHolding, PayloadError> {
    let bytes = sized::<16>(RecordKind::Holding, payload)?;
    zero(RecordKind::Holding, payload, 6, 8)?;
    Ok(CarriedHolding {
        instrument: u32_at(bytes, 0),
        strategy: u16::from_le_bytes([bytes[4], bytes[5]]),
        position: i64_at(bytes, 8),
    })
}

/// `[ExecID u64][price i64][quantity u64][ClOrdID u64][fee i128][instrument u32][strategy u16][venue u8][side u8]
/// [takes u8][zero 7]`
#[must_use]
pub fn encode_booked_fill(fill: &BookedFill) -> [u8; 64] {
    let mut out = [0; 64];
    out[0..8].copy_from_slice(&fill.exec_id.to_le_bytes());
    out[8..16].copy_from_slice(&fill.price.to_le_bytes());
    out[16..24].copy_from_slice(&fill.quantity.to_le_bytes());
    out[24..32].copy_from_slice(&fill.cl_ord_id.to_le_bytes());
    out[32..48].copy_from_slice(&fill.fee.to_le_bytes());
    out[48..52].copy_from_slice(&fill.instrument.to_le_bytes());
    out[52..54].copy_from_slice(&fill.strategy.to_le_bytes());
    out[54..57].copy_from_slice(&[fill.venue, fill.side as u8, u8::from(fill.takes)]);
    out
}

/// Reads what [`encode_booked_fill`] wrote.
///
/// # Errors
/// [`PayloadError`] for anything else.
pub fn decode_booked_fill(payload: &[u8]) -> Result<BookedFill, PayloadError> {
    let kind = RecordKind::BookedFill;
    let bytes = sized::<64>(kind, payload)?;
    zero(kind, payload, 57, 64)?;
    Ok(BookedFill {
        exec_id: u64_at(bytes, 0),
        price: i64_at(bytes, 8),
        quantity: u64_at(bytes, 16),
        cl_ord_id: u64_at(bytes, 24),
        fee: i128_at(bytes, 32),
        instrument: u32_at(bytes, 48),
        strategy: u16::from_le_bytes([bytes[52], bytes[53]]),
        venue: bytes[54],
        side: side(bytes[55]).ok_or(PayloadError::Field { kind, at: 55 })?,
        takes: flag(bytes[56]).ok_or(PayloadError::Field { kind, at: 56 })?,
    })
}

/// Everything that a run takes over, as records: first [`Resumed`], which says how many follow.
pub fn for_each_carried(carried: &CarriedState, mut record: impl FnMut(RecordKind, &[u8])) {
    let mut items = 0;
    each_item(carried, &mut |_, _| items += 1);
    record(RecordKind::Resumed, &Resumed::of(carried, items).encode());
    each_item(carried, &mut record);
}

fn each_item(carried: &CarriedState, record: &mut impl FnMut(RecordKind, &[u8])) {
    for order in &carried.orders {
        record(RecordKind::OpenOrder, &encode_open_order(order));
    }
    for account in &carried.accounts {
        record(RecordKind::Account, &encode_account(account));
    }
    for holding in &carried.holdings {
        record(RecordKind::Holding, &encode_holding(holding));
    }
    for fill in &carried.fills {
        record(RecordKind::BookedFill, &encode_booked_fill(fill));
    }
    for worth in &carried.worths {
        record(RecordKind::Worth, &encode_worth(worth));
    }
    for command in carried.standing() {
        record(RecordKind::Standing, &encode_command(&command));
    }
}

/// Puts together what [`for_each_carried`] took apart.
#[derive(Clone, Debug, Default)]
pub struct CarriedBuilder {
    state: Option<CarriedState>,
    /// Records that are still to come.
    missing: u64,
}

/// Records of what was taken over that belong to no [`Resumed`], or fewer of them than it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotResumed;

impl CarriedBuilder {
    /// Takes the next record; whether it is of what was taken over.
    ///
    /// # Errors
    /// [`NotResumed`]: there is nothing that it could belong to.
    pub fn push(&mut self, record: &DecideRecord) -> Result<bool, NotResumed> {
        match (record, &mut self.state) {
            (DecideRecord::Resumed(resumed), None) => {
                self.state = Some(resumed.begin());
                self.missing = resumed.items;
                return Ok(true);
            }
            (DecideRecord::OpenOrder(order), Some(state)) => state.orders.push(*order),
            (DecideRecord::Account(account), Some(state)) => state.accounts.push(*account),
            (DecideRecord::Holding(holding), Some(state)) => state.holdings.push(*holding),
            (DecideRecord::BookedFill(fill), Some(state)) => state.fills.push(*fill),
            (DecideRecord::Worth(worth), Some(state)) => state.worths.push(*worth),
            (DecideRecord::Standing(command), Some(state)) => state.stand(*command),
            (
                DecideRecord::Resumed(_)
                | DecideRecord::OpenOrder(_)
                | DecideRecord::Account(_)
                | DecideRecord::Holding(_)
                | DecideRecord::BookedFill(_)
                | DecideRecord::Worth(_)
                | DecideRecord::Standing(_),
                _,
            ) => return Err(NotResumed),
            _ => return Ok(false),
        }
        self.missing = self.missing.checked_sub(1).ok_or(NotResumed)?;
        Ok(true)
    }

    /// The state, given once, when all of it has come; `None` where nothing was taken over.
    ///
    /// # Errors
    /// [`NotResumed`]: some of it has not come.
    pub fn take(&mut self) -> Result<Option<CarriedState>, NotResumed> {
        if self.missing == 0 { Ok(self.state.take()) } else { Err(NotResumed) }
    }
}

/// The bytes of an open order: the public fields of [`LiveOrder`] up to its state. What is known of its
/// state at the venue is not among them: after a restart nothing is.
#[must_use]
pub fn encode_open_order(order: &LiveOrder) -> [u8; 96] {
    let mut out = [0; 96];
    let words = [
        order.cl_ord_id,
        order.pending_id,
        order.price.cast_unsigned(),
        order.quantity,
        order.pending_price.cast_unsigned(),
        order.pending_quantity,
        order.cumulative,
        order.reserved,
        order.since_ns,
    ];
    for (place, word) in out.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    out[72..76].copy_from_slice(&order.instrument.to_le_bytes());
    out[76..78].copy_from_slice(&order.strategy.to_le_bytes());
    out[78] = order.venue;
    out[79] = order.side as u8;
    out[80] = order.time_in_force as u8;
    out[81] = order.state as u8;
    out[82] = u8::from(order.sells_short);
    out[83] = u8::from(order.doomed);
    out[88..96].copy_from_slice(&order.asked_ns.to_le_bytes());
    out
}

/// Reads what [`encode_open_order`] wrote.
///
/// # Errors
/// [`PayloadError`] for anything else.
pub fn decode_open_order(payload: &[u8]) -> Result<LiveOrder, PayloadError> {
    let kind = RecordKind::OpenOrder;
    let bytes = sized::<96>(kind, payload)?;
    zero(kind, payload, 84, 88)?;
    let mut order = LiveOrder::VACANT;
    order.cl_ord_id = u64_at(bytes, 0);
    order.pending_id = u64_at(bytes, 8);
    order.price = i64_at(bytes, 16);
    order.quantity = u64_at(bytes, 24);
    order.pending_price = i64_at(bytes, 32);
    order.pending_quantity = u64_at(bytes, 40);
    order.cumulative = u64_at(bytes, 48);
    order.reserved = u64_at(bytes, 56);
    order.since_ns = u64_at(bytes, 64);
    order.asked_ns = u64_at(bytes, 88);
    order.instrument = u32_at(bytes, 72);
    order.strategy = u16::from_le_bytes([bytes[76], bytes[77]]);
    order.venue = bytes[78];
    order.side = side(bytes[79]).ok_or(PayloadError::Field { kind, at: 79 })?;
    order.time_in_force = time_in_force(bytes[80]).ok_or(PayloadError::Field { kind, at: 80 })?;
    order.state = state(bytes[81]).ok_or(PayloadError::Field { kind, at: 81 })?;
    order.sells_short = flag(bytes[82]).ok_or(PayloadError::Field { kind, at: 82 })?;
    order.doomed = flag(bytes[83]).ok_or(PayloadError::Field { kind, at: 83 })?;
    order.doubt = Doubt::Asked;
    Ok(order)
}

fn state(code: u8) -> Option<OrderState> {
    [OrderState::PendingNew, OrderState::Live, OrderState::PendingReplace, OrderState::PendingCancel]
        .into_iter()
        .find(|&state| state as u8 == code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::TimeInForce;
    use crate::pipeline::operator::{KillCause, Scope};
    use feeds::event::Side;

    fn sample() -> LiveOrder {
        let mut order = LiveOrder::VACANT;
        order.cl_ord_id = 1;
        order.pending_id = 2;
        order.price = -3;
        order.quantity = 4;
        order.pending_price = 5;
        order.pending_quantity = 6;
        order.cumulative = 7;
        order.reserved = 8;
        order.since_ns = 9;
        order.asked_ns = 10;
        order.instrument = 0x0a0b_0c0d;
        order.strategy = 0x0e0f;
        order.venue = 0x10;
        order.side = Side::Sell;
        order.time_in_force = TimeInForce::ImmediateOrCancel;
        order.sells_short = true;
        order.doomed = true;
        order.state = OrderState::PendingReplace;
        order.doubt = Doubt::Asked;
        order
    }

    #[test]
    fn what_was_taken_over_comes_back() {
        let bytes = encode_open_order(&sample());
        for (at, value) in
            [(0, 1u64), (8, 2), (16, -3i64 as u64), (24, 4), (32, 5), (40, 6), (48, 7), (56, 8), (64, 9)]
        {
            assert_eq!(bytes[at..at + 8], value.to_le_bytes(), "offset {at}");
        }
        let codes = [0x0d, 0x0c, 0x0b, 0x0a, 0x0f, 0x0e, 0x10, 2, 3, 3, 1, 1, 0, 0, 0, 0];
        assert_eq!(bytes[72..88], codes);
        assert_eq!(decode_open_order(&bytes), Ok(sample()));
        for at in [79, 80, 81, 82, 83, 85] {
            let mut wrong = bytes;
            wrong[at] = 9;
            assert!(decode_open_order(&wrong).is_err(), "offset {at}");
        }
        let resumed = Resumed {
            decision: 1,
            time_ns: 2,
            next_counter: 3,
            former_run: [4; 32],
            messages: 5,
            trades: 6,
            best_worth: -7,
            items: 8,
        };
        assert_eq!(Resumed::decode(&resumed.encode()), Ok(resumed));
        assert_eq!(Resumed::of(&resumed.begin(), 8), resumed);
        let account =
            CarriedAccount { instrument: 7, position: -8, mark: 9, cost: -10, realised: 11, fees: -12 };
        assert_eq!(encode_account(&account)[..4], [7, 0, 0, 0]);
        assert_eq!(decode_account(&encode_account(&account)), Ok(account));
        let holding = CarriedHolding { instrument: 1, strategy: 2, position: -3 };
        assert_eq!(decode_holding(&encode_holding(&holding)), Ok(holding));
        let fill = BookedFill {
            exec_id: 1,
            price: -2,
            quantity: 3,
            fee: -4,
            cl_ord_id: 5,
            instrument: 6,
            strategy: 7,
            venue: 8,
            side: Side::Sell,
            takes: true,
        };
        assert_eq!(decode_booked_fill(&encode_booked_fill(&fill)), Ok(fill));
    }

    #[test]
    fn what_is_not_all_there_is_not_taken_over() {
        let state = CarriedState {
            orders: vec![sample(), sample()],
            blocks: vec![(Scope::All, KillCause::Operator)],
            ..CarriedState::default()
        };
        let mut records = Vec::new();
        for_each_carried(&state, |kind, payload| records.push(DecideRecord::decode(kind, payload).unwrap()));
        assert_eq!(records.len(), 4);
        for count in 0..=4 {
            let mut builder = CarriedBuilder::default();
            assert!(records[..count].iter().all(|record| builder.push(record) == Ok(true)));
            let expected = match count {
                0 => Ok(None),
                4 => Ok(Some(state.clone())),
                _ => Err(NotResumed),
            };
            assert_eq!(builder.take(), expected, "{count} records");
        }
        let mut builder = CarriedBuilder::default();
        assert_eq!(builder.push(&records[1]), Err(NotResumed), "of no run");
        records.iter().for_each(|record| assert_eq!(builder.push(record), Ok(true)));
        assert_eq!(builder.push(&records[3]), Err(NotResumed), "one too many");
    }
}
