//! Validated text: tenants, categories, keys, event names.
//!
//! The rules live here once, so that every backend accepts exactly the same names.

use crate::{Error, Result};

/// Bytes a stream key may have at most.
pub(crate) const KEY_BYTES_MAX: usize = 255;
/// Bytes a tenant, a category, an event name or a state type may have at most.
pub(crate) const NAME_BYTES_MAX: usize = 200;

/// Characters that a message shows of a text that was refused.
const EXCERPT_CHARACTERS: usize = 80;

/// A name is 1 to 200 bytes of `A-Z a-z 0-9 _ . -`.
///
/// The small alphabet keeps the text form of a stream id unambiguous and lets names travel unescaped
/// through topics, headers and SQL identifiers' literals.
pub(crate) fn check_name(field: &'static str, text: &str) -> Result<()> {
    check_length(field, text, NAME_BYTES_MAX)?;
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))) {
        None => Ok(()),
        Some(c) => Err(Error::invalid_input(
            field,
            format!("{field} {} contains {c:?}; allowed are A-Z a-z 0-9 _ . -", excerpt(text)),
        )),
    }
}

/// A key is 1 to 255 bytes of UTF-8 without NUL and other control characters.
pub(crate) fn check_key(text: &str) -> Result<()> {
    check_length("key", text, KEY_BYTES_MAX)?;
    match text.chars().find(|c| c.is_control()) {
        None => Ok(()),
        Some(c) => Err(Error::invalid_input(
            "key",
            format!("key {} contains the control character U+{:04X}", excerpt(text), u32::from(c)),
        )),
    }
}

fn check_length(field: &'static str, text: &str, maximum: usize) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid_input(field, format!("{field} is empty")));
    }
    if text.len() > maximum {
        return Err(Error::too_long(field, text.len(), maximum));
    }
    Ok(())
}

/// Text for a message, quoted, and cut where it is so long that nobody would read it.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARACTERS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Defines a newtype over shared, validated text. Cloning is a reference count.
macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Checks `text` and keeps a copy of it.
            ///
            /// # Errors
            /// `InvalidInput`, naming the field and the limit or the offending character.
            pub fn new(text: impl AsRef<str>) -> crate::Result<Self> {
                let text = text.as_ref();
                $check(text)?;
                Ok(Self(text.into()))
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.as_str())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::Error;

            fn from_str(text: &str) -> crate::Result<Self> {
                Self::new(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use text_newtype;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_would_make_ids_ambiguous() {
        for text in ["", "a/b", "a@b", "a b", "Ünïcode", "a\0b", &"x".repeat(201)] {
            assert!(check_name("category", text).is_err(), "{text:?}");
        }
        for text in ["a", "Order", "order_v2.placed-late", &"x".repeat(200)] {
            assert!(check_name("category", text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn keys_are_free_text_without_control_characters() {
        for text in ["", "a\0b", "line\nbreak", "\u{85}", &"x".repeat(256)] {
            assert!(check_key(text).is_err(), "{text:?}");
        }
        for text in ["1", "it's \"quoted\"; DROP TABLE", "注文/№1@x", &"x".repeat(255)] {
            assert!(check_key(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn a_message_shows_the_beginning_of_a_long_text() {
        assert_eq!(excerpt("a\"b"), r#""a\"b""#);
        let long = excerpt(&"注".repeat(1_000_000));
        assert!(long.starts_with("\"注") && long.ends_with("注\"…") && long.len() < 300);
    }
}
