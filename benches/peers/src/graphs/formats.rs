//! Pairs of a file in the formats of the peers.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Take, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use dsi_bitstream::traits::BE;
use dsi_progress_logger::no_logging;
use webgraph::graphs::csr_graph::CsrGraph;
use webgraph::prelude::{BvComp, store_ef_with_data};

use crate::Result;
use crate::peers::Peer;

#[derive(Clone, Copy, PartialEq)]
pub enum Format {
    Gap,
    CostVertex,
    CostHilbert,
    Pairs,
    Webgraph,
}

pub struct Size {
    pub nodes: usize,
    pub edges: u64,
}

impl Size {
    pub fn of(graph: &Path) -> Result<Self> {
        let mut size = Self { nodes: 0, edges: 0 };
        for (source, target) in Pairs::open(graph)? {
            size.nodes = size.nodes.max(source.max(target) as usize + 1);
            size.edges += 1;
        }
        Ok(size)
    }
}

pub fn write(graph: &Path, peers: &[&Peer], folder: &Path, programs: &Path) -> Result<Size> {
    let size = Size::of(graph)?;
    let needs = |format| peers.iter().any(|peer| peer.format == format);
    if needs(Format::Gap) {
        gap(graph, &size, &folder.join("graph.sg"))?;
    }
    if needs(Format::CostVertex) || needs(Format::CostHilbert) {
        cost(graph, &folder.join("graph"))?;
    }
    if needs(Format::CostHilbert) {
        let program = programs.join("to_hilbert");
        let status = Command::new(&program)
            .arg(folder.join("graph"))
            .stdout(Stdio::null())
            .status()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        if !status.success() {
            return Err(format!("{}: {status}", program.display()).into());
        }
    }
    if needs(Format::Webgraph) {
        webgraph(graph, &size, &folder.join("transpose"))?;
    }
    let pairs = folder.join("pairs.bin");
    std::os::unix::fs::symlink(std::fs::canonicalize(graph)?, pairs)?;
    Ok(size)
}

/// The pairs of a file, or of a part of it.
pub struct Pairs(BufReader<Take<File>>);

impl Pairs {
    pub fn open(graph: &Path) -> Result<Self> {
        Self::open_part(graph, 0, 1)
    }

    pub fn open_part(graph: &Path, part: u64, parts: u64) -> Result<Self> {
        let mut file =
            File::open(graph).map_err(|error| format!("{}: {error}", graph.display()))?;
        let num = file.metadata()?.len() / 8;
        let [start, end] = [part, part + 1].map(|part| num * part / parts);
        file.seek(SeekFrom::Start(start * 8))?;
        let part = file.take((end - start) * 8);
        Ok(Self(BufReader::with_capacity(1 << 20, part)))
    }
}

impl Iterator for Pairs {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        let mut pair = [0; 8];
        match self.0.read_exact(&mut pair) {
            Ok(()) => {
                let pair = u64::from_le_bytes(pair);
                Some((pair as u32, (pair >> 32) as u32))
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => None,
            Err(error) => panic!("the graph cannot be read: {error}"),
        }
    }
}

/// GAP's serialised graph (`src/writer.h`): directed?, edges, nodes, then offsets and targets out, offsets and sources in.
fn gap(graph: &Path, size: &Size, path: &Path) -> Result {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    file.write_all(&[1])?;
    file.write_all(&size.edges.to_le_bytes())?;
    file.write_all(&(size.nodes as u64).to_le_bytes())?;
    let mut out_offsets = vec![0u64; size.nodes + 1];
    let mut in_offsets = vec![0u64; size.nodes + 1];
    for (source, target) in Pairs::open(graph)? {
        out_offsets[source as usize + 1] += 1;
        in_offsets[target as usize + 1] += 1;
    }
    for offsets in [&mut out_offsets, &mut in_offsets] {
        for node in 0..size.nodes {
            offsets[node + 1] += offsets[node];
        }
    }
    for offset in out_offsets {
        file.write_all(&offset.to_le_bytes())?;
    }
    for (_, target) in Pairs::open(graph)? {
        file.write_all(&target.to_le_bytes())?;
    }
    let mut sources = vec![0u32; size.edges as usize];
    let mut next = in_offsets.clone();
    for (source, target) in Pairs::open(graph)? {
        sources[next[target as usize] as usize] = source;
        next[target as usize] += 1;
    }
    for offset in in_offsets {
        file.write_all(&offset.to_le_bytes())?;
    }
    for source in sources {
        file.write_all(&source.to_le_bytes())?;
    }
    Ok(file.flush()?)
}

/// COST's vertex order (`src/bin/to_vertex.rs`): sources with their degrees, and targets.
fn cost(graph: &Path, prefix: &Path) -> Result {
    let mut nodes = BufWriter::new(File::create(prefix.with_extension("nodes"))?);
    let mut edges =
        BufWriter::with_capacity(1 << 20, File::create(prefix.with_extension("edges"))?);
    let mut list = (0u32, 0u32);
    let mut end_list = |(source, degree): (u32, u32)| -> Result {
        if degree > 0 {
            nodes.write_all(&source.to_le_bytes())?;
            nodes.write_all(&degree.to_le_bytes())?;
        }
        Ok(())
    };
    for (source, target) in Pairs::open(graph)? {
        if source != list.0 {
            end_list(list)?;
            list = (source, 0);
        }
        list.1 += 1;
        edges.write_all(&target.to_le_bytes())?;
    }
    end_list(list)?;
    nodes.flush()?;
    Ok(edges.flush()?)
}

/// The transpose as a BVGraph with the offsets of its lists.
fn webgraph(graph: &Path, size: &Size, base: &Path) -> Result {
    let mut offsets = vec![0; size.nodes + 1];
    for (_, target) in Pairs::open(graph)? {
        offsets[target as usize + 1] += 1;
    }
    for node in 0..size.nodes {
        offsets[node + 1] += offsets[node];
    }
    let mut sources = vec![0; size.edges as usize];
    let mut next = offsets.clone();
    for (source, target) in Pairs::open(graph)? {
        sources[next[target as usize]] = source as usize;
        next[target as usize] += 1;
    }
    // SAFETY: the offsets ascend from 0 to the number of sources.
    let transpose =
        unsafe { CsrGraph::from_parts(offsets.into_boxed_slice(), sources.into_boxed_slice()) };
    BvComp::with_basename(base).par_comp::<BE, _>(&transpose)?;
    let file = |extension| base.with_extension(extension);
    store_ef_with_data(
        size.nodes,
        file("graph"),
        file("offsets"),
        file("ef"),
        no_logging![],
    )?;
    Ok(())
}
