//! The reference pages of the documentation, made from the schemas of the tables and from the flags of the commands:
//! `docs/tables.md` and `docs/commands.md` must be what they would be made now. `make reference` makes them anew.

use std::fmt::Write as _;
use std::fs;

use arrow_schema::{DataType, Schema, TimeUnit};
use clap::{Arg, Command, CommandFactory as _};
use crawlrank::cli::Cli;
use crawlrank::recipe::Level;
use crawlrank::tables::{edges, links, nodes, robots, shards};

/// Set by `make reference`.
const WRITE: &str = "CRAWLRANK_WRITE_REFERENCE";

#[test]
fn page_of_tables_is_that_of_the_schemas() {
    check_page("tables.md", &tables_page());
}

#[test]
fn page_of_commands_is_that_of_the_flags() {
    check_page("commands.md", &commands_page());
}

fn check_page(name: &str, made: &str) {
    let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, made).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == made,
        "docs/{name} is not up to date: `make reference` makes it anew"
    );
}

fn tables_page() -> String {
    let mut page = String::from(
        "<!-- Made from the schemas by `make reference`; do not edit. -->\n\n# Tables\n\n\
         What stands in the Parquet files of a run, column by column. These sentences are also in the files themselves, in the metadata of each\n\
         field (`doc`). How the files are laid out, sorted and named is in [formats](formats.md).\n\n\
         Ids are positions in the byte order of reversed names, and in `id`, `source`, `target` they mean the same node. A column that was not\n\
         computed is null, never absent.\n",
    );
    let of_nodes = |level| nodes::schema(level);
    let tables = [
        (
            "hosts",
            "`tables/hosts.parquet`: a row a host, by id. `--level host`, which is a default.",
            of_nodes(Level::Host),
        ),
        (
            "domains",
            "`tables/domains.parquet`: a row a registered domain, by id. `--level domain`, which is a default.",
            of_nodes(Level::Domain),
        ),
        (
            "pages",
            "`tables/pages.parquet`: a row a page, by id. Only with `--level page`.",
            of_nodes(Level::Page),
        ),
        (
            "ranks",
            "`ranks.parquet`: a row a node, by id. Made by `crawlrank rank GRAPH --out DIR`; `name` is there when the graph has names, `closeness` and `reachable` when they were asked for.",
            nodes::ranks_schema(true, [true; 2]),
        ),
        (
            "edges",
            "`tables/edges/host/`, `tables/edges/domain/`, `tables/edges/page/`: a row an edge, by source and target, in files of 2^25 rows. \
             The column `pages` is there with `--edge-pages`.",
            edges::schema(true),
        ),
        (
            "shards",
            "`tables/shards.parquet`: a row a shard, by its name.",
            shards::schema(),
        ),
        (
            "faults",
            "`tables/faults.parquet`: a row for each damaged place, by shard and offset.",
            shards::faults_schema(),
        ),
        (
            "robots",
            "`tables/robots.parquet`: a row for each capture of a robots.txt, by host. Only where `crawlrank robots survey` wrote it.",
            robots::schema(),
        ),
        (
            "links",
            "`tables/links/`: a row a link, a file a shard, in the order of pages and of links on them. Made by `crawlrank links`, not by `run`.",
            links::schema(),
        ),
    ];
    for (name, what, schema) in tables {
        write!(page, "\n## `{name}`\n\n{what}\n\n").unwrap();
        push_columns(&mut page, &schema);
    }
    page
}

fn push_columns(page: &mut String, schema: &Schema) {
    page.push_str("| column | type | |\n|---|---|---|\n");
    for field in schema.fields() {
        let doc = field.metadata().get("doc").expect("a column has a `doc`");
        let null = match field.is_nullable() {
            true => " or null",
            false => "",
        };
        let kind = type_name(field.data_type());
        writeln!(
            page,
            "| `{}` | {kind}{null} | {} |",
            field.name(),
            in_cell(doc)
        )
        .unwrap();
    }
}

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Int64 => "int64".into(),
        DataType::Float64 => "double".into(),
        DataType::Utf8 => "string".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Timestamp(TimeUnit::Millisecond, Some(zone)) => format!("timestamp (ms, {zone})"),
        DataType::List(item) => format!("list of {}", type_name(item.data_type())),
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else {
                panic!("entries of a map are structs");
            };
            let [key, value] = [0, 1].map(|at: usize| type_name(fields[at].data_type()));
            format!("map of {key} to {value}")
        }
        other => panic!("a type that the page has no word for: {other}"),
    }
}

fn commands_page() -> String {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut page = String::from(
        "<!-- Made from the flags by `make reference`; do not edit. -->\n\n# Commands\n\n\
         What `crawlrank COMMAND --help` says, on one page; `crawlrank man DIR` writes it as manual pages. Results go to stdout, all else to stderr.\n\
         [Exit codes](damage.md) say how it went.\n\n## Every command\n\n",
    );
    push_flags(
        &mut page,
        program.get_arguments().filter(|arg| arg.is_global_set()),
    );
    push_subcommands(&mut page, &mut program);
    page
}

fn push_subcommands(page: &mut String, command: &mut Command) {
    for command in command
        .get_subcommands_mut()
        .filter(|command| !command.is_hide_set())
    {
        push_command(page, command);
        push_subcommands(page, command);
    }
}

fn push_command(page: &mut String, command: &mut Command) {
    let name = command
        .get_bin_name()
        .expect("a built command knows its name")
        .to_owned();
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    write!(page, "\n## {name}\n\n{about}.\n").unwrap();
    if command.has_subcommands() {
        return; // they come next
    }
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    write!(page, "\n```\n{usage}\n```\n\n").unwrap();
    push_flags(
        page,
        command.get_arguments().filter(|arg| !arg.is_global_set()),
    );
}

/// A table of arguments, then of flags, in the order of the help.
fn push_flags<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let is_own =
        |arg: &&Arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    let mut arguments: Vec<&Arg> = arguments.filter(is_own).collect();
    arguments.sort_by_key(|arg| !arg.is_positional());
    if arguments.is_empty() {
        return;
    }
    page.push_str("| flag | |\n|---|---|\n");
    for argument in arguments {
        writeln!(page, "| {} | {} |", spelling(argument), meaning(argument)).unwrap();
    }
}

fn spelling(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let takes_value = argument.get_action().takes_values();
    let mut value: String = names
        .iter()
        .map(|name| format!("<{name}>"))
        .collect::<Vec<_>>()
        .join(" ");
    if argument.is_positional() {
        let many = argument
            .get_num_args()
            .is_some_and(|range| range.max_values() > 1);
        value.push_str(if many { "…" } else { "" });
        return format!("`{value}`").replace('|', "\\|");
    }
    let short = argument.get_short().map(|short| format!("`-{short}`"));
    let long = argument.get_long().map(|long| match takes_value {
        true => format!("`--{long} {value}`"),
        false => format!("`--{long}`"),
    });
    let spellings: Vec<String> = short.into_iter().chain(long).collect();
    spellings.join(", ").replace('|', "\\|")
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help());
    let mut text = in_cell(&help.map(ToString::to_string).unwrap_or_default());
    let values = argument.get_possible_values();
    let values: Vec<String> = values
        .iter()
        .filter(|value| !value.is_hide_set() && argument.get_action().takes_values())
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({})", value.get_name(), in_cell(&help.to_string())),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    if !values.is_empty() {
        write!(text, "<br>{}", values.join(", ")).unwrap();
    }
    let defaults = argument.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
    if argument.get_action().takes_values() && !defaults.is_empty() {
        write!(text, "<br>Default `{}`", defaults.join(",")).unwrap();
    }
    if let Some(variable) = argument.get_env() {
        write!(
            text,
            "<br>Or by the environment: `{}`",
            variable.to_string_lossy()
        )
        .unwrap();
    }
    text
}

/// Text as it may stand in a cell of a table.
fn in_cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
