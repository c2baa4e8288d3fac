//! The attributes of serde that the derive has to know about.

use syn::{Attribute, Error, Expr, ExprLit, Lit, Meta, Result, Token, punctuated::Punctuated};

type Metas = Punctuated<Meta, Token![,]>;

/// The `#[serde(...)]` of an enum, a variant or a field.
pub(super) struct SerdeAttributes(Vec<Meta>);

impl SerdeAttributes {
    pub(super) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut metas = Vec::new();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("serde")) {
            metas.extend(attribute.parse_args_with(Metas::parse_terminated)?);
        }
        Ok(Self(metas))
    }

    /// Refuses some keys, each with a hint.
    pub(super) fn refuse(&self, refused: &[(&str, &str)]) -> Result<()> {
        for meta in &self.0 {
            if let Some((key, hint)) = refused.iter().find(|(key, _)| meta.path().is_ident(key)) {
                return Err(Error::new_spanned(meta, format!("serde's `{key}` cannot be used here: {hint}")));
            }
        }
        Ok(())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// The text of `key = "text"`, or of `key(serialize = "text")`.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.find(key)? {
            Meta::List(list) => {
                Self(list.parse_args_with(Metas::parse_terminated).ok()?.into_iter().collect())
                    .text("serialize")
            }
            Meta::NameValue(meta) => match &meta.value {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            Meta::Path(_) => None,
        }
    }

    /// The rule of `rename_all` or `rename_all_fields`. One that serde does not know is serde's to refuse.
    pub(super) fn field_case(&self, key: &str) -> Option<FieldCase> {
        FieldCase::parse(&self.text(key)?)
    }

    fn find(&self, key: &str) -> Option<&Meta> {
        self.0.iter().find(|meta| meta.path().is_ident(key))
    }
}

/// How serde writes the names of fields.
#[derive(Clone, Copy)]
pub(super) enum FieldCase {
    Snake,
    ScreamingSnake,
    Pascal,
    Camel,
    Kebab,
    ScreamingKebab,
}

impl FieldCase {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "lowercase" | "snake_case" => Self::Snake,
            "UPPERCASE" | "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
            _ => return None,
        })
    }

    /// The name of a field that is written in snake case.
    pub(super) fn apply(self, field: &str) -> String {
        match self {
            Self::Snake => field.to_owned(),
            Self::ScreamingSnake => field.to_ascii_uppercase(),
            Self::Pascal => field.split('_').map(|word| with_first(word, char::to_ascii_uppercase)).collect(),
            Self::Camel => with_first(&Self::Pascal.apply(field), char::to_ascii_lowercase),
            Self::Kebab => field.replace('_', "-"),
            Self::ScreamingKebab => Self::ScreamingSnake.apply(field).replace('_', "-"),
        }
    }
}

fn with_first(word: &str, change: fn(&char) -> char) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| change(&first)).into_iter().chain(chars).collect()
}
