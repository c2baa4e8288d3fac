//! Events, aggregates and the ports of event stores: the driver-free core of `eventsource`.

pub mod aggregate;
pub mod backend;
pub mod bus;
pub mod checkpoint;
pub mod codec;
mod consumer;
pub mod dead_letter;
mod envelope;
mod error;
mod event;
mod event_set;
mod filter;
mod forward;
mod id;
pub mod inbox;
pub mod layer;
pub mod lease;
pub mod lifecycle;
pub mod memory;
mod name;
mod position;
pub mod projection;
mod provenance;
pub mod request;
mod slice;
pub mod status;
pub mod store;
mod stream;
mod tenant;
mod text;
mod time;
mod version;

pub use bytes::Bytes;
pub use uuid::Uuid;

pub use self::{
    aggregate::{Aggregate, Decider, Repository},
    bus::EventPublisher,
    checkpoint::Place,
    consumer::{ConsumerId, ConsumerName, Epoch, InstanceId},
    envelope::{NewEvent, Recorded, RecordedEvent},
    error::{BoxError, Conflict, Duplicate, Error, ErrorKind, Result},
    event::{Event, EventDescriptor},
    event_set::EventSet,
    filter::{EventFilter, EventSelector, NamePattern, TenantFilter},
    id::{CorrelationId, EventId, IdGenerator, Incarnation, LogId, TimeOrderedIds},
    memory::MemoryStore,
    name::{Category, EventName, StateType},
    position::{Log, Position, Token},
    provenance::{Metadata, Provenance, TraceContext},
    slice::{Slice, SliceRange},
    stream::{StreamId, StreamKey, ToStreamKey},
    tenant::TenantId,
    time::{Clock, SystemClock, Timestamp},
    version::{ExpectedVersion, StreamVersion},
};
