use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order", category = "Orders")]
enum OrderEvent {
    Placed,
}

fn main() {}
