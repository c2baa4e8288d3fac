use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "an order")]
enum OrderEvent {
    Placed,
}

fn main() {}
