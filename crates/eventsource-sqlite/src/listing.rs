//! Listing streams and categories.
//!
//! Everything follows the unique index on (tenant, category, key). A *section* is the streams of one tenant and category;
//! sections are found by jumping from one to the next, never by scanning what lies between.

use std::collections::BTreeSet;

use async_trait::async_trait;
use eventsource_core::{
    Category, Result, StreamId, TenantFilter,
    backend::check_limit,
    store::{StoreStatistics, StreamInfo, StreamListing, StreamsOptions, StreamsPage},
};
use rusqlite::{Connection, OptionalExtension};

use crate::{
    SqliteStore,
    error::{Failure, Outcome},
    heads,
    row::{text, unsigned},
};

#[async_trait]
impl StreamListing for SqliteStore {
    async fn streams(&self, options: &StreamsOptions) -> Result<StreamsPage> {
        check_limit(options.limit).map_err(|e| e.with_operation("streams"))?;
        let options = options.clone();
        self.read("streams", move |reader| streams(&reader.connection, &options)).await
    }

    async fn categories(&self, tenant: &TenantFilter) -> Result<Vec<Category>> {
        let tenant = tenant.clone();
        self.read("categories", move |reader| categories(&reader.connection, &tenant)).await
    }

    async fn statistics(&self, tenant: &TenantFilter) -> Result<StoreStatistics> {
        let tenant = tenant.clone();
        self.read("statistics", move |reader| {
            // Versions have no holes, so that the last one of a stream counts its events.
            let sql =
                "SELECT count(*), ifnull(sum(version), 0) FROM es_streams WHERE ?1 IS NULL OR tenant = ?1";
            let (streams, events): (i64, i64) = reader
                .connection
                .prepare_cached(sql)?
                .query_row([tenant.column()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(StoreStatistics {
                streams: unsigned("the count", streams)?,
                events: unsigned("the count", events)?,
                exact: true,
            })
        })
        .await
    }
}

/// The streams of one tenant and category. The order is that of listings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Section {
    tenant: String,
    category: String,
}

/// Which sections are wanted.
struct Sections<'a> {
    tenant: &'a TenantFilter,
    category: Option<&'a str>,
}

fn streams(connection: &Connection, options: &StreamsOptions) -> Outcome<StreamsPage> {
    let snapshot = connection.unchecked_transaction()?;
    let sections =
        Sections { tenant: &options.tenant, category: options.category.as_ref().map(Category::as_str) };
    let mut streams = Vec::new();
    let mut section = match &options.after {
        None => sections.next(&snapshot, &Section::default())?,
        Some(after) => {
            let begun =
                Section { tenant: after.tenant_or_empty().to_owned(), category: after.category().to_owned() };
            if sections.contain(&begun) { Some(begun) } else { sections.next(&snapshot, &begun)? }
        }
    };
    while let Some(current) = section {
        list(&snapshot, &current, options, &mut streams)?;
        if streams.len() > options.limit {
            streams.truncate(options.limit);
            let next = streams.last().map(|info| info.stream.clone());
            return Ok(StreamsPage { streams, next });
        }
        section = sections.next(&snapshot, &current)?;
    }
    Ok(StreamsPage { streams, next: None })
}

/// Adds the streams of a section that are wanted, up to one more than the page holds.
fn list(
    connection: &Connection,
    section: &Section,
    options: &StreamsOptions,
    streams: &mut Vec<StreamInfo>,
) -> Outcome<()> {
    let begun = options
        .after
        .as_ref()
        .filter(|after| after.tenant_or_empty() == section.tenant && after.category() == section.category);
    let after = begun.map_or("", StreamId::key);
    let mut statement = connection.prepare_cached(
        "SELECT key, version, position, recorded_at, lifecycle FROM es_streams \
         WHERE tenant = ?1 AND category = ?2 AND key >= ?3 AND key <> ?4 ORDER BY key",
    )?;
    let from = after.max(&options.key_prefix);
    let mut rows = statement.query((&section.tenant, &section.category, from, after))?;
    while let Some(row) = rows.next()? {
        let key = text(row.get_ref(0)?)?;
        // Keys with one beginning lie side by side.
        if !key.starts_with(&options.key_prefix) {
            break;
        }
        let stream = StreamId::from_parts(&section.tenant, &section.category, key)
            .map_err(|_| Failure::Damaged(format!("the stream {section:?} {key:?}")))?;
        let info = heads::info(row, 1, stream)?;
        if options.lifecycles.contains(&info.lifecycle) {
            streams.push(info);
            if streams.len() > options.limit {
                break;
            }
        }
    }
    Ok(())
}

fn categories(connection: &Connection, tenant: &TenantFilter) -> Outcome<Vec<Category>> {
    let snapshot = connection.unchecked_transaction()?;
    let sections = Sections { tenant, category: None };
    let mut names = BTreeSet::new();
    let mut section = sections.next(&snapshot, &Section::default())?;
    while let Some(current) = section {
        section = sections.next(&snapshot, &current)?;
        names.insert(current.category);
    }
    let parse =
        |name: String| Category::new(&name).map_err(|_| Failure::Damaged(format!("the category {name:?}")));
    names.into_iter().map(parse).collect()
}

impl Sections<'_> {
    fn contain(&self, section: &Section) -> bool {
        self.tenant.column().is_none_or(|tenant| tenant == section.tenant)
            && self.category.is_none_or(|category| category == section.category)
    }

    /// The first wanted section after this one.
    fn next(&self, connection: &Connection, after: &Section) -> Outcome<Option<Section>> {
        let mut above = after.category.clone();
        let mut tenant = match self.tenant.column() {
            Some(only) if only < after.tenant.as_str() => return Ok(None),
            Some(only) => {
                if only != after.tenant {
                    above.clear();
                }
                only.to_owned()
            }
            None => after.tenant.clone(),
        };
        loop {
            if let Some(category) = self.next_category(connection, &tenant, &above)? {
                return Ok(Some(Section { tenant, category }));
            }
            if self.tenant.column().is_some() {
                return Ok(None);
            }
            let Some(next) = next_tenant(connection, &tenant)? else { return Ok(None) };
            tenant = next;
            above.clear();
        }
    }

    fn next_category(&self, connection: &Connection, tenant: &str, above: &str) -> Outcome<Option<String>> {
        if let Some(only) = self.category {
            return Ok((only > above).then(|| only.to_owned()));
        }
        let sql =
            "SELECT category FROM es_streams WHERE tenant = ?1 AND category > ?2 ORDER BY category LIMIT 1";
        Ok(connection.prepare_cached(sql)?.query_row((tenant, above), |row| row.get(0)).optional()?)
    }
}

fn next_tenant(connection: &Connection, above: &str) -> Outcome<Option<String>> {
    let sql = "SELECT tenant FROM es_streams WHERE tenant > ?1 ORDER BY tenant LIMIT 1";
    Ok(connection.prepare_cached(sql)?.query_row([above], |row| row.get(0)).optional()?)
}
