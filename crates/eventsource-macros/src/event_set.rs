//! `#[derive(EventSet)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, Field, Ident, LitStr, Path, Result, Type, Variant, parse_quote};

use crate::errors::{collect, plain_enum, set_once, unknown_key};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let data = plain_enum(input, "an event set")?;
    let krate = parse_crate(input)?;
    let members = collect(data.variants.iter().map(parse_member))?;
    Ok(implementation(&input.ident, &krate, &members))
}

fn parse_crate(input: &DeriveInput) -> Result<Path> {
    let mut krate = None;
    for attribute in input.attrs.iter().filter(|a| a.path().is_ident("event_set")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(unknown_key(&meta, "crate"));
            }
            set_once(&mut krate, &meta, meta.value()?.parse::<LitStr>()?.parse()?)
        })?;
    }
    Ok(krate.unwrap_or_else(|| parse_quote!(::eventsource)))
}

fn parse_member(variant: &Variant) -> Result<(&Ident, &Type)> {
    if let Some(attribute) = variant.attrs.iter().find(|a| a.path().is_ident("event_set")) {
        return Err(Error::new_spanned(attribute, "`event_set` belongs to the enum, not to a variant"));
    }
    match variant.fields.iter().collect::<Vec<_>>()[..] {
        [Field { ident: None, ty, .. }] => Ok((&variant.ident, ty)),
        _ => Err(Error::new_spanned(
            variant,
            "a variant of an event set holds one event type: write it with one field, `Order(OrderEvent)`",
        )),
    }
}

fn implementation(ident: &Ident, krate: &Path, members: &[(&Ident, &Type)]) -> TokenStream {
    let mut filters = members.iter().map(|(_, ty)| quote!(<#ty as #krate::EventSet>::filter()?));
    let first = filters.next();
    let attempts = members.iter().map(|(variant, ty)| {
        quote! {
            match <#ty as #krate::EventSet>::from_recorded(event) {
                ::core::result::Result::Ok(#krate::codec::Decoded::Skipped) => {}
                ::core::result::Result::Ok(decoded) => {
                    return ::core::result::Result::Ok(decoded.map(Self::#variant));
                }
                ::core::result::Result::Err(error)
                    if ::core::matches!(error.kind(), #krate::ErrorKind::UnknownEvent { .. }) =>
                {
                    unknown = ::core::option::Option::Some(error);
                }
                ::core::result::Result::Err(error) => return ::core::result::Result::Err(error),
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl #krate::EventSet for #ident {
            fn filter() -> #krate::Result<#krate::EventFilter> {
                let filter = #first;
                #(let filter = filter.or(#filters);)*
                ::core::result::Result::Ok(filter)
            }

            fn from_recorded(event: &#krate::RecordedEvent) -> #krate::Result<#krate::codec::Decoded<Self>> {
                // Another type of the same category may know what one does not.
                let mut unknown = ::core::option::Option::None;
                #(#attempts)*
                match unknown {
                    ::core::option::Option::None => {
                        ::core::result::Result::Ok(#krate::codec::Decoded::Skipped)
                    }
                    ::core::option::Option::Some(error) => ::core::result::Result::Err(error),
                }
            }
        }
    }
}
