//! What is told of instruments beside their books: definitions, statuses, the reset of the channel. Cold.

use super::values::{listed_symbol, price_of, symbol_of, trading_status};
use super::{DEPTH_UNDEFINED, Definition, Place, Sink, UNSEEN_SEQUENCE};
use crate::event::{EventKind, INSTRUMENT_ALL, MarketEvent, flags};
use crate::mdp3::blocks::{INT32_NULL, SecurityStatusRoot};
use crate::mdp3::definitions::{DefinitionHead, FeedTypeEntry};
use crate::mdp3::messages::Group;
use crate::packet_decoder::PacketErrorCause;

impl Sink<'_> {
    /// A status of an instrument, which is a market event of its own.
    pub(super) fn status(&mut self, place: Place, code: u8, exchange_ns: u64) {
        let Some(status) = trading_status(code) else { return };
        let event = self.event(EventKind::TradingStatus, place.instrument, exchange_ns);
        self.events.push(MarketEvent { quantity: status as u64, flags: flags::LAST_OF_EVENT, ..event });
    }

    /// A status of an instrument or of all defined ones of a group.
    #[cold]
    pub(super) fn security_status(&mut self, root: &SecurityStatusRoot) {
        if root.security_id != INT32_NULL {
            if let Some(place) = self.place(root.security_id) {
                self.status(place, root.status, root.transact_ns);
            }
            return;
        }
        for locate in (0..u16::MAX).take(self.feed.listings.len()) {
            let definition = self.remembered(locate).definition;
            if definition.is_some_and(|definition| definition.group == root.group) {
                let instrument = self.directory.instrument_at(self.feed.venue, locate);
                self.status(Place { locate, instrument }, root.status, root.transact_ns);
            }
        }
    }

    /// The channel starts anew: all books are empty, and current.
    #[cold]
    pub(super) fn channel_reset(&mut self, exchange_ns: u64) {
        let mut recovered = false;
        let listed = self.feed.listings.len();
        for instrument in &mut self.feed.instruments[..listed] {
            recovered |= instrument.ignoring;
            instrument.levels.clear();
            (instrument.ignoring, instrument.complete) = (false, true);
            (instrument.snapshot_sequence, instrument.last_sequence) = (UNSEEN_SEQUENCE, UNSEEN_SEQUENCE);
        }
        let event = self.event(EventKind::Clear, INSTRUMENT_ALL, exchange_ns);
        self.events.push(event);
        if recovered {
            self.events.push(MarketEvent { kind: EventKind::Recovered, ..event });
        }
        if let Some(last) = self.events.last_mut() {
            last.flags |= flags::LAST_OF_EVENT;
        }
    }

    #[cold]
    pub(super) fn define(
        &mut self,
        template: u16,
        head: &[u8; DefinitionHead::LENGTH],
        (tick, match_algorithm): (i64, u8),
        feed_types: &Group<'_, FeedTypeEntry>,
    ) -> Result<(), PacketErrorCause> {
        let head = DefinitionHead::read(head);
        let tick = price_of(template, tick)?;
        let Some((locate, new)) =
            self.feed.listings.locate_or_insert(head.security_id.cast_unsigned().into())
        else {
            self.feed.counters.unlisted_entries += 1;
            return Ok(());
        };
        if new {
            let symbol = listed_symbol(&head.symbol);
            self.feed.counters.numbered_listings += u64::from(symbol.is_none());
            self.feed.list(self.directory, locate, symbol.unwrap_or_else(|| symbol_of(head.security_id)));
        }
        let book = feed_types.iter().find(|entry| entry.feed_type == *b"GBX");
        let depth = book.and_then(|entry| u8::try_from(entry.depth).ok()).unwrap_or(DEPTH_UNDEFINED);
        let instrument = self.remembered(locate);
        instrument.levels.set_depth(depth);
        instrument.definition =
            Some(Definition { tick, match_algorithm, group: head.group, symbol: head.symbol, depth });
        let place = Place { locate, instrument: self.directory.instrument_at(self.feed.venue, locate) };
        self.status(place, head.status, head.last_update_ns);
        Ok(())
    }
}
