use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
struct OrderEvent {
    total: u64,
}

fn main() {}
