//! Names of categories, events and states.

use crate::text::{check_name, text_newtype};

text_newtype!(
    /// The kind of a stream, for example `Order`: 1 to 200 bytes of `A-Z a-z 0-9 _ . -`.
    ///
    /// ```
    /// use eventsource_core::Category;
    /// assert_eq!(Category::new("Order")?.as_str(), "Order");
    /// assert!(Category::new("an order").is_err());
    /// # Ok::<(), eventsource_core::Error>(())
    /// ```
    Category,
    |text| check_name("category", text)
);

text_newtype!(
    /// The name of an event, unique in its category, for example `OrderPlaced`: 1 to 200 bytes of
    /// `A-Z a-z 0-9 _ . -`.
    ///
    /// Names that begin with `stream.` belong to the lifecycle records of the store
    /// ([`lifecycle`](crate::lifecycle)); an append refuses them.
    EventName,
    |text| check_name("event name", text)
);

text_newtype!(
    /// The name of a type of state that snapshots are kept of: 1 to 200 bytes of `A-Z a-z 0-9 _ . -`.
    StateType,
    |text| check_name("state type", text)
);
