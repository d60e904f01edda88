//! The agents that a survey asks for: the list of known ones, and lists of the user's.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::error::{Error, Result, quoted};

/// The list of known crawlers; its head says what it is and where it comes from.
const KNOWN: &str = include_str!("agents.txt");

/// A crawler, by the name it has in robots.txt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAgent {
    /// The product token, or `*`.
    pub token: String,
    /// Who sends it; empty when a list of the user's does not say.
    pub operator: String,
    /// What for; likewise.
    pub purpose: String,
}

/// Returns the known crawlers of search engines and of AI, `*` first.
pub fn known() -> Vec<KnownAgent> {
    parse(KNOWN).expect("the list is part of the program, and a test reads it")
}

/// Returns the agents of `--agents`: a file of the form of `agents.txt` (operator and purpose may lack) when there is one
/// of that name, else tokens with commas between.
///
/// # Errors
/// Exit 2 when a token is none, or stands there twice.
pub fn from_flag(flag: &str) -> Result<Vec<KnownAgent>> {
    let path = Path::new(flag);
    if path.is_file() {
        let bytes = fs::read(path).map_err(|e| Error::io(path, &e))?;
        let text = String::from_utf8(bytes)
            .map_err(|e| Error::usage(format!("not UTF-8: {e}")).at(path))?;
        return parse(&text).map_err(|found| Error::usage(found).at(path));
    }
    parse(&flag.replace(',', "\n")).map_err(|found| {
        Error::usage(format!("--agents {}: {found}", quoted(flag)))
            .remedy("give product tokens with commas between, or the name of a file that is there")
    })
}

fn parse(text: &str) -> std::result::Result<Vec<KnownAgent>, String> {
    let mut agents: Vec<KnownAgent> = Vec::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let mut cells = line.split('|').map(str::trim);
        let mut next = || cells.next().unwrap_or_default().to_owned();
        let (token, operator, purpose) = (next(), next(), next());
        check_token(&token)?;
        if !seen.insert(token.to_ascii_lowercase()) {
            return Err(format!("{} is there twice", quoted(&token)));
        }
        agents.push(KnownAgent {
            token,
            operator,
            purpose,
        });
    }
    match agents.is_empty() {
        true => Err("no agent is named".to_owned()),
        false => Ok(agents),
    }
}

/// Refuses what can be no agent's name: RFC 9309, section 2.2.1, has letters, `_` and `-`; digits and dots occur.
fn check_token(token: &str) -> std::result::Result<(), String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match token == "*" || (!token.is_empty() && token.bytes().all(is_part)) {
        true => Ok(()),
        false => Err(format!(
            "{} is no product token: letters, digits, `-`, `_` and `.`, or `*` for everybody",
            quoted(token)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_agents_begin_with_everybody_and_say_what_they_are_for() {
        let known = known();
        assert_eq!(known[0].token, "*");
        let purposes = ["any", "search", "training", "answers", "user", "archive"];
        for agent in &known {
            assert!(purposes.contains(&agent.purpose.as_str()), "{agent:?}");
            assert!(!agent.operator.is_empty(), "{agent:?}");
        }
        for token in ["CCBot", "GPTBot", "ClaudeBot", "Googlebot"] {
            assert!(known.iter().any(|agent| agent.token == token), "{token}");
        }
    }

    #[test]
    fn a_list_may_stand_in_the_flag_or_in_a_file() {
        let tokens = |flag: &str| -> Vec<String> {
            from_flag(flag)
                .unwrap()
                .into_iter()
                .map(|agent| agent.token)
                .collect()
        };
        assert_eq!(tokens("GPTBot, CCBot,*"), ["GPTBot", "CCBot", "*"]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.txt");
        fs::write(&file, "# mine\nFooBot | Foo\n\n008 # odd\n").unwrap();
        assert_eq!(tokens(file.to_str().unwrap()), ["FooBot", "008"]);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for flag in [
            "",
            "GPTBot,,a b",
            "GPTBot,gptbot",
            "Foo/1.2",
            "gone.d/agents.txt",
        ] {
            assert!(from_flag(flag).is_err(), "{flag}");
        }
    }
}
