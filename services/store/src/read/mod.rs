//! What can be asked. Reads see what is committed and wait for nobody.

pub(crate) mod audit;
pub(crate) mod decisions;
pub(crate) mod masters;
mod nodes;
mod policies;
pub(crate) mod positions;
pub(crate) mod skus;
