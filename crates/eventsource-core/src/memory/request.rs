//! Requests in memory.

use std::collections::HashSet;

use async_trait::async_trait;
use bytes::Bytes;

use super::MemoryStore;
use crate::{
    ConsumerName, EventId, Result, Timestamp,
    backend::{
        REQUESTS_PAGE, check_request, check_request_update, new_request, request_at, same_request,
        update_request,
    },
    request::{Ask, NewRequest, Request, RequestId, RequestStore, RequestUpdate, RequestsOptions},
};

/// All requests, in the order in which they were submitted.
#[derive(Default)]
pub(super) struct Requests(Vec<Request>);

impl Requests {
    fn find(&mut self, id: RequestId) -> Option<&mut Request> {
        self.0.iter_mut().find(|request| request.asked.id == id)
    }

    /// The first ones to these consumers that are not final.
    pub(super) fn open_to(&self, consumers: &[ConsumerName], now: Timestamp) -> Vec<Request> {
        let to_them = self.0.iter().filter(|request| consumers.contains(&request.asked.consumer));
        let present = to_them.map(|request| request_at(request.clone(), now));
        present.filter(|request| !request.state.is_final()).take(REQUESTS_PAGE).collect()
    }

    /// Wipes the payloads that were to take the place of these events'.
    pub(super) fn erase(&mut self, events: &HashSet<EventId>) {
        for request in &mut self.0 {
            if let Ask::Edit { event, payload } = &mut request.asked.ask
                && events.contains(event)
            {
                *payload = Bytes::new();
            }
        }
    }

    fn page(&self, options: &RequestsOptions, now: Timestamp) -> Vec<Request> {
        let mut newest_first = self.0.iter().rev();
        if let Some(after) = options.after {
            // Up to this one, which stays out. Nothing follows what does not exist.
            newest_first.by_ref().find(|request| request.asked.id == after);
        }
        let present = newest_first.map(|request| request_at(request.clone(), now));
        let wanted = present.filter(|request| {
            options.consumer.as_ref().is_none_or(|consumer| request.asked.consumer == *consumer)
                && !(options.open_only && request.state.is_final())
        });
        wanted.take(REQUESTS_PAGE).collect()
    }
}

#[async_trait]
impl RequestStore for MemoryStore {
    async fn submit(&self, request: &NewRequest) -> Result<Request> {
        let asked = check_request(request).map_err(|e| e.with_operation("submit request"))?;
        let mut state = self.open("submit request")?;
        let now = self.now();
        if let Some(present) = state.requests.find(asked.id) {
            let present = request_at(present.clone(), now);
            return same_request(present, &asked).map_err(|e| e.with_operation("submit request"));
        }
        let stored = new_request(asked, now);
        state.requests.0.push(stored.clone());
        Ok(stored)
    }

    async fn request(&self, id: RequestId) -> Result<Option<Request>> {
        let mut state = self.open("request")?;
        let now = self.now();
        Ok(state.requests.find(id).map(|request| request_at(request.clone(), now)))
    }

    async fn requests(&self, options: &RequestsOptions) -> Result<Vec<Request>> {
        let state = self.open("requests")?;
        Ok(state.requests.page(options, self.now()))
    }

    async fn update(&self, update: &RequestUpdate) -> Result<bool> {
        check_request_update(update).map_err(|e| e.with_operation("update request"))?;
        let mut state = self.open("update request")?;
        let now = self.now();
        let Some(request) = state.requests.find(update.id) else { return Ok(false) };
        let Some(updated) = update_request(request.clone(), update, now) else { return Ok(false) };
        *request = updated;
        Ok(true)
    }
}
