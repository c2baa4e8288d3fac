//! Page after page, one ahead of the reader.

use futures_util::{
    Stream, StreamExt, ready,
    stream::{self, BoxStream, poll_fn},
};

use crate::Result;

/// The pages that `read` gives, from the place `first` on, until it gives no next place or fails.
///
/// While the caller works on a page the next one is read already, so that at most two are in memory. A store with
/// threads of its own reads it meanwhile, whatever the caller does.
pub(crate) fn pages<'a, Place, Page, Reading>(
    first: Place,
    read: impl Fn(Place) -> Reading + Send + 'a,
) -> BoxStream<'a, Result<Page>>
where
    Place: Send + 'a,
    Page: Send + 'a,
    Reading: Future<Output = Result<(Page, Option<Place>)>> + Send + 'a,
{
    let pages = stream::try_unfold(Some(first), move |place| {
        let reading = place.map(&read);
        async move {
            match reading {
                Some(reading) => reading.await.map(Some),
                None => Ok(None),
            }
        }
    });
    ahead(pages).boxed()
}

/// Asks for the next item as soon as there is one.
fn ahead<T>(items: impl Stream<Item = T>) -> impl Stream<Item = T> {
    let mut items = Box::pin(items.peekable());
    poll_fn(move |context| {
        let item = ready!(items.as_mut().poll_next(context));
        // What it gives is kept for the next call, which is also woken by it.
        let _ = items.as_mut().poll_peek(context);
        item.into()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::TryStreamExt;

    use super::*;
    use crate::{Error, ErrorKind};

    /// Pages 1 to `last`, that tell how many were asked for.
    fn counted(asked: &AtomicU32, last: u32) -> BoxStream<'_, Result<u32>> {
        pages(1, move |place| async move {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok((place, (place < last).then_some(place + 1)))
        })
    }

    #[tokio::test]
    async fn one_page_is_read_ahead_and_no_more() {
        let asked = AtomicU32::new(0);
        let mut pages = counted(&asked, 4);
        assert_eq!(asked.load(Ordering::Relaxed), 0, "nothing is read before anybody asks");
        for (page, begun) in [(1, 2), (2, 3), (3, 4), (4, 4)] {
            assert_eq!(pages.try_next().await.unwrap(), Some(page));
            assert_eq!(asked.load(Ordering::Relaxed), begun);
        }
        assert_eq!(pages.try_next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_failure_is_the_last_item() {
        let failing = pages(1, |place| async move {
            match place {
                3 => Err(Error::new(ErrorKind::Unavailable, "no third page")),
                _ => Ok((place, Some(place + 1))),
            }
        });
        let items: Vec<Result<i32>> = failing.collect().await;
        assert_eq!(items.len(), 3);
        assert!(items[1].is_ok() && items[2].is_err());
    }
}
