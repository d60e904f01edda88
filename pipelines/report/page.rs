//! The page: sections in their order, each a function.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::facts::{DAMAGED_NAMED, Facts, NEIGHBORS, TOP, TopFact};
use super::text::{counted, html, json as script_json, number, percent};
use crate::recipe::Level;
use crate::tables::read::utc;

/// The charts: a specification each, named as its data.
const SPECS: &[(&str, &str)] = &[
    ("shards", include_str!("specs/shards.json")),
    ("rates", include_str!("specs/rates.json")),
    ("degrees", include_str!("specs/degrees.json")),
    ("residuals", include_str!("specs/residuals.json")),
    ("tlds", include_str!("specs/tlds.json")),
    ("robots", include_str!("specs/robots.json")),
];

/// The libraries that draw charts, with their licenses: `vendor/README.md` says where they are from.
const LIBRARIES: &[(&str, &str, &[u8])] = &[
    (
        "Vega 6.4.0",
        include_str!("vendor/LICENSE-vega"),
        include_bytes!("vendor/vega.min.js.gz"),
    ),
    (
        "Vega-Lite 6.4.3",
        include_str!("vendor/LICENSE-vega-lite"),
        include_bytes!("vendor/vega-lite.min.js.gz"),
    ),
];

/// What the page may do: run what is in it, and ask nobody for anything.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:";

/// Lays the facts out as a page.
pub(super) fn html_of(facts: &Facts) -> String {
    let mut page = Page {
        facts,
        out: String::with_capacity(4 << 20),
    };
    page.head();
    page.headline();
    page.top();
    page.degrees();
    page.tlds();
    page.robots();
    page.pagerank();
    page.shards();
    page.run();
    page.cite();
    page.foot();
    page.out
}

struct Page<'a> {
    facts: &'a Facts,
    out: String,
}

/// Appends formatted text; writing to a string cannot fail.
macro_rules! put {
    ($page:expr, $($format:tt)*) => {{ let _ = write!($page.out, $($format)*); }};
}

impl Page<'_> {
    /// What a node is called, in the plural.
    fn nodes(&self) -> &'static str {
        match self.facts.level {
            Level::Host => "hosts",
            Level::Domain => "domains",
            Level::Page => "pages",
        }
    }

    fn head(&mut self) {
        let manifest = &self.facts.manifest;
        put!(
            self,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"generator\" content=\"crawlrank {version}\">\n\
             <title>crawlrank: run {id}</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
             <header><h1>A web graph, ranked</h1>\n<p>{shards} shards of a crawl, their links as a graph, and the graph’s PageRank and harmonic centrality. \
             <span class=\"soft\">Run <code>{id}</code>, of {updated}, crawlrank {version}.</span></p></header>\n",
            version = html(&manifest.version),
            id = html(&manifest.run_id),
            style = include_str!("report.css"),
            shards = number(manifest.num_shards),
            updated = utc(i64::try_from(manifest.updated).unwrap_or(i64::MAX)),
        );
        self.out.push_str("<nav><div><a href=\"#headline\">Headline</a> <a href=\"#top\">Top list</a> <a href=\"#degrees\">Degrees</a> <a href=\"#tlds\">Top-level domains</a> ");
        if self.facts.robots.is_some() {
            self.out.push_str("<a href=\"#robots\">robots.txt</a> ");
        }
        self.out.push_str("<a href=\"#pagerank\">Convergence</a> <a href=\"#shards\">Shards</a> <a href=\"#run\">This run</a> <a href=\"#cite\">How to cite</a></div></nav>\n<main>\n");
    }

    fn card(&mut self, value: &str, label: &str, is_bad: bool) {
        let class = if is_bad { "card bad" } else { "card" };
        put!(
            self,
            "<div class=\"{class}\"><b>{value}</b><span>{label}</span></div>\n"
        );
    }

    fn headline(&mut self) {
        let facts = self.facts;
        self.out
            .push_str("<section id=\"headline\">\n<div class=\"cards\">\n");
        for (level, (nodes, edges)) in in_order(&facts.graphs) {
            self.card(&number(*nodes), &format!("{level}s"), false);
            self.card(&number(*edges), &format!("edges between {level}s"), false);
        }
        let read = &facts.outcome;
        self.card(&number(read.pages), "pages captured", false);
        self.card(&number(read.links), "links on them", false);
        self.card(
            &indicatif::HumanBytes(read.bytes).to_string(),
            &format!("in {} shards, compressed", number(read.shards)),
            false,
        );
        if let Some(seconds) = self.seconds("extract") {
            let rate = read.bytes as f64 / 1e6 / seconds;
            let label = format!(
                "read: {} pages and {} links a second",
                number((read.pages as f64 / seconds) as u64),
                number((read.links as f64 / seconds) as u64)
            );
            self.card(&format!("{rate:.1} MB/s"), &label, false);
        }
        self.card(
            &number(read.faults),
            &match read.faults {
                0 => "faults: every byte was read".to_owned(),
                1 => format!("fault, {} lost", indicatif::HumanBytes(read.fault_bytes)),
                _ => format!("faults, {} lost", indicatif::HumanBytes(read.fault_bytes)),
            },
            read.faults > 0,
        );
        self.out.push_str("</div>\n</section>\n");
    }

    /// Time spent in a stage, if it is worth dividing by.
    fn seconds(&self, stage: &str) -> Option<f64> {
        let spent = self.facts.manifest.stage_milliseconds.get(stage)?;
        (*spent > 0).then_some(*spent as f64 / 1000.0)
    }

    fn chart(&mut self, name: &str, caption: &str) {
        put!(
            self,
            "<figure><div class=\"chart\" data-chart=\"{name}\" role=\"img\"></div>\n<figcaption>{caption}</figcaption></figure>\n"
        );
    }

    fn top(&mut self) {
        let (facts, nodes) = (self.facts, self.nodes());
        let columns = [
            ("pagerank_pos", "#"),
            ("", ""),
            ("pagerank", "PageRank"),
            ("harmonic_pos", "harmonic #"),
            ("in_degree", "linked from"),
            ("out_degree", "links to"),
            ("pages", "pages"),
        ];
        let place = |name: &str| facts.columns.iter().position(|column| column == name);
        let columns: Vec<(Option<usize>, &str, bool)> = columns
            .into_iter()
            .filter(|(name, _)| name.is_empty() || place(name).is_some())
            .map(|(name, title)| (place(name), title, name == "pagerank"))
            .collect();
        put!(
            self,
            "<section id=\"top\">\n<h2>The {} highest-ranked {nodes}</h2>\n<p>By PageRank: where a reader who follows links at random is found most often. \
             “linked from” counts the {nodes} that link there, “harmonic #” is the position by harmonic centrality, which asks how near all others are. \
             A name leads to its neighbors.</p>\n\
             <div class=\"search\" hidden><input id=\"search\" type=\"search\" placeholder=\"Search the list, e.g. wiki\" aria-label=\"Search the list\"> <span class=\"soft\" id=\"found\"></span></div>\n\
             <div class=\"scroll\"><table id=\"list\"><thead><tr>",
            number(facts.top.len() as u64)
        );
        for (column, title, _) in &columns {
            match column {
                None => put!(self, "<th>{}</th>", nodes.trim_end_matches('s')),
                Some(_) => put!(self, "<th class=\"n\">{title}</th>"),
            }
        }
        self.out.push_str("</tr></thead><tbody>\n");
        for node in &facts.top {
            self.out.push_str("<tr>");
            for &(column, _, is_score) in &columns {
                match column {
                    None => put!(
                        self,
                        "<td class=\"name\"><a href=\"#h-{}\">{}</a></td>",
                        node.id,
                        html(&node.name)
                    ),
                    Some(at) => {
                        let value = cell(node.row.get(at), is_score);
                        put!(self, "<td class=\"n\">{value}</td>");
                    }
                }
            }
            self.out.push_str("</tr>\n");
        }
        self.out.push_str("</tbody></table></div>\n");
        let listed: HashSet<u64> = facts.top.iter().map(|node| node.id).collect();
        for node in &facts.top {
            self.node(node, &listed);
        }
        self.out.push_str("</section>\n");
    }

    /// The section of one node, which is shown when the address names it.
    fn node(&mut self, node: &TopFact, listed: &HashSet<u64>) {
        put!(
            self,
            "<div class=\"host\" id=\"h-{}\"><h3 class=\"name\">{}</h3>\n<p class=\"soft\">",
            node.id,
            html(&node.name)
        );
        let value = |name: &str, is_score| {
            let at = self
                .facts
                .columns
                .iter()
                .position(|column| column == name)?;
            let value = node.row.get(at).filter(|value| !value.is_null())?;
            Some(cell(Some(value), is_score))
        };
        let score = |score: &str, position: &str, words: &str| {
            let (score, position) = (value(score, true)?, value(position, false)?);
            Some(format!("#{position} by {words} ({score})"))
        };
        let named = |name: &str, words: &str| {
            let value = value(name, false)?;
            Some(format!("{words} <span class=\"name\">{value}</span>"))
        };
        let words = [
            score("pagerank", "pagerank_pos", "PageRank"),
            score("harmonic", "harmonic_pos", "harmonic centrality"),
            value("pages", false).map(|pages| format!("{pages} pages captured")),
            value("hosts", false).map(|hosts| format!("{hosts} hosts")),
            (self.facts.level == Level::Host)
                .then(|| named("domain", "domain"))
                .flatten(),
            named("id", "id"),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        self.out.push_str(&words.join(" · "));
        self.out.push_str("</p>\n<div class=\"both\">");
        for (title, (neighbors, degree)) in [
            ("Linked from", &node.incoming),
            ("Links to", &node.outgoing),
        ] {
            put!(self, "<div><b>{title} {}</b><ol>", number(*degree));
            for (id, name) in neighbors {
                match listed.contains(id) {
                    true => put!(
                        self,
                        "<li class=\"name\"><a href=\"#h-{id}\">{}</a></li>",
                        html(name)
                    ),
                    false => put!(self, "<li class=\"name\">{}</li>", html(name)),
                }
            }
            self.out.push_str("</ol>");
            if *degree == 0 {
                self.out
                    .push_str("<span class=\"soft\">nobody that was seen</span>");
            }
            if *degree > neighbors.len() as u64 {
                put!(
                    self,
                    "<span class=\"soft\">and {} more</span>",
                    number(degree - neighbors.len() as u64)
                );
            }
            self.out.push_str("</div>");
        }
        self.out
            .push_str("</div>\n<p><a href=\"#top\">back to the list</a></p></div>\n");
    }

    fn degrees(&mut self) {
        let (facts, nodes) = (self.facts, self.nodes());
        put!(
            self,
            "<section id=\"degrees\">\n<h2>How many links {nodes} have</h2>\n<p>Most {nodes} have few links and a few have very many: on logarithmic axes \
             a crawl of the web falls along a line. A single {} off that line at the right is worth a look.</p>\n",
            nodes.trim_end_matches('s')
        );
        let (without_in, without_out) = facts.without;
        let total = facts.graphs.get(facts.level.as_str()).map_or(0, |g| g.0);
        self.chart(
            "degrees",
            &format!(
                "{} of {} {nodes} have no incoming edge and {} no outgoing one (linked to, not captured, or without links elsewhere); logarithmic axes have no \
                 place for them. From degree 16 a point is the mean of a range an eighth wide.",
                number(without_in),
                number(total),
                number(without_out)
            ),
        );
        self.out.push_str("</section>\n");
    }

    fn tlds(&mut self) {
        let facts = self.facts;
        put!(
            self,
            "<section id=\"tlds\">\n<h2>Top-level domains</h2>\n<p>The {} with the most PageRank, of {}. Where the diamond lies right of the circle, the names under it \
             are linked to more than their number says.</p>\n",
            number(facts.tlds.len() as u64),
            number(facts.num_tlds)
        );
        let caption = format!("Share of all {} and of their PageRank.", self.nodes());
        self.chart("tlds", &caption);
        self.out.push_str("</section>\n");
    }

    fn robots(&mut self) {
        let Some(robots) = &self.facts.robots else {
            return;
        };
        let answers = &robots.answers;
        put!(
            self,
            "<section id=\"robots\">\n<h2>Who shuts whom out</h2>\n<p>What robots.txt says to each agent about <code>/</code>, from {} captures of {} hosts{}. \
             Weighed by PageRank, a host that many link to counts for more.</p>\n",
            number(answers.rows),
            number(answers.hosts),
            match answers.hosts_unknown {
                0 => String::new(),
                unknown => format!("; of {} only redirects are known", number(unknown)),
            }
        );
        let as_anybody = match robots.num_as_anybody {
            0 => String::new(),
            as_anybody => format!(
                " {} more agents are shut out where everybody is, and only there: they stand where <code>*</code> does.",
                number(as_anybody)
            ),
        };
        self.chart(
            "robots",
            &format!("Share of the hosts whose answer is known that do not let the agent fetch /, and the share of PageRank these hosts hold.{as_anybody}"),
        );
        self.out.push_str("<details><summary>The numbers</summary><table><thead><tr><th>agent</th><th class=\"n\">allowed</th><th class=\"n\">disallowed</th><th class=\"n\">of hosts</th><th class=\"n\">of PageRank</th></tr></thead><tbody>\n");
        for agent in &answers.agents {
            put!(
                self,
                "<tr><td class=\"name\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                html(&agent.agent),
                number(agent.allowed),
                number(agent.disallowed),
                percent(
                    agent.disallowed as f64,
                    (agent.allowed + agent.disallowed) as f64
                ),
                percent(agent.pagerank_disallowed, answers.pagerank)
            );
        }
        self.out
            .push_str("</tbody></table></details>\n</section>\n");
    }

    fn pagerank(&mut self) {
        let facts = self.facts;
        self.out
            .push_str("<section id=\"pagerank\">\n<h2>Has PageRank converged?</h2>\n");
        let has_residuals = facts
            .ranks
            .values()
            .any(|report| !report.residuals.is_empty());
        if has_residuals {
            self.chart(
                "residuals",
                "Sum of the changes of all scores in each iteration. A straight line down is as it should be; it ends below the tolerance.",
            );
        } else {
            self.out.push_str("<p class=\"soft\">The version that ranked this run did not keep the residual of each iteration; <code>crawlrank rank RUN</code> does.</p>\n");
        }
        self.out.push_str("<table><thead><tr><th>level</th><th class=\"n\">iterations</th><th class=\"n\">last change</th><th class=\"n\">error at most</th><th class=\"n\">damping</th><th>converged</th><th>harmonic centrality</th></tr></thead><tbody>\n");
        for (level, report) in in_order(&facts.ranks) {
            let harmonic = match (&report.harmonic_log2m, &report.harmonic_left_out) {
                (Some(log2m), _) => {
                    format!("HyperBall, {} registers a node", 1u64 << (*log2m).min(32))
                }
                (None, Some(why)) => html(why),
                (None, None) => "not asked for".to_owned(),
            };
            put!(
                self,
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.1e}</td><td class=\"n\">{:.1e}</td><td class=\"n\">{}</td><td>{}</td><td>{harmonic}</td></tr>\n",
                html(level),
                report.iterations,
                report.residual,
                report.error_bound,
                report.damping,
                if report.converged { "yes" } else { "no" },
            );
        }
        self.out.push_str("</tbody></table>\n</section>\n");
    }

    fn shards(&mut self) {
        let facts = self.facts;
        let read = &facts.outcome;
        put!(
            self,
            "<section id=\"shards\">\n<h2>What the shards gave</h2>\n<p>{} records in {} shards; {} pages with {} links. {}</p>\n",
            number(read.records),
            number(read.shards),
            number(read.pages),
            number(read.links),
            match (read.faults, read.bad_shards.len()) {
                (0, 0) => "Every byte of them was read.".to_owned(),
                (faults, bad) => format!(
                    "Lost: {} with {}; {}.",
                    counted(faults, "fault"),
                    counted(read.fault_bytes, "byte"),
                    counted(bad as u64, "bad shard")
                ),
            }
        );
        let drawn = facts.shards.len() as u64;
        let caption = match drawn < read.shards {
            true => format!(
                "Links by shard: {} of {}, evenly chosen. A shard far below the others, or a colored one, is worth a look.",
                number(drawn),
                number(read.shards)
            ),
            false => {
                "Links by shard. A shard far below the others, or a colored one, is worth a look."
                    .to_owned()
            }
        };
        self.chart("shards", &caption);
        if !facts.rates.is_empty() {
            self.chart(
                "rates",
                "How fast one thread read each shard, inflated and parsed it: compressed megabytes a second, over the shards that it committed together. The line is the middle one of all.",
            );
        }
        if !facts.damaged.is_empty() {
            put!(
                self,
                "<h3>Shards with faults</h3>\n<table><thead><tr><th>shard</th><th class=\"n\">faults</th><th class=\"n\">bytes lost</th><th class=\"n\">of the shard</th><th>not read at all, because</th></tr></thead><tbody>\n"
            );
            for account in facts.damaged.iter().take(DAMAGED_NAMED) {
                let row = &account.row;
                put!(
                    self,
                    "<tr><td class=\"name\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
                    html(&row.shard),
                    number(row.faults),
                    number(row.fault_bytes),
                    percent(row.fault_bytes as f64, row.bytes as f64),
                    html(row.failed.as_deref().unwrap_or_default())
                );
            }
            self.out.push_str("</tbody></table>\n");
            if facts.damaged.len() > DAMAGED_NAMED {
                put!(
                    self,
                    "<p class=\"soft\">and {} more; <code>tables/faults.parquet</code> lists each.</p>\n",
                    number((facts.damaged.len() - DAMAGED_NAMED) as u64)
                );
            }
        }
        for (title, counts) in [
            (
                "Read whole although the header claims otherwise",
                &read.warnings,
            ),
            ("Pages and links left out, by reason", &read.skipped),
        ] {
            if counts.is_empty() {
                continue;
            }
            let words: Vec<String> = counts
                .iter()
                .map(|(name, count)| format!("{} {}", number(*count), html(name)))
                .collect();
            put!(
                self,
                "<p><b>{title}:</b> <span class=\"soft\">{}</span></p>\n",
                words.join(", ")
            );
        }
        self.out.push_str("</section>\n");
    }

    fn fact(&mut self, name: &str, value: &str) {
        put!(
            self,
            "<tr><th>{name}</th><td class=\"name\">{value}</td></tr>\n"
        );
    }

    fn run(&mut self) {
        let manifest = &self.facts.manifest;
        self.out
            .push_str("<section id=\"run\">\n<h2>This run</h2>\n<table class=\"facts\"><tbody>\n");
        let time = |seconds: u64| utc(i64::try_from(seconds).unwrap_or(i64::MAX));
        self.fact("run id", &html(&manifest.run_id));
        self.fact("crawlrank", &html(&manifest.version));
        self.fact("started", &time(manifest.started));
        self.fact("last written", &time(manifest.updated));
        let spent = &manifest.stage_milliseconds;
        let stages: Vec<String> = ["extract", "build", "rank", "export"]
            .into_iter()
            .filter_map(|stage| Some((stage, *spent.get(stage)?)))
            .map(|(stage, spent)| format!("{stage} {:.1} s", spent as f64 / 1000.0))
            .collect();
        self.fact("time spent", &stages.join(", "));
        for (name, value) in &manifest.shaping.0 {
            let value = match value {
                Value::String(text) => html(text),
                Value::Array(list) if list.is_empty() => "–".to_owned(),
                Value::Array(list) => {
                    let words: Vec<String> = list
                        .iter()
                        .map(|word| html(word.as_str().unwrap_or_default()))
                        .collect();
                    words.join(", ")
                }
                other => html(other.to_string()),
            };
            self.fact(&html(name.replace('_', " ")), &value);
        }
        self.out.push_str("</tbody></table>\n<p class=\"soft\">The same inputs and parameters give the same run id, graphs, scores and tables, on any machine. \
             <code>crawlrank verify</code> checks every byte of them.</p>\n</section>\n");
    }

    fn cite(&mut self) {
        let manifest = &self.facts.manifest;
        put!(
            self,
            "<section id=\"cite\">\n<h2>How to cite</h2>\n<p>Name the crawl that the shards are from, as its provider asks for (Common Crawl: the name of the crawl and https://commoncrawl.org), the \
             program with its version, and the run id, which stands for inputs and parameters.</p>\n\
             <pre>@software{{crawlrank,\n  title   = {{crawlrank: Common Crawl shards to a ranked web graph}},\n  version = {{{version}}},\n  note    = {{run {id}, {shards} shards, {profile} profile}}\n}}</pre>\n\
             <p>Methods: PageRank (Brin and Page, <i>The Anatomy of a Large-Scale Hypertextual Web Search Engine</i>, 1998); harmonic centrality (Boldi and Vigna, \
             <i>Axioms for Centrality</i>, 2014), estimated by HyperBall (Boldi and Vigna, <i>In-Core Computation of Geometric Centralities with HyperBall</i>, 2013); robots.txt by RFC 9309. \
             crawlrank is not affiliated with Common Crawl.</p>\n</section>\n",
            version = html(&manifest.version),
            id = html(&manifest.run_id),
            shards = number(manifest.num_shards),
            profile = match self.facts.recipe.profile {
                crate::recipe::ProfileName::Browser => "browser",
                crate::recipe::ProfileName::Cc => "cc",
            }
        );
    }

    fn foot(&mut self) {
        put!(
            self,
            "</main>\n<footer><p>Made by <code>crawlrank report</code>: this file is all there is, and asks no server for anything. The list holds at most {TOP} {}, each with its {NEIGHBORS} \
             highest-ranked neighbors; <code>crawlrank show</code> and <code>crawlrank neighbors</code> know the others. Charts by Vega and Vega-Lite, whose licenses stand in the source of this page.</p></footer>\n\
             <noscript><p>The charts need JavaScript; tables and numbers do not.</p></noscript>\n<div id=\"tooltip\" hidden></div>\n",
            self.nodes()
        );
        let mut specs = serde_json::Map::new();
        for (name, spec) in SPECS {
            let spec = serde_json::from_str(spec).expect("a specification is JSON");
            specs.insert((*name).to_owned(), spec);
        }
        put!(
            self,
            "<script type=\"application/json\" id=\"specs\">{}</script>\n<script type=\"application/json\" id=\"data\">{}</script>\n",
            script_json(&specs),
            script_json(&self.data())
        );
        for (name, license, packed) in LIBRARIES {
            put!(
                self,
                "<script>\n/*! {name}\n{license}*/\n{}\n</script>\n",
                inflated(packed).trim_end()
            );
        }
        put!(
            self,
            "<script>\n{}</script>\n</body>\n</html>\n",
            include_str!("report.js")
        );
    }

    /// The data of the charts, by their names.
    fn data(&self) -> Value {
        let facts = self.facts;
        let nodes = facts.graphs.get(facts.level.as_str()).map_or(0, |g| g.0);
        let tlds = facts.tlds.iter().map(|tld| {
            json!({
                "tld": tld.tld,
                "nodes": tld.nodes,
                "nodes_share": tld.nodes as f64 / nodes.max(1) as f64,
                "pagerank": tld.pagerank,
            })
        });
        let residuals = facts.ranks.iter().flat_map(|(level, report)| {
            let residuals = report.residuals.iter().zip(1..);
            // A logarithmic axis has no place for 0.
            let residuals = residuals.filter(|(residual, _)| **residual > 0.0);
            residuals.map(move |(residual, iteration): (&f64, u32)| {
                json!({"level": level, "iteration": iteration, "residual": residual, "tolerance": report.tolerance})
            })
        });
        let robots = facts.robots.as_ref().map(|robots| &robots.agents);
        json!({
            "shards": facts.shards,
            "rates": facts.rates,
            "degrees": facts.degrees,
            "residuals": residuals.collect::<Vec<_>>(),
            "tlds": tlds.collect::<Vec<_>>(),
            "robots": robots,
        })
    }
}

/// The entries of levels in the order of the levels, not of their names.
fn in_order<T>(levels: &BTreeMap<String, T>) -> impl Iterator<Item = (&str, &T)> {
    let order = [Level::Host, Level::Domain, Level::Page];
    let entry = |level: Level| Some((level.as_str(), levels.get(level.as_str())?));
    order.into_iter().filter_map(entry)
}

/// A value of a table as text of the page.
fn cell(value: Option<&Value>, is_score: bool) -> String {
    match value {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => html(text),
        Some(Value::Number(value)) => match (value.as_u64(), value.as_f64()) {
            (Some(whole), _) => number(whole),
            (None, Some(score)) if is_score && score.abs() < 1.0 => format!("{score:.3e}"),
            (None, Some(score)) => format!("{score:.1}"),
            (None, None) => html(value.to_string()),
        },
        Some(other) => html(other.to_string()),
    }
}

fn inflated(packed: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(packed)
        .read_to_string(&mut text)
        .expect("the library was packed by us");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_those_of_the_list_and_end_no_script() {
        let listed = include_str!("vendor/README.md");
        for (name, license, packed) in LIBRARIES {
            let text = inflated(packed);
            let digest = <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes());
            let digest = data_encoding::HEXLOWER.encode(&digest);
            assert!(listed.contains(&digest), "{name}: {digest}");
            assert!(
                !text.contains("</script") && !text.contains("<!--"),
                "{name}"
            );
            assert!(
                !license.contains("*/") && license.contains("Copyright"),
                "{name}"
            );
        }
    }

    #[test]
    fn every_chart_names_its_data() {
        for (name, spec) in SPECS {
            let spec: Value = serde_json::from_str(spec).unwrap();
            assert_eq!(spec["data"], json!({"name": name}));
            assert_eq!(
                spec["$schema"],
                "https://vega.github.io/schema/vega-lite/v6.json"
            );
        }
    }
}
