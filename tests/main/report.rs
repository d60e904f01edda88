//! `report`: one page that needs nothing else, in which foreign text is text; in a browser, where there is one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::util::{column, crawlrank, rows};

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data-samples/synth")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs the job on shards and writes its report.
fn report_of(inputs: &[&Path], out: &Path, flags: &[&str]) -> String {
    let inputs = inputs.iter().map(|input| text(input));
    let arguments = ["run", "--no-progress", "--out", text(out)];
    let ran = crawlrank(
        arguments
            .into_iter()
            .chain(flags.iter().copied())
            .chain(inputs),
    );
    assert!([0, 3].contains(&ran.code), "{}", ran.stderr);
    report(out)
}

fn report(run: &Path) -> String {
    let ran = crawlrank(["report", text(run)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let page = run.join("report.html");
    assert_eq!(ran.stdout, format!("{}\n", page.display()).as_bytes());
    fs::read_to_string(page).unwrap()
}

/// What stands between two marks.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page
        .split_once(start)
        .unwrap_or_else(|| panic!("no {start}"));
    rest.split_once(end)
        .unwrap_or_else(|| panic!("no {end} after {start}"))
        .0
}

/// The data of the charts.
fn data(page: &str) -> Value {
    let json = between(
        page,
        "<script type=\"application/json\" id=\"data\">",
        "</script>",
    );
    serde_json::from_str(json).unwrap()
}

/// The tags of a page as (name, attributes), without what stands in scripts and styles. Each that opens is closed.
fn tags(page: &str) -> Vec<(String, String)> {
    let (mut tags, mut open, mut rest) = (Vec::new(), Vec::new(), page);
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').unwrap();
        rest = after;
        if tag.starts_with('!') {
            assert_eq!(tag, "!doctype html", "no comment is made");
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(
            name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "<{tag}>"
        );
        tags.push((name.to_owned(), attributes.to_owned()));
        if ["script", "style"].contains(&name) {
            let (_, after) = rest.split_once(&format!("</{name}>")).unwrap();
            rest = after;
        } else if !["meta", "input", "br"].contains(&name) {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, Vec::<String>::new());
    tags
}

/// Says whether all that the page could load is itself.
fn assert_self_contained(page: &str) {
    assert!(page.contains(
        "Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'"
    ));
    for (name, attributes) in tags(page) {
        assert!(
            !["img", "link", "iframe", "object", "embed", "base", "form"].contains(&name.as_str()),
            "<{name} {attributes}>"
        );
        assert!(!attributes.contains("src="), "<{name} {attributes}>");
        assert!(
            !attributes.contains(" on") && !attributes.starts_with("on"),
            "<{name} {attributes}>"
        );
        if let Some((_, target)) = attributes.split_once("href=\"") {
            assert!(target.starts_with('#'), "<{name} {attributes}>");
        }
    }
    let style = between(page, "<style>", "</style>");
    assert!(!style.contains("url(") && !style.contains("@import"));
}

const SECTIONS: [&str; 8] = [
    "headline", "top", "degrees", "tlds", "pagerank", "shards", "run", "cite",
];

#[test]
fn the_page_has_its_sections_and_needs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let page = report_of(&[&sample()], &out, &["--threads", "1"]);
    assert_self_contained(&page);
    for section in SECTIONS {
        assert!(
            page.contains(&format!("<section id=\"{section}\">")),
            "{section}"
        );
        assert!(
            page.contains(&format!("<a href=\"#{section}\">")),
            "{section}"
        );
    }
    assert!(!page.contains("id=\"robots\""));
    let spent = between(&page, "<th>time spent</th>", "</tr>");
    let stages = ["extract", "build", "rank", "export"].map(|stage| spent.find(stage));
    assert!(stages[0].is_some() && stages.is_sorted(), "{spent}");

    // The list is that of `top`, and each name leads to a section that is there.
    let top = rows(["top", text(&out), "-n", "1000"]);
    let list = between(&page, "<tbody>", "</tbody>");
    let lines: Vec<&str> = list
        .lines()
        .filter(|line| line.starts_with("<tr>"))
        .collect();
    assert_eq!(lines.len(), top.len());
    for (line, row) in lines.iter().zip(&top) {
        let anchor = format!(
            "<a href=\"#h-{}\">{}</a>",
            row["id"],
            row["host"].as_str().unwrap()
        );
        assert!(line.contains(&anchor), "{line}");
        assert_eq!(
            page.matches(&format!("<div class=\"host\" id=\"h-{}\">", row["id"]))
                .count(),
            1
        );
    }
    // The neighbors of the first host are those that `neighbors` names.
    let first = top[0]["host"].as_str().unwrap();
    let section = between(&page, &format!("id=\"h-{}\">", top[0]["id"]), "Links to");
    let neighbors = rows(["neighbors", text(&out), first, "-n", "8"]);
    for name in column(&neighbors, "host") {
        assert!(
            section.contains(&format!(">{}</a></li>", name.as_str().unwrap())),
            "{name}"
        );
    }
    assert_eq!(section.matches("<li").count(), neighbors.len());

    // Every host is in one range of degrees of each direction, or without.
    let data = data(&page);
    let ranks: Value =
        serde_json::from_slice(&fs::read(out.join("ranks/host/ranks.json")).unwrap()).unwrap();
    let without = between(&page, "<figcaption>", " no outgoing one");
    let without: Vec<u64> = without
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect();
    for (direction, without) in [("in", without[0]), ("out", without[2])] {
        let degrees = data["degrees"].as_array().unwrap().iter();
        let nodes = degrees.filter(|fact| fact["direction"] == direction);
        let nodes: u64 = nodes.map(|fact| fact["nodes"].as_u64().unwrap()).sum();
        assert_eq!(
            nodes + without,
            ranks["nodes"].as_u64().unwrap(),
            "{direction}"
        );
    }
    // Residuals are kept, one an iteration, and the last is the residual.
    let residuals = ranks["residuals"].as_array().unwrap();
    assert_eq!(json!(residuals.len()), ranks["iterations"]);
    assert_eq!(residuals.last(), Some(&ranks["residual"]));
    let drawn = data["residuals"].as_array().unwrap();
    assert_eq!(
        drawn.iter().filter(|fact| fact["level"] == "host").count(),
        residuals.len()
    );

    // The same job elsewhere, by other threads, gives the same page but for times.
    let timeless = |page: &str| {
        let mut data = self::data(page);
        assert_eq!(data["rates"].as_array_mut().unwrap().drain(..).count(), 8);
        data
    };
    let again = folder.path().join("again");
    let other = report_of(&[&sample()], &again, &["--threads", "3"]);
    assert_eq!(timeless(&other), timeless(&page));
    let lists =
        |page: &str| between(page, "<section id=\"top\">", "<section id=\"pagerank\">").to_owned();
    assert_eq!(lists(&other), lists(&page));
    assert_eq!(report(&out), page);
    // What is ranked anew has no report of old.
    assert_eq!(
        crawlrank(["rank", text(&out), "--damping", "0.5", "-q"]).code,
        0
    );
    assert!(!out.join("report.html").exists());
}

#[test]
fn a_survey_is_told_with_the_numbers_it_printed() {
    let folder = tempfile::tempdir().unwrap();
    let (out, shards) = (folder.path().join("run"), folder.path().join("shards"));
    let made = crawlrank([
        "synth",
        "--out",
        text(&shards),
        "--shards",
        "2",
        "--pages",
        "60",
        "--hosts",
        "200",
        "--seed",
        "5",
        "--kind",
        "wat,robots",
        "-q",
    ]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let wat = shards.join("*.wat.gz");
    let captures = shards.join("*.robotstxt.warc.gz");
    report_of(&[&wat], &out, &[]);
    let survey = rows([
        "robots",
        "survey",
        text(&captures),
        "--out",
        text(&out),
        "-q",
    ]);
    let page = report(&out);
    assert_self_contained(&page);
    assert!(page.contains("<section id=\"robots\">"));
    let drawn = data(&page)["robots"].as_array().unwrap().clone();
    let anybody = survey.iter().find(|agent| agent["agent"] == "*").unwrap();
    let (mut weighed, mut as_anybody) = (0, 0);
    for agent in &survey {
        let shares = ["disallowed", "pagerank_disallowed_share"];
        if agent["agent"] != "*" && shares.iter().all(|share| agent[share] == anybody[share]) {
            assert!(!drawn.iter().any(|fact| fact["agent"] == agent["agent"]));
            as_anybody += 1;
            continue;
        }
        for (measure, share) in [
            ("of hosts", "disallowed_share"),
            ("of their PageRank", "pagerank_disallowed_share"),
        ] {
            let fact = drawn
                .iter()
                .find(|fact| fact["agent"] == agent["agent"] && fact["measure"] == measure);
            let told = fact.map_or(0.0, |fact| fact["share"].as_f64().unwrap());
            let expected = agent[share].as_f64().unwrap_or(0.0);
            assert!((told - expected).abs() < 1e-6, "{agent} {fact:?}");
            weighed += u32::from(measure == "of their PageRank" && told > 0.0);
        }
    }
    assert!(!survey.is_empty() && weighed > 0);
    assert!(
        as_anybody > 0
            && page.contains(&format!(
                " {as_anybody} more agents are shut out where everybody is"
            ))
    );
}

#[test]
fn what_is_no_complete_run_leaves_by_2() {
    let folder = tempfile::tempdir().unwrap();
    let links = folder.path().join("links");
    let made = crawlrank([
        "links",
        text(&sample()),
        "--out",
        text(&links),
        "--limit",
        "1",
        "-q",
    ]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    for run in [folder.path(), &links] {
        let ran = crawlrank(["report", text(run)]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
    }
    assert!(!links.join("report.html").exists());
}

/// A name of a shard that would act if it were not text.
const HOSTILE: &str =
    "<script>alert(1)<!--<img src=x onerror=alert(2)>\u{202e}&amp;\u{2028}\u{1b}[2J.wat.gz";

/// A run over a damaged shard with a hostile name and a sound one.
fn hostile_run(folder: &Path) -> (PathBuf, String) {
    let shards = folder.join("shards");
    fs::create_dir(&shards).unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("data-samples");
    fs::copy(
        samples.join("odd/cut_member.warc.wat.gz"),
        shards.join(HOSTILE),
    )
    .unwrap();
    for shard in fs::read_dir(sample()).unwrap() {
        let shard = shard.unwrap();
        if text(&shard.path()).ends_with(".wat.gz") {
            fs::copy(shard.path(), shards.join(shard.file_name())).unwrap();
        }
    }
    let out = folder.join("run");
    let page = report_of(&[&shards], &out, &["--level", "page,host,domain"]);
    (out, page)
}

#[test]
fn foreign_names_are_text() {
    let folder = tempfile::tempdir().unwrap();
    let (_, page) = hostile_run(folder.path());
    assert_self_contained(&page);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;!--&lt;img src=x onerror=alert(2)&gt;\\u{202e}&amp;amp;\\u{2028}\\u{1b}[2J"));
    let shown = data(&page)["shards"][0]["shard"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(shown.starts_with("<script>alert(1)<!--<img"), "{shown}");
    for page in [&page[..], &shown] {
        let raw = |character: char| matches!(character, '\u{202e}' | '\u{2028}' | '\u{1b}');
        assert!(!page.contains(raw));
    }
}

fn browser() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&folders).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let paths = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let found = paths.into_iter().find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: no Chromium is installed");
    }
    found
}

/// Runs the browser on an address and returns what it prints.
fn browse(browser: &Path, profile: &Path, flags: &[&str], address: &str) -> String {
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--virtual-time-budget=8000",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(flags)
        .arg(address)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_browser_draws_the_charts_and_searches_the_list() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (out, page) = hostile_run(folder.path());
    let address = format!("file://{}", out.join("report.html").display());
    let profile = folder.path().join("profile");
    let shown = browse(
        &browser,
        &profile,
        &["--dump-dom"],
        &format!("{address}#q=GOOGLE"),
    );
    let charts = page.matches("data-chart=\"").count();
    assert_eq!(charts, 5);
    assert_eq!(shown.matches("data-drawn=\"ok\"").count(), charts);
    assert_eq!(shown.matches("<svg").count(), charts);
    // Marks are drawn, not only axes.
    assert!(shown.matches("aria-roledescription=\"point\"").count() > 50);

    let list = between(&shown, "<tbody>", "</tbody>");
    let (mut hits, mut rows) = (0, 0);
    for row in list.split("<tr").skip(1) {
        rows += 1;
        let is_hit = between(row, "<a", "</a>").contains("google");
        assert_eq!(row.starts_with(" hidden"), !is_hit, "{row}");
        hits += u32::from(is_hit);
    }
    assert!(hits > 3 && hits < rows);
    assert!(shown.contains(&format!("id=\"found\">{hits} of {rows}<")));

    // The hostile name made no element and ran nothing.
    assert!(!shown.contains("<img") && shown.contains("&lt;script&gt;alert(1)"));

    let picture = folder.path().join("report.png");
    let flag = format!("--screenshot={}", picture.display());
    browse(
        &browser,
        &profile,
        &["--window-size=1200,4000", "--hide-scrollbars", &flag],
        &address,
    );
    assert!(fs::metadata(&picture).unwrap().len() > 50_000);
}
