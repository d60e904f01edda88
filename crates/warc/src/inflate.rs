//! Whole gzip members at full speed, through libdeflate.
//!
//! The safe crate `libdeflater` hides how many input bytes a member took, which is the one thing that a reader of
//! concatenated members must know; hence this wrapper around the C function that tells. It is the only file of the
//! crate with `unsafe`. Measured on WAT files, libdeflate is 1.5 times as fast as zlib-rs.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_free_decompressor,
    libdeflate_gzip_decompress_ex, libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE,
    libdeflate_result_LIBDEFLATE_SUCCESS,
};

/// Decompresses gzip members that are wholly in memory.
pub(crate) struct Inflater(NonNull<libdeflate_decompressor>);

// SAFETY: a decompressor is plain memory without ties to the thread that allocated it, and it is only used through
// `&mut self`.
unsafe impl Send for Inflater {}

/// The sizes of a member that was decompressed and verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inflated {
    /// Bytes of the member: header, data and trailer.
    pub(crate) member_bytes: usize,
    /// Bytes of its content.
    pub(crate) content_bytes: usize,
}

/// Why a member did not decompress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotInflated {
    /// The content does not fit into the output.
    OutputTooSmall,
    /// The member is damaged, or goes on beyond the input; libdeflate does not tell these apart.
    BadOrCut,
}

impl Inflater {
    pub(crate) fn new() -> Inflater {
        // SAFETY: the function has no preconditions; a null result is dealt with below.
        let decompressor = unsafe { libdeflate_alloc_decompressor() };
        Inflater(NonNull::new(decompressor).expect("memory for a decompressor (11 KiB)"))
    }

    /// Decompresses the gzip member at the beginning of `input` and checks its CRC-32 and length.
    pub(crate) fn gzip_member(
        &mut self,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<Inflated, NotInflated> {
        let mut member_bytes = 0;
        let mut content_bytes = 0;
        // SAFETY: the pointers are those of live slices and go with their own lengths; libdeflate reads at most
        // `input.len()` bytes, writes at most `output.len()` bytes and keeps neither pointer. `self.0` came from
        // `libdeflate_alloc_decompressor`, is freed only in `drop`, and is not shared, as `self` is borrowed mutably.
        // Both result pointers are of live local variables.
        let result = unsafe {
            libdeflate_gzip_decompress_ex(
                self.0.as_ptr(),
                input.as_ptr().cast(),
                input.len(),
                output.as_mut_ptr().cast(),
                output.len(),
                &mut member_bytes,
                &mut content_bytes,
            )
        };
        if result == libdeflate_result_LIBDEFLATE_SUCCESS {
            assert!(
                member_bytes <= input.len() && content_bytes <= output.len(),
                "libdeflate stays within its slices"
            );
            Ok(Inflated {
                member_bytes,
                content_bytes,
            })
        } else if result == libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE {
            Err(NotInflated::OutputTooSmall)
        } else {
            Err(NotInflated::BadOrCut)
        }
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `libdeflate_alloc_decompressor` and is freed once, here.
        unsafe { libdeflate_free_decompressor(self.0.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn member(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn member_is_read_up_to_its_own_end() {
        let first = member(b"first");
        let mut input = first.clone();
        input.extend(member(b"second"));
        let mut output = [0; 100];
        let inflated = Inflater::new().gzip_member(&input, &mut output).unwrap();
        assert_eq!(
            inflated,
            Inflated {
                member_bytes: first.len(),
                content_bytes: 5
            }
        );
        assert_eq!(&output[..5], b"first");
    }

    #[test]
    fn output_that_is_too_small_is_told_from_damage() {
        let input = member(b"content");
        let mut inflater = Inflater::new();
        assert_eq!(
            inflater.gzip_member(&input, &mut [0; 6]),
            Err(NotInflated::OutputTooSmall)
        );
        assert_eq!(
            inflater.gzip_member(&input[..input.len() - 1], &mut [0; 7]),
            Err(NotInflated::BadOrCut)
        );
        assert_eq!(
            inflater.gzip_member(&[], &mut [0; 7]),
            Err(NotInflated::BadOrCut)
        );
    }

    #[test]
    fn checksum_and_length_are_checked() {
        let input = member(b"content");
        let mut inflater = Inflater::new();
        for place in input.len() - 8..input.len() {
            let mut damaged = input.clone();
            damaged[place] ^= 1;
            assert_eq!(
                inflater.gzip_member(&damaged, &mut [0; 7]),
                Err(NotInflated::BadOrCut)
            );
        }
        assert!(inflater.gzip_member(&input, &mut [0; 7]).is_ok());
    }

    #[test]
    fn nothing_is_written_behind_the_output() {
        let input = member(&[7; 1000]);
        let mut output = [1; 600];
        let (front, guard) = output.split_at_mut(500);
        assert_eq!(
            Inflater::new().gzip_member(&input, front),
            Err(NotInflated::OutputTooSmall)
        );
        assert!(guard.iter().all(|&byte| byte == 1));
    }
}
