//! What the figures of a case count.

use serde::Serialize;

/// What the figures of a case count, and which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// Nanoseconds of the median operation; fewer are better.
    Nanoseconds,
    /// Events per second; more are better.
    EventsPerSecond,
    /// Bytes; fewer are better.
    Bytes,
}

impl Unit {
    /// Whether more is better.
    pub(crate) fn is_rate(self) -> bool {
        self == Self::EventsPerSecond
    }

    /// A figure as people read it, with three digits that count.
    pub(crate) fn show(self, figure: f64) -> String {
        match self {
            Self::Nanoseconds => scaled(figure, &[(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")]),
            Self::EventsPerSecond => scaled(figure, &[(1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")]),
            Self::Bytes => scaled(figure, &[(1024.0 * 1024.0, "MiB"), (1024.0, "KiB"), (1.0, "B")]),
        }
    }
}

fn scaled(figure: f64, scales: &[(f64, &str)]) -> String {
    let fits = |(size, _): &&(f64, &str)| figure >= *size;
    let (size, name) = scales.iter().find(fits).or(scales.last()).copied().unwrap_or((1.0, ""));
    format!("{} {name}", three_digits(figure / size))
}

/// A number with three digits that count.
pub(crate) fn three_digits(number: f64) -> String {
    let decimals = match number.abs() {
        n if n >= 99.95 => 0,
        n if n >= 9.995 => 1,
        _ => 2,
    };
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_name() {
        let cases = [
            (Unit::Nanoseconds, 231_400.0, "231 µs"),
            (Unit::Nanoseconds, 1_234_567.0, "1.23 ms"),
            (Unit::Nanoseconds, 12.0, "12.0 ns"),
            (Unit::EventsPerSecond, 41_250.0, "41.2 k/s"),
            (Unit::EventsPerSecond, 1_500_000.0, "1.50 M/s"),
            (Unit::EventsPerSecond, 0.5, "0.50 /s"),
            (Unit::Bytes, 33_554_432.0, "32.0 MiB"),
            (Unit::Bytes, 0.0, "0.00 B"),
        ];
        for (unit, figure, shown) in cases {
            assert_eq!(unit.show(figure), shown);
        }
    }
}
