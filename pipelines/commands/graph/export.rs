//! `crawlrank graph export`: a graph as files that other programs read.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use crawlrank_graph::{AnyGraph, Form, Graph, Names};
use flate2::Compression;
use flate2::write::GzEncoder;
use rayon::prelude::*;
use serde_json::Value;

#[cfg(feature = "bvgraph")]
use super::bvgraph;
use super::{
    Format, SHOWN_FROM, array_bytes, cc, check_graph, check_space, distributions, file_bytes,
    make_free, npy, pairs, parent_of,
};
use crate::cli::Context;
use crate::commands::input::path_text;
use crate::error::{Error, Exit, Result};
use crate::manifest::{self, Manifest};
use crate::memory::{self, default_budget};
use crate::progress::{Progress, Show};
use crate::recipe::{Level, Size};
use crate::rows::print_one;
use crate::run::{self, RunDir};
use crate::tables;
use crate::tables::nodes::MappedScores;
use crate::tables::read::scores::GraphScores;

/// Writes a graph in a format of others.
///
/// `cc`: `vertices.txt.gz`, `edges.txt.gz`, and for a run `ranks.txt.gz`, each as Common Crawl's releases have it. `edges`:
/// `edges.tsv.gz`, two node numbers a line, or with --binary `edges.bin`, two little-endian u32 an edge. `parquet`: the table
/// `edges` in files `00000.parquet` and on. `npy`: `edges.npy` of shape (m, 2), and the same by `out_offsets.npy` and `out_targets.npy`.
/// `bvgraph`: `graph.graph`, `graph.properties`, `graph.offsets`. Of a graph that carries only its ranking stream, arrays are made
/// beside --out meanwhile: 8 bytes an edge.
#[derive(Debug, Args)]
pub struct Export {
    /// A graph directory, or a run directory
    #[arg(value_name = "GRAPH|RUN")]
    pub target: PathBuf,
    /// The format of the files
    #[arg(long, value_enum)]
    pub format: Format,
    /// Binary edges in place of text (`edges`)
    #[arg(long)]
    pub binary: bool,
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Scores for `ranks.txt.gz` of a graph: a folder that `crawlrank rank GRAPH --out` made (`cc`)
    #[arg(long, value_name = "DIR")]
    pub ranks: Option<PathBuf>,
    /// How many nodes have how many edges, and how many components which size, too, as Common Crawl's releases say it
    #[arg(long)]
    pub distributions: bool,
    /// Memory to use, e.g. 4G, for components and scores; default 60 % of the machine's or container's
    #[arg(long, env = "CRAWLRANK_MEMORY", value_name = "SIZE")]
    pub memory: Option<Size>,
    /// The graph of a run; default host
    #[arg(long, value_enum)]
    pub level: Option<Level>,
}

impl Export {
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        self.format.check_is_built_in()?;
        if self.binary && self.format != Format::Edges {
            return Err(Error::usage("--binary is for --format edges").remedy("leave it out"));
        }
        if self.ranks.is_some() && self.format != Format::Cc {
            return Err(Error::usage("--ranks is for --format cc").remedy("leave it out"));
        }
        let budget = memory::check(self.memory.map_or_else(default_budget, |size| size.0))?;
        let (folder, ranks) = self.graph_and_ranks()?;
        let graph = AnyGraph::open(&folder)?;
        graph.verify()?;
        if self.distributions {
            distributions::check_memory(graph.num_nodes(), budget)?;
        }
        let ranks = match (&self.ranks, &ranks) {
            (Some(folder), _) => Some(Ranks::of_table(folder, &graph, budget, context)?),
            (None, Some(folder)) if self.format == Format::Cc => {
                Ranks::open(folder, graph.num_nodes())?
            }
            _ => None,
        };
        make_free(&self.out)?;
        let on = |e: std::io::Error| Error::cannot_create(&self.out, &e);
        let parent = parent_of(&self.out);
        fs::create_dir_all(parent).map_err(on)?;
        self.check_space(&folder, &graph)?;
        let unpacked;
        let graph = match &graph {
            AnyGraph::Arrays(graph) => graph,
            AnyGraph::Stream(_) => {
                unpacked = Unpacked::of(&graph, parent, budget, context)?;
                &unpacked.graph
            }
        };
        // Beside its final name, which it gets when it is whole.
        let mut scratch = tempfile::Builder::new()
            .prefix(".tmp-export-")
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(parent)
            .map_err(on)?;
        let progress = progress(graph, self.format, ranks.is_some(), context);
        let to = Folder {
            path: scratch.path(),
            context,
            progress: progress.as_ref(),
        };
        match self.format {
            Format::Cc => write_cc(graph, ranks.as_ref(), &folder, &to)?,
            Format::Parquet => {
                // The graph need not be of a run: the key of its id is empty, as in the ranks of a graph.
                tables::edges::write(to.path, "", graph, || context.interrupt.check())?;
            }
            Format::Npy => npy::write(graph, to.path, context, to.progress)?,
            #[cfg(feature = "bvgraph")]
            Format::Bvgraph => bvgraph::write(graph, to.path, context, to.progress)?,
            _ if self.binary => {
                pairs::write(graph, &to.path.join("edges.bin"), context, to.progress)?;
            }
            _ => write_edges(graph, &mut to.create("edges.tsv.gz")?)?,
        }
        if self.distributions {
            distributions::write(graph, &to)?;
        }
        drop(progress);
        run::publish_file(scratch.path(), &self.out)?;
        scratch.disable_cleanup(true);
        print_one(
            context.output,
            [
                ("graph", Value::from(path_text(&folder))),
                ("out", Value::from(path_text(&self.out))),
                ("nodes", Value::from(graph.num_nodes())),
                ("edges", Value::from(graph.num_edges())),
                ("ranks", Value::from(ranks.is_some())),
            ],
        )?;
        Ok(Exit::Done)
    }

    /// Refuses to begin what the disk cannot hold: arrays that are made meanwhile, and files of a known length. How long
    /// compressed ones get is not known before, so they are not counted.
    fn check_space(&self, folder: &Path, graph: &AnyGraph) -> Result<()> {
        let (nodes, edges) = (graph.num_nodes(), graph.num_edges());
        let unpacked = match graph {
            AnyGraph::Arrays(_) => 0,
            AnyGraph::Stream(_) => file_bytes(folder)? + array_bytes(graph),
        };
        let pages = 4 * edges * u64::from(graph.has_edge_pages());
        let files = match self.format {
            Format::Npy => 8 * nodes + 12 * edges + pages,
            Format::Edges if self.binary => 8 * edges,
            _ => 0,
        };
        let takes = "the files, and arrays that are made for them, take";
        check_space(&self.out, takes, unpacked + files, "make space")
    }

    /// The folder of the graph, and for a run that of its ranks.
    fn graph_and_ranks(&self) -> Result<(PathBuf, Option<PathBuf>)> {
        let run = RunDir::new(&self.target);
        if !run.manifest().exists() {
            check_graph(&self.target)?;
            return match self.level {
                None => Ok((self.target.clone(), None)),
                Some(_) => Err(Error::usage("--level is for a run, and this is a graph")
                    .at(&self.target)
                    .remedy("leave it out")),
            };
        }
        let manifest = Manifest::open(&run)?;
        let level = self.level.unwrap_or(Level::Host);
        let (graph, ranks) = (RunDir::graph(level), RunDir::ranks(level));
        let has = |name: &String| manifest.outputs.contains_key(name);
        if !has(&graph) {
            let missing = Error::usage(format!("the run has no `{graph}`")).at(run.root());
            return Err(match manifest.complete {
                true => missing.remedy("choose another --level, or run with that level"),
                false => {
                    missing.remedy("the run is not complete: run the same `crawlrank run` again")
                }
            });
        }
        if !has(&ranks) {
            tracing::warn!("ranks are left out: the run is not complete");
            return Ok((run.output(&graph), None));
        }
        manifest::verify_output(&run, &manifest, &ranks)?;
        Ok((run.output(&graph), Some(run.output(&ranks))))
    }
}

fn progress(graph: &Graph, format: Format, ranks: bool, context: &Context) -> Option<Progress> {
    let lists_of_nodes = u64::from(format == Format::Cc) + u64::from(ranks);
    let lines = graph.num_edges() + lists_of_nodes * graph.num_nodes();
    (lines >= SHOWN_FROM && context.progress != Show::Nothing)
        .then(|| Progress::start(context.progress, "export", "lines", lines))
}

/// The arrays of a graph that carries only its ranking stream, in a folder that goes away when dropped.
struct Unpacked {
    graph: Graph,
    _scratch: tempfile::TempDir,
}

impl Unpacked {
    /// Makes them in a folder in `parent`.
    fn of(graph: &AnyGraph, parent: &Path, budget: u64, context: &Context) -> Result<Unpacked> {
        let scratch = tempfile::Builder::new()
            .prefix(".tmp-arrays-")
            .tempdir_in(parent)
            .map_err(|e| Error::cannot_create(parent, &e))?;
        let arrays = scratch.path().join("arrays");
        let memory_bytes = usize::try_from(budget).unwrap_or(usize::MAX);
        let made = crawlrank_graph::convert(
            graph,
            Form::Arrays,
            &arrays,
            scratch.path(),
            memory_bytes,
            &mut |_| context.interrupt.flow(),
        );
        context.interrupt.or_stopped(made)?;
        Ok(Unpacked {
            graph: Graph::open(arrays)?,
            _scratch: scratch,
        })
    }
}

/// Scores and positions, in order of ids.
struct Ranks {
    harmonic: Values<f64>,
    harmonic_pos: Values<i64>,
    pagerank: Values<f64>,
    pagerank_pos: Values<i64>,
}

/// Values that a run maps from a file, or that were read from a table.
type Values<T> = Box<dyn Deref<Target = [T]>>;

impl Ranks {
    /// Opens them; nothing when there is no harmonic centrality, by which the lines of that file are ordered.
    fn open(folder: &Path, num_nodes: u64) -> Result<Option<Ranks>> {
        let scores = MappedScores::open(folder, num_nodes)?;
        let Some((harmonic, harmonic_pos)) = scores.harmonic else {
            tracing::warn!(
                "ranks are left out: the run has no harmonic centrality, which orders them; `crawlrank rank RUN` computes it"
            );
            return Ok(None);
        };
        Ok(Some(Ranks {
            harmonic: Box::new(harmonic),
            harmonic_pos: Box::new(harmonic_pos),
            pagerank: Box::new(scores.pagerank),
            pagerank_pos: Box::new(scores.pagerank_pos),
        }))
    }

    /// Reads those of a graph that belongs to no run, which are in a table with the names that they belong to.
    fn of_table(folder: &Path, graph: &AnyGraph, budget: u64, context: &Context) -> Result<Ranks> {
        let path = folder.join("ranks.parquet");
        if !path.is_file() {
            return Err(Error::usage("holds no `ranks.parquet`")
                .at(folder)
                .remedy("`crawlrank rank GRAPH --out DIR` makes it"));
        }
        let needed = 36 * graph.num_nodes(); // four values a node, and the order
        if needed > budget {
            let found = format!(
                "scores need {} MiB, the budget is {} MiB",
                needed >> 20,
                budget >> 20
            );
            return Err(Error::new(Exit::Memory, "E-MEMORY", found).remedy("give more --memory"));
        }
        let scores = GraphScores::read(&path, graph, &context.interrupt)?;
        Ok(Ranks {
            harmonic: Box::new(scores.harmonic),
            harmonic_pos: Box::new(scores.harmonic_pos),
            pagerank: Box::new(scores.pagerank),
            pagerank_pos: Box::new(scores.pagerank_pos),
        })
    }

    /// Nodes in order of their position.
    fn order(&self, graph: &Graph) -> Result<Vec<u32>> {
        let mut order = vec![u32::MAX; graph.num_nodes() as usize];
        for (id, &position) in self.harmonic_pos.iter().enumerate() {
            let place = usize::try_from(position - 1).ok();
            match place.and_then(|place| order.get_mut(place)) {
                Some(place) if *place == u32::MAX => *place = id as u32,
                _ => {
                    return Err(Error::new(
                        Exit::Damaged,
                        "E-RANKS",
                        format!("node {id} has the position {position}, which cannot be"),
                    )
                    .remedy("rank again: `crawlrank rank RUN`"));
                }
            }
        }
        Ok(order)
    }
}

fn write_cc(graph: &Graph, ranks: Option<&Ranks>, folder: &Path, to: &Folder<'_>) -> Result<()> {
    let names = graph.names().ok_or_else(|| {
        Error::usage("the graph has no names, which --format cc needs")
            .at(folder)
            .remedy("give --format edges")
    })?;
    write_vertices(graph, names, folder, &mut to.create("vertices.txt.gz")?)?;
    write_edges(graph, &mut to.create("edges.txt.gz")?)?;
    match ranks {
        Some(ranks) => write_ranks(graph, names, ranks, &mut to.create("ranks.txt.gz")?),
        None => Ok(()),
    }
}

fn write_vertices(
    graph: &Graph,
    names: Names<'_>,
    folder: &Path,
    file: &mut Lines<'_>,
) -> Result<()> {
    let hosts = graph.node_hosts();
    for (id, name) in names.iter().enumerate() {
        cc::check_name(name).map_err(|found| {
            Error::new(Exit::Refused, "E-NAME", format!("node {id}: {found}"))
                .at(folder)
                .remedy("--format cc has no way to write it; give --format edges")
        })?;
        push_number(&mut file.text, id as u64);
        file.text.push(b'\t');
        file.text.extend_from_slice(name);
        if let Some(hosts) = hosts {
            file.text.push(b'\t');
            push_number(&mut file.text, u64::from(hosts[id]));
        }
        file.end_line()?;
    }
    file.finish()
}

fn write_edges(graph: &Graph, file: &mut Lines<'_>) -> Result<()> {
    let outgoing = graph.outgoing();
    let mut source_text = Vec::with_capacity(11);
    for source in 0..graph.num_nodes() as u32 {
        source_text.clear();
        push_number(&mut source_text, u64::from(source));
        source_text.push(b'\t');
        for &target in outgoing.neighbors(source) {
            file.text.extend_from_slice(&source_text);
            push_number(&mut file.text, u64::from(target));
            file.end_line()?;
        }
    }
    file.finish()
}

fn write_ranks(graph: &Graph, names: Names<'_>, ranks: &Ranks, file: &mut Lines<'_>) -> Result<()> {
    let hosts = graph.node_hosts();
    file.text
        .extend_from_slice(b"#harmonicc_pos\t#harmonicc_val\t#pr_pos\t#pr_val\t#host_rev");
    if hosts.is_some() {
        file.text.extend_from_slice(b"\t#n_hosts");
    }
    file.text.push(b'\n');
    for id in ranks.order(graph)? {
        let node = id as usize;
        let (harmonic, pagerank) = (ranks.harmonic[node], ranks.pagerank[node]);
        let (harmonic, pagerank) = (score_text(harmonic), score_text(pagerank));
        let positions = (ranks.harmonic_pos[node], ranks.pagerank_pos[node]);
        let text = &mut file.text;
        let _ = write!(
            text,
            "{}\t{harmonic}\t{}\t{pagerank}\t",
            positions.0, positions.1
        );
        text.extend_from_slice(names.get(id));
        if let Some(hosts) = hosts {
            text.push(b'\t');
            push_number(text, u64::from(hosts[node]));
        }
        file.end_line()?;
    }
    file.finish()
}

/// A score in the fewest digits that give it back, laid out as Java does, which writes Common Crawl's: `31.0`, `2.9E7`.
fn score_text(score: f64) -> String {
    if score == 0.0 || (1e-3..1e7).contains(&score.abs()) {
        return format!("{score:?}");
    }
    let text = format!("{score:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

fn push_number(text: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[at..]);
}

/// Where files are written.
pub(super) struct Folder<'a> {
    path: &'a Path,
    pub(super) context: &'a Context,
    progress: Option<&'a Progress>,
}

/// A gzipped file of lines. It is a chain of members of [`BLOCK_BYTES`] of text, which threads compress at the same time.
pub(super) struct Lines<'a> {
    path: PathBuf,
    file: File,
    pub(super) text: Vec<u8>,
    lines: u64,
    blocks: Vec<Vec<u8>>,
    is_empty: bool,
    folder: &'a Folder<'a>,
}

/// Text of a member. Fixed, so that the file is the same on every machine.
const BLOCK_BYTES: usize = 4 << 20;

impl Folder<'_> {
    pub(super) fn create(&self, name: &str) -> Result<Lines<'_>> {
        let path = self.path.join(name);
        let file = File::create_new(&path).map_err(|e| Error::cannot_create(&path, &e))?;
        Ok(Lines {
            path,
            file,
            text: Vec::new(),
            lines: 0,
            blocks: Vec::new(),
            is_empty: true,
            folder: self,
        })
    }
}

impl Lines<'_> {
    pub(super) fn end_line(&mut self) -> Result<()> {
        self.text.push(b'\n');
        self.lines += 1;
        if self.text.len() < BLOCK_BYTES {
            return Ok(());
        }
        self.blocks.push(std::mem::take(&mut self.text));
        match self.blocks.len() < rayon::current_num_threads() {
            true => Ok(()),
            false => self.write_blocks(),
        }
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        // A file of no lines is one empty member: no bytes at all are no gzip.
        if !self.text.is_empty() || (self.is_empty && self.blocks.is_empty()) {
            self.blocks.push(std::mem::take(&mut self.text));
        }
        self.write_blocks()
    }

    fn write_blocks(&mut self) -> Result<()> {
        self.folder.context.interrupt.check()?;
        let members: Vec<Vec<u8>> = self.blocks.par_iter().map(|text| gzipped(text)).collect();
        self.blocks.clear();
        for member in members {
            let written = self.file.write_all(&member);
            written.map_err(|e| Error::cannot_create(&self.path, &e))?;
            self.is_empty = false;
        }
        if let Some(progress) = self.folder.progress {
            progress.advance(self.lines);
        }
        self.lines = 0;
        Ok(())
    }
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(text)
        .and_then(|()| encoder.finish())
        .expect("memory takes all that is written")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts as the documentation of Java's `Double.toString` says.
    #[test]
    fn scores_are_laid_out_as_java_does() {
        for (score, text) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (9_999_999.0, "9999999.0"),
            (10_000_000.0, "1.0E7"),
            (29_489_156.0, "2.9489156E7"),
            (1e-9, "1.0E-9"),
            (0.1 + 0.2, "0.30000000000000004"),
        ] {
            assert_eq!(score_text(score), text);
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), score.to_bits());
        }
    }

    #[test]
    fn numbers_are_their_digits() {
        for number in [0, 7, 10, 4_294_967_294, u64::MAX] {
            let mut text = Vec::new();
            push_number(&mut text, number);
            assert_eq!(text, number.to_string().as_bytes());
        }
    }
}
