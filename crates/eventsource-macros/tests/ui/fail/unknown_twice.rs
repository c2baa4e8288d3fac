use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
enum OrderEvent {
    #[event(unknown)]
    #[serde(skip)]
    Unknown(eventsource_core::codec::OldEvent),
    #[event(unknown)]
    #[serde(skip)]
    Other(eventsource_core::codec::OldEvent),
}

fn main() {}
