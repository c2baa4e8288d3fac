use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
enum OrderEvent {
    #[event(version = 0)]
    Placed,
}

fn main() {}
