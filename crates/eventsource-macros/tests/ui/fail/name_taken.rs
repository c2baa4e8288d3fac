use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
enum OrderEvent {
    Placed,
    #[event(alias = "Placed")]
    Ordered,
}

fn main() {}
