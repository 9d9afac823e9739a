//! What a resumed run takes over, as the first records of its journal: one [`Resumed`], then open orders and positions.

use super::layout::{i64_at, u32_at, u64_at};
use super::order_records::{side, time_in_force};
use super::records::{sized, zero};
use super::{DecideRecord, PayloadError, RecordKind};
use crate::pipeline::carried_state::CarriedState;
use crate::pipeline::order_table::{Doubt, LiveOrder, OrderState};

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
    /// Records of what was taken over that follow: with fewer of them the run was killed before it began.
    pub items: u64,
}

/// A position that is not flat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Dense instrument number.
    pub instrument: u32,
    /// Net filled quantity, positive long.
    pub quantity: i64,
}

impl Resumed {
    /// The part of a state that is not a list; `items` records follow.
    #[must_use]
    const fn of(carried: &CarriedState, items: u64) -> Self {
        let CarriedState { decision, time_ns, next_counter, former_run, .. } = *carried;
        Self { decision, time_ns, next_counter, former_run, items }
    }

    /// A state without orders and positions.
    fn begin(self) -> CarriedState {
        let Self { decision, time_ns, next_counter, former_run, .. } = self;
        CarriedState { decision, time_ns, next_counter, former_run, ..CarriedState::default() }
    }

    /// `[decision u64][time u64][next counter u64][SHA-256 32][items u64]`
    #[must_use]
    pub fn encode(&self) -> [u8; 64] {
        let mut out = [0; 64];
        out[0..8].copy_from_slice(&self.decision.to_le_bytes());
        out[8..16].copy_from_slice(&self.time_ns.to_le_bytes());
        out[16..24].copy_from_slice(&self.next_counter.to_le_bytes());
        out[24..56].copy_from_slice(&self.former_run);
        out[56..64].copy_from_slice(&self.items.to_le_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] for anything else.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let bytes = sized::<64>(RecordKind::Resumed, payload)?;
        let mut former_run = [0; 32];
        former_run.copy_from_slice(&bytes[24..56]);
        let (decision, time_ns, next_counter) = (u64_at(bytes, 0), u64_at(bytes, 8), u64_at(bytes, 16));
        Ok(Self { decision, time_ns, next_counter, former_run, items: u64_at(bytes, 56) })
    }
}

impl Position {
    /// `[instrument u32][zero 4][quantity i64]`
    #[must_use]
    pub fn encode(&self) -> [u8; 16] {
        let mut out = [0; 16];
        out[0..4].copy_from_slice(&self.instrument.to_le_bytes());
        out[8..16].copy_from_slice(&self.quantity.to_le_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] for anything else.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let bytes = sized::<16>(RecordKind::Position, payload)?;
        zero(RecordKind::Position, payload, 4, 8)?;
        Ok(Self { instrument: u32_at(bytes, 0), quantity: i64_at(bytes, 8) })
    }
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
    for &(instrument, quantity) in &carried.positions {
        record(RecordKind::Position, &Position { instrument, quantity }.encode());
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
            (DecideRecord::Position(position), Some(state)) => {
                state.positions.push((position.instrument, position.quantity));
            }
            (DecideRecord::Resumed(_) | DecideRecord::OpenOrder(_) | DecideRecord::Position(_), _) => {
                return Err(NotResumed);
            }
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

/// The bytes of an open order: the public fields of [`LiveOrder`] in their order, up to its state. What is known of its
/// state at the venue is not among them: after a restart nothing is.
#[must_use]
pub fn encode_open_order(order: &LiveOrder) -> [u8; 88] {
    let mut out = [0; 88];
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
    out
}

/// Reads what [`encode_open_order`] wrote.
///
/// # Errors
/// [`PayloadError`] for anything else.
pub fn decode_open_order(payload: &[u8]) -> Result<LiveOrder, PayloadError> {
    let kind = RecordKind::OpenOrder;
    let bytes = sized::<88>(kind, payload)?;
    zero(kind, payload, 82, 88)?;
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
    order.instrument = u32_at(bytes, 72);
    order.strategy = u16::from_le_bytes([bytes[76], bytes[77]]);
    order.venue = bytes[78];
    order.side = side(bytes[79]).ok_or(PayloadError::Field { kind, at: 79 })?;
    order.time_in_force = time_in_force(bytes[80]).ok_or(PayloadError::Field { kind, at: 80 })?;
    order.state = state(bytes[81]).ok_or(PayloadError::Field { kind, at: 81 })?;
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
        order.instrument = 0x0a0b_0c0d;
        order.strategy = 0x0e0f;
        order.venue = 0x10;
        order.side = Side::Sell;
        order.time_in_force = TimeInForce::ImmediateOrCancel;
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
        let codes = [0x0d, 0x0c, 0x0b, 0x0a, 0x0f, 0x0e, 0x10, 2, 3, 3, 0, 0, 0, 0, 0, 0];
        assert_eq!(bytes[72..88], codes);
        assert_eq!(decode_open_order(&bytes), Ok(sample()));
        for at in [79, 80, 81, 85] {
            let mut wrong = bytes;
            wrong[at] = 9;
            assert!(decode_open_order(&wrong).is_err(), "offset {at}");
        }
        let resumed = Resumed { decision: 1, time_ns: 2, next_counter: 3, former_run: [4; 32], items: 5 };
        assert_eq!(Resumed::decode(&resumed.encode()), Ok(resumed));
        assert_eq!(Resumed::of(&resumed.begin(), 5), resumed);
        let position = Position { instrument: 7, quantity: -8 };
        assert_eq!(position.encode()[..4], [7, 0, 0, 0]);
        assert_eq!(Position::decode(&position.encode()), Ok(position));
    }

    #[test]
    fn what_is_not_all_there_is_not_taken_over() {
        let state = CarriedState {
            orders: vec![sample(), sample()],
            positions: vec![(1, 2)],
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
