//! What `#[event(...)]` says about the enum.

use syn::{DeriveInput, Error, LitStr, Path, Result, parse_quote};

use super::serde_attributes::{FieldCase, SerdeAttributes};
use crate::{
    errors::{set_once, unknown_key},
    names::check_category,
};

/// The options of the enum.
pub(super) struct Container {
    pub(super) krate: Path,
    pub(super) category: LitStr,
    pub(super) codec: Path,
    pub(super) upcasters: Option<Path>,
    /// How serde names the fields of all variants.
    pub(super) fields_case: Option<FieldCase>,
}

impl Container {
    pub(super) fn parse(input: &DeriveInput) -> Result<Self> {
        let (mut category, mut codec, mut upcasters, mut krate) = (None, None, None, None);
        for attribute in input.attrs.iter().filter(|a| a.path().is_ident("event")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("category") {
                    set_once(&mut category, &meta, meta.value()?.parse::<LitStr>()?)
                } else if meta.path.is_ident("codec") {
                    set_once(&mut codec, &meta, meta.value()?.parse()?)
                } else if meta.path.is_ident("upcasters") {
                    set_once(&mut upcasters, &meta, meta.value()?.parse()?)
                } else if meta.path.is_ident("crate") {
                    set_once(&mut krate, &meta, meta.value()?.parse::<LitStr>()?.parse()?)
                } else {
                    Err(unknown_key(&meta, "category, codec, upcasters, crate"))
                }
            })?;
        }
        let serde = SerdeAttributes::parse(&input.attrs)?;
        serde.refuse(&ON_ENUM)?;
        let category = category.ok_or_else(|| {
            Error::new_spanned(&input.ident, "the category is missing: add `#[event(category = \"...\")]`")
        })?;
        check_category(&category.value(), category.span())?;
        let krate = krate.unwrap_or_else(|| parse_quote!(::eventsource));
        Ok(Self {
            category,
            codec: codec.unwrap_or_else(|| parse_quote!(#krate::codec::Json)),
            upcasters,
            fields_case: serde.field_case("rename_all_fields"),
            krate,
        })
    }
}

/// What of serde would change how a variant is named or tagged, and what to do instead.
const ON_ENUM: [(&str, &str); 9] = [
    ("rename", "an event type is known by its category"),
    ("rename_all", "use `#[event(name = \"...\")]` on the variants, and `rename_all_fields` for fields"),
    ("tag", "events are stored without a tag"),
    ("content", "events are stored without a tag"),
    ("untagged", "events are stored without a tag"),
    ("from", "the enum itself is stored"),
    ("try_from", "the enum itself is stored"),
    ("into", "the enum itself is stored"),
    ("transparent", "the enum itself is stored"),
];
