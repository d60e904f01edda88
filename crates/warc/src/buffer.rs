//! Decompressed bytes in a buffer that is written at one end and read at the other.

/// Growth doubles up to this size and is linear above, so that a large record costs little more than its own bytes.
const GROWTH_BYTES: usize = 8 << 20;

const SMALLEST: usize = 64 << 10;

/// A queue of bytes whose memory stays initialized, so that decompressors can write into it without clearing it.
#[derive(Default)]
pub(crate) struct Buffer {
    data: Vec<u8>,
    start: usize,
    end: usize,
}

/// A copy takes the bytes' own size only: whoever keeps many records does not keep the room that reading one took.
impl Clone for Buffer {
    fn clone(&self) -> Buffer {
        Buffer {
            data: self.bytes().to_vec(),
            start: 0,
            end: self.len(),
        }
    }
}

impl Buffer {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes of memory in use.
    pub(crate) fn capacity(&self) -> usize {
        self.data.len()
    }

    /// Takes bytes off the front.
    pub(crate) fn consume(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.len());
        self.start += bytes;
    }

    /// Keeps the first `len` bytes only.
    pub(crate) fn truncate(&mut self, len: usize) {
        debug_assert!(len <= self.len());
        self.end = self.start + len;
    }

    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Room behind the bytes, at least `wanted` of it.
    pub(crate) fn spare(&mut self, wanted: usize) -> &mut [u8] {
        if self.data.len() - self.end < wanted {
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.data.len() - self.end < wanted {
                let grown = self.data.len() + self.data.len().clamp(SMALLEST, GROWTH_BYTES);
                let target = grown.max(self.end + wanted);
                self.data.reserve_exact(target - self.data.len());
                self.data.resize(target, 0);
            }
        }
        &mut self.data[self.end..]
    }

    /// Counts `bytes` that were written into the room behind.
    pub(crate) fn commit(&mut self, bytes: usize) {
        assert!(
            bytes <= self.data.len() - self.end,
            "only room that exists can be written"
        );
        self.end += bytes;
    }

    /// Appends a copy of `bytes`.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.spare(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.commit(bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_growth_and_compaction() {
        let mut buffer = Buffer::default();
        for round in 0..200u32 {
            buffer.extend(&[round as u8; 1000]);
            if round % 2 == 1 {
                buffer.consume(1000);
            }
        }
        assert_eq!(buffer.len(), 100_000);
        let expected: Vec<u8> = (100..200u32)
            .flat_map(|round| [round as u8; 1000])
            .collect();
        assert_eq!(buffer.bytes(), expected);
    }

    #[test]
    fn copies_are_no_larger_than_their_bytes() {
        let mut buffer = Buffer::default();
        buffer.extend(b"junk, content");
        buffer.consume(6);
        let mut copy = buffer.clone();
        assert_eq!((copy.bytes(), copy.capacity()), (&b"content"[..], 7));
        copy.extend(b", more");
        assert_eq!(copy.bytes(), b"content, more");
    }

    #[test]
    fn large_buffers_grow_in_steps() {
        let mut buffer = Buffer::default();
        buffer.spare(60 << 20);
        buffer.commit(60 << 20);
        buffer.spare(1);
        assert!(buffer.capacity() <= (60 << 20) + GROWTH_BYTES);
    }
}
