//! What a schema lock has to complain about.

use std::fmt::Display;

use super::BLESS;
use crate::message::Message;

/// What is wrong, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Changed,
    Unreadable,
    Removed,
    New,
    Missing,
    Unusable,
    BadFile,
    /// Nothing is: the sample was just written.
    Written,
}

impl Kind {
    fn title(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unreadable => "unreadable",
            Self::Removed => "removed",
            Self::New => "new",
            Self::Missing => "without a sample",
            Self::Unusable => "unusable sample",
            Self::BadFile => "unusable file",
            Self::Written => "written",
        }
    }

    fn advice(self) -> String {
        let advice = match self {
            Self::Changed => {
                "events of the stored shape may be recorded. Raise the schema version and add an upcaster from the \
                 stored one, or undo the change. Only if no such event was ever recorded, remove the file."
            }
            Self::Unreadable => {
                "events like the sample may be recorded. Let the event type read them, or add an upcaster."
            }
            Self::Removed => {
                "events of this name and version may be recorded. Put the event back, or add an alias or an upcaster \
                 that leads to a present one. Only if no such event was ever recorded, remove the file."
            }
            Self::New => {
                return format!(
                    "run this test with {BLESS}=1, which writes the file; look at it, and commit it."
                );
            }
            Self::Missing => "give a sample of it to `with`.",
            Self::Unusable => "give a sample to `with` that can be encoded as JSON.",
            Self::BadFile => "bring the file back from the history of the repository.",
            Self::Written => {
                return format!("look at what was written, commit it, and run this test without {BLESS}.");
            }
        };
        advice.to_owned()
    }
}

#[derive(Debug)]
struct Problem {
    kind: Kind,
    what: String,
    detail: Detail,
}

#[derive(Debug)]
enum Detail {
    Text(String),
    Difference { stored: String, present: String },
}

/// Everything that is wrong at once, so that one run tells it all.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Problem>);

impl Report {
    pub(super) fn add(&mut self, kind: Kind, what: impl Display, detail: impl Display) {
        let detail = Detail::Text(detail.to_string());
        self.0.push(Problem { kind, what: what.to_string(), detail });
    }

    pub(super) fn add_difference(&mut self, what: impl Display, stored: impl Display, present: impl Display) {
        let detail = Detail::Difference { stored: stored.to_string(), present: present.to_string() };
        self.0.push(Problem { kind: Kind::Changed, what: what.to_string(), detail });
    }

    /// `None` when nothing is wrong.
    pub(super) fn into_message(mut self) -> Option<Message> {
        if self.0.is_empty() {
            return None;
        }
        self.0.sort_by(|a, b| (a.kind, &a.what).cmp(&(b.kind, &b.what)));
        let is_wrong = self.0.iter().any(|problem| problem.kind != Kind::Written);
        let mut message = Message::new(match is_wrong {
            true => "the event types and the stored samples do not fit",
            false => "samples were written, and a run that writes does not pass",
        });
        for Problem { kind, what, detail } in &self.0 {
            let title = format!("{}: {what}", kind.title());
            message = match detail {
                Detail::Text(text) => message.section(&title, text),
                Detail::Difference { stored, present } => message.difference(&title, stored, present),
            };
        }
        let mut kinds: Vec<Kind> = self.0.iter().map(|problem| problem.kind).collect();
        kinds.dedup();
        let advice: Vec<String> =
            kinds.into_iter().map(|kind| format!("{}: {}", kind.title(), kind.advice())).collect();
        Some(message.section("what to do", advice.join("\n")))
    }
}
