//! One line of the table: who competes in what, how the rounds are played, and what came out.

use clap::ValueEnum;
use serde::Serialize;

use crate::{
    Result,
    bar::{Bar, Verdict},
    comparator::{Bare, Comparator, Floor},
    lab::Lab,
    round::Round,
    statistics::Spread,
    unit::Unit,
};

/// Where the events lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Backend {
    /// The store in memory.
    Memory,
    /// The SQLite store, in a file, with `synchronous=FULL`.
    Sqlite,
}

impl Backend {
    pub(crate) const ALL: [Self; 2] = [Self::Memory, Self::Sqlite];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
        }
    }
}

/// One line of the table, before it is measured.
pub(crate) struct Case {
    pub(crate) scenario: &'static str,
    /// Their names and values.
    pub(crate) parameters: String,
    pub(crate) backend: Backend,
    pub(crate) unit: Unit,
    pub(crate) bar: Option<Bar>,
    /// Opens the databases and fills them.
    pub(crate) prepare: Prepare,
}

/// Makes the contenders of a case.
pub(crate) type Prepare = Box<dyn FnOnce(&Lab) -> Result<Contenders>>;

/// Plays one round of one contender.
pub(crate) type Contender = Box<dyn FnMut() -> Result<Round>>;

/// Those that compete in a case.
pub(crate) struct Contenders {
    pub(crate) ours: Contender,
    /// The driver's best statements into tables like ours.
    pub(crate) floor: Option<Contender>,
    /// The least that could be called an event table.
    pub(crate) bare: Option<Contender>,
}

impl Contenders {
    /// Ours, and the comparators where there is a driver to compare with.
    pub(crate) fn new(
        backend: Backend,
        lab: &Lab,
        ours: impl FnMut() -> Result<Round> + 'static,
        compared: impl Fn(Box<dyn Comparator>) -> Result<Contender>,
    ) -> Result<Self> {
        let (floor, bare) = match backend {
            Backend::Memory => (None, None),
            Backend::Sqlite => {
                let floor = Floor::create(&lab.file("floor"), &lab.runtime)?;
                let bare = Bare::create(&lab.file("bare"))?;
                (Some(compared(Box::new(floor))?), Some(compared(Box::new(bare))?))
            }
        };
        Ok(Self { ours: Box::new(ours), floor, bare })
    }
}

/// One line of the table, measured.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) scenario: &'static str,
    pub(crate) parameters: String,
    pub(crate) backend: Backend,
    pub(crate) unit: Unit,
    pub(crate) ours: Figures,
    pub(crate) floor: Option<Figures>,
    pub(crate) bare: Option<Figures>,
    /// Ours divided by the floor, round by round.
    pub(crate) ratio: Option<Spread>,
    pub(crate) bar: Option<Bar>,
    pub(crate) verdict: Option<Verdict>,
}

/// What one contender did in all rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) spread: Spread,
    /// The median over the rounds.
    pub(crate) p99: Option<f64>,
    /// The sum over the rounds.
    pub(crate) conflicts: Option<u64>,
    rounds: Vec<Round>,
}

impl Case {
    /// Measures the case: a round to warm up, then the rounds that count. In each round everybody has a turn, and
    /// everybody comes first equally often, so that whatever disturbs the machine disturbs all alike.
    pub(crate) fn measure(self, lab: &Lab, rounds: usize) -> Result<Outcome> {
        let contenders = (self.prepare)(lab)?;
        let mut turns: Vec<(Contender, Vec<Round>)> =
            [Some(contenders.ours), contenders.floor, contenders.bare]
                .into_iter()
                .flatten()
                .map(|contender| (contender, Vec::with_capacity(rounds)))
                .collect();
        for round in 0..=rounds {
            let is_warm_up = round == 0;
            for place in 0..turns.len() {
                let turn = (round + place) % turns.len();
                let (contender, played) = &mut turns[turn];
                let done = contender()?;
                if !is_warm_up {
                    played.push(done);
                }
            }
        }
        let mut figures = turns.into_iter().map(|(_, rounds)| Figures::of(rounds));
        let ours = figures.next().flatten().ok_or("a case needs one round at least")?;
        let (floor, bare) = (figures.next().flatten(), figures.next().flatten());
        let ratio = floor.as_ref().and_then(|floor| ours.divided_by(floor));
        let verdict = self.bar.and_then(|bar| bar.judge(&ours.spread, ratio.as_ref()));
        Ok(Outcome {
            scenario: self.scenario,
            parameters: self.parameters,
            backend: self.backend,
            unit: self.unit,
            ours,
            floor,
            bare,
            ratio,
            bar: self.bar,
            verdict,
        })
    }
}

impl Figures {
    fn of(rounds: Vec<Round>) -> Option<Self> {
        Some(Self {
            spread: Spread::of(rounds.iter().map(|r| r.figure))?,
            p99: Spread::of(rounds.iter().filter_map(|r| r.p99)).map(|p99| p99.median),
            conflicts: rounds.iter().map(|r| r.conflicts).sum(),
            rounds,
        })
    }

    fn divided_by(&self, other: &Self) -> Option<Spread> {
        Spread::of(self.rounds.iter().zip(&other.rounds).map(|(ours, theirs)| ours.figure / theirs.figure))
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::*;

    #[test]
    fn everybody_has_a_turn_in_every_round_and_comes_first_equally_often() {
        let log = Rc::new(RefCell::new(String::new()));
        let contender = |letter: char, figure: f64| -> Contender {
            let log = log.clone();
            Box::new(move || {
                log.borrow_mut().push(letter);
                Ok(Round::counted(figure))
            })
        };
        let contenders = Contenders {
            ours: contender('o', 3.0),
            floor: Some(contender('f', 2.0)),
            bare: Some(contender('b', 1.0)),
        };
        let case = Case {
            scenario: "store.append_batch",
            parameters: String::new(),
            backend: Backend::Sqlite,
            unit: Unit::Nanoseconds,
            bar: Some(Bar::RatioAtMost(1.45)),
            prepare: Box::new(|_| Ok(contenders)),
        };
        let lab = Lab::new(&std::env::temp_dir()).unwrap();

        let outcome = case.measure(&lab, 3).unwrap();

        assert_eq!(*log.borrow(), "ofbfbobofofb");
        assert_eq!(outcome.ratio.map(|ratio| ratio.median), Some(1.5));
        assert_eq!(outcome.verdict, Some(Verdict::Missed));
    }
}
