//! The key space in 1,024 parts, so that work can be shared without ever hashing anew.

use std::{fmt, str::FromStr};

use twox_hash::XxHash64;

use crate::{Error, Result, StreamId};

/// One of 1,024 parts of the key space. Events with the same ordering key, by default those of one stream, lie in the
/// same slice for ever.
///
/// The slice of a key is its XXH64 with seed 0 over its UTF-8 bytes, modulo 1,024
/// (<https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>); for a stream the key is its text form. This never
/// changes: checkpoints depend on it, and test vectors freeze it.
///
/// ```
/// use eventsource_core::{Slice, StreamId};
/// let stream = StreamId::new("Order", "4711")?;
/// assert_eq!(Slice::of_stream(&stream), Slice::of_key("Order/4711"));
/// # Ok::<(), eventsource_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slice(u16);

impl Slice {
    /// How many there are.
    pub const COUNT: u16 = 1_024;

    /// The slice with this number.
    ///
    /// # Errors
    /// `InvalidInput` beyond 1,023.
    pub fn new(number: u16) -> Result<Self> {
        if number < Self::COUNT {
            return Ok(Self(number));
        }
        Err(Error::over_limit("slice", format_args!("there is no slice {number}"), (Self::COUNT - 1).into()))
    }

    /// The slice of an ordering key.
    #[must_use]
    pub fn of_key(key: &str) -> Self {
        // Below 1,024 by the modulus.
        Self((XxHash64::oneshot(0, key.as_bytes()) % u64::from(Self::COUNT)) as u16)
    }

    /// The slice of a stream.
    #[must_use]
    pub fn of_stream(stream: &StreamId) -> Self {
        Self::of_key(stream.as_str())
    }

    /// Its number, 0 to 1,023.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The slice that follows, if there is one.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        (self.0 + 1 < Self::COUNT).then_some(Self(self.0 + 1))
    }
}

/// Slices that lie side by side, both ends inclusive. The text form is `first-last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SliceRange {
    first: Slice,
    last: Slice,
}

impl SliceRange {
    /// All slices.
    pub const ALL: Self = Self { first: Slice(0), last: Slice(Slice::COUNT - 1) };

    /// From one slice to another, inclusively.
    ///
    /// # Errors
    /// `InvalidInput` when the first lies after the last.
    pub fn new(first: Slice, last: Slice) -> Result<Self> {
        if first <= last {
            return Ok(Self { first, last });
        }
        let message = format!("slices {}-{} end before they begin", first.0, last.0);
        Err(Error::invalid_input("slices", message))
    }

    /// The first slice.
    #[must_use]
    pub const fn first(self) -> Slice {
        self.first
    }

    /// The last slice.
    #[must_use]
    pub const fn last(self) -> Slice {
        self.last
    }

    /// How many slices it holds, 1 at least.
    #[must_use]
    pub const fn count(self) -> u16 {
        self.last.0 - self.first.0 + 1
    }

    /// Whether a slice is one of them.
    #[must_use]
    pub fn contains(self, slice: Slice) -> bool {
        (self.first..=self.last).contains(&slice)
    }

    /// Two ranges, the second beginning with `at`; `None` when one of them would be empty.
    #[must_use]
    pub fn split(self, at: Slice) -> Option<(Self, Self)> {
        let before = Slice(at.0.checked_sub(1)?);
        let is_inside = self.first < at && at <= self.last;
        is_inside.then_some((Self { first: self.first, last: before }, Self { first: at, last: self.last }))
    }

    /// The range of both; `None` unless `next` follows this one without a gap.
    #[must_use]
    pub fn join(self, next: Self) -> Option<Self> {
        (self.last.0 + 1 == next.first.0).then_some(Self { first: self.first, last: next.last })
    }

    /// This range in `parts` ranges, as even as can be; fewer when there are fewer slices.
    #[must_use]
    pub fn divide(self, parts: u16) -> Vec<Self> {
        let (count, parts) = (self.count(), parts.clamp(1, self.count()));
        // Part `i` begins `count * i / parts` slices after the first; both factors are 1,024 at most.
        let begin = |i: u16| self.first.0 + (u32::from(count) * u32::from(i) / u32::from(parts)) as u16;
        (0..parts).map(|i| Self { first: Slice(begin(i)), last: Slice(begin(i + 1) - 1) }).collect()
    }
}

impl fmt::Display for SliceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first.0, self.last.0)
    }
}

impl FromStr for SliceRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let Some((first, last)) = parts else {
            let message = format!("{text:?} is not a range of slices; expected first-last");
            return Err(Error::invalid_input("slices", message));
        };
        Self::new(Slice::new(first)?, Slice::new(last)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_never_changes() {
        // As another implementation of XXH64 computes them.
        let vectors = [
            ("", 0xEF46_DB37_51D8_E999_u64),
            ("a", 0xD24E_C4F1_A98C_6E5B),
            ("abc", 0x44BC_2CF5_AD77_0999),
            ("Order/4711", 0x1088_645E_CF39_33B6),
            ("acme@Order/4711", 0x2BFA_0257_348A_DE4A),
            ("Order/注文", 0x6B48_5A25_1EB7_1EE1),
        ];
        for (key, hash) in vectors {
            assert_eq!(u64::from(Slice::of_key(key).number()), hash % 1_024, "{key:?}");
        }
    }

    #[test]
    fn keys_spread_over_all_slices() {
        let mut counts = vec![0_u32; Slice::COUNT.into()];
        for i in 0..102_400 {
            counts[usize::from(Slice::of_key(&format!("Order/{i}")).number())] += 1;
        }
        // 100 are expected in each; six standard deviations away is no chance.
        assert!(counts.iter().all(|count| (40..=160).contains(count)));
    }

    #[test]
    fn ranges_split_and_join_again() {
        let (low, high) = SliceRange::ALL.split(Slice(300)).unwrap();
        assert_eq!((low.to_string(), high.to_string()), ("0-299".into(), "300-1023".into()));
        assert_eq!(low.join(high), Some(SliceRange::ALL));
        assert_eq!(high.join(low), None);
        assert_eq!(low.split(Slice(0)), None);
        assert_eq!(low.split(Slice(300)), None);
        assert!(high.contains(Slice(300)) && !low.contains(Slice(300)));
    }

    #[test]
    fn parts_are_even_and_cover_everything() {
        for parts in [1, 2, 3, 7, 1_023, 1_024, 5_000] {
            let ranges = SliceRange::ALL.divide(parts);
            assert_eq!(ranges.len(), usize::from(parts.min(1_024)));
            let all = ranges.iter().copied().reduce(|a, b| a.join(b).unwrap());
            assert_eq!(all, Some(SliceRange::ALL));
            let (least, most) =
                (ranges.iter().map(|r| r.count()).min(), ranges.iter().map(|r| r.count()).max());
            assert!(most.unwrap() - least.unwrap() <= 1);
        }
    }

    #[test]
    fn a_range_survives_its_text_form() {
        let range = SliceRange::new(Slice(3), Slice(3)).unwrap();
        assert_eq!(range.to_string().parse::<SliceRange>().unwrap(), range);
        for text in ["", "1", "1-", "2-1", "0-1024", "a-b", "-1-2"] {
            assert!(text.parse::<SliceRange>().is_err(), "{text:?}");
        }
    }
}
