//! The log itself: who it is, where it ends, and how a restored one is taken into use.

use async_trait::async_trait;
use eventsource_core::{
    Incarnation, Log, LogId, Position, Result, Timestamp, Token,
    backend::{check_adoption, check_room},
    store::LogAdoption,
};
use rusqlite::Connection;

use crate::{
    SqliteStore,
    error::Outcome,
    row::{bound, position, timestamp, uuid},
};

/// The identity of the log.
pub(crate) fn identity(connection: &Connection) -> Outcome<Log> {
    connection.query_row("SELECT log_id, incarnation FROM es_meta", [], |row| {
        let ids = (row.get_ref(0)?, row.get_ref(1)?);
        Ok(uuid(ids.0).and_then(|id| {
            Ok(Log { id: LogId::from_uuid(id), incarnation: Incarnation::from_uuid(uuid(ids.1)?) })
        }))
    })?
}

/// The statement behind [`head`]: one step into the table.
pub(crate) const HEAD: &str = "SELECT max(position) FROM es_events";

/// The last position of the log, or its start.
pub(crate) fn head(connection: &Connection) -> Outcome<Position> {
    let last: Option<i64> = connection.prepare_cached(HEAD)?.query_row([], |row| row.get(0))?;
    last.map_or(Ok(Position::START), position)
}

/// Where the log ends: what the next event must lie behind. Read anew in every transaction, because other
/// processes write too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    log: LogId,
    position: Position,
    recorded_at: Timestamp,
}

impl Tail {
    pub(crate) fn read(connection: &Connection) -> Outcome<Self> {
        let mut statement = connection.prepare_cached(
            "SELECT log_id, position_floor, unordered_latest, last.position, last.recorded_at FROM es_meta \
             LEFT JOIN (SELECT position, recorded_at FROM es_events ORDER BY position DESC LIMIT 1) AS last",
        )?;
        statement.query_row([], |row| {
            let log = uuid(row.get_ref(0)?);
            let (floor, last): (i64, Option<i64>) = (row.get(1)?, row.get(3)?);
            let latest: Option<i64> = row.get::<_, Option<i64>>(2)?.max(row.get(4)?);
            Ok(log.and_then(|log| {
                Ok(Self {
                    log: LogId::from_uuid(log),
                    position: position(last.map_or(floor, |last| last.max(floor)))?,
                    recorded_at: latest.map_or(Ok(Timestamp::MIN), timestamp)?,
                })
            }))
        })?
    }

    /// A place in this log.
    pub(crate) fn token(&self, position: Position) -> Token {
        Token { log: self.log, position }
    }

    /// The last position drawn.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// The latest time of recording so far.
    pub(crate) fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    /// Refuses to draw more positions than there are.
    pub(crate) fn check_room(&self, events: usize) -> Outcome<()> {
        Ok(check_room(self.position, events)?)
    }

    /// The time of recording of something written now: the clock's, but never before an earlier one.
    pub(crate) fn record_time(&mut self, now: Timestamp) -> Timestamp {
        self.recorded_at = self.recorded_at.max(now);
        self.recorded_at
    }

    /// Takes note of an imported time of recording, and says whether times still follow positions.
    pub(crate) fn import_time(&mut self, recorded_at: Timestamp) -> bool {
        let follows = recorded_at >= self.recorded_at;
        self.recorded_at = self.recorded_at.max(recorded_at);
        follows
    }

    /// The next position.
    pub(crate) fn draw(&mut self) -> Position {
        self.position = Position::new(self.position.get() + 1);
        self.position
    }
}

#[async_trait]
impl LogAdoption for SqliteStore {
    async fn adopt(&self, highest: Position) -> Result<Incarnation> {
        check_adoption(highest).map_err(|e| e.with_operation("adopt"))?;
        let known = self.known_log();
        self.write("adopt", move |writer| {
            let incarnation = Incarnation::generate();
            writer.transaction(|connection| {
                connection.execute(
                    "UPDATE es_meta SET incarnation = ?1, position_floor = max(position_floor, ?2)",
                    (incarnation.as_uuid().as_bytes(), bound(highest.get())),
                )?;
                Ok(())
            })?;
            known.set_incarnation(incarnation);
            Ok(incarnation)
        })
        .await
    }
}

/// Where times of recording may go back, so that they cannot be searched by halving.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unordered {
    /// Up to this position.
    pub(crate) through: Position,
    /// The latest time of recording up to there.
    pub(crate) latest: Option<Timestamp>,
}

impl Unordered {
    pub(crate) fn read(connection: &Connection) -> Outcome<Self> {
        let (through, latest): (i64, Option<i64>) = connection
            .prepare_cached("SELECT unordered_through, unordered_latest FROM es_meta")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self { through: position(through)?, latest: latest.map(timestamp).transpose()? })
    }

    /// Takes note that times went back somewhere up to here.
    pub(crate) fn extend(connection: &Connection, tail: &Tail) -> Outcome<()> {
        connection.execute(
            "UPDATE es_meta SET unordered_through = ?1, unordered_latest = ?2",
            (bound(tail.position().get()), tail.recorded_at().as_micros()),
        )?;
        Ok(())
    }
}
