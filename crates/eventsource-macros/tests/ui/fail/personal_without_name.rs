use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
enum OrderEvent {
    Placed(u64, #[event(personal)] String),
}

fn main() {}
