//! Checkpoints in several segments: splitting and merging.

use std::sync::Arc;

use eventsource_core::{
    Epoch, Position, Slice, SliceRange,
    checkpoint::{CheckpointStore, Segment, SegmentChange, SegmentKey, SegmentOutcome},
};

use super::{
    checkpoints::{Begun, done, epoch, refused},
    support::{is_invalid, refusal, together},
};

cases! { $ segments, segments_cases, CheckpointStore:
    a_split_keeps_place_and_epoch_in_both_parts,
    a_split_under_an_older_epoch_is_fenced,
    a_split_that_leaves_a_part_empty_is_refused,
    a_segment_that_was_split_is_absent,
    parts_move_apart,
    parts_are_claimed_apart,
    a_merge_joins_two_at_the_same_place,
    a_merge_of_two_places_tells_where_the_following_one_is,
    a_merge_is_fenced_by_either_part,
    a_merge_with_what_does_not_follow_is_refused,
    a_merge_with_an_absent_segment_is_absent,
    segments_are_listed_by_slices,
    splits_and_merges_beside_steps_lose_nothing,
}

fn slice(number: u16) -> Slice {
    Slice::new(number).unwrap()
}

fn split(at: u16) -> SegmentChange {
    SegmentChange::Split { at: slice(at) }
}

fn merge(last: u16) -> SegmentChange {
    SegmentChange::Merge { last: slice(last) }
}

fn part(begun: &Begun, first: u16, last: u16) -> SegmentKey {
    SegmentKey { slices: SliceRange::new(slice(first), slice(last)).unwrap(), ..begun.key().clone() }
}

/// A consumer at position 5 under epoch 3, in two parts at slice 512.
async fn in_two_parts<S: CheckpointStore + ?Sized>(store: &S) -> (Begun, SegmentKey, SegmentKey) {
    let begun = Begun::at_start(store).await;
    done(store, begun.key(), epoch(3), begun.step(0, 5)).await;
    done(store, begun.key(), epoch(3), split(512)).await;
    let (first, second) = (part(&begun, 0, 511), part(&begun, 512, 1_023));
    (begun, first, second)
}

async fn a_split_keeps_place_and_epoch_in_both_parts(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let whole = done(&store, begun.key(), epoch(3), begun.step(0, 5)).await;
    let first = done(&store, begun.key(), epoch(3), split(100)).await;
    assert_eq!(first, Segment { key: part(&begun, 0, 99), ..whole.clone() });
    let second = Segment { key: part(&begun, 100, 1_023), ..whole.clone() };
    assert_eq!(begun.segments(&store).await, [first, second.clone()]);
    // And parts again, down to single slices.
    done(&store, &second.key, epoch(3), split(101)).await;
    let slices: Vec<_> = begun.segments(&store).await.iter().map(|s| s.key.slices.to_string()).collect();
    assert_eq!(slices, ["0-99", "100-100", "101-1023"]);
    assert!(begun.segments(&store).await.iter().all(|s| s.place == whole.place && s.epoch == epoch(3)));
}

async fn a_split_under_an_older_epoch_is_fenced(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    done(&store, begun.key(), epoch(3), SegmentChange::Claim).await;
    let outcome = refused(&store, &begun, begun.key(), epoch(2), split(512)).await;
    assert_eq!(outcome, SegmentOutcome::Fenced(epoch(3)));
}

async fn a_split_that_leaves_a_part_empty_is_refused(lab: &Lab) {
    let store = lab.open().await;
    let (begun, _, second) = in_two_parts(&store).await;
    for at in [512, 511, 0] {
        let kind = refusal(store.change(&second, epoch(3), split(at)).await);
        assert!(is_invalid(&kind, "split"), "{at}: {kind:?}");
    }
    assert_eq!(begun.segments(&store).await.len(), 2);
}

async fn a_segment_that_was_split_is_absent(lab: &Lab) {
    let store = lab.open().await;
    let (begun, ..) = in_two_parts(&store).await;
    for change in [SegmentChange::Claim, begun.step(5, 6), split(512)] {
        let outcome = refused(&store, &begun, begun.key(), epoch(9), change).await;
        assert_eq!(outcome, SegmentOutcome::Absent);
    }
}

async fn parts_move_apart(lab: &Lab) {
    let store = lab.open().await;
    let (begun, first, second) = in_two_parts(&store).await;
    done(&store, &second, epoch(3), begun.step(5, 9)).await;
    done(&store, &first, epoch(3), begun.step(5, 6)).await;
    let positions: Vec<_> = begun.segments(&store).await.iter().map(|s| s.place.position.get()).collect();
    assert_eq!(positions, [6, 9]);
}

async fn parts_are_claimed_apart(lab: &Lab) {
    let store = lab.open().await;
    let (begun, first, second) = in_two_parts(&store).await;
    done(&store, &second, epoch(4), SegmentChange::Claim).await;
    let outcome = refused(&store, &begun, &second, epoch(3), begun.step(5, 9)).await;
    assert_eq!(outcome, SegmentOutcome::Fenced(epoch(4)));
    done(&store, &first, epoch(3), begun.step(5, 9)).await;
}

async fn a_merge_joins_two_at_the_same_place(lab: &Lab) {
    let store = lab.open().await;
    let (begun, first, second) = in_two_parts(&store).await;
    let to = begun.place(8);
    for part in [&first, &second] {
        done(&store, part, epoch(3), SegmentChange::Step { from: Position::new(5), to }).await;
    }
    // A newer owner of both need not claim them before.
    let joined = done(&store, &first, epoch(4), merge(1_023)).await;
    assert_eq!(joined, Segment { key: begun.key().clone(), place: to, epoch: epoch(4) });
    assert_eq!(begun.segments(&store).await, [joined]);
    done(&store, begun.key(), epoch(4), begun.step(8, 9)).await;
}

async fn a_merge_of_two_places_tells_where_the_following_one_is(lab: &Lab) {
    let store = lab.open().await;
    let (begun, first, second) = in_two_parts(&store).await;
    let ahead = done(&store, &second, epoch(3), begun.step(5, 9)).await;
    let outcome = refused(&store, &begun, &first, epoch(3), merge(1_023)).await;
    assert_eq!(outcome, SegmentOutcome::Moved(ahead));
    // The same position with another event is another history.
    done(&store, &first, epoch(3), begun.step(5, 9)).await;
    let outcome = refused(&store, &begun, &first, epoch(3), merge(1_023)).await;
    assert!(matches!(outcome, SegmentOutcome::Moved(_)), "{outcome:?}");
}

async fn a_merge_is_fenced_by_either_part(lab: &Lab) {
    let store = lab.open().await;
    let (begun, first, second) = in_two_parts(&store).await;
    done(&store, &second, epoch(4), SegmentChange::Claim).await;
    let outcome = refused(&store, &begun, &first, epoch(3), merge(1_023)).await;
    assert_eq!(outcome, SegmentOutcome::Fenced(epoch(4)));
    done(&store, &first, epoch(5), SegmentChange::Claim).await;
    let outcome = refused(&store, &begun, &first, epoch(4), merge(1_023)).await;
    assert_eq!(outcome, SegmentOutcome::Fenced(epoch(5)));
    done(&store, &first, epoch(5), merge(1_023)).await;
}

async fn a_merge_with_what_does_not_follow_is_refused(lab: &Lab) {
    let store = lab.open().await;
    let (begun, first, second) = in_two_parts(&store).await;
    for (key, last) in [(&first, 511), (&first, 0), (&second, 1_023), (&second, 511)] {
        let kind = refusal(store.change(key, epoch(3), merge(last)).await);
        assert!(is_invalid(&kind, "merge"), "{key:?} {last}: {kind:?}");
    }
    assert_eq!(begun.segments(&store).await.len(), 2);
}

async fn a_merge_with_an_absent_segment_is_absent(lab: &Lab) {
    let store = lab.open().await;
    let (begun, first, second) = in_two_parts(&store).await;
    done(&store, &second, epoch(3), split(700)).await;
    let outcome = refused(&store, &begun, &first, epoch(3), merge(1_023)).await;
    assert_eq!(outcome, SegmentOutcome::Absent);
    done(&store, &first, epoch(3), merge(699)).await;
}

async fn segments_are_listed_by_slices(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    done(&store, begun.key(), epoch(1), split(900)).await;
    done(&store, &part(&begun, 0, 899), epoch(1), split(9)).await;
    done(&store, &part(&begun, 9, 899), epoch(1), split(100)).await;
    let firsts: Vec<_> = begun.segments(&store).await.iter().map(|s| s.key.slices.first().number()).collect();
    assert_eq!(firsts, [0, 9, 100, 900]);
}

/// Some step every segment that they find, others split and merge what they can. Whatever the segments are in the end, they
/// cover all slices once, and each slice was stepped as often as its position says.
async fn splits_and_merges_beside_steps_lose_nothing(lab: &Lab) {
    let store = lab.open().await;
    let begun = Arc::new(Begun::at_start(&store).await);
    let steppers = (0..3).map(|_| {
        let (store, begun) = (store.clone(), begun.clone());
        tokio::spawn(async move {
            let mut steps = vec![0u64; usize::from(Slice::COUNT)];
            while begun.segments(&store).await.iter().any(|s| s.place.position.get() < 30) {
                for Segment { key, place, .. } in begun.segments(&store).await {
                    let at = place.position.get();
                    let step = SegmentChange::Step {
                        from: place.position,
                        // Equal places for equal positions, so that parts can be merged.
                        to: eventsource_core::Place { position: Position::new(at + 1), ..place },
                    };
                    if let SegmentOutcome::Changed(_) = store.change(&key, Epoch::NONE, step).await.unwrap() {
                        let slices = key.slices.first().number()..=key.slices.last().number();
                        slices.for_each(|slice| steps[usize::from(slice)] += 1);
                    }
                }
            }
            steps
        })
    });
    let shapers = (0..2u16).map(|number| {
        let (store, begun) = (store.clone(), begun.clone());
        tokio::spawn(async move {
            for round in 0..60u16 {
                let segments = begun.segments(&store).await;
                let chosen = &segments[usize::from(round) % segments.len()].key;
                let slices = chosen.slices;
                let change = match segments.get(usize::from(round) % segments.len() + 1) {
                    Some(next) if (round + number) % 2 == 0 => merge(next.key.slices.last().number()),
                    _ if slices.count() > 1 => split(slices.first().number() + slices.count() / 2),
                    _ => SegmentChange::Claim,
                };
                store.change(chosen, Epoch::NONE, change).await.unwrap();
            }
        })
    });
    let (steppers, shapers): (Vec<_>, Vec<_>) = (steppers.collect(), shapers.collect());
    together(shapers).await.into_iter().for_each(|shaped| shaped.unwrap());
    let mut steps = vec![0; usize::from(Slice::COUNT)];
    for stepped in together(steppers).await {
        let stepped: Vec<u64> = stepped.unwrap();
        steps.iter_mut().zip(stepped).for_each(|(sum, count)| *sum += count);
    }
    let segments = begun.segments(&store).await;
    let covered = segments.iter().map(|s| s.key.slices).reduce(|all, next| all.join(next).expect("no gap"));
    assert_eq!(covered, Some(SliceRange::ALL));
    for segment in segments {
        let slices = segment.key.slices.first().number()..=segment.key.slices.last().number();
        slices.for_each(|slice| assert_eq!(steps[usize::from(slice)], segment.place.position.get()));
    }
}
