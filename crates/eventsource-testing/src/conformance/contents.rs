//! What comes back is what was written.

use eventsource_core::{
    Bytes, CorrelationId, ErrorKind, EventId, ExpectedVersion, Metadata, Provenance, StreamId, TenantId,
    TraceContext,
    codec::{CodecTag, TransformTag},
    store::{EventStore, ReadOptions},
};

use super::support::{
    after_start, append, event, events, holding, named, noise, read, refusal, try_append, version,
};

cases! { $ contents, contents_cases, EventStore:
    every_part_of_an_event_comes_back,
    the_parts_that_may_be_absent_stay_absent,
    an_empty_payload_comes_back,
    every_byte_comes_back,
    a_payload_of_one_megabyte_comes_back,
    metadata_comes_back_byte_for_byte,
    schema_versions_and_tags_come_back,
    keys_are_any_text_of_up_to_255_bytes,
    keys_that_look_alike_are_different_streams,
    names_have_up_to_200_bytes,
    names_and_categories_tell_small_letters_from_capitals,
    a_tenant_is_part_of_the_stream,
}

async fn every_part_of_an_event_comes_back(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let metadata = Provenance::default()
        .with_causation(EventId::generate())
        .with_actor("ada@example.org")
        .with_trace(TraceContext {
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
            tracestate: Some("vendor=value".into()),
        })
        .with_entry("channel", "web")
        .to_metadata()
        .unwrap();
    let correlation = CorrelationId::from(EventId::generate());
    let sent = holding(r#"{"total":100}"#)
        .with_schema_version(7)
        .with_codec(CodecTag::from_static("cbor"))
        .with_metadata(metadata.clone())
        .with_correlation(correlation)
        .with_occurred_at(after_start(-1_234_567));
    let appended = append(&store, &a, vec![sent.clone()]).await;
    let [recorded] = read(&store, &a).await.try_into().unwrap();
    assert_eq!(recorded.id, sent.id);
    assert_eq!(recorded.stream, a);
    assert_eq!(recorded.version, version(1));
    assert_eq!(recorded.position, appended.token.position);
    assert_eq!(recorded.name, sent.name);
    assert_eq!(recorded.schema_version, 7);
    assert_eq!(recorded.codec, CodecTag::from_static("cbor"));
    assert_eq!(recorded.transform, TransformTag::NONE);
    assert_eq!(recorded.payload, sent.payload);
    assert_eq!(recorded.metadata, metadata);
    assert_eq!(recorded.correlation, Some(correlation));
    assert_eq!(recorded.occurred_at, after_start(-1_234_567));
    assert_eq!(recorded.recorded_at, after_start(0));
    assert!(!recorded.erased);
}

async fn the_parts_that_may_be_absent_stay_absent(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    append(&store, &a, events(1)).await;
    let [recorded] = read(&store, &a).await.try_into().unwrap();
    assert_eq!(recorded.correlation, None);
    assert_eq!(recorded.metadata, Metadata::default());
    assert_eq!(recorded.transform, TransformTag::NONE);
}

/// Appends events with these payloads, and compares what comes back.
async fn payloads_come_back(lab: &Lab, payloads: impl IntoIterator<Item = Vec<u8>>) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let sent: Vec<Bytes> = payloads.into_iter().map(Bytes::from).collect();
    append(&store, &a, sent.iter().cloned().map(holding).collect()).await;
    let recorded: Vec<Bytes> = read(&store, &a).await.into_iter().map(|e| e.payload).collect();
    assert!(recorded == sent, "a payload came back as another");
}

async fn an_empty_payload_comes_back(lab: &Lab) {
    payloads_come_back(lab, [vec![], b"{}".to_vec(), vec![]]).await;
}

async fn every_byte_comes_back(lab: &Lab) {
    let all: Vec<u8> = (0..=255).collect();
    payloads_come_back(lab, [all, vec![0], vec![0, 0, 65, 0], vec![0xFF, 0xFE], b"'\"\\\r\n\t".to_vec()])
        .await;
}

async fn a_payload_of_one_megabyte_comes_back(lab: &Lab) {
    payloads_come_back(lab, [noise(1_000_000), vec![0; 1_000_000]]).await;
}

async fn metadata_comes_back_byte_for_byte(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let all: Vec<Bytes> = vec![
        Bytes::new(),
        r#"{ "epoch" : 1 , "entries" : {"b":"2", "a":"1"} }"#.into(),
        "注文 \u{1F600}".into(),
        noise(1_000).into(),
    ];
    let sent = all.iter().map(|bytes| event().with_metadata(Metadata::from_bytes(bytes.clone())));
    append(&store, &a, sent.collect()).await;
    let recorded: Vec<Bytes> = read(&store, &a).await.iter().map(|e| e.metadata.as_bytes().clone()).collect();
    assert_eq!(recorded, all);
}

async fn schema_versions_and_tags_come_back(lab: &Lab) {
    let (store, a) = (lab.open().await, lab.stream("a"));
    let codec = CodecTag::from_static("0123456789._-ab");
    let mut sent = vec![event().with_schema_version(u16::MAX), event().with_codec(codec), event()];
    sent[2].transform = TransformTag::from_static("ab-._9876543210");
    append(&store, &a, sent.clone()).await;
    let recorded = read(&store, &a).await;
    for (sent, recorded) in sent.iter().zip(&recorded) {
        assert!(sent.has_content_of(recorded), "{sent:?} came back as {recorded:?}");
    }
}

/// Appends one event to each of these streams, and reads each alone.
async fn are_different_streams(store: &dyn Port, streams: &[StreamId]) {
    let mut sent = Vec::new();
    for stream in streams {
        let event = event();
        append(store, stream, vec![event.clone()]).await;
        sent.push(event.id);
    }
    for (stream, id) in streams.iter().zip(sent) {
        let recorded = read(store, stream).await;
        assert_eq!(recorded.len(), 1, "{stream}");
        assert_eq!((&recorded[0].stream, recorded[0].id), (stream, id));
        assert_eq!(store.stream(stream).await.unwrap().stream, *stream);
    }
}

async fn keys_are_any_text_of_up_to_255_bytes(lab: &Lab) {
    let keys = [
        "1",
        "it's \"quoted\" `so`; DROP TABLE events; --",
        "100%_\\%",
        "a/b@c:d",
        " ",
        "注文\u{1F600}é",
        "\u{10FFFF}",
        "018f0000-0000-7000-8000-000000000000",
        &"k".repeat(255),
        &"é".repeat(127),
    ];
    are_different_streams(&*lab.open().await, &keys.map(|key| lab.stream(key))).await;
}

async fn keys_that_look_alike_are_different_streams(lab: &Lab) {
    // Letter case, spaces at the end, composed and decomposed accents, numbers, wildcards.
    let keys =
        ["a", "A", "a ", " a", "\u{e9}", "e\u{301}", "1", "01", "1.0", "_", "%", "ß", "ss", "a\u{200b}"];
    are_different_streams(&*lab.open().await, &keys.map(|key| lab.stream(key))).await;
}

async fn names_have_up_to_200_bytes(lab: &Lab) {
    let name = "N.".repeat(100);
    let (store, stream) = (lab.open().await, lab.stream_in(&name, "k".repeat(255)));
    append(&store, &stream, vec![named(&name)]).await;
    let [recorded] = read(&store, &stream).await.try_into().unwrap();
    assert_eq!((recorded.name.as_str(), recorded.stream.category()), (&*name, &*name));
}

async fn names_and_categories_tell_small_letters_from_capitals(lab: &Lab) {
    let store = lab.open().await;
    let categories = ["Order", "order", "ORDER", "Order.x", "Order_x", "Order-x"];
    are_different_streams(&*store, &categories.map(|category| lab.stream_in(category, "1"))).await;
    let (a, names) = (lab.stream("a"), ["Placed", "placed", "PLACED"]);
    append(&store, &a, names.map(named).into()).await;
    let recorded: Vec<String> = read(&store, &a).await.iter().map(|e| e.name.to_string()).collect();
    assert_eq!(recorded, names);
}

async fn a_tenant_is_part_of_the_stream(lab: &Lab) {
    let store = lab.open().await;
    let of = |tenant: Option<&str>| {
        let tenant = tenant.map(|name| TenantId::new(name).unwrap());
        StreamId::with_tenant(tenant.as_ref(), "Test", "1").unwrap()
    };
    let longest = "t".repeat(200);
    let tenants = [None, Some("acme"), Some("Acme"), Some("acme.2"), Some(longest.as_str())];
    match lab.tenant() {
        None => are_different_streams(&*store, &tenants.map(of)).await,
        Some(own) => {
            let own = of(Some(own.as_str()));
            are_different_streams(&*store, std::slice::from_ref(&own)).await;
            for other in tenants.map(of).into_iter().filter(|stream| *stream != own) {
                let any = ExpectedVersion::Any;
                let appended = try_append(&store, &other, any, vec![event()]).await;
                assert_eq!(refusal(appended), ErrorKind::OtherTenant);
                let page = store.read_stream(&other, &ReadOptions::default()).await;
                assert_eq!(refusal(page), ErrorKind::OtherTenant);
                assert_eq!(refusal(store.stream(&other).await), ErrorKind::OtherTenant);
            }
        }
    }
}
