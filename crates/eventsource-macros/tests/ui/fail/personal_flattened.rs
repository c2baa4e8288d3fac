use eventsource_macros::Event;

#[derive(Event)]
#[event(category = "Order")]
enum OrderEvent {
    Placed {
        #[event(personal)]
        #[serde(flatten)]
        address: String,
    },
}

fn main() {}
