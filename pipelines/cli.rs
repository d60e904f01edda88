//! The command line: what users may type, and how the program leaves. One file per command under `commands/`.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;
use crate::commands::warc::Limits;
use crate::error::{Error, Exit, Result};
use crate::interrupt::Interrupt;
use crate::network::manners::MAX_CONNECTIONS;
use crate::network::{Network, NetworkOptions};
use crate::progress::Show;
use crate::recipe::{Allowance, Kind, Level, ProfileName, Recipe, Size, WwwRule};
use crate::shard::{FindOptions, web_address};

/// Common Crawl shards to a ranked web graph in Parquet, on one machine.
#[derive(Debug, Parser)]
#[command(name = "crawlrank", version, about, max_term_width = 100)]
#[command(after_help = "Not affiliated with Common Crawl.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How it is shown.
    #[command(flatten)]
    pub shown: Shown,
}

/// Flags that every command takes.
#[derive(Clone, Debug, Args)]
pub struct Shown {
    /// Say only what went wrong
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Form of the log lines on stderr
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "pretty",
        value_name = "FORM"
    )]
    pub log_format: LogFormat,
    /// Draw no bar and log no progress
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Colors in log lines
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN"
    )]
    pub color: Color,
    /// Form of the rows on stdout
    #[arg(
        short = 'o',
        long = "output",
        global = true,
        value_enum,
        default_value = "table",
        value_name = "FORM"
    )]
    pub output: OutputFormat,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One object a line.
    Json,
}

/// When to color.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Form of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Aligned columns.
    Table,
    /// One array.
    Json,
    /// One object a line.
    Jsonl,
    /// Comma-separated, with a header.
    Csv,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole job on the embedded sample
    Demo(commands::demo::Demo),
    /// List the crawls and graph releases that are known
    Crawls(commands::crawls::Crawls),
    /// Say what a run would take; change nothing
    Plan(Box<commands::plan::Plan>),
    /// Download shards, politely; the same command again goes on
    Fetch(Box<commands::fetch::Fetch>),
    /// Shards to graph to ranks to Parquet; the same command again resumes
    Run(Box<commands::run::Run>),
    /// Say what is done, what failed and why; works on a live run
    Status(commands::status::Status),
    /// Check every checksum of runs and graphs, every byte of shards
    Verify(commands::verify::Verify),
    /// List the nodes of a run that rank highest
    Top(commands::top::Top),
    /// Show one node of a run with its first neighbors
    Show(commands::show::ShowNode),
    /// List the neighbors of a node
    Neighbors(commands::neighbors::Neighbors),
    /// Write a run as one HTML page: numbers, charts, the top 1,000
    Report(commands::report::Report),
    /// Rank a graph, or a run again
    Rank(commands::rank::Rank),
    /// Import a graph, describe or convert one, or merge several
    #[command(subcommand)]
    Graph(commands::graph::Graph),
    /// Write the links of pages to Parquet, a row a link; no graph
    Links(Box<commands::links::Links>),
    /// Ask robots.txt files, one or those of a crawl
    #[command(subcommand)]
    Robots(Box<commands::robots::Robots>),
    /// Look into shards
    #[command(subcommand)]
    Warc(commands::warc::Warc),
    /// Make realistic test shards with their truth beside them
    Synth(commands::synth::Synth),
    /// Print completions for a shell
    Completions(commands::completions::Completions),
    /// Write man pages
    Man(commands::man::Man),
}

/// What every command is given beside its own flags.
pub struct Context {
    /// Tells when to stop.
    pub interrupt: Interrupt,
    /// How progress is shown.
    pub progress: Show,
    /// Form of rows.
    pub output: OutputFormat,
}

/// Flags of what the machine is to give. Each replaces what the recipe says.
#[derive(Clone, Debug, Default, Args)]
pub struct MeansFlags {
    /// Memory to use, e.g. 4G; default 60 % of the machine's or container's
    #[arg(long, env = "CRAWLRANK_MEMORY", value_name = "SIZE")]
    pub memory: Option<Size>,
    /// Threads; default one a core
    #[arg(long, env = "CRAWLRANK_THREADS", value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

impl MeansFlags {
    /// Replaces what the recipe says of it.
    pub fn replace(&self, recipe: &mut Recipe) {
        recipe.memory = self.memory.or(recipe.memory);
        recipe.threads = self.threads.or(recipe.threads);
    }
}

/// Flags of how shards are read. Each replaces what the recipe says.
#[derive(Clone, Debug, Default, Args)]
pub struct ShardFlags {
    /// Only the first N shards
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Any fault refuses everything
    #[arg(long)]
    pub strict: bool,
    /// Bad records a shard may have: a count, or a share such as 1%
    #[arg(long, value_name = "N|P%")]
    pub max_bad_records: Option<Allowance>,
    /// Bad shards there may be: a count, or a share such as 0.1%
    #[arg(long, value_name = "N|P%")]
    pub max_bad_shards: Option<Allowance>,
    /// Limits of the reader
    #[command(flatten)]
    pub limits: Limits,
}

impl ShardFlags {
    /// Replaces what the recipe says of it.
    pub fn replace(&self, recipe: &mut Recipe) {
        let limits = &self.limits;
        recipe.limit = self.limit.or(recipe.limit);
        recipe.strict |= self.strict;
        recipe.max_bad_records = self.max_bad_records.unwrap_or(recipe.max_bad_records);
        recipe.max_bad_shards = self.max_bad_shards.unwrap_or(recipe.max_bad_shards);
        recipe.max_record = limits.max_record.unwrap_or(recipe.max_record);
        recipe.max_header = limits.max_header.unwrap_or(recipe.max_header);
        recipe.max_window = limits.max_window.unwrap_or(recipe.max_window);
    }
}

/// Flags of how shards on servers are had. None of them shapes results.
#[derive(Clone, Debug, Args)]
pub struct NetworkFlags {
    /// All shards of a crawl or of a list on a server; without it, `--limit` says how many
    #[arg(long)]
    pub all: bool,
    /// What the paths of lists and crawls lie below; default `https://data.commoncrawl.org/`
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Connections at once, 1 to 8
    #[arg(long, value_name = "N", default_value_t = MAX_CONNECTIONS as u64, value_parser = clap::value_parser!(u64).range(1..=MAX_CONNECTIONS as u64))]
    pub connections: u64,
    /// Seconds between an answer 403 and the one request that looks whether it still holds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub probe_after: u64,
    /// Hosts that redirects and lists may lead to, beside the one that was named
    #[arg(long, value_delimiter = ',', value_name = "HOSTS")]
    pub allow_host: Vec<String>,
}

impl NetworkFlags {
    /// How inputs become shards; `kind` names the list of a crawl that is meant.
    ///
    /// # Errors
    /// Exit 2 when the base is no address.
    pub fn find_options(
        &self,
        limit: Option<u64>,
        kind: &'static str,
        interrupt: &Interrupt,
    ) -> Result<FindOptions> {
        let hosts = self.allow_host.iter().map(|host| host.to_ascii_lowercase());
        let allowed_hosts = hosts.collect();
        let options = NetworkOptions {
            connections: self.connections as usize,
            probe_after: Duration::from_secs(self.probe_after),
            allowed_hosts,
            #[cfg(feature = "s3")]
            s3: crate::network::s3::Account::from_env(),
        };
        Ok(FindOptions {
            limit,
            all: self.all,
            base_url: self.base_url.as_deref().map(web_address).transpose()?,
            kind,
            network: Network::new(options),
            interrupt: interrupt.clone(),
        })
    }
}

/// Flags of which links count, and how they are read. Each replaces what the recipe says.
#[derive(Clone, Debug, Default, Args)]
pub struct LinkFlags {
    /// Shards links are read from
    #[arg(long, value_enum)]
    pub kind: Option<Kind>,
    /// How link addresses are read
    #[arg(long, value_enum)]
    pub profile: Option<ProfileName>,
    /// What becomes of a leading `www.` of hosts
    #[arg(long, value_enum)]
    pub www: Option<WwwRule>,
    /// Links with these rel values do not count: nofollow, ugc, sponsored
    #[arg(long, value_delimiter = ',', value_name = "RELS")]
    pub exclude_rel: Option<Vec<String>>,
    /// Only links of these kinds count: a, img, script, redirect, …
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    pub only_kind: Option<Vec<String>>,
    /// Links read of a page
    #[arg(long, value_name = "N")]
    pub max_links: Option<usize>,
    /// Longest address
    #[arg(long, value_name = "SIZE")]
    pub max_url: Option<Size>,
}

impl LinkFlags {
    /// Replaces what the recipe says of it.
    pub fn replace(&self, recipe: &mut Recipe) {
        macro_rules! take {
            ($($field:ident),*) => { $(if let Some(value) = &self.$field { recipe.$field = value.clone(); })* };
        }
        take!(
            kind,
            profile,
            www,
            exclude_rel,
            only_kind,
            max_links,
            max_url
        );
    }
}

/// Flags of a ranking. Each replaces what the recipe says.
#[derive(Clone, Debug, Default, Args)]
pub struct RankingFlags {
    /// Memory and threads
    #[command(flatten)]
    pub means: MeansFlags,
    /// PageRank's α
    #[arg(long, value_name = "ALPHA")]
    pub damping: Option<f64>,
    /// PageRank stops when the L1 change is below
    #[arg(long, value_name = "L1")]
    pub tolerance: Option<f64>,
    /// PageRank stops after N iterations
    #[arg(long, value_name = "N")]
    pub max_iterations: Option<u32>,
    /// Leave harmonic centrality out
    #[arg(long)]
    pub no_harmonic: bool,
    /// HyperBall keeps 2^N registers a node
    #[arg(long, value_name = "N")]
    pub harmonic_log2m: Option<u32>,
}

/// Flags of a recipe. Each replaces what the recipe file says.
#[derive(Clone, Debug, Default, Args)]
pub struct RecipeFlags {
    /// The ranking
    #[command(flatten)]
    pub ranking: RankingFlags,
    /// Recipe file (TOML); flags win
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Graphs to build
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LEVELS")]
    pub level: Option<Vec<Level>>,
    /// Which links
    #[command(flatten)]
    pub links: LinkFlags,
    /// Edges carry the number of pages that hold them
    #[arg(long)]
    pub edge_pages: bool,
    /// Domains by the private section of the public suffix list, too
    #[arg(long)]
    pub private_suffixes: bool,
    /// Folder for scratch files; default inside the run directory
    #[arg(long, value_name = "DIR")]
    pub tmp: Option<PathBuf>,
    /// How shards are read
    #[command(flatten)]
    pub reading: ShardFlags,
}

impl RecipeFlags {
    /// Returns defaults, then the recipe file, then the flags: checked.
    pub fn resolve(&self) -> Result<Recipe> {
        let mut recipe = match &self.recipe {
            Some(path) => Recipe::open(path)?,
            None => Recipe::default(),
        };
        recipe.level = self.level.clone().unwrap_or(recipe.level);
        self.links.replace(&mut recipe);
        self.reading.replace(&mut recipe);
        recipe.edge_pages |= self.edge_pages;
        recipe.private_suffixes |= self.private_suffixes;
        recipe.tmp = self.tmp.clone().or(recipe.tmp);
        recipe.harmonic &= !self.ranking.no_harmonic;
        self.ranking.replace(&mut recipe);
        recipe.check()
    }
}

impl RankingFlags {
    /// Replaces what concerns the ranking, and the means to do it; whether harmonic centrality is wanted is the caller's.
    pub fn replace(&self, recipe: &mut Recipe) {
        recipe.damping = self.damping.unwrap_or(recipe.damping);
        recipe.tolerance = self.tolerance.unwrap_or(recipe.tolerance);
        recipe.max_iterations = self.max_iterations.unwrap_or(recipe.max_iterations);
        recipe.harmonic_log2m = self.harmonic_log2m.unwrap_or(recipe.harmonic_log2m);
        self.means.replace(recipe);
    }
}

/// Runs the program with `arguments` (the first is its name) and returns how it leaves. Messages go to stderr.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(refusal) => return leave_by_usage(&refusal),
    };
    start_log(&cli.shown);
    install_panic_hook();
    let outcome = std::panic::catch_unwind(|| {
        let interrupt = Interrupt::on_signals()?;
        let progress = match &cli.shown {
            Shown { quiet: true, .. }
            | Shown {
                no_progress: true, ..
            } => Show::Nothing,
            Shown {
                log_format: LogFormat::Json,
                ..
            } => Show::Lines,
            _ => Show::Auto,
        };
        let context = Context {
            interrupt,
            progress,
            output: cli.shown.output,
        };
        run_command(cli.command, &context)
    });
    match outcome {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            say(&error);
            error.exit()
        }
        Err(_) => Exit::Internal, // the hook has said what and where
    }
}

/// Writes a line to stderr; where that cannot be written, nobody can be told.
pub(crate) fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn run_command(command: Command, context: &Context) -> Result<Exit> {
    match command {
        Command::Demo(command) => command.run(context),
        Command::Crawls(command) => command.run(context),
        Command::Plan(command) => command.run(context),
        Command::Fetch(command) => command.run(context),
        Command::Run(command) => command.run(context),
        Command::Status(command) => command.run(context),
        Command::Verify(command) => command.run(context),
        Command::Top(command) => command.run(context),
        Command::Show(command) => command.run(context),
        Command::Neighbors(command) => command.run(context),
        Command::Report(command) => command.run(context),
        Command::Rank(command) => command.run(context),
        Command::Graph(command) => command.run(context),
        Command::Links(command) => command.run(context),
        Command::Robots(command) => command.run(context),
        Command::Warc(command) => command.run(context),
        Command::Synth(command) => command.run(context),
        Command::Completions(command) => command.run(context),
        Command::Man(command) => command.run(context),
    }
}

/// Help and version go to stdout; a usage error is one line of ours, and at most four more.
fn leave_by_usage(refusal: &clap::Error) -> Exit {
    if !refusal.use_stderr() {
        let _ = refusal.print();
        return Exit::Done;
    }
    let text = refusal.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let error = Error::usage(first.strip_prefix("error: ").unwrap_or(first));
    say(&error);
    lines
        .filter(|line| !line.starts_with("For more information"))
        .take(3)
        .for_each(|line| {
            say(format_args!("  {}", crate::escape::escaped(line)));
        });
    say("  for more, try `crawlrank --help`");
    Exit::Usage
}

fn start_log(shown: &Shown) {
    let level = match (shown.quiet, shown.verbose) {
        (true, _) => tracing::Level::ERROR,
        (false, 0) => tracing::Level::INFO,
        (false, 1) => tracing::Level::DEBUG,
        (false, _) => tracing::Level::TRACE,
    };
    let color = match shown.color {
        Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        Color::Always => true,
        Color::Never => false,
    };
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false)
        .log_internal_errors(false) // a full or closed stderr is no reason to stop
        .with_ansi(color);
    // A second start in the same process (the Python command) keeps the first log.
    let _ = match shown.log_format {
        LogFormat::Pretty => log.without_time().try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

/// A panic is a fault of ours: one line, no backtrace.
fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        if crate::tables::read::is_guarded() {
            return; // it becomes the error of a file, and is told as such
        }
        let place = panic.location().map_or("?".to_owned(), |place| {
            format!("{}:{}", place.file(), place.line())
        });
        let payload = panic.payload();
        let text = match (
            payload.downcast_ref::<&str>(),
            payload.downcast_ref::<String>(),
        ) {
            (Some(text), _) => text,
            (_, Some(text)) => text.as_str(),
            _ => "a panic without text",
        };
        say(Error::internal(format!("{text} ({place})")));
    }));
}
