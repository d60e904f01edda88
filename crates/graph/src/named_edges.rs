//! Named edges on their way to ids.

use crate::Error;
use crate::interners::{Dealt, Found, Place};
use crate::names::MAX_NAME_BYTES;
use crate::sorter::Record;
use crate::spill::NodePages;

/// Nodes and edges that [`GraphBuilder::extend`](crate::GraphBuilder::extend) takes from one thread.
pub struct NamedEdges {
    pub(crate) names: Dealt,
    /// Numbers of source and target among the names, and pages.
    edges: Vec<(u32, u32, u32)>,
    nodes: Vec<(u32, u64)>,
    last_source: Option<Place>,
}

impl NamedEdges {
    pub(crate) fn new(names: Dealt) -> Self {
        NamedEdges {
            names,
            edges: Vec::new(),
            nodes: Vec::new(),
            last_source: None,
        }
    }

    /// As [`GraphBuilder::node`](crate::GraphBuilder::node).
    ///
    /// # Errors
    /// [`Error::NameTooLong`].
    pub fn node(&mut self, name: &[u8], pages: u64) -> Result<(), Error> {
        check_name(name)?;
        let place = self.names.push(name);
        self.nodes.push((place.number, pages));
        Ok(())
    }

    /// As [`GraphBuilder::edge`](crate::GraphBuilder::edge).
    ///
    /// # Errors
    /// [`Error::NameTooLong`].
    #[inline]
    pub fn edge(&mut self, source: &[u8], target: &[u8], pages: u32) -> Result<(), Error> {
        check_name(source)?;
        check_name(target)?;
        let source = match self.last_source {
            Some(last) if self.names.holds(last, source) => last,
            _ => self.names.push(source),
        };
        self.last_source = Some(source);
        let target = self.names.push(target);
        self.edges.push((source.number, target.number, pages));
        Ok(())
    }

    /// Nodes and edges.
    pub(crate) fn len(&self) -> usize {
        self.edges.len() + self.nodes.len()
    }

    /// Bytes held, with the ids that are going to be found.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.names.bytes()
            + self.names.len() * size_of::<u32>()
            + self.edges.len() * size_of::<(u32, u32, u32)>()
            + self.nodes.len() * size_of::<(u32, u64)>()
    }

    pub(crate) fn clear(&mut self) {
        self.names.clear();
        self.edges.clear();
        self.nodes.clear();
        self.last_source = None;
    }

    /// Edges and nodes under the ids of the `at`-th of those that were looked up.
    pub(crate) fn numbered<R: Record>(&self, found: &Found, at: usize) -> (Vec<R>, Vec<NodePages>) {
        let mut ids = Vec::new();
        found.ids(at, &self.names, &mut ids);
        let edge = |&(source, target, pages): &(u32, u32, u32)| {
            R::new(ids[source as usize], ids[target as usize], pages)
        };
        let node = |&(number, pages): &(u32, u64)| [u64::from(ids[number as usize]), pages];
        (
            self.edges.iter().map(edge).collect(),
            self.nodes.iter().map(node).collect(),
        )
    }
}

fn check_name(name: &[u8]) -> Result<(), Error> {
    match name.len() <= MAX_NAME_BYTES {
        true => Ok(()),
        false => Err(Error::NameTooLong {
            found: name.len(),
            limit: MAX_NAME_BYTES,
        }),
    }
}
