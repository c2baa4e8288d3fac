//! Given events, when something is asked, then …

use std::{error::Error, fmt::Debug, panic::Location};

use eventsource_core::{
    Aggregate, Decider, Event, EventSet,
    aggregate::{IntoDecision, IntoEvents},
    codec::Decoded,
};

use crate::{
    EventBuilder,
    message::{Message, causes, show, show_all},
};

/// A test of an aggregate's rules, without a store: given events, when something is asked, then this follows.
///
/// ```
/// # extern crate eventsource_core as eventsource;
/// # use eventsource::Aggregate;
/// # use eventsource_macros::Event;
/// # use serde::{Deserialize, Serialize};
/// use eventsource_testing::Scenario;
///
/// # #[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
/// # #[event(category = "Order")]
/// # enum OrderEvent { Placed { total: u64 }, Shipped }
/// # #[derive(Debug, Default)]
/// # struct Order { placed: bool, shipped: bool }
/// # impl Aggregate for Order {
/// #     type Event = OrderEvent;
/// #     fn apply(&mut self, event: &OrderEvent) {
/// #         match event {
/// #             OrderEvent::Placed { .. } => self.placed = true,
/// #             OrderEvent::Shipped => self.shipped = true,
/// #         }
/// #     }
/// # }
/// # #[derive(Debug, PartialEq, thiserror::Error)]
/// # enum OrderError {
/// #     #[error("an order must be placed before it is shipped")]
/// #     NotPlaced,
/// # }
/// # impl Order {
/// #     fn ship(&self) -> Result<Option<OrderEvent>, OrderError> {
/// #         match self {
/// #             Self { placed: false, .. } => Err(OrderError::NotPlaced),
/// #             Self { shipped: true, .. } => Ok(None),
/// #             _ => Ok(Some(OrderEvent::Shipped)),
/// #         }
/// #     }
/// # }
/// Scenario::<Order>::new()
///     .given([OrderEvent::Placed { total: 100 }])
///     .when(|order| order.ship())
///     .then([OrderEvent::Shipped])
///     .then_state(|order| order.shipped);
///
/// Scenario::<Order>::new().when(|order| order.ship()).then_refused(OrderError::NotPlaced);
///
/// Scenario::<Order>::new()
///     .given([OrderEvent::Placed { total: 100 }, OrderEvent::Shipped])
///     .when(|order| order.ship())
///     .then_nothing();
/// ```
///
/// A [`Decider`] is asked with [`when_command`](Self::when_command).
///
/// # The codec is tested, too
/// Every event, given or decided, goes through its codec as on its way into a store and back, and the state is folded from
/// what comes back. An event that cannot be encoded or decoded, or comes back as another one (a field that serde skips, a time
/// that loses its nanoseconds), fails the scenario. That is why events must be `Debug` and `PartialEq`. The command must be
/// `Debug`; the state only for [`then_state`](Decided::then_state), and the refusal must be `PartialEq` only for
/// [`then_refused`](Decided::then_refused).
#[derive(Debug)]
#[must_use = "without a `when` and a `then` it tests nothing"]
pub struct Scenario<A: Aggregate> {
    state: A,
    /// The events given, a line each.
    given: Vec<String>,
}

impl<A: Aggregate> Scenario<A>
where
    A::Event: Debug + PartialEq,
{
    /// Nothing has happened yet.
    pub fn new() -> Self {
        Self { state: A::default(), given: Vec::new() }
    }

    /// These events have happened, after those given before: one, several (array, `Vec`), perhaps one (`Option`).
    ///
    /// # Panics
    /// When an event does not survive its codec.
    #[track_caller]
    pub fn given(mut self, events: impl IntoEvents<A::Event>) -> Self {
        for event in events.into_events() {
            let event = match survive_codec(event) {
                Ok(event) => event,
                Err(message) => message.fail(),
            };
            self.state.apply(&event);
            self.given.push(show(&event));
        }
        self
    }

    /// The state decides, as it would for [`Repository::update`](eventsource_core::Repository::update).
    ///
    /// # Panics
    /// When a decided event does not survive its codec.
    #[must_use = "without a `then` it tests nothing"]
    #[track_caller]
    pub fn when<R: IntoDecision<A::Event>>(self, decide: impl FnOnce(&A) -> R) -> Decided<A, R::Refusal> {
        let place = Location::caller();
        let decision = decide(&self.state).into_decision();
        self.decided(format!("the decision at {}:{}", place.file(), place.line()), decision)
    }

    /// The decider is given a command, as it would be by
    /// [`Repository::execute`](eventsource_core::Repository::execute).
    ///
    /// # Panics
    /// When a decided event does not survive its codec.
    #[must_use = "without a `then` it tests nothing"]
    #[track_caller]
    pub fn when_command(self, command: &A::Command) -> Decided<A, A::Refusal>
    where
        A: Decider,
        A::Command: Debug,
    {
        let decision = self.state.decide(command);
        self.decided(show(command), decision)
    }

    #[track_caller]
    fn decided<R>(mut self, when: String, decision: Result<Vec<A::Event>, R>) -> Decided<A, R> {
        let outcome = match decision.map(|events| events.into_iter().map(survive_codec).collect()) {
            Ok(Ok(events)) => Ok(events),
            Ok(Err(message)) => message.section("given", lines(&self.given)).section("when", when).fail(),
            Err(refusal) => Err(refusal),
        };
        for event in outcome.iter().flatten() {
            self.state.apply(event);
        }
        Decided { state: self.state, given: self.given, when, outcome }
    }
}

impl<A: Aggregate> Default for Scenario<A>
where
    A::Event: Debug + PartialEq,
{
    fn default() -> Self {
        Self::new()
    }
}

/// What a [`Scenario`] led to, to be compared with what should follow.
#[derive(Debug)]
pub struct Decided<A: Aggregate, R> {
    /// With the decided events taken in.
    state: A,
    given: Vec<String>,
    when: String,
    outcome: Result<Vec<A::Event>, R>,
}

impl<A: Aggregate, R: Error> Decided<A, R>
where
    A::Event: Debug + PartialEq,
{
    /// Exactly these events were decided, in this order.
    ///
    /// # Panics
    /// When others were, or it was refused.
    #[track_caller]
    pub fn then(self, events: impl IntoEvents<A::Event>) -> Self {
        let expected = events.into_events();
        match &self.outcome {
            Ok(actual) if *actual == expected => self,
            Ok(actual) => self
                .message("other events were decided")
                .difference("then", &show_all(&expected), &show_all(actual))
                .fail(),
            Err(refusal) => self
                .message("it was refused")
                .difference("then", &show_all(&expected), &refused(refusal))
                .fail(),
        }
    }

    /// It was not refused, and there was nothing to do.
    ///
    /// # Panics
    /// When events were decided, or it was refused.
    #[track_caller]
    pub fn then_nothing(self) -> Self {
        self.then(())
    }

    /// It was refused with this refusal.
    ///
    /// # Panics
    /// When it was refused with another one, or not at all.
    #[track_caller]
    #[allow(clippy::needless_pass_by_value, reason = "the caller makes it for this call")]
    pub fn then_refused(self, refusal: R)
    where
        R: PartialEq,
    {
        match &self.outcome {
            Err(actual) if *actual == refusal => {}
            Err(actual) => self
                .message("it was refused for another reason")
                .difference("then", &refused(&refusal), &refused(actual))
                .fail(),
            Ok(events) => self
                .message("it was not refused")
                .difference("then", &refused(&refusal), &show_all(events))
                .fail(),
        }
    }

    /// It was refused with a refusal of this kind.
    ///
    /// ```
    /// # extern crate eventsource_core as eventsource;
    /// # use eventsource::Aggregate;
    /// # use eventsource_macros::Event;
    /// # use eventsource_testing::Scenario;
    /// # #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, Event)]
    /// # #[event(category = "Order")]
    /// # enum OrderEvent { Placed }
    /// # #[derive(Debug, Default)]
    /// # struct Order;
    /// # impl Aggregate for Order {
    /// #     type Event = OrderEvent;
    /// #     fn apply(&mut self, _: &OrderEvent) {}
    /// # }
    /// # #[derive(Debug, thiserror::Error)]
    /// # enum OrderError { #[error("{0} is too little")] TooLittle(f64) }
    /// # impl Order {
    /// #     fn place(&self, total: f64) -> Result<OrderEvent, OrderError> { Err(OrderError::TooLittle(total)) }
    /// # }
    /// Scenario::<Order>::new()
    ///     .when(|order| order.place(0.5))
    ///     .then_refused_where(|refusal| matches!(refusal, OrderError::TooLittle(_)));
    /// ```
    ///
    /// # Panics
    /// When it was refused with another one, or not at all.
    #[track_caller]
    pub fn then_refused_where(self, accept: impl FnOnce(&R) -> bool) {
        match &self.outcome {
            Err(refusal) if accept(refusal) => {}
            Err(refusal) => {
                self.message("it was refused for another reason").section("then", refused(refusal)).fail()
            }
            Ok(events) => self.message("it was not refused").section("then", show_all(events)).fail(),
        }
    }

    /// The state, with the decided events taken in, is like this.
    ///
    /// # Panics
    /// When it is not, or it was refused.
    #[track_caller]
    pub fn then_state(self, accept: impl FnOnce(&A) -> bool) -> Self
    where
        A: Debug,
    {
        match &self.outcome {
            Ok(_) if accept(&self.state) => self,
            Ok(events) => self
                .message("the state is another one")
                .section("then", show_all(events))
                .section("with the state", show(&self.state))
                .fail(),
            Err(refusal) => self.message("it was refused").section("then", refused(refusal)).fail(),
        }
    }

    fn message(&self, headline: &str) -> Message {
        Message::new(headline).section("given", lines(&self.given)).section("when", &self.when)
    }
}

fn lines(given: &[String]) -> String {
    if given.is_empty() { "(nothing)".to_owned() } else { given.join("\n") }
}

fn refused(refusal: &impl Error) -> String {
    format!("refused with {refusal:?}: {refusal}")
}

/// The event as it comes back from a store.
fn survive_codec<E: Event + Debug + PartialEq>(event: E) -> Result<E, Message> {
    let lost = || Message::new("an event does not survive its codec");
    let decoded = EventBuilder::try_of(&event).and_then(|built| E::from_recorded(&built.recorded()));
    match decoded {
        Ok(Decoded::One(decoded)) if decoded == event => Ok(decoded),
        Ok(Decoded::One(decoded)) => {
            Err(lost().difference("it comes back as another one", &show(event), &show(decoded)))
        }
        Ok(Decoded::Skipped) => Err(lost().section("it does not come back", show(event))),
        Ok(Decoded::Many(decoded)) => Err(lost().difference(
            "it comes back as another number of events",
            &show(event),
            &show_all(decoded),
        )),
        Err(error) => Err(lost().section("the event", show(event)).section("why", causes(&error))),
    }
}
