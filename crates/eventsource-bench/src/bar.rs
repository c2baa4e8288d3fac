//! What is to be reached, and whether it is.

use serde::Serialize;

use crate::{
    statistics::Spread,
    unit::{Unit, three_digits},
};

/// What is to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bar {
    /// Ours, divided by the floor, is at most this.
    RatioAtMost(f64),
    /// Ours, divided by the floor, is at least this.
    RatioAtLeast(f64),
    /// Ours is at most this.
    AtMost(f64),
    /// Ours is at least this.
    AtLeast(f64),
}

/// Whether a bar is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// The median reaches it.
    Met,
    /// The median does not, but the bar lies inside the spread: the rounds do not tell.
    WithinSpread,
    /// The bar lies outside the spread.
    Missed,
}

impl Bar {
    /// Whether the bar is reached; `None` when it asks for a ratio and there is none.
    pub(crate) fn judge(self, ours: &Spread, ratio: Option<&Spread>) -> Option<Verdict> {
        let (judged, limit, is_ceiling) = match self {
            Self::RatioAtMost(limit) => (ratio?, limit, true),
            Self::RatioAtLeast(limit) => (ratio?, limit, false),
            Self::AtMost(limit) => (ours, limit, true),
            Self::AtLeast(limit) => (ours, limit, false),
        };
        let reached = |figure: f64| if is_ceiling { figure <= limit } else { figure >= limit };
        let best = if is_ceiling { judged.low } else { judged.high };
        Some(match (reached(judged.median), reached(best)) {
            (true, _) => Verdict::Met,
            (false, true) => Verdict::WithinSpread,
            (false, false) => Verdict::Missed,
        })
    }

    pub(crate) fn show(self, unit: Unit) -> String {
        match self {
            Self::RatioAtMost(limit) => format!("≤ {}", three_digits(limit)),
            Self::RatioAtLeast(limit) => format!("≥ {}", three_digits(limit)),
            Self::AtMost(limit) => format!("≤ {}", unit.show(limit)),
            Self::AtLeast(limit) => format!("≥ {}", unit.show(limit)),
        }
    }
}

impl Verdict {
    pub(crate) fn show(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::WithinSpread => "within the spread",
            Self::Missed => "**missed**",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bar: Bar, ratio: (f64, f64, f64)) -> Option<Verdict> {
        let spread = |(low, median, high)| Spread { low, median, high };
        bar.judge(&spread((100.0, 100.0, 100.0)), Some(&spread(ratio)))
    }

    #[test]
    fn a_ceiling_is_missed_only_when_it_lies_below_the_spread() {
        let bar = Bar::RatioAtMost(1.45);
        assert_eq!(verdict(bar, (1.2, 1.45, 1.9)), Some(Verdict::Met));
        assert_eq!(verdict(bar, (1.4, 1.5, 1.6)), Some(Verdict::WithinSpread));
        assert_eq!(verdict(bar, (1.46, 1.5, 1.6)), Some(Verdict::Missed));
    }

    #[test]
    fn a_ground_is_missed_only_when_it_lies_above_the_spread() {
        let bar = Bar::RatioAtLeast(0.7);
        assert_eq!(verdict(bar, (0.5, 0.7, 0.9)), Some(Verdict::Met));
        assert_eq!(verdict(bar, (0.5, 0.6, 0.8)), Some(Verdict::WithinSpread));
        assert_eq!(verdict(bar, (0.5, 0.6, 0.69)), Some(Verdict::Missed));
    }

    #[test]
    fn absolute_bars_look_at_ours_alone() {
        assert_eq!(verdict(Bar::AtMost(100.0), (9.0, 9.0, 9.0)), Some(Verdict::Met));
        assert_eq!(verdict(Bar::AtLeast(101.0), (9.0, 9.0, 9.0)), Some(Verdict::Missed));
    }

    #[test]
    fn without_a_floor_there_is_no_verdict_on_a_ratio() {
        let ours = Spread { low: 1.0, median: 1.0, high: 1.0 };
        assert_eq!(Bar::RatioAtMost(2.0).judge(&ours, None), None);
        assert_eq!(Bar::AtMost(2.0).judge(&ours, None), Some(Verdict::Met));
    }
}
