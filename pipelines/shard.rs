//! INPUT to shards: files, folders, patterns and lists of paths become one sorted list, each shard with a name of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, Exit, Result, quoted};
use crate::escape::escaped;
use crate::interrupt::Interrupt;
use crate::progress::Progress;

/// Bytes hashed at either end of a shard to recognise it again without reading it whole.
const SAMPLE_BYTES: u64 = 64 << 10;

/// One file of a crawl, our unit of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// The shortest end of the path that no other shard has: the name in tables and messages, free of the user's folders.
    pub name: String,
    /// Where it lies; bytes that are no text are lost where it is stored.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its first and last 64 KiB: tells whether it is still the same file.
    pub sample: String,
}

impl Shard {
    /// Reads it behind a panic barrier. What is wrong with the shard itself, or with our reading of it, is logged and
    /// stops nothing else: it is the inner error. Trouble with our own files is the outer one.
    pub(crate) fn read_guarded<R>(
        &self,
        read: impl FnOnce() -> Result<R>,
    ) -> Result<std::result::Result<R, Error>> {
        let error = match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok(found)) => return Ok(Ok(found)),
            Ok(Err(error)) if error.path() == Some(&self.path) => error,
            Ok(Err(error)) => return Err(error),
            Err(_) => Error::internal("the reader panicked").at(&self.path),
        };
        tracing::warn!("{error}");
        Ok(Err(error))
    }

    /// Refuses a shard that has other than the planned length when it was read to its end.
    pub(crate) fn check_length(&self, bytes: u64) -> Result<()> {
        if bytes == self.bytes {
            return Ok(());
        }
        let changed = format!("it had {} bytes and has {bytes}", self.bytes);
        Err(Error::new(Exit::Io, "E-CHANGED", changed).at(&self.path))
    }
}

fn as_text<S: Serializer>(path: &Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// Finds the shards of `inputs`: sorted by name, each once, at most `limit` of them.
///
/// # Errors
/// An input that does not exist, a folder or pattern without shards, a crawl name.
pub fn find(inputs: &[impl AsRef<OsStr>], limit: Option<u64>) -> Result<Vec<Shard>> {
    let mut paths: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for input in inputs {
        for path in expand(input.as_ref())? {
            let real = fs::canonicalize(&path).map_err(|e| not_found(&path, &e))?;
            let path = std::path::absolute(&path).map_err(|e| Error::io(&path, &e))?;
            // Of several spellings of one file the least counts, whatever the order of inputs.
            let spelling = paths.entry(real).or_insert_with(|| path.clone());
            *spelling = path.min(std::mem::take(spelling));
        }
    }
    let paths: Vec<PathBuf> = paths.into_values().collect();
    let mut named: Vec<(String, PathBuf)> = names(&paths).into_iter().zip(paths).collect();
    named.sort();
    named.truncate(limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    }));
    named
        .into_iter()
        .map(|(name, path)| look_at(name, path))
        .collect()
}

/// Turns one INPUT into paths of files.
fn expand(input: &OsStr) -> Result<Vec<PathBuf>> {
    let path = Path::new(input);
    // What is no text is no address, list, crawl name or pattern.
    let text = input.to_str().unwrap_or_default();
    if text.contains("://") {
        return Err(Error::usage(format!(
            "{} is an address; this version reads local shards",
            quoted(text)
        ))
        .remedy("download the shard first and give its path"));
    }
    if path.is_dir() {
        return shards_in(path);
    }
    if is_list(text) {
        return listed(path);
    }
    if path.exists() {
        return Ok(vec![path.to_owned()]);
    }
    if is_crawl_name(text) {
        return Err(Error::usage(format!(
            "{} names a crawl, and no crawl of that name is known here; this version reads local shards",
            quoted(text)
        ))
        .remedy("download some of its shards first and give their folder"));
    }
    if text.contains(['*', '?', '[']) {
        return matching(text);
    }
    Err(not_found(
        path,
        &std::io::Error::from(std::io::ErrorKind::NotFound),
    ))
}

fn not_found(path: &Path, source: &std::io::Error) -> Error {
    if source.kind() == std::io::ErrorKind::NotFound {
        Error::usage("no such file or folder, and no crawl has that name")
            .at(path)
            .remedy("give shard files, a folder of them, a pattern, or a `*.paths.gz` list")
    } else {
        Error::io(path, source)
    }
}

/// Says whether `input` looks like `CC-MAIN-2026-43`, `2026-43` or `latest`.
fn is_crawl_name(input: &str) -> bool {
    let short = input.strip_prefix("CC-MAIN-").unwrap_or(input);
    let is_week = short.split_once('-').is_some_and(|(year, week)| {
        year.len() == 4
            && [year, week]
                .iter()
                .all(|part| part.bytes().all(|b| b.is_ascii_digit()))
    });
    input == "latest" || is_week || input.starts_with("CC-MAIN-")
}

fn is_list(input: &str) -> bool {
    input.ends_with(".paths.gz") || input.ends_with(".paths")
}

/// Says whether a file's name is that of a shard; in folders, other files are passed over.
fn is_shard_name(name: &str) -> bool {
    let plain = [".gz", ".zst"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name);
    [".warc", ".wat", ".wet"]
        .iter()
        .any(|end| plain.ends_with(end))
}

/// The shards below a folder, at any depth.
fn shards_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).map_err(|e| Error::io(&next, &e))? {
            let entry = entry.map_err(|e| Error::io(&next, &e))?;
            let kind = entry.file_type().map_err(|e| Error::io(entry.path(), &e))?;
            // A linked folder could lead back here; a linked file is welcome.
            if kind.is_dir() {
                folders.push(entry.path());
            } else if is_shard_name(&entry.file_name().to_string_lossy()) {
                found.push(entry.path());
            }
        }
    }
    if found.is_empty() {
        return Err(Error::usage("the folder holds no shard")
            .at(folder)
            .remedy("shards end in .warc, .wat or .wet, with .gz or .zst behind or not"));
    }
    Ok(found)
}

/// The files that a pattern matches.
fn matching(pattern: &str) -> Result<Vec<PathBuf>> {
    let entries = glob::glob(pattern)
        .map_err(|e| Error::usage(format!("{} is not a pattern: {}", quoted(pattern), e.msg)))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io(e.path(), e.error()))?;
        match path.is_dir() {
            true => found.extend(shards_in(&path)?),
            false => found.push(path),
        }
    }
    if found.is_empty() {
        return Err(Error::usage(format!("nothing matches {}", quoted(pattern))));
    }
    Ok(found)
}

/// The local files that a list of paths names, relative to the list's folder or to the working folder.
fn listed(list: &Path) -> Result<Vec<PathBuf>> {
    let file = File::open(list).map_err(|e| not_found(list, &e))?;
    let reader: Box<dyn std::io::Read> = match list.extension().is_some_and(|end| end == "gz") {
        true => Box::new(flate2::read::MultiGzDecoder::new(file)),
        false => Box::new(file),
    };
    let folder = list.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    for (number, line) in BufReader::new(reader.take(1 << 30)).lines().enumerate() {
        let line = line.map_err(|e| Error::usage(format!("line {}: {e}", number + 1)).at(list))?;
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let path = Path::new(line);
        // A list may come from anywhere: it names files below its folder, not others.
        if path
            .components()
            .any(|part| !matches!(part, Component::Normal(_)))
            || line.contains('\0')
        {
            return Err(Error::usage(format!(
                "line {}: {} leaves the list's folder",
                number + 1,
                quoted(line)
            ))
            .at(list)
            .remedy("paths in a list are relative, without `..`"));
        }
        match [folder.join(path), path.to_owned()]
            .into_iter()
            .find(|path| path.exists())
        {
            Some(path) => found.push(path),
            None => {
                return Err(Error::usage(format!(
                    "line {}: {} is not here",
                    number + 1,
                    quoted(line)
                ))
                .at(list)
                .remedy("this version reads local shards: download them beside the list"));
            }
        }
    }
    if found.is_empty() {
        return Err(Error::usage("the list names no shard").at(list));
    }
    Ok(found)
}

/// Gives each path its shortest end, in whole components, that no other path has.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let ends = |path: &Path, components: usize| -> String {
        let all: Vec<_> = path
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => Some(escaped(name.as_encoded_bytes())),
                Component::ParentDir => Some("..".to_owned()),
                _ => None,
            })
            .collect();
        all[all.len().saturating_sub(components)..].join("/")
    };
    let mut names: Vec<String> = paths.iter().map(|path| ends(path, 1)).collect();
    let deepest = paths
        .iter()
        .map(|path| path.components().count())
        .max()
        .unwrap_or(0);
    for components in 2..=deepest {
        let mut seen = BTreeSet::new();
        let doubled: BTreeSet<String> = names
            .iter()
            .filter(|name| !seen.insert(name.as_str()))
            .cloned()
            .collect();
        if doubled.is_empty() {
            break;
        }
        for (name, path) in names.iter_mut().zip(paths) {
            if doubled.contains(name) {
                *name = ends(path, components);
            }
        }
    }
    // Bytes that are no text can look alike when they are escaped.
    let mut seen = BTreeMap::new();
    for name in &mut names {
        let count = seen.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            name.push_str(&format!(" ({count})"));
        }
    }
    names
}

/// A shard's bytes as they are read: shown as progress, and ended when a stop is asked for.
pub struct Watched<'a> {
    file: File,
    interrupt: &'a Interrupt,
    progress: &'a Progress,
}

impl<'a> Watched<'a> {
    /// Opens the shard at `path`.
    pub fn open(path: &Path, interrupt: &'a Interrupt, progress: &'a Progress) -> Result<Self> {
        Ok(Watched {
            file: File::open(path).map_err(|e| Error::io(path, &e))?,
            interrupt,
            progress,
        })
    }
}

impl std::io::Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.interrupt.is_requested() {
            return Err(std::io::Error::other("interrupted"));
        }
        let read = self.file.read(buffer)?;
        self.progress.advance(read as u64);
        Ok(read)
    }
}

/// Takes a shard's length and sample.
fn look_at(name: String, path: PathBuf) -> Result<Shard> {
    let on = |e: std::io::Error| Error::io(&path, &e);
    let metadata = fs::metadata(&path).map_err(on)?;
    if !metadata.is_file() {
        return Err(Error::usage("not a regular file")
            .at(&path)
            .remedy("give shard files, or a folder of them"));
    }
    let (bytes, sample) = sample(&path).map_err(on)?;
    Ok(Shard {
        name,
        path,
        bytes,
        sample,
    })
}

/// Returns a file's length and the BLAKE3 of its two ends.
pub fn sample(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut hasher = blake3::Hasher::new();
    let mut ends = Vec::new();
    (&mut file).take(SAMPLE_BYTES).read_to_end(&mut ends)?;
    if bytes > SAMPLE_BYTES {
        file.seek(SeekFrom::Start(
            bytes.saturating_sub(SAMPLE_BYTES).max(SAMPLE_BYTES),
        ))?;
        file.take(SAMPLE_BYTES).read_to_end(&mut ends)?;
    }
    hasher.update(&ends);
    Ok((bytes, hasher.finalize().to_hex()[..32].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_shortest_end_that_no_other_path_has() {
        let paths = ["/a/x/1.wat", "/b/x/1.wat", "/a/2.wat"].map(PathBuf::from);
        assert_eq!(names(&paths), ["a/x/1.wat", "b/x/1.wat", "2.wat"]);
        let paths = ["/d/a/../x/1.wat", "/d/a/x/1.wat"].map(PathBuf::from);
        assert_eq!(names(&paths), ["../x/1.wat", "a/x/1.wat"]);
    }

    #[test]
    fn crawl_names_are_recognised() {
        for name in ["CC-MAIN-2026-43", "2026-43", "latest"] {
            assert!(is_crawl_name(name), "{name}");
        }
        assert!(!is_crawl_name("2026-43.wat"));
    }

    #[test]
    fn a_list_cannot_leave_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("wat.paths");
        fs::write(&list, "../secret.wat\n").unwrap();
        let error = find(&[list.to_string_lossy().into_owned()], None).unwrap_err();
        assert!(
            error.to_string().contains("leaves the list's folder"),
            "{error}"
        );
    }

    #[test]
    fn shards_come_sorted_and_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.wat.gz", "a.warc.zst", "notes.txt"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let input = folder.path().to_string_lossy().into_owned();
        let shards = find(&[format!("{input}/b*"), input], None).unwrap();
        assert_eq!(
            shards.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
            ["a.warc.zst", "b.wat.gz"]
        );
    }
}
