//! The events and the aggregate that are measured: an order that items are added to and returned from.

use std::convert::Infallible;

use eventsource::{Aggregate, Decider, Event, EventId, NewEvent, aggregate::SnapshotState};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Result;

/// What happens to an order.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(category = "Order")]
pub(crate) enum OrderEvent {
    /// The customer put something into the order.
    ItemAdded(Item),
    /// The customer sent something back.
    ItemReturned(Item),
}

/// One line of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Item {
    id: Uuid,
    sku: String,
    description: String,
    quantity: u32,
    price_cents: u64,
    is_gift: bool,
}

/// The state that is folded from an order's events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) events: u64,
    pub(crate) pieces: u64,
    pub(crate) total_cents: u64,
}

impl Aggregate for Order {
    type Event = OrderEvent;

    fn apply(&mut self, event: &OrderEvent) {
        self.events += 1;
        match event {
            OrderEvent::ItemAdded(item) => {
                self.pieces += u64::from(item.quantity);
                self.total_cents += item.price_cents * u64::from(item.quantity);
            }
            OrderEvent::ItemReturned(item) => {
                self.pieces = self.pieces.saturating_sub(item.quantity.into());
                self.total_cents =
                    self.total_cents.saturating_sub(item.price_cents * u64::from(item.quantity));
            }
        }
    }
}

impl Decider for Order {
    type Command = Item;
    type Refusal = Infallible;

    fn decide(&self, item: &Item) -> Result<Vec<OrderEvent>, Infallible> {
        Ok(vec![OrderEvent::ItemAdded(item.clone())])
    }
}

impl SnapshotState for Order {
    const STATE_TYPE: &'static str = "Order";
    const STATE_VERSION: u16 = 1;
}

impl OrderEvent {
    /// The event number `number` of some order, whose payload has `bytes` bytes, or the fewest that hold its fields.
    pub(crate) fn sample(number: u64, bytes: usize) -> Self {
        let item = Item::sample(number, bytes);
        if number % 10 == 9 { Self::ItemReturned(item) } else { Self::ItemAdded(item) }
    }

    /// As [`sample`](Self::sample), ready to be appended.
    pub(crate) fn sample_encoded(number: u64, bytes: usize) -> Result<NewEvent> {
        Self::sample(number, bytes).encoded()
    }

    /// Ready to be appended, with a new id.
    pub(crate) fn encoded(&self) -> Result<NewEvent> {
        let id = EventId::generate();
        Ok(NewEvent::encode(id, self)?.with_correlation(id.into()))
    }

    /// Decodes a payload as one does without the library: with serde alone.
    pub(crate) fn decode_plainly(name: &str, payload: &[u8]) -> Result<Self> {
        match name {
            "ItemAdded" => Ok(Self::ItemAdded(serde_json::from_slice(payload)?)),
            "ItemReturned" => Ok(Self::ItemReturned(serde_json::from_slice(payload)?)),
            other => Err(format!("no event is named {other:?}").into()),
        }
    }
}

impl Item {
    /// An item whose JSON has `bytes` bytes, or the fewest that hold its fields.
    pub(crate) fn sample(number: u64, bytes: usize) -> Self {
        // As long as the JSON of an item that has no description.
        const FIELDS_BYTES: usize = 128;
        const WORDS: &str = "A thing of some use that is described in a few plain words. ";
        Self {
            id: Uuid::from_u128(u128::from(number) << 64 | 0x8000_0000_0000_0000),
            sku: format!("SKU-{:06}", number % 1_000_000),
            description: WORDS.chars().cycle().take(bytes.saturating_sub(FIELDS_BYTES)).collect(),
            quantity: (number % 9 + 1) as u32,
            price_cents: 1_000 + number % 9_000,
            is_gift: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_the_size_asked_for() {
        for bytes in [200, 5_000] {
            assert_eq!(OrderEvent::sample_encoded(1_234, bytes).unwrap().payload.len(), bytes);
        }
    }

    #[test]
    fn plain_decoding_gives_what_the_library_gives() {
        let mut plain = Order::default();
        let mut ours = Order::default();
        for number in 0..20 {
            let event = OrderEvent::sample_encoded(number, 200).unwrap();
            plain.apply(&OrderEvent::decode_plainly(event.name.as_str(), &event.payload).unwrap());
            ours.apply(&OrderEvent::decode(event.name.as_str(), 1, &event.payload).unwrap());
        }
        assert_eq!(plain, ours);
        assert_eq!(plain.events, 20);
    }
}
