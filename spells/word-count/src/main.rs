//! word-count: text on stdin, its counts as JSON on stdout.
//!
//! A word is a run of letters and digits of any script; an apostrophe or a hyphen between two of them belongs to it.
//! Words are compared in lower case. The most frequent come first; equal counts are in code point order, so the same
//! text always gives the same bytes. `BTreeMap` and not `HashMap`: the latter would ask the host for random numbers.
//!
//! Exit codes: 0 done, 1 reading or writing failed, 2 the input is not UTF-8.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::process::exit;

const TOP: usize = 10;

struct Counts {
    lines: u64,
    words: u64,
    characters: u64,
    top: Vec<(String, u64)>,
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '-')
}

/// Calls `found` with each word of `text`, in order.
fn each_word<'a>(text: &'a str, mut found: impl FnMut(&'a str)) {
    let mut start = None;
    let mut end = 0;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() {
            start = start.or(Some(at));
            end = at + c.len_utf8();
        } else if let Some(from) = start {
            // A joiner right after a letter keeps the word open: the next letter may carry it on.
            if !(is_joiner(c) && at == end) {
                found(&text[from..end]);
                start = None;
            }
        }
    }
    if let Some(from) = start {
        found(&text[from..end]);
    }
}

fn count(text: &str) -> Counts {
    let mut words = 0;
    let mut frequency: BTreeMap<String, u64> = BTreeMap::new();
    each_word(text, |word| {
        words += 1;
        *frequency.entry(word.to_lowercase()).or_insert(0) += 1;
    });

    let mut top: Vec<(String, u64)> = frequency.into_iter().collect();
    // The sort is stable and the map was in order, so equal counts stay in order.
    top.sort_by(|a, b| b.1.cmp(&a.1));
    top.truncate(TOP);

    Counts {
        lines: text.lines().count() as u64,
        words,
        characters: text.chars().count() as u64,
        top,
    }
}

/// A word holds letters, digits, apostrophes and hyphens only, so nothing in it needs escaping.
fn to_json(counts: &Counts) -> String {
    let top: Vec<String> = counts
        .top
        .iter()
        .map(|(word, count)| format!("{{\"word\":\"{}\",\"count\":{}}}", word, count))
        .collect();
    format!(
        "{{\"lines\":{},\"words\":{},\"characters\":{},\"top\":[{}]}}\n",
        counts.lines,
        counts.words,
        counts.characters,
        top.join(",")
    )
}

/// `eprintln!` writes each piece of its format on its own; a watcher should get whole lines.
fn log(line: String) {
    let _ = io::stderr().write_all((line + "\n").as_bytes());
}

fn fail(code: i32, message: &str) -> ! {
    log(format!("word-count: {}", message));
    exit(code)
}

fn main() {
    let mut input = Vec::new();
    if let Err(error) = io::stdin().lock().read_to_end(&mut input) {
        fail(1, &format!("stdin: {}", error));
    }
    log(format!("counting {} bytes", input.len()));

    let text = match String::from_utf8(input) {
        Ok(text) => text,
        Err(error) => fail(2, &format!("the input is not UTF-8 from byte {}", error.utf8_error().valid_up_to())),
    };

    let counts = count(&text);
    if let Err(error) = io::stdout().lock().write_all(to_json(&counts).as_bytes()) {
        fail(1, &format!("stdout: {}", error));
    }
    log(format!("done, {} words", counts.words));
}
