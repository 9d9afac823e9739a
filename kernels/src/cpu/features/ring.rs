//! The last so many numbers: what a feature looks back over.

/// A ring of numbers of fixed length, taken at construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ring {
    places: Box<[u64]>,
    /// Where the next number goes.
    next: usize,
    /// Every place has been written once.
    is_full: bool,
}

impl Ring {
    /// An empty ring of `length` places, above zero.
    pub(super) fn new(length: u32) -> Self {
        Self { places: vec![0; length as usize].into_boxed_slice(), next: 0, is_full: false }
    }

    /// Puts a number in; the one that it drives out, zero while the ring fills.
    #[inline]
    pub(super) fn push(&mut self, number: u64) -> u64 {
        let old = std::mem::replace(&mut self.places[self.next], number);
        self.next += 1;
        if self.next == self.places.len() {
            self.next = 0;
            self.is_full = true;
        }
        old
    }

    pub(super) const fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) const fn len(&self) -> u64 {
        self.places.len() as u64
    }

    /// The numbers that the next `count` numbers will drive out, oldest first.
    pub(super) fn oldest(&self, count: u64) -> impl Iterator<Item = u64> {
        let count = count.min(self.len()) as usize;
        self.places.iter().cycle().skip(self.next).take(count).copied()
    }

    /// How many numbers are missing until it is full.
    pub(super) const fn missing(&self) -> u64 {
        if self.is_full { 0 } else { (self.places.len() - self.next) as u64 }
    }
}
