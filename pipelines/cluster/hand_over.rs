//! Tables that a cluster has made, taken up as a run.
//!
//! First come the accounts: they are a part of the run without graphs, which covers all shards, and say whether more was lost than is allowed.
//! Then come the tables of nodes and edges, without scores. Of these `crawlrank rank` makes the graphs, ranks them, and writes the tables anew,
//! so that in the end there is nothing to tell the run from one that was made on one machine.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use super::rows::Account;
use crate::accounts::{self, AccountWriter, FaultRow, Outcome, ShardRow};
use crate::error::{Error, Exit, Result};
use crate::manifest::{self, Finished, Manifest};
use crate::recipe::{Recipe, Shaping};
use crate::run::{self, RunDir};
use crate::shard::Shard;
use crate::stages::export;

/// What a cluster tells of shards: files of a JSON object a line, as the rows of [`rows`](super::rows) have them.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Accounts, in any order; several of one shard where it was read in pieces.
    pub accounts: &'a Path,
    /// Faults, by shard, then offset.
    pub faults: &'a Path,
}

/// Parameters that change nothing before ranks are made.
const OF_RANKS: [&str; 5] = [
    "damping",
    "tolerance",
    "max_iterations",
    "harmonic",
    "harmonic_log2m",
];

/// Whether `out` has the graphs of these shards already: then there is nothing left for a cluster to build.
///
/// # Errors
/// Exit 2 for a directory of another run.
pub fn is_built(out: &Path, recipe: &Recipe, shards: &[Shard]) -> Result<bool> {
    let run = RunDir::new(out);
    if !run.manifest().exists() {
        return Ok(false);
    }
    let manifest = Manifest::open(&run)?;
    let graphs = recipe.level.iter().map(|&level| RunDir::graph(level));
    let has_graphs = graphs
        .into_iter()
        .any(|name| manifest.outputs.contains_key(&name));
    // The ranks may be those of other parameters by now.
    let without_ranks = |shaping: &Shaping| {
        let mut shaping = shaping.clone();
        OF_RANKS.iter().for_each(|name| {
            shaping.0.remove(*name);
        });
        shaping
    };
    let is_same = manifest::run_id(&manifest.shaping, shards) == manifest.run_id
        && without_ranks(&manifest.shaping) == without_ranks(&recipe.shaping());
    match has_graphs && !is_same {
        true => Err(Error::new(
            Exit::Usage,
            "E-OTHER-RUN",
            "the directory holds a run of other shards or parameters",
        )
        .at(out)
        .remedy("give the same, or another `out`")),
        false => Ok(has_graphs),
    }
}

/// What was lost of the shards of a run, in words; nothing where nothing was.
///
/// # Errors
/// Those of reading the accounts.
pub fn lost(out: &Path) -> Result<Option<String>> {
    let run = RunDir::new(out);
    let (manifest, recipe) = (Manifest::open(&run)?, Recipe::open(&run.recipe())?);
    let accounts = accounts::read(&run, &manifest.parts())?;
    let troubles = Outcome::of(&accounts, recipe.max_bad_records).troubles();
    Ok((!troubles.is_empty()).then(|| troubles.join("; ")))
}

/// Begins a run in the directory `out`, or goes on with the same; `shards` are all that were planned.
///
/// # Errors
/// Exit 4 when there is more damage than the recipe allows; what was told is kept, and the same again with a higher limit goes on. Exit 2 for a
/// directory of another run, 70 when what is told makes no sense.
pub fn begin(out: &Path, recipe: &Recipe, shards: &[Shard], told: Told<'_>) -> Result<Outcome> {
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    each_line(told.accounts, &mut |account: Account| {
        match accounts.get_mut(&account.planned.name) {
            Some(sum) => sum.row.add_piece(account.row),
            None => {
                accounts.insert(account.planned.name.clone(), account);
            }
        }
        Ok(())
    })?;
    check_accounts(shards, &accounts)?;
    let run = RunDir::new(out);
    let _lock = run.lock()?;
    let commits = manifest::begin(&run, recipe.shaping(), shards, &recipe.to_toml())?;
    let listed = commits.manifest();
    if !listed.parts().is_empty() && !listed.is_of_cluster() {
        return Err(
            Error::usage("the directory holds a run that one machine has begun")
                .at(out)
                .remedy("finish it by `crawlrank run`, or give another `out`"),
        );
    }
    if listed.parts().is_empty() {
        let folder = run.tmp().join("part-00000");
        write_part(&folder, accounts, told.faults)?;
        commits.publish_all(vec![Finished {
            scratch: folder,
            name: RunDir::part(0),
            shards: (0..shards.len() as u32).collect(),
            milliseconds: None,
            of_cluster: true,
        }])?;
    }
    export::export_accounts(&commits, &mut || {})?;
    let accounts = accounts::read(&run, &commits.manifest().parts())?;
    let outcome = Outcome::of(&accounts, recipe.max_bad_records);
    outcome.check(recipe, &run)?;
    Ok(outcome)
}

/// Refuses accounts that are not of the planned shards, whole.
fn check_accounts(shards: &[Shard], accounts: &BTreeMap<String, Account>) -> Result<()> {
    for shard in shards {
        let account = accounts.get(&shard.name);
        let read = account.map_or(0, |account| account.row.bytes);
        let is_whole =
            account.is_some_and(|account| account.row.failed.is_some() || read == shard.bytes);
        if !is_whole {
            let found = format!(
                "the cluster gave account of {read} of {} bytes",
                shard.bytes
            );
            return Err(Error::usage(found).at(&shard.path).remedy(
                "hand over all rows that the data source gave, of these shards and options",
            ));
        }
    }
    match accounts.len() == shards.len() {
        true => Ok(()),
        false => Err(Error::usage(
            "the cluster gave accounts of other shards, too",
        )),
    }
}

/// Gives tables their names in the run: files or folders by the names that the run has for them. Those that it has already stay; where there are
/// graphs, tables were made, and are not wanted any more.
///
/// # Errors
/// Exit 2 when `out` is no run.
pub fn publish(out: &Path, tables: &[(&Path, &str)]) -> Result<()> {
    let run = RunDir::new(out);
    let _lock = run.lock()?;
    let commits = manifest::Commits::new(run.clone(), Manifest::open(&run)?);
    if commits
        .manifest()
        .outputs
        .keys()
        .any(|name| name.starts_with("graph/"))
    {
        return Ok(());
    }
    let new = tables.iter().filter(|(_, name)| !commits.has(name));
    let finished = new.map(|(scratch, name)| Finished {
        scratch: scratch.to_path_buf(),
        name: (*name).to_owned(),
        shards: Vec::new(),
        milliseconds: None,
        of_cluster: false,
    });
    commits.publish_all(finished.collect())
}

/// Writes the accounts, by shard, and with each its faults, which come in the same order.
fn write_part(folder: &Path, accounts: BTreeMap<String, Account>, faults: &Path) -> Result<()> {
    run::remove(folder)?;
    fs::create_dir_all(folder).map_err(|e| Error::cannot_create(folder, &e))?;
    let mut part = AccountWriter::create(folder)?;
    // It is not read again by whoever goes on: what the cluster made of the others would have to be made anew.
    let rows = accounts.into_values();
    let mut rows = rows.map(|account| ShardRow {
        again: false,
        ..account.row
    });
    let mut open = rows.next();
    each_line(faults, &mut |fault: FaultRow| {
        while let Some(row) = open.take_if(|row| row.shard != fault.shard) {
            part.shard(row);
            open = rows.next();
        }
        part.fault(&fault)
    })?;
    for row in open.into_iter().chain(rows) {
        part.shard(row);
    }
    part.finish()
}

fn each_line<T: for<'a> serde::Deserialize<'a>>(
    path: &Path,
    each: &mut dyn FnMut(T) -> Result<()>,
) -> Result<()> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|e| Error::io(path, &e))?;
        let row = serde_json::from_str(&line)
            .map_err(|e| Error::internal(format!("not an account: {e}")).at(path))?;
        each(row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Context, OutputFormat};
    use crate::cluster::rows::{Piece, RowKind, Rows};
    use crate::commands::rank::rank_run;
    use crate::commands::run::{execute, work};
    use crate::interrupt::Interrupt;
    use crate::progress::Show;
    use crate::recipe::{Allowance, Level, Size};
    use crate::shard::{self, FindOptions};
    use crate::stages;
    use crate::synth::{self, SynthOptions};
    use arrow_array::cast::AsArray as _;
    use arrow_array::types::Int64Type;
    use arrow_array::{Array as _, ArrayRef, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::sync::Arc;

    fn context() -> Context {
        Context {
            interrupt: Interrupt::default(),
            progress: Show::Nothing,
            output: OutputFormat::Table,
        }
    }

    fn recipe() -> Recipe {
        Recipe {
            level: vec![Level::Host],
            edge_pages: true,
            harmonic_log2m: 4,
            memory: Some(Size(256 << 20)),
            max_bad_records: Allowance::Count(0),
            ..Recipe::default()
        }
    }

    /// Sound shards, and one with a flipped byte.
    fn shards(folder: &Path) -> Vec<Shard> {
        let options = SynthOptions {
            out: folder.join("shards"),
            shards: 3,
            pages_per_shard: 5,
            hosts: 40,
            ..SynthOptions::default()
        };
        synth::generate(&options, &|_| Ok(())).unwrap();
        let found = shard::find(&[&options.out], &FindOptions::local(None)).unwrap();
        let mut bytes = fs::read(&found[1].path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        fs::write(&found[1].path, bytes).unwrap();
        shard::find(&[&options.out], &FindOptions::local(None)).unwrap()
    }

    /// What a cluster makes of the rows of all shards, by the plainest means.
    #[derive(Default)]
    struct Cluster {
        accounts: Vec<String>,
        faults: Vec<String>,
        pages: BTreeMap<String, i64>,
        edges: BTreeMap<(String, String), i64>,
    }

    impl Cluster {
        fn read(&mut self, shard: &Shard, tmp: &Path) {
            let piece = Piece {
                shard: shard.clone(),
                bytes: 0..shard.bytes,
            };
            let input = Box::new(File::open(&shard.path).unwrap());
            let kind = RowKind::Pairs(Level::Host);
            let mut rows = Rows::new(&kind, &recipe(), piece, input, tmp, 1 << 20).unwrap();
            while let Some(batch) = rows.next_batch().unwrap() {
                let text = |column: &str| batch.column_by_name(column).unwrap().as_string::<i32>();
                let value = |column: &StringArray, row: usize| {
                    column.is_valid(row).then(|| column.value(row).to_owned())
                };
                let pages = batch.column_by_name("pages").unwrap();
                for row in 0..batch.num_rows() {
                    let of = |column| value(text(column), row);
                    assert_eq!(of("shard").as_ref(), Some(&shard.name));
                    self.accounts.extend(of("account"));
                    self.faults.extend(of("fault"));
                    let pages = pages.as_primitive::<Int64Type>().value(row);
                    match (of("source"), of("target")) {
                        (Some(source), Some(target)) => {
                            self.pages.entry(source.clone()).or_default();
                            self.pages.entry(target.clone()).or_default();
                            *self.edges.entry((source, target)).or_default() += pages;
                        }
                        (Some(source), None) => *self.pages.entry(source).or_default() += pages,
                        _ => {}
                    }
                }
            }
        }

        /// Writes what was told, and the tables; returns where these are.
        fn write(&self, folder: &Path) -> [PathBuf; 4] {
            let [accounts, faults, nodes, edges] =
                ["accounts", "faults", "nodes", "edges"].map(|name| folder.join(name));
            for (path, lines) in [(&accounts, &self.accounts), (&faults, &self.faults)] {
                let mut file = File::create(path).unwrap();
                lines
                    .iter()
                    .for_each(|line| writeln!(file, "{line}").unwrap());
            }
            let names: Vec<&String> = self.pages.keys().collect();
            let id = |name: &String| names.binary_search(&name).unwrap() as i64;
            let numbers = |values: &mut dyn Iterator<Item = i64>| -> ArrayRef {
                Arc::new(Int64Array::from_iter_values(values))
            };
            let host_rev: ArrayRef = Arc::new(StringArray::from_iter_values(&names));
            let pages = numbers(&mut self.pages.values().copied());
            write_table(&nodes, vec![("host_rev", host_rev), ("pages", pages)]);
            let ends = self.edges.keys();
            let columns = vec![
                (
                    "source",
                    numbers(&mut ends.clone().map(|(source, _)| id(source))),
                ),
                ("target", numbers(&mut ends.map(|(_, target)| id(target)))),
                ("pages", numbers(&mut self.edges.values().copied())),
            ];
            write_table(&edges, columns);
            [accounts, faults, nodes, edges]
        }
    }

    /// A folder of one file.
    fn write_table(folder: &Path, columns: Vec<(&str, ArrayRef)>) {
        fs::create_dir(folder).unwrap();
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = File::create(folder.join("00000.parquet")).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    /// Where that is which a cluster made of shards.
    struct HandedOver {
        accounts: PathBuf,
        faults: PathBuf,
        nodes: PathBuf,
        edges: PathBuf,
    }

    impl HandedOver {
        fn of(shards: &[Shard], folder: &Path) -> Self {
            let mut cluster = Cluster::default();
            shards.iter().for_each(|shard| cluster.read(shard, folder));
            let [accounts, faults, nodes, edges] = cluster.write(folder);
            HandedOver {
                accounts,
                faults,
                nodes,
                edges,
            }
        }

        fn told(&self) -> Told<'_> {
            Told {
                accounts: &self.accounts,
                faults: &self.faults,
            }
        }

        fn publish(&self, out: &Path) {
            let (nodes, edges) = (
                RunDir::nodes_table(Level::Host),
                RunDir::edges_table(Level::Host),
            );
            publish(out, &[(&self.nodes, &nodes), (&self.edges, &edges)]).unwrap();
        }
    }

    /// All outputs of a run are those of another one, but for times.
    fn assert_same(made: &Path, expected: &Path) {
        let (run, other) = (RunDir::new(made), RunDir::new(expected));
        let (made, expected) = (
            Manifest::open(&run).unwrap(),
            Manifest::open(&other).unwrap(),
        );
        assert_eq!(made.run_id, expected.run_id);
        for (name, output) in &expected.outputs {
            let is_time = name.starts_with("ranks/") || name.starts_with("parts/");
            if !is_time {
                assert_eq!(made.outputs[name].files, output.files, "{name}");
            }
        }
        assert_eq!(manifest::verify(&run, || Ok(())).unwrap().len(), 0);
    }

    #[test]
    fn what_a_cluster_made_becomes_the_run_of_one_machine() {
        let folder = tempfile::tempdir().unwrap();
        let (shards, out) = (shards(folder.path()), folder.path().join("run"));
        let one = folder.path().join("one");
        execute(&recipe(), &shards, &one, &context()).unwrap();
        let made = HandedOver::of(&shards, folder.path());
        let told = made.told();
        let strict = Recipe {
            strict: true,
            ..recipe()
        };
        let refused = begin(&out, &strict, &shards, told).unwrap_err();
        assert_eq!(refused.exit(), Exit::Refused);
        assert_eq!(begin(&out, &recipe(), &shards, told).unwrap().faults, 1);
        let words = lost(&out).unwrap().unwrap();
        assert!(
            words.starts_with("1 faults, ") && words.ends_with(" bytes lost; 1 bad shards"),
            "{words}"
        );
        // One machine does not take it for a run without pages meanwhile.
        let error = execute(&recipe(), &shards, &out, &context())
            .map(|_| ())
            .unwrap_err();
        assert!(error.to_string().contains("has not handed over"), "{error}");
        let error = rank_run(&out, Ok, &BTreeMap::new(), &context())
            .map(|_| ())
            .unwrap_err();
        assert!(error.to_string().contains("has not handed over"), "{error}");
        made.publish(&out);
        made.publish(&out); // there already, whatever becomes of the others
        assert!(!is_built(&out, &recipe(), &shards).unwrap());
        rank_run(&out, Ok, &BTreeMap::new(), &context()).unwrap();
        // Who comes again, even with other parameters of ranks, finds it built and changes nothing.
        let other_ranks = Recipe {
            damping: 0.5,
            ..recipe()
        };
        assert!(is_built(&out, &other_ranks, &shards).unwrap());
        assert!(is_built(&out, &recipe(), &shards[1..]).is_err());
        begin(&out, &recipe(), &shards, told).unwrap();
        assert_same(&out, &one);
        let graph = |run: &Path| fs::read(run.join("graph/host/graph.json")).unwrap();
        assert_eq!(graph(&out), graph(&one));
    }

    #[test]
    fn a_ranking_that_was_stopped_between_two_levels_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (shards, out) = (shards(folder.path()), folder.path().join("run"));
        let one = folder.path().join("one");
        let both = Recipe {
            level: vec![Level::Host, Level::Domain],
            ..recipe()
        };
        execute(&both, &shards, &one, &context()).unwrap();
        let made = HandedOver::of(&shards, folder.path());
        let told = made.told();
        begin(&out, &both, &shards, told).unwrap();
        made.publish(&out);
        let run = RunDir::new(&out);
        let lock = run.lock().unwrap();
        let commits = manifest::Commits::new(run.clone(), Manifest::open(&run).unwrap());
        // Hosts alone, as far as the one that was stopped came.
        work(&recipe(), &shards, &commits, stages::build_all, &context()).unwrap();
        assert!(commits.has(&RunDir::graph(Level::Host)));
        assert!(!commits.has(&RunDir::graph(Level::Domain)));
        drop(lock);
        rank_run(&out, Ok, &BTreeMap::new(), &context()).unwrap();
        assert_same(&out, &one);
    }

    #[test]
    fn tables_that_are_out_of_order_are_no_graph() {
        let folder = tempfile::tempdir().unwrap();
        let (shards, out) = (shards(folder.path()), folder.path().join("run"));
        let made = HandedOver::of(&shards, folder.path());
        let told = made.told();
        let lost = begin(&out, &recipe(), &shards[1..], told).unwrap_err();
        assert!(lost.to_string().contains("of other shards"), "{lost}");
        begin(&out, &recipe(), &shards, told).unwrap();
        fs::remove_dir_all(&made.edges).unwrap();
        let numbers =
            |values: [i64; 2]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
        let columns = ["source", "target", "pages"].map(|name| (name, numbers([2, 1])));
        write_table(&made.edges, columns.to_vec());
        made.publish(&out);
        let error = rank_run(&out, Ok, &BTreeMap::new(), &context())
            .map(|_| ())
            .unwrap_err();
        assert!(
            error.to_string().contains("by source, then target"),
            "{error}"
        );
    }
}
