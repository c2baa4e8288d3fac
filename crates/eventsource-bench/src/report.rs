//! What is told about the measured cases.

use serde::Serialize;

use crate::{
    case::{Figures, Outcome},
    machine::Machine,
    statistics::Spread,
    unit::{Unit, three_digits},
};

/// Everything a run found out.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The form of this file.
    pub(crate) schema_version: u32,
    pub(crate) machine: Machine,
    /// How many rounds count, besides one to warm up.
    pub(crate) rounds: usize,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Report {
    /// The machine and the table, as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = self.machine.show();
        text.push_str(&format!("Medians of {} rounds, with their middle halves.\n\n", self.rounds));
        text.push_str(
            "| scenario | parameters | backend | ours | floor | bare | ours/floor | bar | verdict |\n\
             |---|---|---|---:|---:|---:|---:|---:|---|\n",
        );
        for outcome in &self.outcomes {
            text.push_str(&row(outcome));
        }
        text
    }
}

fn row(outcome: &Outcome) -> String {
    let unit = outcome.unit;
    let show = |figures: &Option<Figures>| figures.as_ref().map_or("–".to_owned(), |f| cell(f, unit));
    let cells = [
        outcome.scenario.to_owned(),
        outcome.parameters.clone(),
        outcome.backend.name().to_owned(),
        cell(&outcome.ours, unit),
        show(&outcome.floor),
        show(&outcome.bare),
        outcome.ratio.as_ref().map_or("–".to_owned(), |ratio| with_spread(ratio, three_digits)),
        outcome.bar.map_or("–".to_owned(), |bar| bar.show(unit)),
        outcome.verdict.map_or("–", |verdict| verdict.show()).to_owned(),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn cell(figures: &Figures, unit: Unit) -> String {
    let mut text = with_spread(&figures.spread, |figure| unit.show(figure));
    if let (Unit::Nanoseconds, Some(p99)) = (unit, figures.p99) {
        text.push_str(&format!(", p99 {}", unit.show(p99)));
    }
    if let Some(conflicts) = figures.conflicts {
        text.push_str(&format!(", {conflicts} conflicts"));
    }
    text
}

fn with_spread(spread: &Spread, show: impl Fn(f64) -> String) -> String {
    let Spread { low, median, high } = *spread;
    format!("{} ({} to {})", show(median), show(low), show(high))
}

/// One line for people who wait.
pub(crate) fn line(outcome: &Outcome) -> String {
    let ratio = outcome
        .ratio
        .as_ref()
        .map_or(String::new(), |ratio| format!(", {} of the floor", with_spread(ratio, three_digits)));
    let verdict = outcome.verdict.map_or(String::new(), |verdict| format!(": {}", verdict.show()));
    format!("{}{ratio}{verdict}", cell(&outcome.ours, outcome.unit))
}
