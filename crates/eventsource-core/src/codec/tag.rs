//! The short names that are kept with each payload, so that it can be read for ever.

use std::fmt;

use crate::{Error, Result};

/// Bytes a tag may have at most.
const TAG_BYTES_MAX: usize = 15;

/// Up to 15 bytes of lower-case text, without allocation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Tag {
    bytes: [u8; TAG_BYTES_MAX],
    length: u8,
}

impl Tag {
    /// A tag from text that breaks no rule.
    const fn known(text: &str) -> Self {
        let text = text.as_bytes();
        assert!(text.len() <= TAG_BYTES_MAX, "a tag has 15 bytes at most");
        let mut bytes = [0; TAG_BYTES_MAX];
        let mut i = 0;
        while i < text.len() {
            assert!(is_allowed(text[i]), "a tag holds nothing but a-z 0-9 . _ -");
            bytes[i] = text[i];
            i += 1;
        }
        Self { bytes, length: i as u8 }
    }

    fn parse(field: &'static str, text: &str) -> Result<Self> {
        let mut bytes = [0; TAG_BYTES_MAX];
        let Some(place) = bytes.get_mut(..text.len()) else {
            return Err(Error::too_long(field, text.len(), TAG_BYTES_MAX));
        };
        if !text.bytes().all(is_allowed) {
            let message = format!("{field} {text:?} holds other characters than a-z 0-9 . _ -");
            return Err(Error::invalid_input(field, message));
        }
        place.copy_from_slice(text.as_bytes());
        Ok(Self { bytes, length: text.len() as u8 })
    }

    fn as_str(&self) -> &str {
        // Only ASCII gets in; the fallback is never taken.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or("")
    }
}

const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
}

/// How a payload is encoded: 1 to 15 bytes of `a-z 0-9 . _ -`, for example `json`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodecTag(Tag);

impl CodecTag {
    /// JSON text in UTF-8 (RFC 8259).
    pub const JSON: Self = Self(Tag::known("json"));

    /// The tag with this text.
    ///
    /// # Errors
    /// `InvalidInput` when it is empty, longer than 15 bytes or holds other characters.
    pub fn new(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::invalid_input("codec", "codec is empty"));
        }
        Tag::parse("codec", text).map(Self)
    }

    /// The tag with this text, for a constant.
    ///
    /// ```
    /// # use eventsource_core::codec::CodecTag;
    /// const CBOR: CodecTag = CodecTag::from_static("cbor");
    /// ```
    ///
    /// # Panics
    /// When the text breaks the rules: in a constant, the program does not compile.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        assert!(!text.is_empty(), "a codec's tag is not empty");
        Self(Tag::known(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// How an encoded payload was transformed: up to 15 bytes of `a-z 0-9 . _ -`, for example `zstd`; empty when it
/// was not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransformTag(Tag);

impl TransformTag {
    /// As encoded.
    pub const NONE: Self = Self(Tag::known(""));
    /// Zstandard (RFC 8878).
    pub const ZSTD: Self = Self(Tag::known("zstd"));

    /// The tag with this text.
    ///
    /// # Errors
    /// `InvalidInput` when it is longer than 15 bytes or holds other characters.
    pub fn new(text: &str) -> Result<Self> {
        Tag::parse("transform", text).map(Self)
    }

    /// The tag with this text, for a constant.
    ///
    /// # Panics
    /// When the text breaks the rules: in a constant, the program does not compile.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Tag::known(text))
    }

    /// The text; empty for [`TransformTag::NONE`].
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for CodecTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CodecTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodecTag({:?})", self.as_str())
    }
}

impl fmt::Display for TransformTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TransformTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransformTag({:?})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_short_and_lower_case() {
        assert_eq!(CodecTag::new("json").unwrap(), CodecTag::JSON);
        assert_eq!(TransformTag::new("").unwrap(), TransformTag::NONE);
        for text in ["", "JSON", "a b", "0123456789abcdef", "ü"] {
            assert!(CodecTag::new(text).is_err(), "{text:?}");
        }
    }
}
