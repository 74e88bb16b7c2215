//! A request's body that stays here once its call has stopped. Its connection's task may run before the call notices that the
//! machine stood still, and what was decided before the pause must not be done after it. The head waits in the same buffer, so
//! over HTTP/1.1 nothing leaves; over HTTP/2 a head without its body does, which no server carries out. A request without a
//! body is not held back.

use crate::deadline::Pulse;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// The body.
pub struct Body {
    bytes: Option<Bytes>,
    pulse: Arc<Pulse>,
}

impl Body {
    /// These bytes, of a request of this call.
    pub fn new(bytes: Vec<u8>, pulse: Arc<Pulse>) -> Self {
        Body { bytes: Some(bytes.into()), pulse }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Stopped;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Stopped>>> {
        let Some(bytes) = self.bytes.take() else { return Poll::Ready(None) };
        let frame = if self.pulse.goes_on() { Ok(Frame::data(bytes)) } else { Err(Stopped) };
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// The call had stopped before its request left.
#[derive(Debug)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call had stopped before the request left")
    }
}

impl std::error::Error for Stopped {}
