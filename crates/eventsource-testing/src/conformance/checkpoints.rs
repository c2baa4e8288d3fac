//! How far consumers have come: beginning, claiming, stepping, rewinding, removing, and the active version.

use eventsource_core::{
    ConsumerId, ConsumerName, Epoch, ErrorKind, EventId, Incarnation, LogId, Place, Position, SliceRange,
    checkpoint::{CheckpointStore, Segment, SegmentChange, SegmentKey, SegmentOutcome},
};

use super::support::{cancel_everywhere, is_invalid, refusal, together};

cases! { $ checkpoints, checkpoints_cases, CheckpointStore:
    a_consumer_that_never_began_has_no_segments,
    beginning_makes_one_segment_over_all_slices,
    beginning_again_changes_nothing,
    of_many_that_begin_one_makes_the_segment,
    versions_and_logs_are_apart,
    every_place_comes_back,
    a_claim_fences_older_epochs,
    claiming_again_with_the_same_epoch_is_the_same_claim,
    a_step_moves_the_segment,
    a_step_from_elsewhere_is_told_where_the_segment_is,
    a_step_in_another_life_of_the_log_changes_nothing,
    a_step_backwards_is_refused,
    a_step_may_stay_where_it_is,
    a_step_under_an_older_epoch_is_fenced,
    a_step_under_a_newer_epoch_is_a_claim,
    a_segment_that_is_not_there_is_absent,
    of_concurrent_steps_from_one_place_one_is_done,
    what_a_zombie_had_begun_is_fenced,
    owners_in_turn_count_exactly,
    a_rewind_moves_back,
    a_rewind_enters_another_life_of_the_log,
    a_rewind_under_an_older_epoch_is_fenced,
    removing_forgets_a_version_in_all_logs,
    what_was_removed_may_begin_anew,
    there_is_no_active_version_before_the_first,
    switching_compares_with_the_active_version,
    of_concurrent_switches_one_is_done,
    a_dropped_step_happened_whole_or_not_at_all,
    a_closed_checkpoint_store_refuses_every_call,
}

pub(super) fn consumer(text: &str) -> ConsumerId {
    text.parse().unwrap()
}

pub(super) fn epoch(number: u64) -> Epoch {
    Epoch::new(number)
}

/// A consumer of a log that has begun at its start.
pub(super) struct Begun {
    pub(super) segment: Segment,
    pub(super) incarnation: Incarnation,
}

impl Begun {
    pub(super) async fn at_start<S: CheckpointStore + ?Sized>(store: &S) -> Self {
        let incarnation = Incarnation::generate();
        let place = Place::start(incarnation);
        let begun = store.begin(&consumer("sales@1"), LogId::generate(), place).await.unwrap();
        Self { segment: begun[0].clone(), incarnation }
    }

    pub(super) fn key(&self) -> &SegmentKey {
        &self.segment.key
    }

    /// A place in the log, with an event.
    pub(super) fn place(&self, position: u64) -> Place {
        let position = Position::new(position);
        Place { incarnation: self.incarnation, position, event: Some(EventId::generate()) }
    }

    pub(super) fn step(&self, from: u64, to: u64) -> SegmentChange {
        SegmentChange::Step { from: Position::new(from), to: self.place(to) }
    }

    pub(super) async fn segments<S: CheckpointStore + ?Sized>(&self, store: &S) -> Vec<Segment> {
        store.segments(&self.key().consumer, self.key().log).await.unwrap()
    }
}

/// Changes a segment, which must succeed.
pub(super) async fn done<S: CheckpointStore + ?Sized>(
    store: &S,
    key: &SegmentKey,
    epoch: Epoch,
    change: SegmentChange,
) -> Segment {
    match store.change(key, epoch, change).await.unwrap() {
        SegmentOutcome::Changed(segment) => segment,
        refused => panic!("{change:?} under {epoch} is {refused:?}"),
    }
}

/// Changes a segment, which must be refused and change nothing.
pub(super) async fn refused<S: CheckpointStore + ?Sized>(
    store: &S,
    begun: &Begun,
    key: &SegmentKey,
    epoch: Epoch,
    change: SegmentChange,
) -> SegmentOutcome {
    let before = begun.segments(store).await;
    let outcome = store.change(key, epoch, change).await.unwrap();
    assert_eq!(begun.segments(store).await, before, "{change:?} under {epoch}");
    outcome
}

async fn a_consumer_that_never_began_has_no_segments(lab: &Lab) {
    let store = lab.open().await;
    assert_eq!(store.segments(&consumer("sales@1"), LogId::generate()).await.unwrap(), []);
}

async fn beginning_makes_one_segment_over_all_slices(lab: &Lab) {
    let (store, log) = (lab.open().await, LogId::generate());
    let place = Place {
        incarnation: Incarnation::generate(),
        position: Position::new(7),
        event: Some(EventId::generate()),
    };
    let begun = store.begin(&consumer("sales@1"), log, place).await.unwrap();
    let key = SegmentKey { consumer: consumer("sales@1"), log, slices: SliceRange::ALL };
    assert_eq!(begun, [Segment { key, place, epoch: Epoch::NONE }]);
    assert_eq!(store.segments(&consumer("sales@1"), log).await.unwrap(), begun);
}

async fn beginning_again_changes_nothing(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let stepped = done(&store, begun.key(), epoch(1), begun.step(0, 5)).await;
    let again = store.begin(&begun.key().consumer, begun.key().log, begun.place(9)).await.unwrap();
    assert_eq!(again, [stepped]);
}

async fn of_many_that_begin_one_makes_the_segment(lab: &Lab) {
    let store = lab.open().await;
    for _ in 0..5 {
        let (log, incarnation) = (LogId::generate(), Incarnation::generate());
        let begins = (0..16).map(|position| {
            let store = store.clone();
            let place = Place { incarnation, position: Position::new(position), event: None };
            async move { store.begin(&consumer("sales@1"), log, place).await.unwrap() }
        });
        let begun = together(begins).await;
        assert_eq!(begun[0].len(), 1);
        assert!(begun.iter().all(|segments| *segments == begun[0]), "{begun:?}");
    }
}

async fn versions_and_logs_are_apart(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let (name, log) = (&begun.key().consumer, begun.key().log);
    let others = [(consumer("sales@2"), log), (consumer("sale@1"), log), (name.clone(), LogId::generate())];
    for (other, in_log) in &others {
        assert_eq!(store.segments(other, *in_log).await.unwrap(), []);
        store.begin(other, *in_log, begun.place(3)).await.unwrap();
    }
    done(&store, begun.key(), epoch(1), begun.step(0, 5)).await;
    for (other, in_log) in &others {
        let segments = store.segments(other, *in_log).await.unwrap();
        assert_eq!((segments[0].place.position, segments[0].epoch), (Position::new(3), Epoch::NONE));
    }
}

async fn every_place_comes_back(lab: &Lab) {
    let store = lab.open().await;
    let longest = ConsumerId::new(&"x".repeat(200), u32::MAX).unwrap();
    for (number, event) in [(0, None), (1, Some(EventId::generate())), (Position::MAX.get(), None)] {
        let (log, incarnation) = (LogId::generate(), Incarnation::generate());
        let place = Place { incarnation, position: Position::new(number), event };
        let begun = store.begin(&longest, log, place).await.unwrap();
        assert_eq!(begun[0].place, place);
        assert_eq!(store.segments(&longest, log).await.unwrap(), begun);
    }
}

async fn a_claim_fences_older_epochs(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let claimed = done(&store, begun.key(), epoch(7), SegmentChange::Claim).await;
    assert_eq!(claimed, Segment { epoch: epoch(7), ..begun.segment.clone() });
    for older in [Epoch::NONE, epoch(6)] {
        for change in [SegmentChange::Claim, begun.step(0, 1), SegmentChange::Rewind { to: begun.place(1) }] {
            let outcome = refused(&store, &begun, begun.key(), older, change).await;
            assert_eq!(outcome, SegmentOutcome::Fenced(epoch(7)));
        }
    }
    done(&store, begun.key(), epoch(8), SegmentChange::Claim).await;
    let outcome = refused(&store, &begun, begun.key(), epoch(7), begun.step(0, 1)).await;
    assert_eq!(outcome, SegmentOutcome::Fenced(epoch(8)));
}

async fn claiming_again_with_the_same_epoch_is_the_same_claim(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let claimed = done(&store, begun.key(), epoch(7), SegmentChange::Claim).await;
    assert_eq!(done(&store, begun.key(), epoch(7), SegmentChange::Claim).await, claimed);
}

async fn a_step_moves_the_segment(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let to = begun.place(4);
    let step = SegmentChange::Step { from: Position::START, to };
    let stepped = done(&store, begun.key(), epoch(1), step).await;
    assert_eq!(stepped, Segment { place: to, epoch: epoch(1), ..begun.segment.clone() });
    assert_eq!(begun.segments(&store).await, [stepped]);
    // Positions have holes, and places without an event are places too.
    let to = Place { event: None, ..begun.place(900) };
    let stepped =
        done(&store, begun.key(), epoch(1), SegmentChange::Step { from: Position::new(4), to }).await;
    assert_eq!(begun.segments(&store).await, [stepped]);
}

async fn a_step_from_elsewhere_is_told_where_the_segment_is(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let there = done(&store, begun.key(), epoch(1), begun.step(0, 5)).await;
    for from in [0, 4, 6] {
        let outcome = refused(&store, &begun, begun.key(), epoch(1), begun.step(from, 9)).await;
        assert_eq!(outcome, SegmentOutcome::Moved(there.clone()), "from {from}");
    }
}

async fn a_step_in_another_life_of_the_log_changes_nothing(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let to = Place { incarnation: Incarnation::generate(), ..begun.place(5) };
    let step = SegmentChange::Step { from: Position::START, to };
    let outcome = refused(&store, &begun, begun.key(), epoch(1), step).await;
    assert_eq!(outcome, SegmentOutcome::Moved(begun.segment.clone()));
}

async fn a_step_backwards_is_refused(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let there = done(&store, begun.key(), epoch(1), begun.step(0, 5)).await;
    let backwards = refusal(store.change(begun.key(), epoch(1), begun.step(5, 4)).await);
    assert!(is_invalid(&backwards, "step"), "{backwards:?}");
    assert_eq!(begun.segments(&store).await, [there]);
}

async fn a_step_may_stay_where_it_is(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let there = done(&store, begun.key(), epoch(1), begun.step(0, 5)).await;
    let step = SegmentChange::Step { from: there.place.position, to: there.place };
    assert_eq!(done(&store, begun.key(), epoch(1), step).await, there);
}

async fn a_step_under_an_older_epoch_is_fenced(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    done(&store, begun.key(), epoch(2), begun.step(0, 5)).await;
    // Also where it believes to be is right, and also where it is wrong.
    for from in [5, 0] {
        let outcome = refused(&store, &begun, begun.key(), epoch(1), begun.step(from, 9)).await;
        assert_eq!(outcome, SegmentOutcome::Fenced(epoch(2)));
    }
}

async fn a_step_under_a_newer_epoch_is_a_claim(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    done(&store, begun.key(), epoch(1), begun.step(0, 5)).await;
    assert_eq!(done(&store, begun.key(), epoch(3), begun.step(5, 6)).await.epoch, epoch(3));
    let outcome = refused(&store, &begun, begun.key(), epoch(2), begun.step(6, 7)).await;
    assert_eq!(outcome, SegmentOutcome::Fenced(epoch(3)));
}

async fn a_segment_that_is_not_there_is_absent(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let (one, _) = SliceRange::ALL.split(eventsource_core::Slice::new(512).unwrap()).unwrap();
    let keys = [
        SegmentKey { slices: one, ..begun.key().clone() },
        SegmentKey { log: LogId::generate(), ..begun.key().clone() },
        SegmentKey { consumer: consumer("sales@2"), ..begun.key().clone() },
    ];
    for key in &keys {
        for change in [SegmentChange::Claim, begun.step(0, 1)] {
            let outcome = refused(&store, &begun, key, epoch(9), change).await;
            assert_eq!(outcome, SegmentOutcome::Absent, "{key:?}");
        }
    }
}

async fn of_concurrent_steps_from_one_place_one_is_done(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    for round in 0..10 {
        let steps = (1..=8).map(|number| {
            let (store, key) = (store.clone(), begun.key().clone());
            let step = begun.step(round * 10, round * 10 + if number == 8 { 10 } else { number });
            async move { store.change(&key, epoch(1), step).await.unwrap() }
        });
        let outcomes = together(steps).await;
        let stepped: Vec<_> =
            outcomes.iter().filter(|o| matches!(o, SegmentOutcome::Changed(_))).cloned().collect();
        let now = begun.segments(&store).await.remove(0);
        assert_eq!(stepped, [SegmentOutcome::Changed(now.clone())]);
        // On to where the next round begins.
        let rest = begun.step(now.place.position.get(), round * 10 + 10);
        done(&store, begun.key(), epoch(1), rest).await;
    }
}

async fn what_a_zombie_had_begun_is_fenced(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let (zombie, heir) = (epoch(1), epoch(2));
    done(&store, begun.key(), zombie, begun.step(0, 5)).await;
    // The first owner works on what follows, and is stopped for a while. The second one takes over from the same place.
    let late = begun.step(5, 8);
    done(&store, begun.key(), heir, SegmentChange::Claim).await;
    let outcome = refused(&store, &begun, begun.key(), zombie, late).await;
    assert_eq!(outcome, SegmentOutcome::Fenced(heir));
    done(&store, begun.key(), heir, begun.step(5, 6)).await;
    let outcome = refused(&store, &begun, begun.key(), zombie, late).await;
    assert_eq!(outcome, SegmentOutcome::Fenced(heir));
}

/// Owners with ever newer epochs each step one further as often as they can, until the next one fences them. If a step were
/// ever done twice or lost, the sum of what they did would not be where the segment is.
async fn owners_in_turn_count_exactly(lab: &Lab) {
    let store = lab.open().await;
    let begun = std::sync::Arc::new(Begun::at_start(&store).await);
    let owners = (1..=12).map(|number| {
        let (store, begun) = (store.clone(), begun.clone());
        async move {
            let mut steps = 0;
            let claim = store.change(begun.key(), epoch(number), SegmentChange::Claim).await.unwrap();
            if let SegmentOutcome::Fenced(_) = claim {
                return steps;
            }
            loop {
                let at = begun.segments(&store).await[0].place.position.get();
                if at >= 100 {
                    return steps;
                }
                match store.change(begun.key(), epoch(number), begun.step(at, at + 1)).await.unwrap() {
                    SegmentOutcome::Changed(_) => steps += 1,
                    // Somebody with an older epoch was faster.
                    SegmentOutcome::Moved(_) => {}
                    SegmentOutcome::Fenced(_) => return steps,
                    SegmentOutcome::Absent => panic!("the segment is gone"),
                }
            }
        }
    });
    let steps: u64 = together(owners).await.iter().sum();
    let now = begun.segments(&store).await.remove(0);
    assert_eq!((now.place.position.get(), now.epoch), (steps, epoch(12)));
}

async fn a_rewind_moves_back(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    done(&store, begun.key(), epoch(1), begun.step(0, 5)).await;
    for number in [2, 0, 9] {
        let to = begun.place(number);
        let moved = done(&store, begun.key(), epoch(1), SegmentChange::Rewind { to }).await;
        assert_eq!(moved, Segment { place: to, epoch: epoch(1), ..begun.segment.clone() });
    }
    done(&store, begun.key(), epoch(1), begun.step(9, 10)).await;
}

async fn a_rewind_enters_another_life_of_the_log(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let to = Place { incarnation: Incarnation::generate(), ..begun.place(3) };
    done(&store, begun.key(), epoch(1), SegmentChange::Rewind { to }).await;
    assert_eq!(begun.segments(&store).await[0].place, to);
}

async fn a_rewind_under_an_older_epoch_is_fenced(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    done(&store, begun.key(), epoch(4), begun.step(0, 5)).await;
    let rewind = SegmentChange::Rewind { to: begun.place(0) };
    let outcome = refused(&store, &begun, begun.key(), epoch(3), rewind).await;
    assert_eq!(outcome, SegmentOutcome::Fenced(epoch(4)));
}

async fn removing_forgets_a_version_in_all_logs(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    let (own, other) = (&begun.key().consumer, consumer("sales@2"));
    let second = LogId::generate();
    store.begin(own, second, begun.place(1)).await.unwrap();
    store.begin(&other, second, begun.place(1)).await.unwrap();
    assert_eq!(store.remove(own).await.unwrap(), 2);
    assert_eq!(store.remove(own).await.unwrap(), 0);
    assert_eq!(begun.segments(&store).await, []);
    assert_eq!(store.segments(own, second).await.unwrap(), []);
    assert_eq!(store.segments(&other, second).await.unwrap().len(), 1);
    let outcome = store.change(begun.key(), epoch(9), begun.step(0, 1)).await.unwrap();
    assert_eq!(outcome, SegmentOutcome::Absent);
}

async fn what_was_removed_may_begin_anew(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    done(&store, begun.key(), epoch(5), begun.step(0, 5)).await;
    store.remove(&begun.key().consumer).await.unwrap();
    let place = begun.place(2);
    let again = store.begin(&begun.key().consumer, begun.key().log, place).await.unwrap();
    assert_eq!(again, [Segment { place, ..begun.segment }]);
}

async fn there_is_no_active_version_before_the_first(lab: &Lab) {
    let store = lab.open().await;
    Begun::at_start(&store).await;
    let name = ConsumerName::new("sales").unwrap();
    assert_eq!(store.active_version(&name).await.unwrap(), None);
}

async fn switching_compares_with_the_active_version(lab: &Lab) {
    let store = lab.open().await;
    let (sales, other) = (ConsumerName::new("sales").unwrap(), ConsumerName::new("sale").unwrap());
    let switch = async |from, to| store.switch_version(&sales, from, to).await.unwrap();
    assert!(!switch(Some(1), 2).await);
    assert!(switch(None, 1).await);
    assert!(!switch(None, 2).await);
    assert!(!switch(Some(3), 2).await);
    assert!(switch(Some(1), u32::MAX).await);
    assert_eq!(store.active_version(&sales).await.unwrap(), Some(u32::MAX));
    assert!(switch(Some(u32::MAX), 1).await, "back to the version before");
    assert_eq!(store.active_version(&sales).await.unwrap(), Some(1));
    assert_eq!(store.active_version(&other).await.unwrap(), None);
}

async fn of_concurrent_switches_one_is_done(lab: &Lab) {
    let store = lab.open().await;
    let sales = ConsumerName::new("sales").unwrap();
    let mut active = None;
    for _ in 0..5 {
        let switches = (1..=8).map(|number| {
            let (store, sales) = (store.clone(), sales.clone());
            let to = active.unwrap_or(0) + number;
            async move { store.switch_version(&sales, active, to).await.unwrap().then_some(to) }
        });
        let switched: Vec<_> = together(switches).await.into_iter().flatten().collect();
        assert_eq!(switched.len(), 1);
        active = Some(switched[0]);
        assert_eq!(store.active_version(&sales).await.unwrap(), active);
    }
}

async fn a_dropped_step_happened_whole_or_not_at_all(lab: &Lab) {
    let store = &lab.open().await;
    let begun = &Begun::at_start(store).await;
    cancel_everywhere(|_| async move {
        let before = begun.segments(store).await.remove(0);
        let at = before.place.position.get();
        let to = begun.place(at + 1);
        let step = SegmentChange::Step { from: before.place.position, to };
        let check = async move {
            let now = begun.segments(store).await.remove(0);
            assert!(now.place == before.place || now.place == to, "{now:?}");
        };
        (store.change(begun.key(), epoch(1), step), check)
    })
    .await;
}

async fn a_closed_checkpoint_store_refuses_every_call(lab: &Lab) {
    let store = lab.open().await;
    let begun = Begun::at_start(&store).await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    let (consumer, log) = (&begun.key().consumer, begun.key().log);
    assert_eq!(refusal(store.segments(consumer, log).await), ErrorKind::Closed);
    assert_eq!(refusal(store.begin(consumer, log, begun.place(0)).await), ErrorKind::Closed);
    assert_eq!(refusal(store.change(begun.key(), epoch(1), begun.step(0, 1)).await), ErrorKind::Closed);
    assert_eq!(refusal(store.remove(consumer).await), ErrorKind::Closed);
    assert_eq!(refusal(store.active_version(&consumer.name).await), ErrorKind::Closed);
    assert_eq!(refusal(store.switch_version(&consumer.name, None, 1).await), ErrorKind::Closed);
}
