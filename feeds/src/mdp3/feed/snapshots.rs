//! Snapshots: an instrument's book as of an incremental packet, by price or by order.
//!
//! A snapshot is taken only when the instrument needs one and it is not older than the increments that were seen: the
//! loop of the exchange comes round again. What increments up to it say is then in it.

use super::values::{book_side, price_of, quantity_of, quantity_of_long};
use super::{BookForm, Place, Sink, UNSEEN_SEQUENCE};
use crate::event::{EventKind, MarketEvent, Side, flags};
use crate::mdp3::blocks::SnapshotOrderEntry;
use crate::mdp3::levels::{LevelUpdate, action};
use crate::mdp3::messages::{Snapshot, SnapshotOrders, SnapshotTcp};
use crate::packet_decoder::PacketErrorCause;

/// A level of a snapshot, in event units.
struct SnapshotLevel {
    entry_type: u8,
    level: u8,
    price: i64,
    quantity: u64,
}

impl Sink<'_> {
    #[cold]
    pub(super) fn snapshot(&mut self, snapshot: &Snapshot<'_>) -> Result<(), PacketErrorCause> {
        let root = &snapshot.root;
        let Some(place) = self.wanted(BookForm::Levels, root.security_id, root.last_sequence) else {
            return Ok(());
        };
        let template = snapshot.template;
        let levels = snapshot.entries.iter().map(|entry| {
            Ok(SnapshotLevel {
                entry_type: entry.entry_type,
                level: u8::try_from(entry.level).unwrap_or(0),
                price: price_of(template, entry.price)?,
                quantity: quantity_of(entry.size)?,
            })
        });
        self.replace_levels(place, levels, root.transact_ns)?;
        self.taken(place, root.last_sequence, root.transact_ns);
        self.status(place, root.status, root.transact_ns);
        Ok(())
    }

    /// The conflated service has no incremental packet to refer to: each snapshot is as of now.
    #[cold]
    pub(super) fn snapshot_tcp(&mut self, snapshot: &SnapshotTcp<'_>) -> Result<(), PacketErrorCause> {
        let root = &snapshot.root;
        if self.feed.form == BookForm::Orders {
            self.feed.counters.ignored_snapshots += 1;
            return Ok(());
        }
        let Some(place) = self.place(root.security_id) else { return Ok(()) };
        let template = snapshot.template;
        let levels = snapshot.entries.iter().map(|entry| {
            Ok(SnapshotLevel {
                entry_type: entry.entry_type,
                level: entry.level,
                price: price_of(template, entry.price)?,
                quantity: quantity_of_long(entry.size),
            })
        });
        self.replace_levels(place, levels, root.transact_ns)?;
        self.taken(place, UNSEEN_SEQUENCE, root.transact_ns);
        Ok(())
    }

    #[cold]
    pub(super) fn snapshot_orders(&mut self, snapshot: &SnapshotOrders<'_>) -> Result<(), PacketErrorCause> {
        let root = &snapshot.root;
        let Some(place) = self.wanted(BookForm::Orders, root.security_id, root.last_sequence) else {
            return Ok(());
        };
        let instrument = self.remembered(place.locate);
        if root.chunk != 1 && root.chunk != instrument.next_chunk {
            self.feed.counters.ignored_snapshots += 1;
            return Ok(());
        }
        // Until the last chunk no increment fits.
        (instrument.ignoring, instrument.next_chunk) = (true, root.chunk.saturating_add(1));
        let event = MarketEvent {
            flags: flags::SNAPSHOT,
            ..self.event(EventKind::OrderAdd, place.instrument, root.transact_ns)
        };
        if root.chunk == 1 {
            self.events.push(MarketEvent { kind: EventKind::Clear, ..event });
        }
        for entry in snapshot.orders.iter() {
            let SnapshotOrderEntry { order_id, price, size, entry_type, .. } = entry;
            let (price, quantity) = (price_of(snapshot.template, price)?, quantity_of(size)?);
            let Some(side) = book_side(entry_type) else {
                self.feed.counters.inconsistent_entries += 1;
                continue;
            };
            self.events.push(MarketEvent { order_id, price, quantity, side, ..event });
        }
        if root.chunk >= root.chunks {
            self.taken(place, root.last_sequence, root.transact_ns);
        }
        Ok(())
    }

    /// The place of the instrument if a snapshot of this form and packet is to be taken.
    fn wanted(&mut self, form: BookForm, security_id: i32, last_sequence: u32) -> Option<Place> {
        if self.feed.form != form {
            return None;
        }
        let place = self.place(security_id)?;
        let instrument = self.remembered(place.locate);
        let wanted = !instrument.complete && last_sequence >= instrument.last_sequence;
        self.feed.counters.ignored_snapshots += u64::from(!wanted);
        wanted.then_some(place)
    }

    fn replace_levels(
        &mut self,
        place: Place,
        entries: impl Iterator<Item = Result<SnapshotLevel, PacketErrorCause>>,
        exchange_ns: u64,
    ) -> Result<(), PacketErrorCause> {
        let event = MarketEvent {
            flags: flags::SNAPSHOT,
            ..self.event(EventKind::LevelSet, place.instrument, exchange_ns)
        };
        self.events.push(MarketEvent { kind: EventKind::Clear, ..event });
        let mut levels = self.remembered(place.locate).levels;
        levels.clear();
        // Whole or not at all: after an entry that cannot be read the book waits for the next snapshot.
        self.remembered(place.locate).levels = levels;
        self.remembered(place.locate).ignoring = true;
        for entry in entries {
            let SnapshotLevel { entry_type, level, price, quantity } = entry?;
            // Statistics and implied levels are in the snapshot too.
            let Some(side @ (Side::Buy | Side::Sell)) = book_side(entry_type) else { continue };
            let update = LevelUpdate { action: action::CHANGE, level, price, quantity };
            let applied = levels.apply(side, update, |price, quantity| {
                self.events.push(MarketEvent { price, quantity, side, ..event });
            });
            self.feed.counters.inconsistent_entries += u64::from(applied.is_err());
        }
        self.remembered(place.locate).levels = levels;
        Ok(())
    }

    /// The snapshot is whole: increments go on behind `last_sequence`.
    fn taken(&mut self, place: Place, last_sequence: u32, exchange_ns: u64) {
        let instrument = self.remembered(place.locate);
        instrument.complete = last_sequence != UNSEEN_SEQUENCE;
        (instrument.ignoring, instrument.next_chunk) = (false, 0);
        instrument.snapshot_sequence = last_sequence;
        let event = self.event(EventKind::Recovered, place.instrument, exchange_ns);
        let flags = flags::SNAPSHOT | flags::LAST_OF_EVENT;
        self.events.push(MarketEvent { flags, ..event });
    }
}
