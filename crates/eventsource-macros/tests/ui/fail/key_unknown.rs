use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order", version = 2)]
enum OrderEvent {
    Placed,
}

fn main() {}
