//! The rules of many agents at once.

use alloc::vec::Vec;

use crate::agent::AgentRules;
use crate::groups::sections_of;
use crate::robots::RobotsTxt;
use crate::token::Token;
use crate::url::UrlPath;

/// The rules of several agents in one file; see [`RobotsTxt::agents`]. Agents in the same groups share one set.
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
        let mut tokens = Vec::with_capacity(agents.len().min(AT_ONCE));
        let mut star = None;
        for some in agents.chunks(AT_ONCE) {
            tokens.clear();
            tokens.extend(some.iter().map(|agent| Token::new(agent.as_ref())));
            let sections = sections_of(robots, &tokens);
            let named = sections
                .iter()
                .fold(0, |named, section| named | section.named);
            let first = selected.set_of.len();
            selected.set_of.resize(first + some.len(), 0);
            if named.count_ones() as usize != some.len() {
                let set = *star.get_or_insert_with(|| {
                    selected.sets.push(AgentRules::compile(
                        robots,
                        sections.iter().filter(|section| section.is_star),
                    ));
                    selected.sets.len() as u32 - 1
                });
                selected.set_of[first..].fill(set);
            }
            let mut left = named;
            while left != 0 {
                let agent = 1 << left.trailing_zeros();
                // Those that are named by just the groups that name this one.
                let alike = sections.iter().fold(left, |alike, section| {
                    alike
                        & if section.named & agent != 0 {
                            section.named
                        } else {
                            !section.named
                        }
                });
                let of_agent = sections.iter().filter(|section| section.named & agent != 0);
                selected.sets.push(AgentRules::compile(robots, of_agent));
                for (at, set) in selected.set_of[first..].iter_mut().enumerate() {
                    if alike >> at & 1 != 0 {
                        *set = selected.sets.len() as u32 - 1;
                    }
                }
                left &= !alike;
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
        let mut decided = [None; AT_ONCE];
        for set in &self.set_of {
            let rules = &self.sets[*set as usize];
            allowed.push(match decided.get_mut(*set as usize) {
                Some(known) => *known.get_or_insert_with(|| rules.allows(path)),
                None => rules.allows(path),
            });
        }
    }
}
