//! Records to the names that nodes and edges are made of: work that threads share without knowing of one another.

use std::io::Read;

use crawlrank_graph::GraphBuilder;
use crawlrank_links::{LinkFilter, Page};
use crawlrank_warc::{Fault, ReaderOptions, Record, Totals};

use crate::accounts::ShardRow;
use crate::blocks::read_blocks;
use crate::error::{Error, Result};
use crate::links::record::{Parsed, parse_page};
use crate::recipe::{Kind, Level, Recipe};

/// Reads the pages of records, one after the other; each thread has its own.
pub(crate) struct PageReader {
    page: Page,
    kind: Kind,
    filter: LinkFilter,
    levels: Vec<Level>,
    /// The name of the node that is being read.
    source: String,
}

/// Bytes that are kept of a block: many times those of one of Common Crawl's, and little beside a budget.
const MOST_OF_A_BLOCK: usize = if cfg!(test) { 1 << 10 } else { 2 << 20 };

/// Bytes that are kept before they are handed over, where records are read in order: a page of a hundred thousand short links below a
/// long address has a gigabyte of names.
const MOST_IN_ORDER: usize = if cfg!(test) { 256 } else { 4 << 20 };

/// What the pages of some records gave, in their order. Reused: [`FoundPages::move_to`] empties it.
#[derive(Default)]
pub(crate) struct FoundPages {
    /// Pages, links, edges, and what was left out.
    counts: ShardRow,
    /// For each page and level a node with its targets.
    nodes: Vec<FoundNode>,
    /// Names of nodes, each followed by those of its targets.
    names: String,
    /// Where each name ends.
    ends: Vec<usize>,
}

struct FoundNode {
    /// Place in the list of levels.
    level: usize,
    /// Whether it is a page's first entry, and not the rest of its targets.
    is_page: bool,
    num_targets: u64,
}

/// Reads the pages of a shard into the builders of their levels, by as many threads as there are `readers`; returns what was counted, and
/// the totals of its records.
///
/// # Errors
/// Those of `refused`, which is given what the reader of records says, of `on_fault`, and of the builders.
pub(crate) fn read_pages<R: Read>(
    input: R,
    options: &ReaderOptions,
    readers: &mut [PageReader],
    record: &mut Record,
    builders: &mut [(Level, GraphBuilder)],
    on_fault: &mut dyn FnMut(Fault) -> Result<()>,
    refused: impl Fn(crawlrank_warc::Error) -> Error,
) -> Result<(ShardRow, Totals)> {
    let mut found = ShardRow::default();
    let mut reader = read_blocks(
        input,
        options,
        readers,
        // What gives too many names is read in order, and handed over in between.
        |reader: &mut PageReader, record, pages: &mut FoundPages| {
            reader.read(record, pages, MOST_OF_A_BLOCK, &mut |_| false)
        },
        |mut pages: FoundPages| pages.move_to(builders, &mut found),
        &refused,
    )?;
    let mut pages = FoundPages::default();
    loop {
        let more = reader.read_record(record);
        reader
            .take_faults()
            .into_iter()
            .try_for_each(&mut *on_fault)?;
        if !more.map_err(&refused)? {
            break;
        }
        let mut moved = Ok(());
        let mut hand_over = |pages: &mut FoundPages| {
            moved = pages.move_to(builders, &mut found);
            moved.is_ok()
        };
        readers[0].read(record, &mut pages, MOST_IN_ORDER, &mut hand_over);
        moved?;
        pages.move_to(builders, &mut found)?;
    }
    Ok((found, reader.totals().clone()))
}

impl PageReader {
    /// Reads what `recipe` asks for.
    pub(crate) fn new(recipe: &Recipe, levels: &[Level]) -> Result<Self> {
        Ok(PageReader {
            page: Page::new(recipe.link_options()),
            kind: recipe.kind,
            filter: recipe.link_filter()?,
            levels: levels.to_vec(),
            source: String::new(),
        })
    }

    /// Adds the page that the record holds, if any. When names come to `most_bytes`, `hand_over` takes what was found so far;
    /// false when it does not want to.
    pub(crate) fn read(
        &mut self,
        record: &Record,
        found: &mut FoundPages,
        most_bytes: usize,
        hand_over: &mut dyn FnMut(&mut FoundPages) -> bool,
    ) -> bool {
        let is_wanted = self.read_page(record, found, most_bytes, hand_over);
        // The next record may be large, too.
        self.page.clear_if_large();
        is_wanted
    }

    fn read_page(
        &mut self,
        record: &Record,
        found: &mut FoundPages,
        most_bytes: usize,
        hand_over: &mut dyn FnMut(&mut FoundPages) -> bool,
    ) -> bool {
        let counts = &mut found.counts;
        match parse_page(&mut self.page, record, self.kind) {
            Ok(Parsed::Page) => {}
            Ok(Parsed::PageInPart(reason)) => counts.skip(reason, 1),
            Ok(Parsed::Other) => return true,
            Err(reason) => {
                counts.skip(reason.as_str(), 1);
                return true;
            }
        }
        counts.pages += 1;
        counts.links += self.page.num_links();
        for at in 0..self.levels.len() {
            let Some(num_targets) = self.read_level(at, found, most_bytes, hand_over) else {
                return false;
            };
            // The account is that of the first level, so that it does not depend on which others are built.
            if at == 0 {
                found.counts.edges += num_targets;
                for (reason, count) in self.page.skipped() {
                    found.counts.skip(reason.as_str(), count);
                }
            }
        }
        // Pages without targets are many, too.
        found.bytes() < most_bytes || hand_over(found)
    }

    /// Adds the page's node at one level with its targets, and returns their number; nothing when they are not wanted.
    fn read_level(
        &mut self,
        level: usize,
        found: &mut FoundPages,
        most_bytes: usize,
        hand_over: &mut dyn FnMut(&mut FoundPages) -> bool,
    ) -> Option<u64> {
        let (source, of) = match self.levels[level] {
            Level::Page => (self.page.page_key(), crawlrank_links::Level::Page),
            _ => (self.page.host(), crawlrank_links::Level::Host),
        };
        let Some(source) = source else {
            return Some(0);
        };
        self.source.clear();
        self.source.push_str(source);
        found.push_name(&self.source);
        let (mut all, mut is_wanted) = (0, true);
        let mut node = FoundNode {
            level,
            is_page: true,
            num_targets: 0,
        };
        self.page.for_each_target(of, &self.filter, &mut |target| {
            if !is_wanted {
                return;
            }
            found.push_name(target);
            (all, node.num_targets) = (all + 1, node.num_targets + 1);
            if found.bytes() >= most_bytes {
                let rest = FoundNode {
                    level,
                    is_page: false,
                    num_targets: 0,
                };
                found.nodes.push(std::mem::replace(&mut node, rest));
                is_wanted = hand_over(found);
                found.push_name(&self.source);
            }
        });
        found.nodes.push(node);
        is_wanted.then_some(all)
    }
}

impl FoundPages {
    /// Bytes of memory that are in use.
    fn bytes(&self) -> usize {
        self.names.len() + 8 * self.ends.len() + size_of::<FoundNode>() * self.nodes.len()
    }

    fn push_name(&mut self, name: &str) {
        self.names.push_str(name);
        self.ends.push(self.names.len());
    }

    /// Hands all over to the graphs and the account of a shard.
    pub(crate) fn move_to(
        &mut self,
        builders: &mut [(Level, GraphBuilder)],
        row: &mut ShardRow,
    ) -> Result<()> {
        let mut start = 0;
        let mut names = self.ends.iter().map(|&end| {
            let name = &self.names.as_bytes()[start..end];
            start = end;
            name
        });
        let mut next_name = || names.next().expect("a name for each node and target");
        for node in &self.nodes {
            let (_, builder) = &mut builders[node.level];
            let source = next_name();
            if node.is_page {
                builder.node(source, 1)?;
            }
            for _ in 0..node.num_targets {
                builder.edge(source, next_name(), 1)?;
            }
        }
        row.pages += self.counts.pages;
        row.links += self.counts.links;
        row.edges += self.counts.edges;
        for (reason, &count) in &self.counts.skipped {
            row.skip(reason, count);
        }
        self.counts = ShardRow::default();
        self.nodes.clear();
        self.names.clear();
        self.ends.clear();
        Ok(())
    }
}
