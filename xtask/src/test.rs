//! `cargo xtask test`: everything that must pass, step by step, with a summary.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{cargo, examples, features, msrv, readme, tidy};

/// A part of the whole that can be repeated alone.
struct Step {
    name: &'static str,
    /// The command that repeats this step.
    command: &'static str,
    run: fn() -> Result<()>,
}

/// The quick ones first; those that share a build beside each other.
const STEPS: &[Step] = &[
    Step { name: "tidy", command: "cargo xtask tidy", run: tidy::run },
    Step { name: "msrv", command: "cargo xtask msrv", run: msrv::run },
    Step {
        name: "tests",
        command: "cargo test --workspace --all-features",
        run: || cargo::run(&["test", "--workspace", "--all-features"]),
    },
    Step { name: "examples", command: "cargo xtask examples", run: || examples::run(false) },
    Step { name: "readme", command: "cargo xtask readme", run: readme::run },
    Step {
        name: "facade",
        command: "cargo test --package eventsource",
        run: || cargo::run(&["test", "--package", "eventsource"]),
    },
    Step { name: "features", command: "cargo xtask features", run: features::run },
];

/// Runs every step, also after one has failed, so that one run shows all there is to mend.
pub(crate) fn run() -> Result<()> {
    run_steps(STEPS)
}

fn run_steps(steps: &[Step]) -> Result<()> {
    let mut summary = Vec::new();
    let mut failed = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        println!("\n==> {}/{} {}: {}", number + 1, steps.len(), step.name, step.command);
        let start = Instant::now();
        let outcome = (step.run)();
        let took = start.elapsed();
        if let Err(error) = &outcome {
            eprintln!("error: {error:#}");
            failed.push(format!("{}; repeat it alone with `{}`", step.name, step.command));
        }
        println!("==> {}", result_line(step.name, outcome.is_ok(), took));
        summary.push(result_line(step.name, outcome.is_ok(), took));
    }
    println!("\nSummary\n{}", summary.join("\n"));
    if !failed.is_empty() {
        bail!("failed: {}", failed.join("\nfailed: "));
    }
    Ok(())
}

fn result_line(name: &str, passed: bool, took: Duration) -> String {
    let result = if passed { "ok" } else { "FAILED" };
    format!("{result:<6} {name:<10} {:>7.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_step_and_how_to_repeat_it() {
        let steps = [
            Step { name: "first", command: "do first", run: || bail!("broken") },
            Step { name: "second", command: "do second", run: || Ok(()) },
        ];
        let error = run_steps(&steps).unwrap_err().to_string();
        assert_eq!(error, "failed: first; repeat it alone with `do first`");
    }

    #[test]
    fn later_steps_run_after_a_failure() {
        let steps = [
            Step { name: "first", command: "do first", run: || bail!("broken") },
            Step { name: "second", command: "do second", run: || bail!("broken too") },
        ];
        let error = run_steps(&steps).unwrap_err().to_string();
        assert!(error.contains("`do first`") && error.contains("`do second`"), "{error}");
    }
}
