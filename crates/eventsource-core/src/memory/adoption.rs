//! Taking a restored copy of the store in memory into use.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{Incarnation, Position, Result, backend::check_adoption, store::LogAdoption};

#[async_trait]
impl LogAdoption for MemoryStore {
    async fn adopt(&self, highest: Position) -> Result<Incarnation> {
        check_adoption(highest).map_err(|e| e.with_operation("adopt"))?;
        let mut state = self.open("adopt")?;
        state.draw_after(highest);
        state.log.incarnation = Incarnation::generate();
        Ok(state.log.incarnation)
    }
}
