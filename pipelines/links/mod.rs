//! Links of pages as rows: where each link stood and where it leads, page by page, without a graph.
//!
//! [`batches`] streams one shard as Arrow record batches with the columns of the table `links`; [`job`] writes the links of
//! many shards to Parquet files. Rows come in the order of the shard's pages and of the links on them (headers, then the
//! head of the page, then the rest), every one of them, also those within a host: nothing is made unique. A link that leads
//! to no web page (`mailto:`, an address of which no URL can be made) gives no row; it is counted.
//!
//! Memory: a record of the shard, its copy as a page, and a batch of at most 65,536 rows or little more than 4 MiB of text,
//! whatever the shard holds: a page with many links is cut over several batches.

pub mod job;
pub(crate) mod record;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use crawlrank_links::{LinkFilter, Page, reverse_host};
use crawlrank_warc::{Fault, Reader, ReaderOptions, Record, Totals};

use self::record::{Parsed, parse_page};
use crate::error::{self, Error, Result};
use crate::recipe::{Kind, Recipe};
use crate::tables::links::{LinkRow, LinkRows};

/// How links are read.
#[derive(Clone, Debug)]
pub struct LinksOptions {
    /// What the shard holds.
    pub kind: Kind,
    /// Profile and limits of pages.
    pub page: crawlrank_links::Options,
    /// Which links give a row.
    pub filter: LinkFilter,
    /// Limits of the reader of records.
    pub reader: ReaderOptions,
}

impl LinksOptions {
    /// Those that a recipe names.
    ///
    /// # Errors
    /// Exit 2 when the recipe names a kind or relation that does not exist.
    pub fn of(recipe: &Recipe) -> Result<Self> {
        Ok(LinksOptions {
            kind: recipe.kind,
            page: crawlrank_links::Options {
                max_text_bytes: crawlrank_links::Options::default().max_text_bytes,
                ..recipe.link_options()
            },
            filter: recipe.link_filter()?,
            reader: recipe.reader_options(),
        })
    }
}

impl Default for LinksOptions {
    fn default() -> Self {
        LinksOptions {
            kind: Kind::Wat,
            page: crawlrank_links::Options::default(),
            filter: LinkFilter::default(),
            reader: ReaderOptions::default(),
        }
    }
}

/// Opens a shard (plain, gzip or zstd) and streams its links.
///
/// # Errors
/// Exit 74 when the file cannot be opened. What it holds is looked at by the first call of the iterator.
///
/// # Examples
///
/// ```
/// use crawlrank::links::{self, LinksOptions};
///
/// let mut links = links::batches("data-samples/odd/plain.warc.wat".as_ref(), LinksOptions::default())?;
/// let mut rows = 0;
/// for batch in &mut links {
///     rows += batch?.num_rows();
/// }
/// assert_eq!(links.counts().rows, rows as u64);
/// # Ok::<(), crawlrank::error::Error>(())
/// ```
pub fn batches(path: &Path, options: LinksOptions) -> Result<Batches<File>> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    Ok(Batches::new(file, path, options))
}

/// What was counted on the way through a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Captured pages.
    pub pages: u64,
    /// Links on them.
    pub links: u64,
    /// Rows.
    pub rows: u64,
    /// Links that the filter left out.
    pub filtered: u64,
    /// Pages and links left out, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
}

/// The links of one shard, a batch at a time. As an iterator it passes over damaged places, which [`totals`](Batches::totals)
/// counts; [`next_batch`](Batches::next_batch) tells of each. It ends at the first error.
pub struct Batches<R> {
    path: PathBuf,
    kind: Kind,
    filter: LinkFilter,
    reader: Reader<R>,
    record: Record,
    page: Page,
    /// Links of the page that are done; absent between pages.
    done_links: Option<usize>,
    source: Source,
    target: Target,
    rows: LinkRows,
    counts: Counts,
    is_ended: bool,
}

/// The page at hand, as its rows name it.
#[derive(Default)]
struct Source {
    url: String,
    host: String,
}

/// Where the link at hand leads, as its row names it.
#[derive(Default)]
struct Target {
    url: String,
    reversed_host: String,
    /// The link before it led to this host, reversed: links come in runs.
    last_reversed_host: String,
    host: String,
}

impl Target {
    /// Brings `host` up to date.
    fn name_host(&mut self) {
        if self.reversed_host != self.last_reversed_host {
            reverse_host(&self.reversed_host, &mut self.host);
            std::mem::swap(&mut self.reversed_host, &mut self.last_reversed_host);
        }
    }
}

impl<R: Read> Batches<R> {
    /// Streams the links of `input`; `path` names it in errors.
    pub fn new(input: R, path: &Path, options: LinksOptions) -> Self {
        Batches {
            path: path.to_owned(),
            kind: options.kind,
            filter: options.filter,
            reader: Reader::with_options(input, options.reader),
            record: Record::default(),
            page: Page::new(options.page),
            done_links: None,
            source: Source::default(),
            target: Target::default(),
            rows: LinkRows::default(),
            counts: Counts::default(),
            is_ended: false,
        }
    }

    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        self.rows.schema().clone()
    }

    /// What was counted so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What the reader of records counted so far, damaged places included.
    pub fn totals(&self) -> &Totals {
        self.reader.totals()
    }

    /// Returns the next batch, nothing at the end; never an empty one. Calls `on_fault` with each damaged place as it is met.
    ///
    /// # Errors
    /// Exit 4 when the input is no shard, 74 when it cannot be read, and what `on_fault` returns.
    pub fn next_batch(
        &mut self,
        on_fault: &mut dyn FnMut(Fault) -> Result<()>,
    ) -> Result<Option<RecordBatch>> {
        let filled = match self.is_ended {
            true => Ok(()),
            false => self.fill(on_fault),
        };
        self.is_ended |= filled.is_err();
        filled?;
        match self.rows.is_empty() {
            true => Ok(None),
            false => self.rows.take().map(Some),
        }
    }

    /// Adds rows until the batch is full or the input ends.
    fn fill(&mut self, on_fault: &mut dyn FnMut(Fault) -> Result<()>) -> Result<()> {
        while !self.rows.is_full() {
            if self.done_links.is_some() {
                self.add_links();
                continue;
            }
            let more = self.reader.read_record(&mut self.record);
            self.reader
                .take_faults()
                .into_iter()
                .try_for_each(&mut *on_fault)?;
            if !more.map_err(|e| error::refused(&self.path, &e))? {
                self.is_ended = true;
                break;
            }
            self.open_page();
        }
        Ok(())
    }

    /// Reads the page that the record holds, if any.
    fn open_page(&mut self) {
        match parse_page(&mut self.page, &self.record, self.kind) {
            Ok(Parsed::Page) => {}
            Ok(Parsed::PageInPart(reason)) => self.skip(reason, 1),
            Ok(Parsed::Other) => return,
            Err(reason) => return self.skip(reason.as_str(), 1),
        }
        self.counts.pages += 1;
        self.counts.links += self.page.num_links();
        for (reason, count) in self.page.skipped() {
            *self.counts.skipped.entry(reason.as_str()).or_default() += count;
        }
        self.source.url.clear();
        self.source
            .url
            .push_str(&String::from_utf8_lossy(self.page.url()));
        reverse_host(self.page.host().unwrap_or_default(), &mut self.source.host);
        self.done_links = Some(0);
    }

    /// Adds the links of the page until the batch is full.
    fn add_links(&mut self) {
        let done = self.done_links.unwrap_or(0);
        let target = &mut self.target;
        for (at, link) in (done..).zip(self.page.links().skip(done)) {
            if self.rows.is_full() {
                self.done_links = Some(at);
                return;
            }
            if !self.filter.takes(link.kind, link.rel) {
                self.counts.filtered += 1;
                continue;
            }
            let found = self
                .page
                .target(&link, &mut target.url, &mut target.reversed_host);
            if let Err(reason) = found {
                *self.counts.skipped.entry(reason.as_str()).or_default() += 1;
                continue;
            }
            target.name_host();
            let is_node = |host: &&str| !host.is_empty();
            let rel = match link.rel.is_empty() {
                true => String::new(),
                false => link.rel.to_string(),
            };
            self.rows.push(&LinkRow {
                source_url: &self.source.url,
                target_url: &target.url,
                source_host: Some(self.source.host.as_str()).filter(is_node),
                target_host: Some(target.host.as_str()).filter(is_node),
                kind: link.kind.as_str(),
                rel: &rel,
                text: &String::from_utf8_lossy(link.text),
            });
            self.counts.rows += 1;
        }
        self.done_links = None;
    }

    fn skip(&mut self, reason: &'static str, count: u64) {
        *self.counts.skipped.entry(reason).or_default() += count;
    }
}

impl<R: Read> Iterator for Batches<R> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch(&mut |_| Ok(())).transpose()
    }
}
