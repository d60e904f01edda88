//! A census: of many files, how many let which agent fetch the start page, and how many ask for a delay?
//!
//! `cargo run --release -p crawlrank-robots --example census -- FILE...`; without files, of three made here.
//!
//! For millions of files in WARC shards, with Parquet as the result, there is `crawlrank robots survey`.

use crawlrank_robots::{RobotsTxt, UrlPath};

const AGENTS: [&str; 5] = ["*", "Googlebot", "GPTBot", "CCBot", "ClaudeBot"];

fn main() -> std::io::Result<()> {
    let mut bodies: Vec<Vec<u8>> = std::env::args()
        .skip(1)
        .map(std::fs::read)
        .collect::<Result<_, _>>()?;
    if bodies.is_empty() {
        bodies = vec![
            b"User-agent: *\nDisallow: /admin\nCrawl-delay: 10\n".to_vec(),
            b"User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n".to_vec(),
            b"User-agent: *\nDisallow: /\nUser-agent: Googlebot\nAllow: /\n".to_vec(),
        ];
    }
    // The URL is normalized once for all files, and each file is read once for all agents.
    let start_page = UrlPath::new("/");
    let mut allowed = [0_u32; AGENTS.len()];
    let (mut with_delay, mut decisions) = (0, Vec::new());
    for body in &bodies {
        let robots = RobotsTxt::parse(body);
        let agents = robots.agents(&AGENTS);
        agents.allows_each(&start_page, &mut decisions);
        for (count, is_allowed) in allowed.iter_mut().zip(&decisions) {
            *count += u32::from(*is_allowed);
        }
        with_delay += u32::from(agents.get(0).crawl_delay().is_some());
    }
    println!(
        "{} files, {with_delay} with a delay for everybody",
        bodies.len()
    );
    for (agent, count) in AGENTS.iter().zip(allowed) {
        println!("{agent:<10} allowed by {count}");
    }
    Ok(())
}
