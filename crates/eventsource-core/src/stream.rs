//! Streams: their identity, and how a user's key becomes one.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Error, Result, TenantId,
    text::{check_key, check_name, excerpt, text_newtype},
};

text_newtype!(
    /// The key of a stream inside its category: 1 to 255 bytes of UTF-8 without NUL and control characters.
    StreamKey,
    check_key
);

/// The identity of a stream: tenant (optional), category and key.
///
/// The text form is `category/key`, or `tenant@category/key`; it is parsed only here. Ordering is by tenant,
/// category, key. Cloning is a reference count.
///
/// ```
/// use eventsource_core::StreamId;
/// let id = StreamId::new("Order", "4711")?;
/// assert_eq!(id.to_string(), "Order/4711");
/// assert_eq!("acme@Order/4711".parse::<StreamId>()?.tenant(), Some("acme"));
/// # Ok::<(), eventsource_core::Error>(())
/// ```
#[derive(Clone)]
pub struct StreamId {
    text: Arc<str>,
    /// Where the category begins: 0, or one past the `@`.
    category_at: u16,
    /// Where the key begins: one past the first `/`.
    key_at: u16,
}

impl StreamId {
    /// A stream without a tenant.
    ///
    /// # Errors
    /// `InvalidInput` when the category or the key breaks its rules.
    pub fn new(category: &str, key: impl ToStreamKey) -> Result<Self> {
        Self::with_tenant(None, category, key)
    }

    /// A stream of a tenant, or of none.
    ///
    /// # Errors
    /// `InvalidInput` when the category or the key breaks its rules.
    pub fn with_tenant(tenant: Option<&TenantId>, category: &str, key: impl ToStreamKey) -> Result<Self> {
        check_name("category", category)?;
        let key = key.to_stream_key()?;
        Ok(Self::join(tenant.map_or("", TenantId::as_str), category, key.as_str()))
    }

    /// Puts parts together that were checked before.
    fn join(tenant: &str, category: &str, key: &str) -> Self {
        let category_at = if tenant.is_empty() { 0 } else { tenant.len() + 1 };
        let key_at = category_at + category.len() + 1;
        let mut text = String::with_capacity(key_at + key.len());
        if !tenant.is_empty() {
            text.push_str(tenant);
            text.push('@');
        }
        text.push_str(category);
        text.push('/');
        text.push_str(key);
        // The limits on names and keys keep both offsets far below u16::MAX.
        Self { text: text.into(), category_at: category_at as u16, key_at: key_at as u16 }
    }

    /// From the three columns of a row, where an empty tenant means none.
    ///
    /// # Errors
    /// `InvalidInput` when a part breaks its rules, which in a row means that something else wrote it.
    pub fn from_parts(tenant: &str, category: &str, key: &str) -> Result<Self> {
        if !tenant.is_empty() {
            check_name("tenant", tenant)?;
        }
        check_name("category", category)?;
        check_key(key)?;
        Ok(Self::join(tenant, category, key))
    }

    /// The tenant, if there is one.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        let tenant = self.tenant_or_empty();
        (!tenant.is_empty()).then_some(tenant)
    }

    /// The tenant as stores keep it: empty means none.
    #[must_use]
    pub fn tenant_or_empty(&self) -> &str {
        match self.category_at {
            0 => "",
            at => &self.text[..usize::from(at) - 1],
        }
    }

    /// The category.
    #[must_use]
    pub fn category(&self) -> &str {
        &self.text[usize::from(self.category_at)..usize::from(self.key_at) - 1]
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.text[usize::from(self.key_at)..]
    }

    /// The text form: `category/key` or `tenant@category/key`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for StreamId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (head, key) = text.split_once('/').ok_or_else(|| {
            let message = format!("{} is not a stream id; expected category/key", excerpt(text));
            Error::invalid_input("stream", message)
        })?;
        match head.split_once('@') {
            Some((tenant, category)) => {
                check_name("tenant", tenant)?;
                Self::from_parts(tenant, category, key)
            }
            None => Self::from_parts("", head, key),
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({:?})", &*self.text)
    }
}

// The text form is canonical: equal text means equal parts.
impl PartialEq for StreamId {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for StreamId {}

impl Hash for StreamId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Ord for StreamId {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.tenant_or_empty(), self.category(), self.key()).cmp(&(
            other.tenant_or_empty(),
            other.category(),
            other.key(),
        ))
    }
}

impl PartialOrd for StreamId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for StreamId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a user identifies an aggregate by. Implemented for text, UUIDs and integers; for an id newtype it is
/// three lines:
///
/// ```
/// use eventsource_core::{Result, StreamKey, ToStreamKey};
/// struct OrderId(u64);
///
/// impl ToStreamKey for OrderId {
///     fn to_stream_key(&self) -> Result<StreamKey> {
///         self.0.to_stream_key()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as the key of a stream",
    note = "use text, a `Uuid` or an integer, or implement `ToStreamKey` for your id type"
)]
pub trait ToStreamKey {
    /// The key as validated text. Must give the same text for the same id for ever.
    ///
    /// # Errors
    /// `InvalidInput` when the text is empty, longer than 255 bytes or holds a control character.
    fn to_stream_key(&self) -> Result<StreamKey>;
}

impl ToStreamKey for str {
    fn to_stream_key(&self) -> Result<StreamKey> {
        StreamKey::new(self)
    }
}

impl ToStreamKey for String {
    fn to_stream_key(&self) -> Result<StreamKey> {
        StreamKey::new(self)
    }
}

impl ToStreamKey for StreamKey {
    fn to_stream_key(&self) -> Result<StreamKey> {
        Ok(self.clone())
    }
}

impl<T: ToStreamKey + ?Sized> ToStreamKey for &T {
    fn to_stream_key(&self) -> Result<StreamKey> {
        (**self).to_stream_key()
    }
}

/// Keys whose text form is their `Display`.
macro_rules! display_keys {
    ($($type:ty),*) => {
        $(impl ToStreamKey for $type {
            fn to_stream_key(&self) -> Result<StreamKey> {
                StreamKey::new(self.to_string())
            }
        })*
    };
}
display_keys!(uuid::Uuid, u8, u16, u32, u64, u128, i8, i16, i32, i64, i128);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_unambiguous() {
        for text in ["Order/1", "t@Order/1", "Order/a/b@c", "t@Order/a@b/c", "Order/注文"] {
            let id: StreamId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
            let again = StreamId::from_parts(id.tenant_or_empty(), id.category(), id.key()).unwrap();
            assert_eq!(again, id);
        }
        for text in ["", "Order", "/1", "Order/", "@Order/1", "t@/1", "a@b@Order/1", "Or der/1", "O/\0"] {
            assert!(text.parse::<StreamId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn order_is_by_tenant_category_key() {
        let mut ids: Vec<StreamId> =
            ["b@A/1", "B/1", "A.B/1", "A/2", "A/10", "a@Z/1"].iter().map(|t| t.parse().unwrap()).collect();
        ids.sort();
        let sorted: Vec<_> = ids.iter().map(StreamId::as_str).collect();
        assert_eq!(sorted, ["A/10", "A/2", "A.B/1", "B/1", "a@Z/1", "b@A/1"]);
    }
}
