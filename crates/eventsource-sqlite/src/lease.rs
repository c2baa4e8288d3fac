//! Leases, by the clock of the process.
//!
//! SQLite has no server whose clock could be asked. All processes that use a file run on one machine and read the same
//! clock, so that there is no skew between them.

use std::time::Duration;

use async_trait::async_trait;
use eventsource_core::{
    Epoch, InstanceId, Result, Timestamp,
    backend::{LeaseRow, acquire_lease, check_beat, check_ttl, is_held_by, renew_lease},
    lease::{Acquired, Beat, Lease, LeaseName, LeaseStore, Pulse},
};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::{
    SqliteStore,
    error::{Failure, Outcome},
    request,
    row::{number, text, timestamp, unsigned},
    status,
};

#[async_trait]
impl LeaseStore for SqliteStore {
    async fn acquire(&self, name: &LeaseName, owner: &InstanceId, ttl: Duration) -> Result<Acquired> {
        check_ttl(ttl).map_err(|e| e.with_operation("acquire lease"))?;
        let (name, owner) = (name.clone(), owner.clone());
        self.write("acquire lease", move |writer| {
            let now = writer.clock.now();
            writer.transaction(|connection| acquire(connection, &name, &owner, ttl, now))
        })
        .await
    }

    async fn beat(&self, beat: &Beat) -> Result<Pulse> {
        check_beat(beat).map_err(|e| e.with_operation("beat"))?;
        let beat = beat.clone();
        self.write("beat", move |writer| {
            let now = writer.clock.now();
            writer.transaction(|connection| self::beat(connection, &beat, now))
        })
        .await
    }

    async fn release(&self, name: &LeaseName, owner: &InstanceId, epoch: Epoch) -> Result<bool> {
        let (name, owner) = (name.clone(), owner.clone());
        self.write("release lease", move |writer| {
            let now = writer.clock.now();
            writer.transaction(|connection| {
                let row = find(connection, &name)?;
                let had =
                    row.is_some_and(|row| row.is_in_force(now) && is_held_by(&row.lease, &owner, epoch));
                if had {
                    connection
                        .prepare_cached("DELETE FROM es_leases WHERE name = ?1")?
                        .execute([name.as_str()])?;
                }
                Ok(had)
            })
        })
        .await
    }

    async fn lease(&self, name: &LeaseName) -> Result<Option<Lease>> {
        let (name, clock) = (name.clone(), self.options().clock.clone());
        self.read("lease", move |reader| {
            let row = find(&reader.connection, &name)?.filter(|row| row.is_in_force(clock.now()));
            Ok(row.map(|row| row.lease))
        })
        .await
    }

    async fn leases(&self, prefix: &str) -> Result<Vec<Lease>> {
        let (prefix, clock) = (prefix.to_owned(), self.options().clock.clone());
        self.read("leases", move |reader| {
            // Beginnings are compared byte by byte, which LIKE and GLOB do not.
            let mut statement = reader.connection.prepare_cached(&format!(
                "SELECT {LEASE_COLUMNS} FROM es_leases \
                 WHERE expires_at > ?1 AND substr(CAST(name AS BLOB), 1, length(?2)) = ?2 ORDER BY name"
            ))?;
            let mut rows = statement.query((clock.now().as_micros(), prefix.as_bytes()))?;
            let mut leases = Vec::new();
            while let Some(row) = rows.next()? {
                leases.push(lease_row(row)?.lease);
            }
            Ok(leases)
        })
        .await
    }
}

/// The columns that [`lease_row`] reads.
const LEASE_COLUMNS: &str = "name, owner, epoch, expires_at, ttl";

fn acquire(
    connection: &Connection,
    name: &LeaseName,
    owner: &InstanceId,
    ttl: Duration,
    now: Timestamp,
) -> Outcome<Acquired> {
    // What has ended needs no row: no epoch is ever given twice.
    connection.prepare_cached("DELETE FROM es_leases WHERE expires_at <= ?1")?.execute([now.as_micros()])?;
    let last: i64 =
        connection.prepare_cached("SELECT last_epoch FROM es_meta")?.query_row([], |row| row.get(0))?;
    let next = Epoch::new(unsigned("the epoch", last)?).next();
    let (row, granted) = acquire_lease(find(connection, name)?, name, owner, ttl, next, now);
    put(connection, &row)?;
    if row.lease.epoch == next {
        connection
            .prepare_cached("UPDATE es_meta SET last_epoch = ?1")?
            .execute([number("epoch", next.get())?])?;
    }
    Ok(if granted { Acquired::Granted(row.lease) } else { Acquired::Held(row.lease) })
}

fn beat(connection: &Connection, beat: &Beat, now: Timestamp) -> Outcome<Pulse> {
    let mut pulse = Pulse::default();
    let mut consumers = Vec::new();
    for held in &beat.leases {
        match renew_lease(find(connection, &held.name)?, held, &beat.instance, beat.ttl, now) {
            None => pulse.lost.push(held.name.clone()),
            Some(row) => {
                put(connection, &row)?;
                pulse.renewed.push(row.lease);
                consumers.extend(held.consumer.clone());
            }
        }
    }
    status::told(connection, &beat.instance, &beat.statuses, now)?;
    pulse.requests = request::open_to(connection, &consumers, now)?;
    Ok(pulse)
}

fn find(connection: &Connection, name: &LeaseName) -> Outcome<Option<LeaseRow>> {
    connection
        .prepare_cached(&format!("SELECT {LEASE_COLUMNS} FROM es_leases WHERE name = ?1"))?
        .query_row([name.as_str()], |row| Ok(lease_row(row)))
        .optional()?
        .transpose()
}

fn put(connection: &Connection, row: &LeaseRow) -> Outcome<()> {
    let LeaseRow { lease, ttl } = row;
    connection
        .prepare_cached(
            "INSERT INTO es_leases (name, owner, epoch, expires_at, ttl) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch, \
             expires_at = excluded.expires_at, ttl = excluded.ttl",
        )?
        .execute((
            lease.name.as_str(),
            lease.owner.as_str(),
            number("epoch", lease.epoch.get())?,
            lease.expires_at.as_micros(),
            i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX),
        ))?;
    Ok(())
}

fn lease_row(row: &Row<'_>) -> Outcome<LeaseRow> {
    let (name, owner) = (text(row.get_ref(0)?)?, text(row.get_ref(1)?)?);
    let damaged = |what: &str| Failure::Damaged(format!("the lease {name:?} of {owner:?}: {what}"));
    let lease = Lease {
        name: LeaseName::new(name).map_err(|_| damaged("the name"))?,
        owner: InstanceId::new(owner).map_err(|_| damaged("the owner"))?,
        epoch: Epoch::new(unsigned("the epoch", row.get(2)?)?),
        expires_at: timestamp(row.get(3)?)?,
    };
    Ok(LeaseRow { lease, ttl: Duration::from_micros(unsigned("the time-to-live", row.get(4)?)?) })
}
