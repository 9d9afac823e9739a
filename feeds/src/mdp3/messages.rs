//! The MDP 3.0 templates: which root block and which groups a message has, and both directions.
//!
//! One table gives, per template, the struct, its place in [`Message`], decoder and encoder. Decoding borrows the
//! message and allocates nothing; groups are walked entry by entry. Stateless; no panic on any input. It checks that
//! blocks are as long as their template needs and lie in the message; it does not judge the values in them.

use std::marker::PhantomData;

use super::blocks::*;
use super::definitions::*;
use super::packet::{MessageHeader, PacketHeader};
use crate::packet_decoder::{PacketErrorCause, count};

/// A repeating group of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a, E> {
    /// Whole entries, of `block_length` bytes each.
    bytes: &'a [u8],
    block_length: u16,
    /// NumInGroup.
    count: u8,
    /// Whether the message has the group at all: older versions end before it.
    present: bool,
    /// What stands between the two in the header of 8 bytes.
    padding: [u8; 5],
    entry: PhantomData<E>,
}

impl<'a, E: Block> Group<'a, E> {
    /// Entries in the group.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.into()
    }

    /// Whether the group has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The entry at `index`, from 0.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<E> {
        let length = usize::from(self.block_length);
        if index >= self.len() {
            return None;
        }
        Some(E::read_block(self.bytes.get(index * length..)?.get(..length)?))
    }

    /// The entries in order.
    #[inline(always)]
    pub fn iter(&self) -> impl Iterator<Item = E> + use<'a, E> {
        let group = *self;
        (0..self.len()).map_while(move |index| group.get(index))
    }

    /// Takes the group off the front of `rest`. `dimension` is the length of the group's header: 3 («groupSize») or 8
    /// («groupSize8Byte»); its last byte is the number of entries.
    #[inline(always)]
    fn read(rest: &mut &'a [u8], dimension: usize, template: u16) -> Result<Self, PacketErrorCause> {
        let absent = Self {
            bytes: &[],
            block_length: 0,
            count: 0,
            present: false,
            padding: [0; 5],
            entry: PhantomData,
        };
        if rest.is_empty() {
            return Ok(absent);
        }
        let short = |needed: usize| PacketErrorCause::Truncated {
            part: "MDP 3.0 repeating group",
            needed: count(needed),
            found: count(rest.len()),
        };
        let Some((header, behind)) = rest.split_at_checked(dimension) else { return Err(short(dimension)) };
        let block_length = u16::from_le_bytes([header[0], header[1]]);
        let entries = header[dimension - 1];
        let mut padding = [0; 5];
        padding[..dimension - 3].copy_from_slice(&header[2..dimension - 1]);
        let length = usize::from(block_length) * usize::from(entries);
        if entries != 0 && usize::from(block_length) < E::NEEDED {
            return Err(PacketErrorCause::MessageLength {
                message_type: template,
                needed: count(E::NEEDED),
                found: block_length.into(),
            });
        }
        let Some((bytes, behind)) = behind.split_at_checked(length) else {
            return Err(short(dimension + length));
        };
        *rest = behind;
        Ok(Self { bytes, block_length, count: entries, present: true, padding, entry: PhantomData })
    }

    fn append(&self, dimension: usize, out: &mut Vec<u8>) {
        if !self.present {
            return;
        }
        out.extend_from_slice(&self.block_length.to_le_bytes());
        out.extend_from_slice(&self.padding[..dimension - 3]);
        out.push(self.count);
        for entry in self.iter() {
            entry.append_block(self.block_length.into(), out);
        }
    }
}

/// What a message of a template looks like on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// TemplateID.
    pub template: u16,
    /// Bytes of the root block.
    pub root_length: usize,
    /// The groups behind it.
    pub groups: &'static [GroupLayout],
}

/// What a repeating group looks like on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLayout {
    /// Bytes of the group's header: 3 («groupSize») or 8 («groupSize8Byte»).
    pub header_length: usize,
    /// Bytes of an entry.
    pub entry_length: usize,
}

/// `NAME [templates] Root { group: Entry / header length, ... }`
macro_rules! templates {
    ($($(#[$doc:meta])* $name:ident [$($template:literal),*] $root:ident {
        $($(#[$group_doc:meta])* $group:ident: $entry:ident / $dimension:literal,)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name<'a> {
                /// TemplateID: which of the templates of this form it is.
                pub template: u16,
                /// The root block.
                pub root: $root,
                $($(#[$group_doc])* pub $group: Group<'a, $entry>,)*
                further: PhantomData<&'a u8>,
            }

            impl<'a> $name<'a> {
                const GROUPS: &'static [GroupLayout] =
                    &[$(GroupLayout { header_length: $dimension, entry_length: $entry::LENGTH }),*];

                #[inline(always)]
                #[allow(unused_mut, unused_variables)] // templates without groups
                fn read(header: &MessageHeader, body: &'a [u8]) -> Result<Self, PacketErrorCause> {
                    let template = header.template;
                    let (root, mut rest) = root::<$root>(header, body)?;
                    $(let $group = Group::read(&mut rest, $dimension, template)?;)*
                    Ok(Self { template, root, $($group,)* further: PhantomData })
                }

                /// Appends the message: `header` with the size set, its root block, its groups.
                pub fn append(&self, header: &MessageHeader, out: &mut Vec<u8>) {
                    let at = out.len();
                    out.extend_from_slice(&header.to_bytes());
                    self.root.append_block(header.block_length.into(), out);
                    $(self.$group.append($dimension, out);)*
                    let size = u16::try_from(out.len() - at).unwrap_or(u16::MAX);
                    out[at..at + 2].copy_from_slice(&size.to_le_bytes());
                }
            }
        )*

        /// A message of a template that is known here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Message<'a> {
            $($(#[$doc])* $name($name<'a>),)*
        }

        /// All templates that are known here.
        pub const LAYOUTS: &[Layout] = &[$($(Layout {
            template: $template,
            root_length: $root::LENGTH,
            groups: $name::GROUPS,
        }),*),*];

        /// Decodes one message, `body` being what is behind its header. `Ok(None)`: a template that is not known here.
        /// Groups and fields that a newer version has behind the known ones are left out.
        ///
        /// # Errors
        /// [`PacketErrorCause`] when a block is shorter than the template needs, or a group does not fit.
        #[inline(always)]
        pub fn decode<'a>(
            header: &MessageHeader,
            body: &'a [u8],
        ) -> Result<Option<Message<'a>>, PacketErrorCause> {
            Ok(Some(match header.template {
                $($($template)|* => Message::$name($name::read(header, body)?),)*
                _ => return Ok(None),
            }))
        }

        impl Message<'_> {
            /// Appends the message: `header` with the size set, its root block, its groups. The inverse of [`decode`]
            /// for messages that have nothing behind the known fields.
            pub fn append(&self, header: &MessageHeader, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(message) => message.append(header, out),)*
                }
            }
        }
    };
}

/// The root block at the front of `body`, and what is behind it.
#[inline(always)]
fn root<'a, R: Block>(header: &MessageHeader, body: &'a [u8]) -> Result<(R, &'a [u8]), PacketErrorCause> {
    let length = usize::from(header.block_length);
    match body.split_at_checked(length) {
        Some((block, rest)) if length >= R::NEEDED => Ok((R::read_block(block), rest)),
        _ => Err(PacketErrorCause::MessageLength {
            message_type: header.template,
            needed: count(R::NEEDED.max(length)),
            found: count(body.len().min(length)),
        }),
    }
}

/// The last template whose prices are in 1e-7; from the next one on they are in 1e-9.
const LAST_TEMPLATE_OF_PRICE7: u16 = 45;

/// A price of `template` in 1e-9; `None` when 64 bits do not hold it. The null price is not looked at.
#[inline(always)]
#[must_use]
pub fn price9(template: u16, mantissa: i64) -> Option<i64> {
    if template <= LAST_TEMPLATE_OF_PRICE7 { mantissa.checked_mul(100) } else { Some(mantissa) }
}

/// Appends a packet of messages that are encoded already, each with its header.
pub fn append_packet(header: PacketHeader, messages: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&header.to_bytes());
    out.extend_from_slice(messages);
}

templates! {
    /// ChannelReset: the books of the channel are empty.
    ChannelReset [4] ChannelResetRoot {
        /// NoMDEntries(268): channels.
        channels: ChannelResetEntry / 3,
    }

    /// AdminHeartbeat: nothing was sent for a while.
    Heartbeat [12] Empty {}

    /// AdminLogin.
    Login [15] AdminLoginRoot {}

    /// AdminLogout.
    Logout [16] AdminLogoutRoot {}

    /// MDInstrumentDefinitionFuture.
    Future [27, 54] FutureRoot {
        /// NoEvents(864).
        events: EventEntry / 3,
        /// NoMDFeedTypes(1141).
        feed_types: FeedTypeEntry / 3,
        /// NoInstAttrib(870).
        attributes: AttributeEntry / 3,
        /// NoLotTypeRules(1234).
        lot_types: LotTypeEntry / 3,
    }

    /// MDInstrumentDefinitionSpread.
    Spread [29, 56] SpreadRoot {
        /// NoEvents(864).
        events: EventEntry / 3,
        /// NoMDFeedTypes(1141).
        feed_types: FeedTypeEntry / 3,
        /// NoInstAttrib(870).
        attributes: AttributeEntry / 3,
        /// NoLotTypeRules(1234).
        lot_types: LotTypeEntry / 3,
        /// NoLegs(555).
        legs: LegEntry / 3,
    }

    /// MDInstrumentDefinitionOption.
    OptionContract [41, 55] OptionRoot {
        /// NoEvents(864).
        events: EventEntry / 3,
        /// NoMDFeedTypes(1141).
        feed_types: FeedTypeEntry / 3,
        /// NoInstAttrib(870).
        attributes: AttributeEntry / 3,
        /// NoLotTypeRules(1234).
        lot_types: LotTypeEntry / 3,
        /// NoUnderlyings(711).
        underlyings: RelatedEntry / 3,
        /// NoRelatedInstruments(1647), version 7 on.
        related: RelatedEntry / 3,
    }

    /// SecurityStatus: trading status of an instrument or a group.
    SecurityStatus [30] SecurityStatusRoot {}

    /// MDIncrementalRefreshBook: levels, and the orders that moved them.
    Book [32, 46] IncrementalRoot {
        /// NoMDEntries(268): levels.
        levels: BookEntry / 3,
        /// NoOrderIDEntries(37705), version 7 on: orders.
        orders: OrderIdEntry / 8,
    }

    /// MDIncrementalRefreshBookLongQty.
    BookLong [64] IncrementalRoot {
        /// NoMDEntries(268): levels.
        levels: BookEntryLong / 3,
        /// NoOrderIDEntries(37705): orders.
        orders: OrderIdEntry / 8,
    }

    /// MDIncrementalRefreshOrderBook: orders whose levels are not among the sent ones.
    OrderBook [43, 47] IncrementalRoot {
        /// NoMDEntries(268): orders.
        orders: OrderBookEntry / 3,
    }

    /// MDIncrementalRefreshTradeSummary.
    TradeSummary [42, 48] IncrementalRoot {
        /// NoMDEntries(268): trades.
        trades: TradeEntry / 3,
        /// NoOrderIDEntries(37705): the orders in them.
        orders: TradeOrderEntry / 8,
    }

    /// MDIncrementalRefreshTradeSummaryLongQty.
    TradeSummaryLong [65] IncrementalRoot {
        /// NoMDEntries(268): trades.
        trades: TradeEntryLong / 3,
        /// NoOrderIDEntries(37705): the orders in them.
        orders: TradeOrderEntry / 8,
    }

    /// MDIncrementalRefreshVolume: electronic volume of the day.
    Volume [37] IncrementalRoot {
        /// NoMDEntries(268).
        volumes: VolumeEntry / 3,
    }

    /// MDIncrementalRefreshDailyStatistics.
    DailyStatistics [33, 49] IncrementalRoot {
        /// NoMDEntries(268).
        statistics: DailyStatisticsEntry / 3,
    }

    /// MDIncrementalRefreshLimitsBanding.
    LimitsBanding [34, 50] IncrementalRoot {
        /// NoMDEntries(268).
        limits: LimitsBandingEntry / 3,
    }

    /// MDIncrementalRefreshSessionStatistics.
    SessionStatistics [35, 51] IncrementalRoot {
        /// NoMDEntries(268).
        statistics: SessionStatisticsEntry / 3,
    }

    /// SnapshotFullRefresh: levels and statistics of an instrument.
    Snapshot [38, 52] SnapshotRoot {
        /// NoMDEntries(268).
        entries: SnapshotEntry / 3,
    }

    /// SnapshotFullRefreshOrderBook: orders of an instrument, in chunks.
    SnapshotOrders [44, 53] SnapshotOrdersRoot {
        /// NoMDEntries(268).
        orders: SnapshotOrderEntry / 3,
    }

    /// SnapshotFullRefreshTCPLongQty: levels and statistics of an instrument (MDP Conflated TCP).
    SnapshotTcp [68] SnapshotTcpRoot {
        /// NoMDEntries(268).
        entries: SnapshotTcpEntry / 3,
    }
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
