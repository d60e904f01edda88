//! WET: the plain text of each page, title and link texts first, then running text.

use std::fmt::Write;

use super::World;
use super::clock;
use super::dice::{Dice, Purpose};
use super::page::{Page, uuid};
use super::shard::Written;
use super::warc::digest;
use super::words::LANGUAGES;

/// Mean and spread of the logarithm of the running text's length.
const TEXT_BYTES: (f64, f64) = (7.9, 0.9);

/// Single signs, signs of two parts, with skin tone, joined, and flags: what counting must get right.
const EMOJI: [&str; 24] = [
    "😀",
    "😂",
    "❤️",
    "👍",
    "🔥",
    "🎉",
    "😊",
    "🙏",
    "✅",
    "⭐",
    "🚀",
    "👏🏽",
    "👩‍💻",
    "👨‍👩‍👧",
    "🏳️‍🌈",
    "🇩🇪",
    "🇯🇵",
    "☀️",
    "🌍",
    "🐈",
    "🍀",
    "📚",
    "➡️",
    "1️⃣",
];

pub(super) fn start(name: &str, dice: &mut Dice, each: impl FnOnce(&[u8]) -> Written) -> Written {
    let fields = format!(
        "Software-Info: crawlrank synth\r\nExtracted-Date: {}\r\nrobots: obeyed, there were none\r\n\
         isPartOf: {}\r\noperator: nobody (nobody@crawlrank.example)\r\n\
         description: Invented captures; no site was visited\r\npublisher: crawlrank synth\r\n\r\n",
        clock::http(0),
        clock::CRAWL
    );
    let record = format!(
        "WARC/1.0\r\nWARC-Type: warcinfo\r\nWARC-Date: {}\r\nWARC-Filename: {name}\r\n\
         WARC-Record-ID: <urn:uuid:{}>\r\nContent-Type: application/warc-fields\r\nContent-Length: {}\r\n\r\n{fields}\r\n\r\n",
        clock::iso(0),
        uuid(dice),
        fields.len()
    );
    each(record.as_bytes())
}

/// The record of one page, written to `record`.
pub(super) fn page(world: &World, page: &Page, record: &mut String) {
    let mut dice = Dice::new(world.seed, Purpose::Text, page.index);
    let text = text(world, page, &mut dice);
    record.clear();
    let digest = digest(text.as_bytes());
    let _ = write!(
        record,
        "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: {}\r\nWARC-Date: {}\r\n\
         WARC-Record-ID: <urn:uuid:{}>\r\nWARC-Refers-To: <urn:uuid:{}>\r\nWARC-Block-Digest: {digest}\r\n\
         WARC-Identified-Content-Language: {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}\r\n\r\n",
        page.url(),
        clock::iso(page.second),
        uuid(&mut dice),
        page.ids[1],
        LANGUAGES[page.language].code3,
        text.len()
    );
}

fn text(world: &World, page: &Page, dice: &mut Dice) -> String {
    let mut text = format!("{}\n", page.title);
    for link in page.links.iter().filter_map(|link| link.text.as_deref()) {
        text.push_str(link);
        text.push('\n');
    }
    let length = text.len() + (dice.log_normal(TEXT_BYTES.0, TEXT_BYTES.1) as usize).min(200_000);
    // Some sites use emoji much, most not at all.
    let emoji = if dice.chance(0.25) { 0.2 } else { 0.004 };
    while text.len() < length {
        for _ in 0..dice.between(1, 5) {
            world.lexicon.sentence(page.language, dice, &mut text);
            if dice.chance(emoji) {
                text.push(' ');
                text.push_str(dice.pick(&EMOJI));
            }
            text.push(' ');
        }
        text.pop();
        text.push('\n');
    }
    text
}
