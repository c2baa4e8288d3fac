//! What `#[event(...)]` says about a field.

use syn::{Error, Field, Fields, Ident, Result, ext::IdentExt};

use super::serde_attributes::{FieldCase, SerdeAttributes};
use crate::errors::{collect, unknown_key};

/// The whole payload, in a list of personal fields.
const WHOLE_PAYLOAD: &str = "*";

/// The names that personal fields of a variant have in the payload.
pub(super) fn personal(variant: &syn::Variant, case: Option<FieldCase>) -> Result<Vec<String>> {
    let fields = variant.fields.iter();
    let marked = collect(fields.map(|field| Ok(is_personal(field)?.then_some(field))))?;
    collect(marked.into_iter().flatten().map(|field| match &field.ident {
        Some(ident) => name_in_payload(ident, field, case),
        None if variant.fields.len() == 1 => Ok(WHOLE_PAYLOAD.to_owned()),
        None => Err(Error::new_spanned(
            field,
            "a personal field needs a name: write the variant with named fields",
        )),
    }))
}

/// Refuses the mark where it can have no effect.
pub(super) fn refuse_personal(fields: &Fields) -> Result<()> {
    collect(fields.iter().map(|field| match is_personal(field)? {
        true => Err(Error::new_spanned(field, "what is personal in an unknown event cannot be told")),
        false => Ok(()),
    }))
    .map(drop)
}

fn is_personal(field: &Field) -> Result<bool> {
    let mut personal = false;
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("event")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("personal") {
                return Err(unknown_key(&meta, "personal"));
            }
            personal = true;
            Ok(())
        })?;
    }
    Ok(personal)
}

fn name_in_payload(ident: &Ident, field: &Field, case: Option<FieldCase>) -> Result<String> {
    let serde = SerdeAttributes::parse(&field.attrs)?;
    if serde.has("flatten") {
        let message = "a flattened field has no name in the payload: mark personal data in fields of the variant itself";
        return Err(Error::new_spanned(field, message));
    }
    let name = ident.unraw().to_string();
    Ok(match (serde.text("rename"), case) {
        (Some(renamed), _) => renamed,
        (None, Some(case)) => case.apply(&name),
        (None, None) => name,
    })
}
