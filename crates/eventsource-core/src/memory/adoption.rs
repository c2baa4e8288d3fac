//! Taking a restored copy of the store in memory into use.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{Error, Incarnation, Position, Result, store::LogAdoption};

#[async_trait]
impl LogAdoption for MemoryStore {
    async fn adopt(&self, highest: Position) -> Result<Incarnation> {
        if highest > Position::MAX {
            let error = Error::over_limit("position", highest.get(), Position::MAX.get());
            return Err(error.with_operation("adopt"));
        }
        let mut state = self.open("adopt")?;
        state.draw_after(highest);
        state.log.incarnation = Incarnation::generate();
        Ok(state.log.incarnation)
    }
}
