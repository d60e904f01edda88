//! One check: may this agent fetch that URL, and which line says so?
//!
//! `cargo run -p crawlrank-robots --example check -- CCBot https://example.com/x robots.txt`

use crawlrank_robots::RobotsTxt;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [agent, url, file] = &arguments[..] else {
        eprintln!("usage: check AGENT URL FILE");
        std::process::exit(2);
    };
    let body = std::fs::read(file)?;
    let robots = RobotsTxt::parse(&body);

    let decision = robots.agent(agent).explain(url);
    println!(
        "{}",
        if decision.allowed {
            "allowed"
        } else {
            "disallowed"
        }
    );
    match &decision.rule {
        Some(rule) => println!("line {}: {} ({} octets)", rule.line, rule.text, rule.octets),
        None => println!("no rule matches"),
    }
    for beaten in &decision.beaten {
        println!("stronger than line {}: {}", beaten.line, beaten.text);
    }
    for warning in robots.warnings() {
        eprintln!("{warning}");
    }
    Ok(())
}
