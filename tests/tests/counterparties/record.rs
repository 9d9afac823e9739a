//! What a counterparty has written down, in its own words: every message that came and left over its wire, and every request
//! that its session handed to its application.

use std::collections::BTreeMap;

/// Where the counterparty saw a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It came over the wire.
    Received,
    /// It left over the wire.
    Sent,
    /// It reached the application: in sequence, and no duplicate.
    Applied,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    pub seen: Seen,
    fields: Vec<(u32, String)>,
}

impl Message {
    /// A line of a record: `<`, `>` or `=`, a blank, the message with `|` between its fields. `None` for any other line.
    pub fn parse(line: &str) -> Option<Self> {
        let seen = match line.get(..2)? {
            "< " => Seen::Received,
            "> " => Seen::Sent,
            "= " => Seen::Applied,
            _ => return None,
        };
        let fields = line[2..].split('|').filter_map(|field| {
            let (tag, value) = field.split_once('=')?;
            Some((tag.parse().ok()?, value.to_owned()))
        });
        Some(Self { seen, fields: fields.collect() })
    }

    /// The value of a field, empty where it is absent.
    pub fn get(&self, tag: u32) -> &str {
        self.fields.iter().find(|field| field.0 == tag).map_or("", |field| &field.1)
    }

    /// A number, whatever zeros lead it.
    pub fn number(&self, tag: u32) -> u64 {
        self.get(tag).parse().unwrap_or_else(|_| panic!("{tag}: no number in {self:?}"))
    }

    pub fn is(&self, seen: Seen, message_type: &str) -> bool {
        self.seen == seen && self.get(35) == message_type
    }

    /// Whether it is sent for the first time.
    pub fn is_first(&self) -> bool {
        self.get(43) != "Y"
    }

    /// Whether it reports that something traded: `F`, or in FIX 4.2 a partial fill or a fill that is new.
    pub fn is_fill(&self) -> bool {
        let is_new = matches!(self.get(20), "" | "0");
        self.get(35) == "8" && is_new && matches!(self.get(150), "F" | "1" | "2")
    }
}

/// An order as the counterparty last spoke of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueOrder {
    pub cl_ord_id: u64,
    pub quantity: u64,
    pub filled: u64,
    pub leaves: u64,
}

/// What all reports say together.
#[derive(Debug, Default)]
pub struct Account {
    /// Orders that are open, by ClOrdID(11).
    pub open: BTreeMap<u64, VenueOrder>,
    /// Bought minus sold, by Symbol(55).
    pub positions: BTreeMap<String, i64>,
    /// Quantity that traded.
    pub filled: u64,
}

impl Account {
    /// Adds up the reports of a record, each as it was sent first.
    pub fn of(record: &[Message]) -> Self {
        let mut account = Self::default();
        let mut latest: BTreeMap<&str, &Message> = BTreeMap::new();
        for report in record.iter().filter(|message| message.is(Seen::Sent, "8") && message.is_first()) {
            if report.is_fill() {
                let quantity = report.number(32);
                let signed = i64::try_from(quantity).expect("a small quantity");
                let signed = if report.get(54) == "1" { signed } else { -signed };
                *account.positions.entry(report.get(55).to_owned()).or_default() += signed;
                account.filled += quantity;
            }
            if report.get(37) != "NONE" {
                latest.insert(report.get(37), report);
            }
        }
        for report in latest.values().filter(|report| matches!(report.get(39), "0" | "1" | "5")) {
            let order = VenueOrder {
                cl_ord_id: report.number(11),
                quantity: report.number(38),
                filled: report.number(14),
                leaves: report.number(151),
            };
            account.open.insert(order.cl_ord_id, order);
        }
        account
    }
}
