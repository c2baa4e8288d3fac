//! A store whose payloads are changed on their way in and out.

use eventsource_core::{
    Bytes, MemoryStore, Result, StreamId,
    codec::{Transform, TransformTag},
    layer::Transformed,
};
use eventsource_testing::conformance::{Capabilities, Fixture, Setup, UniqueIds};

use crate::memory;

/// Changes every byte of every payload, differently for each stream, so that a payload that is not changed back, or as one
/// of another stream, is noticed.
#[derive(Debug)]
struct Mask;

impl Mask {
    fn apply_to(stream: &StreamId, payload: &Bytes) -> Bytes {
        let mask = stream.as_str().bytes().fold(0, u8::wrapping_add) | 1;
        payload.iter().map(|byte| byte ^ mask).collect()
    }
}

impl Transform for Mask {
    fn tag(&self) -> TransformTag {
        TransformTag::from_static("mask")
    }

    fn apply(&self, stream: &StreamId, payload: &Bytes) -> Result<Option<Bytes>> {
        Ok(Some(Self::apply_to(stream, payload)))
    }

    fn revert(&self, stream: &StreamId, payload: &Bytes) -> Result<Bytes> {
        Ok(Self::apply_to(stream, payload))
    }
}

struct Masked;

impl Fixture for Masked {
    type Store = Transformed<MemoryStore>;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(UniqueIds::PerLog)
    }

    async fn open(&self, setup: &Setup) -> Transformed<MemoryStore> {
        Transformed::new(memory::open(setup), Mask)
    }
}

eventsource_testing::store_conformance!(Masked);
eventsource_testing::feed_conformance!(Masked);
eventsource_testing::lookup_conformance!(Masked);
eventsource_testing::lookup_deletion_conformance!(Masked);
eventsource_testing::lookup_erasure_conformance!(Masked);
eventsource_testing::listing_conformance!(Masked);
eventsource_testing::listing_deletion_conformance!(Masked);
eventsource_testing::listing_erasure_conformance!(Masked);
eventsource_testing::deletion_conformance!(Masked);
eventsource_testing::erasure_conformance!(Masked);
eventsource_testing::import_conformance!(Masked);
eventsource_testing::adoption_conformance!(Masked);
eventsource_testing::snapshot_conformance!(Masked);
eventsource_testing::snapshot_erasure_conformance!(Masked);
