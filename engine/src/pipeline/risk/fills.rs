//! Every fill of the day by its ExecID(17): none is booked twice, and a bust or correction finds what it is about.
//!
//! A table of a fixed size, taken at construction, searched by open addressing.

use crate::order::ClOrdId;
use feeds::event::Side;

/// A fill that was booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookedFill {
    /// ExecID(17) as a number.
    pub exec_id: u64,
    /// Price, 1e-9.
    pub price: i64,
    /// Quantity; 0 once it was busted.
    pub quantity: u64,
    /// Fee paid for it, 1e-9 of the currency; negative is a rebate.
    pub fee: i128,
    /// ClOrdID(11) of the order.
    pub cl_ord_id: ClOrdId,
    /// Dense instrument number.
    pub instrument: u32,
    /// Strategy that owns the order.
    pub strategy: u16,
    /// Dense venue number.
    pub venue: u8,
    /// Side of the order.
    pub side: Side,
    /// It took liquidity.
    pub takes: bool,
}

/// See the module's text.
pub struct Fills {
    booked: Vec<BookedFill>,
    /// Place in `booked` plus one; 0: none.
    places: Box<[u32]>,
}

impl Fills {
    pub(super) fn new(fills_max: usize) -> Self {
        let places = (fills_max.max(1) * 2).next_power_of_two();
        Self { booked: Vec::with_capacity(fills_max), places: vec![0; places].into_boxed_slice() }
    }

    fn start(&self, venue: u8, exec_id: u64) -> usize {
        let hash = (exec_id ^ u64::from(venue) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> 32) as usize & (self.places.len() - 1)
    }

    fn find(&self, venue: u8, exec_id: u64) -> Result<usize, usize> {
        let mut at = self.start(venue, exec_id);
        loop {
            match self.places[at] {
                0 => return Err(at),
                place => {
                    let fill = &self.booked[place as usize - 1];
                    if (fill.venue, fill.exec_id) == (venue, exec_id) {
                        return Ok(place as usize - 1);
                    }
                }
            }
            at = (at + 1) & (self.places.len() - 1);
        }
    }

    /// A fill that was booked.
    #[must_use]
    pub fn get(&self, venue: u8, exec_id: u64) -> Option<&BookedFill> {
        self.find(venue, exec_id).ok().map(|place| &self.booked[place])
    }

    pub(super) fn get_mut(&mut self, venue: u8, exec_id: u64) -> Option<&mut BookedFill> {
        self.find(venue, exec_id).ok().map(|place| &mut self.booked[place])
    }

    /// Remembers a fill with an ExecID of its own; says whether there was room. One that is there already stays.
    pub(super) fn add(&mut self, fill: BookedFill) -> bool {
        let Err(at) = self.find(fill.venue, fill.exec_id) else { return true };
        if self.booked.len() == self.booked.capacity() {
            return false;
        }
        self.booked.push(fill);
        // A count beyond u32 finds no room either.
        let Ok(place) = u32::try_from(self.booked.len()) else { return false };
        self.places[at] = place;
        true
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn as_slice(&self) -> &[BookedFill] {
        &self.booked
    }
}
