//! What `#[event(...)]` says about a variant.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{
    Attribute, Error, Expr, ExprLit, Fields, Ident, Lit, LitInt, LitStr, Meta, Path, Result, ext::IdentExt,
};

use super::{
    field::{personal, refuse_personal},
    serde_attributes::{FieldCase, SerdeAttributes},
};
use crate::{
    errors::{set_once, unknown_key},
    names::check_event_name,
};

/// A variant in its role.
pub(super) enum Variant<'a> {
    Event(EventVariant<'a>),
    /// It catches what the others do not know.
    Unknown(&'a Ident),
}

/// A variant that is an event.
pub(super) struct EventVariant<'a> {
    pub(super) ident: &'a Ident,
    pub(super) name: String,
    name_span: Span,
    pub(super) version: u16,
    aliases: Vec<LitStr>,
    doc: String,
    personal: Vec<String>,
}

/// The keys of a variant as they were given.
#[derive(Default)]
struct Keys {
    name: Option<LitStr>,
    version: Option<LitInt>,
    aliases: Vec<LitStr>,
    unknown: Option<()>,
}

impl<'a> Variant<'a> {
    pub(super) fn parse(variant: &'a syn::Variant, fields_case: Option<FieldCase>) -> Result<Self> {
        let keys = Keys::parse(&variant.attrs)?;
        let serde = SerdeAttributes::parse(&variant.attrs)?;
        if keys.unknown.is_some() {
            check_unknown(variant, &keys, &serde)?;
            return Ok(Self::Unknown(&variant.ident));
        }
        serde.refuse(&ON_VARIANT)?;
        let (name, name_span) = match &keys.name {
            Some(name) => (name.value(), name.span()),
            None => (variant.ident.unraw().to_string(), variant.ident.span()),
        };
        check_event_name(&name, name_span)?;
        for alias in &keys.aliases {
            check_event_name(&alias.value(), alias.span())?;
        }
        Ok(Self::Event(EventVariant {
            ident: &variant.ident,
            name,
            name_span,
            version: keys.version.as_ref().map_or(Ok(1), parse_version)?,
            aliases: keys.aliases,
            doc: doc(&variant.attrs),
            personal: personal(variant, serde.field_case("rename_all").or(fields_case))?,
        }))
    }
}

impl Keys {
    fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut keys = Self::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("event")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    set_once(&mut keys.name, &meta, meta.value()?.parse()?)
                } else if meta.path.is_ident("version") {
                    set_once(&mut keys.version, &meta, meta.value()?.parse()?)
                } else if meta.path.is_ident("alias") {
                    keys.aliases.push(meta.value()?.parse()?);
                    Ok(())
                } else if meta.path.is_ident("unknown") {
                    set_once(&mut keys.unknown, &meta, ())
                } else {
                    Err(unknown_key(&meta, "name, version, alias, unknown"))
                }
            })?;
        }
        Ok(keys)
    }
}

impl EventVariant<'_> {
    /// The name and the aliases, each with its place.
    pub(super) fn names(&self) -> impl Iterator<Item = (String, Span)> {
        let aliases = self.aliases.iter().map(|a| (a.value(), a.span()));
        std::iter::once((self.name.clone(), self.name_span)).chain(aliases)
    }

    /// An expression for what is known about the event without its type.
    pub(super) fn descriptor(&self, krate: &Path) -> TokenStream {
        let Self { name, version, aliases, doc, personal, .. } = self;
        let aliases = (!aliases.is_empty()).then(|| quote!(.with_aliases(&[#(#aliases),*])));
        let doc = (!doc.is_empty()).then(|| quote!(.with_doc(#doc)));
        let personal = (!personal.is_empty()).then(|| quote!(.with_personal(&[#(#personal),*])));
        quote!(#krate::EventDescriptor::new(#name, #version) #aliases #doc #personal)
    }
}

fn parse_version(literal: &LitInt) -> Result<u16> {
    match literal.base10_parse()? {
        0 => Err(Error::new_spanned(literal, "schema versions begin with 1")),
        version => Ok(version),
    }
}

fn check_unknown(variant: &syn::Variant, keys: &Keys, serde: &SerdeAttributes) -> Result<()> {
    let error = |message| Err(Error::new_spanned(&variant.ident, message));
    if keys.name.is_some() || keys.version.is_some() || !keys.aliases.is_empty() {
        return error("the unknown variant has no name, version or alias of its own");
    }
    if !matches!(&variant.fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1) {
        return error(
            "the unknown variant holds the event as it was recorded: write it with one field, `(OldEvent)`",
        );
    }
    if !serde.has("skip") {
        return error("the unknown variant is never written: add `#[serde(skip)]`");
    }
    refuse_personal(&variant.fields)
}

/// The text of the doc comment.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value()),
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned()).collect();
    lines.join("\n").trim().to_owned()
}

/// What of serde would change how a variant is named or tagged, and what to do instead.
const ON_VARIANT: [(&str, &str); 7] = [
    ("rename", "use `#[event(name = \"...\")]`"),
    ("alias", "use `#[event(alias = \"...\")]`"),
    ("untagged", "events are stored without a tag"),
    ("other", "use `#[event(unknown)]`"),
    ("skip", "every event can be written and read"),
    ("skip_serializing", "every event can be written and read"),
    ("skip_deserializing", "every event can be written and read"),
];
