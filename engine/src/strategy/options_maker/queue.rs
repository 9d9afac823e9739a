//! Which options are looked at next: those of which something has changed, each once, then, where everything is to be looked
//! at, all in turn; at most [`EXAMINED_MAX`] an input. Allocates when it is made.

use super::EXAMINED_MAX;
use std::collections::VecDeque;

/// See the module's text.
pub(super) struct Queue {
    /// Whether an option stands in `waiting`.
    waits: Box<[bool]>,
    waiting: VecDeque<u32>,
    /// Options that are still to be looked at in turn, and where the turn is.
    in_turn: usize,
    turn: usize,
    /// What the last input has looked at.
    examined: Vec<u32>,
}

impl Queue {
    pub(super) fn new(options: usize) -> Self {
        Self {
            waits: vec![false; options].into(),
            waiting: VecDeque::with_capacity(options),
            in_turn: 0,
            turn: 0,
            examined: Vec::with_capacity(EXAMINED_MAX),
        }
    }

    /// The option is to be looked at.
    pub(super) fn wait(&mut self, place: usize) {
        if !std::mem::replace(&mut self.waits[place], true) {
            self.waiting.push_back(place as u32);
        }
    }

    /// Everything is looked at once more, after what waits.
    pub(super) fn look_at_all(&mut self) {
        self.in_turn = self.waits.len();
    }

    /// Another input: nothing has been looked at.
    pub(super) fn begin(&mut self) {
        self.examined.clear();
    }

    /// The next option, as far as one input goes.
    pub(super) fn next(&mut self) -> Option<usize> {
        if self.examined.len() >= EXAMINED_MAX {
            return None;
        }
        let place = match self.waiting.front() {
            Some(&place) => place as usize,
            None if self.in_turn > 0 => self.place_in_turn(),
            None => return None,
        };
        // The view does not show what was asked for a moment ago: a second look would ask for it again.
        if self.examined.contains(&(place as u32)) {
            return None;
        }
        if self.waiting.pop_front().is_some() {
            self.waits[place] = false;
        } else {
            (self.in_turn, self.turn) = (self.in_turn - 1, place);
        }
        self.examined.push(place as u32);
        Some(place)
    }

    /// Whose turn it is next.
    fn place_in_turn(&self) -> usize {
        if self.turn + 1 < self.waits.len() { self.turn + 1 } else { 0 }
    }

    /// What the last input has looked at.
    pub(super) fn examined(&self) -> impl Iterator<Item = usize> {
        self.examined.iter().map(|&place| place as usize)
    }

    /// How many are still to be looked at.
    pub(super) fn left(&self) -> usize {
        self.waiting.len() + self.in_turn
    }
}
