//! `crawlrank graph import`: files of others as a graph.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use crawlrank_graph::{
    AnyGraph, IdGraph, IdGraphOptions, NumberedNodes, PagedIdGraphBuilder, SelfLoops,
};
use serde_json::Value;

#[cfg(feature = "bvgraph")]
use super::bvgraph;
use super::cc::Www;
use super::lines::{self, Refused};
use super::numbers::Edges;
use super::{
    FormName, Format, MOST_NODES, Making, SHOWN_FROM, cc, edges as text, names, npy, numbers, pairs,
};
use crate::cli::Context;
use crate::commands::input::{check_file, is_stdin, path_text, progress_over};
use crate::error::{Error, Exit, Result};
use crate::progress::{Progress, Show};
use crate::rows::print_one;
use crate::tables::read::edges::{EdgesFile, Refused as RefusedRow};

/// What becomes of edges from a node to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Loops {
    /// They are edges like others.
    Keep,
    /// They are left out; their nodes stay.
    Drop,
}

/// Makes a graph of files of others.
///
/// Node numbers are kept as ids; with `cc` or `--names`, ids are positions in the byte order of names, which Common Crawl's are as well.
/// A folder stands for the files of its format in it.
#[derive(Debug, Args)]
pub struct Import {
    /// Files, folders of files, or `-`; with `cc` files of vertices and edges, told apart by their names
    #[arg(required_unless_present_any = ["vertices", "edges"], value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Their format
    #[arg(long, value_enum)]
    pub format: Format,
    /// Lines hold names and not numbers (`edges`): those of source and target, in any order, with a tab between
    #[arg(long)]
    pub names: bool,
    /// Vertices under another name (`cc`); several: give it again
    #[arg(long, value_name = "FILE")]
    pub vertices: Vec<PathBuf>,
    /// Edges under another name (`cc`); several: give it again
    #[arg(long, value_name = "FILE")]
    pub edges: Vec<PathBuf>,
    /// Where the graph goes, and with what it is made
    #[command(flatten)]
    pub making: Making,
    /// What becomes of edges from a node to itself
    #[arg(long, value_enum, default_value = "drop")]
    pub self_loops: Loops,
    /// How the graph holds its edges
    #[arg(long, value_enum, default_value = "arrays")]
    pub form: FormName,
    /// What becomes of a leading `www.` of names (`cc`, `--names`); hosts that are then of one name are made one
    #[arg(long, value_enum, default_value = "keep")]
    pub www: Www,
    /// The number of nodes; default the largest node number + 1 (with `cc` the number of vertices)
    #[arg(long, value_name = "N")]
    pub nodes: Option<u64>,
}

impl Import {
    pub(super) fn run(self, context: &Context) -> Result<Exit> {
        if self.names && self.format != Format::Edges {
            return Err(Error::usage("--names is for --format edges").remedy("leave it out"));
        }
        let made = match self.format {
            Format::Cc => self.import_cc(context)?,
            Format::Edges if self.names => self.import_names(context)?.into_any(),
            _ => self.import_numbers(context)?,
        };
        print_one(
            context.output,
            [
                ("graph", Value::from(path_text(&self.making.out))),
                ("edges_read", Value::from(made.edges_read)),
                ("duplicates", Value::from(made.duplicates)),
                ("self_loops", Value::from(made.self_loops)),
                (
                    "self_loops_kept",
                    Value::from(made.graph.keeps_self_loops()),
                ),
                ("nodes", Value::from(made.graph.num_nodes())),
                ("edges", Value::from(made.graph.num_edges())),
                ("edge_pages", Value::from(made.graph.has_edge_pages())),
            ],
        )?;
        Ok(Exit::Done)
    }

    fn options(&self) -> Result<IdGraphOptions> {
        Ok(IdGraphOptions {
            memory_bytes: self.making.memory_bytes()?,
            self_loops: match self.self_loops {
                Loops::Keep => SelfLoops::Keep,
                Loops::Drop => SelfLoops::Drop,
            },
        })
    }

    /// Imports what has no names but numbers, which are kept as ids.
    fn import_numbers(&self, context: &Context) -> Result<IdGraph<AnyGraph>> {
        self.refuse_vertices()?;
        if self.www != Www::Keep {
            return Err(Error::usage(
                "--www is for --format cc and --names: there are no names here",
            )
            .remedy("leave it out"));
        }
        let most_nodes = self.nodes.unwrap_or(MOST_NODES);
        if most_nodes > MOST_NODES {
            return Err(Error::usage(format!(
                "--nodes is {most_nodes}, a graph has at most {MOST_NODES}"
            )));
        }
        self.format.check_is_built_in()?;
        let files = self.given_files()?;
        let options = self.options()?;
        #[cfg(feature = "bvgraph")]
        if self.format == Format::Bvgraph {
            return self.import_bvgraph(&files, most_nodes, options, context);
        }
        if self.format == Format::Parquet {
            return self.import_parquet(&files, most_nodes, options, context);
        }
        let progress = progress_over(&files, "import", context);
        let progress = progress.as_ref();
        self.make(&files, options, context, |edges| match self.format {
            Format::Npy => npy::read(&files, most_nodes, edges, context, progress),
            _ => {
                for file in &files {
                    read_edges(file, most_nodes, edges, context, progress)?;
                }
                Ok(None)
            }
        })
    }

    fn refuse_vertices(&self) -> Result<()> {
        match self.vertices.is_empty() && self.edges.is_empty() {
            true => Ok(()),
            false => Err(Error::usage("--vertices and --edges are for --format cc")
                .remedy("give the files of edges without them")),
        }
    }

    /// Imports edges between names.
    fn import_names(&self, context: &Context) -> Result<IdGraph> {
        self.refuse_vertices()?;
        if self.nodes.is_some() {
            return Err(
                Error::usage("--nodes is for numbers: the names say how many there are")
                    .remedy("leave it out"),
            );
        }
        if self.form == FormName::Stream {
            return Err(Error::usage(
                "--form stream is for numbers: edges between names need arrays first",
            )
            .remedy("leave it out, then `crawlrank graph convert --form stream`"));
        }
        let files = self.given_files()?;
        if let Some(file) = files.iter().find(|file| pairs::is_named_so(file)) {
            return Err(Error::usage("a binary list of edges, which has no names")
                .at(file)
                .remedy("leave --names out"));
        }
        let progress = progress_over(&files, "import", context);
        let (making, options) = (&self.making, self.options()?);
        names::make(
            making,
            &files,
            self.www,
            options,
            context,
            progress.as_ref(),
        )
    }

    fn make(
        &self,
        files: &[PathBuf],
        options: IdGraphOptions,
        context: &Context,
        read: impl FnOnce(&mut Edges) -> Result<Option<u64>>,
    ) -> Result<IdGraph<AnyGraph>> {
        let import = numbers::EdgesImport {
            to: &self.making,
            form: self.form,
            format: self.format,
            files,
            nodes: self.nodes,
            options,
        };
        import.make(context, read)
    }

    fn import_parquet(
        &self,
        paths: &[PathBuf],
        most_nodes: u64,
        options: IdGraphOptions,
        context: &Context,
    ) -> Result<IdGraph<AnyGraph>> {
        // All are opened before the first is read: a wrong one is told of at once.
        let files = paths.iter().map(|path| EdgesFile::open(path));
        let files = files.collect::<Result<Vec<_>>>()?;
        let with_pages = files.iter().filter(|file| file.has_pages()).count();
        if with_pages > 0 && self.form == FormName::Stream {
            tracing::warn!("pages of edges are left out: a stream has none");
        }
        if with_pages == 0 || self.form == FormName::Stream {
            return self.make(paths, options, context, |edges| {
                read_parquet(&files, most_nodes, context, &mut |source, target, _| {
                    edges.push(source, target)
                })?;
                Ok(None)
            });
        }
        if with_pages != files.len() {
            let found = format!(
                "{with_pages} of {} files have the column `pages`",
                files.len()
            );
            return Err(Error::usage(found)
                .remedy("give those with it and those without as graphs of their own"));
        }
        let scratch = self.making.prepare()?;
        let mut edges = PagedIdGraphBuilder::new(scratch.path(), options)?;
        read_parquet(&files, most_nodes, context, &mut |source, target, pages| {
            edges.push(source, target, pages)
        })?;
        self.making.check_space(edges.file_bytes(self.nodes))?;
        let made = edges.finish(self.nodes, &self.making.out, &mut |_| {
            context.interrupt.flow()
        });
        context.interrupt.or_stopped(made).map(IdGraph::into_any)
    }

    #[cfg(feature = "bvgraph")]
    fn import_bvgraph(
        &self,
        given: &[PathBuf],
        most_nodes: u64,
        mut options: IdGraphOptions,
        context: &Context,
    ) -> Result<IdGraph<AnyGraph>> {
        let [given] = given else {
            return Err(
                Error::usage(format!("{} graphs, expected one", given.len()))
                    .remedy("give one basename; `graph merge` is for graphs with names"),
            );
        };
        let files = bvgraph::Files::of(given)?;
        // Lists that later ones refer to are in memory beside the edges that are sorted.
        let list_bytes = options.memory_bytes / 4;
        options.memory_bytes -= list_bytes;
        let progress = progress_over(&files.all()[..1], "import", context);
        let progress = progress.as_ref();
        self.make(&files.all(), options, context, |edges| {
            bvgraph::read(&files, most_nodes, list_bytes, edges, context, progress).map(Some)
        })
    }

    /// The files to read: those that were given, and those in folders that were.
    fn given_files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for given in &self.files {
            if !given.is_dir() {
                if self.format != Format::Bvgraph {
                    check_file(given)?; // of a BVGraph a basename is given, which is no file
                }
                files.push(given.clone());
                continue;
            }
            let mut inside = files_of(given)?;
            inside.retain(|file| self.format.may_be(file));
            if self.format == Format::Npy {
                npy::keep_rows(&mut inside);
            }
            if inside.is_empty() {
                return Err(Error::usage("the folder holds no file of this format").at(given));
            }
            files.extend(inside);
        }
        let stdin = files.iter().find(|file| is_stdin(file));
        match (self.format, stdin) {
            (Format::Edges | Format::Cc, _) | (_, None) => Ok(files),
            (_, Some(_)) => Err(Error::usage(
                "stdin has no places to go to, which this format needs",
            )
            .remedy("give files")),
        }
    }

    fn import_cc(&self, context: &Context) -> Result<IdGraph<AnyGraph>> {
        if self.nodes.is_some() {
            return Err(Error::usage(
                "--nodes is for --format edges: the vertices say how many there are",
            )
            .remedy("leave it out"));
        }
        let files = cc::Files::told_apart(&self.given_files()?, &self.vertices, &self.edges)?;
        let all = files.all();
        all.iter().try_for_each(|file| check_file(file))?;
        let options = self.options()?;
        let scratch = self.making.prepare()?;
        let progress = progress_over(&all, "import", context);
        let progress = progress.as_ref();
        let nodes = NumberedNodes::new(scratch.path(), options)?;
        let out = &self.making.out;
        let mut builder = cc::read_vertices(
            &files.vertices,
            nodes,
            self.www,
            context,
            progress,
            |nodes| nodes.finish_as(self.form.into(), out, &mut |_| context.interrupt.flow()),
        )?;
        if builder.num_merged() > 0 {
            tracing::warn!(
                "{} vertices have names of others: each name is one node, with the edges and the hosts of all",
                builder.num_merged()
            );
        }
        if builder.is_renumbered() {
            tracing::warn!(
                "ids differ from those of the files, whose vertices are not numbered in byte order of names"
            );
        }
        cc::read_edges(&files.edges, &mut builder, context, progress)?;
        self.making.check_space(builder.file_bytes())?;
        let made = builder.finish_as(&mut |_| context.interrupt.flow());
        context.interrupt.or_stopped(made)
    }
}

impl Format {
    /// Whether a file in a folder that was given is meant, by its name.
    fn may_be(self, file: &Path) -> bool {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        match self {
            Format::Edges => true,
            Format::Cc => cc::is_told(file),
            Format::Parquet => name.ends_with(".parquet"),
            Format::Npy => name.ends_with(".npy"),
            // Beside a graph often lies its transpose.
            Format::Bvgraph => name.ends_with(".graph") && !name.ends_with("-t.graph"),
        }
    }
}

/// The files in a folder, by name; hidden ones are none (`_SUCCESS` is what Spark leaves).
fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let on = |e: std::io::Error| Error::io(folder, &e);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(on)? {
        let entry = entry.map_err(on)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".")
            || entry.file_name().as_encoded_bytes().starts_with(b"_");
        if !is_hidden && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a list of edges, as text or binary.
fn read_edges(
    file: &Path,
    most_nodes: u64,
    edges: &mut Edges,
    context: &Context,
    progress: Option<&Progress>,
) -> Result<()> {
    if pairs::is_named_so(file) {
        return pairs::read(file, most_nodes, edges, context, progress);
    }
    lines::read(file, &text::FORM, context, progress, &mut |line| {
        let (source, target) = text::edge(line, most_nodes).map_err(Refused::Line)?;
        Ok(edges.push(source, target)?)
    })
}

/// Reads Parquet files of edges, each with its pages.
fn read_parquet(
    files: &[EdgesFile],
    most_nodes: u64,
    context: &Context,
    push: &mut dyn FnMut(u32, u32, u32) -> std::result::Result<(), crawlrank_graph::Error>,
) -> Result<()> {
    let rows = files.iter().map(EdgesFile::num_rows);
    let rows = rows.fold(0, u64::saturating_add);
    let progress = (rows >= SHOWN_FROM && context.progress != Show::Nothing)
        .then(|| Progress::start(context.progress, "import", "edges", rows));
    let mut read = 0;
    for file in files {
        file.visit(&context.interrupt, &mut |source, target, pages| {
            let id = |number| text::id(number, most_nodes).map_err(RefusedRow::Row);
            let (source, target) = (id(source)?, id(target)?);
            let pages = u32::try_from(pages).ok().filter(|pages| *pages > 0);
            let pages = pages.ok_or_else(|| {
                let found = "a number of pages that is not from 1 to 4294967295";
                RefusedRow::Row(format!("found {found}"))
            })?;
            read += 1;
            if let Some(progress) = progress.as_ref().filter(|_| read % (1 << 16) == 0) {
                progress.advance(1 << 16);
            }
            push(source, target, pages).map_err(|error| RefusedRow::Other(error.into()))
        })?;
    }
    Ok(())
}
