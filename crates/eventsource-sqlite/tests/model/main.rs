//! The store in memory and SQLite in lock-step: whatever is asked in whatever order, they answer alike, and as an oracle says
//! that shares no code with them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod operation;
mod oracle;
mod run;

use proptest::prelude::*;

use operation::{Operation, operation};
use run::Run;

/// Runs the operations on all three, and checks everything at the end once more.
fn check(operations: &[Operation]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut run = Run::begin().await;
        for operation in operations {
            run.apply(operation).await;
        }
        run.check_everything().await;
        run.apply(&Operation::Reopen).await;
        run.check_everything().await;
    });
}

/// 50 runs; as many as the variable `PROPTEST_CASES` says when there is more time.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").map_or(50, |cases| cases.parse().unwrap());
    // What fails is printed whole, and a seed would mean something else after the next change of the operations.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn both_stores_answer_alike_and_as_the_oracle_says(operations in prop::collection::vec(operation(), 1..80)) {
        check(&operations);
    }
}
