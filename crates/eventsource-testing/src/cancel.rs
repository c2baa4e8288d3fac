//! Futures that are dropped half-way.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// Polls a future so many times, each time when it asks for it, and drops it. What it gave, if that was enough.
///
/// Run it for 0 polls, 1, 2 … until the future is through, and look each time at what the dropped one has left behind: it
/// was dropped at every place where it can be.
///
/// ```
/// # async fn example() {
/// use eventsource_testing::poll_times;
///
/// let mut polls = 0;
/// while poll_times(tokio::task::yield_now(), polls).await.is_none() {
///     // Here the future is gone.
///     polls += 1;
/// }
/// assert_eq!(polls, 2);
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example());
/// ```
pub async fn poll_times<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
