//! Maps from the ids of several inputs to common ones, in one scratch file.

use crate::Error;
use crate::mapping::Mapping;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Ids held in memory for each input.
const BUFFER_IDS: usize = 4096;

/// Writes all maps at once. They lie one after another in one file, so that any number of inputs
/// needs one descriptor.
pub(crate) struct IdMapsWriter {
    path: PathBuf,
    file: File,
    starts: Vec<u64>,
    buffers: Vec<Vec<u32>>,
    written: Vec<u64>,
}

/// For each input the new ids of its nodes, ascending.
pub(crate) struct IdMaps {
    /// No bytes cannot be mapped: `None` when no input has nodes.
    map: Option<Mapping>,
    starts: Vec<u64>,
    num_nodes: u64,
}

impl IdMapsWriter {
    /// `lens`: number of nodes of each input.
    pub(crate) fn create(path: PathBuf, lens: impl Iterator<Item = u64>) -> Result<Self, Error> {
        let file = File::create_new(&path).map_err(Error::io(&path, "create"))?;
        let mut starts = vec![0];
        for len in lens {
            starts.push(starts[starts.len() - 1] + len);
        }
        let inputs = starts.len() - 1;
        Ok(IdMapsWriter {
            path,
            file,
            starts,
            buffers: vec![Vec::new(); inputs],
            written: vec![0; inputs],
        })
    }

    /// Takes the new id of the next node of an input.
    pub(crate) fn push(&mut self, input: usize, id: u32) -> Result<(), Error> {
        self.buffers[input].push(id);
        if self.buffers[input].len() == BUFFER_IDS {
            self.flush(input)
        } else {
            Ok(())
        }
    }

    fn flush(&mut self, input: usize) -> Result<(), Error> {
        let place = (self.starts[input] + self.written[input]) * size_of::<u32>() as u64;
        let bytes: &[u8] = bytemuck::cast_slice(&self.buffers[input]);
        self.file
            .write_all_at(bytes, place)
            .map_err(Error::io(&self.path, "write"))?;
        self.written[input] += self.buffers[input].len() as u64;
        self.buffers[input].clear();
        Ok(())
    }

    /// `num_nodes`: number of new ids.
    pub(crate) fn finish(mut self, num_nodes: u64) -> Result<IdMaps, Error> {
        for input in 0..self.buffers.len() {
            self.flush(input)?;
            let len = self.starts[input + 1] - self.starts[input];
            assert_eq!(
                self.written[input], len,
                "every node of an input has a new id"
            );
        }
        let total = self.starts[self.starts.len() - 1];
        let map = (total > 0).then(|| Mapping::open(&self.path)).transpose()?;
        // The mapping keeps the bytes; without a name they go away with it.
        std::fs::remove_file(&self.path).map_err(Error::io(&self.path, "remove"))?;
        Ok(IdMaps {
            map,
            starts: self.starts,
            num_nodes,
        })
    }
}

impl IdMaps {
    /// Returns the new ids of an input's nodes.
    pub(crate) fn of(&self, input: usize) -> &[u32] {
        let ids: &[u32] = match &self.map {
            // The mapping of an empty file has no place, so none that is aligned.
            Some(map) if !map.is_empty() => bytemuck::cast_slice(map),
            _ => &[],
        };
        &ids[self.starts[input] as usize..self.starts[input + 1] as usize]
    }

    /// Returns the number of new ids.
    pub(crate) fn num_nodes(&self) -> u64 {
        self.num_nodes
    }
}
