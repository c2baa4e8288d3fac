//! Scenarios pass when they should, and tell what is wrong when they should not.

extern crate eventsource_core as eventsource;

mod common;

use common::{Order, OrderCommand, OrderError, failure, noted, placed, shipped};
use eventsource_core::{Aggregate, Bytes, Error, Event, EventDescriptor, Result, codec::CodecTag};
use eventsource_macros::Event;
use eventsource_testing::Scenario;
use serde::{Deserialize, Serialize};

fn order() -> Scenario<Order> {
    Scenario::new().given(placed(100)).given([noted("a gift"), noted("in a box")])
}

fn ship(tracking_number: &str) -> OrderCommand {
    OrderCommand::Ship { tracking_number: tracking_number.into(), provenance: None }
}

#[test]
fn decisions_of_every_shape_are_compared_with_what_should_follow() {
    Scenario::<Order>::new()
        .when(|order| order.place(1))
        .then(placed(1))
        .then_state(|order| order.total == 1);
    order().when(|order| order.ship("T1")).then([shipped("T1")]);
    order().given(shipped("T1")).when(|order| order.ship("T1")).then_nothing().then(()).then(vec![]);
    order().when(|_| Ok::<_, OrderError>([noted("a"), noted("b")])).then(vec![noted("a"), noted("b")]);
    order().given(shipped("T1")).when(|order| order.ship("T2")).then_refused(OrderError::ShippedAlready);
    Scenario::<Order>::default()
        .when(|order| order.place(0))
        .then_refused_where(|refusal| matches!(refusal, OrderError::TooSmall { .. }));
}

#[test]
fn a_decider_is_given_commands() {
    order().when_command(&ship("T1")).then(shipped("T1")).then_state(|order| order.notes.len() == 2);
    order().given(shipped("T1")).when_command(&ship("T2")).then_refused(OrderError::ShippedAlready);
}

#[test]
fn other_events_are_told_line_by_line() {
    let message = failure(|| order().when_command(&ship("T1")).then([noted("x"), shipped("T2")]));
    let expected = r#"other events were decided

given
    Placed { total: 100 }
    Noted { note: "a gift" }
    Noted { note: "in a box" }

when
    Ship { tracking_number: "T1", provenance: None }

then (- expected, + actual)
  - Noted { note: "x" }
  - Shipped { tracking_number: "T2" }
  + Shipped { tracking_number: "T1" }
"#;
    assert_eq!(message, expected);
}

#[test]
fn a_closure_is_told_by_its_place() {
    let line = line!() + 1;
    let message = failure(|| Scenario::<Order>::new().when(|order| order.place(1)).then_nothing());
    let expected = format!(
        "other events were decided

given
    (nothing)

when
    the decision at {}:{line}

then (- expected, + actual)
  - (nothing)
  + Placed {{ total: 1 }}
",
        file!()
    );
    assert_eq!(message, expected);
}

#[test]
fn a_refusal_that_was_not_expected_is_told() {
    let refused = || Scenario::<Order>::new().when(|order| order.place(0));
    let reason = "refused with TooSmall { total: 0 }: an order of 0 is too small";
    for message in [
        failure(|| refused().then(placed(0))),
        failure(|| refused().then_nothing()),
        failure(|| refused().then_state(|_| true)),
    ] {
        assert!(message.starts_with("it was refused\n\ngiven\n"), "{message}");
        assert!(message.contains(reason), "{message}");
    }
    let other = failure(|| refused().then_refused(OrderError::ShippedAlready));
    let difference = "\nthen (- expected, + actual)
  - refused with ShippedAlready: the order was shipped already
  + refused with TooSmall { total: 0 }: an order of 0 is too small\n";
    assert!(other.starts_with("it was refused for another reason\n"), "{other}");
    assert!(other.ends_with(difference), "{other}");
    let other = failure(|| refused().then_refused_where(|_| false));
    assert!(other.ends_with(&format!("\nthen\n    {reason}\n")), "{other}");
}

#[test]
fn a_refusal_that_is_missing_is_told() {
    let decided = || Scenario::<Order>::new().when(|order| order.place(1));
    let message = failure(|| decided().then_refused(OrderError::ShippedAlready));
    let difference =
        "  - refused with ShippedAlready: the order was shipped already\n  + Placed { total: 1 }\n";
    assert!(message.starts_with("it was not refused\n") && message.contains(difference), "{message}");
    let message = failure(|| decided().then_refused_where(|_| true));
    assert!(
        message.starts_with("it was not refused\n") && message.contains("    Placed { total: 1 }\n"),
        "{message}"
    );
}

#[test]
fn a_state_that_is_another_one_is_shown() {
    let message = failure(|| order().when(|order| order.ship("T1")).then_state(|order| order.total == 1));
    assert!(message.starts_with("the state is another one\n"), "{message}");
    let expected = r#"
then
    Shipped { tracking_number: "T1" }

with the state
    Order { total: 100, notes: ["a gift", "in a box"], tracking_number: Some("T1") }
"#;
    assert!(message.ends_with(expected), "{message}");
}

/// Loses a field, and refuses another one.
#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(category = "Lossy")]
enum LossyEvent {
    Forgetful {
        #[serde(skip)]
        forgotten: u8,
    },
    Float(f64),
}

#[derive(Debug, Default)]
struct Lossy;

impl Aggregate for Lossy {
    type Event = LossyEvent;

    fn apply(&mut self, _: &LossyEvent) {}
}

#[test]
fn what_does_not_survive_its_codec_fails_the_scenario() {
    let given = failure(|| Scenario::<Lossy>::new().given(LossyEvent::Forgetful { forgotten: 1 }));
    let expected = "an event does not survive its codec

it comes back as another one (- expected, + actual)
  - Forgetful { forgotten: 1 }
  + Forgetful { forgotten: 0 }
";
    assert_eq!(given, expected);

    let decide = || Ok::<_, OrderError>(LossyEvent::Float(f64::NAN));
    let decided =
        failure(|| Scenario::<Lossy>::new().given(LossyEvent::Float(0.5)).when(|_| decide()).then_nothing());
    let expected = "an event does not survive its codec

the event
    Float(NaN)

why
    the value cannot be encoded as JSON (name Float): NaN has no form in JSON

given
    Float(0.5)

when
";
    assert!(decided.starts_with(expected), "{decided}");
}

/// Its decoder does not know what its encoder writes.
#[derive(Debug, PartialEq)]
struct Unread;

impl Event for Unread {
    const CATEGORY: &'static str = "Unread";
    const EVENTS: &'static [EventDescriptor] = &[EventDescriptor::new("Written", 1)];
    const CODEC: CodecTag = CodecTag::JSON;

    fn descriptor(&self) -> &'static EventDescriptor {
        &Self::EVENTS[0]
    }
    fn encode(&self) -> Result<Bytes> {
        Ok("{}".into())
    }
    fn decode(name: &str, schema_version: u16, _: &[u8]) -> Result<Self> {
        Err(Error::unknown_event(Self::CATEGORY, name, schema_version))
    }
}

impl Aggregate for UnreadState {
    type Event = Unread;

    fn apply(&mut self, _: &Unread) {}
}

#[derive(Debug, Default)]
struct UnreadState;

#[test]
fn what_no_decoder_reads_fails_the_scenario() {
    let message = failure(|| Scenario::<UnreadState>::new().given(Unread));
    assert!(message.contains("category Unread knows no event Written"), "{message}");
}

#[test]
fn the_failure_is_the_caller_s() {
    use std::sync::{Arc, Mutex};

    let place: Arc<Mutex<Option<String>>> = Arc::default();
    let noted_place = place.clone();
    let former = std::panic::take_hook();
    let thread = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == thread {
            *noted_place.lock().unwrap() = info.location().map(|l| format!("{}:{}", l.file(), l.line()));
        } else {
            former(info);
        }
    }));
    let line = line!() + 1;
    failure(|| order().when(|order| order.ship("T1")).then_nothing());
    assert_eq!(place.lock().unwrap().as_deref(), Some(format!("{}:{line}", file!()).as_str()));
    let line = line!() + 1;
    failure(|| Scenario::<UnreadState>::new().given(Unread));
    assert_eq!(place.lock().unwrap().as_deref(), Some(format!("{}:{line}", file!()).as_str()));
}
