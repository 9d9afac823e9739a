//! The tables of the specification as literal offsets and widths, and a reader that knows nothing else: what the
//! decoder's derived layouts are checked against.

/// Type, length without an appendage, whether there can be one, name, and the fields: name, offset, width. A width of 1,
/// 2, 4 or 8 is an integer unless the name is that of a text.
pub(super) type Layout = (u8, usize, bool, &'static str, &'static [(&'static str, usize, usize)]);

/// What a client sends.
pub(super) const CLIENT: &[Layout] = &[
    (
        b'O',
        47,
        true,
        "EnterOrder",
        &[
            ("user_ref_num", 1, 4),
            ("side", 5, 1),
            ("quantity", 6, 4),
            ("symbol", 10, 8),
            ("price", 18, 8),
            ("time_in_force", 26, 1),
            ("display", 27, 1),
            ("capacity", 28, 1),
            ("sweep", 29, 1),
            ("cross_type", 30, 1),
            ("cl_ord_id", 31, 14),
        ],
    ),
    (
        b'U',
        40,
        true,
        "ReplaceOrder",
        &[
            ("orig_user_ref_num", 1, 4),
            ("user_ref_num", 5, 4),
            ("quantity", 9, 4),
            ("price", 13, 8),
            ("time_in_force", 21, 1),
            ("display", 22, 1),
            ("sweep", 23, 1),
            ("cl_ord_id", 24, 14),
        ],
    ),
    (b'X', 9, false, "CancelOrder", &[("user_ref_num", 1, 4), ("quantity", 5, 4)]),
    (b'M', 10, false, "ModifyOrder", &[("user_ref_num", 1, 4), ("side", 5, 1), ("quantity", 6, 4)]),
    (b'C', 19, true, "MassCancel", &[("user_ref_num", 1, 4), ("firm", 5, 4), ("symbol", 9, 8)]),
    (b'D', 11, true, "DisableOrderEntry", &[("user_ref_num", 1, 4), ("firm", 5, 4)]),
    (b'E', 11, true, "EnableOrderEntry", &[("user_ref_num", 1, 4), ("firm", 5, 4)]),
    (b'Q', 3, true, "AccountQuery", &[]),
];

/// What a venue sends.
pub(super) const VENUE: &[Layout] = &[
    (b'S', 10, false, "SystemEvent", &[("time_ns", 1, 8), ("event_code", 9, 1)]),
    (
        b'A',
        64,
        true,
        "OrderAccepted",
        &[
            ("time_ns", 1, 8),
            ("user_ref_num", 9, 4),
            ("side", 13, 1),
            ("quantity", 14, 4),
            ("symbol", 18, 8),
            ("price", 26, 8),
            ("time_in_force", 34, 1),
            ("display", 35, 1),
            ("order_reference_number", 36, 8),
            ("capacity", 44, 1),
            ("sweep", 45, 1),
            ("cross_type", 46, 1),
            ("order_state", 47, 1),
            ("cl_ord_id", 48, 14),
        ],
    ),
    (
        b'U',
        68,
        true,
        "OrderReplaced",
        &[
            ("time_ns", 1, 8),
            ("orig_user_ref_num", 9, 4),
            ("user_ref_num", 13, 4),
            ("side", 17, 1),
            ("quantity", 18, 4),
            ("symbol", 22, 8),
            ("price", 30, 8),
            ("time_in_force", 38, 1),
            ("display", 39, 1),
            ("order_reference_number", 40, 8),
            ("capacity", 48, 1),
            ("sweep", 49, 1),
            ("cross_type", 50, 1),
            ("order_state", 51, 1),
            ("cl_ord_id", 52, 14),
        ],
    ),
    (
        b'C',
        18,
        false,
        "OrderCanceled",
        &[("time_ns", 1, 8), ("user_ref_num", 9, 4), ("quantity", 13, 4), ("reason", 17, 1)],
    ),
    (
        b'D',
        31,
        false,
        "AiqCanceled",
        &[
            ("time_ns", 1, 8),
            ("user_ref_num", 9, 4),
            ("decrement", 13, 4),
            ("reason", 17, 1),
            ("quantity_prevented", 18, 4),
            ("price", 22, 8),
            ("liquidity_flag", 30, 1),
        ],
    ),
    (
        b'E',
        36,
        true,
        "OrderExecuted",
        &[
            ("time_ns", 1, 8),
            ("user_ref_num", 9, 4),
            ("quantity", 13, 4),
            ("price", 17, 8),
            ("liquidity_flag", 25, 1),
            ("match_number", 26, 8),
        ],
    ),
    (
        b'B',
        36,
        false,
        "BrokenTrade",
        &[
            ("time_ns", 1, 8),
            ("user_ref_num", 9, 4),
            ("match_number", 13, 8),
            ("reason", 21, 1),
            ("cl_ord_id", 22, 14),
        ],
    ),
    (
        b'F',
        49,
        false,
        "TradeCorrection",
        &[
            ("time_ns", 1, 8),
            ("user_ref_num", 9, 4),
            ("quantity", 13, 4),
            ("price", 17, 8),
            ("liquidity_flag", 25, 1),
            ("match_number", 26, 8),
            ("reason", 34, 1),
            ("cl_ord_id", 35, 14),
        ],
    ),
    (
        b'J',
        29,
        false,
        "OrderRejected",
        &[("time_ns", 1, 8), ("user_ref_num", 9, 4), ("reason", 13, 2), ("cl_ord_id", 15, 14)],
    ),
    (b'P', 13, false, "CancelPending", &[("time_ns", 1, 8), ("user_ref_num", 9, 4)]),
    (b'I', 13, false, "CancelReject", &[("time_ns", 1, 8), ("user_ref_num", 9, 4)]),
    (
        b'T',
        30,
        false,
        "PriorityUpdate",
        &[
            ("time_ns", 1, 8),
            ("user_ref_num", 9, 4),
            ("price", 13, 8),
            ("display", 21, 1),
            ("order_reference_number", 22, 8),
        ],
    ),
    (
        b'M',
        18,
        false,
        "OrderModified",
        &[("time_ns", 1, 8), ("user_ref_num", 9, 4), ("side", 13, 1), ("quantity", 14, 4)],
    ),
    (b'R', 16, true, "OrderRestated", &[("time_ns", 1, 8), ("user_ref_num", 9, 4), ("reason", 13, 1)]),
    (b'Q', 13, false, "AccountQueryResponse", &[("time_ns", 1, 8), ("next_user_ref_num", 9, 4)]),
    (
        b'X',
        27,
        true,
        "MassCancelResponse",
        &[("time_ns", 1, 8), ("user_ref_num", 9, 4), ("firm", 13, 4), ("symbol", 17, 8)],
    ),
    (
        b'G',
        19,
        true,
        "DisableOrderEntryResponse",
        &[("time_ns", 1, 8), ("user_ref_num", 9, 4), ("firm", 13, 4)],
    ),
    (
        b'K',
        19,
        true,
        "EnableOrderEntryResponse",
        &[("time_ns", 1, 8), ("user_ref_num", 9, 4), ("firm", 13, 4)],
    ),
];

/// The message as `Debug` should show it, or `None` where it is not one of these.
pub(super) fn show(layouts: &[Layout], body: &[u8]) -> Option<String> {
    let (_, length, has_appendage, name, fields) =
        layouts.iter().find(|layout| Some(&layout.0) == body.first())?;
    if body.len() < *length {
        return None;
    }
    let mut appended = 0;
    if *has_appendage {
        appended = usize::from(body[*length - 2]) * 256 + usize::from(body[*length - 1]);
    }
    if body.len() != length + appended {
        return None;
    }
    let mut at = *length;
    while at < body.len() {
        let option = usize::from(body[at]);
        if option == 0 || at + 1 + option > body.len() {
            return None;
        }
        at += 1 + option;
    }
    let mut shown = Vec::new();
    for (field, offset, width) in *fields {
        let bytes = &body[*offset..offset + width];
        let is_text = matches!(*field, "symbol" | "cl_ord_id" | "firm");
        let value = if is_text {
            format!("{bytes:?}")
        } else {
            bytes.iter().fold(0u64, |value, &byte| value * 256 + u64::from(byte)).to_string()
        };
        shown.push(format!("{field}: {value}"));
    }
    Some(if shown.is_empty() {
        format!("{name}({name})")
    } else {
        format!("{name}({name} {{ {} }})", shown.join(", "))
    })
}
