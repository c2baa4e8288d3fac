use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
enum OrderEvent {
    #[serde(skip)]
    Placed,
}

fn main() {}
