//! The prepared bytes of one message type: built once with the general codec, measured, summed.

use super::{SYMBOL_BYTES_MAX, TEMPLATE_BYTES, TemplateFormat};
use crate::fix::codec::{Encoder, Header};
use crate::fix::field::{Field, Text};
use crate::fix::fix44;
use crate::fix::frame::checksum;
use crate::fix::identity::SessionIds;
use crate::fix::timestamp::SECONDS_TEXT_BYTES;
use crate::order::OrderAction;

/// The prepared bytes of one message type and where they are patched. Places are offsets from the start; 0 where the
/// message has no such field.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) bytes: [u8; TEMPLATE_BYTES],
    /// Sum of all bytes before the symbol with every patched digit at `'0'`, and of the SOH after the symbol;
    /// without BodyLength's digits.
    pub(super) static_sum: u32,
    pub(super) body_length_at: usize,
    /// BodyLength's three digits and, last, their sum modulo 256, by symbol length.
    pub(super) body_lengths: [[u8; 4]; SYMBOL_BYTES_MAX + 1],
    pub(super) sequence_at: usize,
    pub(super) sending_time_at: usize,
    pub(super) cl_ord_id_at: usize,
    pub(super) quantity_at: usize,
    pub(super) price_at: usize,
    pub(super) orig_cl_ord_id_at: usize,
    pub(super) side_at: usize,
    pub(super) time_in_force_at: usize,
    pub(super) transact_time_at: usize,
    pub(super) symbol_at: usize,
}

impl Template {
    /// Builds the bytes with the general codec and a one-byte symbol, finds the places, and takes the sums.
    pub(super) fn new(ids: &SessionIds, format: TemplateFormat, action: OrderAction) -> Self {
        let mut bytes = [0; TEMPLATE_BYTES];
        let length = Self::prototype(ids, format, action, &mut bytes);
        let body = place(&bytes[..length], "35") - 3;
        let body_length = length - 7 - body - 1; // without the symbol
        let mut template = Self {
            static_sum: 0,
            body_length_at: place(&bytes[..length], "9"),
            body_lengths: [[0; 4]; SYMBOL_BYTES_MAX + 1],
            sequence_at: place(&bytes[..length], "34"),
            sending_time_at: place(&bytes[..length], "52"),
            cl_ord_id_at: place(&bytes[..length], "11"),
            quantity_at: place(&bytes[..length], "38"),
            price_at: place(&bytes[..length], "44"),
            orig_cl_ord_id_at: place(&bytes[..length], "41"),
            side_at: place(&bytes[..length], "54"),
            time_in_force_at: place(&bytes[..length], "59"),
            transact_time_at: place(&bytes[..length], "60"),
            symbol_at: place(&bytes[..length], "55"),
            bytes,
        };
        for (symbol_bytes, entry) in template.body_lengths.iter_mut().enumerate() {
            let digits = length_digits(body_length + symbol_bytes);
            *entry = [digits[0], digits[1], digits[2], checksum(&digits)];
        }
        // Sums start from zeros in every patched place.
        for at in [template.sending_time_at, template.transact_time_at] {
            template.bytes[at..at + SECONDS_TEXT_BYTES].fill(0);
        }
        let at = template.body_length_at;
        template.bytes[at..at + 3].fill(0);
        for at in [template.side_at, template.time_in_force_at] {
            if at != 0 {
                template.bytes[at] = b'0';
            }
        }
        let before_symbol = &template.bytes[..template.symbol_at];
        template.static_sum = before_symbol.iter().map(|&byte| u32::from(byte)).sum::<u32>() + 1;
        template
    }

    /// A message of this kind with all digits zero, the symbol last.
    fn prototype(ids: &SessionIds, format: TemplateFormat, action: OrderAction, out: &mut [u8]) -> usize {
        let header = Header { ids, sequence: 0, sending_time_ns: 0, time_precision: format.time_precision };
        let message_type = match action {
            OrderAction::New => b"D",
            OrderAction::Replace => b"G",
            OrderAction::Cancel => b"F",
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
            .set(fix44::CL_ORD_ID, ids_text.as_bytes())
            .set(padded(38, "OrderQty"), b"00000000");
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

/// Three digits of a body length; a body here always has from 100 to 287 bytes.
fn length_digits(length: usize) -> [u8; 3] {
    assert!((100..TEMPLATE_BYTES).contains(&length), "a template's body has three digits of length");
    [b'0' + (length / 100) as u8, b'0' + (length / 10 % 10) as u8, b'0' + (length % 10) as u8]
}

/// Where the value of a field starts; 0 where there is none.
fn place(message: &[u8], tag: &str) -> usize {
    let wanted = format!("\x01{tag}=");
    message
        .windows(wanted.len())
        .position(|window| window == wanted.as_bytes())
        .map_or(0, |at| at + wanted.len())
}
