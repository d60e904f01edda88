//! The state of a ranking in a file, so that one that was killed goes on from there, to the same bits.
//!
//! All numbers little-endian: 16 bytes of magic and version; the *key* (`u64`), a hash of the graph and of all
//! options; nodes, iterations and steps (`u64` each); the residual before the last jump (`f64`); the residual of
//! each iteration (`f64`); the scores (`f64` a node); the steps since the last jump (`f32` a node and step, see
//! [`extrapolation`](crate::extrapolation)); XXH3-64 of all that.
//!
//! It is written beside its place under the name `NAME.tmp`, synced and renamed, so it is whole or the one before.
//! It is private to one version of this crate: whatever does not match is left aside, and only time is lost.

use crate::Error;
use crate::extrapolation::DEPTH;
use crate::pagerank::{PageRankOptions, Ranking};
use crate::writer::{parent_of, sync_dir};
use bytemuck::Pod;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// The number at the end changes with the layout, and with what any kernel makes of the same graph.
const MAGIC: [u8; 16] = *b"crawlrank-rank 1";

/// What is written, hashed and read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// What a ranking found at the place of its checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    /// No file: it begins anew.
    Nothing,
    /// It goes on after so many iterations.
    After(usize),
    /// A file that is not to be trusted: it begins anew. Says why.
    Ignored(String),
}

impl Ranking<'_> {
    /// Writes the state to a file, from which a ranking of the same graph with the same options goes on, to the
    /// same bits as if it had never stopped: 8 bytes a node, and up to 28 more where it is accelerated.
    ///
    /// # Errors
    /// [`Error::Io`]; the file is then the one before.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let beside = beside(path);
        let written = self.write(&beside).and_then(|()| {
            std::fs::rename(&beside, path)?;
            sync_dir(parent_of(path)).map_err(std::io::Error::other)
        });
        written.map_err(|source| {
            let _ = std::fs::remove_file(&beside);
            Error::io(path, "write")(source)
        })
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        remove(path)?; // what a killed process left
        let (jump_residual, steps) = match &self.extrapolation {
            Some(extrapolation) => extrapolation.state(),
            None => (0.0, &[][..]),
        };
        let mut out = Hashed::new(File::create_new(path)?);
        out.write(&MAGIC)?;
        out.write(&[
            key(self.graph, self.options),
            self.scores.len() as u64,
            self.residuals.len() as u64,
            steps.len() as u64,
            jump_residual.to_bits(),
        ])?;
        out.write(&self.residuals)?;
        out.write(&self.scores)?;
        for step in steps {
            out.write(step)?;
        }
        let checksum = out.hasher.digest();
        out.write(&[checksum])?;
        out.file.sync_all()
    }

    /// Goes on from what [`save`](Self::save) wrote. A file of another graph, of other options or of another version, and
    /// one that is damaged, is not used.
    pub fn restore(&mut self, path: &Path) -> Restored {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Restored::Nothing,
            Err(error) => return Restored::Ignored(error.to_string()),
        };
        self.start();
        match self.read(file) {
            Ok(()) => Restored::After(self.residuals.len()),
            Err(why) => {
                self.start();
                Restored::Ignored(why)
            }
        }
    }

    fn read(&mut self, file: File) -> Result<(), String> {
        let unreadable = |error: std::io::Error| match error.kind() {
            ErrorKind::UnexpectedEof => "it is cut".to_owned(),
            _ => error.to_string(),
        };
        let bytes = file.metadata().map_err(unreadable)?.len();
        let mut from = Hashed::new(file);
        let mut magic = [0; 16];
        from.read(&mut magic).map_err(unreadable)?;
        if magic != MAGIC {
            return Err("it is no checkpoint of this version".to_owned());
        }
        let mut head = [0; 5];
        from.read(&mut head).map_err(unreadable)?;
        let [found, n, iterations, taken, jump_residual] = head;
        let most = self.options.max_iterations as u64;
        if found != key(self.graph, self.options) || n != self.scores.len() as u64 {
            return Err("it belongs to another graph or to other options".to_owned());
        }
        // The three counts are bounded before anything is made of them.
        let sound = iterations <= most.min(bytes) && taken <= DEPTH as u64 && {
            let head = MAGIC.len() as u64 + 40;
            bytes == head + 8 * iterations + 8 * n + 4 * n * taken + 8
        };
        if !sound {
            return Err("its length is not what it should be".to_owned());
        }
        self.residuals.resize(iterations as usize, 0.0);
        from.read(&mut self.residuals).map_err(unreadable)?;
        from.read(&mut self.scores).map_err(unreadable)?;
        if let Some(extrapolation) = &mut self.extrapolation {
            extrapolation.restore(&self.scores, f64::from_bits(jump_residual));
            for _ in 0..taken {
                from.read(extrapolation.next_step()).map_err(unreadable)?;
            }
        }
        let expected = from.hasher.digest();
        let mut checksum = [0];
        from.read(&mut checksum).map_err(unreadable)?;
        if checksum != [expected] {
            return Err("its checksum does not match".to_owned());
        }
        Ok(())
    }
}

/// Removes what [`Ranking::save`] wrote, and what a process left that was killed while it wrote. Nothing there is well.
///
/// # Errors
/// [`Error::Io`].
pub fn remove_checkpoint(path: &Path) -> Result<(), Error> {
    remove(path)
        .and_then(|()| remove(&beside(path)))
        .map_err(Error::io(path, "remove"))
}

fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    PathBuf::from(beside)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// A file with the hash of what went through.
struct Hashed {
    file: File,
    hasher: Box<Xxh3>,
}

impl Hashed {
    fn new(file: File) -> Self {
        let hasher = Box::new(Xxh3::new());
        Hashed { file, hasher }
    }

    fn write<T: Pod>(&mut self, values: &[T]) -> std::io::Result<()> {
        for piece in bytemuck::cast_slice(values).chunks(PIECE_BYTES) {
            self.hasher.update(piece);
            self.file.write_all(piece)?;
        }
        Ok(())
    }

    fn read<T: Pod>(&mut self, values: &mut [T]) -> std::io::Result<()> {
        for piece in bytemuck::cast_slice_mut(values).chunks_mut(PIECE_BYTES) {
            self.file.read_exact(piece)?;
            self.hasher.update(piece);
        }
        Ok(())
    }
}

/// A hash of the graph, by its manifest, which holds the checksum of all its checksums, and of everything that shapes
/// the scores.
fn key(graph: u64, options: &PageRankOptions) -> u64 {
    // All fields by name: a new one cannot be forgotten here.
    let PageRankOptions {
        damping,
        tolerance,
        max_iterations,
        dangling,
        personalize,
        weighted,
        accelerate,
        memory_bytes: _, // changes no bit
    } = options;
    let mut hasher = Box::new(Xxh3::new());
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.update(&graph.to_le_bytes());
    hasher.update(bytemuck::cast_slice(&[*damping, *tolerance]));
    hasher.update(&max_iterations.to_le_bytes());
    hasher.update(&[
        *dangling as u8,
        u8::from(*weighted),
        u8::from(*accelerate),
        u8::from(personalize.is_some()),
    ]);
    hasher.update(bytemuck::cast_slice(personalize.as_deref().unwrap_or(&[])));
    hasher.digest()
}
