use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
enum OrderEvent<T> {
    Placed(T),
}

fn main() {}
