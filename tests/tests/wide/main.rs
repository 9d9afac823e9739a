//! Wide work through the whole engine: every answer against a slow model, the same digests in both topologies and from the
//! journal, orders that come of answers.

mod day;
mod naive;
mod plan;
mod real;
