//! Columns of URLs and host names: `crawlrank.url`.

use std::sync::Arc;

use arrow_array::builder::{LargeStringBuilder, StringBuilder};
use arrow_array::{Array as _, ArrayRef};
use crawlrank::error::{Error, Result};
use crawlrank_links::{Host, Options, registered_domain, reverse_host};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrow::{Column, Values, import};
use crate::error::raised;
use crate::pool::detached;

/// Rows that one task covers.
const BLOCK_ROWS: usize = 1 << 13;

/// The hosts of n URLs, as people write them (`www.example.com`); a value without `://` is taken for a host.
///
/// Hosts come in lower case and punycode, without port or trailing dot. Null where there is none: an address without
/// host, an IP address, a single label, a name that is none. `profile`: by whose rules, a browser's or those of
/// Common Crawl's own job. `www`: `strip` takes a leading `www.` off where two labels remain.
///
/// Raises `CrawlrankError` when the column has another type.
#[pyfunction]
#[pyo3(signature = (urls, *, profile = "browser", www = "keep"))]
pub(crate) fn url_host(
    py: Python<'_>,
    urls: &Bound<'_, PyAny>,
    profile: &str,
    www: &str,
) -> PyResult<Column> {
    let parsed = || -> Result<Options> {
        Ok(Options {
            profile: profile
                .parse()
                .map_err(|_| wrong("profile", profile, "`browser` or `cc`"))?,
            www: www
                .parse()
                .map_err(|_| wrong("www", www, "`keep` or `strip`"))?,
            ..Options::default()
        })
    };
    let options = parsed().map_err(|e| raised(py, &e))?;
    map(urls, "urls", |value, out| {
        let Some(host) = host_of(value, &options) else {
            return false;
        };
        out.push_str(host.forward());
        true
    })
}

fn wrong(name: &str, found: &str, expected: &str) -> Error {
    Error::usage(format!("`{name}` is {found:?}, expected {expected}"))
}

/// The registered domains of n URLs or hosts: `example.co.uk` of `https://www.example.co.uk/`.
///
/// Null where there is no host, or it is itself a public suffix. `private_suffixes`: whether `me.github.io` is a
/// domain, by the private section of the public suffix list, or `github.io`.
///
/// Raises `CrawlrankError` when the column has another type.
#[pyfunction]
#[pyo3(signature = (urls, *, private_suffixes = false))]
pub(crate) fn url_domain(urls: &Bound<'_, PyAny>, private_suffixes: bool) -> PyResult<Column> {
    let options = Options::default();
    map(urls, "urls", |value, out| {
        let host = host_of(value, &options).map(|host| host.reversed());
        let Some(host) = host else { return false };
        let Some(domain) = registered_domain(&host, private_suffixes) else {
            return false;
        };
        reverse_host(domain, out);
        true
    })
}

/// The host of a URL, or a host.
fn host_of(value: &[u8], options: &Options) -> Option<Host> {
    let value = std::str::from_utf8(value).ok()?;
    match value.contains("://") {
        true => Host::from_url(value.as_bytes(), options).ok(),
        false => Host::parse(value, options).ok(),
    }
}

/// The labels of n host names in the opposite order: `com.example.www` of `www.example.com`, and back.
///
/// Names are not changed otherwise. Null for what has an empty label, white space or one of `/:?#@\`.
///
/// Raises `CrawlrankError` when the column has another type.
#[pyfunction]
pub(crate) fn url_reverse(hosts: &Bound<'_, PyAny>) -> PyResult<Column> {
    map(hosts, "hosts", |value, out| {
        let Ok(name) = std::str::from_utf8(value) else {
            return false;
        };
        let is_bad = |c: char| c.is_whitespace() || c.is_control() || "/:?#@\\".contains(c);
        if name.contains(is_bad) || name.split('.').any(str::is_empty) {
            return false;
        }
        reverse_host(name, out);
        true
    })
}

/// Makes a column of text of another, on all threads. `make` writes what a value becomes; where it says no, there is null.
pub(crate) fn map(
    column: &Bound<'_, PyAny>,
    name: &'static str,
    make: impl Fn(&[u8], &mut String) -> bool + Sync + Send,
) -> PyResult<Column> {
    let py = column.py();
    let column = import(column, name)?;
    let made = detached(py, |interrupt| {
        let column = column.into_bytes(name)?;
        let values = Values::of(&column);
        let num_blocks = column.len().div_ceil(BLOCK_ROWS);
        let block = |block: usize| {
            interrupt.check()?;
            let rows = block * BLOCK_ROWS..column.len().min((block + 1) * BLOCK_ROWS);
            let (mut text, mut one) = (String::new(), String::new());
            let ends: Vec<Option<usize>> = rows
                .map(|row| {
                    one.clear();
                    let is_made = values.get(row).is_some_and(|value| make(value, &mut one));
                    is_made.then(|| {
                        text.push_str(&one);
                        text.len()
                    })
                })
                .collect();
            Ok((text, ends))
        };
        let blocks = (0..num_blocks).into_par_iter().map(block);
        Ok(assemble(column.len(), &blocks.collect::<Result<Vec<_>>>()?))
    })?;
    Ok(Column::new(made))
}

/// Puts blocks of text, and where in it each value ends, together to one column.
fn assemble(num_rows: usize, blocks: &[(String, Vec<Option<usize>>)]) -> ArrayRef {
    let bytes: usize = blocks.iter().map(|(text, _)| text.len()).sum();
    macro_rules! fill {
        ($builder:expr) => {{
            let mut builder = $builder;
            for (text, ends) in blocks {
                let mut start = 0;
                for &end in ends {
                    builder.append_option(end.map(|end| &text[start..end]));
                    start = end.unwrap_or(start);
                }
            }
            Arc::new(builder.finish())
        }};
    }
    match bytes <= i32::MAX as usize {
        true => fill!(StringBuilder::with_capacity(num_rows, bytes)),
        false => fill!(LargeStringBuilder::with_capacity(num_rows, bytes)),
    }
}
