//! `#[derive(Event)]`.

mod container;
mod field;
mod serde_attributes;
mod variant;

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, Ident, Result, ext::IdentExt};

use self::{
    container::Container,
    variant::{EventVariant, Variant},
};
use crate::errors::{collect, plain_enum};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    EventType::parse(input).map(|event_type| event_type.implementation())
}

/// The enum as the derive understands it.
struct EventType<'a> {
    ident: &'a Ident,
    container: Container,
    events: Vec<EventVariant<'a>>,
    /// The variant that catches what the others do not know.
    unknown: Option<&'a Ident>,
}

impl<'a> EventType<'a> {
    fn parse(input: &'a DeriveInput) -> Result<Self> {
        let data = plain_enum(input, "an event type")?;
        let container = Container::parse(input)?;
        let variants = collect(data.variants.iter().map(|v| Variant::parse(v, container.fields_case)))?;
        let mut events = Vec::new();
        let mut unknown = None;
        for variant in variants {
            match variant {
                Variant::Event(event) => events.push(event),
                Variant::Unknown(ident) if unknown.is_none() => unknown = Some(ident),
                Variant::Unknown(ident) => {
                    return Err(Error::new_spanned(ident, "only one variant can be `unknown`"));
                }
            }
        }
        check_unique(&events)?;
        Ok(Self { ident: &input.ident, container, events, unknown })
    }

    fn implementation(&self) -> TokenStream {
        let Self { ident, container, .. } = self;
        let Container { krate, category, codec, .. } = container;
        let descriptors = self.events.iter().map(|e| e.descriptor(krate));
        let catches_unknown = self.unknown.is_some();
        let methods = [self.descriptor(), self.encode(), self.decode(), self.upcasters()];
        quote! {
            #[automatically_derived]
            impl #krate::Event for #ident {
                const CATEGORY: &'static ::core::primitive::str = #category;
                const EVENTS: &'static [#krate::EventDescriptor] = &[#(#descriptors),*];
                const CODEC: #krate::codec::CodecTag = <#codec as #krate::codec::Codec>::TAG;
                const CATCHES_UNKNOWN: ::core::primitive::bool = #catches_unknown;

                #(#methods)*
            }
        }
    }

    fn descriptor(&self) -> TokenStream {
        let krate = &self.container.krate;
        let events = self.events.iter().enumerate().map(|(index, event)| {
            let variant = event.ident;
            quote!(Self::#variant { .. } => &<Self as #krate::Event>::EVENTS[#index],)
        });
        let unknown = self.unknown.map(|variant| {
            quote! {
                Self::#variant(..) => {
                    static UNKNOWN: #krate::EventDescriptor = #krate::EventDescriptor::new("unknown", 1);
                    &UNKNOWN
                }
            }
        });
        quote! {
            fn descriptor(&self) -> &'static #krate::EventDescriptor {
                match self {
                    #(#events)*
                    #unknown
                }
            }
        }
    }

    fn encode(&self) -> TokenStream {
        let Container { krate, codec, .. } = &self.container;
        let refuse_unknown = self.unknown.map(|variant| {
            quote! {
                if let Self::#variant(..) = self {
                    return ::core::result::Result::Err(#krate::Error::new(
                        #krate::ErrorKind::Encode,
                        "an event that is unknown to this program cannot be recorded by it",
                    ));
                }
            }
        });
        quote! {
            fn encode(&self) -> #krate::Result<#krate::Bytes> {
                #refuse_unknown
                <#codec as #krate::codec::Codec>::encode_variant(self)
            }
        }
    }

    fn decode(&self) -> TokenStream {
        let Container { krate, codec, .. } = &self.container;
        let events = self.events.iter().map(|EventVariant { ident, name, version, .. }| {
            // Serde knows the variant by its identifier, because renaming is refused.
            let variant = ident.unraw().to_string();
            quote! {
                (#name, #version) => <#codec as #krate::codec::Codec>::decode_variant(#variant, payload),
            }
        });
        let otherwise = match self.unknown {
            None => quote! {
                ::core::result::Result::Err(#krate::Error::unknown_event(
                    <Self as #krate::Event>::CATEGORY,
                    name,
                    schema_version,
                ))
            },
            Some(variant) => quote! {
                ::core::result::Result::Ok(Self::#variant(#krate::codec::OldEvent {
                    name: ::std::borrow::ToOwned::to_owned(name),
                    schema_version,
                    payload: #krate::Bytes::copy_from_slice(payload),
                }))
            },
        };
        quote! {
            fn decode(
                name: &::core::primitive::str,
                schema_version: ::core::primitive::u16,
                payload: &[::core::primitive::u8],
            ) -> #krate::Result<Self> {
                match (name, schema_version) {
                    #(#events)*
                    _ => #otherwise,
                }
            }
        }
    }

    fn upcasters(&self) -> TokenStream {
        let Container { krate, upcasters: Some(build), .. } = &self.container else {
            return TokenStream::new();
        };
        quote! {
            fn upcasters() -> &'static #krate::codec::Upcasters {
                static UPCASTERS: ::std::sync::OnceLock<#krate::codec::Upcasters> = ::std::sync::OnceLock::new();
                UPCASTERS.get_or_init(#build)
            }
        }
    }
}

fn check_unique(events: &[EventVariant<'_>]) -> Result<()> {
    let mut seen = HashSet::new();
    let names = events.iter().flat_map(EventVariant::names);
    collect(names.map(|(name, span)| {
        if seen.insert(name.clone()) {
            return Ok(());
        }
        Err(Error::new(span, format!("`{name}` is the name or alias of two events")))
    }))
    .map(drop)
}
