//! A slow, plain model of robots.txt, to compare the crate with. It shares no code with it.
//!
//! Every question reads the file anew from its bytes: lines, then groups, then the rules of the agent, then each rule
//! against the path by the textbook method. Written from RFC 9309 and from what Google documents of its parser; nothing
//! is prepared, sorted or remembered.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test and fuzz target uses a part of it"
)]

use std::time::Duration;

/// How many bytes of a line count: eight times the longest address of old browsers, less one for the end (Google).
pub const LINE_BYTES: usize = 2083 * 8 - 1;

#[derive(Clone, Debug)]
pub struct Options {
    pub max_bytes: usize,
    /// What Google forgives: typing errors in names, a missing colon, `index.html` for its directory.
    pub leniencies: bool,
    /// Whether `Content-Usage` is a rule (draft-ietf-aipref-attach), which ends a run of agents, or another record.
    pub content_usage_is_rule: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            max_bytes: 500 * 1024, // RFC 9309, section 2.5
            leniencies: true,
            content_usage_is_rule: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    UserAgent,
    Allow,
    Disallow,
    Sitemap,
    CrawlDelay,
    ContentUsage,
    Other,
}

/// A line that has a name and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counted from 1.
    pub line: usize,
    /// The line without its comment and the white space around it.
    pub text: Vec<u8>,
    pub name: Name,
    pub value: Vec<u8>,
}

/// Agents, and the records that follow them.
#[derive(Clone, Debug, Default)]
pub struct Group {
    pub agents: Vec<Record>,
    pub records: Vec<Record>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// The rule that decided. None when no rule matches, and for `/robots.txt`.
    pub rule: Option<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub line: usize,
    pub text: Vec<u8>,
    pub octets: usize,
    pub allow: bool,
}

/// Says whether an agent may fetch a URL, and why.
pub fn decide(body: &[u8], options: &Options, agent: &str, url: &[u8]) -> Decision {
    let groups = groups(body, options);
    decide_among(&groups_of(&groups, agent), options, url)
}

/// The same for groups that are known already: [`groups_of`] an agent.
pub fn decide_among(groups: &[&Group], options: &Options, url: &[u8]) -> Decision {
    let path = canonical_path(url);
    if path == b"/robots.txt" {
        // RFC 9309, section 2.2.2: "The /robots.txt URI is implicitly allowed."
        return Decision {
            allowed: true,
            rule: None,
        };
    }
    let mut best: Option<Rule> = None;
    for group in groups {
        for record in &group.records {
            let allow = match record.name {
                Name::Allow => true,
                Name::Disallow => false,
                _ => continue,
            };
            let Some(octets) = octets_that_match(record, options, &path) else {
                continue;
            };
            // More octets win, then Allow, then the earlier line.
            let better = match &best {
                None => true,
                Some(best) => octets > best.octets || octets == best.octets && allow && !best.allow,
            };
            if better {
                best = Some(Rule {
                    line: record.line,
                    text: record.text.clone(),
                    octets,
                    allow,
                });
            }
        }
    }
    Decision {
        // An empty rule says nothing, so `Disallow:` allows.
        allowed: best
            .as_ref()
            .is_none_or(|rule| rule.allow || rule.octets == 0),
        rule: best,
    }
}

/// The octets by which a rule counts for a path, or None when it does not match it.
fn octets_that_match(record: &Record, options: &Options, path: &[u8]) -> Option<usize> {
    if matches(&record.value, path) {
        return Some(octets(&record.value));
    }
    // Google: who allows `/x/index.html` allows `/x/` too.
    if record.name == Name::Allow && options.leniencies {
        let slash = record.value.iter().rposition(|&byte| byte == b'/')?;
        if record.value[slash..].starts_with(b"/index.htm") {
            let mut directory = record.value[..=slash].to_vec();
            directory.push(b'$');
            if matches(&directory, path) {
                return Some(octets(&directory));
            }
        }
    }
    None
}

/// The delay an agent is asked for: of its groups' values the first that is a number.
pub fn crawl_delay(body: &[u8], options: &Options, agent: &str) -> Option<Duration> {
    let groups = groups(body, options);
    crawl_delay_among(&groups_of(&groups, agent))
}

/// The same for groups that are known already.
pub fn crawl_delay_among(groups: &[&Group]) -> Option<Duration> {
    groups
        .iter()
        .flat_map(|group| &group.records)
        .filter(|record| record.name == Name::CrawlDelay)
        .find_map(|record| delay(&record.value))
}

/// A decimal number of seconds that is finite and not negative.
fn delay(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?;
    // Neither a sign nor an exponent, nor `inf`, which is a number for Rust.
    if !text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// All sitemaps of a file, in its order.
pub fn sitemaps(body: &[u8], options: &Options) -> Vec<Vec<u8>> {
    sitemaps_among(&records(body, options))
}

/// The same for records that are known already.
pub fn sitemaps_among(records: &[Record]) -> Vec<Vec<u8>> {
    records
        .iter()
        .filter(|record| record.name == Name::Sitemap && !record.value.is_empty())
        .map(|record| record.value.clone())
        .collect()
}

/// The groups that an agent obeys (RFC 9309, section 2.2.1): all that name it, or else all that name `*`.
pub fn groups_of<'g>(groups: &'g [Group], agent: &str) -> Vec<&'g Group> {
    let own = product_token(agent.trim_start().as_bytes(), true);
    let has_digits = own
        .iter()
        .any(|byte| byte.is_ascii_digit() || *byte == b'.');
    let named = |group: &&Group| {
        group.agents.iter().any(|record| {
            let theirs = product_token(&record.value, has_digits);
            !own.is_empty() && theirs.eq_ignore_ascii_case(own)
        })
    };
    let star = |group: &&Group| group.agents.iter().any(|record| is_star(&record.value));
    let own_groups: Vec<_> = groups.iter().filter(named).collect();
    if own_groups.is_empty() {
        groups.iter().filter(star).collect()
    } else {
        own_groups
    }
}

/// What a value of `User-agent` names: its letters, `-` and `_` up to the first other byte. Many names in use have digits
/// or dots, which RFC 9309 does not provide for.
fn product_token(value: &[u8], with_digits: bool) -> &[u8] {
    let end = value.iter().position(|&byte| {
        let plain = byte.is_ascii_alphabetic() || byte == b'-' || byte == b'_';
        let digit = byte.is_ascii_digit() || byte == b'.';
        !(plain || with_digits && digit)
    });
    &value[..end.unwrap_or(value.len())]
}

/// `*`, alone or before white space.
fn is_star(value: &[u8]) -> bool {
    value.first() == Some(&b'*') && value.get(1).is_none_or(|&byte| is_space(byte))
}

/// The groups of a file: a run of `User-agent` lines and all up to the next run. Only a rule ends a run (RFC 9309, section
/// 2.2.4: other records do not).
pub fn groups(body: &[u8], options: &Options) -> Vec<Group> {
    groups_among(records(body, options), options)
}

/// The same for records that are known already.
pub fn groups_among(records: Vec<Record>, options: &Options) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut in_run = false;
    for record in records {
        match record.name {
            Name::UserAgent => {
                if !in_run {
                    groups.push(Group::default());
                    in_run = true;
                }
                let group = groups.last_mut().expect("a group was begun");
                group.agents.push(record);
            }
            _ => {
                let is_rule = matches!(record.name, Name::Allow | Name::Disallow)
                    || record.name == Name::ContentUsage && options.content_usage_is_rule;
                // What stands before the first group belongs to nobody.
                if let Some(group) = groups.last_mut() {
                    group.records.push(record);
                    in_run &= !is_rule;
                }
            }
        }
    }
    groups
}

/// All lines of a file that have a name and a value.
pub fn records(body: &[u8], options: &Options) -> Vec<Record> {
    lines(&text(body, options.max_bytes))
        .iter()
        .enumerate()
        .filter_map(|(index, line)| record(line, index + 1, options))
        .collect()
}

/// What is read of a body: whole lines within the limit, as UTF-8, without a byte order mark or what there is of one.
pub fn text(body: &[u8], max_bytes: usize) -> Vec<u8> {
    let is_line_end = |byte: &u8| *byte == b'\n' || *byte == b'\r';
    let is_utf16 = body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff");
    let mut text = decoded(&body[..body.len().min(max_bytes)]);
    // A line whose end is the first byte that is not read is whole. (Of UTF-16 nobody has looked so closely.)
    let is_whole = match body.get(max_bytes) {
        None => true,
        Some(next) => is_line_end(next) && !(is_utf16 && max_bytes >= 2),
    };
    if !is_whole {
        if let Some(end) = text.iter().rposition(is_line_end) {
            text.truncate(end + 1);
        }
    }
    text
}

fn decoded(body: &[u8]) -> Vec<u8> {
    let from_utf16 = |read: fn([u8; 2]) -> u16| {
        let units = body[2..]
            .chunks_exact(2)
            .map(|pair| read([pair[0], pair[1]]));
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect::<String>()
            .into_bytes()
    };
    if body.starts_with(b"\xff\xfe") {
        return from_utf16(u16::from_le_bytes);
    }
    if body.starts_with(b"\xfe\xff") {
        return from_utf16(u16::from_be_bytes);
    }
    let mark = b"\xef\xbb\xbf"
        .iter()
        .zip(body)
        .take_while(|(a, b)| a == b)
        .count();
    body[mark..].to_vec()
}

/// Lines end at CR, LF, or CR LF.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n' || byte == b'\r') {
        lines.push(&rest[..end]);
        let ends = if rest[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        rest = &rest[end + ends..];
    }
    lines.push(rest);
    lines
}

fn record(line: &[u8], number: usize, options: &Options) -> Option<Record> {
    let line = &line[..line.len().min(LINE_BYTES)];
    let line = until(line, |byte| byte == 0); // Google reads C strings
    let line = trim(until(line, |byte| byte == b'#'));
    let colon = line.iter().position(|&byte| byte == b':');
    let separator = match colon {
        Some(colon) => colon,
        None if options.leniencies => {
            // Exactly two words, as in `Disallow /x`.
            let is_gap = |byte: &u8| *byte == b' ' || *byte == b'\t';
            let words = line.split(is_gap).filter(|word| !word.is_empty()).count();
            let gap = line.iter().position(is_gap)?;
            if words != 2 {
                return None;
            }
            gap
        }
        None => return None,
    };
    let key = trim(&line[..separator]);
    if key.is_empty() {
        return None;
    }
    let name = name(key, options);
    let mut value = &line[separator + 1..];
    if name == Name::Sitemap && !is_name_of_sitemap(key) {
        // `Sitemap https://...` without a colon of its own. Google takes `//...` for the address.
        if let Some(gap) = key.iter().position(|&byte| is_space(byte)) {
            value = &line[gap..];
        }
    }
    Some(Record {
        line: number,
        text: line.to_vec(),
        name,
        value: trim(value).to_vec(),
    })
}

fn is_name_of_sitemap(key: &[u8]) -> bool {
    key.eq_ignore_ascii_case(b"sitemap") || key.eq_ignore_ascii_case(b"site-map")
}

/// What a name stands for. Google takes any name that begins like one it knows.
fn name(key: &[u8], options: &Options) -> Name {
    let key = key.to_ascii_lowercase();
    let known: [(&[&str], Name); 4] = [
        (&["user-agent", "useragent", "user agent"], Name::UserAgent),
        (&["allow"], Name::Allow),
        (
            &[
                "disallow",
                "dissallow",
                "dissalow",
                "disalow",
                "diasllow",
                "disallaw",
            ],
            Name::Disallow,
        ),
        (&["sitemap", "site-map"], Name::Sitemap),
    ];
    for (spellings, name) in known {
        let is_it = if options.leniencies {
            spellings
                .iter()
                .any(|spelling| key.starts_with(spelling.as_bytes()))
        } else {
            key == spellings[0].as_bytes()
        };
        if is_it {
            return name;
        }
    }
    match key.as_slice() {
        b"crawl-delay" => Name::CrawlDelay,
        b"crawldelay" | b"crawl delay" if options.leniencies => Name::CrawlDelay,
        b"content-usage" => Name::ContentUsage,
        b"contentusage" if options.leniencies => Name::ContentUsage,
        _ => Name::Other,
    }
}

/// How many octets a rule counts for (RFC 9309, section 2.2.2: "the match that has the most octets"). A special character
/// is one octet.
pub fn octets(pattern: &[u8]) -> usize {
    tokens(pattern)
        .map(|token| match token {
            Token::Any | Token::End | Token::Dollar => 1,
            Token::Literal(spelling) => spelling.as_bytes().len(),
        })
        .sum()
}

/// A character of a rule.
enum Token {
    /// `*`: any bytes, or none.
    Any,
    /// `$` at the end: no byte follows.
    End,
    /// `$` elsewhere: the character itself, which a path has as `%24`.
    Dollar,
    /// What a path must have here, in canonical form.
    Literal(Spelling),
}

/// One character in canonical form: an octet, or `%` and two digits.
struct Spelling {
    bytes: [u8; 3],
    len: usize,
}

impl Spelling {
    fn raw(octet: u8) -> Spelling {
        let bytes = [octet, 0, 0];
        Spelling { bytes, len: 1 }
    }

    fn encoded(octet: u8) -> Spelling {
        let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value)];
        let bytes = [b'%', digit(octet >> 4), digit(octet & 15)];
        Spelling { bytes, len: 3 }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn tokens(pattern: &[u8]) -> impl Iterator<Item = Token> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        let (token, length) = match *rest.first()? {
            b'*' => (Token::Any, 1),
            b'$' if rest.len() == 1 => (Token::End, 1),
            b'$' => (Token::Dollar, 1),
            _ => {
                let (spelling, length) = canonical(rest);
                (Token::Literal(spelling), length)
            }
        };
        rest = &rest[length..];
        Some(token)
    })
}

/// Says whether a rule, as written, matches a path in canonical form.
///
/// Keeps the set of all positions of the path at which the rule so far can have ended, and moves it token by token.
pub fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let mut positions = vec![0];
    for token in tokens(pattern) {
        let Some(&first) = positions.first() else {
            return false;
        };
        match token {
            Token::Any => positions = (first..=path.len()).collect(),
            Token::End => positions.retain(|&position| position == path.len()),
            Token::Dollar => advance(&mut positions, path, b"%24"),
            Token::Literal(spelling) => advance(&mut positions, path, spelling.as_bytes()),
        }
    }
    !positions.is_empty()
}

/// Goes past a text from each position where it stands, and drops the others.
fn advance(positions: &mut Vec<usize>, path: &[u8], text: &[u8]) {
    positions.retain_mut(|position| {
        let stands = path[*position..].starts_with(text);
        *position += text.len();
        stands
    });
}

/// The path, parameters and query of a URL in canonical form.
pub fn canonical_path(url: &[u8]) -> Vec<u8> {
    let mut path = Vec::new();
    let written = path_of_url(url);
    let mut rest = written.as_slice();
    while let Some(&first) = rest.first() {
        // In a URI these are no special characters, so they are as `%2A` and `%24` (RFC 9309, section 2.2.3).
        let (spelling, length) = match first {
            b'*' | b'$' => (Spelling::encoded(first), 1),
            _ => canonical(rest),
        };
        path.extend(spelling.as_bytes());
        rest = &rest[length..];
    }
    path
}

/// The canonical form of the first character, and how many bytes it took (RFC 9309, section 2.2.2; RFC 3986, sections 2
/// and 6.2.2): unreserved characters are themselves, reserved ones stay as they are written, others are encoded.
fn canonical(text: &[u8]) -> (Spelling, usize) {
    let hex = |at: usize| (*text.get(at)? as char).to_digit(16);
    let first = text[0];
    if let (b'%', Some(high), Some(low)) = (first, hex(1), hex(2)) {
        let octet = (high * 16 + low) as u8;
        return if is_unreserved(octet) {
            (Spelling::raw(octet), 3)
        } else {
            (Spelling::encoded(octet), 3)
        };
    }
    // A `%` that encodes nothing stays too.
    if is_unreserved(first) || b"%:/?#[]@!$&'()*+,;=".contains(&first) {
        (Spelling::raw(first), 1)
    } else {
        (Spelling::encoded(first), 1)
    }
}

/// RFC 3986, section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// What remains of a URL without scheme, authority and fragment. Always begins with `/`.
fn path_of_url(url: &[u8]) -> Vec<u8> {
    let url = url.strip_prefix(b"//").unwrap_or(url);
    let is_start = |byte: &u8| b"/?;".contains(byte);
    let first_start = url.iter().position(is_start);
    let scheme_end = url.windows(3).position(|window| window == b"://");
    // `://` after the path has begun is part of it. The path begins at the latest with its slashes.
    let authority = match (scheme_end, first_start) {
        (Some(end), Some(start)) if start >= end => end + 3,
        _ => 0,
    };
    let fragment = url.iter().position(|&byte| byte == b'#');
    let Some(start) = url[authority..].iter().position(is_start) else {
        return b"/".to_vec();
    };
    let start = authority + start;
    let end = fragment.unwrap_or(url.len());
    if end < start {
        return b"/".to_vec();
    }
    let mut path = url[start..end].to_vec();
    if path[0] != b'/' {
        path.insert(0, b'/');
    }
    path
}

fn until(bytes: &[u8], is_end: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|&byte| is_end(byte));
    &bytes[..end.unwrap_or(bytes.len())]
}

/// White space of C: also vertical tab and form feed.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let Some((_, rest)) = bytes.split_first().filter(|(first, _)| is_space(**first)) {
        bytes = rest;
    }
    while let Some((_, rest)) = bytes.split_last().filter(|(last, _)| is_space(**last)) {
        bytes = rest;
    }
    bytes
}
