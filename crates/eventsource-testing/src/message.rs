//! How failures are told: a headline, sections of text, and differences line by line.

use std::{
    fmt::{Debug, Display, Write},
    time::Duration,
};

use similar::{ChangeTag, TextDiff};

/// How long a test waits for what should happen at once. Only a failure waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The text of a failure.
#[derive(Debug)]
pub(crate) struct Message(String);

impl Message {
    pub(crate) fn new(headline: impl Display) -> Self {
        Self(format!("{headline}\n"))
    }

    /// A title, and text of one or more lines below it.
    pub(crate) fn section(mut self, title: &str, text: impl Display) -> Self {
        self.0 += &format!("\n{title}\n");
        for line in text.to_string().lines() {
            self.line("    ", line);
        }
        self
    }

    /// A title, and below it what was expected and what was there, line by line.
    pub(crate) fn difference(mut self, title: &str, expected: &str, actual: &str) -> Self {
        self.0 += &format!("\n{title} (- expected, + actual)\n");
        let (before, after): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
        for change in TextDiff::from_slices(&before, &after).iter_all_changes() {
            let mark = match change.tag() {
                ChangeTag::Delete => "  - ",
                ChangeTag::Insert => "  + ",
                ChangeTag::Equal => "    ",
            };
            self.line(mark, change.value());
        }
        if expected == actual {
            self.line("    ", "(not equal, although `Debug` shows the same)");
        }
        self
    }

    fn line(&mut self, mark: &str, line: &str) {
        // Nothing fails to be written into text.
        let _ = writeln!(self.0, "{}", format_args!("{mark}{line}").to_string().trim_end());
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Fails the test that called.
    #[track_caller]
    pub(crate) fn fail(self) -> ! {
        fail(&self.0)
    }
}

/// Fails the test that called.
#[track_caller]
#[allow(clippy::panic, reason = "failing a test is the job of this crate")]
pub(crate) fn fail(message: impl Display) -> ! {
    panic!("{message}")
}

/// The value, or a failure of the test that called: `what` could not be done.
#[track_caller]
pub(crate) fn must<T, E: std::error::Error>(what: &str, result: Result<T, E>) -> T {
    // Not in a closure, which would be the place that is blamed.
    match result {
        Ok(value) => value,
        Err(error) => fail(format_args!("{what}: {}", causes(&error))),
    }
}

/// An error and its causes in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// Values one below the other.
pub(crate) fn show_all<T: Debug>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(show).collect();
    if values.is_empty() { "(nothing)".to_owned() } else { values.join("\n") }
}

/// A value, in one line if that is short enough to be compared with the eye.
pub(crate) fn show(value: impl Debug) -> String {
    let line = format!("{value:?}");
    if line.len() <= LINE_MAX { line } else { format!("{value:#?}") }
}

/// Bytes of a value in one line.
const LINE_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_line_by_line() {
        let message = Message::new("they differ").section("given", "one\n\ntwo").difference(
            "then",
            "same\nold\n",
            "same\nnew\nmore",
        );
        let expected = "they differ

given
    one

    two

then (- expected, + actual)
    same
  - old
  + new
  + more
";
        assert_eq!(message.0, expected);
    }

    #[test]
    fn what_looks_the_same_is_told_to_differ() {
        let message = Message::new("they differ").difference("then", "NaN", "NaN").0;
        assert!(
            message.ends_with("    NaN\n    (not equal, although `Debug` shows the same)\n"),
            "{message}"
        );
    }

    #[test]
    fn values_stand_below_each_other_and_long_ones_over_several_lines() {
        assert_eq!(show_all([Some(1), None]), "Some(1)\nNone");
        assert_eq!(show_all::<u8>([]), "(nothing)");
        let long = "x".repeat(LINE_MAX);
        assert_eq!(show(Some(&long)), format!("Some(\n    \"{long}\",\n)"));
    }
}
