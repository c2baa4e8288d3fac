//! Tenants.

use crate::text::{check_name, text_newtype};

text_newtype!(
    /// Whose data a stream is: 1 to 200 bytes of `A-Z a-z 0-9 _ . -`.
    ///
    /// A tenant is part of the [`StreamId`](crate::StreamId), never ambient. A handle that can reach one tenant
    /// only is made with [`TenantScoped`](crate::layer::TenantScoped).
    TenantId,
    |text| check_name("tenant", text)
);
