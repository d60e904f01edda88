//! Large zeroed vectors.

use crate::Error;
use bytemuck::Pod;
use memmap2::{Advice, MmapMut};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// A vector that begins as zeros, on huge pages where the system has them: random access to some
/// gigabytes is then twice as fast, and the zeros cost nothing until they are touched.
#[derive(Debug)]
pub(crate) struct Memory<T> {
    /// None when empty, which cannot be mapped.
    map: Option<MmapMut>,
    element: PhantomData<T>,
}

impl<T: Pod> Memory<T> {
    /// `what` needs it, for the error that says that there is not enough.
    pub(crate) fn zeros(len: usize, what: &'static str) -> Result<Self, Error> {
        let error = || Error::Memory {
            what,
            needed: (len as u64).saturating_mul(size_of::<T>() as u64),
        };
        let bytes = len.checked_mul(size_of::<T>()).ok_or_else(error)?;
        let map = match bytes {
            0 => None,
            _ => Some(MmapMut::map_anon(bytes).map_err(|_| error())?),
        };
        #[cfg(target_os = "linux")]
        if let Some(map) = &map {
            // Advice that may be refused.
            let _ = map.advise(Advice::HugePage);
        }
        Ok(Memory {
            map,
            element: PhantomData,
        })
    }
}

impl<T> Memory<T> {
    /// Nothing.
    pub(crate) fn empty() -> Self {
        Memory {
            map: None,
            element: PhantomData,
        }
    }
}

impl<T: Pod> Deref for Memory<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // Mappings begin at a page.
        self.map.as_deref().map_or(&[], bytemuck::cast_slice)
    }
}

impl<T: Pod> DerefMut for Memory<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.map {
            Some(map) => bytemuck::cast_slice_mut(map),
            None => &mut [],
        }
    }
}
