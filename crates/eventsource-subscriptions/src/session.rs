//! One run of a subscription from its checkpoint: a reader, and a lane for each segment.

use std::{collections::HashSet, sync::Arc};

use eventsource_core::{
    Error, ErrorKind, EventFilter, Place, Position, RecordedEvent, Slice, SliceRange,
    checkpoint::Segment,
    store::{FeedOptions, FeedPage},
};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    environment::Environment,
    lane::{Chunk, End, Lane},
    notice::Notice,
    progress::ParkedNow,
    stop::{Stop, stop},
};

/// Chunks that may wait for a lane, so that the reader is ahead of it and memory is bounded.
const CHUNKS_WAITING: usize = 2;
/// Events that are read at once.
const PAGE_EVENTS: usize = 1_000;

/// Runs until it is asked to stop, then ends what was begun.
pub(crate) async fn run(
    environment: &Arc<Environment>,
    segments: Vec<Segment>,
    stop_asked: &Stop,
) -> Result<(), End> {
    verify(environment, &segments).await.map_err(End::Failed)?;
    let Some(from) = segments.iter().map(|s| s.place).min_by_key(|place| place.position) else {
        return Ok(());
    };
    let log = environment.feed.log().id;
    let parked = environment.letters.parked_streams(&environment.consumer, log).await.map_err(End::Failed)?;
    let letters = environment.letters.letter_statistics(&environment.consumer).await.map_err(End::Failed)?;
    environment.progress.set_parked_now(|parked| {
        *parked =
            ParkedNow { letters: letters.letters, streams: letters.streams, oldest_at: letters.oldest_at };
    });
    environment.progress.begin(segments.iter().map(|s| s.place.position));

    let (stopper, lanes_stop) = stop();
    let mut lanes = JoinSet::new();
    let mut outlets = Vec::with_capacity(segments.len());
    for (number, segment) in segments.into_iter().enumerate() {
        let slices = segment.key.slices;
        let parked: HashSet<_> =
            parked.iter().filter(|s| slices.contains(Slice::of_stream(s))).cloned().collect();
        let (chunks, inlet) = mpsc::channel(CHUNKS_WAITING);
        outlets.push(Outlet { slices, chunks });
        lanes.spawn(Lane::new(environment.clone(), number, segment, parked, lanes_stop.clone()).run(inlet));
    }
    let mut ended = tokio::select! {
        ended = read(environment, &outlets, from, stop_asked) => ended,
        Some(lane) = lanes.join_next() => flatten(lane),
    };
    stopper.ask();
    drop(outlets);
    while let Some(lane) = lanes.join_next().await {
        ended = ended.and(flatten(lane));
    }
    ended
}

fn flatten(lane: Result<Result<(), End>, tokio::task::JoinError>) -> Result<(), End> {
    lane.unwrap_or_else(|error| {
        let message = "a lane panicked, which is a defect of this library or of a target";
        Err(End::Failed(Error::new(ErrorKind::Panicked, message).with_source(error)))
    })
}

/// Where the chunks of a lane go.
struct Outlet {
    slices: SliceRange,
    chunks: mpsc::Sender<Chunk>,
}

/// Reads the feed and hands each lane its part, until it is asked to stop.
async fn read(environment: &Environment, outlets: &[Outlet], mut at: Place, stop: &Stop) -> Result<(), End> {
    let feed = &environment.feed;
    // Before the first look, so that nothing is appended unseen in between.
    let mut hints = feed.wake_ups();
    let wanted = &environment.options.filter;
    let filter = environment.target.filter().tenant(wanted.tenant_filter().clone());
    let options = FeedOptions::default().with_filter(filter).with_limit(PAGE_EVENTS);
    let mut trouble = 0;
    while !stop.is_asked() {
        let page = match next_page(environment, at, &options).await {
            Ok(page) => page,
            Err(error) if error.is_transient() => {
                trouble += 1;
                let delay = environment.options.failure.delay(trouble);
                environment.tell(&Notice::Trouble { consumer: environment.consumer.clone(), error, delay });
                stop.sleep(delay).await;
                continue;
            }
            Err(error) => return Err(End::Failed(error)),
        };
        if trouble > 0 {
            // Another database may answer now, for example a standby that was promoted.
            let checked = async { verify_place(environment, at, environment.feed.head().await?).await };
            checked.await.map_err(End::Failed)?;
            trouble = 0;
        }
        let at_head = page.page.at_head;
        if !at_head {
            environment.read_up_to(page.to.position, false);
        }
        if page.to.position > at.position {
            at = page.to;
            if !hand_out(outlets, page, wanted, stop).await {
                return Ok(());
            }
        }
        if at_head {
            environment.read_up_to(at.position, true);
            tokio::select! {
                () = stop.asked() => {}
                () = hints.wait() => {}
                () = tokio::time::sleep(environment.options.poll_interval) => {}
            }
        }
    }
    Ok(())
}

/// A page with the place that it leads to.
struct Read {
    page: FeedPage,
    to: Place,
}

async fn next_page(environment: &Environment, at: Place, options: &FeedOptions) -> Result<Read, Error> {
    let feed = &environment.feed;
    let page = feed.read_feed(at.position, options).await?;
    let event = match page.events.last() {
        _ if page.next == at.position => at.event,
        Some(last) if last.position == page.next => Some(last.id),
        _ => feed.event_id_at(page.next).await?,
    };
    let to = Place { incarnation: at.incarnation, position: page.next, event };
    Ok(Read { page, to })
}

/// Hands each lane its part of a page, waiting where a lane is behind. Whether to go on.
async fn hand_out(outlets: &[Outlet], read: Read, wanted: &EventFilter, stop: &Stop) -> bool {
    let mut parts: Vec<Vec<Arc<RecordedEvent>>> = outlets.iter().map(|_| Vec::new()).collect();
    for event in read.page.events.into_iter().filter(|event| wanted.accepts(event)) {
        let lane = match outlets {
            [_] => Some(0),
            _ => {
                let slice = Slice::of_stream(&event.stream);
                outlets.iter().position(|outlet| outlet.slices.contains(slice))
            }
        };
        if let Some(part) = lane.and_then(|lane| parts.get_mut(lane)) {
            part.push(Arc::new(event));
        }
    }
    for (outlet, events) in outlets.iter().zip(parts) {
        let chunk = Chunk { events, to: read.to };
        let sent = tokio::select! {
            biased;
            () = stop.asked() => false,
            // An error is a lane that ended; the session then learns why.
            sent = outlet.chunks.send(chunk) => sent.is_ok(),
        };
        if !sent {
            return false;
        }
    }
    true
}

/// Refuses checkpoints of another history than the feed's.
async fn verify(environment: &Environment, segments: &[Segment]) -> Result<(), Error> {
    let head = environment.feed.head().await?;
    for segment in segments {
        verify_place(environment, segment.place, head)
            .await
            .map_err(|e| e.with_context("slices", segment.key.slices))?;
    }
    Ok(())
}

async fn verify_place(environment: &Environment, place: Place, head: Position) -> Result<(), Error> {
    let diverged = |why: String| {
        let message = format!(
            "the checkpoint of {} does not belong to the log's history: {why}; rewind the subscription, or adopt the \
             restored log",
            environment.consumer
        );
        Err(Error::new(ErrorKind::HistoryDiverged, message))
    };
    let incarnation = environment.feed.log().incarnation;
    if place.incarnation != incarnation {
        return diverged(format!("its incarnation is {}, the log's is {incarnation}", place.incarnation));
    }
    if place.position > head {
        return diverged(format!("position {} lies ahead of the head {head}", place.position));
    }
    let Some(event) = place.event else { return Ok(()) };
    match environment.feed.event_id_at(place.position).await? {
        Some(found) if found == event => Ok(()),
        Some(found) => diverged(format!("position {} holds event {found}, not {event}", place.position)),
        None => diverged(format!("position {} holds no event, where there was {event}", place.position)),
    }
}
