//! Instants at the precision that every store keeps, and the clock port.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Result, text::excerpt};

/// An instant, in whole microseconds since 1970-01-01T00:00:00Z.
///
/// Finer input is cut off (towards the past) when the value is made, so that what was written equals what is
/// read on every backend. The range is that of RFC 3339 with four-digit years; the text form is RFC 3339 in UTC with six
/// decimals.
///
/// ```
/// use eventsource_core::Timestamp;
/// let t: Timestamp = "2011-10-11T13:45:40.276+02:00".parse()?;
/// assert_eq!(t.to_string(), "2011-10-11T11:45:40.276000Z");
/// # Ok::<(), eventsource_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);
    /// 0000-01-01T00:00:00Z, the earliest instant.
    pub const MIN: Self = Self(-62_167_219_200_000_000);
    /// 9999-12-30T22:00:00Z, the latest instant.
    pub const MAX: Self = Self(253_402_207_200_000_000);

    /// The instant that many microseconds after the Unix epoch.
    ///
    /// # Errors
    /// `InvalidInput` outside [`Timestamp::MIN`] to [`Timestamp::MAX`].
    pub fn from_micros(micros: i64) -> Result<Self> {
        if (Self::MIN.0..=Self::MAX.0).contains(&micros) {
            return Ok(Self(micros));
        }
        Err(Error::invalid_input(
            "timestamp",
            format!("{micros} µs since 1970 lies outside {} to {}", Self::MIN, Self::MAX),
        ))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The time from `earlier` to this instant; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This instant moved into the future, at most to [`Timestamp::MAX`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros).min(Self::MAX.0))
    }
}

impl From<SystemTime> for Timestamp {
    /// Cuts to microseconds, and to the range of this type.
    fn from(time: SystemTime) -> Self {
        let micros = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => {
                let nanos = i128::try_from(before.duration().as_nanos()).unwrap_or(i128::MAX);
                i64::try_from((-nanos).div_euclid(1_000)).unwrap_or(i64::MIN)
            }
        };
        Self(micros.clamp(Self::MIN.0, Self::MAX.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.6}"),
            // Unreachable: the range of this type lies inside jiff's.
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    /// Reads RFC 3339 with an offset; a space may stand for the `T`.
    fn from_str(text: &str) -> Result<Self> {
        let parsed: jiff::Timestamp = text.parse().map_err(|e: jiff::Error| {
            Error::invalid_input(
                "timestamp",
                format!("{} is not an RFC 3339 instant such as 2026-01-31T12:00:00Z", excerpt(text)),
            )
            .with_source(e)
        })?;
        let micros = parsed.as_nanosecond().div_euclid(1_000);
        Self::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Tells the time. A port, so that tests decide what time it is.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present instant. May go back; whoever needs order takes the maximum.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finer_input_is_cut_towards_the_past() {
        let t: Timestamp = "2026-01-31T12:00:00.1234567Z".parse().unwrap();
        assert_eq!(t.to_string(), "2026-01-31T12:00:00.123456Z");
        let t: Timestamp = "1969-12-31T23:59:59.9999999Z".parse().unwrap();
        assert_eq!(t.as_micros(), -1);
        assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_nanos(1)).as_micros(), -1);
    }

    #[test]
    fn the_limits_survive_their_text_form() {
        for t in [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH] {
            assert_eq!(t.to_string().parse::<Timestamp>().unwrap(), t);
        }
        assert!(Timestamp::from_micros(Timestamp::MAX.as_micros() + 1).is_err());
        assert!(Timestamp::from_micros(i64::MIN).is_err());
        assert!("2026-01-31T12:00:00".parse::<Timestamp>().is_err(), "an instant needs an offset");
    }

    #[test]
    fn a_space_may_stand_for_the_t() {
        let t: Timestamp = "2011-10-11 13:45:40.276000+02:00".parse().unwrap();
        assert_eq!(t.to_string(), "2011-10-11T11:45:40.276000Z");
    }
}
