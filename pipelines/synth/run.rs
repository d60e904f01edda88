//! From options to files: which file holds what, and the truth about all of them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::PathBuf;

use flate2::{Compression, GzBuilder};
use rayon::prelude::*;

use super::dice::{Dice, Purpose};
use super::shard::{PageRecord, ShardFile, Written};
use super::truth::{Gatherer, OptionsTruth, ShardTruth, Share, Summary, Totals};
use super::warc::WarcWriter;
use super::wat::WatWriter;
use super::{Error, Kind, SynthOptions, World, clock, diagnostics, page, robots, wet};

/// What a file holds: the kinds, and the second file that comes with each WARC.
#[derive(Clone, Copy, PartialEq)]
enum Content {
    Wat,
    Warc,
    Diagnostics,
    Wet,
    Robots,
}

impl Content {
    fn of(kind: Kind) -> &'static [Content] {
        match kind {
            Kind::Wat => &[Content::Wat],
            Kind::Warc => &[Content::Warc, Content::Diagnostics],
            Kind::Wet => &[Content::Wet],
            Kind::Robots => &[Content::Robots],
        }
    }

    /// As Common Crawl names them; there, folders keep the last two apart from other WARCs.
    fn name_and_extension(self) -> (&'static str, &'static str) {
        match self {
            Content::Wat => ("wat", ".warc.wat.gz"),
            Content::Warc => ("warc", ".warc.gz"),
            Content::Diagnostics => ("crawldiagnostics", ".crawldiagnostics.warc.gz"),
            Content::Wet => ("wet", ".warc.wet.gz"),
            Content::Robots => ("robotstxt", ".robotstxt.warc.gz"),
        }
    }
}

pub(super) struct Run<'a> {
    options: &'a SynthOptions,
    world: &'a World,
    progress: &'a (dyn Fn(u64) -> io::Result<()> + Sync),
    /// The content that pages are counted from: the same pages may be in several.
    counted: Option<Content>,
    pairs: Gatherer<'a>,
    redirects: Gatherer<'a>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        options: &'a SynthOptions,
        world: &'a World,
        progress: &'a (dyn Fn(u64) -> io::Result<()> + Sync),
    ) -> Result<Self, Error> {
        let counted = options
            .kinds
            .iter()
            .find(|kind| **kind != Kind::Robots)
            .map(|kind| Content::of(*kind)[0]);
        let pairs = Gatherer::new(&options.out, &world.hosts)?;
        let redirects = Gatherer::new(&options.out, &world.hosts)?;
        Ok(Self {
            options,
            world,
            progress,
            counted,
            pairs,
            redirects,
        })
    }

    pub(super) fn write_all(&self) -> Result<Summary, Error> {
        let mut kinds = self.options.kinds.clone();
        kinds.sort_unstable();
        kinds.dedup();
        let contents = kinds.iter().flat_map(|kind| Content::of(*kind));
        let files: Vec<(Content, u32)> = contents
            .flat_map(|content| (0..self.options.shards).map(|shard| (*content, shard)))
            .collect();
        let shards = files
            .into_par_iter()
            .map(|(content, shard)| self.write(content, shard))
            .collect::<Result<_, _>>()?;
        self.tell_truth(shards)
    }

    fn write(&self, content: Content, shard: u32) -> Result<ShardTruth, Error> {
        let (kind, extension) = content.name_and_extension();
        let truth = ShardTruth::new(format!("{}-{shard:05}{extension}", clock::SEGMENT), kind);
        let stream = u64::from(shard) << 3 | content as u64;
        let faults = (self.options.seed, stream, self.options.faults_per_million);
        let mut file = ShardFile::create(&self.options.out, truth, faults)?;
        let written = match content {
            Content::Wat => self.write_wat(shard, &mut file),
            Content::Warc => self.write_warc(shard, &mut file),
            Content::Diagnostics => self.write_diagnostics(shard, &mut file),
            Content::Wet => self.write_wet(shard, &mut file),
            Content::Robots => self.write_robots(shard, &mut file),
        };
        file.at_path(written)?;
        file.finish()
    }

    /// Calls `each` with every page of the shard, and notes what is true of them.
    fn each_page(
        &self,
        shard: u32,
        content: Content,
        file: &mut ShardFile,
        mut each: impl FnMut(&page::Page, &mut ShardFile) -> Written,
    ) -> Written {
        let mut share = (self.counted == Some(content)).then(|| self.pairs.share());
        for index in self.indexes(shard, self.options.pages_per_shard) {
            let page = page::page(self.world, index);
            if let Some(share) = &mut share {
                share.add(page.host, &page.targets);
            }
            file.truth.pages += 1;
            file.truth.links += page.links.len() as u64;
            file.truth.head_links += (page.head_links.len() + page.scripts.len()) as u64;
            each(&page, file)?;
            (self.progress)(1)?;
        }
        share.map_or(Ok(()), Share::finish)
    }

    /// The indexes of the captures in a shard that holds `count`.
    fn indexes(&self, shard: u32, count: u32) -> Range<u64> {
        let (shard, count) = (u64::from(shard), u64::from(count));
        shard * count..(shard + 1) * count
    }

    /// Ids of a shard's own records; of a WARC and its WAT the same.
    fn shard_dice(&self, shard: u32) -> Dice {
        Dice::new(
            self.options.seed,
            Purpose::World,
            1 << 40 | u64::from(shard),
        )
    }

    fn write_wat(&self, shard: u32, file: &mut ShardFile) -> Written {
        let mut dice = self.shard_dice(shard);
        let warc_name = format!("{}-{shard:05}.warc.gz", clock::SEGMENT);
        let mut writer = WatWriter::new(self.world, warc_name, page::uuid(&mut dice));
        let own_name = file.truth.file.clone();
        writer.start(&own_name, &mut dice, |record| file.record(record, true))?;
        self.each_page(shard, Content::Wat, file, |page, file| {
            writer.page(page, |which, record| {
                file.record(record, which == PageRecord::Response)
            })
        })
    }

    fn start_warc(&self, shard: u32, file: &mut ShardFile) -> io::Result<WarcWriter> {
        let mut writer = WarcWriter::new(page::uuid(&mut self.shard_dice(shard)));
        let own_name = file.truth.file.clone();
        writer.start(&own_name, |record| file.record(record, true))?;
        Ok(writer)
    }

    fn write_warc(&self, shard: u32, file: &mut ShardFile) -> Written {
        let mut writer = self.start_warc(shard, file)?;
        self.each_page(shard, Content::Warc, file, |page, file| {
            writer.page(self.world, page, |which, record| {
                file.record(record, which == PageRecord::Response)
            })
        })
    }

    fn write_diagnostics(&self, shard: u32, file: &mut ShardFile) -> Written {
        let mut writer = self.start_warc(shard, file)?;
        let mut share = self.redirects.share();
        let count = self
            .options
            .pages_per_shard
            .div_ceil(diagnostics::PAGES_PER_CAPTURE);
        for index in self.indexes(shard, count) {
            let (host, target) =
                diagnostics::capture(self.world, &mut writer, index, |which, record| {
                    file.record(record, which == PageRecord::Response)
                })?;
            share.add(host, target.as_slice());
            (self.progress)(1)?;
        }
        share.finish()
    }

    fn write_wet(&self, shard: u32, file: &mut ShardFile) -> Written {
        let own_name = file.truth.file.clone();
        wet::start(&own_name, &mut self.shard_dice(shard), |record| {
            file.record(record, true)
        })?;
        let mut record = String::new();
        self.each_page(shard, Content::Wet, file, |page, file| {
            wet::page(self.world, page, &mut record);
            file.record(record.as_bytes(), true)
        })
    }

    /// Every crawled host has one robots.txt, in the shard of its number modulo the shards.
    fn write_robots(&self, shard: u32, file: &mut ShardFile) -> Written {
        let mut writer = self.start_warc(shard, file)?;
        let name = file.truth.file.replace(".warc.gz", ".jsonl.gz");
        let lines = File::create_new(self.options.out.join(name))?;
        let mut lines = GzBuilder::new()
            .mtime(0)
            .write(io::BufWriter::new(lines), Compression::new(6));
        for number in
            (shard as usize..self.world.hosts.num_crawled()).step_by(self.options.shards as usize)
        {
            let truth = robots::capture(self.world, &mut writer, number, |which, record| {
                file.record(record, which == PageRecord::Response)
            })?;
            serde_json::to_writer(&mut lines, &truth)?;
            lines.write_all(b"\n")?;
            (self.progress)(1)?;
        }
        lines.finish()?.into_inner()?.sync_all()
    }

    /// Writes the lists and, last, `truth.json`.
    fn tell_truth(&self, shards: Vec<ShardTruth>) -> Result<Summary, Error> {
        let out = &self.options.out;
        let mut totals = Totals::of(
            &shards,
            self.counted.map(|content| content.name_and_extension().0),
        );
        if self.counted.is_some() {
            totals.lists = self.pairs.write(out, "host_pairs", "hosts")?;
        }
        if self.options.kinds.contains(&Kind::Warc) {
            totals.redirect_lists =
                self.redirects
                    .write(out, "redirect_pairs", "redirect_hosts")?;
        }
        let summary = Summary {
            format: 1,
            options: OptionsTruth::from(self.options),
            totals,
            shards,
        };
        let path = out.join("truth.json");
        write_json(&summary, out.join(".truth.json.tmp"), &path)
            .map_err(|source| Error::Io { path, source })?;
        Ok(summary)
    }
}

fn write_json(summary: &Summary, temporary: PathBuf, path: &PathBuf) -> io::Result<()> {
    let mut file = File::create_new(&temporary)?;
    serde_json::to_writer_pretty(&mut file, summary)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
