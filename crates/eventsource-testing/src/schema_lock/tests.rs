//! Each way in which event types and stored samples may part, and what the lock says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use eventsource_core::{
    Bytes,
    codec::{Codec, CodecTag, Json, OldEvent, Upcasters},
};
use eventsource_macros::Event;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tempfile::TempDir;

use super::*;

/// The first release.
mod first {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    #[event(category = "Order", crate = "eventsource_core")]
    pub(super) enum OrderEvent {
        Placed { total: u64, coupon: Option<String> },
        Shipped { by: Carrier },
        Cancelled,
    }

    #[derive(Serialize, Deserialize)]
    pub(super) enum Carrier {
        Post,
        Courier { name: String },
    }

    pub(super) fn samples() -> [OrderEvent; 5] {
        [
            OrderEvent::Placed { total: 1, coupon: None },
            OrderEvent::Placed { total: 2, coupon: Some("x".into()) },
            OrderEvent::Shipped { by: Carrier::Post },
            OrderEvent::Shipped { by: Carrier::Courier { name: "Ada".into() } },
            OrderEvent::Cancelled,
        ]
    }
}

fn lock(directory: &Path) -> SchemaLock {
    SchemaLock::new(directory)
}

/// A directory with the samples of the first release.
fn released() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    assert!(lock(directory.path()).with(first::samples()).run(true).is_some());
    assert_passes(&lock(directory.path()).with(first::samples()));
    directory
}

fn assert_passes(lock: &SchemaLock) {
    if let Some(message) = lock.run(false) {
        message.fail();
    }
}

/// What the lock says, with its directory named `DIR`.
fn complaint(directory: &TempDir, lock: &SchemaLock) -> String {
    let message = lock.run(false).expect("the lock has to complain");
    message.text().replace(&directory.path().display().to_string(), "DIR").replace('\\', "/")
}

fn stored_files(directory: &TempDir) -> Vec<String> {
    let files = files(directory.path()).unwrap();
    files.iter().map(|path| path.display().to_string().replace('\\', "/")).collect()
}

#[test]
fn what_is_new_is_told_and_written_only_when_blessed() {
    let directory = tempfile::tempdir().unwrap();
    let lock = lock(directory.path()).with(first::samples());
    let expected = "the event types and the stored samples do not fit

new: Order/Cancelled version 1
    there is no DIR/Order/Cancelled.1.json

new: Order/Placed version 1
    there is no DIR/Order/Placed.1.json

new: Order/Shipped version 1
    there is no DIR/Order/Shipped.1.json

what to do
    new: run this test with EVENTSOURCE_BLESS=1, which writes the file; look at it, and commit it.
";
    assert_eq!(complaint(&directory, &lock), expected);
    assert_eq!(stored_files(&directory), Vec::<String>::new());

    let written = lock.run(true).unwrap().text().to_owned();
    assert!(written.starts_with("samples were written, and a run that writes does not pass\n"), "{written}");
    assert!(written.contains("\nwritten: Order/Placed version 1\n    "), "{written}");
    let written = ["Order/Cancelled.1.json", "Order/Placed.1.json", "Order/Shipped.1.json"];
    assert_eq!(stored_files(&directory), written);
    assert!(lock.run(true).is_none(), "nothing is missing");
    assert_passes(&lock);
}

#[test]
fn a_file_reads_well_in_a_review() {
    let directory = released();
    let text = fs::read_to_string(directory.path().join("Order/Placed.1.json")).unwrap();
    let expected = r#"{
  "category": "Order",
  "name": "Placed",
  "schema_version": 1,
  "codec": "json",
  "samples": [
    {
      "coupon": null,
      "total": 1
    },
    {
      "coupon": "x",
      "total": 2
    }
  ]
}
"#;
    assert_eq!(text, expected);
}

#[test]
fn values_and_the_order_of_fields_may_change() {
    #[derive(Serialize, Deserialize, Event)]
    #[event(category = "Order", crate = "eventsource_core")]
    enum OrderEvent {
        Cancelled,
        Shipped { by: first::Carrier },
        Placed { coupon: Option<String>, total: u64 },
    }
    let directory = released();
    let samples = [
        OrderEvent::Cancelled,
        OrderEvent::Shipped { by: first::Carrier::Courier { name: "Bob".into() } },
        OrderEvent::Shipped { by: first::Carrier::Post },
        OrderEvent::Placed { coupon: Some("y".into()), total: 7 },
        OrderEvent::Placed { coupon: None, total: 0 },
    ];
    assert_passes(&lock(directory.path()).with(samples));
}

#[test]
fn another_shape_of_the_same_version_is_told_line_by_line() {
    #[derive(Serialize, Deserialize, Event)]
    #[event(category = "Order", crate = "eventsource_core")]
    enum OrderEvent {
        Placed {
            total: u64,
            #[serde(default)]
            currency: String,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            coupon: Option<String>,
        },
        Shipped {
            by: first::Carrier,
        },
        Cancelled,
    }
    let placed = |coupon: Option<&str>| OrderEvent::Placed {
        total: 1,
        currency: "EUR".into(),
        coupon: coupon.map(Into::into),
    };
    let shipped = |by| OrderEvent::Shipped { by };
    let samples = [
        placed(None),
        placed(Some("x")),
        shipped(first::Carrier::Post),
        shipped(first::Carrier::Courier { name: "Ada".into() }),
        OrderEvent::Cancelled,
    ];
    let directory = released();
    let expected = "the event types and the stored samples do not fit

changed: Order/Placed version 1 (- expected, + actual)
    {
  -   coupon: null | string
  +   coupon?: string
  +   currency: string
      total: integer
    }

what to do
    changed: events of the stored shape may be recorded. Raise the schema version and add an upcaster from the stored \
                    one, or undo the change. Only if no such event was ever recorded, remove the file.
";
    let lock = lock(directory.path()).with(samples);
    assert_eq!(complaint(&directory, &lock), expected);
    // Blessing writes what is missing, never what has changed.
    assert_eq!(lock.run(true).unwrap().text(), lock.run(false).unwrap().text());
    assert_passes(&super::tests::lock(directory.path()).with(first::samples()));
}

/// The second release: a version more, an alias, and an event that became two.
mod second {
    use serde_json::json;

    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    #[event(category = "Order", crate = "eventsource_core", upcasters = old)]
    pub(super) enum OrderEvent {
        #[event(name = "order-placed", version = 2, alias = "Placed")]
        Placed {
            total: String,
        },
        Sent,
        Arrived,
        #[event(alias = "Cancelled")]
        Withdrawn,
    }

    fn old() -> Upcasters {
        Upcasters::new()
            .json(("order-placed", 1), ("order-placed", 2), |order| {
                Ok(json!({ "total": order["total"].to_string() }))
            })
            .split(("Shipped", 1), |old| {
                let event =
                    |name: &str| OldEvent { name: name.into(), schema_version: 1, payload: "{}".into() };
                drop(old);
                Ok(vec![event("Sent"), event("Arrived")])
            })
    }

    pub(super) fn samples() -> [OrderEvent; 4] {
        [
            OrderEvent::Placed { total: "1".into() },
            OrderEvent::Sent,
            OrderEvent::Arrived,
            OrderEvent::Withdrawn,
        ]
    }
}

#[test]
fn old_samples_are_read_through_aliases_and_upcasters() {
    let directory = released();
    let lock = lock(directory.path()).with(second::samples());
    let told = complaint(&directory, &lock);
    assert!(told.contains("\nnew: Order/order-placed version 2\n"), "{told}");
    assert!(!told.contains("removed") && !told.contains("unreadable"), "{told}");
    lock.run(true).unwrap();
    assert_passes(&lock);
    let kept = [
        "Order/Arrived.1.json",
        "Order/Cancelled.1.json",
        "Order/Placed.1.json",
        "Order/Sent.1.json",
        "Order/Shipped.1.json",
        "Order/Withdrawn.1.json",
        "Order/order-placed.2.json",
    ];
    assert_eq!(stored_files(&directory), kept);
}

#[test]
fn an_event_that_nothing_leads_from_is_removed() {
    #[derive(Serialize, Deserialize, Event)]
    #[event(category = "Order", crate = "eventsource_core")]
    enum OrderEvent {
        Placed { total: u64, coupon: Option<String> },
        Shipped { by: first::Carrier },
    }
    let samples = || {
        [
            OrderEvent::Placed { total: 1, coupon: None },
            OrderEvent::Placed { total: 1, coupon: Some("x".into()) },
            OrderEvent::Shipped { by: first::Carrier::Post },
            OrderEvent::Shipped { by: first::Carrier::Courier { name: "Ada".into() } },
        ]
    };
    let directory = released();
    let expected = "the event types and the stored samples do not fit

removed: Order/Cancelled version 1
    DIR/Order/Cancelled.1.json
    no event, alias or upcaster knows it
";
    let told = complaint(&directory, &lock(directory.path()).with(samples()));
    assert!(told.starts_with(expected), "{told}");
    assert!(told.contains("    removed: events of this name and version may be recorded. Put "), "{told}");

    // The whole type is gone, too.
    let told = complaint(&directory, &lock(directory.path()));
    assert_eq!(told.matches("\nremoved: ").count(), 3);
    assert!(told.contains("\n    no event type of category Order is in the lock\n"), "{told}");

    // Several types may share a category.
    #[derive(Serialize, Deserialize, Event)]
    #[event(category = "Order", crate = "eventsource_core")]
    enum Cancellation {
        Cancelled,
    }
    assert_passes(&lock(directory.path()).with(samples()).with([Cancellation::Cancelled]));
}

#[test]
fn an_event_that_is_only_caught_as_unknown_is_removed() {
    #[derive(Serialize, Deserialize, Event)]
    #[event(category = "Order", crate = "eventsource_core")]
    enum OrderEvent {
        Placed {
            total: u64,
            coupon: Option<String>,
        },
        #[event(unknown)]
        #[serde(skip)]
        Unknown(OldEvent),
    }
    let directory = released();
    let samples = [
        OrderEvent::Placed { total: 1, coupon: None },
        OrderEvent::Placed { total: 1, coupon: Some("x".into()) },
    ];
    let told = complaint(&directory, &lock(directory.path()).with(samples));
    for name in ["Cancelled", "Shipped"] {
        assert!(told.contains(&format!("\nremoved: Order/{name} version 1\n")), "{told}");
    }
    let unknown = OldEvent { name: "x".into(), schema_version: 1, payload: "{}".into() };
    let unknown = OrderEvent::Unknown(unknown);
    assert!(matches!(&unknown, OrderEvent::Unknown(old) if old.name == "x"));
    let told = complaint(&directory, &lock(directory.path()).with([unknown]));
    assert!(told.contains("\nunusable sample: Order/unknown\n    "), "{told}");
}

#[test]
fn a_sample_that_cannot_be_decoded_any_more_is_unreadable() {
    #[derive(Serialize, Deserialize, Event)]
    #[event(category = "Order", crate = "eventsource_core")]
    enum OrderEvent {
        #[event(version = 2)]
        Placed {
            total: u64,
            coupon: Option<String>,
        },
        Shipped {
            by: Carrier,
        },
        Cancelled,
    }
    /// A variant is called differently: no shape tells.
    #[derive(Serialize, Deserialize)]
    enum Carrier {
        Mail,
        Courier { name: String },
    }
    let samples = [
        OrderEvent::Placed { total: 1, coupon: None },
        OrderEvent::Placed { total: 2, coupon: Some("x".into()) },
        OrderEvent::Shipped { by: Carrier::Mail },
        OrderEvent::Shipped { by: Carrier::Courier { name: "Ada".into() } },
        OrderEvent::Cancelled,
    ];
    let directory = released();
    let told = complaint(&directory, &lock(directory.path()).with(samples));
    assert!(!told.contains("\nchanged: "), "{told}");
    let shipped = "\nunreadable: Order/Shipped version 1\n    DIR/Order/Shipped.1.json\n    decode: ";
    assert!(told.contains(shipped) && told.contains("unknown variant `Post`"), "{told}");
    let placed = "\nunreadable: Order/Placed version 1\n    DIR/Order/Placed.1.json\n    decode: ";
    assert!(told.contains(placed) && told.contains("no upcaster leads there from version 1"), "{told}");
}

#[test]
fn every_event_needs_a_sample() {
    let directory = released();
    let told = complaint(&directory, &lock(directory.path()).with([first::OrderEvent::Cancelled]));
    for name in ["Placed", "Shipped"] {
        let missing =
            format!("\nwithout a sample: Order/{name} version 1\n    it is not among the samples\n");
        assert!(told.contains(&missing), "{told}");
    }
    assert!(!told.contains("Cancelled"), "{told}");
}

/// Writes what is no JSON when it is told to.
struct Odd;

impl Codec for Odd {
    const TAG: CodecTag = CodecTag::from_static("odd");

    fn encode_variant<T: Serialize>(value: &T) -> Result<Bytes> {
        let json = Json::encode_variant(value)?;
        Ok(if json == "[]" { "odd".into() } else { json })
    }
    fn decode_variant<T: DeserializeOwned>(variant: &'static str, payload: &[u8]) -> Result<T> {
        Json::decode_variant(variant, payload)
    }
    fn encode<T: Serialize>(value: &T) -> Result<Bytes> {
        Json::encode(value)
    }
    fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T> {
        Json::decode(payload)
    }
}

#[derive(Serialize, Deserialize, Event)]
#[event(category = "Odd", crate = "eventsource_core", codec = Odd)]
enum OddEvent {
    Listed(Vec<f64>),
}

#[test]
fn what_cannot_be_kept_is_no_sample() {
    let directory = tempfile::tempdir().unwrap();
    let told = complaint(&directory, &lock(directory.path()).with([OddEvent::Listed(vec![])]));
    let expected =
        "\nunusable sample: Odd/Listed\n    the payload, encoded as odd, is no JSON: expected value";
    assert!(told.contains(expected) && !told.contains("without a sample"), "{told}");
    let told = complaint(&directory, &lock(directory.path()).with([OddEvent::Listed(vec![f64::NAN])]));
    assert!(told.contains("\nunusable sample: Odd/Listed\n    the value cannot be encoded"), "{told}");
}

#[test]
fn another_codec_is_a_change() {
    #[derive(Serialize, Deserialize, Event)]
    #[event(category = "Odd", crate = "eventsource_core")]
    enum PlainEvent {
        Listed(Vec<f64>),
    }
    let directory = tempfile::tempdir().unwrap();
    lock(directory.path()).with([OddEvent::Listed(vec![1.5])]).run(true).unwrap();
    let told = complaint(&directory, &lock(directory.path()).with([PlainEvent::Listed(vec![1.5])]));
    let expected = "\nchanged: codec of Odd/Listed version 1 (- expected, + actual)\n  - odd\n  + json\n";
    assert!(told.contains(expected), "{told}");
    assert!(told.contains("\nunreadable: Odd/Listed version 1\n"), "{told}");
}

#[test]
fn files_that_are_no_samples_are_told() {
    let directory = released();
    let order = directory.path().join("Order");
    fs::rename(order.join("Placed.1.json"), order.join("Placed.2.json")).unwrap();
    fs::write(order.join("Shipped.1.json"), "{").unwrap();
    let text = fs::read_to_string(order.join("Cancelled.1.json")).unwrap();
    fs::write(order.join("Cancelled.1.json"), text.replace("json", "JSON")).unwrap();
    fs::write(directory.path().join("README.md"), "Not a sample.").unwrap();
    let told = complaint(&directory, &lock(directory.path()).with(first::samples()));
    for expected in [
        "\nunusable file: DIR/Order/Placed.2.json\n    it holds Order/Placed version 1\n",
        "\nunusable file: DIR/Order/Shipped.1.json\n    EOF while parsing an object",
        "\nunusable file: DIR/Order/Cancelled.1.json\n    codec \"JSON\" holds other characters",
        "\nnew: Order/Placed version 1\n",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(!told.contains("README"), "{told}");
}
