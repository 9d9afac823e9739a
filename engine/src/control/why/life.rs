//! The life of one order in a journal: every message about it and every answer, in decide's order.

use std::collections::BTreeSet;
use std::path::Path;

use crate::control::failure::Failure;
use crate::control::journal::{DecideReader, DecideRecord};
use crate::order::{ClOrdId, Execution, Order};
use crate::pipeline::order_table::LiveOrder;

/// Something that happened to the order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// The run took the open order over from the one before.
    TakenOver(LiveOrder),
    /// A message about it left.
    Action(Order),
    /// An answer about it came.
    Execution(Execution),
}

/// An event with its place in decide's journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) record: u64,
    pub(super) time_ns: u64,
    pub(super) event: Event,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) events: Vec<Placed>,
}

impl Life {
    /// Reads the life of the order that `cl_ord_id` is a message of.
    ///
    /// # Errors
    /// A journal that cannot be read, and one in which there is no such message.
    pub(super) fn read(dir: &Path, cl_ord_id: ClOrdId) -> Result<Self, Failure> {
        // Who was replaced by whom is known once all is read: an earlier message may be the one that is asked for.
        let mut links: Vec<(ClOrdId, ClOrdId)> = Vec::new();
        let mut events = Vec::new();
        let mut known = (u64::MAX, 0);
        let reader = DecideReader::open(dir).map_err(|error| Failure::Input(error.to_string()))?;
        for record in reader {
            let record = record.map_err(|error| Failure::Input(error.to_string()))?;
            // The ClOrdIDs that the order had: its own, and those of its replaces and cancels.
            let (event, ids) = match record.record {
                DecideRecord::Action(order) => {
                    (Event::Action(order), (order.cl_ord_id, order.orig_cl_ord_id))
                }
                DecideRecord::Execution(execution) => {
                    (Event::Execution(execution), (execution.cl_ord_id, execution.orig_cl_ord_id))
                }
                DecideRecord::OpenOrder(order) => {
                    (Event::TakenOver(order), (order.cl_ord_id, order.pending_id))
                }
                _ => continue,
            };
            if let Event::Action(_) = event {
                known = (known.0.min(ids.0), known.1.max(ids.0));
            }
            if ids.1 != 0 {
                links.push(ids);
            }
            events.push((ids.0, Placed { record: record.sequence, time_ns: record.time_ns, event }));
        }
        let cl_ord_ids = family(cl_ord_id, &links);
        let events: Vec<Placed> =
            events.into_iter().filter(|(id, _)| cl_ord_ids.contains(id)).map(|(_, placed)| placed).collect();
        if events.is_empty() {
            let there = if known.1 == 0 {
                "it has none at all".to_owned()
            } else {
                format!("its messages are {} to {}", known.0, known.1)
            };
            return Err(Failure::Input(format!(
                "{}: no message with ClOrdID {cl_ord_id}; {there}",
                dir.display()
            )));
        }
        Ok(Self { events })
    }

    /// The message with this ClOrdID, if this run sent it.
    pub(super) fn action(&self, cl_ord_id: ClOrdId) -> Option<(Placed, Order)> {
        self.events.iter().find_map(|placed| match placed.event {
            Event::Action(order)
                if order.cl_ord_id == cl_ord_id && order.action != crate::order::OrderAction::Status =>
            {
                Some((*placed, order))
            }
            _ => None,
        })
    }

    /// The order that was taken over, if it was.
    pub(super) fn taken_over(&self) -> Option<LiveOrder> {
        self.events.iter().find_map(|placed| match placed.event {
            Event::TakenOver(order) => Some(order),
            _ => None,
        })
    }
}

/// Everything that is linked to `cl_ord_id`, directly or by others.
fn family(cl_ord_id: ClOrdId, links: &[(ClOrdId, ClOrdId)]) -> BTreeSet<ClOrdId> {
    let mut of: std::collections::BTreeMap<ClOrdId, Vec<ClOrdId>> = std::collections::BTreeMap::new();
    for &(one, other) in links {
        of.entry(one).or_default().push(other);
        of.entry(other).or_default().push(one);
    }
    let mut family = BTreeSet::from([cl_ord_id]);
    let mut to_do = vec![cl_ord_id];
    while let Some(next) = to_do.pop() {
        for &linked in of.get(&next).into_iter().flatten() {
            if family.insert(linked) {
                to_do.push(linked);
            }
        }
    }
    family
}

#[cfg(test)]
mod tests {
    use super::family;

    #[test]
    fn a_family_is_all_that_hangs_together() {
        let links = [(2, 1), (3, 2), (5, 4), (6, 3), (8, 7), (7, 5)];
        for one in [1, 2, 3, 6] {
            assert_eq!(family(one, &links).into_iter().collect::<Vec<_>>(), [1, 2, 3, 6]);
        }
        assert_eq!(family(4, &links).into_iter().collect::<Vec<_>>(), [4, 5, 7, 8]);
        assert_eq!(family(9, &links).into_iter().collect::<Vec<_>>(), [9]);
    }
}
