//! The SQLite store of `eventsource`: one file, one writer, readers that never wait for it.
//!
//! ```
//! use eventsource_core::{EventId, ExpectedVersion, NewEvent, StreamId, store::{Append, Close, EventStore, ReadOptions}};
//! use eventsource_sqlite::SqliteStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> eventsource_core::Result<()> {
//! # let directory = tempfile::tempdir().unwrap();
//! # let path = directory.path().join("orders.db");
//! let store = SqliteStore::open(path).await?;
//! let stream = StreamId::new("Order", "4711")?;
//! let placed = NewEvent::new(EventId::generate(), "OrderPlaced", r#"{"total":100}"#)?;
//! store.append(Append::new(stream.clone(), ExpectedVersion::NoStream, vec![placed])).await?;
//!
//! let page = store.read_stream(&stream, &ReadOptions::default()).await?;
//! assert_eq!(page.events[0].name, *"OrderPlaced");
//! store.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//! - **Durable**: an acknowledged append is on the disk (`synchronous=FULL`, unless the [options](SqliteOptions) say
//!   otherwise).
//! - **Group commit**: appends that are queued while a commit runs share the next one, and each gets an outcome of its own.
//!   An append that finds the writer idle waits for nobody.
//! - **One total order**: positions follow the order of commits, so that the feed never skips.
//! - **Readers never wait** for the writer, and the writer never for readers (write-ahead log).
//! - **Several processes** may use one file: writers take turns and wait up to the busy time-out, after which a call fails
//!   as `Busy`, which is transient. Hints that the log has grown come at once from appends of this process; those of others are
//!   looked for while somebody waits, two statements a second by default, and none while nobody does.
//! - **No async code blocks**: everything that touches the file runs on threads of its own.
//!
//! # Read models
//! A [`SqliteProjection`] writes its tables in the transaction that moves its checkpoint: each event is in them exactly once.
//! They lie in a [file of their own](SqliteReadModels), or in the store's, where a batch of events holds the only writer while it
//! is handled. [`SqliteTarget`] is what a subscription hands its batches to.
//!
//! # Time
//! Recording, leases and requests go by the clock of the process ([`SqliteOptions::clock`]), because there is no server to
//! ask. The processes that share a file run on one machine and read the same clock, so there is no skew between them.
//!
//! # Erasure
//! `erase` overwrites what it wipes (`secure_delete`) and empties the write-ahead log right after the commit. When a
//! reader of any process still uses the old log at that moment, the wiped bytes stay in it until a later checkpoint. Copies
//! made earlier, and what a file system or disk keeps of overwritten blocks, are out of reach.
//!
//! # Not supported
//! Reading a file whose directory cannot be written: SQLite makes the index of its write-ahead log there, even to read.
//! Files on network file systems, because SQLite's locks do not work there. A file must not be moved, deleted or replaced
//! while it is open: on Unix every call is refused from then on, so that nothing is acknowledged that nobody would find.

mod append;
mod checkpoint;
mod connection;
mod database;
mod dead_letter;
mod error;
mod feed;
mod file;
mod forward;
mod group;
mod heads;
mod import;
mod inbox;
mod lease;
mod listing;
mod log;
mod lookup;
mod options;
mod poll;
mod projection;
mod read;
mod read_models;
mod reader;
mod removal;
mod request;
mod row;
mod schema;
mod snapshot;
mod status;
mod store;
mod writer;

pub use rusqlite;

pub use self::{
    options::{Location, SqliteOptions, Synchronous},
    projection::{SqliteBatchProjection, SqliteProjection, SqliteTarget},
    read_models::SqliteReadModels,
    store::SqliteStore,
};
