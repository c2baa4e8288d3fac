//! Taking a restored log into use.

use async_trait::async_trait;

use super::Close;
use crate::{Incarnation, Position, Result};

/// Takes a restored log into use. A right of its own, for operators.
#[async_trait]
pub trait LogAdoption: Close {
    /// Draws a new incarnation, keeps the log id, and moves the next position past `highest`, the highest position that
    /// any checkpoint of the lost history holds. Checkpoints of the former incarnation are refused from then on.
    ///
    /// # Atomicity
    /// One commit.
    ///
    /// # Errors
    /// `ReadOnly`; `InvalidInput` when `highest` is above [`Position::MAX`].
    ///
    /// # Cancel safety
    /// A dropped call happened whole or not at all; calling again draws another incarnation.
    async fn adopt(&self, highest: Position) -> Result<Incarnation>;
}
