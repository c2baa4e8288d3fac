//! Bytes to bytes: compression, encryption.

use std::fmt;

use bytes::Bytes;

use super::TransformTag;
use crate::{Result, StreamId};

/// Changes encoded payloads on their way into a store, and changes them back. Used through
/// [`Transformed`](crate::layer::Transformed).
pub trait Transform: fmt::Debug + Send + Sync + 'static {
    /// Kept with each payload that was changed.
    fn tag(&self) -> TransformTag;

    /// The changed payload, or `None` to keep it as it is. The same payload of the same stream must give the same
    /// bytes, so that a repeated append is recognised.
    ///
    /// # Errors
    /// `Encode` when the payload cannot be changed.
    fn apply(&self, stream: &StreamId, payload: &Bytes) -> Result<Option<Bytes>>;

    /// The payload as it was.
    ///
    /// # Errors
    /// `Decode` when the bytes are damaged, or would grow beyond the transform's limit.
    fn revert(&self, stream: &StreamId, payload: &Bytes) -> Result<Bytes>;
}

#[cfg(feature = "zstd")]
pub use zstd_transform::Zstd;

#[cfg(feature = "zstd")]
mod zstd_transform {
    use std::io::Read;

    use bytes::Bytes;

    use super::{Transform, TransformTag};
    use crate::{Error, ErrorKind, Result, StreamId};

    /// Zstandard compression of payloads from a size on (feature `zstd`).
    #[derive(Debug, Clone, Copy)]
    pub struct Zstd {
        level: i32,
        threshold_bytes: usize,
        limit_bytes: usize,
    }

    impl Default for Zstd {
        /// Level 3, from 1 KiB on, at most 64 MiB when decompressed.
        fn default() -> Self {
            Self { level: 3, threshold_bytes: 1024, limit_bytes: 64 * 1024 * 1024 }
        }
    }

    impl Zstd {
        /// With this level, 1 (fast) to 22 (small).
        #[must_use]
        pub fn with_level(mut self, level: i32) -> Self {
            self.level = level.clamp(1, 22);
            self
        }

        /// Compressing payloads of at least this many bytes.
        #[must_use]
        pub fn with_threshold_bytes(mut self, bytes: usize) -> Self {
            self.threshold_bytes = bytes;
            self
        }

        /// Refusing payloads that grow beyond this many bytes, so that a damaged one cannot fill the memory.
        #[must_use]
        pub fn with_limit_bytes(mut self, bytes: usize) -> Self {
            self.limit_bytes = bytes;
            self
        }
    }

    impl Transform for Zstd {
        fn tag(&self) -> TransformTag {
            TransformTag::ZSTD
        }

        fn apply(&self, _stream: &StreamId, payload: &Bytes) -> Result<Option<Bytes>> {
            if payload.len() < self.threshold_bytes {
                return Ok(None);
            }
            if payload.len() > self.limit_bytes {
                return Err(Error::too_long("payload", payload.len(), self.limit_bytes));
            }
            let compressed = zstd::bulk::compress(payload, self.level)
                .map_err(|e| Error::new(ErrorKind::Encode, "zstd failed to compress").with_source(e))?;
            Ok((compressed.len() < payload.len()).then(|| compressed.into()))
        }

        fn revert(&self, _stream: &StreamId, payload: &Bytes) -> Result<Bytes> {
            let damaged =
                |e: std::io::Error| Error::new(ErrorKind::Decode, "zstd data is damaged").with_source(e);
            let decoder = zstd::stream::read::Decoder::new(payload.as_ref()).map_err(damaged)?;
            let mut plain = Vec::new();
            // One byte more than allowed tells that there is too much.
            decoder.take(self.limit_bytes as u64 + 1).read_to_end(&mut plain).map_err(damaged)?;
            if plain.len() > self.limit_bytes {
                return Err(Error::new(
                    ErrorKind::Decode,
                    format!("zstd data grows beyond the limit of {} bytes", self.limit_bytes),
                ));
            }
            Ok(plain.into())
        }
    }
}
