//! Where a store lies, and how it is opened.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use eventsource_core::{Clock, Error, IdGenerator, Result, SystemClock, TimeOrderedIds, store::Limits};

/// Connections that read at the same time. Each is a file handle and a cache of its own.
const READERS_MAX: usize = 1_000;

/// Bytes of one payload and of one event's metadata. Together with the other columns they fit into a row.
const PAYLOAD_BYTES_MAX: usize = 900_000_000;
const METADATA_BYTES_MAX: usize = 90_000_000;

/// How to open a store.
///
/// ```
/// use eventsource_sqlite::SqliteOptions;
/// use std::time::Duration;
///
/// let options = SqliteOptions::file("orders.db").with_busy_timeout(Duration::from_secs(1));
/// let same: SqliteOptions = "sqlite://orders.db?busy_timeout_ms=1000".parse()?;
/// assert_eq!(format!("{options:?}"), format!("{same:?}"));
/// # Ok::<(), eventsource_core::Error>(())
/// ```
///
/// The text form is a URL: `sqlite:///absolute/path.db`, `sqlite://relative/path.db` or `sqlite::memory:`, with `%20` and
/// the like for special characters, and after a `?` any of
///
/// | parameter | values | default |
/// |---|---|---|
/// | `mode` | `rwc` (create when missing), `ro` (only read) | `rwc` |
/// | `busy_timeout_ms` | milliseconds | `5000` |
/// | `synchronous` | `full`, `normal`, `extra` | `full` |
/// | `readers` | 1 to 1000 | `4` |
/// | `poll_interval_ms` | milliseconds, 1 and more | `500` |
/// | `foreign_tables` | `true`, `false` | `false` |
#[derive(Clone)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// Where the store lies.
    pub location: Location,
    /// Whether the store is only read: nothing is created, migrated or written.
    pub read_only: bool,
    /// How long to wait for a lock that another process holds, before the call fails as `Busy`. The longest wait is
    /// 24 days.
    pub busy_timeout: Duration,
    /// When a commit counts as done.
    pub synchronous: Synchronous,
    /// The most connections that read at the same time, 1 to 1,000. They are opened when they are needed.
    pub readers: usize,
    /// How often to look whether another process appended, while somebody waits for that.
    pub poll_interval: Duration,
    /// What one append may hold. SQLite itself holds a billion bytes in a row, so that a payload has 900,000,000 and
    /// metadata 90,000,000 at most, whatever is asked for here; [`EventStore::limits`](eventsource_core::store::EventStore)
    /// tells what holds.
    pub limits: Limits,
    /// Tells when events are recorded, and when leases end and requests expire.
    pub clock: Arc<dyn Clock>,
    /// Gives lifecycle records their ids.
    pub ids: Arc<dyn IdGenerator>,
    /// The most appends that are committed together, 1 at least; 1 turns group commit off.
    pub group_appends: usize,
    /// Bytes of payload and metadata after which no more appends join a group.
    pub group_bytes: usize,
    /// Whether our tables may be added to a file that holds tables of something else.
    pub foreign_tables: bool,
}

/// Where a store lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In this file. SQLite keeps a write-ahead log and its index beside it, named `…-wal` and `…-shm`.
    File(PathBuf),
    /// In memory: gone when the last handle is dropped.
    Memory,
}

/// When a commit counts as done: SQLite's `PRAGMA synchronous`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// When the operating system has it: survives a crash of the process. A power failure may take back the last commits,
    /// which were acknowledged already; the file stays sound.
    Normal,
    /// When it is on the disk: survives a power failure.
    #[default]
    Full,
    /// As `Full`, and the directory is synchronised as well where a journal is deleted.
    Extra,
}

impl SqliteOptions {
    /// A store in this file.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::at(Location::File(path.into()))
    }

    /// A store in memory.
    #[must_use]
    pub fn memory() -> Self {
        Self::at(Location::Memory)
    }

    fn at(location: Location) -> Self {
        Self {
            location,
            read_only: false,
            busy_timeout: Duration::from_secs(5),
            synchronous: Synchronous::Full,
            readers: 4,
            poll_interval: Duration::from_millis(500),
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(TimeOrderedIds),
            group_appends: 1_000,
            group_bytes: 8 * 1024 * 1024,
            foreign_tables: false,
        }
    }

    /// Only for reading.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Waiting that long for locks of other processes.
    #[must_use]
    pub fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Committing like this.
    #[must_use]
    pub fn with_synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// With at most this many connections that read.
    #[must_use]
    pub fn with_readers(mut self, readers: usize) -> Self {
        self.readers = readers;
        self
    }

    /// Looking this often whether another process appended.
    #[must_use]
    pub fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// With these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// With this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// With these ids for lifecycle records.
    #[must_use]
    pub fn with_ids(mut self, ids: impl IdGenerator) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Committing at most this many appends, and about this many bytes, together.
    #[must_use]
    pub fn with_group(mut self, appends: usize, bytes: usize) -> Self {
        self.group_appends = appends;
        self.group_bytes = bytes;
        self
    }

    /// Adding our tables to a file that holds tables of something else.
    #[must_use]
    pub fn with_foreign_tables(mut self) -> Self {
        self.foreign_tables = true;
        self
    }

    /// How errors name the database.
    pub(crate) fn database(&self) -> String {
        match &self.location {
            Location::File(path) => path.display().to_string(),
            Location::Memory => ":memory:".to_owned(),
        }
    }

    /// Refuses what cannot work, cuts limits to what SQLite holds, and makes the path independent of later changes of the
    /// working directory.
    pub(crate) fn checked(mut self) -> Result<Self> {
        self.limits.payload_bytes = self.limits.payload_bytes.min(PAYLOAD_BYTES_MAX);
        self.limits.metadata_bytes = self.limits.metadata_bytes.min(METADATA_BYTES_MAX);
        for (field, value) in [("readers", self.readers), ("group_appends", self.group_appends)] {
            if value == 0 {
                return Err(Error::invalid_input(field, format!("{field} is 0; it must be 1 at least")));
            }
        }
        if self.readers > READERS_MAX {
            let what = format_args!("{} readers were asked for", self.readers);
            return Err(Error::over_limit("readers", what, READERS_MAX as u64));
        }
        if self.poll_interval.is_zero() {
            return Err(Error::invalid_input("poll_interval", "poll_interval is 0; it must be some time"));
        }
        match &mut self.location {
            Location::Memory if self.read_only => Err(Error::invalid_input(
                "mode",
                "a store in memory cannot be opened for reading only: it is empty",
            )),
            Location::Memory => Ok(self),
            Location::File(path) if path.as_os_str().is_empty() || path == Path::new(":memory:") => {
                Err(Error::invalid_input(
                    "path",
                    format!("{path:?} is not a file; for memory use SqliteStore::in_memory"),
                ))
            }
            Location::File(path) if path.as_os_str().as_encoded_bytes().contains(&0) => {
                Err(Error::invalid_input("path", format!("{path:?} holds a NUL, which no file's name may")))
            }
            Location::File(path) => {
                *path = std::path::absolute(&*path).map_err(|e| {
                    Error::invalid_input("path", format!("{path:?} is not a usable path")).with_source(e)
                })?;
                Ok(self)
            }
        }
    }
}

impl fmt::Debug for SqliteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteOptions")
            .field("location", &self.location)
            .field("read_only", &self.read_only)
            .field("busy_timeout", &self.busy_timeout)
            .field("synchronous", &self.synchronous)
            .field("readers", &self.readers)
            .field("poll_interval", &self.poll_interval)
            .field("limits", &self.limits)
            .field("clock", &self.clock)
            .field("group_appends", &self.group_appends)
            .field("group_bytes", &self.group_bytes)
            .field("foreign_tables", &self.foreign_tables)
            .finish_non_exhaustive()
    }
}

impl FromStr for SqliteOptions {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("sqlite:").ok_or_else(|| not_sqlite(url))?;
        let (location, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let mut options = match location {
            ":memory:" => Self::memory(),
            path => {
                let path = decode_percent(path.strip_prefix("//").unwrap_or(path))?;
                if path.is_empty() {
                    return Err(Error::invalid_input("url", "the URL names no file"));
                }
                Self::file(path)
            }
        };
        for parameter in parameters.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            options.set(name, value)?;
        }
        Ok(options)
    }
}

impl SqliteOptions {
    /// Sets what a parameter of the URL says.
    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let refused = |expected: &str| {
            Error::invalid_input("url", format!("parameter {name} is {value:?}; expected {expected}"))
        };
        match name {
            "mode" => {
                self.read_only = match value {
                    "ro" => true,
                    "rwc" => false,
                    _ => return Err(refused("ro or rwc")),
                };
            }
            "busy_timeout_ms" => {
                let milliseconds = value.parse().map_err(|_| refused("a number of milliseconds"))?;
                self.busy_timeout = Duration::from_millis(milliseconds);
            }
            "poll_interval_ms" => {
                let milliseconds = value.parse().map_err(|_| refused("a number of milliseconds"))?;
                self.poll_interval = Duration::from_millis(milliseconds);
            }
            "synchronous" => {
                self.synchronous = match value {
                    "normal" => Synchronous::Normal,
                    "full" => Synchronous::Full,
                    "extra" => Synchronous::Extra,
                    _ => return Err(refused("full, normal or extra")),
                };
            }
            "readers" => self.readers = value.parse().map_err(|_| refused("a number"))?,
            "foreign_tables" => {
                self.foreign_tables = value.parse().map_err(|_| refused("true or false"))?;
            }
            _ => {
                let message = format!(
                    "parameter {name:?} is unknown; known are mode, busy_timeout_ms, synchronous, readers, \
                     poll_interval_ms and foreign_tables"
                );
                return Err(Error::invalid_input("url", message));
            }
        }
        Ok(())
    }
}

/// The URL of something else may hold a password, so that no more of it is told than its scheme.
fn not_sqlite(url: &str) -> Error {
    let expected = "expected sqlite://path/to/file.db or sqlite::memory:";
    let is_scheme = |text: &&str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b));
    let message = match url.split_once(':').map(|(scheme, _)| scheme).filter(is_scheme) {
        Some(scheme) => format!("a URL of {scheme:?} is not one of SQLite; {expected}"),
        None => format!("the text is no URL; {expected}"),
    };
    Error::invalid_input("url", message)
}

/// Resolves `%20` and the like (RFC 3986 section 2.1).
fn decode_percent(text: &str) -> Result<String> {
    let refused =
        || Error::invalid_input("url", "the URL holds a % that is not followed by a byte of UTF-8 in hex");
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let (hex, rest) = part.split_at_checked(2).ok_or_else(refused)?;
        if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(refused());
        }
        bytes.push(u8::from_str_radix(hex, 16).map_err(|_| refused())?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> SqliteOptions {
        url.parse().unwrap()
    }

    #[test]
    fn urls_name_files_and_memory() {
        let file = |path: &str| Location::File(path.into());
        assert_eq!(parse("sqlite:///var/a.db").location, file("/var/a.db"));
        assert_eq!(parse("sqlite://data/a.db").location, file("data/a.db"));
        assert_eq!(parse("sqlite:a.db").location, file("a.db"));
        assert_eq!(parse("sqlite://my%20orders%3F.db").location, file("my orders?.db"));
        assert_eq!(parse("sqlite::memory:").location, Location::Memory);
    }

    #[test]
    fn parameters_set_options() {
        let options = parse(
            "sqlite://a.db?mode=ro&busy_timeout_ms=20&synchronous=normal&readers=2&poll_interval_ms=7&foreign_tables=true",
        );
        assert!(options.read_only && options.foreign_tables);
        assert_eq!(options.busy_timeout, Duration::from_millis(20));
        assert_eq!(options.poll_interval, Duration::from_millis(7));
        assert_eq!((options.synchronous, options.readers), (Synchronous::Normal, 2));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_named() {
        let cases = [
            ("postgres://a", "\"postgres\""),
            ("sqlite://", "names no file"),
            ("sqlite://a.db?cache=shared", "\"cache\" is unknown"),
            ("sqlite://a.db?mode=rw", "mode is \"rw\""),
            ("sqlite://a.db?busy_timeout_ms=soon", "busy_timeout_ms"),
            ("sqlite://a.db?synchronous=off", "synchronous"),
            ("sqlite://a%2.db", "%"),
            ("sqlite://a%+1.db", "%"),
            ("sqlite://a%ff.db", "%"),
        ];
        for (url, part) in cases {
            let error = url.parse::<SqliteOptions>().unwrap_err();
            assert!(error.to_string().contains(part), "{url}: {error}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused() {
        assert!(SqliteOptions::file("").checked().is_err());
        assert!(SqliteOptions::file(":memory:").checked().is_err());
        assert!(SqliteOptions::memory().read_only().checked().is_err());
        assert!(SqliteOptions::file("a.db").with_readers(0).checked().is_err());
        assert!(SqliteOptions::file("a.db").with_poll_interval(Duration::ZERO).checked().is_err());
        assert!(SqliteOptions::file("a.db").with_group(0, 1).checked().is_err());
        assert!(SqliteOptions::file("file:a.db").checked().unwrap().database().starts_with('/'));
    }
}
