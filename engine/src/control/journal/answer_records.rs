//! Answers of wide work in the journal of decide: the items in records of their own, a few each, and behind them the answer,
//! which is the input. Items behind which no answer is were not consumed: the process was killed between.

use super::layout::{i64_at, u32_at, u64_at};
use super::records::{sized, zero};
use super::{PayloadError, RecordKind};
use crate::pipeline::wide::{ComputedBy, WideAnswered};
use kernels::abi::{ItemKey, ItemKind, WideItem};

/// Items of a record at most.
pub const ANSWER_ITEMS_MAX: usize = 4;

const ITEM_BYTES: usize = 48;

/// Longest payload of [`RecordKind::AnswerItems`].
pub const ANSWER_ITEMS_BYTES_MAX: usize = ANSWER_ITEMS_MAX * ITEM_BYTES;

/// Some items of an answer, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerItems {
    items: [WideItem; ANSWER_ITEMS_MAX],
    len: u8,
}

impl AnswerItems {
    /// The first of `items`, as many as a record takes.
    #[must_use]
    pub fn of(items: &[WideItem]) -> Self {
        let nothing = WideItem { key: ItemKey { kind: ItemKind::Relation, index: 0 }, values: [0; 5] };
        let mut of =
            Self { items: [nothing; ANSWER_ITEMS_MAX], len: items.len().min(ANSWER_ITEMS_MAX) as u8 };
        for (place, item) in of.items.iter_mut().zip(items) {
            *place = *item;
        }
        of
    }

    /// The items.
    #[must_use]
    pub fn as_slice(&self) -> &[WideItem] {
        &self.items[..usize::from(self.len)]
    }

    /// An item: `[kind u32][number u32][values i64 x 5]`; returns how many bytes of `out` are the payload.
    pub fn encode(&self, out: &mut [u8; ANSWER_ITEMS_BYTES_MAX]) -> usize {
        for (place, item) in out.chunks_exact_mut(ITEM_BYTES).zip(self.as_slice()) {
            place[0..4].copy_from_slice(&(item.key.kind as u32).to_le_bytes());
            place[4..8].copy_from_slice(&item.key.index.to_le_bytes());
            for (value, place) in item.values.iter().zip(place[8..].chunks_exact_mut(8)) {
                place.copy_from_slice(&value.to_le_bytes());
            }
        }
        usize::from(self.len) * ITEM_BYTES
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] for anything else, no items or too many included.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let kind = RecordKind::AnswerItems;
        let (pieces, rest) = payload.as_chunks::<ITEM_BYTES>();
        if !rest.is_empty() || pieces.is_empty() || pieces.len() > ANSWER_ITEMS_MAX {
            let expected = pieces.len().clamp(1, ANSWER_ITEMS_MAX) * ITEM_BYTES;
            return Err(PayloadError::Length { kind, found: payload.len(), expected });
        }
        let mut read = Self { len: pieces.len() as u8, ..Self::of(&[]) };
        for (number, (place, bytes)) in read.items.iter_mut().zip(pieces).enumerate() {
            let code = ItemKind::from_code(u32_at(bytes, 0));
            let item_kind = code.ok_or(PayloadError::Field { kind, at: number * ITEM_BYTES })?;
            let values = std::array::from_fn(|value| i64_at(bytes, 8 + 8 * value));
            *place = WideItem { key: ItemKey { kind: item_kind, index: u32_at(bytes, 4) }, values };
        }
        Ok(read)
    }
}

/// An answer consumed; its items are in the records before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerEnd {
    /// Number of its request.
    pub request: u64,
    /// The request's listing.
    pub listing: u32,
    /// Its items.
    pub items: u32,
    /// Who computed it.
    pub computed_by: ComputedBy,
}

impl AnswerEnd {
    /// That of an answer.
    #[must_use]
    pub fn of(answer: &WideAnswered<'_>) -> Self {
        let WideAnswered { request, listing, computed_by, items, .. } = *answer;
        Self { request, listing, items: u32::try_from(items.len()).unwrap_or(u32::MAX), computed_by }
    }

    /// `[request u64][listing u32][items u32][computed by u8][zero 7]`
    #[must_use]
    pub fn encode(&self) -> [u8; 24] {
        let mut out = [0; 24];
        out[0..8].copy_from_slice(&self.request.to_le_bytes());
        out[8..12].copy_from_slice(&self.listing.to_le_bytes());
        out[12..16].copy_from_slice(&self.items.to_le_bytes());
        out[16] = self.computed_by as u8;
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PayloadError`] for anything else.
    pub fn decode(payload: &[u8]) -> Result<Self, PayloadError> {
        let kind = RecordKind::Answer;
        let bytes = sized::<24>(kind, payload)?;
        zero(kind, payload, 17, 24)?;
        let computed_by = ComputedBy::from_code(bytes[16]).ok_or(PayloadError::Field { kind, at: 16 })?;
        let (request, listing, items) = (u64_at(bytes, 0), u32_at(bytes, 8), u32_at(bytes, 12));
        Ok(Self { request, listing, items, computed_by })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: ItemKind, index: u32) -> WideItem {
        WideItem { key: ItemKey { kind, index }, values: [1, -2, 0x0304, i64::MIN, i64::MAX] }
    }

    fn encoded(items: &[WideItem]) -> Vec<u8> {
        let mut out = [0; ANSWER_ITEMS_BYTES_MAX];
        let length = AnswerItems::of(items).encode(&mut out);
        out[..length].to_vec()
    }

    #[test]
    fn items_lie_where_they_should_and_come_back() {
        let items = [item(ItemKind::Relation, 7), item(ItemKind::Option, 0x0102)];
        let bytes = encoded(&items);
        assert_eq!(bytes.len(), 96);
        assert_eq!(
            bytes[..24],
            [1, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 254, 255, 255, 255, 255, 255, 255, 255]
        );
        assert_eq!(bytes[48..56], [2, 0, 0, 0, 2, 1, 0, 0]);
        assert_eq!(AnswerItems::decode(&bytes).map(|read| read.as_slice().to_vec()), Ok(items.to_vec()));
        let many = [item(ItemKind::Option, 3); 9];
        assert_eq!(AnswerItems::of(&many).as_slice(), &many[..ANSWER_ITEMS_MAX]);
    }

    #[test]
    fn other_payloads_are_refused() {
        let whole = encoded(&[item(ItemKind::Option, 3); ANSWER_ITEMS_MAX]);
        for length in (0..whole.len()).filter(|length| length % ITEM_BYTES != 0 || *length == 0) {
            assert!(AnswerItems::decode(&whole[..length]).is_err(), "{length} bytes");
        }
        let longer = [&whole[..], &whole[..ITEM_BYTES]].concat();
        assert!(AnswerItems::decode(&longer).is_err());
        let mut no_kind = whole;
        no_kind[ITEM_BYTES] = 9;
        let refused = PayloadError::Field { kind: RecordKind::AnswerItems, at: ITEM_BYTES };
        assert_eq!(AnswerItems::decode(&no_kind), Err(refused));
    }

    #[test]
    fn ends_come_back_and_nothing_else_does() {
        let end = AnswerEnd { request: 0x0102, listing: 3, items: 4, computed_by: ComputedBy::Cuda };
        let bytes = end.encode();
        assert_eq!(bytes, [2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(AnswerEnd::decode(&bytes), Ok(end));
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut damaged = bytes;
                damaged[at] = value;
                if let Ok(read) = AnswerEnd::decode(&damaged) {
                    assert_eq!(read.encode(), damaged, "{value} at {at}");
                }
            }
        }
        assert!(AnswerEnd::decode(&bytes[1..]).is_err());
    }
}
