//! Decisions against the reference.

use crate::corpus::Corpus;
use crate::peers::PEERS;
use crate::table::Table;

#[derive(Default)]
struct Count {
    asked: usize,
    wrongly_allowed: usize,
    wrongly_blocked: usize,
    rejected: usize,
    files: usize,
}

pub fn print(corpus: &Corpus, list: bool) {
    if corpus.files.iter().all(|file| file.verdicts.is_empty()) {
        return;
    }
    println!("\n## Decisions that differ from the reference\n");
    let mut table = Table::new(&[
        "",
        "asked",
        "wrong",
        "share",
        "files",
        "wrongly allowed",
        "wrongly blocked",
        "file rejected",
    ]);
    for peer in &PEERS {
        let mut count = Count::default();
        for file in &corpus.files {
            let before = count.wrongly_allowed + count.wrongly_blocked + count.rejected;
            for verdicts in &file.verdicts {
                let sample = (peer.sample)(&file.body, &verdicts.agent, &file.urls, 0);
                for (n, url) in file.urls.iter().enumerate() {
                    let Some(expected) = verdicts.allowed[n] else {
                        continue;
                    };
                    let actual = sample.allowed >> n & 1 == 1;
                    count.asked += 1;
                    let wrong = match (sample.rejected, actual, expected) {
                        (true, ..) => {
                            count.rejected += 1;
                            "rejected"
                        }
                        (_, true, false) => {
                            count.wrongly_allowed += 1;
                            "allowed"
                        }
                        (_, false, true) => {
                            count.wrongly_blocked += 1;
                            "blocked"
                        }
                        _ => continue,
                    };
                    if list {
                        eprintln!(
                            "{}\t{}\t{}\t{url}\t{wrong}",
                            peer.name, file.id, verdicts.agent
                        );
                    }
                }
            }
            let after = count.wrongly_allowed + count.wrongly_blocked + count.rejected;
            count.files += usize::from(after > before);
        }
        let wrong = count.wrongly_allowed + count.wrongly_blocked + count.rejected;
        table.row([
            peer.name.to_owned(),
            count.asked.to_string(),
            wrong.to_string(),
            format!("{:.4} %", 100.0 * wrong as f64 / count.asked as f64),
            count.files.to_string(),
            count.wrongly_allowed.to_string(),
            count.wrongly_blocked.to_string(),
            count.rejected.to_string(),
        ]);
    }
    table.print();
}
