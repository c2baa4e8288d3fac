use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
enum OrderEvent {
    #[event(name = "")]
    Placed,
    Verschütten,
}

fn main() {}
