//! The kernels of `american.cu`.

use super::super::american::AmericanBatch;
use super::super::draws::{Draws, Reach};
use super::super::error::BatchError;
use super::super::queue::Place;
use super::{KernelCompared, TAILS, ValuationCheck};
use crate::cpu::american::{AmericanOption, unit_premium};
use crate::cpu::pricing::Isa;

/// An American option is so many times the work of a European one.
const PART: usize = 100;

/// Whether it surely is exercised below a boundary, which is what premiums are about.
fn has_boundary(option: &AmericanOption) -> bool {
    let deviation = option.volatility * option.years.sqrt();
    option.rate > 0.0 && option.dividend_yield > 0.0 && deviation > 1e-6
}

/// Both of them.
pub(super) fn compare(check: &ValuationCheck, place: &Place) -> Result<[KernelCompared; 2], BatchError> {
    let full = (check.options / PART).max(TAILS[TAILS.len() - 1]);
    let mut batch = AmericanBatch::new(place, full | 1)?;
    let mut draws = Draws::new(check.seed ^ 0xA3E);
    let [mut prices, mut premiums] = ["american_prices", "american_premiums"].map(KernelCompared::new);
    for len in [1, 63, 65, full] {
        let isa = Isa::detect();
        let (mut options, mut spots) = (Vec::new(), Vec::new());
        while options.len() < len {
            let (option, spot) = draws.american(Reach::Edges);
            match option.price(isa, spot) {
                Ok(_) => {
                    options.push(option);
                    spots.push(spot);
                }
                Err(refusal) => {
                    let said = batch.prices(&[option], &[spot], &mut [0.0]);
                    let cpu = BatchError::American { index: 0, refusal };
                    prices.refusal(options.len(), Some(cpu), said.err());
                }
            }
        }
        compare_prices(&mut prices, &mut batch, isa, &options, &spots)?;
        compare_premiums(&mut premiums, &mut batch, isa, &options, &spots)?;
    }
    Ok([prices, premiums])
}

fn compare_prices(
    compared: &mut KernelCompared,
    batch: &mut AmericanBatch,
    isa: Isa,
    options: &[AmericanOption],
    spots: &[f64],
) -> Result<(), BatchError> {
    let mut found = vec![0.0; options.len()];
    batch.prices(options, spots, &mut found)?;
    for (i, (option, spot)) in options.iter().zip(spots).enumerate() {
        let cpu = option.price(isa, *spot).map_err(|refusal| BatchError::American { index: i, refusal })?;
        compared.telling += u64::from(cpu > option.european(isa, *spot));
        compared.value(i, cpu, found[i], || format!("price: {option:?} at {spot:?}"));
    }
    Ok(())
}

fn compare_premiums(
    compared: &mut KernelCompared,
    batch: &mut AmericanBatch,
    isa: Isa,
    options: &[AmericanOption],
    spots: &[f64],
) -> Result<(), BatchError> {
    let of = options.iter().zip(spots).filter(|(option, _)| has_boundary(option));
    let (puts, spots): (Vec<_>, Vec<_>) =
        of.map(|(option, spot)| (option.unit_put(), spot / option.strike)).unzip();
    let mut found = vec![[0.0; 2]; puts.len()];
    batch.premiums(&puts, &spots, &mut found)?;
    for (i, (put, spot)) in puts.iter().zip(&spots).enumerate() {
        let cpu = unit_premium(isa, put, *spot);
        compared.telling += u64::from(cpu[1] > 0.0);
        for (what, (cpu, device)) in ["boundary", "premium"].iter().zip(cpu.into_iter().zip(found[i])) {
            compared.value(i, cpu, device, || format!("{what}: {put:?} at {spot:?}"));
        }
    }
    Ok(())
}
