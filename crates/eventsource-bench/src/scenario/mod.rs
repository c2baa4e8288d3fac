//! What is measured. Each scenario is a file that lists its cases; nothing is opened before a case is measured.

mod append_batch;
mod catch_up;
mod concurrent_append;
mod contended_append;
mod load;
mod load_mutate_save;
mod read_stream;
pub(crate) mod resident;
mod snapshot;

use crate::case::Case;

/// How much is done in a round, and how large the grids are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// What the documentation quotes.
    Full,
    /// Fewer operations, and of each grid the first value and those that have a bar.
    Quick,
    /// Next to nothing: shows that everything runs, and measures nothing.
    Smoke,
}

impl Size {
    /// How often to do something that is done so often in full.
    fn times(self, full: u64) -> u64 {
        match self {
            Self::Full => full,
            Self::Quick => full.div_ceil(4),
            Self::Smoke => full.min(2),
        }
    }

    /// A value of a grid.
    fn value(self, full: u64) -> u64 {
        match self {
            Self::Full | Self::Quick => full,
            Self::Smoke => full.min(11),
        }
    }
}

/// All cases, in the order of the table.
pub(crate) fn all(size: Size) -> Vec<Case> {
    let mut cases = Vec::new();
    for of_scenario in [
        append_batch::cases,
        read_stream::cases,
        concurrent_append::cases,
        contended_append::cases,
        snapshot::cases,
        load::cases,
        load_mutate_save::cases,
        catch_up::cases,
        resident::cases,
    ] {
        cases.extend(of_scenario(size));
    }
    if size == Size::Quick {
        let mut seen = Vec::new();
        cases.retain(|case| {
            let line = (case.scenario, case.backend);
            let is_first = !seen.contains(&line);
            seen.push(line);
            is_first || case.bar.is_some()
        });
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_run_keeps_every_scenario_and_every_bar() {
        let (full, quick) = (all(Size::Full), all(Size::Quick));
        let bars = |cases: &[Case]| cases.iter().filter(|case| case.bar.is_some()).count();
        assert_eq!(bars(&quick), bars(&full));
        assert!(quick.len() < full.len());
        for case in &full {
            assert!(quick.iter().any(|c| (c.scenario, c.backend) == (case.scenario, case.backend)));
        }
    }
}
