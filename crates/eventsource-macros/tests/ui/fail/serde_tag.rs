use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
#[serde(tag = "type")]
enum OrderEvent {
    Placed,
}

fn main() {}
