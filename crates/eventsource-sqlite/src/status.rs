//! What instances say about themselves.

use std::time::Duration;

use async_trait::async_trait;
use eventsource_core::{
    EventId, InstanceId, Result, Timestamp,
    backend::group_declarations,
    status::{ConsumerKind, ConsumerState, Declaration, InstanceStatus, Progress, StatusStore},
};
use rusqlite::{Connection, Row, params, types::ValueRef};

use crate::{
    SqliteStore,
    error::{Failure, Outcome},
    row::{consumer_id, number, position, text, timestamp, unsigned, uuid},
};

#[async_trait]
impl StatusStore for SqliteStore {
    async fn declare(&self, instance: &InstanceId, declarations: &[Declaration]) -> Result<()> {
        let (instance, declarations) = (instance.clone(), declarations.to_vec());
        self.write("declare", move |writer| {
            let now = writer.clock.now();
            writer.transaction(|connection| declare(connection, &instance, &declarations, now))
        })
        .await
    }

    async fn declarations(&self) -> Result<Vec<(Declaration, Vec<InstanceId>)>> {
        self.read("declarations", |reader| {
            let mut statement = reader.connection.prepare_cached(
                "SELECT instance, consumer, consumer_version, kind, filter, policy, fingerprint FROM es_declarations",
            )?;
            let mut rows = statement.query([])?;
            let mut declared = Vec::new();
            while let Some(row) = rows.next()? {
                declared.push((instance_id(row, 0)?, declaration(row)?));
            }
            Ok(group_declarations(declared))
        })
        .await
    }

    async fn statuses(&self) -> Result<Vec<InstanceStatus>> {
        self.read("statuses", |reader| {
            let mut statement = reader.connection.prepare_cached(
                "SELECT instance, consumer, consumer_version, state, reason, failing_event, position, lag_events, \
                 lag, events_per_second, parked_streams, letters, oldest_letter_at, rebuild_done, rebuild_total, \
                 checkpoint, heard_at FROM es_statuses JOIN es_instances USING (instance) \
                 ORDER BY consumer, consumer_version, instance",
            )?;
            let mut rows = statement.query([])?;
            let mut statuses = Vec::new();
            while let Some(row) = rows.next()? {
                statuses.push(status(row)?);
            }
            Ok(statuses)
        })
        .await
    }

    async fn forget(&self, before: Timestamp) -> Result<u64> {
        self.write("forget instances", move |writer| {
            writer.transaction(|connection| {
                // What they said goes with them.
                let forgotten = connection
                    .execute("DELETE FROM es_instances WHERE heard_at < ?1", [before.as_micros()])?;
                Ok(forgotten as u64)
            })
        })
        .await
    }

    async fn now(&self) -> Result<Timestamp> {
        let clock = self.options().clock.clone();
        self.read("now", move |_| Ok(clock.now())).await
    }
}

fn heard(connection: &Connection, instance: &InstanceId, now: Timestamp) -> Outcome<()> {
    connection
        .prepare_cached(
            "INSERT INTO es_instances (instance, heard_at) VALUES (?1, ?2) \
             ON CONFLICT (instance) DO UPDATE SET heard_at = excluded.heard_at",
        )?
        .execute((instance.as_str(), now.as_micros()))?;
    Ok(())
}

fn declare(
    connection: &Connection,
    instance: &InstanceId,
    declarations: &[Declaration],
    now: Timestamp,
) -> Outcome<()> {
    heard(connection, instance, now)?;
    connection.execute("DELETE FROM es_declarations WHERE instance = ?1", [instance.as_str()])?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO es_declarations (instance, consumer, consumer_version, kind, filter, policy, fingerprint) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for declaration in declarations {
        statement.execute((
            instance.as_str(),
            declaration.consumer.name.as_str(),
            declaration.consumer.version,
            declaration.kind.as_str(),
            &declaration.filter,
            &declaration.policy,
            declaration.fingerprint.cast_signed(),
        ))?;
    }
    Ok(())
}

/// Keeps what an instance said at a beat.
pub(crate) fn told(
    connection: &Connection,
    instance: &InstanceId,
    statuses: &[InstanceStatus],
    now: Timestamp,
) -> Outcome<()> {
    heard(connection, instance, now)?;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO es_statuses (consumer, consumer_version, instance, state, reason, failing_event, \
         position, lag_events, lag, events_per_second, parked_streams, letters, oldest_letter_at, rebuild_done, \
         rebuild_total, checkpoint) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?;
    for status in statuses {
        statement.execute(params![
            status.consumer.name.as_str(),
            status.consumer.version,
            instance.as_str(),
            status.state.as_str(),
            status.reason,
            status.failing_event.as_ref().map(|event| event.as_uuid().as_bytes()),
            number("position", status.position.get())?,
            status.lag_events.map(|events| number("lag", events)).transpose()?,
            status.lag.map(|lag| i64::try_from(lag.as_micros()).unwrap_or(i64::MAX)),
            status.events_per_second,
            number("parked streams", status.parked_streams)?,
            number("letters", status.letters)?,
            status.oldest_letter_at.map(Timestamp::as_micros),
            status.rebuild.map(|rebuild| number("progress", rebuild.done)).transpose()?,
            status.rebuild.and_then(|r| r.total).map(|total| number("progress", total)).transpose()?,
            status.checkpoint,
        ])?;
    }
    Ok(())
}

fn declaration(row: &Row<'_>) -> Outcome<Declaration> {
    let kind = text(row.get_ref(3)?)?;
    Ok(Declaration {
        consumer: consumer_id(row, 1)?,
        kind: ConsumerKind::from_name(kind)
            .ok_or_else(|| Failure::Damaged(format!("the kind of consumer {kind:?}")))?,
        filter: row.get(4)?,
        policy: row.get(5)?,
        fingerprint: row.get::<_, i64>(6)?.cast_unsigned(),
    })
}

fn status(row: &Row<'_>) -> Outcome<InstanceStatus> {
    let state = text(row.get_ref(3)?)?;
    let optional = |column: usize| -> Outcome<Option<u64>> {
        row.get::<_, Option<i64>>(column)?.map(|number| unsigned("the number", number)).transpose()
    };
    Ok(InstanceStatus {
        consumer: consumer_id(row, 1)?,
        instance: instance_id(row, 0)?,
        state: ConsumerState::from_name(state)
            .ok_or_else(|| Failure::Damaged(format!("the state {state:?}")))?,
        reason: row.get(4)?,
        failing_event: match row.get_ref(5)? {
            ValueRef::Null => None,
            event => Some(EventId::from_uuid(uuid(event)?)),
        },
        position: position(row.get(6)?)?,
        lag_events: optional(7)?,
        lag: optional(8)?.map(Duration::from_micros),
        events_per_second: row.get(9)?,
        parked_streams: unsigned("the count", row.get(10)?)?,
        letters: unsigned("the count", row.get(11)?)?,
        oldest_letter_at: row.get::<_, Option<i64>>(12)?.map(timestamp).transpose()?,
        rebuild: match optional(13)? {
            None => None,
            Some(done) => Some(Progress { done, total: optional(14)? }),
        },
        checkpoint: row.get(15)?,
        reported_at: timestamp(row.get(16)?)?,
    })
}

/// The instance in a column.
fn instance_id(row: &Row<'_>, column: usize) -> Outcome<InstanceId> {
    let name = text(row.get_ref(column)?)?;
    InstanceId::new(name).map_err(|_| Failure::Damaged(format!("the instance {name:?}")))
}
