//! Which events of a log a reader wants.

use std::{fmt, str::FromStr};

use crate::{Category, Error, EventName, RecordedEvent, Result, StreamId, TenantId, text::check_name};

/// Which events of a log a reader wants: a tenant, and any of some categories and names.
///
/// ```
/// use eventsource_core::EventFilter;
/// let filter = EventFilter::all().category("Order")?.events("Payment", ["PaymentTaken", "Refund*"])?;
/// # Ok::<(), eventsource_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    tenant: TenantFilter,
    selectors: Vec<EventSelector>,
}

/// Whose events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TenantFilter {
    /// Everybody's, and those without a tenant.
    #[default]
    Any,
    /// Only those without a tenant.
    Untenanted,
    /// Only this tenant's.
    Only(TenantId),
}

/// Some names of one category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSelector {
    /// The category.
    pub category: Category,
    /// The names; empty means all.
    pub names: Vec<NamePattern>,
}

/// An event name, or the beginning of one followed by `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamePattern {
    /// Exactly this name.
    Exact(EventName),
    /// Every name that begins like this, in ASCII letters, digits and `_ . -`.
    Prefix(String),
}

impl EventFilter {
    /// Every event.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Adds all events of a category, lifecycle records included.
    ///
    /// # Errors
    /// `InvalidInput` when the category breaks its rules.
    pub fn category(mut self, category: &str) -> Result<Self> {
        self.selectors.push(EventSelector { category: Category::new(category)?, names: Vec::new() });
        Ok(self)
    }

    /// Adds some events of a category: names, or beginnings of names followed by `*`.
    ///
    /// # Errors
    /// `InvalidInput` when the category or a name breaks its rules, or no name is given.
    pub fn events<'a>(mut self, category: &str, names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let names = names.into_iter().map(str::parse).collect::<Result<Vec<_>>>()?;
        if names.is_empty() {
            return Err(Error::invalid_input("names", format!("no names of category {category} were given")));
        }
        self.selectors.push(EventSelector { category: Category::new(category)?, names });
        Ok(self)
    }

    /// Keeps to one tenant, or to the events without one.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantFilter) -> Self {
        self.tenant = tenant;
        self
    }

    /// Everything that this or `other` selects; the tenant is this one's.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        if self.selectors.is_empty() || other.selectors.is_empty() {
            self.selectors.clear();
        } else {
            self.selectors.extend(other.selectors);
        }
        self
    }

    /// Whose events, for stores that push the filter down.
    #[must_use]
    pub fn tenant_filter(&self) -> &TenantFilter {
        &self.tenant
    }

    /// Any of these, for stores that push the filter down; empty means everything.
    #[must_use]
    pub fn selectors(&self) -> &[EventSelector] {
        &self.selectors
    }

    /// Whether an event passes.
    #[must_use]
    pub fn accepts(&self, event: &RecordedEvent) -> bool {
        self.selects(&event.stream, event.name.as_str())
    }

    /// Whether an event of this stream and name passes, for stores that look before they read the whole event.
    #[must_use]
    pub fn selects(&self, stream: &StreamId, name: &str) -> bool {
        self.tenant.accepts(stream.tenant())
            && (self.selectors.is_empty()
                || self.selectors.iter().any(|s| s.accepts(stream.category(), name)))
    }
}

impl TenantFilter {
    /// Whether a stream of this tenant passes.
    #[must_use]
    pub fn accepts(&self, tenant: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Untenanted => tenant.is_none(),
            Self::Only(only) => tenant == Some(only.as_str()),
        }
    }

    /// The one tenant as stores keep it (empty: none), or `None` when all are wanted.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Any => None,
            Self::Untenanted => Some(""),
            Self::Only(tenant) => Some(tenant.as_str()),
        }
    }
}

impl EventSelector {
    fn accepts(&self, category: &str, name: &str) -> bool {
        self.category == *category && (self.names.is_empty() || self.names.iter().any(|n| n.accepts(name)))
    }
}

impl NamePattern {
    /// Whether a name matches.
    #[must_use]
    pub fn accepts(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => *exact == *name,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }
}

impl FromStr for NamePattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.strip_suffix('*') {
            None => Ok(Self::Exact(EventName::new(text)?)),
            Some(prefix) => {
                check_name("event name", prefix)?;
                Ok(Self::Prefix(prefix.to_owned()))
            }
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}
