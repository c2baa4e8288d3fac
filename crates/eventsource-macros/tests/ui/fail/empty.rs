use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
enum OrderEvent {}

fn main() {}
