//! The log file: each line of CSV is something that happened to a case.

use std::{error::Error, fmt, io::Cursor};

use csv::{ByteRecord, Position, ReaderBuilder, StringRecord};
use eventsource::{Event, StreamId, Timestamp};

use crate::case::{Activity, Application, CaseEvent};

/// The columns that are read. Their order in the file does not matter, and others may lie between them.
const COLUMNS: [&str; 11] = [
    "case:concept:name",
    "case:channel",
    "case:department",
    "case:responsible",
    "case:deadline",
    "concept:instance",
    "concept:name",
    "lifecycle:transition",
    "org:group",
    "org:resource",
    "time:timestamp",
];

/// Far more than any line of such a log needs.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) rejected: Vec<Rejected>,
}

/// A line that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// Its number in the file, the header being 1.
    pub(crate) number: u64,
    /// The stream of its case.
    pub(crate) stream: StreamId,
    pub(crate) occurred_at: Timestamp,
    pub(crate) activity: Activity,
    /// The log repeats on every line what is known of the case.
    pub(crate) application: Application,
}

/// A line that is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) number: u64,
    pub(crate) reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.number, self.reason)
    }
}

impl Log {
    /// Reads a whole file. A malformed line is told with its number and reason and stops nothing else; only a header
    /// without the needed columns does.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, Box<dyn Error>> {
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(Cursor::new(file));
        let columns = Columns::find(reader.headers().map_err(|_| "the header is not UTF-8")?)?;
        let mut log = Self::default();
        let mut record = ByteRecord::new();
        loop {
            let start = skip_line_ends(file, reader.position());
            if !reader.read_byte_record(&mut record)? {
                return Ok(log);
            }
            let number = start.line();
            match columns.line(number, &record) {
                Ok(line) => log.lines.push(line),
                Err(mut reason) => {
                    let next = next_line(file, &start);
                    if next.byte() < reader.position().byte() {
                        // Perhaps a stray quote, which swallows lines that are not to blame.
                        reason.push_str("; a quote in it is still open at its end");
                        reader.seek(next)?;
                    }
                    log.rejected.push(Rejected { number, reason });
                }
            }
        }
    }
}

/// Where the columns lie in this file.
struct Columns {
    places: [usize; COLUMNS.len()],
    count: usize,
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, String> {
        if header.is_empty() {
            return Err("the file is empty".to_owned());
        }
        let places = COLUMNS.map(|column| header.iter().position(|name| name == column));
        let missing: Vec<_> =
            COLUMNS.iter().zip(places).filter(|(_, place)| place.is_none()).map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            return Err(format!(
                "the first line is not the header of such a log: it lacks {}",
                missing.join(", ")
            ));
        }
        Ok(Self { places: places.map(Option::unwrap_or_default), count: header.len() })
    }

    /// The line that a record is, or why it is none.
    fn line(&self, number: u64, record: &ByteRecord) -> Result<LogLine, String> {
        if record.as_slice().len() > LINE_BYTES_MAX {
            return Err(format!("longer than {LINE_BYTES_MAX} bytes"));
        }
        if record.len() != self.count {
            return Err(format!("the header has {} fields, the line has {}", self.count, record.len()));
        }
        let record = StringRecord::from_byte_record(record.clone())
            .map_err(|e| format!("field {} is not UTF-8", e.utf8_error().field() + 1))?;
        let [
            case,
            channel,
            department,
            responsible,
            deadline,
            task,
            activity,
            transition,
            group,
            resource,
            time,
        ] = self.places.map(|place| &record[place]);

        if !transition.eq_ignore_ascii_case("complete") {
            return Err(format!(
                "lifecycle:transition is {transition:?}; only completed activities are read"
            ));
        }
        Ok(LogLine {
            number,
            stream: StreamId::new(CaseEvent::CATEGORY, case).map_err(in_column("case:concept:name"))?,
            occurred_at: time.parse().map_err(in_column("time:timestamp"))?,
            activity: Activity {
                name: some(activity).ok_or("concept:name is empty")?,
                task: some(task).ok_or("concept:instance is empty")?,
                group: some(group),
                resource: some(resource),
            },
            application: Application {
                channel: some(channel),
                department: some(department),
                responsible: some(responsible),
                deadline: some(deadline)
                    .map(|time| time.parse().map_err(in_column("case:deadline")))
                    .transpose()?,
            },
        })
    }
}

fn in_column(column: &str) -> impl Fn(eventsource::Error) -> String + '_ {
    move |error| format!("{column}: {error}")
}

/// An empty field tells nothing.
fn some(field: &str) -> Option<String> {
    (!field.is_empty()).then(|| field.to_owned())
}

/// Where the next record begins: the reader stops before the second half of a CRLF, and passes over empty lines.
fn skip_line_ends(file: &[u8], position: &Position) -> Position {
    let rest = file.get(offset(position)..).unwrap_or_default();
    let line_ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let (bytes, lines) =
        line_ends.fold((0, 0), |(bytes, lines), byte| (bytes + 1, lines + u64::from(*byte == b'\n')));
    moved(position, bytes, lines)
}

/// Where the line after this one begins.
fn next_line(file: &[u8], position: &Position) -> Position {
    let rest = file.get(offset(position)..).unwrap_or_default();
    match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) => moved(position, end as u64 + 1, 1),
        None => moved(position, rest.len() as u64, 0),
    }
}

fn moved(position: &Position, bytes: u64, lines: u64) -> Position {
    let mut moved = position.clone();
    moved.set_byte(position.byte() + bytes).set_line(position.line() + lines);
    moved
}

fn offset(position: &Position) -> usize {
    usize::try_from(position.byte()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "case:channel,case:concept:name,case:deadline,case:department,case:responsible,\
        concept:instance,concept:name,lifecycle:transition,org:group,org:resource,time:timestamp";

    /// A file with the header and these lines.
    fn parse(lines: &str) -> Log {
        Log::parse(format!("{HEADER}\n{lines}").as_bytes()).unwrap()
    }

    /// A well-formed line.
    fn good(task: &str) -> String {
        format!("Desk,c1,,Parks,,{task},Decide,complete,,Clerk01,2025-03-30 03:05:00.000001+02:00\n")
    }

    /// The numbers of the lines understood, and of those that were not.
    fn numbers(log: &Log) -> (Vec<u64>, Vec<u64>) {
        let number = |line: &LogLine| line.number;
        (log.lines.iter().map(number).collect(), log.rejected.iter().map(|line| line.number).collect())
    }

    #[test]
    fn a_line_becomes_what_happened() {
        let log = parse(&good("job-1"));
        let line = LogLine {
            number: 2,
            stream: StreamId::new("PermitCase", "c1").unwrap(),
            occurred_at: "2025-03-30T01:05:00.000001Z".parse().unwrap(),
            activity: Activity {
                name: "Decide".to_owned(),
                task: "job-1".to_owned(),
                group: None,
                resource: Some("Clerk01".to_owned()),
            },
            application: Application {
                channel: Some("Desk".to_owned()),
                department: Some("Parks".to_owned()),
                responsible: None,
                deadline: None,
            },
        };
        assert_eq!((log.lines, log.rejected), (vec![line], vec![]));
    }

    #[test]
    fn columns_are_found_by_name() {
        let file = "extra,time:timestamp,org:resource,org:group,lifecycle:transition,concept:name,concept:instance,\
            case:responsible,case:deadline,case:department,case:channel,case:concept:name\n\
            ?,2025-01-01T00:00:00Z,r,g,COMPLETE,a,t,p,2025-02-01T00:00:00Z,d,c,k\n";
        let log = Log::parse(file.as_bytes()).unwrap();
        let line = &log.lines[0];
        assert_eq!((line.stream.key(), line.activity.task.as_str()), ("k", "t"));
        assert_eq!(line.application.deadline, Some("2025-02-01T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_malformed_line_is_told_with_its_number_and_reason_and_stops_nothing_else() {
        let cases = [
            ("Desk,c1", "the header has 11 fields, the line has 2"),
            ("x,c1,,,,t,a,complete,,,2025-01-01T00:00:00Z,", "the header has 11 fields, the line has 12"),
            (" ", "the header has 11 fields, the line has 1"),
            ("x,,,,,t,a,complete,,,2025-01-01T00:00:00Z", "case:concept:name: key is empty"),
            ("x,c\u{1}1,,,,t,a,complete,,,2025-01-01T00:00:00Z", "control character"),
            ("x,c1,,,,,a,complete,,,2025-01-01T00:00:00Z", "concept:instance is empty"),
            ("x,c1,,,,t,,complete,,,2025-01-01T00:00:00Z", "concept:name is empty"),
            ("x,c1,,,,t,a,start,,,2025-01-01T00:00:00Z", "lifecycle:transition is \"start\""),
            ("x,c1,,,,t,a,complete,,,2025-01-01T00:00:00", "time:timestamp: "),
            ("x,c1,soon,,,t,a,complete,,,2025-01-01T00:00:00Z", "case:deadline: "),
        ];
        for (line, reason) in cases {
            let log = parse(&format!("{}{line}\n{}", good("job-1"), good("job-2")));
            assert_eq!(numbers(&log), (vec![2, 4], vec![3]), "{line}");
            assert!(log.rejected[0].to_string().starts_with("line 3: "));
            assert!(log.rejected[0].reason.contains(reason), "{}", log.rejected[0].reason);
        }
    }

    #[test]
    fn a_line_that_is_not_utf_8_stops_nothing_else() {
        let mut file = format!("{HEADER}\n{}", good("job-1")).into_bytes();
        file.extend_from_slice(b"De\xffk,c1,,,,t,a,complete,,,2025-01-01T00:00:00Z\n");
        file.extend_from_slice(good("job-2").as_bytes());
        let log = Log::parse(&file).unwrap();
        assert_eq!(numbers(&log), (vec![2, 4], vec![3]));
        assert_eq!(log.rejected[0].reason, "field 1 is not UTF-8");
    }

    #[test]
    fn a_stray_quote_costs_its_own_line_only() {
        for stray in
            ["\"Desk,c1,,,,t,a,complete,,,2025-01-01T00:00:00Z", "\"", "x,c1,,,,t,a,complete,,,\"2025"]
        {
            let quoted = good("job-2").replace("Parks", "\"Parks, trees\"");
            let log = parse(&format!("{}{stray}\n{quoted}{}", good("job-1"), good("job-3")));
            assert_eq!(numbers(&log), (vec![2, 4, 5], vec![3]), "{stray}");
            assert!(log.rejected[0].reason.ends_with("a quote in it is still open at its end"));
        }
    }

    #[test]
    fn a_line_that_is_far_too_long_is_malformed() {
        let log = parse(&format!("{}{}", good(&"x".repeat(LINE_BYTES_MAX)), good("job-1")));
        assert_eq!(numbers(&log), (vec![3], vec![2]));
    }

    #[test]
    fn quoted_fields_may_hold_commas_quotes_and_line_breaks() {
        let quoted = good("job-1").replace("Parks", "\"Parks, \"\"trees\"\"\nand water\"");
        let log = parse(&format!("{quoted}{}", good("job-2")));
        assert_eq!(log.lines[0].application.department.as_deref(), Some("Parks, \"trees\"\nand water"));
        assert_eq!(numbers(&log), (vec![2, 4], vec![]));
    }

    #[test]
    fn line_ends_empty_lines_and_a_byte_order_mark_change_nothing_but_numbers() {
        let lines = format!("{HEADER}\n{}bad\n\n\n{}", good("job-1"), good("job-2"));
        let file = |text: &str| numbers(&Log::parse(text.as_bytes()).unwrap());
        let expected = (vec![2, 6], vec![3]);
        assert_eq!(file(&lines), expected);
        assert_eq!(file(lines.trim_end()), expected);
        assert_eq!(file(&lines.replace('\n', "\r\n")), expected);
        assert_eq!(file(&format!("\u{feff}{lines}")), expected);
    }

    #[test]
    fn a_file_without_the_header_is_refused() {
        let refused = |file: &[u8]| Log::parse(file).unwrap_err().to_string();
        assert_eq!(refused(b""), "the file is empty");
        assert_eq!(refused(b"\xff\n"), "the header is not UTF-8");
        let lacks = refused(HEADER.replace("org:group", "group").as_bytes());
        assert_eq!(lacks, "the first line is not the header of such a log: it lacks org:group");
        assert_eq!(numbers(&parse("")), (vec![], vec![]));
    }
}
