//! An enum without its tag: the variant's name travels outside of the content.
//!
//! A plain `#[derive(Serialize, Deserialize)]` enum asks a serializer to write a variant, and a deserializer for an
//! enum. The two adapters here answer with the content alone, so that no twin types and no intermediate values are needed.

use std::marker::PhantomData;

use serde::{
    de::{self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor},
    forward_to_deserialize_any,
    ser::{self, Impossible, Serialize, SerializeStruct, SerializeTuple, Serializer},
};

/// Writes the content of an enum's variant to another serializer: a struct for fields, the value itself for a
/// newtype, a tuple, and an empty struct for a unit variant, which may grow optional fields one day.
///
/// For codecs of your own; [`Codec`](super::Codec) shows one.
#[derive(Debug)]
pub struct VariantSerializer<S>(S);

impl<S: Serializer> VariantSerializer<S> {
    /// Around the serializer of the content.
    pub fn new(content: S) -> Self {
        Self(content)
    }
}

fn not_an_enum<T, E: ser::Error>() -> Result<T, E> {
    Err(E::custom("an event type must be an enum"))
}

macro_rules! refuse_scalars {
    ($($method:ident($type:ty);)*) => {
        $(fn $method(self, _: $type) -> Result<S::Ok, S::Error> {
            not_an_enum()
        })*
    };
}

impl<S: Serializer> Serializer for VariantSerializer<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Impossible<S::Ok, S::Error>;
    type SerializeTuple = Impossible<S::Ok, S::Error>;
    type SerializeTupleStruct = Impossible<S::Ok, S::Error>;
    type SerializeTupleVariant = VariantContent<S::SerializeTuple>;
    type SerializeMap = Impossible<S::Ok, S::Error>;
    type SerializeStruct = Impossible<S::Ok, S::Error>;
    type SerializeStructVariant = VariantContent<S::SerializeStruct>;

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_struct(variant, 0)?.end()
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(self.0)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.0.serialize_tuple(len).map(VariantContent)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.0.serialize_struct(variant, len).map(VariantContent)
    }

    refuse_scalars! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_unit_struct(&'static str);
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        not_an_enum()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<S::Ok, S::Error> {
        not_an_enum()
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        not_an_enum()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<S::Ok, S::Error> {
        not_an_enum()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        not_an_enum()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, S::Error> {
        not_an_enum()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        not_an_enum()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        not_an_enum()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, S::Error> {
        not_an_enum()
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// The content of a variant with several fields, on its way to the other serializer.
#[derive(Debug)]
pub struct VariantContent<S>(S);

impl<S: SerializeTuple> ser::SerializeTupleVariant for VariantContent<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_element(value)
    }

    #[inline]
    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

impl<S: SerializeStruct> ser::SerializeStructVariant for VariantContent<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), S::Error> {
        self.0.serialize_field(key, value)
    }

    #[inline]
    fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
        self.0.skip_field(key)
    }

    #[inline]
    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

/// Gives an enum the variant that is named here, with the content of another deserializer, read without a detour.
///
/// A unit variant takes any content and ignores it, so the format must be one that describes itself, like JSON or CBOR. For
/// codecs of your own; [`Codec`](super::Codec) shows one.
#[derive(Debug)]
pub struct VariantDeserializer<'de, D> {
    variant: &'static str,
    content: D,
    lifetime: PhantomData<&'de ()>,
}

impl<'de, D: Deserializer<'de>> VariantDeserializer<'de, D> {
    /// The variant with this name, from this content.
    pub fn new(variant: &'static str, content: D) -> Self {
        Self { variant, content, lifetime: PhantomData }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for VariantDeserializer<'de, D> {
    type Error = D::Error;

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        visitor.visit_enum(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, D::Error> {
        Err(de::Error::custom("an event type must be an enum"))
    }

    fn is_human_readable(&self) -> bool {
        self.content.is_human_readable()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de, D: Deserializer<'de>> EnumAccess<'de> for VariantDeserializer<'de, D> {
    type Error = D::Error;
    type Variant = Self;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), D::Error> {
        Ok((seed.deserialize(self.variant.into_deserializer())?, self))
    }
}

impl<'de, D: Deserializer<'de>> VariantAccess<'de> for VariantDeserializer<'de, D> {
    type Error = D::Error;

    fn unit_variant(self) -> Result<(), D::Error> {
        // Whatever a later release may have put there.
        self.content.deserialize_ignored_any(de::IgnoredAny).map(drop)
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, D::Error> {
        seed.deserialize(self.content)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.content.deserialize_tuple(len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.content.deserialize_struct(self.variant, fields, visitor)
    }
}
