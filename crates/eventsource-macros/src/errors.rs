//! What both derives need to tell users what is wrong.

use quote::ToTokens;
use syn::{Data, DataEnum, DeriveInput, Error, Result, meta::ParseNestedMeta};

/// All values, or all errors together, so that a user sees every mistake at once.
pub(crate) fn collect<T>(results: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut values = Vec::new();
    let mut errors: Option<Error> = None;
    for result in results {
        match (result, &mut errors) {
            (Ok(value), _) => values.push(value),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), None) => errors = Some(error),
        }
    }
    errors.map_or(Ok(values), Err)
}

/// The input as an enum with variants and without parameters; `what` is its role.
pub(crate) fn plain_enum<'a>(input: &'a DeriveInput, what: &str) -> Result<&'a DataEnum> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, format!("{what} must be an enum")));
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, format!("{what} cannot have generic parameters")));
    }
    if data.variants.is_empty() {
        return Err(Error::new_spanned(&input.ident, format!("{what} needs at least one variant")));
    }
    Ok(data)
}

/// Keeps the value of a key that may be given once.
pub(crate) fn set_once<T>(slot: &mut Option<T>, meta: &ParseNestedMeta<'_>, value: T) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error(format!("`{}` is given twice", key(meta)))),
    }
}

/// A key that is none of the known ones.
pub(crate) fn unknown_key(meta: &ParseNestedMeta<'_>, known: &str) -> Error {
    meta.error(format!("unknown key `{}`; known here: {known}", key(meta)))
}

fn key(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.to_token_stream().to_string()
}
