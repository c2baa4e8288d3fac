use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
enum OrderEvent {
    Placed,
    #[event(unknown)]
    Unknown(eventsource_core::codec::OldEvent),
}

fn main() {}
