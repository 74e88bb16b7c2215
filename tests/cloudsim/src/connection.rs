//! Connections that can be cut at will, plain or TLS.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// The hold that a request has on the connection it came by.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Cut>>);

#[derive(Clone, Copy, Default)]
enum Cut {
    #[default]
    Never,
    InBody,
    After(usize),
}

impl Wire {
    /// The answer is lost whole.
    pub(crate) fn cut_now(&self) {
        *self.lock() = Cut::After(0);
    }

    /// The answer is lost from the middle of its body on.
    pub(crate) fn cut_in_body(&self) {
        *self.lock() = Cut::InBody;
    }

    /// How much of `bytes` may still be written.
    fn allowed(&self, bytes: &[u8]) -> usize {
        let mut cut = self.lock();
        if let Cut::InBody = *cut {
            let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
            *cut = Cut::After(head + (bytes.len() - head) / 2);
        }
        match *cut {
            Cut::After(left) => left.min(bytes.len()),
            _ => bytes.len(),
        }
    }

    fn wrote(&self, count: usize) {
        if let Cut::After(left) = &mut *self.lock() {
            *left = left.saturating_sub(count);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Cut> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One accepted connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    wire: Wire,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = self.wire.allowed(bytes);
        if allowed == 0 && !bytes.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..allowed]))?;
        self.wire.wrote(count);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Accepts connections; TLS handshakes run side by side, so that one that never ends holds up nobody.
pub(crate) struct Door {
    accepted: mpsc::UnboundedReceiver<Connection>,
    address: SocketAddr,
}

impl Door {
    /// Opens the door, and counts the TLS handshakes that succeed; must be called inside the runtime.
    pub(crate) fn open(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        handshakes: Arc<AtomicUsize>,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, accepted) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while !sender.is_closed() {
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                // Without this an answer in two packets waits for the caller's delayed acknowledgement.
                let _ = stream.set_nodelay(true);
                let sender = sender.clone();
                let Some(tls) = tls.clone() else {
                    let _ = sender.send(Connection { stream: Box::new(stream), wire: Wire::default() });
                    continue;
                };
                let handshakes = Arc::clone(&handshakes);
                tokio::spawn(async move {
                    if let Ok(stream) = tls.accept(stream).await {
                        handshakes.fetch_add(1, Ordering::Relaxed);
                        let _ = sender.send(Connection { stream: Box::new(stream), wire: Wire::default() });
                    }
                });
            }
        });
        Ok(Self { accepted, address })
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.accepted.recv().await {
            Some(connection) => (connection, self.address),
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, Door>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().wire.clone()
    }
}
