//! The segments of a subscription: found or begun, taken over, and cut to the lanes that are wanted.

use eventsource_core::{
    ConsumerId, Epoch, Error, ErrorKind, Log, Place, Position, Result, Slice, SliceRange,
    checkpoint::{Segment, SegmentChange, SegmentKey, SegmentOutcome},
};

use crate::{environment::Environment, options::Start};

/// The segments as they obey `epoch`. `None` when another owner was faster.
pub(crate) async fn take_over(environment: &Environment, epoch: Epoch) -> Result<Option<Vec<Segment>>> {
    let log = environment.feed.log();
    let mut segments = environment.checkpoints.segments(&environment.consumer, log.id).await?;
    if segments.is_empty() {
        let place = begin(environment, log).await?;
        segments = environment.checkpoints.begin(&environment.consumer, log.id, place).await?;
        // The first version there is, is the one that readers use.
        let ConsumerId { name, version } = &environment.consumer;
        environment.checkpoints.switch_version(name, None, *version).await?;
    }
    for segment in &segments {
        if change(environment, &segment.key, epoch, SegmentChange::Claim).await?.is_none() {
            return Ok(None);
        }
    }
    recut(environment, epoch, log).await
}

/// Where a subscription without a checkpoint begins.
async fn begin(environment: &Environment, log: Log) -> Result<Place> {
    let feed = &environment.feed;
    let position = match environment.options.start {
        None | Some(Start::Beginning) => Position::START,
        Some(Start::End) => feed.head().await?,
        Some(Start::After(position)) => position,
        Some(Start::Time(time)) => feed.position_before(time).await?,
    };
    place_at(environment, log, position).await
}

/// The place at a position, with the event that lies there.
pub(crate) async fn place_at(environment: &Environment, log: Log, position: Position) -> Result<Place> {
    let event =
        if position == Position::START { None } else { environment.feed.event_id_at(position).await? };
    Ok(Place { incarnation: log.incarnation, position, event })
}

/// Cuts where the lanes wanted begin, and joins elsewhere what has come to the same place.
async fn recut(environment: &Environment, epoch: Epoch, log: Log) -> Result<Option<Vec<Segment>>> {
    let wanted = SliceRange::ALL.divide(environment.options.lanes);
    let starts: Vec<Slice> = wanted.iter().map(|range| range.first()).collect();
    loop {
        let segments = environment.checkpoints.segments(&environment.consumer, log.id).await?;
        let Some((key, next)) = next_cut(&segments, &starts) else { return Ok(Some(segments)) };
        if change(environment, &key, epoch, next).await?.is_none() {
            return Ok(None);
        }
    }
}

/// The next cut or join, until there is none.
fn next_cut(segments: &[Segment], starts: &[Slice]) -> Option<(SegmentKey, SegmentChange)> {
    let cut = segments.iter().find_map(|segment| {
        let slices = segment.key.slices;
        let at = starts.iter().find(|start| slices.first() < **start && slices.contains(**start))?;
        Some((segment.key.clone(), SegmentChange::Split { at: *at }))
    });
    let join = || {
        segments.windows(2).find_map(|pair| {
            let [one, next] = pair else { return None };
            let may_join = !starts.contains(&next.key.slices.first()) && one.place == next.place;
            may_join.then(|| (one.key.clone(), SegmentChange::Merge { last: next.key.slices.last() }))
        })
    };
    cut.or_else(join)
}

/// Moves all segments to a place, also back.
pub(crate) async fn rewind(environment: &Environment, epoch: Epoch, to: Place) -> Result<()> {
    let log = environment.feed.log();
    for segment in environment.checkpoints.segments(&environment.consumer, log.id).await? {
        if change(environment, &segment.key, epoch, SegmentChange::Rewind { to }).await?.is_none() {
            let message = format!("another process has taken {} over", environment.consumer);
            return Err(Error::new(ErrorKind::Unavailable, message).transient());
        }
    }
    Ok(())
}

async fn change(
    environment: &Environment,
    key: &SegmentKey,
    epoch: Epoch,
    change: SegmentChange,
) -> Result<Option<Segment>> {
    Ok(match environment.checkpoints.change(key, epoch, change).await? {
        SegmentOutcome::Changed(segment) => Some(segment),
        SegmentOutcome::Moved(_) | SegmentOutcome::Fenced(_) | SegmentOutcome::Absent => None,
    })
}
