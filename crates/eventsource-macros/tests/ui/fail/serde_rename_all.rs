use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
#[serde(rename_all = "snake_case")]
enum OrderEvent {
    Placed,
}

fn main() {}
