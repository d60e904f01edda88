//! crawlrank's robots.txt library side by side with others, in one process, on the same files. See `README.md`.

mod classes;
mod corpus;
mod decisions;
mod heap;
mod hostile;
mod peers;
mod random;
mod speed;
mod table;

use corpus::Corpus;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // Before anything else: this is the child of a measurement.
    if let [what, peer, input] = args.as_slice()
        && what == "hostile-one"
    {
        let number = |text: &str| text.parse().expect("a number");
        return hostile::one(number(peer), number(input));
    }
    let wants = |what: &str| {
        args.iter().all(|arg| arg.starts_with("--")) || args.iter().any(|arg| arg == what)
    };
    let passes = args
        .iter()
        .find_map(|arg| arg.strip_prefix("--passes=")?.parse().ok())
        .unwrap_or(5);
    let corpus = Corpus::open();
    println!(
        "{} {}, {:.1} MB, 10 URLs each.",
        corpus.files.len(),
        corpus.name,
        corpus.num_bytes() as f64 / 1e6
    );
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let list = has("--list");
    if wants("decisions") {
        decisions::print(&corpus, list);
    }
    if wants("classes") {
        classes::print(&corpus, list);
    }
    if wants("speed") {
        speed::print(&corpus, passes);
    }
    if wants("census") {
        speed::print_census(&corpus, passes);
    }
    if wants("heap") {
        heap::print(&corpus);
    }
    if wants("hostile") {
        hostile::print(has("--ours"));
        hostile::print_unlimited(&corpus);
    }
}
