use eventsource_macros::EventSet;

#[derive(EventSet)]
enum Sales {
    Orders { order: String },
}

fn main() {}
