//! Wrappers over stores. A wrapper is a port wherever what it wraps is one.

mod tenant_scoped;
mod transformed;

pub use self::{tenant_scoped::TenantScoped, transformed::Transformed};
