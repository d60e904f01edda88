//! The rules of many agents at once.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::agent::AgentRules;
use crate::groups::{Section, sections_of};
use crate::robots::RobotsTxt;
use crate::token::Token;
use crate::url::UrlPath;

/// The rules of several agents in one file; see [`RobotsTxt::agents`]. Agents in the same groups share one set.
///
/// Time: each user-agent line is compared with each agent. Memory: that of [`AgentRules`] for each set that differs.
#[derive(Clone, Debug)]
pub struct Agents {
    sets: Vec<AgentRules>,
    /// For each agent, its set.
    set_of: Vec<u32>,
}

/// Agents that one pass over a file serves: a bit each.
const AT_ONCE: usize = 64;

impl Agents {
    pub(crate) fn select<S: AsRef<str>>(robots: &RobotsTxt<'_>, agents: &[S]) -> Agents {
        let mut selected = Agents {
            sets: Vec::new(),
            set_of: Vec::with_capacity(agents.len()),
        };
        // The groups of each set, by their first records; none for those of `*`.
        let mut known = BTreeMap::new();
        for some in agents.chunks(AT_ONCE) {
            let tokens: Vec<Token<'_>> = some
                .iter()
                .map(|agent| Token::new(agent.as_ref()))
                .collect();
            let sections = sections_of(robots, &tokens);
            for agent in 0..some.len() {
                let names = |section: &&Section| section.named >> agent & 1 != 0;
                let starts: Vec<u32> = sections
                    .iter()
                    .filter(names)
                    .map(|section| section.start)
                    .collect();
                let is_named = !starts.is_empty();
                let set = *known.entry(starts).or_insert_with(|| {
                    let is_its_own = |section: &&Section| {
                        if is_named {
                            names(section)
                        } else {
                            section.is_star
                        }
                    };
                    let its_own = sections.iter().filter(is_its_own);
                    selected
                        .sets
                        .push(AgentRules::compile(robots, its_own, is_named));
                    selected.sets.len() as u32 - 1
                });
                selected.set_of.push(set);
            }
        }
        selected
    }

    /// How many agents there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set_of.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set_of.is_empty()
    }

    /// The rules of the agent at a position of the list that was asked for.
    ///
    /// # Panics
    ///
    /// When there are not so many agents.
    #[must_use]
    pub fn get(&self, agent: usize) -> &AgentRules {
        &self.sets[self.set_of[agent] as usize]
    }

    /// Whether the agent at a position may fetch a URL; see [`Agents::get`] and [`AgentRules::allowed`].
    pub fn allowed(&self, agent: usize, url: impl AsRef<[u8]>) -> bool {
        self.get(agent).allowed(url)
    }

    /// Whether the agent at a position may fetch a path.
    pub fn allows(&self, agent: usize, path: &UrlPath<'_>) -> bool {
        self.get(agent).allows(path)
    }

    /// Decides one path for every agent, each set of rules asked once. `allowed` gets one answer per agent, in order.
    pub fn allows_each(&self, path: &UrlPath<'_>, allowed: &mut Vec<bool>) {
        allowed.clear();
        let mut decided = [false; AT_ONCE];
        let answers = self.sets.iter().map(|rules| rules.allows(path));
        let mut many = Vec::new();
        let answers: &[bool] = if self.sets.len() <= AT_ONCE {
            decided
                .iter_mut()
                .zip(answers)
                .for_each(|(slot, answer)| *slot = answer);
            &decided
        } else {
            many.extend(answers);
            &many
        };
        allowed.extend(self.set_of.iter().map(|set| answers[*set as usize]));
    }
}
