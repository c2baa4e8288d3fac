//! `cargo xtask msrv`: the declared `rust-version` of a package is one its dependencies can keep.
//!
//! Each package has its own, so that users of the core do not pay for the age of a driver. This compares
//! declarations only; the continuous integration builds each package with the compiler it declares.

use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};

use crate::cargo::{self, Package};

/// A compiler version. Missing parts are zero: `1.85` is `1.85.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RustVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

impl FromStr for RustVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<u32> = text
            .split('.')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(|| format!("`{text}` is no rust-version"))?;
        match parts[..] {
            [major] => Ok(Self { major, minor: 0, patch: 0 }),
            [major, minor] => Ok(Self { major, minor, patch: 0 }),
            [major, minor, patch] => Ok(Self { major, minor, patch }),
            _ => bail!("`{text}` is no rust-version"),
        }
    }
}

/// Checks each published package against its own normal and build dependencies, with its default features, on
/// this platform.
pub(crate) fn run() -> Result<()> {
    let all = cargo::packages()?;
    let mut complaints = Vec::new();
    for package in cargo::published()? {
        let compiled = cargo::compiled_with(&package.name)?;
        let dependencies: Vec<&Package> = all
            .iter()
            .filter(|other| compiled.contains(&(other.name.clone(), other.version.clone())))
            .collect();
        match check(&package, &dependencies) {
            Ok(line) => println!("{line}"),
            Err(error) => complaints.push(format!("{error:#}")),
        }
    }
    ensure!(complaints.is_empty(), "{}", complaints.join("\nerror: "));
    Ok(())
}

/// Says what `package` declares and what its dependencies need; an error when they need more.
fn check(package: &Package, dependencies: &[&Package]) -> Result<String> {
    let name = &package.name;
    let Some(declared) = &package.rust_version else {
        bail!("`{name}` declares no rust-version; add one to its Cargo.toml");
    };
    let version: RustVersion = declared.parse()?;

    let mut newest: Option<(RustVersion, &Package)> = None;
    for dependency in dependencies.iter().filter(|dependency| dependency.name != *name) {
        let Some(needed) = &dependency.rust_version else { continue };
        let needed = needed.parse()?;
        if newest.is_none_or(|(most, _)| needed > most) {
            newest = Some((needed, dependency));
        }
    }

    let Some((needed, dependency)) = newest else {
        return Ok(format!("{name}: rust-version {declared}, and no dependency asks for one"));
    };
    let need = format!(
        "{} {} needs {}",
        dependency.name,
        dependency.version,
        dependency.rust_version.as_deref().unwrap_or_default()
    );
    ensure!(
        version >= needed,
        "`{name}` declares rust-version {declared}, but {need}: raise the one or take an older release of the other"
    );
    Ok(format!("{name}: rust-version {declared}, and {need}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, rust_version: Option<&str>) -> Package {
        let rust_version = serde_json::to_string(&rust_version).unwrap();
        let json =
            format!(r#"{{"name":"{name}","version":"1.2.3","features":{{}},"rust_version":{rust_version}}}"#);
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn versions_compare_by_number() {
        let version = |text: &str| text.parse::<RustVersion>().unwrap();
        assert!(version("1.100") > version("1.85.1"));
        assert_eq!(version("1.85"), version("1.85.0"));
        assert!("1.x".parse::<RustVersion>().is_err());
        assert!("1.2.3.4".parse::<RustVersion>().is_err());
    }

    #[test]
    fn a_missing_declaration_is_an_error() {
        let error = check(&package("a", None), &[]).unwrap_err();
        assert!(error.to_string().contains("`a` declares no rust-version"), "{error}");
    }

    #[test]
    fn a_dependency_that_needs_more_is_named() {
        let (old, new, silent) =
            (package("old", Some("1.60")), package("new", Some("1.88")), package("silent", None));
        let error = check(&package("a", Some("1.85")), &[&old, &new, &silent]).unwrap_err();
        assert!(error.to_string().contains("new 1.2.3 needs 1.88"), "{error}");
    }

    #[test]
    fn a_declaration_its_dependencies_keep_is_accepted() {
        let dependency = package("b", Some("1.85"));
        assert!(check(&package("a", Some("1.85.0")), &[&dependency]).is_ok());
    }
}
