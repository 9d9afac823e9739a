//! The prepared bytes of one message type: built once with the general codec, measured, summed.

use super::{SYMBOL_BYTES_MAX, TEMPLATE_BYTES, TemplateFormat};
use crate::fix::codec::{Encoder, Header};
use crate::fix::field::{Field, Text};
use crate::fix::fix44;
use crate::fix::frame::checksum;
use crate::fix::identity::SessionIds;
use crate::fix::timestamp::SECONDS_TEXT_BYTES;
use crate::order::OrderAction;

/// Symbol lengths that have a prepared BodyLength: a power of two above the longest.
pub(super) const BODY_LENGTHS: usize = 32;

/// The prepared bytes of one message type and where they are patched. Places are offsets from the start; 0 where the
/// message has no such field. Those of fixed-width fields are bytes, so that no patch can leave the buffer.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) bytes: [u8; TEMPLATE_BYTES],
    /// Sum of all bytes before the symbol with every patched digit at `'0'`, and of the SOH after the symbol;
    /// without BodyLength's digits.
    pub(super) static_sum: u32,
    pub(super) body_length_at: u8,
    /// BodyLength's three digits and, last, their sum modulo 256, by symbol length.
    pub(super) body_lengths: [[u8; 4]; BODY_LENGTHS],
    pub(super) sequence_at: u8,
    /// The digits after SendingTime's point.
    pub(super) sending_fraction_at: u8,
    pub(super) cl_ord_id_at: u8,
    pub(super) quantity_at: u8,
    pub(super) price_at: u8,
    /// The digits after the price's point, or what follows a price without one.
    pub(super) price_fraction_at: u8,
    /// Digits after the price's point.
    pub(super) price_decimals: usize,
    pub(super) orig_cl_ord_id_at: u8,
    pub(super) side_at: u8,
    pub(super) time_in_force_at: u8,
    /// The digits after TransactTime's point.
    pub(super) transact_fraction_at: u8,
    pub(super) symbol_at: usize,
}

impl Template {
    /// Builds the bytes with the general codec and a one-byte symbol, finds the places, and takes the sums.
    pub(super) fn new(ids: &SessionIds, format: TemplateFormat, action: OrderAction) -> Self {
        let mut bytes = [0; TEMPLATE_BYTES];
        let length = Self::prototype(ids, format, action, &mut bytes);
        let body = usize::from(place(&bytes[..length], "35")) - 3;
        let body_length = length - 7 - body - 1; // without the symbol
        let place = |tag| place(&bytes[..length], tag);
        let point = SECONDS_TEXT_BYTES as u8;
        let mut template = Self {
            static_sum: 0,
            body_length_at: place("9"),
            body_lengths: [[0; 4]; BODY_LENGTHS],
            sequence_at: place("34"),
            sending_fraction_at: place("52") + point + 1,
            cl_ord_id_at: place("11"),
            quantity_at: place("38"),
            price_at: place("44"),
            price_fraction_at: place("44") + 8 + u8::from(format.price_decimals > 0),
            price_decimals: format.price_decimals as usize,
            orig_cl_ord_id_at: place("41"),
            side_at: place("54"),
            time_in_force_at: place("59"),
            transact_fraction_at: place("60") + point + 1,
            symbol_at: length - 7 - 2, // before the symbol, its SOH and the trailer
            bytes,
        };
        for (symbol_bytes, entry) in template.body_lengths.iter_mut().enumerate() {
            let digits = length_digits(body_length + symbol_bytes);
            *entry = [digits[0], digits[1], digits[2], checksum(&digits)];
        }
        // BodyLength's digits are added with the symbol's length; all other patched digits are zeros now.
        let body_length_sum = byte_sum(&template.bytes[usize::from(template.body_length_at)..][..3]);
        template.static_sum = byte_sum(&template.bytes[..template.symbol_at]) + 1 - body_length_sum;
        template
    }

    /// Puts the text of another second before the point that is before `fraction_at`.
    pub(super) fn set_second(&mut self, fraction_at: u8, text: &[u8; SECONDS_TEXT_BYTES]) {
        let end = usize::from(fraction_at) - 1;
        let place = &mut self.bytes[end - SECONDS_TEXT_BYTES..end];
        self.static_sum = self.static_sum - byte_sum(place) + byte_sum(text);
        place.copy_from_slice(text);
    }

    /// A message of this kind with all digits zero, the symbol last.
    fn prototype(ids: &SessionIds, format: TemplateFormat, action: OrderAction, out: &mut [u8]) -> usize {
        let header = Header { ids, sequence: 0, sending_time_ns: 0, time_precision: format.time_precision };
        let message_type = match action {
            OrderAction::New => b"D",
            OrderAction::Replace => b"G",
            OrderAction::Cancel => b"F",
            OrderAction::Status => b"H",
        };
        // Numbers as text, since only text is padded.
        let padded = |tag, name| Field::<Text>::new(tag, name);
        let price = match format.price_decimals as usize {
            0 => "0".repeat(8),
            decimals => format!("{}.{}", "0".repeat(8), "0".repeat(decimals)),
        };
        let ids_text = "0".repeat(16);
        let mut encoder = Encoder::start(out, header.ids.begin_string(), message_type);
        encoder
            .set(padded(34, "MsgSeqNum"), b"00000000")
            .set(fix44::SENDER_COMP_ID, ids.sender_comp_id().as_bytes())
            .set_time(fix44::SENDING_TIME, 0, format.time_precision)
            .set(fix44::TARGET_COMP_ID, ids.target_comp_id().as_bytes())
            .set(fix44::CL_ORD_ID, ids_text.as_bytes());
        if ids.begin_string() == "FIX.4.2" && action != OrderAction::Cancel {
            // Required there: automated, no broker intervention.
            encoder.set(fix44::HANDL_INST, b'1');
        }
        encoder.set(padded(38, "OrderQty"), b"00000000");
        if action != OrderAction::Cancel {
            encoder.set(fix44::ORD_TYPE, b'2');
        }
        if action != OrderAction::New {
            encoder.set(fix44::ORIG_CL_ORD_ID, ids_text.as_bytes());
        }
        if action != OrderAction::Cancel {
            encoder.set(padded(44, "Price"), price.as_bytes());
        }
        encoder.set(fix44::SIDE, b'0');
        if action != OrderAction::Cancel {
            encoder.set(fix44::TIME_IN_FORCE, b'0');
        }
        encoder.set_time(fix44::TRANSACT_TIME, 0, format.time_precision).set(fix44::SYMBOL, b"X");
        let Ok(length) = encoder.done() else {
            unreachable!("the longest identity and symbol fit {TEMPLATE_BYTES} bytes; a test checks it")
        };
        assert!(length + SYMBOL_BYTES_MAX <= TEMPLATE_BYTES, "the longest symbol must fit");
        length
    }
}

/// Three digits of a body length; a body here always has from 100 to 319 bytes, with its padding taken out too.
fn length_digits(length: usize) -> [u8; 3] {
    assert!((100..TEMPLATE_BYTES).contains(&length), "a template's body has three digits of length");
    [b'0' + (length / 100) as u8, b'0' + (length / 10 % 10) as u8, b'0' + (length % 10) as u8]
}

/// Where the value of a field starts; 0 where there is none.
fn place(message: &[u8], tag: &str) -> u8 {
    let wanted = format!("\x01{tag}=");
    let found = message.windows(wanted.len()).position(|window| window == wanted.as_bytes());
    let at = found.map_or(0, |at| at + wanted.len());
    u8::try_from(at)
        .unwrap_or_else(|_| unreachable!("the last patched digits start before byte 256; a test checks it"))
}

fn byte_sum(bytes: &[u8]) -> u32 {
    bytes.iter().map(|&byte| u32::from(byte)).sum()
}
