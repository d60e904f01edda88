//! Pages by hand: the gaps that profile `browser` closes, what bad values cost, and hostile input.

mod util;

use std::time::{Duration, Instant};

use crawlrank_links::{Level, LinkFilter, LinkKind, Options, Page, Profile, Rel, Skipped, Www};
use proptest::prelude::*;
use serde_json::{Value, json};

fn options(profile: Profile) -> Options {
    Options {
        profile,
        ..Options::default()
    }
}

/// A WAT record of the page `url` with this HTML metadata.
fn wat(url: &str, html: Value) -> String {
    wat_with_headers(url, json!({}), html)
}

fn wat_with_headers(url: &str, headers: Value, html: Value) -> String {
    json!({"Container": {"Compressed": true}, "Envelope": {
        "Payload-Metadata": {"HTTP-Response-Metadata": {"Headers": headers, "HTML-Metadata": html}},
        "WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": url}}})
    .to_string()
}

fn anchors(urls: &[&str]) -> Value {
    urls.iter()
        .map(|url| json!({"path": "A@/href", "url": url}))
        .collect()
}

fn parsed(profile: Profile, wat: &str) -> Page {
    let mut page = Page::new(options(profile));
    assert_eq!(page.parse_wat(wat.as_bytes()), Ok(true), "{wat}");
    page
}

fn targets(page: &mut Page, level: Level) -> Vec<String> {
    let mut targets = Vec::new();
    page.for_each_target(level, &LinkFilter::default(), &mut |target| {
        targets.push(target.to_owned())
    });
    targets
}

fn hosts(profile: Profile, wat: &str) -> Vec<String> {
    targets(&mut parsed(profile, wat), Level::Host)
}

/// Hosts by profile `cc`, then by profile `browser`.
fn both(wat: &str) -> (Vec<String>, Vec<String>) {
    (hosts(Profile::Cc, wat), hosts(Profile::Browser, wat))
}

/// What each link of a page leads to.
fn resolved(profile: Profile, wat: &str) -> Vec<Result<(String, String), Skipped>> {
    let (page, mut url, mut host) = (parsed(profile, wat), String::new(), String::new());
    page.links()
        .map(|link| {
            page.target(&link, &mut url, &mut host)?;
            Ok((url.clone(), host.clone()))
        })
        .collect()
}

#[test]
fn each_link_has_its_target() {
    let links = anchors(&[
        "x#y",
        "//B.example:80",
        "ftp://c.example/",
        "javascript:x",
        "http://[::1]/",
    ]);
    let page = wat(
        "http://a.example/dir/",
        json!({"Head": {"Base": "http://base.example/"}, "Links": links}),
    );
    let to = |url: &str, host: &str| Ok((url.to_owned(), host.to_owned()));
    let mut expected = vec![
        to("http://base.example/x#y", "example.base"),
        to("http://b.example/", "example.b"),
        Err(Skipped::OtherScheme),
        Err(Skipped::OtherScheme),
        to("http://[::1]/", ""),
    ];
    assert_eq!(resolved(Profile::Browser, &page), expected);
    expected[2] = to("ftp://c.example/", "example.c");
    assert_eq!(resolved(Profile::Cc, &page), expected);
}

#[test]
fn a_base_stands_alone_where_the_page_has_no_web_address() {
    let links = anchors(&["x", "http://b.example/"]);
    let page = |base: &str| wat("page.html", json!({"Head": {"Base": base}, "Links": links}));
    let to = |url: &str, host: &str| Ok((url.to_owned(), host.to_owned()));
    let b = to("http://b.example/", "example.b");
    assert_eq!(
        resolved(Profile::Browser, &page("http://base.example/dir/")),
        [to("http://base.example/dir/x", "example.base"), b.clone()]
    );
    assert_eq!(
        resolved(Profile::Browser, &page("/dir/")),
        [Err(Skipped::BadUrl), b]
    );
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

const PAGE: &str = "https://www.example.com/dir/page";

#[test]
fn gap_meta_refresh() {
    let html = json!({"Head": {"Metas": [{"http-equiv": "Refresh", "content": "0; url=https://new.example/x"}]}});
    assert_eq!(
        both(&wat(PAGE, html.clone())),
        (vec![], names(&["example.new"]))
    );
    let page = parsed(Profile::Browser, &wat(PAGE, html));
    let link = page.links().next().expect("the refresh is a link");
    assert_eq!(
        (link.url, link.kind),
        (&b"https://new.example/x"[..], LinkKind::Refresh)
    );
    let header = wat_with_headers(PAGE, json!({"Refresh": "0;url=//new.example"}), json!({}));
    assert_eq!(both(&header), (vec![], names(&["example.new"])));
}

#[test]
fn gap_relative_location_and_http_2() {
    let mut browser = Page::new(options(Profile::Browser));
    let mut cc = Page::new(options(Profile::Cc));
    let block = b"HTTP/2 301\r\nLocation: ../new?x\r\n\r\n";
    assert_eq!(browser.parse_redirect(PAGE.as_bytes(), block), Ok(true));
    assert_eq!(
        targets(&mut browser, Level::Page),
        names(&["com,example,www)/new?x"])
    );
    assert_eq!(cc.parse_redirect(PAGE.as_bytes(), block), Ok(false));
    assert_eq!(
        (cc.host(), cc.num_links()),
        (Some("com.example.www"), 0),
        "what was visited is a node"
    );

    let elsewhere = b"HTTP/3 308\r\nlocation: //new.example/\r\n\r\n";
    assert_eq!(browser.parse_redirect(PAGE.as_bytes(), elsewhere), Ok(true));
    assert_eq!(targets(&mut browser, Level::Host), names(&["example.new"]));
    assert_eq!(
        browser.links().next().expect("the redirect is a link").kind,
        LinkKind::Redirect
    );
}

#[test]
fn gap_target_uri_in_angle_brackets() {
    let wat = wat(
        "<https://www.example.com/>",
        json!({"Links": anchors(&["https://a.example/", "/x"])}),
    );
    assert_eq!(both(&wat), (vec![], names(&["example.a"])));
    assert_eq!(parsed(Profile::Cc, &wat).host(), None);
    assert_eq!(
        parsed(Profile::Browser, &wat).url(),
        b"https://www.example.com/"
    );
}

#[test]
fn gap_files_of_old_wget() {
    let Some(derived) = util::data("derived") else {
        return;
    };
    let content = util::content(&derived.join("wat-of/dolma__sample-0001.warc.gz.wat.gz"));
    let count = |profile| {
        let mut page = Page::new(options(profile));
        let (mut pages, mut edges) = (0, 0);
        for record in util::records(&content) {
            if page.parse_wat(record.block) == Ok(true) {
                pages += usize::from(page.host().is_some());
                edges += targets(&mut page, Level::Host).len();
            }
        }
        (pages, edges)
    };
    assert_eq!(count(Profile::Cc).1, 0);
    let (pages, edges) = count(Profile::Browser);
    assert!(
        pages >= 15 && edges > 100,
        "{pages} pages with a host, {edges} edges"
    );
}

#[test]
fn gap_hosts_beyond_idna_2008() {
    let urls = [
        "http://\u{1f44d}.example/",
        "//\u{ff45}xample\u{3002}org/",
        "http://exa\u{ad}mple.net/",
        "http://cafe\u{301}.example/",
        "https://_dmarc.example.com",
    ];
    let expected = [
        "example.xn--yp8h",
        "org.example",
        "net.example",
        "example.xn--caf-dma",
        "com.example._dmarc",
    ];
    assert_eq!(
        both(&wat(PAGE, json!({"Links": anchors(&urls)}))),
        (vec![], names(&expected))
    );
}

#[test]
fn gap_odd_spellings_of_addresses() {
    let urls = [
        " https://a.example/",
        "https:\\\\b.example\\x",
        "ht\ntps://c.example",
        "http:d.example",
        "https://%65.example/",
        "\\\\f.example",
    ];
    let expected = [
        "example.a",
        "example.b",
        "example.c",
        "example.d",
        "example.e",
        "example.f",
    ];
    assert_eq!(
        both(&wat(PAGE, json!({"Links": anchors(&urls)}))),
        (vec![], names(&expected))
    );
}

#[test]
fn gap_addresses_that_are_no_web_pages() {
    let urls = [
        "ftp://a.example/",
        "data://b.example/",
        "http://1.2.3.4.5/",
        "https://c.123/",
        "http://0x7f.0.0.1/",
    ];
    let wat = wat(PAGE, json!({"Links": anchors(&urls)}));
    assert_eq!(
        both(&wat),
        (
            names(&["example.a", "example.b", "5.4.3.2.1", "123.c", "1.0.0.0x7f"]),
            vec![]
        )
    );
    let mut page = parsed(Profile::Browser, &wat);
    targets(&mut page, Level::Host);
    assert_eq!(
        page.skipped().collect::<Vec<_>>(),
        [(Skipped::OtherScheme, 2), (Skipped::IpAddress, 3)]
    );
}

#[test]
fn base_moves_relative_links() {
    for (base, host) in [
        ("https://base.example/dir/", Some("example.base")),
        ("/other/", None),
        ("data:x", None),
        ("", None),
    ] {
        let page = wat(
            PAGE,
            json!({"Links": anchors(&["x"]), "Head": {"Base": base}}),
        );
        let expected: Vec<String> = host.map(str::to_owned).into_iter().collect();
        assert_eq!(both(&page), (expected.clone(), expected), "{base}");
    }
    let page = wat(
        PAGE,
        json!({"Links": anchors(&["x"]), "Head": {"Base": "https://base.example/dir/"}}),
    );
    assert_eq!(
        targets(&mut parsed(Profile::Browser, &page), Level::Page),
        names(&["example,base)/dir/x"])
    );
    assert_eq!(
        hosts(
            Profile::Cc,
            &wat(PAGE, json!({"Head": {"Base": "//b.example"}}))
        ),
        names(&[]),
        "a base alone is no link"
    );
}

/// Common Crawl's job lets the base stand for a page without usable host.
#[test]
fn base_adopts_a_page_in_profile_cc() {
    let html = json!({"Head": {"Base": "https://base.example/"}, "Links": anchors(&["https://a.example/"])});
    let page = wat_with_headers(
        "http://127.0.0.1/",
        json!({"Link": "<https://header.example/>"}),
        html,
    );
    let mut page = parsed(Profile::Cc, &page);
    assert_eq!(page.host(), Some("example.base"));
    assert_eq!(targets(&mut page, Level::Host), names(&["example.a"]));
    let without_edge = wat(
        "http://127.0.0.1/",
        json!({"Head": {"Base": "https://base.example/"}, "Links": anchors(&["/x"])}),
    );
    assert_eq!(parsed(Profile::Cc, &without_edge).host(), None);
}

#[test]
fn sources_come_in_order_whatever_the_order_of_keys() {
    let document = r#"{"Envelope": {"WARC-Header-Metadata": {"WARC-Target-URI": "http://www.example.com/", "WARC-Type": "response"},
        "Payload-Metadata": {"HTTP-Response-Metadata": {
            "HTML-Metadata": {
                "Links": [{"url": "http://links.example", "path": "IMG@/src", "alt": "a dog"}, null, 3, {"path": "STYLE/#text", "href": "//style.example/x.png"}],
                "Head": {
                    "Scripts": [{"path": "SCRIPT@/src", "url": "http://scripts.example"}],
                    "Metas": [{"property": "og:url", "content": "http://metas.example"}, {"name": "thumbnail", "content": "/x"}, {"name": "x", "content": "y"}, {"name": "og:url"}],
                    "Link": [{"path": "LINK@/href", "rel": "canonical", "url": "http://link.example"}]}},
            "Headers": {"LINK": ["<http://header.example>; rel=x, <http://header2.example>", "<//header3.example>"], "Content-Location": "http://location.example"}}}},
        "Container": {}}"#;
    for profile in [Profile::Cc, Profile::Browser] {
        let page = parsed(profile, document);
        let links: Vec<_> = page
            .links()
            .map(|link| {
                (
                    link.kind.as_str(),
                    String::from_utf8_lossy(link.url).into_owned(),
                )
            })
            .collect();
        let expected = [
            ("header", "http://header.example"),
            ("header", "http://header2.example"),
            ("header", "//header3.example"),
            ("header", "http://location.example"),
            ("link", "http://link.example"),
            ("meta", "http://metas.example"),
            ("meta", "/x"),
            ("script", "http://scripts.example"),
            ("img", "http://links.example"),
            ("style", "//style.example/x.png"),
        ];
        let links: Vec<_> = links
            .iter()
            .map(|(kind, url)| (*kind, url.as_str()))
            .collect();
        assert_eq!(links, expected, "{profile}");
        assert!(page.links().any(|link| link.text == b"a dog"));
        assert_eq!(hosts(profile, document).len(), 9, "{profile}");
    }
}

#[test]
fn only_responses_are_pages() {
    let mut page = Page::new(Options::default());
    for record_type in ["request", "metadata", "warcinfo"] {
        let other = json!({"Envelope": {"WARC-Header-Metadata": {"WARC-Type": record_type, "WARC-Target-URI": PAGE}}}).to_string();
        assert_eq!(page.parse_wat(other.as_bytes()), Ok(false), "{record_type}");
        assert_eq!(
            (page.url(), page.host(), page.num_links()),
            (&b""[..], None, 0)
        );
    }
    assert_eq!(page.parse_wat(b"[]"), Ok(false));
    let no_uri = br#"{"Envelope": {"WARC-Header-Metadata": {"WARC-Type": "response"}}}"#;
    assert_eq!(page.parse_wat(no_uri), Err(Skipped::NoTargetUri));
    let no_html = br#"{"Envelope": {"WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": "http://www.example.com/x.pdf"}}}"#;
    assert_eq!(
        (page.parse_wat(no_html), page.host()),
        (Ok(true), Some("com.example.www"))
    );
}

#[test]
fn filter_chooses_links() {
    let links = json!([
        {"path": "A@/href", "url": "http://a.example", "rel": "noopener NOFOLLOW"},
        {"path": "A@/href", "url": "http://b.example", "rel": "author"},
        {"path": "IMG@/src", "url": "http://c.example"},
        {"path": "A@/href", "url": "http://a.example/again"},
    ]);
    let mut page = parsed(Profile::Browser, &wat(PAGE, json!({"Links": links})));
    let mut chosen = |filter: LinkFilter| {
        let mut hosts = Vec::new();
        page.for_each_target(Level::Host, &filter, &mut |host| {
            hosts.push(host.to_owned())
        });
        hosts
    };
    let only_a = Some([LinkKind::A].into_iter().collect());
    assert_eq!(
        chosen(LinkFilter::default()),
        names(&["example.a", "example.b", "example.c"])
    );
    assert_eq!(
        chosen(LinkFilter {
            exclude_rel: Rel::UGC,
            only_kinds: only_a
        }),
        names(&["example.a", "example.b"])
    );
    assert_eq!(
        chosen(LinkFilter {
            exclude_rel: Rel::NOFOLLOW,
            only_kinds: only_a
        }),
        names(&["example.b", "example.a"])
    );
}

#[test]
fn levels_name_their_nodes() {
    let urls = [
        "https://blog.example.co.uk/a#x",
        "https://www.example.co.uk/a",
        "https://shop.example.com/",
        "/dir/other#top",
        "page#here",
    ];
    let mut page = parsed(
        Profile::Browser,
        &wat(PAGE, json!({"Links": anchors(&urls)})),
    );
    assert_eq!(
        targets(&mut page, Level::Host),
        names(&[
            "uk.co.example.blog",
            "uk.co.example.www",
            "com.example.shop"
        ])
    );
    assert_eq!(targets(&mut page, Level::Domain), names(&["uk.co.example"]));
    let pages = [
        "uk,co,example,blog)/a",
        "uk,co,example,www)/a",
        "com,example,shop)/",
        "com,example,www)/dir/other",
    ];
    assert_eq!(targets(&mut page, Level::Page), names(&pages));
    assert_eq!(page.page_key(), Some("com,example,www)/dir/page"));
}

#[test]
fn www_is_kept_or_stripped_on_both_sides() {
    let wat = wat(
        PAGE,
        json!({"Links": anchors(&["http://www.other.org", "http://other.org", "http://example.com"])}),
    );
    for profile in [Profile::Cc, Profile::Browser] {
        let mut page = Page::new(Options {
            profile,
            www: Www::Strip,
            ..Options::default()
        });
        assert_eq!(page.parse_wat(wat.as_bytes()), Ok(true));
        assert_eq!(page.host(), Some("com.example"));
        assert_eq!(targets(&mut page, Level::Host), names(&["org.other"]));
        assert_eq!(
            hosts(profile, &wat),
            names(&["org.other.www", "org.other", "com.example"])
        );
    }
}

#[test]
fn a_bad_value_costs_itself() {
    let good = wat(
        PAGE,
        json!({"Links": [{"path": "A@/href", "url": "http://bad.example/BAD"}, {"path": "A@/href", "url": "http://good.example"}]}),
    );
    for bad in [&b"\\ud800"[..], b"\xff", b"\\x", b"\\u12"] {
        let at = util::find(good.as_bytes(), b"BAD").expect("it was put there");
        let document = [&good.as_bytes()[..at], bad, &good.as_bytes()[at + 3..]].concat();
        let mut page = Page::new(Options::default());
        assert_eq!(page.parse_wat(&document), Ok(true));
        assert_eq!(targets(&mut page, Level::Host), names(&["example.good"]));
        assert_eq!(
            page.skipped().collect::<Vec<_>>(),
            [(Skipped::BadString, 1)],
            "{bad:?}"
        );
    }
}

#[test]
fn the_last_of_repeated_keys_counts() {
    let document = br#"{"Envelope": {"WARC-Header-Metadata": {"WARC-Type": "request", "WARC-Type": "response", "WARC-Target-URI": "http://a.example/", "WARC-Target-URI": "http://www.b.example/"},
        "Payload-Metadata": {"HTTP-Response-Metadata": {"HTML-Metadata": {
            "Links": [{"url": "http://lost.example"}], "Head": {"Base": "http://lost.example"}, "Head": {},
            "Links": [{"url": "http://lost.example", "\u0075rl": "http://kept.example"}, {"url": "x"}]}}}}}"#;
    let mut page = Page::new(Options::default());
    assert_eq!(page.parse_wat(document), Ok(true));
    assert_eq!(page.host(), Some("example.b.www"));
    assert_eq!(targets(&mut page, Level::Host), names(&["example.kept"]));
}

#[test]
fn limits_are_counted() {
    let long = format!("http://long.example/{}", "x".repeat(9000));
    let urls: Vec<String> = (0..20).map(|i| format!("http://h{i}.example/")).collect();
    let mut urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    urls.insert(0, &long);
    let mut page = Page::new(Options {
        max_links: 15,
        max_text_bytes: 4,
        ..Options::default()
    });
    let links: Value = urls
        .iter()
        .map(|url| json!({"url": url, "text": "aäöü"}))
        .collect();
    assert_eq!(
        page.parse_wat(wat(PAGE, json!({"Links": links})).as_bytes()),
        Ok(true)
    );
    assert_eq!(page.num_links(), 15);
    assert_eq!(
        page.skipped().collect::<Vec<_>>(),
        [(Skipped::TooManyLinks, 5), (Skipped::UrlTooLong, 1)]
    );
    assert_eq!(
        page.links().next().map(|link| link.text),
        Some("aä".as_bytes()),
        "cut at a character"
    );
}

/// What each JSON fault costs: the link, the page, or nothing, counted as pages and links against the sound file.
#[test]
fn json_faults_cost_what_they_must() {
    let Some(faults) = util::data("derived/faults") else {
        return;
    };
    let count = |name: &str| {
        let content = util::content(&faults.join(name));
        let mut page = Page::new(Options::default());
        let (mut pages, mut links, mut reasons) = (0i64, 0i64, Vec::new());
        for record in util::records(&content)
            .iter()
            .filter(|record| record.field("WARC-Type") == Some("metadata"))
        {
            match page.parse_wat(record.block) {
                Ok(is_page) => pages += i64::from(is_page),
                Err(reason) => reasons.push(reason),
            }
            links += page.num_links() as i64;
            reasons.extend(page.skipped().map(|(reason, _)| reason));
        }
        (pages, links, reasons)
    };
    let (sound_pages, sound_links, sound_reasons) = count("ok.wat.gz");
    assert!(
        sound_pages > 5 && sound_links > 500 && sound_reasons.is_empty(),
        "{sound_pages} pages, {sound_links} links"
    );
    for (name, lost_pages, reasons) in [
        ("json_5mb.wat.gz", 0, vec![]),
        ("json_badutf8.wat.gz", 0, vec![Skipped::BadString]),
        ("json_deep.wat.gz", 1, vec![Skipped::JsonTooDeep]),
        ("json_dupkey.wat.gz", 0, vec![]),
        ("json_key_order.wat.gz", 0, vec![]),
        ("json_multi_headers.wat.gz", 0, vec![]),
        ("json_nul.wat.gz", 0, vec![]),
        ("json_pretty.wat.gz", 0, vec![]),
        ("json_surrogate.wat.gz", 0, vec![Skipped::BadString]),
        ("json_trunc.wat.gz", 1, vec![Skipped::BadJson]),
    ] {
        let (pages, links, found) = count(name);
        eprintln!(
            "{name}: {} pages and {} links fewer, {found:?}",
            sound_pages - pages,
            sound_links - links
        );
        assert_eq!(
            (sound_pages - pages, found),
            (lost_pages, reasons),
            "{name}"
        );
    }
}

/// Hostile pages end soon, and cost no more than their size. The bound is generous: it tells linear from quadratic, not fast from slow.
#[test]
fn hostile_pages_take_linear_time() {
    let deep = format!(
        "{}{}",
        r#"{"Envelope":"#.repeat(1_000_000),
        "}".repeat(1_000_000)
    );
    let backslashes = wat(PAGE, json!({"Links": [{"url": "\\".repeat(4 << 20)}]}));
    let long_text = wat(
        PAGE,
        json!({"Links": [{"url": "/x", "text": "é\n".repeat(4 << 20)}]}),
    );
    let many = wat(
        PAGE,
        Value::Object(
            [(
                "Links".to_owned(),
                (0..200_000)
                    .map(|i| json!({"url": format!("http://h{i}.example/")}))
                    .collect(),
            )]
            .into_iter()
            .collect(),
        ),
    );
    let open_brackets = format!("{{\"Envelope\":{}", "[{\"a\":".repeat(500_000));
    let long_base = format!("https://base.example/{}/", "x".repeat(8000));
    let far = wat(
        PAGE,
        json!({"Head": {"Base": long_base}, "Links": (0..20_000).map(|i| json!({"url": i.to_string()})).collect::<Value>()}),
    );
    let link_header = wat_with_headers(PAGE, json!({"Link": "<".repeat(1 << 20)}), json!({}));

    let start = Instant::now();
    for profile in [Profile::Cc, Profile::Browser] {
        let mut page = Page::new(options(profile));
        assert_eq!(page.parse_wat(deep.as_bytes()), Err(Skipped::JsonTooDeep));
        assert_eq!(page.parse_wat(backslashes.as_bytes()), Ok(true));
        assert_eq!(
            page.skipped().collect::<Vec<_>>(),
            [(Skipped::UrlTooLong, 1)]
        );
        assert_eq!(page.parse_wat(long_text.as_bytes()), Ok(true));
        assert_eq!(page.links().next().map(|link| link.text.len()), Some(1023));
        assert_eq!(page.parse_wat(many.as_bytes()), Ok(true));
        assert_eq!(targets(&mut page, Level::Host).len(), 100_000);
        assert_eq!(
            page.parse_wat(open_brackets.as_bytes()),
            Err(Skipped::JsonTooDeep)
        );
        assert_eq!(page.parse_wat(far.as_bytes()), Ok(true));
        let pages = targets(&mut page, Level::Page);
        assert!(
            pages.iter().map(String::len).sum::<usize>() <= 64 << 20 && pages.len() > 8000,
            "{}",
            pages.len()
        );
        assert_eq!(page.parse_wat(link_header.as_bytes()), Ok(true));
        assert_eq!(page.num_links(), 0);
    }
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
}

/// A document with a blank behind each brace: the same to a JSON reader, but not what the generator writes, so that it is read by the general way.
fn spaced(document: &[u8]) -> Vec<u8> {
    let (mut spaced, mut in_string, mut is_escaped) = (Vec::new(), false, false);
    for &byte in document {
        spaced.push(byte);
        if byte == b'{' && !in_string {
            spaced.push(b' ');
        }
        in_string ^= byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && in_string && !is_escaped;
    }
    spaced
}

/// All that a page says.
#[derive(Debug, PartialEq)]
struct Findings {
    result: Result<bool, Skipped>,
    url: Vec<u8>,
    links: Vec<(Vec<u8>, LinkKind, Rel, Vec<u8>)>,
    targets: Vec<Vec<String>>,
    skipped: Vec<Vec<(Skipped, u64)>>,
}

fn findings(page: &mut Page, document: &[u8]) -> Findings {
    let result = page.parse_wat(document);
    let own = |bytes: &[u8]| bytes.to_vec();
    let links = page.links();
    let links = links.map(|link| (own(link.url), link.kind, link.rel, own(link.text)));
    let mut found = Findings {
        result,
        url: page.url().to_vec(),
        links: links.collect(),
        targets: Vec::new(),
        skipped: Vec::new(),
    };
    for &level in Level::ALL {
        found.targets.push(targets(page, level));
        found.skipped.push(page.skipped().collect());
    }
    found
}

fn check_both_ways(pages: &mut [Page], document: &[u8]) {
    for page in pages {
        let expected = findings(page, &spaced(document));
        let found = findings(page, document);
        assert!(
            found == expected,
            "{}\n{found:?}\n{expected:?}",
            String::from_utf8_lossy(document)
        );
    }
}

fn pages_of_both_profiles() -> [Page; 2] {
    [Profile::Cc, Profile::Browser].map(|profile| Page::new(options(profile)))
}

#[test]
fn the_fast_way_finds_what_the_general_way_finds_in_all_real_records() {
    let Some(data) = util::data("derived") else {
        return;
    };
    let mut pages = pages_of_both_profiles();
    let mut num_records = 0;
    for folder in ["wat-of", "faults", "."] {
        for wat in util::files(&data.join(folder), ".wat.gz") {
            for record in util::records(&util::content(&wat)) {
                check_both_ways(&mut pages, record.block);
                num_records += 1;
            }
        }
    }
    assert!(num_records > 3000, "{num_records}");
}

/// Bytes that are no UTF-8 (a lone continuation, a cut character, a surrogate, overlong forms), or that no text has.
const ODD_BYTES: [&[u8]; 8] = [
    b"\xff",
    b"\x80",
    b"\xc3",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\xf4\x90\x80\x80",
    b"\x00",
];

/// Text that one time in five has odd bytes somewhere.
fn spoiled(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let odd = prop_oneof![
        4 => Just(&b""[..]),
        1 => prop::sample::select(&ODD_BYTES[..]),
    ];
    (text, odd, any::<prop::sample::Index>()).prop_map(|(text, odd, at)| {
        let (before, behind) = text.as_bytes().split_at(at.index(text.len() + 1));
        [before, odd, behind].concat()
    })
}

/// Pieces of JSON that make a page or spoil it.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let key = "path|url|text|rel|alt|href|title|content|name|property|http-equiv|ur\\\\u006c";
    let value = r#"A@/href|IMG@/src|/x|#|https?://(a|www\.b)\.example(/|:80/|\?x|)|nofollow|é|\\"|\\ud800|og:url|refresh|0; url=/y|\\n{1,70}|(é|€){1,70}"#;
    let member = (spoiled(key), spoiled(value))
        .prop_map(|(key, value)| [b"\"", &key[..], b"\":\"", &value[..], b"\""].concat());
    let odd = prop::sample::select(vec![
        &b"\"url\":1"[..],
        b"\"url\":{\"url\":\"/\"}",
        b"\"url\":[\"/\"]",
        b"\"url\" : \"/\"",
        b"\"url\"",
        b"x",
        b"",
        b"\"",
        b"}",
        b"]",
        b"\\",
        b"\xff",
        b"\"\xc3",
    ]);
    prop_oneof![9 => member, 1 => odd.prop_map(<[u8]>::to_vec)]
}

/// Limits so small that pieces of JSON come to them and beyond, and those of every day.
fn limits() -> impl Strategy<Value = Options> {
    let small = |most: usize, default| prop_oneof![3 => 0..=most, 1 => Just(default)];
    let default = Options::default();
    let links = small(6, default.max_links);
    let url = small(40, default.max_url_bytes);
    let text = small(80, default.max_text_bytes);
    (links, url, text).prop_map(|(max_links, max_url_bytes, max_text_bytes)| Options {
        max_links,
        max_url_bytes,
        max_text_bytes,
        ..Options::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn the_fast_way_finds_what_the_general_way_finds_in_any_record(
        elements in prop::collection::vec(prop::collection::vec(piece(), 0..5), 0..8),
        list in "Head\":\\{\"(Link|Scripts|Metas)|Links",
        limits in limits(),
    ) {
        let elements: Vec<_> = elements.iter().map(|members| [b"{", &members.join(&b","[..])[..], b"}"].concat()).collect();
        let closing = if list.starts_with("Head") { "}" } else { "" };
        let record = wat(PAGE, json!("HTML"));
        let (before, behind) = record.split_once("\"HTML\"").expect("it stands for the HTML");
        let html = [format!("{before}{{\"{list}\":[").as_bytes(), &elements.join(&b","[..]), format!("]{closing}}}{behind}").as_bytes()].concat();
        let mut pages = [Profile::Cc, Profile::Browser].map(|profile| Page::new(Options { profile, ..limits.clone() }));
        check_both_ways(&mut pages, &html);
        for page in &pages {
            prop_assert!(page.num_links() <= limits.max_links as u64);
            for link in page.links() {
                prop_assert!(link.url.len() <= limits.max_url_bytes && link.text.len() <= limits.max_text_bytes);
            }
        }
    }
}
