//! HTTP headers and the HTML head of a page: what real pages carry, as often as they carry it.

use super::clock;
use super::dice::Dice;
use super::page::{Link, Maker, Meta, MetaKey, Target, token};

/// Fills in headers, metas, `<link>`s, scripts and the base.
pub(super) fn fill(maker: &mut Maker) {
    // Big sites have much of everything: links, metas and scripts grow together.
    let links = maker.page.links.len() as f64;
    let richness =
        (0.55 + 0.45 * (links / 142.0).sqrt()).min(2.2) * maker.dice.log_normal(-0.05, 0.35);
    headers(maker);
    metas(maker, richness);
    head_links(maker, richness);
    scripts(maker, richness);
    base(maker);
}

/// What stands in a header or meta.
#[derive(Clone, Copy)]
enum Value {
    One(&'static [&'static str]),
    Title,
    Description,
    OwnUrl,
    Image,
    SiteName,
    Digits(usize),
    Token(usize),
    Handle,
    Date,
    HttpDate,
    Words(usize),
    Language,
    Profile,
    Number(usize),
    Hex(usize),
    Cookie,
    ApiLink,
    Many(usize),
}

use Value::{
    ApiLink, Cookie, Date, Description, Digits, Handle, Hex, HttpDate, Image, Language, Many,
    Number, One, OwnUrl, Profile, SiteName, Title, Token, Words,
};

fn value(maker: &mut Maker, value: Value) -> String {
    match value {
        One(choices) => maker.dice.pick(choices).to_owned(),
        Title => maker.page.title.clone(),
        Description => maker.page.description.trim_end().to_owned(),
        OwnUrl => maker.page.url(),
        Image => own_image(maker),
        SiteName => maker.site_name(),
        Digits(length) => digits(length, &mut maker.dice),
        Token(length) => token(length, &mut maker.dice),
        Handle => format!("@{}", maker.site_name().replace(' ', "")),
        Date => clock::iso_past(&mut maker.dice),
        HttpDate => clock::http(maker.page.second),
        Words(count) => words(maker, count),
        Language => maker.page.language_code().to_owned(),
        Profile => profile(maker),
        Number(limit) => maker.dice.below(limit).to_string(),
        Hex(length) => (0..length)
            .map(|_| char::from(b"0123456789abcdef"[maker.dice.below(16)]))
            .collect(),
        Cookie => format!(
            "session={}; path=/; HttpOnly; secure",
            token(26, &mut maker.dice)
        ),
        ApiLink => format!(
            "<{}/wp-json/>; rel=\"https://api.w.org/\"",
            maker.page.origin
        ),
        Many(count) => {
            let ids: Vec<String> = (0..count).map(|_| digits(15, &mut maker.dice)).collect();
            ids.join(",")
        }
    }
}

fn digits(length: usize, dice: &mut Dice) -> String {
    (0..length)
        .map(|_| char::from(b'0' + dice.below(10) as u8))
        .collect()
}

fn words(maker: &mut Maker, count: usize) -> String {
    let mut list = String::new();
    for _ in 0..count {
        list.push_str(if list.is_empty() { "" } else { ", " });
        maker.phrase(1, &mut list);
    }
    list
}

/// The page's picture is one of its links, so that metas add no hosts of their own.
fn own_image(maker: &mut Maker) -> String {
    let own = maker
        .page
        .links
        .iter()
        .find(|link| link.path == "IMG@/src" && link.url.starts_with("http"));
    match own {
        Some(link) => link.url.clone(),
        None => format!("{}/assets/images/share.jpg", maker.page.origin),
    }
}

/// A profile elsewhere, on a host that the page links to anyway.
fn profile(maker: &mut Maker) -> String {
    let name = maker.site_name().replace(' ', "");
    match maker.known_neighbor() {
        Some(host) => format!("https://{}/{name}", maker.world.hosts.name(host)),
        None => format!("{}/about", maker.page.origin),
    }
}

const SERVERS: &[&str] = &[
    "nginx",
    "Apache",
    "cloudflare",
    "nginx/1.24.0",
    "LiteSpeed",
    "Apache/2.4.57 (Debian)",
    "Microsoft-IIS/10.0",
    "openresty",
    "Pepyaka",
    "ECS (dcb/7EEA)",
    "AmazonS3",
    "Server",
];

/// Headers and how often they come, without those that every response has.
const HEADERS: [(&str, f64, Value); 30] = [
    ("Server", 0.90, One(SERVERS)),
    (
        "Connection",
        0.75,
        One(&["close", "keep-alive", "Keep-Alive"]),
    ),
    (
        "Vary",
        0.82,
        One(&[
            "Accept-Encoding",
            "Accept-Encoding,Cookie",
            "User-Agent, Accept-Encoding",
        ]),
    ),
    ("Last-Modified", 0.62, HttpDate),
    (
        "Cache-Control",
        0.70,
        One(&[
            "max-age=0, must-revalidate",
            "no-cache, private",
            "public, max-age=1800",
            "no-store, no-cache, must-revalidate",
        ]),
    ),
    (
        "Expires",
        0.58,
        One(&[
            "Thu, 19 Nov 1981 08:52:00 GMT",
            "Sun, 19 Nov 1978 05:00:00 GMT",
            "0",
            "-1",
        ]),
    ),
    (
        "X-Powered-By",
        0.45,
        One(&[
            "PHP/8.1.27",
            "PHP/7.4.33",
            "ASP.NET",
            "Express",
            "Next.js",
            "WP Engine",
        ]),
    ),
    ("Age", 0.40, Number(90_000)),
    ("ETag", 0.40, Hex(24)),
    (
        "Via",
        0.34,
        One(&["1.1 varnish", "1.1 google", "1.1 varnish, 1.1 varnish"]),
    ),
    ("CF-RAY", 0.30, Hex(16)),
    (
        "CF-Cache-Status",
        0.22,
        One(&["DYNAMIC", "HIT", "MISS", "EXPIRED"]),
    ),
    ("Accept-Ranges", 0.28, One(&["bytes"])),
    ("X-Varnish", 0.20, Digits(19)),
    (
        "X-Cache",
        0.20,
        One(&["HIT", "MISS", "MISS, HIT", "Miss from cloudfront"]),
    ),
    ("Access-Control-Allow-Origin", 0.14, One(&["*"])),
    ("Content-Language", 0.14, Language),
    ("X-Served-By", 0.13, Token(22)),
    ("X-Timer", 0.12, Digits(16)),
    (
        "X-Generator",
        0.12,
        One(&["Drupal 10 (https://www.drupal.org)", "TYPO3 CMS"]),
    ),
    ("X-Drupal-Cache", 0.11, One(&["HIT", "MISS"])),
    ("Keep-Alive", 0.10, One(&["timeout=5, max=100"])),
    (
        "Strict-Transport-Security",
        0.22,
        One(&[
            "max-age=31536000",
            "max-age=63072000; includeSubDomains; preload",
        ]),
    ),
    ("X-Content-Type-Options", 0.20, One(&["nosniff"])),
    ("X-Frame-Options", 0.18, One(&["SAMEORIGIN", "DENY"])),
    (
        "Referrer-Policy",
        0.10,
        One(&[
            "strict-origin-when-cross-origin",
            "no-referrer-when-downgrade",
        ]),
    ),
    ("Permissions-Policy", 0.07, One(&["interest-cohort=()"])),
    ("Link", 0.14, ApiLink),
    ("Set-Cookie", 0.10, Cookie),
    ("Alt-Svc", 0.12, One(&["h3=\":443\"; ma=86400"])),
];

fn headers(maker: &mut Maker) {
    let plenty = maker.dice.log_normal(-0.02, 0.3);
    maker
        .page
        .headers
        .push(("Date", vec![clock::http(maker.page.second)]));
    for (name, probability, kind) in HEADERS {
        if maker.dice.chance(probability * plenty) {
            let content = value(maker, kind);
            maker.page.headers.push((name, vec![content]));
        }
    }
    if maker.dice.chance(0.49) {
        repeat_one(maker);
    }
    if maker.dice.chance(0.04) {
        preconnect(maker);
    }
    maker
        .page
        .headers
        .push(("Content-Type", vec!["text/html; charset=UTF-8".to_owned()]));
    let encoding = maker.dice.pick(&["gzip", "gzip", "gzip", "br"]).to_owned();
    maker
        .page
        .headers
        .push(("X-Crawler-Content-Encoding", vec![encoding]));
}

/// Half of all pages send some header twice; the WAT then has a list where else is a string.
fn repeat_one(maker: &mut Maker) {
    const REPEATED: [(&str, Value); 5] = [
        ("Vary", One(&["Accept-Encoding", "Cookie", "Origin"])),
        ("Set-Cookie", Cookie),
        ("X-Cache", One(&["HIT", "MISS"])),
        ("Cache-Control", One(&["private", "max-age=600"])),
        ("Link", ApiLink),
    ];
    let (name, kind) = REPEATED[maker.dice.below(REPEATED.len())];
    let more = value(maker, kind);
    match maker
        .page
        .headers
        .iter()
        .position(|header| header.0 == name)
    {
        Some(place) => maker.page.headers[place].1.push(more),
        None => {
            let first = value(maker, kind);
            maker.page.headers.push((name, vec![first, more]));
        }
    }
}

/// A `Link` header to another host, which is a link like any other.
fn preconnect(maker: &mut Maker) {
    let host = maker.world.hosts.draw_asset(&mut maker.dice);
    maker.link_to(host);
    let content = format!(
        "<https://{}>; rel=preconnect; crossorigin",
        maker.world.hosts.name(host)
    );
    match maker
        .page
        .headers
        .iter()
        .position(|header| header.0 == "Link")
    {
        Some(place) => maker.page.headers[place].1.push(content),
        None => maker.page.headers.push(("Link", vec![content])),
    }
}

const METAS: [(MetaKey, &str, f64, Value); 58] = {
    use MetaKey::{HttpEquiv, Name, Property};
    [
        (
            Name,
            "viewport",
            0.88,
            One(&[
                "width=device-width, initial-scale=1",
                "width=device-width, initial-scale=1.0, maximum-scale=1",
            ]),
        ),
        (
            HttpEquiv,
            "Content-Type",
            0.30,
            One(&["text/html; charset=utf-8", "text/html; charset=UTF-8"]),
        ),
        (
            HttpEquiv,
            "X-UA-Compatible",
            0.36,
            One(&["IE=edge", "IE=edge,chrome=1"]),
        ),
        (Name, "description", 0.84, Description),
        (Name, "keywords", 0.34, Words(9)),
        (
            Name,
            "robots",
            0.60,
            One(&[
                "index, follow",
                "index, follow, max-image-preview:large, max-snippet:-1, max-video-preview:-1",
                "noodp",
            ]),
        ),
        (Name, "author", 0.24, Words(2)),
        (
            Name,
            "generator",
            0.52,
            One(&[
                "WordPress 6.4.2",
                "Drupal 10 (https://drupal.example)",
                "Joomla! - Open Source Content Management",
                "TYPO3 CMS",
                "Powered by Slider Revolution 6.6.1 - responsive, Mobile-Friendly Slider Plugin",
            ]),
        ),
        (
            Property,
            "og:locale",
            0.46,
            One(&[
                "en_US", "de_DE", "en_GB", "es_ES", "fr_FR", "ru_RU", "ja_JP",
            ]),
        ),
        (
            Property,
            "og:type",
            0.80,
            One(&["article", "website", "article", "video.other"]),
        ),
        (Property, "og:title", 0.84, Title),
        (Property, "og:description", 0.78, Description),
        (Property, "og:url", 0.80, OwnUrl),
        (Property, "og:site_name", 0.70, SiteName),
        (Property, "article:publisher", 0.26, Profile),
        (Property, "article:author", 0.10, Profile),
        (Property, "article:section", 0.22, Words(1)),
        (Property, "article:tag", 0.30, Words(1)),
        (Property, "article:tag", 0.22, Words(2)),
        (Property, "article:tag", 0.16, Words(1)),
        (Property, "article:published_time", 0.42, Date),
        (Property, "article:modified_time", 0.36, Date),
        (Property, "og:updated_time", 0.14, Date),
        (Property, "og:image", 0.84, Image),
        (Property, "og:image:secure_url", 0.16, Image),
        (
            Property,
            "og:image:width",
            0.44,
            One(&["1200", "1024", "600", "1920"]),
        ),
        (
            Property,
            "og:image:height",
            0.44,
            One(&["630", "683", "400", "1080"]),
        ),
        (
            Property,
            "og:image:type",
            0.14,
            One(&["image/jpeg", "image/png"]),
        ),
        (Property, "og:image:alt", 0.08, Title),
        (Property, "og:see_also", 0.08, Profile),
        (Property, "fb:app_id", 0.32, Digits(15)),
        (Property, "fb:pages", 0.32, Digits(15)),
        (Property, "fb:pages", 0.06, Many(24)),
        (Property, "fb:admins", 0.12, Digits(15)),
        (
            Name,
            "twitter:card",
            0.70,
            One(&["summary_large_image", "summary"]),
        ),
        (Name, "twitter:site", 0.50, Handle),
        (Name, "twitter:creator", 0.28, Handle),
        (Name, "twitter:title", 0.50, Title),
        (Name, "twitter:description", 0.48, Description),
        (Name, "twitter:image", 0.48, Image),
        (Name, "twitter:url", 0.12, OwnUrl),
        (
            Name,
            "twitter:label1",
            0.10,
            One(&["Written by", "Est. reading time"]),
        ),
        (Name, "twitter:data1", 0.10, Words(2)),
        (Name, "msapplication-TileImage", 0.32, Image),
        (
            Name,
            "msapplication-TileColor",
            0.22,
            One(&["#da532c", "#ffffff", "#2b5797"]),
        ),
        (Name, "msapplication-task", 0.10, Title),
        (
            Name,
            "msapplication-config",
            0.10,
            One(&["/browserconfig.xml"]),
        ),
        (Name, "application-name", 0.14, SiteName),
        (
            Name,
            "theme-color",
            0.28,
            One(&["#ffffff", "#000000", "#1a73e8"]),
        ),
        (Name, "google-site-verification", 0.28, Token(43)),
        (Name, "msvalidate.01", 0.10, Hex(32)),
        (Name, "apple-mobile-web-app-capable", 0.10, One(&["yes"])),
        (Name, "apple-mobile-web-app-title", 0.10, SiteName),
        (Name, "news_keywords", 0.12, Words(6)),
        (Name, "title", 0.08, Title),
        (Name, "HandheldFriendly", 0.07, One(&["true", "True"])),
        (Name, "csrf-token", 0.08, Token(40)),
        (Name, "date", 0.06, Date),
    ]
};

fn metas(maker: &mut Maker, richness: f64) {
    if maker.dice.chance(0.05) {
        return;
    }
    // The generator reports `<html lang>` as a meta.
    if maker.dice.chance(0.86) {
        push_meta(maker, MetaKey::Name, "HTML@/lang", Language);
    }
    for (key, name, probability, kind) in METAS {
        if maker.dice.chance(probability * richness * 1.12) {
            push_meta(maker, key, name, kind);
        }
    }
    if maker.dice.chance(0.004) {
        refresh(maker);
    }
}

fn push_meta(maker: &mut Maker, key: MetaKey, name: &'static str, kind: Value) {
    let content = value(maker, kind);
    maker.page.metas.push(Meta { key, name, content });
}

/// A redirect in HTML. Browsers follow it; Common Crawl's rules do not see it.
fn refresh(maker: &mut Maker) {
    let host = maker.world.hosts.draw_target(&mut maker.dice);
    maker.page.targets.push(Target {
        cc: None,
        browser: Some(host),
    });
    let content = format!(
        "{}; url=https://{}/",
        maker.dice.below(30),
        maker.world.hosts.name(host)
    );
    maker.page.metas.push(Meta {
        key: MetaKey::HttpEquiv,
        name: "refresh",
        content,
    });
}

fn head_links(maker: &mut Maker, richness: f64) {
    if maker.dice.chance(0.012) {
        return;
    }
    let canonical = maker.page.url();
    maker
        .page
        .head_links
        .push(plain_link(canonical, "canonical", None));
    let count = (18.5 * richness * maker.dice.log_normal(-0.12, 0.5)) as usize;
    for _ in 0..count.min(250) {
        let link = head_link(maker);
        maker.page.head_links.push(link);
    }
}

fn plain_link(url: String, rel: &'static str, media_type: Option<&'static str>) -> Link {
    Link {
        path: "LINK@/href",
        url,
        rel: Some(rel),
        media_type,
        ..Link::default()
    }
}

fn head_link(maker: &mut Maker) -> Link {
    match maker.dice.below(100) {
        0..=44 => {
            let typed = maker.dice.chance(0.75).then_some("text/css");
            plain_link(maker.asset_url("css"), "stylesheet", typed)
        }
        45..=56 => {
            let host = maker.world.hosts.draw_asset(&mut maker.dice);
            maker.link_to(host);
            let name = maker.world.hosts.name(host);
            let (url, rel) = if maker.dice.chance(0.55) {
                (
                    format!("//{name}"),
                    maker.dice.pick(&["dns-prefetch", "preconnect"]),
                )
            } else {
                (
                    format!(
                        "https://{name}/css?family={}:400,700",
                        token(7, &mut maker.dice)
                    ),
                    "stylesheet",
                )
            };
            plain_link(url, rel, None)
        }
        57..=70 => {
            let size = [57, 72, 114, 152, 180, 32][maker.dice.below(6)];
            let url = format!("{}/apple-touch-icon-{size}x{size}.png", maker.page.origin);
            plain_link(
                url,
                maker
                    .dice
                    .pick(&["apple-touch-icon", "icon", "shortcut icon"]),
                None,
            )
        }
        71..=82 => {
            let url = format!("{}/feed/?{}", maker.page.origin, maker.dice.below(90));
            plain_link(url, "alternate", Some("application/rss+xml"))
        }
        83..=88 => plain_link(
            maker.own_url(""),
            maker.dice.pick(&["shortlink", "amphtml", "prev", "next"]),
            None,
        ),
        _ => match maker.known_neighbor() {
            Some(host) => plain_link(
                maker.url_on(host),
                maker.dice.pick(&["publisher", "alternate", "me"]),
                None,
            ),
            None => plain_link(maker.own_url("home"), "home", None),
        },
    }
}

fn scripts(maker: &mut Maker, richness: f64) {
    if maker.dice.chance(0.06) {
        return;
    }
    let count = 1 + (12.1 * richness * maker.dice.log_normal(-0.25, 0.7)) as usize;
    for _ in 0..count.min(190) {
        let url = if maker.dice.chance(0.28) {
            let host = maker.world.hosts.draw_asset(&mut maker.dice);
            maker.link_to(host);
            format!(
                "https://{}/gtm.js?id=G-{}",
                maker.world.hosts.name(host),
                token(8, &mut maker.dice)
            )
        } else {
            maker.asset_url("js")
        };
        let media_type = maker.dice.chance(0.7).then_some("text/javascript");
        maker.page.scripts.push(Link {
            path: "SCRIPT@/src",
            url,
            media_type,
            ..Link::default()
        });
    }
}

/// One page in sixteen has a base; very few have one on another host, where relative links then go.
fn base(maker: &mut Maker) {
    if !maker.dice.chance(0.064) {
        return;
    }
    let has_relative = maker.page.links.iter().any(|link| {
        link.path == "A@/href" && link.url.starts_with('/') && !link.url.starts_with("//")
    });
    if has_relative && maker.dice.chance(0.05) {
        let host = maker.world.hosts.draw_target(&mut maker.dice);
        maker.link_to(host);
        maker.page.base = Some(format!("https://{}/", maker.world.hosts.name(host)));
    } else {
        maker.page.base = Some(match maker.dice.below(3) {
            0 => "/".to_owned(),
            1 => format!("{}/", maker.page.origin),
            _ => maker.page.url(),
        });
    }
}
