//! Common Crawl's own graph files, as their releases have them: tab-separated text, gzipped, in one file or in parts.
//!
//! | file | a line |
//! |---|---|
//! | vertices | `id`, reversed name, and in graphs of domains the number of hosts |
//! | edges | `from_id`, `to_id` |
//! | ranks | a heading, then position and value of harmonic centrality, of PageRank, reversed name, and the number of hosts |

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use crawlrank_graph::{NumberedGraphBuilder, NumberedNodes};

use super::edges;
use super::lines::{self, Form, Refused};
use crate::cli::Context;
use crate::error::{Error, Exit, Result, quoted};
use crate::progress::Progress;

const VERTICES: Form = Form {
    code: "E-VERTICES",
    expected: "id, tab, reversed name, and perhaps tab and the number of hosts, in UTF-8 with lines that end by a line feed alone",
    longest: 1 << 17, // twice what a name may have
    comments: false,
};

const EDGES: Form = Form {
    code: "E-EDGES",
    expected: "the ids of two vertices a line, with a tab between",
    longest: 4096,
    comments: false,
};

/// The files of one graph.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) vertices: Vec<PathBuf>,
    pub(super) edges: Vec<PathBuf>,
}

impl Files {
    /// Tells files apart by their names, or those of their folders: parts are `vertices/part-00000.gz`.
    ///
    /// # Errors
    /// Exit 2 for a name that says neither, and when there are no vertices or no edges.
    pub(super) fn told_apart(
        files: &[PathBuf],
        vertices: &[PathBuf],
        edges: &[PathBuf],
    ) -> Result<Files> {
        let mut told = Files {
            vertices: vertices.to_vec(),
            edges: edges.to_vec(),
        };
        for file in files {
            match kind(file)? {
                Kind::Vertices => told.vertices.push(file.clone()),
                Kind::Edges => told.edges.push(file.clone()),
            }
        }
        let missing = match (told.vertices.is_empty(), told.edges.is_empty()) {
            (false, false) => return Ok(told),
            (true, _) => "vertices",
            (false, true) => "edges",
        };
        Err(
            Error::usage(format!("no file of {missing} is given")).remedy(format!(
                "--format cc takes vertices and edges; where no name says `{missing}`, give --{missing} FILE"
            )),
        )
    }

    pub(super) fn all(&self) -> Vec<PathBuf> {
        [&self.vertices[..], &self.edges].concat()
    }
}

enum Kind {
    Vertices,
    Edges,
}

fn kind(file: &Path) -> Result<Kind> {
    if is_list(&name(file)) {
        return Err(Error::usage("a list of files, expected a file of a graph")
            .at(file)
            .remedy("fetch the files that it lists, and give those"));
    }
    told_kind(file).ok_or_else(|| {
        Error::usage("its name says neither `vertices` nor `edges`")
            .at(file)
            .remedy("give it by --vertices or --edges; ranks are not imported")
    })
}

/// Whether a file of a folder is one of vertices or edges.
pub(super) fn is_told(file: &Path) -> bool {
    told_kind(file).is_some() && !is_list(&name(file))
}

fn told_kind(file: &Path) -> Option<Kind> {
    let folder = file.parent().map(name).unwrap_or_default();
    let names = [name(file), folder];
    names.iter().find_map(
        |name| match (name.contains("vertices"), name.contains("edges")) {
            (true, false) => Some(Kind::Vertices),
            (false, true) => Some(Kind::Edges),
            _ => None,
        },
    )
}

fn is_list(name: &str) -> bool {
    name.ends_with(".paths.gz") || name.ends_with(".paths")
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// What becomes of a leading `www.`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Www {
    /// It stays, as in Common Crawl's releases since May 2026
    #[default]
    Keep,
    /// It goes, as in those before; not where a single label is left
    Strip,
}

impl Www {
    /// The name, reversed, that a host goes by.
    pub(super) fn of(self, name: &[u8]) -> &[u8] {
        match (self, name.strip_suffix(b".www")) {
            (Www::Strip, Some(bare)) if bare.contains(&b'.') => bare,
            _ => name,
        }
    }
}

/// Reads all vertices; `finish` gives them their ids.
pub(super) fn read_vertices(
    files: &[PathBuf],
    mut nodes: NumberedNodes,
    www: Www,
    context: &Context,
    progress: Option<&Progress>,
    finish: impl FnOnce(
        NumberedNodes,
    ) -> std::result::Result<NumberedGraphBuilder, crawlrank_graph::Error>,
) -> Result<NumberedGraphBuilder> {
    let mut columns = None;
    let mut rows = 0;
    let mut first_rows = Vec::with_capacity(files.len());
    for file in files {
        first_rows.push(rows);
        lines::read(file, &VERTICES, context, progress, &mut |line| {
            let vertex = Vertex::parse(line).map_err(Refused::Line)?;
            let found = vertex.columns();
            let expected = *columns.get_or_insert(found);
            if found != expected {
                return Err(Refused::Line(format!(
                    "{found} columns, {expected} on the lines before"
                )));
            }
            nodes.push(vertex.id, www.of(vertex.name), vertex.hosts)?;
            rows += 1;
            Ok(())
        })?;
    }
    let done = finish(nodes);
    if let Err(crawlrank_graph::Error::Repeated { what, row }) = done {
        let file = first_rows.partition_point(|first| *first <= row) - 1;
        let line = row - first_rows[file] + 1;
        return Err(Error::new(
            Exit::Refused,
            VERTICES.code,
            format!("line {line}: its {what} is that of another vertex"),
        )
        .at(&files[file])
        .remedy("nothing was imported; each id is given once"));
    }
    context.interrupt.or_stopped(done)
}

/// Reads all edges between known vertices.
pub(super) fn read_edges(
    files: &[PathBuf],
    graph: &mut NumberedGraphBuilder,
    context: &Context,
    progress: Option<&Progress>,
) -> Result<()> {
    for file in files {
        lines::read(file, &EDGES, context, progress, &mut |line| {
            let (source, target) = edge(line).map_err(Refused::Line)?;
            let id = |number: u32| {
                let unknown = || Refused::Line(format!("no vertex has the id {number}"));
                graph.id(number).ok_or_else(unknown)
            };
            let (source, target) = (id(source)?, id(target)?);
            Ok(graph.push(source, target)?)
        })?;
    }
    Ok(())
}

/// A line of the vertices.
#[derive(Debug, PartialEq, Eq)]
struct Vertex<'a> {
    id: u32,
    name: &'a [u8],
    hosts: Option<u32>,
}

impl<'a> Vertex<'a> {
    fn parse(line: &'a [u8]) -> std::result::Result<Self, String> {
        let mut columns = line.split(|byte| *byte == b'\t');
        let (id, name, hosts) = (columns.next(), columns.next(), columns.next());
        let (Some(id), Some(name), None) = (id, name, columns.next()) else {
            return Err(format!("found {}", quoted(line)));
        };
        check_name(name)?;
        Ok(Vertex {
            id: edges::number(id, super::MOST_NODES)?,
            name,
            hosts: hosts.map(count).transpose()?,
        })
    }

    fn columns(&self) -> usize {
        2 + usize::from(self.hosts.is_some())
    }
}

fn count(digits: &[u8]) -> std::result::Result<u32, String> {
    let number = std::str::from_utf8(digits).ok();
    number
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format!("found {} in place of a number of hosts", quoted(digits)))
}

fn edge(line: &[u8]) -> std::result::Result<(u32, u32), String> {
    let mut columns = line.split(|byte| *byte == b'\t');
    let (Some(source), Some(target), None) = (columns.next(), columns.next(), columns.next())
    else {
        return Err(format!("found {}", quoted(line)));
    };
    let number = |digits| edges::number(digits, super::MOST_NODES);
    Ok((number(source)?, number(target)?))
}

/// Refuses names that a line of text cannot hold: what is exported can be imported, and what is imported exported.
pub(super) fn check_name(name: &[u8]) -> std::result::Result<(), String> {
    let what = if name.is_empty() {
        "an empty name".to_owned()
    } else if name.len() > crawlrank_graph::MAX_NAME_BYTES {
        format!("a name of {} bytes", name.len())
    } else if name.iter().any(u8::is_ascii_control) {
        format!("a control character in the name {}", quoted(name))
    } else if std::str::from_utf8(name).is_err() {
        format!("the name {}, which is not UTF-8", quoted(name))
    } else {
        return Ok(());
    };
    Err(format!("found {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vertices_of_hosts_and_of_domains() {
        let parse = |line: &'static str| Vertex::parse(line.as_bytes());
        let host = Vertex {
            id: 3,
            name: b"com.example.www",
            hosts: None,
        };
        assert_eq!(parse("3\tcom.example.www"), Ok(host));
        let domain = Vertex {
            id: 0,
            name: "рф.xn".as_bytes(),
            hosts: Some(17),
        };
        assert_eq!(parse("0\tрф.xn\t17"), Ok(domain));
    }

    #[test]
    fn www_is_stripped_where_two_labels_are_left() {
        for (name, stripped) in [
            ("com.example.www", "com.example"),
            ("com.example.www.www", "com.example.www"),
            ("com.www", "com.www"),
            ("com.example.xwww", "com.example.xwww"),
            ("com.www.shop", "com.www.shop"),
            ("www", "www"),
        ] {
            assert_eq!(Www::Strip.of(name.as_bytes()), stripped.as_bytes());
            assert_eq!(Www::Keep.of(name.as_bytes()), name.as_bytes());
        }
    }

    #[test]
    fn what_is_no_vertex_is_said() {
        for (line, message) in [
            (&b""[..], "found ``"),
            (b"com.example", "found `com.example`"),
            (b"1 com.example", "found `1 com.example`"),
            (b"1\ta\t2\t3", "found `1\\ta\\t2\\t3`"),
            (b"\ta", "found `` in place of a node number"),
            (b"-1\ta", "found `-1` in place of a node number"),
            (
                b"4294967295\ta",
                "found the node number `4294967295`, expected one below 4294967295",
            ),
            (b"1\t", "found an empty name"),
            (b"1\ta\r", "found a control character in the name `a\\r`"),
            (
                b"1\ta\0b",
                "found a control character in the name `a\\u{0}b`",
            ),
            (b"1\ta\xff", "found the name `a\\xff`, which is not UTF-8"),
            (b"1\ta\t", "found `` in place of a number of hosts"),
            (b"1\ta\t+1", "found `+1` in place of a number of hosts"),
            (
                b"1\ta\t4294967296",
                "found `4294967296` in place of a number of hosts",
            ),
        ] {
            assert_eq!(Vertex::parse(line), Err(message.to_owned()));
        }
    }

    #[test]
    fn files_are_told_apart_by_name_or_folder() {
        let told = |files: &[&str]| {
            let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
            Files::told_apart(&files, &[], &[])
        };
        let release = "cc-main-2026-jan-feb-mar-domain";
        let files = told(&[
            &format!("{release}-vertices.txt.gz"),
            &format!("{release}-edges.txt.gz"),
            "vertices/part-00000.gz",
            "my-edges/vertices.gz",
        ])
        .unwrap();
        assert_eq!((files.vertices.len(), files.edges.len()), (3, 1));
        for (files, message) in [
            (&["a/part-00000.gz"][..], "neither"),
            (&["x-ranks.txt.gz"], "neither"),
            (&["x-vertices.paths.gz"], "a list of files"),
            (&["x-vertices.gz"], "no file of edges"),
            (&["edges.gz"], "no file of vertices"),
        ] {
            let error = told(files).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage);
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
