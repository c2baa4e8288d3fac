//! What JSON values look like, without what they say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Formatter},
};

use serde_json::{Map, Value};

/// The shape of one value, or what several have between them.
///
/// Kinds of scalars, the shape of all elements of arrays together, and the fields of objects, which are optional when they
/// are absent from some.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    scalars: BTreeSet<&'static str>,
    elements: Option<Box<Shape>>,
    fields: Option<BTreeMap<String, Field>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Field {
    shape: Shape,
    is_optional: bool,
}

impl Shape {
    pub(super) fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut scalars = BTreeSet::new();
        let mut elements: Option<Vec<&Value>> = None;
        let mut objects = Vec::new();
        for value in values {
            let scalar = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(number) if number.is_f64() => "float",
                Value::Number(_) => "integer",
                Value::String(_) => "string",
                Value::Array(array) => {
                    elements.get_or_insert_default().extend(array);
                    continue;
                }
                Value::Object(object) => {
                    objects.push(object);
                    continue;
                }
            };
            scalars.insert(scalar);
        }
        Self {
            scalars,
            elements: elements.map(|elements| Box::new(Self::of(elements))),
            fields: (!objects.is_empty()).then(|| fields(&objects)),
        }
    }

    fn write(&self, f: &mut Formatter<'_>, indent: usize) -> fmt::Result {
        let mut is_first = true;
        let mut separate = |f: &mut Formatter<'_>| {
            let separator = if std::mem::take(&mut is_first) { "" } else { " | " };
            f.write_str(separator)
        };
        for scalar in &self.scalars {
            separate(f)?;
            f.write_str(scalar)?;
        }
        if let Some(elements) = &self.elements {
            separate(f)?;
            f.write_str("[")?;
            elements.write(f, indent)?;
            f.write_str("]")?;
        }
        if let Some(fields) = &self.fields {
            separate(f)?;
            f.write_str("{")?;
            for (name, field) in fields {
                let mark = if field.is_optional { "?" } else { "" };
                write!(f, "\n{:width$}{name}{mark}: ", "", width = indent + 2)?;
                field.shape.write(f, indent + 2)?;
            }
            if !fields.is_empty() {
                write!(f, "\n{:indent$}", "")?;
            }
            f.write_str("}")?;
        }
        Ok(())
    }
}

fn fields(objects: &[&Map<String, Value>]) -> BTreeMap<String, Field> {
    let names: BTreeSet<&String> = objects.iter().flat_map(|object| object.keys()).collect();
    let field = |name: &String| {
        let values: Vec<&Value> = objects.iter().filter_map(|object| object.get(name)).collect();
        (name.clone(), Field { is_optional: values.len() < objects.len(), shape: Shape::of(values) })
    };
    names.into_iter().map(field).collect()
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(values: &[Value], expected: &str) {
        assert_eq!(Shape::of(values).to_string(), expected, "{values:?}");
    }

    #[test]
    fn kinds_are_told_apart_and_contents_are_not() {
        for (value, expected) in [
            (json!(null), "null"),
            (json!(true), "boolean"),
            (json!(1), "integer"),
            (json!(-1), "integer"),
            (json!(u64::MAX), "integer"),
            (json!(1.0), "float"),
            (json!("text"), "string"),
            (json!([]), "[]"),
            (json!([1, 2]), "[integer]"),
            (json!([[], [null]]), "[[null]]"),
            (json!([1, "a"]), "[integer | string]"),
            (json!({}), "{}"),
        ] {
            check(&[value], expected);
        }
        assert_eq!(Shape::of(&[json!({"a": 1})]), Shape::of(&[json!({"a": 2}), json!({"a": 3})]));
        assert_ne!(Shape::of(&[json!({"a": 1})]), Shape::of(&[json!({"b": 1})]));
    }

    #[test]
    fn fields_that_some_lack_are_optional() {
        let values = [
            json!({"total": 1, "coupon": null, "lines": [{"sku": "a"}, {"sku": "b", "gift": true}]}),
            json!({"total": 1.5, "coupon": "x", "lines": []}),
            json!({"total": 1, "lines": []}),
        ];
        let expected = "{
  coupon?: null | string
  lines: [{
    gift?: boolean
    sku: string
  }]
  total: float | integer
}";
        check(&values, expected);
    }

    #[test]
    fn an_enum_shows_the_variants_that_were_seen() {
        let values = [json!("Cash"), json!({"Card": {"last4": "1234"}}), json!({"Transfer": {"iban": "x"}})];
        let expected = "string | {
  Card?: {
    last4: string
  }
  Transfer?: {
    iban: string
  }
}";
        check(&values, expected);
    }
}
