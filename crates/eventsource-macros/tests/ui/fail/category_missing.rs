use eventsource_macros::Event;

#[derive(Event)]
enum OrderEvent {
    Placed,
}

fn main() {}
