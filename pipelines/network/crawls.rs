//! Which crawls there are: a list that ships with the program and can be refreshed, and the names that users give them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Network, shown};
use crate::error::{Error, Exit, Result, quoted};
use crate::interrupt::Interrupt;
use crate::run;

/// Where Common Crawl lists its crawls (`collinfo.json`) and graph releases (`graphinfo.json`).
pub const LISTS_URL: &str = "https://index.commoncrawl.org/";

/// The list as of the day of this version.
const SHIPPED: &str = include_str!("crawls.json");

/// Bytes of a list of crawls; that of today has 40 kB.
const MAX_BYTES: u64 = 16 << 20;

/// One crawl.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crawl {
    /// `CC-MAIN-2026-39`: year and week.
    pub id: String,
    /// `September 2026 Index`.
    pub name: String,
    /// The first day of fetching, where it is known.
    pub from: Option<String>,
    /// The last one.
    pub to: Option<String>,
}

/// One release of the web graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphRelease {
    /// `cc-main-2026-jul-aug-sep`.
    pub id: String,
    /// The crawls that it was made of.
    pub crawls: Vec<String>,
}

/// All crawls and graph releases that are known, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Crawls.
    pub crawls: Vec<Crawl>,
    /// Graph releases.
    pub graphs: Vec<GraphRelease>,
}

impl Catalog {
    /// The list that ships with the program.
    pub fn shipped() -> Self {
        serde_json::from_str(SHIPPED).expect("the list that ships is tested")
    }

    /// The refreshed list, or the one that ships where there is none.
    pub fn known() -> Self {
        let Some(path) = refreshed_file().filter(|path| path.exists()) else {
            return Self::shipped();
        };
        let read = fs::read(&path).map_err(|e| e.to_string());
        let catalog = read
            .and_then(|bytes| serde_json::from_slice::<Catalog>(&bytes).map_err(|e| e.to_string()));
        match catalog {
            // A newer version of the program may know more than what was refreshed long ago.
            Ok(catalog) => {
                let shipped = Self::shipped();
                match catalog.newest() >= shipped.newest() {
                    true => catalog,
                    false => shipped,
                }
            }
            Err(why) => {
                let path = path.display();
                tracing::warn!("{path}: not a list of crawls ({why}); using the one that ships");
                Self::shipped()
            }
        }
    }

    /// Asks for the list of today, and keeps it for later commands; returns the file as well.
    ///
    /// # Errors
    /// Exit 69 when it cannot be had, 4 when what came is no such list, 73 when it cannot be kept.
    pub fn refresh(
        network: &Arc<Network>,
        lists: &Url,
        interrupt: &Interrupt,
    ) -> Result<(Self, PathBuf)> {
        let file = refreshed_file().ok_or_else(|| {
            Error::usage("there is no folder to keep the list in")
                .remedy("set HOME, or XDG_CACHE_HOME")
        })?;
        let read = |name: &str| -> Result<(Url, Vec<u8>)> {
            let url = join(lists, name)?;
            let body = network.read(&url, MAX_BYTES, interrupt)?;
            Ok((url, body))
        };
        let (url, body) = read("collinfo.json")?;
        let mut crawls: Vec<Crawl> = parse(&url, &body)?;
        if crawls.is_empty() || crawls.iter().any(|crawl| !is_id(&crawl.id)) {
            let found = "no list of crawls";
            return Err(Error::new(Exit::Refused, "E-LIST", found).at(shown(&url)));
        }
        crawls.sort_by(|one, other| other.id.cmp(&one.id));
        for day in crawls
            .iter_mut()
            .flat_map(|crawl| [&mut crawl.from, &mut crawl.to])
        {
            // The list has times of day as well, all of them midnight.
            *day = day.take().and_then(|day| day.get(..10).map(str::to_owned));
        }
        let (url, body) = read("graphinfo.json")?;
        let catalog = Catalog {
            crawls,
            graphs: parse(&url, &body)?,
        };
        let folder = file.parent().unwrap_or(&file);
        fs::create_dir_all(folder).map_err(|e| Error::cannot_create(folder, &e))?;
        let text = serde_json::to_string_pretty(&catalog).expect("a catalog is plain data");
        run::write_atomically(&file, text.as_bytes())?;
        Ok((catalog, file))
    }

    /// The id of the newest crawl.
    fn newest(&self) -> &str {
        self.crawls.first().map_or("", |crawl| crawl.id.as_str())
    }

    /// The id of the crawl that a user names: whole, without `CC-MAIN-`, or `latest`.
    ///
    /// # Errors
    /// Exit 2 when there is none: a crawl newer than the list is taken at its word, since the server knows better.
    pub fn resolve(&self, name: &str) -> Result<String> {
        let newest = self.newest();
        if name == "latest" {
            return Ok(newest.to_owned());
        }
        let id = match name.starts_with("CC-MAIN-") {
            true => name.to_owned(),
            false => format!("CC-MAIN-{name}"),
        };
        if self.crawls.iter().any(|crawl| crawl.id == id) || (is_id(&id) && *id > *newest) {
            return Ok(id);
        }
        let year = id.get(..12).unwrap_or(&id);
        let near = self
            .crawls
            .iter()
            .filter(|crawl| crawl.id.starts_with(year));
        let near: Vec<&str> = near.map(|crawl| crawl.id.as_str()).collect();
        let remedy = match near.is_empty() {
            true => format!("the newest is {newest}; `crawlrank crawls` lists them"),
            false => format!("that year there are {}", near.join(", ")),
        };
        Err(Error::usage(format!("no crawl is named {}", quoted(name))).remedy(remedy))
    }
}

/// Says whether `input` looks like `CC-MAIN-2026-43`, `2026-43` or `latest`.
pub fn is_crawl_name(input: &str) -> bool {
    let is_short = input.contains('-') && is_id(&format!("CC-MAIN-{input}"));
    input == "latest" || input.starts_with("CC-MAIN-") || is_short
}

/// The address of the list of a crawl's files of one kind: `wat`, `warc`, `wet`, `robotstxt`, `non200responses`.
pub fn list_url(base: &Url, crawl: &str, kind: &str) -> Result<Url> {
    join(base, &format!("crawl-data/{crawl}/{kind}.paths.gz"))
}

/// Puts a path below a base, which ends where a folder does.
pub fn join(base: &Url, path: &str) -> Result<Url> {
    let mut base = base.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    base.join(path)
        .map_err(|e| Error::usage(format!("{} is no path: {e}", quoted(path))))
}

/// Says whether a name is `CC-MAIN-` and year and week, or one of the first three, which are named after years.
fn is_id(id: &str) -> bool {
    let digits = |text: &str, count: usize| {
        text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    match id.strip_prefix("CC-MAIN-").map(|rest| rest.split_once('-')) {
        Some(Some((year, rest))) => digits(year, 4) && (digits(rest, 2) || digits(rest, 4)),
        Some(None) => digits(&id["CC-MAIN-".len()..], 4),
        None => false,
    }
}

/// Where a refreshed list lies: in the user's folder for what can be had again (XDG Base Directory Specification).
fn refreshed_file() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = folder("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| folder("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
    Some(cache.join("crawlrank").join("crawls.json"))
}

fn parse<T: for<'a> Deserialize<'a>>(url: &Url, body: &[u8]) -> Result<Vec<T>> {
    serde_json::from_slice(body).map_err(|e| {
        let found = format!("not the list that was expected: {e}");
        Error::new(Exit::Refused, "E-LIST", found).at(shown(url))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_list_that_ships_is_sound() {
        let catalog = Catalog::shipped();
        let ids: Vec<&str> = catalog
            .crawls
            .iter()
            .map(|crawl| crawl.id.as_str())
            .collect();
        assert!(ids.len() > 120 && ids.iter().all(|id| is_id(id)), "{ids:?}");
        assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "{ids:?}");
        let known: BTreeSet<&str> = ids.into_iter().collect();
        for graph in &catalog.graphs {
            assert!(graph.id.starts_with("cc-main-20"), "{graph:?}");
            assert!(
                graph.crawls.iter().all(|id| known.contains(id.as_str())),
                "{graph:?}"
            );
        }
    }

    #[test]
    fn crawls_are_found_by_the_names_users_give() {
        let catalog = Catalog::shipped();
        let newest = &catalog.crawls[0].id;
        assert_eq!(catalog.resolve("latest").unwrap(), *newest);
        for name in ["CC-MAIN-2024-51", "2024-51"] {
            assert_eq!(catalog.resolve(name).unwrap(), "CC-MAIN-2024-51");
        }
        assert_eq!(catalog.resolve("2099-05").unwrap(), "CC-MAIN-2099-05");
        let error = catalog.resolve("2024-50").unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert!(error.to_string().contains("CC-MAIN-2024-51"), "{error}");
        assert!(catalog.resolve("CC-MAIN-nonsense").is_err());
    }

    #[test]
    fn crawl_names_are_recognised() {
        for name in ["CC-MAIN-2026-43", "2026-43", "latest", "CC-MAIN-2012"] {
            assert!(is_crawl_name(name), "{name}");
        }
        for name in ["2026-43.wat", "26-43", "wat", "2026"] {
            assert!(!is_crawl_name(name), "{name}");
        }
    }

    #[test]
    fn a_base_may_lack_its_last_slash() {
        for base in ["http://127.0.0.1:8/mirror", "http://127.0.0.1:8/mirror/"] {
            let url = list_url(&base.parse().unwrap(), "CC-MAIN-2024-51", "wat").unwrap();
            let expected = "http://127.0.0.1:8/mirror/crawl-data/CC-MAIN-2024-51/wat.paths.gz";
            assert_eq!(url.as_str(), expected);
        }
    }
}
