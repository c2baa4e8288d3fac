//! What operators in other processes ask, executed by the owner of the subscription.
//!
//! A request ends in the same code as the methods of [`Subscription`]. It is said to be running before anything is done and
//! final after it, so that the next owner goes on with it when this one dies in between: what is asked may then be done
//! twice, never not at all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use eventsource_core::{
    Error, ErrorKind, Place, Result,
    request::{Ask, Request, RequestId, RequestState, RequestStore, RequestUpdate, RequestsOptions},
    status::Progress,
};
use tokio::time::Instant;

use crate::{letters::LetterReport, subscription::Subscription};

/// Executes requests, each once at a time.
pub(crate) struct Requests {
    store: Arc<dyn RequestStore>,
    taken: Mutex<HashMap<RequestId, Taken>>,
}

/// A request in the hands of this process.
#[derive(Clone, Copy, PartialEq)]
enum Taken {
    /// It is being executed.
    Working,
    /// It is in force until another request ends it; said again now and then, so that it does not expire.
    InForce { said: Instant },
}

/// What came of a request.
enum Outcome {
    Done(String),
    InForce(String),
}

impl Requests {
    pub(crate) fn new(store: Arc<dyn RequestStore>) -> Self {
        Self { store, taken: Mutex::default() }
    }

    /// Takes a request on, on a task of its own, unless that was done.
    pub(crate) fn take(self: &Arc<Self>, request: Request, subscription: Subscription) {
        let is_new = {
            let mut taken = self.taken();
            match taken.get(&request.asked.id) {
                None => {
                    taken.insert(request.asked.id, Taken::Working);
                    true
                }
                Some(Taken::Working) => false,
                // A third of its time has passed: it is executed again, which says it again and changes nothing.
                Some(Taken::InForce { said }) => {
                    let is_due = said.elapsed() > request.asked.expires_in / 3;
                    if is_due {
                        taken.insert(request.asked.id, Taken::Working);
                    }
                    is_due
                }
            }
        };
        if is_new {
            let requests = self.clone();
            tokio::spawn(async move { requests.execute(&request, &subscription).await });
        }
    }

    async fn execute(&self, request: &Request, subscription: &Subscription) {
        let id = request.asked.id;
        let taken = match self.try_execute(request, subscription).await {
            Ok(taken) => taken,
            Err(error) => {
                // It comes again with the next beat.
                tracing::warn!(request = %id, %error, "a request could not be executed yet");
                None
            }
        };
        match taken {
            Some(taken) => self.taken().insert(id, taken),
            None => self.taken().remove(&id),
        };
    }

    async fn try_execute(&self, request: &Request, subscription: &Subscription) -> Result<Option<Taken>> {
        if !self.say(request, subscription, RequestState::Running, None).await? {
            return Ok(None);
        }
        let (state, outcome) = match self.perform(request, subscription).await {
            Ok(Outcome::Done(outcome)) => (RequestState::Done, outcome),
            Ok(Outcome::InForce(outcome)) => {
                self.say(request, subscription, RequestState::Running, Some(outcome)).await?;
                return Ok(Some(Taken::InForce { said: Instant::now() }));
            }
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => match error.kind() {
                ErrorKind::InvalidInput { .. } | ErrorKind::Unsupported => {
                    (RequestState::Refused, error.to_string())
                }
                _ => (RequestState::Failed, error.to_string()),
            },
        };
        self.say(request, subscription, state, Some(outcome)).await?;
        Ok(None)
    }

    async fn perform(&self, request: &Request, subscription: &Subscription) -> Result<Outcome> {
        let asked = &request.asked;
        match &asked.ask {
            Ask::Pause => {
                subscription.pause(format!("{} ({})", asked.reason, asked.operator)).await?;
                Ok(Outcome::InForce("paused until it is resumed".to_owned()))
            }
            Ask::Resume => {
                subscription.resume().await?;
                let ended = self.end_pauses(request, subscription).await?;
                Ok(Outcome::Done(format!("resumed; {ended} pauses ended")))
            }
            Ask::Rewind { to } => {
                check_place(subscription, to)?;
                subscription.rewind(to.position).await?;
                Ok(Outcome::Done(format!("rewound to position {}", to.position)))
            }
            Ask::Reset => {
                subscription.reset().await?;
                Ok(Outcome::Done("emptied; it begins again with the first event".to_owned()))
            }
            Ask::Retry(letters) => subscription.retry(letters.clone()).await.map(told),
            Ask::Edit { event, payload } => subscription.edit(*event, payload.clone()).await.map(told),
            Ask::Discard(letters) => subscription.discard(letters.clone()).await.map(told),
            other => {
                let message = format!("this release cannot execute {other:?}");
                Err(Error::new(ErrorKind::Unsupported, message))
            }
        }
    }

    /// Ends the pauses that were in force; how many.
    async fn end_pauses(&self, resume: &Request, subscription: &Subscription) -> Result<usize> {
        let options = RequestsOptions::default().with_consumer(resume.asked.consumer.clone()).open_only();
        let mut ended = 0;
        for pause in self.store.requests(&options).await? {
            if pause.asked.ask == Ask::Pause && pause.state == RequestState::Running {
                let outcome = format!("resumed by {}", resume.asked.operator);
                self.say(&pause, subscription, RequestState::Done, Some(outcome)).await?;
                self.taken().remove(&pause.asked.id);
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// Says where a request is. Whether this process is still the one to say so.
    async fn say(
        &self,
        request: &Request,
        subscription: &Subscription,
        state: RequestState,
        outcome: Option<String>,
    ) -> Result<bool> {
        let Some(epoch) = subscription.epoch() else { return Ok(false) };
        let update =
            RequestUpdate { id: request.asked.id, epoch, state, progress: Progress::default(), outcome };
        self.store.update(&update).await
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, HashMap<RequestId, Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_place(subscription: &Subscription, to: &Place) -> Result<()> {
    let incarnation = subscription.environment.feed.log().incarnation;
    if to.incarnation == incarnation {
        return Ok(());
    }
    let message = format!("the place is of incarnation {}, the log's is {incarnation}", to.incarnation);
    Err(Error::invalid_input("place", message))
}

fn told(report: LetterReport) -> Outcome {
    Outcome::Done(format!("{} letters settled, {} failed again", report.settled, report.failed))
}
