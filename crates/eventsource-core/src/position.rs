//! Places in a log.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, Incarnation, LogId, Result, text::excerpt};

/// The place of an event in its log's order: increasing, with holes where nothing was committed.
///
/// A position is compared and stored, never computed with, and means nothing outside its log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// Before the first event of every log.
    pub const START: Self = Self(0);
    /// The greatest position that every backend can hold (2^48 - 1; PostgreSQL keeps it in a lock key).
    pub const MAX: Self = Self((1 << 48) - 1);

    /// The position that a store kept as this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number to keep.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// How many events can lie behind this one up to `later`: at least as many as do, because there may be holes.
    #[must_use]
    pub const fn distance_to(self, later: Self) -> u64 {
        later.0.saturating_sub(self.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which log a feed reads, and which life of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Log {
    /// Given once, kept through restores.
    pub id: LogId,
    /// Drawn anew when a restored log is adopted.
    pub incarnation: Incarnation,
}

/// A place in one particular log: what an append returns and what a reader waits for.
///
/// The text form is `<log id>:<position>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    /// The log that the position belongs to.
    pub log: LogId,
    /// The place in it.
    pub position: Position,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.log, self.position)
    }
}

impl FromStr for Token {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let (log, position) = text.split_once(':')?;
            Some(Self { log: log.parse().ok()?, position: Position(position.parse().ok()?) })
        };
        parse().ok_or_else(|| {
            let message = format!("{} is not a token; expected <log id>:<position>", excerpt(text));
            Error::invalid_input("token", message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_form() {
        let token = Token { log: LogId::generate(), position: Position::new(42) };
        assert_eq!(token.to_string().parse::<Token>().unwrap(), token);
        for text in ["", "42", ":42", "x:42", "018f0000-0000-7000-8000-000000000000:", "\0:1"] {
            assert!(text.parse::<Token>().is_err(), "{text:?}");
        }
    }
}
