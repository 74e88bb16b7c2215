//! Looks that want everything, also what a move does not wait for. Boxed: a cloud's SDK makes them large, and the stack is that of a
//! database process.

use crate::{cloud::Cloud, deadline::Deadline, error::Result};
use std::time::Duration;

/// The first look, whole.
pub async fn discover_all<C: Cloud>(cloud: &C) -> Result<C::Seen> {
    let seen = Box::pin(cloud.discover()).await?;
    Box::pin(cloud.complete(seen)).await
}

/// Looks again at the whole.
pub async fn observe_all<C: Cloud>(cloud: &C, seen: &C::Seen) -> Result<C::Seen> {
    let again = Box::pin(cloud.observe(seen)).await?;
    Box::pin(cloud.complete(again)).await
}

/// Looks again after this time, which may be zero.
pub async fn observe_after<C: Cloud>(
    cloud: &C,
    deadline: &Deadline,
    wait: Duration,
    seen: &C::Seen,
) -> Result<C::Seen> {
    if !wait.is_zero() {
        deadline.sleep(wait).await?;
    }
    observe_all(cloud, seen).await
}
