//! Dead letters in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    ConsumerId, EventId, LogId, Position, Result, StreamId,
    backend::{LETTERS_PAGE, change_letter, erase_letter, has_room, most_frequent_causes},
    dead_letter::{
        DeadLetter, DeadLetterStore, LetterChange, LetterStatistics, LettersOptions, ParkOutcome,
        ParkingLimits,
    },
    lifecycle::Lifecycle,
};

/// Whose, of which log, where in it, and which event: the order of pages.
type Key = (ConsumerId, LogId, Position, EventId);

/// All letters.
#[derive(Default)]
pub(super) struct Letters(BTreeMap<Key, DeadLetter>);

impl Letters {
    fn of<'a>(
        &'a self,
        consumer: &'a ConsumerId,
        log: LogId,
    ) -> impl Iterator<Item = (&'a Key, &'a DeadLetter)> {
        self.0.iter().filter(move |((of, in_log, ..), _)| of == consumer && *in_log == log)
    }

    fn key(&self, consumer: &ConsumerId, log: LogId, event: EventId) -> Option<Key> {
        self.of(consumer, log).map(|(key, _)| key).find(|(.., of_event)| *of_event == event).cloned()
    }

    /// The streams of a consumer that wait, with the number of their letters.
    fn streams(&self, consumer: &ConsumerId) -> HashMap<(LogId, &StreamId), u64> {
        let mut streams = HashMap::new();
        for ((_, log, ..), letter) in self.0.iter().filter(|((of, ..), _)| of == consumer) {
            *streams.entry((*log, &letter.event.stream)).or_default() += 1;
        }
        streams
    }

    /// Adds letters, unless they are there: all or none. Whether there is room for them.
    fn park(&mut self, letters: impl Iterator<Item = DeadLetter>, limits: ParkingLimits) -> bool {
        let mut added = Vec::new();
        for letter in letters {
            let (consumer, log, event) = (letter.consumer.clone(), letter.log, letter.event.id);
            if self.key(&consumer, log, event).is_some() {
                continue;
            }
            let stream = letter.event.stream.clone();
            let key = (consumer.clone(), log, letter.event.position, event);
            self.0.insert(key.clone(), letter);
            added.push(key);
            let streams = self.streams(&consumer);
            let of_stream = streams.get(&(log, &stream)).copied().unwrap_or(0);
            if !has_room(limits, of_stream, streams.len() as u64) {
                for key in added {
                    self.0.remove(&key);
                }
                return false;
            }
        }
        true
    }

    /// Wipes the letters of a stream; how many there were.
    pub(super) fn erase(&mut self, log: LogId, stream: &StreamId) -> u64 {
        let of_stream = self.0.values_mut().filter(|l| l.log == log && l.event.stream == *stream);
        of_stream.map(|letter| *letter = erase_letter(letter.clone())).count() as u64
    }

    fn page(&self, consumer: &ConsumerId, log: LogId, options: &LettersOptions) -> Vec<DeadLetter> {
        let mut streams_seen = BTreeSet::new();
        let wanted = self.of(consumer, log).filter(|((.., position, event), letter)| {
            let is_first = streams_seen.insert(&letter.event.stream);
            options.event.is_none_or(|wanted| wanted == *event)
                && options.stream.as_ref().is_none_or(|wanted| *wanted == letter.event.stream)
                && options.cause.is_none_or(|wanted| wanted == letter.cause.fingerprint)
                && options.after.is_none_or(|after| after < *position)
                && (is_first || !options.first_only)
        });
        wanted.map(|(_, letter)| letter.clone()).take(LETTERS_PAGE).collect()
    }

    fn statistics(&self, consumer: &ConsumerId) -> LetterStatistics {
        let letters: Vec<_> = self.0.values().filter(|letter| letter.consumer == *consumer).collect();
        let mut causes: HashMap<u64, u64> = HashMap::new();
        for letter in &letters {
            *causes.entry(letter.cause.fingerprint).or_default() += 1;
        }
        LetterStatistics {
            letters: letters.len() as u64,
            streams: self.streams(consumer).len() as u64,
            oldest_at: letters.iter().map(|letter| letter.parked_at).min(),
            by_cause: most_frequent_causes(causes.into_iter().collect()),
        }
    }
}

#[async_trait]
impl DeadLetterStore for MemoryStore {
    async fn park(&self, letters: &[DeadLetter], limits: ParkingLimits) -> Result<ParkOutcome> {
        let mut state = self.open("park")?;
        let blanked = |letter: &DeadLetter| {
            let is_erased =
                letter.log == state.log.id && state.lifecycle(&letter.event.stream) == Lifecycle::Erased;
            if is_erased { erase_letter(letter.clone()) } else { letter.clone() }
        };
        let letters: Vec<_> = letters.iter().map(blanked).collect();
        let is_room = state.letters.park(letters.into_iter(), limits);
        Ok(if is_room { ParkOutcome::Parked } else { ParkOutcome::Full(limits) })
    }

    async fn parked_streams(&self, consumer: &ConsumerId, log: LogId) -> Result<Vec<StreamId>> {
        let state = self.open("parked streams")?;
        let streams: BTreeSet<_> = state.letters.of(consumer, log).map(|(_, l)| &l.event.stream).collect();
        Ok(streams.into_iter().cloned().collect())
    }

    async fn letters(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        options: &LettersOptions,
    ) -> Result<Vec<DeadLetter>> {
        Ok(self.open("letters")?.letters.page(consumer, log, options))
    }

    async fn change_letter(
        &self,
        consumer: &ConsumerId,
        log: LogId,
        event: EventId,
        change: &LetterChange,
    ) -> Result<bool> {
        let mut state = self.open("change letter")?;
        let now = self.now();
        let Some(key) = state.letters.key(consumer, log, event) else { return Ok(false) };
        let Some(letter) = state.letters.0.remove(&key) else { return Ok(false) };
        if let Some(changed) = change_letter(letter, change, now) {
            state.letters.0.insert(key, changed);
        }
        Ok(true)
    }

    async fn remove_letters(&self, consumer: &ConsumerId) -> Result<u64> {
        let mut state = self.open("remove letters")?;
        let before = state.letters.0.len();
        state.letters.0.retain(|(of, ..), _| of != consumer);
        Ok((before - state.letters.0.len()) as u64)
    }

    async fn erase_letters(&self, log: LogId, stream: &StreamId) -> Result<u64> {
        Ok(self.open("erase letters")?.letters.erase(log, stream))
    }

    async fn letter_statistics(&self, consumer: &ConsumerId) -> Result<LetterStatistics> {
        Ok(self.open("letter statistics")?.letters.statistics(consumer))
    }
}
