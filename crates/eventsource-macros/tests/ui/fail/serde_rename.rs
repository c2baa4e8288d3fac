use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
enum OrderEvent {
    #[serde(rename = "placed")]
    Placed,
}

fn main() {}
