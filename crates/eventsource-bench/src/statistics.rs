//! The numbers that stand for many.

use serde::Serialize;

/// The middle of some values, and where the middle half of them lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// The quartiles of some values, interpolated between neighbours. None without values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let quantile = |share: f64| {
            let place = share * last as f64;
            let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Some(Self { low: quantile(0.25), median: quantile(0.5), high: quantile(0.75) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> Option<(f64, f64, f64)> {
        Spread::of(values.iter().copied()).map(|s| (s.low, s.median, s.high))
    }

    #[test]
    fn quartiles_lie_between_neighbours() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[7.0]), Some((7.0, 7.0, 7.0)));
        assert_eq!(spread(&[5.0, 1.0, 4.0, 2.0, 3.0]), Some((2.0, 3.0, 4.0)));
        assert_eq!(spread(&[1.0, 2.0]), Some((1.25, 1.5, 1.75)));
    }

    #[test]
    fn one_wild_value_moves_nothing() {
        assert_eq!(spread(&[1.0, 1.0, 1.0, 1.0, 900.0]), Some((1.0, 1.0, 1.0)));
    }
}
