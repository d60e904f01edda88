//! robots.txt: the classes of `crawlrank.robots`, and its calls over columns.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow_array::{ArrayRef, RecordBatch};
use crawlrank::commands::robots::explain;
use crawlrank::error::{Error, Exit, Result};
use crawlrank::escape::shown;
use crawlrank::robots::batch::{self, Files};
use crawlrank_robots as robots;
use crawlrank_robots::{AgentRules, ContentUse, Fetch, HeaderField, ParseOptions};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyList, PyMemoryView, PyString, PyTuple};

use crate::arrow::{Column, import, is_arrow};
use crate::error::raised;
use crate::pool::detached;
use crate::table::Table;

/// Bodies from this size on are parsed without the interpreter; below, letting it go costs more than it gives.
const DETACHED_BYTES: usize = 64 << 10;

/// URLs of a list after which Python is asked whether Ctrl-C was pressed: about a millisecond.
const ASKED_EVERY: usize = 1 << 12;

/// Agents whose compiled rules an object keeps.
const KEPT_AGENTS: usize = 32;

const _: () = assert!(robots::DEFAULT_MAX_BYTES == 512_000); // Python is told the number

/// Parses a robots.txt. Any content will do: what cannot be understood is skipped, and `warnings` says where.
///
/// `max_bytes`: what lies beyond the last line end within so many bytes is not read. `leniencies`: whether to take
/// what Google's parser takes beyond RFC 9309. `content_usage_is_rule`: whether a `Content-Usage` line ends a run of
/// user-agent lines, as in draft-ietf-aipref-attach.
///
/// Raises `TypeError` when `body` is neither bytes nor str.
#[pyfunction]
#[pyo3(signature = (body, *, max_bytes = 512000, leniencies = true, content_usage_is_rule = false))]
pub(crate) fn robots_parse(
    body: &Bound<'_, PyAny>,
    max_bytes: usize,
    leniencies: bool,
    content_usage_is_rule: bool,
) -> PyResult<RobotsTxt> {
    let options = ParseOptions {
        max_bytes,
        leniencies,
        content_usage_is_rule,
    };
    let text = contents(body, "body")?;
    let parse = || robots::RobotsTxt::parse_with(&text, &options).into_owned();
    Ok(RobotsTxt::new(match text.len() < DETACHED_BYTES {
        true => parse(),
        false => body.py().detach(parse),
    }))
}

/// Takes a parsed file from the bytes that `to_bytes` made. They are checked to the last bit.
///
/// Raises `CrawlrankError` when they are of another version, cut, or damaged.
#[pyfunction]
pub(crate) fn robots_from_bytes(py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<RobotsTxt> {
    let data = contents(data, "data")?;
    robots::RobotsTxt::verify_bytes(&data)
        .and_then(|()| robots::RobotsTxt::from_bytes(&data))
        .map(|parsed| RobotsTxt::new(parsed.into_owned()))
        .map_err(|e| raised(py, &Error::new(Exit::Refused, "E-FORMAT", e.to_string())))
}

/// Says what follows from a fetch of a robots.txt (RFC 9309, section 2.3.1).
///
/// 2xx: the rules of the body. A redirect that was not followed to its end, and 4xx but 429: everything is allowed.
/// 429, 5xx, other codes, and no response (`status` is `None`): nothing is allowed, until after 30 days everything
/// is. 304 answers those who have the file already: keep what you have, and do not come here.
///
/// `body`: decoded. `headers`: a mapping of names to values (of str or bytes, or lists of them), or pairs; they say how
/// long the answer may be used, see `Access.fresh_for`. `redirects`: how many were followed; more than five count as no
/// file. `age`: how many seconds ago the response came. `unreachable_for`: for how many seconds the file has been
/// unreachable without a break.
///
/// Raises `CrawlrankError` when a time is below 0, `TypeError` when a header is no text.
#[pyfunction]
#[pyo3(signature = (status, body = None, headers = None, *, redirects = 0, age = 0.0, unreachable_for = 0.0))]
pub(crate) fn robots_from_response(
    py: Python<'_>,
    status: Option<u16>,
    body: Option<&Bound<'_, PyAny>>,
    headers: Option<&Bound<'_, PyAny>>,
    redirects: u32,
    age: f64,
    unreachable_for: f64,
) -> PyResult<Access> {
    let seconds = |name, seconds| {
        Duration::try_from_secs_f64(seconds).map_err(|_| {
            let found = format!("`{name}` is {seconds}, expected seconds, at least 0");
            raised(py, &Error::usage(found))
        })
    };
    let body = body.map(|body| contents(body, "body")).transpose()?;
    let headers = headers.map(header_fields).transpose()?.unwrap_or_default();
    let headers = headers.iter().map(|(name, value)| (&**name, &**value));
    let headers: Vec<HeaderField<'_>> = headers.collect();
    let fetch = match status {
        Some(status) => Fetch::response(status, body.as_deref().unwrap_or_default()),
        None => Fetch::unreachable(),
    };
    let fetch = Fetch {
        headers: &headers,
        redirects,
        age: seconds("age", age)?,
        unreachable_for: seconds("unreachable_for", unreachable_for)?,
        ..fetch
    };
    let fresh_for = fetch.fresh_for().as_secs_f64();
    let access = match robots::Access::from_fetch(&fetch) {
        robots::Access::Rules(parsed) => {
            AccessBy::Rules(Py::new(py, RobotsTxt::new(parsed.into_owned()))?)
        }
        robots::Access::AllowAll => AccessBy::Status(robots::Access::AllowAll),
        robots::Access::DisallowAll => AccessBy::Status(robots::Access::DisallowAll),
    };
    Ok(Access { access, fresh_for })
}

/// The fields of a header as HTTP libraries have it: a mapping, in which a name may have several values, or pairs.
fn header_fields(headers: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let text = |object: &Bound<'_, PyAny>| -> PyResult<String> {
        Ok(String::from_utf8_lossy(&contents(object, "headers")?).into_owned())
    };
    let pairs = match headers.hasattr("items")? {
        true => headers.call_method0("items")?,
        false => headers.clone(),
    };
    let wrong = |found: &Bound<'_, PyAny>| {
        let found = found.get_type();
        let expected = "a mapping of names to values, or pairs of them";
        PyTypeError::new_err(format!("`headers` is or has {found}, expected {expected}"))
    };
    let mut fields = Vec::new();
    for pair in pairs.try_iter().map_err(|_| wrong(headers))? {
        let mut pair = pair?;
        if let Ok(list) = pair.cast::<PyList>() {
            pair = list.to_tuple().into_any(); // as ASGI has them
        }
        let (name, values): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
            pair.extract().map_err(|_| wrong(&pair))?;
        let name = text(&name)?;
        match values.cast::<PyList>() {
            Ok(values) => {
                for value in values {
                    fields.push((name.clone(), text(&value)?));
                }
            }
            Err(_) => fields.push((name, text(&values)?)),
        }
    }
    Ok(fields)
}

/// A list of answers, one for each URL; Ctrl-C is asked for now and then.
fn decide_each<'py>(
    rules: &AgentRules,
    urls: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
    py: Python<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let decide = |(number, url): (usize, PyResult<Bound<'py, PyAny>>)| {
        if number % ASKED_EVERY == ASKED_EVERY - 1 {
            py.check_signals()?;
        }
        Ok(rules.allowed(&*contents(&url?, "urls")?))
    };
    let answers: Vec<bool> = urls.enumerate().map(decide).collect::<PyResult<_>>()?;
    Ok(PyList::new(py, answers)?.into_any())
}

/// The bytes of a body: text as UTF-8, and what is no text (a lone surrogate) as U+FFFD.
fn contents<'a>(object: &'a Bound<'_, PyAny>, name: &str) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(match text.to_string_lossy() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        });
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    if let Ok(bytes) = object.cast::<PyByteArray>() {
        return Ok(Cow::Owned(bytes.to_vec()));
    }
    if object.is_instance_of::<PyMemoryView>() {
        let bytes = object.call_method0("tobytes")?;
        return Ok(Cow::Owned(bytes.cast::<PyBytes>()?.as_bytes().to_vec()));
    }
    Err(PyTypeError::new_err(format!(
        "`{name}` is of type {}, expected bytes or str",
        object.get_type().name()?
    )))
}

/// A parsed robots.txt: a copy of its text, and eight bytes for each line that says something.
///
/// Agents are product tokens (`CCBot`), URLs may be paths; neither they nor the content make any call raise. The
/// compiled rules of the first 32 agents that are asked for are kept, so that asking again costs nothing. May be used
/// from several threads at once, compared with nothing, and pickled.
#[pyclass(frozen, module = "crawlrank.robots")]
pub(crate) struct RobotsTxt {
    robots: robots::RobotsTxt<'static>,
    first: OnceLock<Kept>,
    more: OnceLock<Box<[OnceLock<Kept>]>>,
}

/// The compiled rules of an agent.
struct Kept {
    agent: Box<str>,
    rules: AgentRules,
}

/// Rules that the object keeps, or that were made for one call.
enum Rules<'a> {
    Kept(&'a AgentRules),
    Made(Box<AgentRules>),
}

impl Deref for Rules<'_> {
    type Target = AgentRules;

    #[inline]
    fn deref(&self) -> &AgentRules {
        match self {
            Rules::Kept(rules) => rules,
            Rules::Made(rules) => rules,
        }
    }
}

impl RobotsTxt {
    fn new(robots: robots::RobotsTxt<'static>) -> RobotsTxt {
        RobotsTxt {
            robots,
            first: OnceLock::new(),
            more: OnceLock::new(),
        }
    }

    /// Returns the rules of an agent. Those of the first few agents are kept and found without a lock: places fill in order,
    /// none is emptied.
    #[inline]
    fn rules(&self, agent: &str) -> Rules<'_> {
        match self.first.get() {
            Some(kept) if *kept.agent == *agent => Rules::Kept(&kept.rules),
            _ => self.rules_of_another(agent),
        }
    }

    fn rules_of_another(&self, agent: &str) -> Rules<'_> {
        let make = || Kept {
            agent: agent.into(),
            rules: self.robots.agent(agent).into_rules(),
        };
        let first = self.first.get_or_init(make);
        if *first.agent == *agent {
            return Rules::Kept(&first.rules);
        }
        let more = self.more.get_or_init(|| {
            let places = std::iter::repeat_with(OnceLock::new);
            places.take(KEPT_AGENTS - 1).collect()
        });
        for place in more {
            let kept = place.get_or_init(make);
            if *kept.agent == *agent {
                return Rules::Kept(&kept.rules);
            }
        }
        Rules::Made(Box::new(make().rules))
    }
}

#[pymethods]
impl RobotsTxt {
    /// Whether an agent may fetch a URL: the longest rule that matches decides, `Allow` wins a tie, and what no rule
    /// matches is allowed (RFC 9309, section 2.2.2).
    fn allowed(&self, agent: &Bound<'_, PyString>, url: &Bound<'_, PyAny>) -> PyResult<bool> {
        let url = contents(url, "url")?;
        Ok(self.rules(&agent.to_string_lossy()).allowed(&*url))
    }

    /// Whether an agent may fetch each of some URLs: a list for a list, a `Column` for a column of Arrow, null for
    /// null. A column is answered on all cores, while other threads of Python run.
    fn allowed_many<'py>(
        &self,
        py: Python<'py>,
        agent: &Bound<'py, PyString>,
        urls: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let agent = agent.to_string_lossy();
        let rules = self.rules(&agent);
        // Lists first: to find that something has no attribute takes longer than some answers.
        if let Ok(urls) = urls.cast::<PyList>() {
            return decide_each(&rules, urls.iter().map(Ok), py);
        }
        if is_arrow(urls)? {
            let urls = import(urls, "urls")?;
            let rules = &*rules;
            let allowed = detached(py, |interrupt| {
                batch::allowed_by(rules, &urls.into_bytes("urls")?, interrupt)
            })?;
            return Ok(Bound::new(py, Column::new(Arc::new(allowed) as ArrayRef))?.into_any());
        }
        if urls.is_instance_of::<PyString>() || urls.is_instance_of::<PyBytes>() {
            return Err(PyTypeError::new_err("`urls` is one URL, expected several"));
        }
        decide_each(&rules, urls.try_iter()?, py)
    }

    /// Decides a URL, and says why. Slower than `allowed` by far.
    fn explain(&self, agent: &Bound<'_, PyString>, url: &Bound<'_, PyAny>) -> PyResult<Decision> {
        let url = contents(url, "url")?;
        Ok(Decision(
            self.robots.agent(&agent.to_string_lossy()).explain(&*url),
        ))
    }

    /// The seconds that an agent is asked to wait between two requests: the first valid `Crawl-delay` of its groups.
    fn crawl_delay(&self, agent: &Bound<'_, PyString>) -> Option<f64> {
        let delay = self.rules(&agent.to_string_lossy()).crawl_delay();
        delay.map(|delay| delay.as_secs_f64())
    }

    /// How many requests an agent may make in how much time: the first valid `Request-rate` of its groups.
    fn request_rate(&self, agent: &Bound<'_, PyString>) -> Option<RequestRate> {
        let rate = self.robots.agent(&agent.to_string_lossy()).request_rate();
        rate.map(|rate| RequestRate {
            requests: rate.requests,
            seconds: rate.period.as_secs_f64(),
            time: rate.time.map(VisitTime::from),
        })
    }

    /// When an agent may come: the first valid `Visit-time` of its groups.
    fn visit_time(&self, agent: &Bound<'_, PyString>) -> Option<VisitTime> {
        let time = self.robots.agent(&agent.to_string_lossy()).visit_time();
        time.map(VisitTime::from)
    }

    /// Whether a group names the agent; if not, the groups of `*` are its own.
    fn names(&self, agent: &Bound<'_, PyString>) -> bool {
        self.robots.agent(&agent.to_string_lossy()).is_named()
    }

    /// What the file says to an agent about the use of pages; with a URL also what `Content-Usage` says of it.
    #[pyo3(signature = (agent, url = None))]
    fn signals(
        &self,
        agent: &Bound<'_, PyString>,
        url: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Signals> {
        let agent = self.robots.agent(&agent.to_string_lossy());
        let stated = agent.content_signal();
        let (content_signal, content_usage) = batch::as_written(&agent);
        let usage = match url {
            Some(url) => {
                let usage = agent.content_usage(&*contents(url, "url")?);
                let usage = usage.iter().map(|(category, is)| (category.to_owned(), is));
                Some(usage.collect())
            }
            None => None,
        };
        Ok(Signals {
            search: stated.search,
            ai_input: stated.ai_input,
            ai_train: stated.ai_train,
            content_use: stated.content_use.map(|content_use| match content_use {
                ContentUse::Immediate => "immediate",
                ContentUse::Reference => "reference",
                ContentUse::Full => "full",
            }),
            usage,
            content_signal,
            content_usage,
        })
    }

    /// All sitemaps, as written, in the order of the file.
    #[getter]
    fn sitemaps(&self) -> Vec<Cow<'_, str>> {
        self.robots.sitemaps().collect()
    }

    /// The first `Host` line: the main mirror, for Yandex.
    #[getter]
    fn host(&self) -> Option<Cow<'_, str>> {
        self.robots.host()
    }

    /// All `Clean-param` lines, as written, for Yandex.
    #[getter]
    fn clean_params(&self) -> Vec<Cow<'_, str>> {
        self.robots.clean_params().collect()
    }

    /// What is odd about the file, by line.
    #[getter]
    fn warnings(&self) -> Vec<Warning> {
        self.robots.warnings().into_iter().map(Warning).collect()
    }

    /// All groups, as written, in the order of the file.
    #[getter]
    fn groups(&self, py: Python<'_>) -> PyResult<Vec<Group>> {
        let groups = self.robots.groups().map(|group| {
            let rules = group.rules().map(|rule| {
                Py::new(
                    py,
                    Rule {
                        line: rule.line,
                        allow: rule.allow,
                        pattern: rule.pattern.into_owned(),
                    },
                )
            });
            Ok(Group {
                line: group.line(),
                agents: group.agents().map(Cow::into_owned).collect(),
                rules: rules.collect::<PyResult<_>>()?,
            })
        });
        groups.collect()
    }

    /// Whether the body looks like an HTML page that was served for the missing file.
    #[getter]
    fn is_html(&self) -> bool {
        self.robots.is_html()
    }

    /// Whether the body was longer than what is read of it.
    #[getter]
    fn is_truncated(&self) -> bool {
        self.robots.is_truncated()
    }

    /// The text that lines are counted in: without byte order mark, decoded if it was UTF-16, cut at the limit.
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.robots.text())
    }

    /// The parsed file as bytes, for `from_bytes`: 24 bytes, 8 a line that says something, and the text.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.robots.to_bytes())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let make = py.import("crawlrank._core")?.getattr("robots_from_bytes")?;
        (make, (self.to_bytes(py),)).into_pyobject(py)
    }

    fn __repr__(&self) -> String {
        format!(
            "<robots.txt of {} bytes: {} groups, {} rules>",
            self.robots.text().len(),
            self.robots.num_groups(),
            self.robots.num_rules()
        )
    }
}

/// What decided a URL, and what else had a say. As true as its answer.
#[pyclass(frozen, module = "crawlrank.robots")]
pub(crate) struct Decision(robots::Decision);

#[pymethods]
impl Decision {
    /// Whether the agent may fetch the URL.
    #[getter]
    fn allowed(&self) -> bool {
        self.0.allowed
    }

    /// The 1-based line of the rule that decided; `None` when none did.
    #[getter]
    fn line(&self) -> Option<usize> {
        Some(self.0.rule.as_ref()?.line)
    }

    /// That line as written, without comment.
    #[getter]
    fn rule(&self) -> Option<&str> {
        Some(&self.0.rule.as_ref()?.text)
    }

    /// Its path pattern as written.
    #[getter]
    fn pattern(&self) -> Option<&str> {
        Some(&self.0.rule.as_ref()?.pattern)
    }

    /// How specific it is: the octets of its normalized pattern.
    #[getter]
    fn octets(&self) -> Option<usize> {
        Some(self.0.rule.as_ref()?.octets)
    }

    /// Google's leniencies without which it would not have been read, or not have matched.
    #[getter]
    fn leniencies(&self) -> Vec<String> {
        leniencies(self.0.rule.as_ref())
    }

    /// Google's leniencies without which its group would not be the agent's.
    #[getter]
    fn group_leniencies(&self) -> Vec<String> {
        let leniencies = self.0.group_leniencies.iter();
        leniencies.map(ToString::to_string).collect()
    }

    /// Whose groups were asked, with their lines, for people; `None` when no group is for the agent.
    #[getter]
    fn group(&self) -> Option<String> {
        explain::group(&self.0.group)
    }

    /// The rules that matched as well and lost, the strongest first.
    #[getter]
    fn beaten(&self) -> Vec<Beaten> {
        self.0.beaten.iter().cloned().map(Beaten).collect()
    }

    /// The path and query that rules were compared with, normalized.
    #[getter]
    fn path(&self) -> &str {
        &self.0.path
    }

    /// Whether the URL is the robots.txt itself, which is always allowed.
    #[getter]
    fn is_robots_txt(&self) -> bool {
        self.0.is_robots_txt
    }

    /// Why it was decided so, for people.
    #[getter]
    fn reason(&self) -> String {
        explain::reason(&self.0)
    }

    fn __bool__(&self) -> bool {
        self.0.allowed
    }

    fn __repr__(&self) -> String {
        let mut out = format!(
            "<{} {}: {}",
            if self.0.allowed {
                "allowed"
            } else {
                "disallowed"
            },
            shown(&self.0.path),
            self.reason()
        );
        if let Some(rule) = &self.0.rule {
            let _ = write!(out, "; line {}: {}", rule.line, shown(&rule.text));
        }
        out + ">"
    }
}

fn leniencies(rule: Option<&robots::DecidingRule>) -> Vec<String> {
    let leniencies = rule.into_iter().flat_map(|rule| &rule.leniencies);
    leniencies.map(ToString::to_string).collect()
}

/// A rule that matched a URL and lost.
#[pyclass(frozen, module = "crawlrank.robots")]
pub(crate) struct Beaten(robots::DecidingRule);

#[pymethods]
impl Beaten {
    /// The 1-based line it stands on.
    #[getter]
    fn line(&self) -> usize {
        self.0.line
    }

    /// That line as written, without comment.
    #[getter]
    fn rule(&self) -> &str {
        &self.0.text
    }

    /// Its path pattern as written.
    #[getter]
    fn pattern(&self) -> &str {
        &self.0.pattern
    }

    /// Whether it is an `Allow`.
    #[getter]
    fn allow(&self) -> bool {
        self.0.allow
    }

    /// How specific it is: the octets of its normalized pattern.
    #[getter]
    fn octets(&self) -> usize {
        self.0.octets
    }

    /// Google's leniencies without which it would not have been read, or not have matched.
    #[getter]
    fn leniencies(&self) -> Vec<String> {
        leniencies(Some(&self.0))
    }

    fn __repr__(&self) -> String {
        let rule = &self.0;
        format!(
            "<line {}: {}, {} octets>",
            rule.line,
            shown(&rule.text),
            rule.octets
        )
    }
}

/// How many requests in how much time.
#[pyclass(frozen, get_all, eq, module = "crawlrank.robots")]
#[derive(Clone, PartialEq)]
pub(crate) struct RequestRate {
    /// At least 1.
    requests: u32,
    /// More than 0.
    seconds: f64,
    /// When it holds; always if `None`.
    time: Option<VisitTime>,
}

#[pymethods]
impl RequestRate {
    fn __repr__(&self) -> String {
        let time = self.time.as_ref().map(VisitTime::shown);
        let time = time.map(|time| format!(", {time}")).unwrap_or_default();
        format!("<{} requests in {} s{time}>", self.requests, self.seconds)
    }
}

/// A time of day, in UTC. The end may lie before the start: over midnight.
#[pyclass(frozen, get_all, eq, module = "crawlrank.robots")]
#[derive(Clone, PartialEq)]
pub(crate) struct VisitTime {
    /// Minutes since midnight, below 1,440.
    start_minute: u16,
    /// Minutes since midnight, below 1,440.
    end_minute: u16,
}

impl From<robots::VisitTime> for VisitTime {
    fn from(time: robots::VisitTime) -> Self {
        VisitTime {
            start_minute: time.start_minute,
            end_minute: time.end_minute,
        }
    }
}

impl VisitTime {
    fn shown(&self) -> String {
        let shown = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        format!(
            "{} to {} UTC",
            shown(self.start_minute),
            shown(self.end_minute)
        )
    }
}

#[pymethods]
impl VisitTime {
    fn __repr__(&self) -> String {
        format!("<{}>", self.shown())
    }
}

/// One thing that is odd about a file.
#[pyclass(frozen, module = "crawlrank.robots")]
pub(crate) struct Warning(robots::Warning);

#[pymethods]
impl Warning {
    /// The 1-based line; of a warning about the whole file, the last line read, or 1.
    #[getter]
    fn line(&self) -> usize {
        self.0.line
    }

    /// What is odd, in a few words.
    #[getter]
    fn message(&self) -> &'static str {
        self.0.kind.message()
    }

    /// The line as written, without comment; empty for the whole file.
    #[getter]
    fn text(&self) -> &str {
        &self.0.text
    }

    fn __repr__(&self) -> String {
        let text = match self.0.text.as_str() {
            "" => String::new(),
            text => format!(": {}", shown(text)),
        };
        format!("<line {}: {}{text}>", self.0.line, self.0.kind.message())
    }
}

/// One group, as written.
#[pyclass(frozen, get_all, module = "crawlrank.robots")]
pub(crate) struct Group {
    /// The 1-based line of its first user-agent line.
    line: usize,
    /// The values of its user-agent lines.
    agents: Vec<String>,
    /// Its `Allow` and `Disallow` lines.
    rules: Vec<Py<Rule>>,
}

#[pymethods]
impl Group {
    fn __repr__(&self) -> String {
        let agents: Vec<String> = self.agents.iter().map(shown).collect();
        let rules = self.rules.len();
        format!(
            "<line {}: {} with {rules} rules>",
            self.line,
            agents.join(", ")
        )
    }
}

/// One rule of a group, as written.
#[pyclass(frozen, get_all, module = "crawlrank.robots")]
pub(crate) struct Rule {
    /// The 1-based line it stands on.
    line: usize,
    /// Whether it is an `Allow`.
    allow: bool,
    /// Its path pattern.
    pattern: String,
}

#[pymethods]
impl Rule {
    fn __repr__(&self) -> String {
        let name = if self.allow { "Allow" } else { "Disallow" };
        format!("<line {}: {name}: {}>", self.line, shown(&self.pattern))
    }
}

/// What a file says to an agent about the use of pages. `None` is what it does not say.
#[pyclass(frozen, get_all, module = "crawlrank.robots")]
pub(crate) struct Signals {
    /// `search`: a search index with links and short excerpts.
    search: Option<bool>,
    /// `ai-input`: input to a model at the time of a question.
    ai_input: Option<bool>,
    /// `ai-train`: training or fine-tuning of a model.
    ai_train: Option<bool>,
    /// `use`: how much may be kept and shown again.
    content_use: Option<&'static str>,
    /// The preferences of `Content-Usage` for the URL that was asked for, by category; `None` when none was.
    usage: Option<std::collections::BTreeMap<String, bool>>,
    /// The `Content-Signal` lines as written, with commas between.
    content_signal: Option<String>,
    /// The `Content-Usage` lines as written, with commas between.
    content_usage: Option<String>,
}

#[pymethods]
impl Signals {
    fn __repr__(&self) -> String {
        let mut stated = Vec::new();
        for (name, value) in [
            ("search", self.search),
            ("ai-input", self.ai_input),
            ("ai-train", self.ai_train),
        ] {
            stated.extend(value.map(|value| format!("{name}={}", yes_or_no(value))));
        }
        stated.extend(
            self.content_use
                .map(|content_use| format!("use={content_use}")),
        );
        for (category, value) in self.usage.iter().flatten() {
            stated.push(format!("{}={}", shown(category), yes_or_no(*value)));
        }
        match stated.is_empty() {
            true => "<signals: nothing stated>".to_owned(),
            false => format!("<signals: {}>", stated.join(", ")),
        }
    }
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// What may be fetched from a site.
#[pyclass(frozen, module = "crawlrank.robots")]
pub(crate) struct Access {
    access: AccessBy,
    fresh_for: f64,
}

/// What decides.
enum AccessBy {
    Rules(Py<RobotsTxt>),
    /// Everything is allowed, or nothing.
    Status(robots::Access<'static>),
}

#[pymethods]
impl Access {
    /// What decides.
    #[getter]
    fn kind(&self) -> &'static str {
        match &self.access {
            AccessBy::Rules(_) => "rules",
            AccessBy::Status(access) => access.name(),
        }
    }

    /// The parsed file, where rules decide.
    #[getter]
    fn rules(&self, py: Python<'_>) -> Option<Py<RobotsTxt>> {
        match &self.access {
            AccessBy::Rules(rules) => Some(rules.clone_ref(py)),
            AccessBy::Status(_) => None,
        }
    }

    /// For how many seconds the answer may still be used; 0: fetch again. A day (RFC 9309, section 2.4), or less where the
    /// headers say so: of 429 and 5xx `Retry-After`, else `Cache-Control` and `Expires`, less `Age`, as RFC 9111 reads
    /// them. To heed these is left to crawlers: many servers send `no-cache` with every page, which gives 0.
    #[getter]
    fn fresh_for(&self) -> f64 {
        self.fresh_for
    }

    /// Whether an agent may fetch a URL of the site. Its robots.txt may always be fetched.
    fn allowed(&self, agent: &Bound<'_, PyString>, url: &Bound<'_, PyAny>) -> PyResult<bool> {
        match &self.access {
            AccessBy::Rules(rules) => rules.get().allowed(agent, url),
            AccessBy::Status(access) => {
                Ok(access.allowed(&agent.to_string_lossy(), &*contents(url, "url")?))
            }
        }
    }

    fn __repr__(&self) -> String {
        format!("<access: {}, fresh for {} s>", self.kind(), self.fresh_for)
    }
}

/// Takes a column of bodies.
fn bodies(object: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let py = object.py();
    let bodies = import(object, "bodies")?;
    py.detach(|| bodies.into_bytes("bodies"))
        .map_err(|e| raised(py, &e))
}

/// Says for each row whether an agent may fetch the URL by the robots.txt of that row.
///
/// `bodies`: n values of text or binary, or one for any number of URLs. `urls`: n values. Returns n booleans, null
/// where the body or the URL is. Each distinct body is parsed once.
///
/// Raises `CrawlrankError` when the columns differ in length or have another type.
#[pyfunction]
pub(crate) fn robots_allowed_many(
    py: Python<'_>,
    bodies: &Bound<'_, PyAny>,
    agent: &Bound<'_, PyString>,
    urls: &Bound<'_, PyAny>,
) -> PyResult<Column> {
    let bodies = self::bodies(bodies)?;
    let urls = import(urls, "urls")?;
    let agent = agent.to_string_lossy();
    let allowed = detached(py, |interrupt| {
        let urls = urls.into_bytes("urls")?;
        Files::parse(&bodies, &ParseOptions::default(), interrupt)?.allowed(&agent, &urls)
    })?;
    Ok(Column::new(Arc::new(allowed) as ArrayRef))
}

/// Decides URLs for agents by the robots.txt of each row.
///
/// `bodies`: n values. `urls`: n values, or n lists. Returns a table `file`, `agent`, `url`, `allowed`, `line`, by
/// file, then URL, then agent: the line is that of the rule that decided, and null unless `lines` asks for it, which
/// takes longer.
///
/// Raises `CrawlrankError` when the columns differ in length or have another type.
#[pyfunction]
#[pyo3(signature = (bodies, agents, urls, *, lines = false))]
pub(crate) fn robots_census(
    py: Python<'_>,
    bodies: &Bound<'_, PyAny>,
    agents: Vec<String>,
    urls: &Bound<'_, PyAny>,
    lines: bool,
) -> PyResult<Table> {
    let bodies = self::bodies(bodies)?;
    let urls = import(urls, "urls")?;
    over(py, "robots decisions", &bodies, |files| {
        files.decisions(&agents, &urls.into_urls("urls")?, lines)
    })
}

/// All rules in groups, as written: `file`, `group` (from 0), `line`, `allow`, `pattern`.
#[pyfunction]
pub(crate) fn robots_rules(py: Python<'_>, bodies: &Bound<'_, PyAny>) -> PyResult<Table> {
    over(py, "robots rules", &self::bodies(bodies)?, |files| {
        files.rules()
    })
}

/// All groups, as written: `file`, `group` (from 0), `line`, `agents` (a list), `rules` (how many).
#[pyfunction]
pub(crate) fn robots_groups(py: Python<'_>, bodies: &Bound<'_, PyAny>) -> PyResult<Table> {
    over(py, "robots groups", &self::bodies(bodies)?, |files| {
        files.groups()
    })
}

/// All sitemaps, as written: `file`, `sitemap`.
#[pyfunction]
pub(crate) fn robots_sitemaps(py: Python<'_>, bodies: &Bound<'_, PyAny>) -> PyResult<Table> {
    over(py, "robots sitemaps", &self::bodies(bodies)?, |files| {
        files.sitemaps()
    })
}

/// How fast agents may come: `file`, `agent`, `crawl_delay` in seconds, `requests` in `period` seconds.
///
/// An agent to whom a file says neither has no row.
#[pyfunction]
pub(crate) fn robots_delays(
    py: Python<'_>,
    bodies: &Bound<'_, PyAny>,
    agents: Vec<String>,
) -> PyResult<Table> {
    over(py, "robots delays", &self::bodies(bodies)?, |files| {
        files.delays(&agents)
    })
}

/// What the files say about the use of pages: `file`, `agent`, `search`, `ai_input`, `ai_train`, `content_use`, and
/// the lines `content_signal`, `content_usage` as written.
///
/// An agent to whom a file says nothing has no row.
#[pyfunction]
pub(crate) fn robots_signals(
    py: Python<'_>,
    bodies: &Bound<'_, PyAny>,
    agents: Vec<String>,
) -> PyResult<Table> {
    over(py, "robots signals", &self::bodies(bodies)?, |files| {
        files.signals(&agents)
    })
}

/// Parses the bodies, each distinct one once, and asks for a table.
fn over(
    py: Python<'_>,
    name: &str,
    bodies: &ArrayRef,
    ask: impl FnOnce(&Files<'_>) -> Result<Vec<RecordBatch>> + Send,
) -> PyResult<Table> {
    let batches = detached(py, |interrupt| {
        ask(&Files::parse(bodies, &ParseOptions::default(), interrupt)?)
    })?;
    Table::of_batches(name, batches).map_err(|e| raised(py, &e))
}
