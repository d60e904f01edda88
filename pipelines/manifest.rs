//! The manifest `run.json`: what a run is, and every output that it committed. Its rename is the run's one commit point.
//!
//! An output counts when the manifest lists it, whatever lies in the directory. The file carries its own checksum over
//! every byte before it, so that a flipped or cut manifest is found when it is opened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crawlrank_graph::Graph;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Exit, Result};
use crate::recipe::{Recipe, Shaping};
use crate::run::RunDir;
use crate::shard::Shard;
use crate::stages::rank::Report;

/// Version of the run directory's layout and files.
pub const FORMAT: u32 = 1;

/// One file of an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its content.
    pub blake3: String,
}

/// One committed output: a file, or a folder of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its files by their paths below the run directory; without the arrays of a graph, which `graph.json` covers.
    pub files: BTreeMap<String, FileEntry>,
    /// For a part: the shards it covers, as positions in `shards.jsonl`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<u32>,
    /// For a part: the time that one thread spent on reading its shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// For a part: whether a cluster has read its shards, which hands over tables in place of graphs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_cluster: bool,
}

/// A finished file or folder that waits for its name.
pub struct Finished {
    /// Where it lies.
    pub scratch: PathBuf,
    /// The name it is to have.
    pub name: String,
    /// The shards that it covers.
    pub shards: Vec<u32>,
    /// The time that one thread spent on reading them.
    pub milliseconds: Option<u64>,
    /// Whether a cluster has read them.
    pub of_cluster: bool,
}

/// What every format of `run.json` has.
#[derive(Deserialize)]
struct Probe {
    format: u32,
}

/// What `run.json` holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The program's version that made the run.
    pub version: String,
    /// Hash of the parameters that shape results and of the inputs.
    pub run_id: String,
    /// The parameters that shape results.
    pub shaping: Shaping,
    /// Number of shards.
    pub num_shards: u64,
    /// Length of all shards.
    pub shard_bytes: u64,
    /// Committed outputs by name, e.g. `parts/00000`, `graph/host`.
    pub outputs: BTreeMap<String, Output>,
    /// Whether every stage is done.
    pub complete: bool,
    /// Seconds since 1970 when the run began.
    pub started: u64,
    /// Seconds since 1970 of the last commit.
    pub updated: u64,
    /// Milliseconds spent in each stage, over all sessions.
    pub stage_milliseconds: BTreeMap<String, u64>,
}

impl Manifest {
    /// The manifest of a run that has done nothing yet.
    pub fn new(shaping: Shaping, shards: &[Shard]) -> Self {
        Manifest {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run_id: run_id(&shaping, shards),
            shaping,
            num_shards: shards.len() as u64,
            shard_bytes: shards.iter().map(|shard| shard.bytes).sum(),
            outputs: BTreeMap::new(),
            complete: false,
            started: seconds_since_1970(),
            updated: seconds_since_1970(),
            stage_milliseconds: BTreeMap::new(),
        }
    }

    /// Opens a run's manifest and checks its checksum.
    ///
    /// # Errors
    /// Exit 2 when the directory holds no run or one of another format, 5 when the file is damaged.
    pub fn open(run: &RunDir) -> Result<Self> {
        let path = run.manifest();
        let bytes = fs::read(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
                let found = match fs::metadata(run.root()) {
                    Ok(found) if found.is_dir() => "not a run directory: it holds no `run.json`",
                    Ok(_) => "not a run directory, but a file; give the folder that `--out` named",
                    Err(_) => "not a run directory: there is none of that name",
                };
                Error::usage(found).at(run.root())
            }
            _ => Error::io(&path, &e),
        })?;
        let damaged = |what: &str| {
            Error::new(Exit::Damaged, "E-MANIFEST", what)
                .at(&path)
                .remedy("restore `run.json` from a copy, or run again with another --out")
        };
        let body = unseal(&bytes).ok_or_else(|| damaged("the checksum does not hold"))?;
        let no_manifest = |e: serde_json::Error| damaged(&format!("not a manifest: {e}"));
        // First the format alone: the rest of another one may be anything.
        let Probe { format } = serde_json::from_slice(&body).map_err(no_manifest)?;
        if format != FORMAT {
            return Err(Error::usage(format!(
                "the run has format {format}, this program reads format {FORMAT}"
            ))
            .at(&path)
            .remedy("open it with the version of crawlrank that made it, or a later one"));
        }
        serde_json::from_slice(&body).map_err(no_manifest)
    }

    /// Positions of the shards that a part covers.
    pub fn done_shards(&self) -> BTreeSet<u32> {
        self.outputs
            .values()
            .flat_map(|output| &output.shards)
            .copied()
            .collect()
    }

    /// Names of the committed parts, in order of their numbers.
    pub fn parts(&self) -> Vec<&str> {
        let mut parts: Vec<(u64, &str)> = self.numbered_parts().collect();
        parts.sort_unstable();
        parts.into_iter().map(|(_, name)| name).collect()
    }

    /// Whether a cluster has read the shards.
    pub fn is_of_cluster(&self) -> bool {
        self.outputs.values().any(|output| output.of_cluster)
    }

    /// The number of the next part.
    pub fn next_part(&self) -> u64 {
        let last = self.numbered_parts().map(|(number, _)| number).max();
        last.map_or(0, |last| last + 1)
    }

    fn numbered_parts(&self) -> impl Iterator<Item = (u64, &str)> {
        self.outputs.keys().filter_map(|name| {
            let number = name.strip_prefix("parts/")?.parse().ok()?;
            Some((number, name.as_str()))
        })
    }

    /// Says whether a file of an output is committed.
    pub fn lists(&self, output: &str, file: &str) -> bool {
        let output = self.outputs.get(output);
        output.is_some_and(|output| output.files.contains_key(file))
    }

    /// Says how `other` differs in what shapes results, parameter by parameter.
    pub fn differences(&self, other: &Manifest) -> Vec<String> {
        let (old, new) = (&self.shaping.0, &other.shaping.0);
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let shown = |value: Option<&serde_json::Value>| {
            value.map_or("unset".to_owned(), ToString::to_string)
        };
        names
            .into_iter()
            .filter(|name| old.get(*name) != new.get(*name))
            .map(|name| {
                format!(
                    "`{name}` was {} and is {}",
                    shown(old.get(name)),
                    shown(new.get(name))
                )
            })
            .collect()
    }
}

/// Hashes what shapes results and the inputs: not threads, memory, folders or the order of inputs.
pub fn run_id(shaping: &Shaping, shards: &[Shard]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"crawlrank run 1\n");
    hasher.update(
        serde_json::Value::Object(shaping.0.clone())
            .to_string()
            .as_bytes(),
    );
    for shard in shards {
        hasher.update(format!("\n{} {} {}", shard.name, shard.bytes, shard.sample).as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// The manifest of the run that goes on now, shared by workers.
pub struct Commits {
    run: RunDir,
    manifest: Mutex<Manifest>,
}

impl Commits {
    /// Commits go to `run`, beginning with what `manifest` lists.
    pub fn new(run: RunDir, manifest: Manifest) -> Self {
        Commits {
            run,
            manifest: Mutex::new(manifest),
        }
    }

    /// The directory.
    pub fn run(&self) -> &RunDir {
        &self.run
    }

    /// Changes the manifest and writes it durably; both happen, or neither.
    pub fn commit<T>(&self, change: impl FnOnce(&mut Manifest) -> T) -> Result<T> {
        let mut manifest = self.lock();
        let mut next = manifest.clone();
        let value = change(&mut next);
        next.updated = seconds_since_1970();
        let body = serde_json::to_vec_pretty(&next).expect("a manifest is plain data");
        self.run.write(&self.run.manifest(), &seal(&body))?;
        *manifest = next;
        Ok(value)
    }

    /// Gives a finished file or folder its final name and lists it.
    ///
    /// # Panics
    /// When the output is listed already: what is committed never changes.
    pub fn publish(&self, scratch: &Path, name: &str, shards: Vec<u32>) -> Result<()> {
        self.publish_all(vec![Finished {
            scratch: scratch.to_owned(),
            name: name.to_owned(),
            shards,
            milliseconds: None,
            of_cluster: false,
        }])
    }

    /// The same for several outputs at once: all are listed, or none.
    ///
    /// # Panics
    /// When one is listed already.
    pub fn publish_all(&self, outputs: Vec<Finished>) -> Result<()> {
        let mut listed = Vec::with_capacity(outputs.len());
        for output in outputs {
            let name = output.name;
            assert!(!self.has(&name), "{name} is committed already");
            self.run.publish(&output.scratch, &name)?;
            let made = Output {
                files: list_files(&self.run, &name)?,
                shards: output.shards,
                milliseconds: output.milliseconds,
                of_cluster: output.of_cluster,
            };
            listed.push((name, made));
        }
        self.commit(|manifest| manifest.outputs.extend(listed))
    }

    /// The same for an output that may be there: the old one goes.
    pub fn replace(&self, scratch: &Path, name: &str) -> Result<()> {
        self.commit(|manifest| manifest.outputs.remove(name))?;
        crate::run::remove(&self.run.report())?;
        self.publish(scratch, name, Vec::new())
    }

    /// The same for an output that is made of others: it is listed and they are not, both at once; then they go away.
    pub fn publish_instead(&self, scratch: &Path, name: &str, others: &[String]) -> Result<()> {
        self.run.publish(scratch, name)?;
        let files = list_files(&self.run, name)?;
        self.commit(|manifest| {
            let made = Output {
                files,
                ..Output::default()
            };
            manifest.outputs.insert(name.to_owned(), made);
            for other in others {
                manifest.outputs.remove(other);
            }
        })?;
        others.iter().try_for_each(|other| self.run.remove(other))
    }

    /// Removes what a killed run left, scratch and outputs that are not listed, and makes an empty folder for scratch.
    pub fn clean(&self) -> Result<()> {
        let listed = self.manifest();
        self.run.clean(|name| listed.outputs.contains_key(name))
    }

    /// Takes outputs whose names begin so off the list, and then away: they are to be made anew. The table of a survey
    /// stays: it was made of other shards.
    pub fn forget(&self, beginnings: &[&str]) -> Result<()> {
        let forgotten = |name: &str| {
            name != RunDir::ROBOTS_TABLE && beginnings.iter().any(|begin| name.starts_with(begin))
        };
        let listed = self.manifest();
        let names: Vec<&String> = listed
            .outputs
            .keys()
            .filter(|name| forgotten(name))
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        self.commit(|manifest| {
            manifest.outputs.retain(|name, _| !forgotten(name));
            manifest.complete = false;
        })?;
        // The report tells of what is forgotten now.
        crate::run::remove(&self.run.report())?;
        names.into_iter().try_for_each(|name| self.run.remove(name))
    }

    /// A copy of the manifest as it stands.
    pub fn manifest(&self) -> Manifest {
        self.lock().clone()
    }

    /// Says whether the output is committed.
    pub fn has(&self, name: &str) -> bool {
        self.lock().outputs.contains_key(name)
    }

    /// Runs a stage and adds its time.
    pub fn timed<T>(&self, stage: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let value = work()?;
        let spent = start.elapsed().as_millis() as u64;
        self.commit(|manifest| {
            *manifest
                .stage_milliseconds
                .entry(stage.to_owned())
                .or_default() += spent;
        })?;
        Ok(value)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Manifest> {
        // The manifest is replaced whole, after everything that can fail: a panic elsewhere leaves it sound.
        self.manifest
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Lists the files of an output with their lengths and digests; arrays and streams are left to the `graph.json` beside them.
fn list_files(run: &RunDir, name: &str) -> Result<BTreeMap<String, FileEntry>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![name.to_owned()];
    while let Some(name) = pending.pop() {
        let path = run.output(&name);
        let on = |e: std::io::Error| Error::io(&path, &e);
        if path.is_dir() {
            for entry in fs::read_dir(&path).map_err(on)? {
                let entry = entry.map_err(on)?;
                pending.push(format!("{name}/{}", entry.file_name().to_string_lossy()));
            }
            continue;
        }
        if is_graph_array(&path) {
            continue;
        }
        let bytes = fs::metadata(&path).map_err(on)?.len();
        let blake3 = digest(&path)?;
        files.insert(name, FileEntry { bytes, blake3 });
    }
    Ok(files)
}

/// Says whether the file is covered by the checksums of the graph it lies in, or by its own.
fn is_graph_array(path: &Path) -> bool {
    let covered = path
        .extension()
        .is_some_and(|end| end == "npy" || end == "stream");
    covered && path.with_file_name(GRAPH).exists()
}

/// The file that lists the arrays of a graph with their lengths and checksums.
const GRAPH: &str = "graph.json";

/// BLAKE3 of a file.
pub fn digest(path: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    File::open(path)
        .and_then(|file| hasher.update_reader(file).map(|_| ()))
        .map_err(|e| Error::io(path, &e))?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Appends the checksum of all that precedes it, as the last key of the object.
fn seal(object: &[u8]) -> Vec<u8> {
    let mut sealed = object.strip_suffix(b"\n}").unwrap_or(object).to_vec();
    let checksum = blake3::hash(&sealed).to_hex();
    sealed.extend_from_slice(format!("{CHECKSUM}{checksum}\"\n}}\n").as_bytes());
    sealed
}

const CHECKSUM: &str = ",\n  \"checksum\": \"";

/// Returns the object that [`seal`] was given, or nothing when any byte differs.
fn unseal(sealed: &[u8]) -> Option<Vec<u8>> {
    let at = sealed
        .len()
        .checked_sub(CHECKSUM.len() + 64 + "\"\n}\n".len())?;
    let object = [&sealed[..at], b"\n}"].concat();
    (seal(&object) == sealed).then_some(object)
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Opens the run for work: takes the manifest that is there when it is the same run, else makes a new one.
///
/// # Errors
/// Exit 2 when the directory holds a run of other parameters or inputs, naming the difference.
pub fn begin(
    run: &RunDir,
    shaping: Shaping,
    shards: &[Shard],
    recipe_toml: &str,
) -> Result<Commits> {
    let planned = Manifest::new(shaping, shards);
    let manifest = if run.manifest().exists() {
        Some(Manifest::open(run)?)
    } else {
        None
    };
    if let Some(before) = &manifest {
        if before.run_id != planned.run_id {
            return Err(refuse_other_run(run, before, &planned, shards));
        }
    }
    let commits = Commits::new(run.clone(), manifest.unwrap_or(planned));
    commits.commit(|manifest| keep_present(run, manifest))?;
    commits.clean()?;
    write_plan(&commits, shards, recipe_toml)?;
    Ok(commits)
}

/// Opens a run whose graphs are made to rank it again: its ranks and tables go, and its identity is that of the new
/// parameters. A ranking that was stopped goes on.
pub fn rerank(
    run: &RunDir,
    before: Manifest,
    recipe: &Recipe,
    shards: &[Shard],
) -> Result<Commits> {
    let commits = Commits::new(run.clone(), before);
    let shaping = recipe.shaping();
    let run_id = run_id(&shaping, shards);
    let now = commits.manifest();
    let reports = Report::all(run, &now)?;
    let is_whole = reports
        .values()
        .all(|report| report.harmonic_left_out.is_none());
    let goes_on = !now.complete && now.run_id == run_id && is_whole;
    if !goes_on {
        commits.forget(&["ranks/", "tables/"])?;
    }
    commits.commit(|manifest| {
        (manifest.shaping, manifest.run_id) = (shaping, run_id);
        keep_present(run, manifest);
    })?;
    commits.clean()?;
    write_plan(&commits, shards, &recipe.to_toml())?;
    Ok(commits)
}

/// Files that every start writes anew: off the list first, so that a kill between leaves no file that differs from it.
const PLAN: [&str; 2] = ["run.toml", "shards.jsonl"];

/// Writes the recipe and the list of shards, and lists both.
fn write_plan(commits: &Commits, shards: &[Shard], recipe_toml: &str) -> Result<()> {
    let run = commits.run();
    run.write(&run.recipe(), recipe_toml.as_bytes())?;
    run.write(&run.shards(), shard_lines(shards).as_bytes())?;
    for name in PLAN {
        let files = list_files(run, name)?;
        commits.commit(|manifest| {
            manifest.outputs.insert(
                name.to_owned(),
                Output {
                    files,
                    ..Output::default()
                },
            )
        })?;
    }
    Ok(())
}

/// Takes off the list what is to be made again: outputs that went away, and the files that every start writes.
fn keep_present(run: &RunDir, manifest: &mut Manifest) {
    let keeps = |name: &str, output: &Output| !PLAN.contains(&name) && is_present(run, output);
    manifest.outputs.retain(|name, output| keeps(name, output));
}

/// An output whose files went away, or have another length, is made again.
fn is_present(run: &RunDir, output: &Output) -> bool {
    output.files.iter().all(|(name, entry)| {
        let path = run.output(name);
        let there = fs::metadata(&path).is_ok_and(|file| file.len() == entry.bytes)
            && (!path.ends_with(GRAPH) || opens_as_graph(&path));
        if !there {
            tracing::warn!(file = %path.display(), "committed file is gone or changed; it is made again");
        }
        there
    })
}

/// Opening a graph checks that its arrays are there, with their types and lengths.
fn opens_as_graph(graph_json: &Path) -> bool {
    graph_json
        .parent()
        .is_some_and(|folder| Graph::open(folder).is_ok())
}

fn refuse_other_run(
    run: &RunDir,
    before: &Manifest,
    planned: &Manifest,
    shards: &[Shard],
) -> Error {
    let mut differences = before.differences(planned);
    if differences.is_empty() {
        differences.push(input_difference(run, shards));
    }
    Error::new(
        Exit::Usage,
        "E-OTHER-RUN",
        format!(
            "the directory holds a run of other parameters: {}",
            differences.join(", ")
        ),
    )
    .at(run.root())
    .remedy("give the same parameters and inputs, or another --out")
}

/// Names the first input in which two runs differ.
fn input_difference(run: &RunDir, shards: &[Shard]) -> String {
    let before: BTreeMap<String, Shard> = read_shards(run)
        .unwrap_or_default()
        .into_iter()
        .map(|shard| (shard.name.clone(), shard))
        .collect();
    let names: BTreeSet<&str> = shards.iter().map(|shard| shard.name.as_str()).collect();
    for shard in shards {
        match before.get(&shard.name) {
            None => return format!("shard `{}` was not an input", shard.name),
            Some(old) if old.bytes != shard.bytes => {
                return format!(
                    "shard `{}` had {} bytes and has {}",
                    shard.name, old.bytes, shard.bytes
                );
            }
            Some(old) if old.sample != shard.sample => {
                return format!("shard `{}` has other content", shard.name);
            }
            Some(_) => {}
        }
    }
    match before.keys().find(|name| !names.contains(name.as_str())) {
        Some(name) => format!("shard `{name}` was an input and is not"),
        None => "the inputs differ".to_owned(),
    }
}

fn shard_lines(shards: &[Shard]) -> String {
    shards
        .iter()
        .map(|shard| serde_json::to_string(shard).expect("a shard is plain data") + "\n")
        .collect()
}

/// Reads the planned shards of a run.
pub fn read_shards(run: &RunDir) -> Result<Vec<Shard>> {
    let path = run.shards();
    let text = fs::read_to_string(&path).map_err(|e| Error::io(&path, &e))?;
    text.lines()
        .map(|line| {
            serde_json::from_str(line).map_err(|e| {
                Error::new(
                    Exit::Damaged,
                    "E-SHARDS",
                    format!("not a list of shards: {e}"),
                )
                .at(&path)
            })
        })
        .collect()
}

/// Checks that every committed file has its length and digest, and every graph its checksums.
pub fn verify(run: &RunDir, check_interrupt: impl Fn() -> Result<()>) -> Result<Vec<Error>> {
    let manifest = Manifest::open(run)?;
    let mut wrong = Vec::new();
    for output in manifest.outputs.values() {
        for (name, entry) in &output.files {
            check_interrupt()?;
            wrong.extend(verify_file(run, name, entry).err());
        }
    }
    let shards = read_shards(run);
    if !shards.is_ok_and(|shards| run_id(&manifest.shaping, &shards) == manifest.run_id) {
        let found = "the list of shards is not that of this run";
        wrong.push(Error::new(Exit::Damaged, "E-SHARDS", found).at(run.shards()));
    }
    Ok(wrong)
}

/// Checks the accounts of all parts before they become tables.
///
/// # Errors
/// Exit 5, naming the first file that is not as it was committed.
pub fn verify_accounts(run: &RunDir, manifest: &Manifest) -> Result<()> {
    let parts = manifest.parts().into_iter();
    let mut files = parts.flat_map(|part| &manifest.outputs[part].files);
    files.try_for_each(|(name, entry)| match name.ends_with(".jsonl") {
        true => verify_file(run, name, entry),
        false => Ok(()),
    })
}

/// Checks every byte of one committed output before it is built upon.
///
/// # Errors
/// Exit 5, naming the first file that is not as it was committed.
pub fn verify_output(run: &RunDir, manifest: &Manifest, name: &str) -> Result<()> {
    let files = manifest.outputs.get(name).map(|output| &output.files);
    let mut files = files.into_iter().flatten();
    files.try_for_each(|(name, entry)| verify_file(run, name, entry))
}

fn verify_file(run: &RunDir, name: &str, entry: &FileEntry) -> Result<()> {
    let path = run.output(name);
    let damaged = |found: String| {
        Error::new(Exit::Damaged, "E-VERIFY", found)
            .at(&path)
            .remedy("remove the file and run the same `crawlrank run` again: it is made anew")
    };
    let bytes = fs::metadata(&path)
        .map_err(|e| damaged(e.to_string()))?
        .len();
    if bytes != entry.bytes {
        return Err(damaged(format!(
            "found {bytes} bytes, expected {}",
            entry.bytes
        )));
    }
    let found = digest(&path)?;
    if found != entry.blake3 {
        let expected = &entry.blake3;
        return Err(damaged(format!(
            "found BLAKE3 {found}, expected {expected}"
        )));
    }
    if path.ends_with(GRAPH) {
        let folder = path.parent().unwrap_or(run.root());
        Graph::open(folder)
            .and_then(|graph| graph.verify())
            .map_err(|e| damaged(e.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_or_missing_byte_of_a_manifest_is_found() {
        let sealed = seal(b"{\n  \"a\": 1\n}");
        assert_eq!(unseal(&sealed).unwrap(), b"{\n  \"a\": 1\n}");
        assert!(serde_json::from_slice::<serde_json::Value>(&sealed).is_ok());
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert_eq!(unseal(&flipped), None, "byte {at}");
            assert_eq!(unseal(&sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn a_run_of_a_later_format_is_called_so() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::new(dir.path());
        let later = seal(b"{\n  \"format\": 7,\n  \"outputs\": []\n}");
        fs::write(run.manifest(), later).unwrap();
        let error = Manifest::open(&run).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        let text = error.to_string();
        assert!(text.contains("format 7, this program reads"), "{text}");
    }

    #[test]
    fn parts_are_in_order_of_their_numbers() {
        let mut manifest = Manifest::new(Recipe::default().shaping(), &[]);
        assert_eq!(manifest.next_part(), 0);
        for name in ["parts/99999", "parts/100000", "parts/00002", "graph/host"] {
            manifest.outputs.insert(name.to_owned(), Output::default());
        }
        let expected = ["parts/00002", "parts/99999", "parts/100000"];
        assert_eq!(manifest.parts(), expected);
        assert_eq!(manifest.next_part(), 100_001);
    }

    #[test]
    fn the_run_id_knows_parameters_and_content_only() {
        let shard = |path: &str, sample: &str| Shard {
            name: "a.wat".into(),
            path: path.into(),
            bytes: 5,
            sample: sample.into(),
            remote: None,
        };
        let shaping = Recipe::default().shaping();
        let id = run_id(&shaping, &[shard("/x/a.wat", "1")]);
        assert_eq!(id, run_id(&shaping, &[shard("/y/a.wat", "1")]));
        assert_ne!(id, run_id(&shaping, &[shard("/x/a.wat", "2")]));
    }

    #[test]
    fn another_parameter_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        begin(&run, Recipe::default().shaping(), &[], "").unwrap();
        let other = Recipe {
            damping: 0.5,
            ..Recipe::default()
        };
        let error = begin(&run, other.shaping(), &[], "").err().unwrap();
        assert_eq!(error.exit(), Exit::Usage);
        assert!(
            error.to_string().contains("`damping` was 0.85 and is 0.5"),
            "{error}"
        );
    }

    #[test]
    fn a_committed_file_that_went_away_is_no_longer_listed() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::new(folder.path());
        let commits = begin(&run, Recipe::default().shaping(), &[], "").unwrap();
        fs::write(run.tmp().join("x"), "data").unwrap();
        commits
            .publish(&run.tmp().join("x"), "ranks/host", Vec::new())
            .unwrap();
        assert!(verify(&run, || Ok(())).unwrap().is_empty());
        fs::remove_file(run.output("ranks/host")).unwrap();
        let commits = begin(&run, Recipe::default().shaping(), &[], "").unwrap();
        assert!(!commits.has("ranks/host"));
    }
}
