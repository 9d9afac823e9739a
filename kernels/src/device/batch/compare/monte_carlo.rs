//! The kernel of `monte_carlo.cu`, by its tiles and by what a whole simulation estimates.

use super::super::draws::{Draws, Reach};
use super::super::error::BatchError;
use super::super::monte_carlo::SimulationBatch;
use super::super::queue::Place;
use super::{KernelCompared, ValuationCheck};
use crate::cpu::monte_carlo::{Estimate, Moments, Simulation, TILE, estimate, tile};
use crate::cpu::pricing::Isa;

/// A tile is so many times the work of an option.
const PART: usize = 250;

/// Simulations that the tiles are split over.
const SIMULATIONS: usize = 12;

/// Tiles of a part: whole simulations go through in several.
const TILES_MAX: usize = 2;

/// It.
pub(super) fn compare(check: &ValuationCheck, place: &Place) -> Result<[KernelCompared; 1], BatchError> {
    let mut compared = KernelCompared::new("monte_carlo_tiles");
    let mut draws = Draws::new(check.seed ^ 0x3C);
    let tiles = (check.options / PART / SIMULATIONS).max(1);
    let (mut by_tiles, mut in_parts) =
        (SimulationBatch::new(place, tiles)?, SimulationBatch::new(place, TILES_MAX)?);
    for number in 0..SIMULATIONS {
        let simulation = draws.simulation(Reach::Edges);
        compare_tiles(&mut compared, &mut by_tiles, &mut draws, &simulation, tiles)?;
        // One sample beyond a tile, a few short of one, and more tiles than a part has.
        let samples = [TILE + 1, 2, 3 * TILE - 5][number % 3] as u64;
        compare_estimate(&mut compared, &mut in_parts, &mut draws, &simulation, samples)?;
    }
    let refused = Simulation { spot: f64::NAN, ..draws.simulation(Reach::Ordinary) };
    let cpu = estimate(Isa::detect(), &refused, 1, 10).err().map(BatchError::from);
    compared.refusal(0, cpu, in_parts.estimate(&refused, 1, 10).err());
    Ok([compared])
}

fn compare_tiles(
    compared: &mut KernelCompared,
    batch: &mut SimulationBatch,
    draws: &mut Draws,
    simulation: &Simulation,
    tiles: usize,
) -> Result<(), BatchError> {
    let isa = Isa::detect();
    // Numbers of samples of 32 bits and of more.
    let first = if draws.below(2) == 0 { 0 } else { (1u64 << 32) / TILE as u64 - 1 };
    // The last tile is not full.
    let samples = (first + tiles as u64) * TILE as u64 - 100;
    let terms = simulation.path_terms(isa, draws.below(1 << 60), samples)?;
    let mut found = vec![Moments::default(); tiles];
    batch.tiles(&terms, first, &mut found)?;
    for (at, device) in found.iter().enumerate() {
        let cpu = tile(isa, &terms, first + at as u64);
        compared.telling += u64::from(cpu.0[0] > 0.0);
        for (sum, (cpu, device)) in cpu.0.into_iter().zip(device.0).enumerate() {
            compared.value(at, cpu, device, || format!("sum {sum} from tile {first} on: {simulation:?}"));
        }
    }
    Ok(())
}

fn compare_estimate(
    compared: &mut KernelCompared,
    batch: &mut SimulationBatch,
    draws: &mut Draws,
    simulation: &Simulation,
    samples: u64,
) -> Result<(), BatchError> {
    let seed = draws.below(1 << 60);
    let numbers = |e: Estimate| [e.price, e.standard_error, e.uncontrolled, e.uncontrolled_error];
    let cpu = numbers(estimate(Isa::detect(), simulation, seed, samples)?);
    let device = numbers(batch.estimate(simulation, seed, samples)?.0);
    for (at, (cpu, device)) in cpu.into_iter().zip(device).enumerate() {
        compared
            .value(at, cpu, device, || format!("estimate, {samples} samples, seed {seed}: {simulation:?}"));
    }
    Ok(())
}
