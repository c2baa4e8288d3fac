//! The tables of projections: made, remembered, dropped.

use eventsource_core::{ConsumerId, Error, ErrorKind, projection::TableSuffix};
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::Handler;
use crate::error::{Failure, Outcome, database_failure};

/// Makes the tables of a version of a consumer, unless that was done before.
pub(crate) fn prepare(
    transaction: &Transaction<'_>,
    handler: &dyn Handler,
    consumer: &ConsumerId,
) -> Outcome<()> {
    match made(transaction, consumer)? {
        Some(_) => Ok(()),
        None => create(transaction, handler, consumer),
    }
}

fn create(transaction: &Transaction<'_>, handler: &dyn Handler, consumer: &ConsumerId) -> Outcome<()> {
    let before = names(transaction)?;
    handler.create(transaction, TableSuffix::new(consumer.version)).map_err(|cause| {
        database_failure(&*cause).unwrap_or_else(|| {
            let message = format!("the tables of {consumer} cannot be made");
            Error::new(ErrorKind::Unsupported, message).with_source(cause).into()
        })
    })?;
    let made: Vec<String> = names(transaction)?.into_iter().filter(|name| !before.contains(name)).collect();
    let tables = serde_json::to_string(&made)
        .map_err(|e| Error::new(ErrorKind::Encode, "names of tables cannot be encoded").with_source(e))?;
    transaction.execute(
        "INSERT INTO es_projections (consumer, consumer_version, tables) VALUES (?1, ?2, ?3)",
        (consumer.name.as_str(), consumer.version, tables),
    )?;
    Ok(())
}

/// Drops the tables of a version of a consumer, and makes them again, empty.
pub(crate) fn recreate(
    transaction: &Transaction<'_>,
    handler: &dyn Handler,
    consumer: &ConsumerId,
) -> Outcome<()> {
    drop_all(transaction, consumer)?;
    create(transaction, handler, consumer)
}

/// Drops the tables of a version of a consumer.
pub(crate) fn drop_all(connection: &Connection, consumer: &ConsumerId) -> Outcome<()> {
    let made = made(connection, consumer)?.unwrap_or_default();
    // Backwards, because what was made later may refer to what was made before.
    for name in made.iter().rev() {
        let kind: Option<String> = connection
            .query_row("SELECT type FROM sqlite_schema WHERE name = ?1", [name], |row| row.get(0))
            .optional()?;
        let Some(kind) = kind else { continue };
        let quoted = name.replace('"', "\"\"");
        connection.execute_batch(&format!("DROP {kind} \"{quoted}\""))?;
    }
    connection.execute(
        "DELETE FROM es_projections WHERE consumer = ?1 AND consumer_version = ?2",
        (consumer.name.as_str(), consumer.version),
    )?;
    Ok(())
}

/// What a version of a consumer has made, in that order; `None` before.
fn made(connection: &Connection, consumer: &ConsumerId) -> Outcome<Option<Vec<String>>> {
    let tables: Option<String> = connection
        .prepare_cached("SELECT tables FROM es_projections WHERE consumer = ?1 AND consumer_version = ?2")?
        .query_row((consumer.name.as_str(), consumer.version), |row| row.get(0))
        .optional()?;
    let parse = |text: String| {
        serde_json::from_str(&text).map_err(|_| Failure::Damaged(format!("the tables {text} of {consumer}")))
    };
    tables.map(parse).transpose()
}

/// All tables and views, in the order in which they were made. Those that a virtual table keeps for itself go with it.
fn names(connection: &Connection) -> Outcome<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT made.name FROM sqlite_schema AS made JOIN pragma_table_list AS known \
         ON known.schema = 'main' AND known.name = made.name \
         WHERE made.type IN ('table', 'view') AND known.type <> 'shadow' \
         AND made.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY made.rowid",
    )?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}
