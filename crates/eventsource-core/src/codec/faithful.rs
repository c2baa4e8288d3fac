//! Serialization that refuses what JSON would not give back: NaN and the infinities, which it writes as `null`, and
//! values that lie deeper than its reader goes.

use serde::ser::{self, Serialize, Serializer};

/// Levels of arrays and objects that `serde_json` reads; what lies deeper could be written and never read again.
const LEVELS_MAX: u8 = 127;

/// A value that is serialized through [`Faithful`].
pub(super) struct FaithfulValue<'a, T: ?Sized> {
    value: &'a T,
    level: u8,
}

impl<'a, T: ?Sized> FaithfulValue<'a, T> {
    /// A value that lies in no other.
    pub(super) fn new(value: &'a T) -> Self {
        Self { value, level: 0 }
    }
}

impl<T: Serialize + ?Sized> Serialize for FaithfulValue<'_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Faithful { inner: serializer, level: self.level })
    }
}

/// A serializer, or one of its parts, that refuses what would not come back, wherever it lies.
pub(super) struct Faithful<S> {
    inner: S,
    /// How many arrays and objects are open around what is written now.
    level: u8,
}

impl<S> Faithful<S> {
    /// Around the serializer of a value that lies in no other.
    pub(super) fn new(inner: S) -> Self {
        Self { inner, level: 0 }
    }

    /// Opens arrays or objects.
    #[inline]
    fn enter<T, E: ser::Error>(
        self,
        levels: u8,
        open: impl FnOnce(S) -> Result<T, E>,
    ) -> Result<Faithful<T>, E> {
        let level = self.level + levels;
        if level > LEVELS_MAX {
            return Err(E::custom(format_args!("more than {LEVELS_MAX} levels could not be read again")));
        }
        Ok(Faithful { inner: open(self.inner)?, level })
    }

    #[inline]
    fn inside<'a, T: ?Sized>(&self, value: &'a T) -> FaithfulValue<'a, T> {
        FaithfulValue { value, level: self.level }
    }
}

fn refuse<E: ser::Error>(value: impl std::fmt::Display) -> E {
    E::custom(format_args!("{value} has no form in JSON"))
}

macro_rules! forward {
    ($($method:ident($type:ty);)*) => {
        $(#[inline]
        fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        })*
    };
}

impl<S: Serializer> Serializer for Faithful<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Faithful<S::SerializeSeq>;
    type SerializeTuple = Faithful<S::SerializeTuple>;
    type SerializeTupleStruct = Faithful<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Faithful<S::SerializeTupleVariant>;
    type SerializeMap = Faithful<S::SerializeMap>;
    type SerializeStruct = Faithful<S::SerializeStruct>;
    type SerializeStructVariant = Faithful<S::SerializeStructVariant>;

    forward! {
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
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_unit_struct(&'static str);
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        if value.is_finite() { self.inner.serialize_f32(value) } else { Err(refuse(value)) }
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        if value.is_finite() { self.inner.serialize_f64(value) } else { Err(refuse(value)) }
    }

    #[inline]
    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = self.inside(value);
        self.inner.serialize_some(&value)
    }

    #[inline]
    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.inside(value);
        self.inner.serialize_newtype_struct(name, &value)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let object = self.enter(1, Ok)?;
        let value = object.inside(value);
        object.inner.serialize_newtype_variant(name, index, variant, &value)
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.enter(1, |inner| inner.serialize_seq(len))
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.enter(1, |inner| inner.serialize_tuple(len))
    }

    #[inline]
    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.enter(1, |inner| inner.serialize_tuple_struct(name, len))
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.enter(2, |inner| inner.serialize_tuple_variant(name, index, variant, len))
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.enter(1, |inner| inner.serialize_map(len))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.enter(1, |inner| inner.serialize_struct(name, len))
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.enter(2, |inner| inner.serialize_struct_variant(name, index, variant, len))
    }

    #[inline]
    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! elements {
    ($($trait:ident::$method:ident;)*) => {
        $(impl<S: ser::$trait> ser::$trait for Faithful<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                let value = self.inside(value);
        self.inner.$method(&value)
            }

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        })*
    };
}
elements! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! fields {
    ($($trait:ident;)*) => {
        $(impl<S: ser::$trait> ser::$trait for Faithful<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), S::Error> {
                let value = self.inside(value);
                self.inner.serialize_field(key, &value).map_err(|e| at(key, &e))
            }

            #[inline]
            fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
                self.inner.skip_field(key)
            }

            #[inline]
            fn end(self) -> Result<S::Ok, S::Error> {
                self.inner.end()
            }
        })*
    };
}
fields! {
    SerializeStruct;
    SerializeStructVariant;
}

/// Puts the field's name before the message: the path grows from the inside out.
#[cold]
fn at<E: ser::Error>(key: &'static str, error: &E) -> E {
    E::custom(format_args!("{key}: {error}"))
}

impl<S: ser::SerializeMap> ser::SerializeMap for Faithful<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        let key = self.inside(key);
        self.inner.serialize_key(&key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        let value = self.inside(value);
        self.inner.serialize_value(&value)
    }

    #[inline]
    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize)]
    struct Deep {
        map: BTreeMap<String, Vec<Option<(u8, f64)>>>,
    }

    fn json<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
        serde_json::to_string(&FaithfulValue::new(value))
    }

    #[test]
    fn a_float_that_is_not_finite_is_found_wherever_it_hides() {
        #[derive(Serialize)]
        struct Newtype(f64);
        #[derive(Serialize)]
        struct Tuple(u8, f64);
        #[derive(Serialize)]
        enum Variants {
            Newtype(f64),
            Tuple(u8, f64),
            Fields { x: f64 },
        }
        #[derive(Serialize)]
        struct Flat {
            #[serde(flatten)]
            inner: HashMap<String, f64>,
        }
        assert!(json(&f32::INFINITY).is_err());
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(json(&x).is_err());
            assert!(json(&Some(x)).is_err());
            assert!(json(&[x]).is_err());
            assert!(json(&vec![(1, x)]).is_err());
            assert!(json(&HashMap::from([("k", x)])).is_err());
            assert!(json(&Newtype(x)).is_err());
            assert!(json(&Tuple(1, x)).is_err());
            assert!(json(&Variants::Newtype(x)).is_err());
            assert!(json(&Variants::Tuple(1, x)).is_err());
            assert!(json(&Variants::Fields { x }).is_err());
            assert!(json(&Flat { inner: HashMap::from([("k".to_owned(), x)]) }).is_err());
        }
    }

    #[test]
    fn a_key_that_is_not_finite_is_refused() {
        struct Keyed(f64);
        impl Serialize for Keyed {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([(self.0, 1)])
            }
        }
        assert_eq!(json(&Keyed(0.5)).unwrap(), r#"{"0.5":1}"#);
        assert!(json(&Keyed(f64::NAN)).is_err());
    }

    #[test]
    fn the_error_names_the_field() {
        let deep = |x| Deep { map: BTreeMap::from([("a".to_owned(), vec![None, Some((1, x))])]) };
        assert_eq!(json(&deep(0.5)).unwrap(), serde_json::to_string(&deep(0.5)).unwrap());
        let error = json(&deep(f64::NAN)).unwrap_err().to_string();
        assert!(error.contains("map: NaN has no form in JSON"), "{error}");
    }

    #[derive(Serialize, Deserialize)]
    enum Nested {
        Leaf,
        Array(Vec<Nested>),
        Newtype(Box<Nested>),
        Tuple(u8, Box<Nested>),
        Fields { inner: Box<Nested> },
    }

    #[test]
    fn what_is_written_can_be_read_again_at_every_depth() {
        let wraps: [fn(Box<Nested>) -> Nested; 4] = [
            |inner| Nested::Array(vec![*inner]),
            Nested::Newtype,
            |inner| Nested::Tuple(1, inner),
            |inner| Nested::Fields { inner },
        ];
        for wrap in wraps {
            let (mut value, mut refused) = (Nested::Leaf, 0);
            for _ in 0..140 {
                value = wrap(Box::new(value));
                let readable =
                    serde_json::from_str::<Nested>(&serde_json::to_string(&value).unwrap()).is_ok();
                assert_eq!(json(&value).is_ok(), readable);
                refused += u32::from(!readable);
            }
            assert!(refused > 0);
        }
    }
}
