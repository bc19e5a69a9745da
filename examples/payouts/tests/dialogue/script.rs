//! The commands of a text, and what they write.

/// A command, and the lines that follow it in the text.
#[derive(Debug)]
pub(crate) struct Step<'t> {
    pub(crate) command: &'t str,
    pub(crate) expected: Vec<&'t str>,
}

/// What stands in blocks of the language `console`: a command after `$`, and below it what it
/// writes.
pub(crate) fn steps(text: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            is_inside = line == "```console";
        } else if is_inside {
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step { command, expected: Vec::new() }),
                (None, Some(step)) => step.expected.push(line),
                (None, None) => panic!("{line:?} belongs to no command"),
            }
        }
    }
    steps
}

/// The lines are the expected ones. What was started in the background writes when it likes, so
/// that their order is free.
pub(crate) fn compare(command: &str, expected: &[&str], mut lines: Vec<String>) {
    let all = lines.clone();
    for pattern in expected {
        let found = lines.iter().position(|line| matches(pattern, line));
        let found = found.unwrap_or_else(|| panic!("$ {command}\nwrites {all:#?}\nand not {pattern}"));
        lines.remove(found);
    }
    assert!(lines.is_empty(), "$ {command}\nalso writes {lines:#?}");
}

/// `…` stands for some text.
fn matches(pattern: &str, line: &str) -> bool {
    match pattern.split_once('…') {
        None => line == pattern,
        Some((start, end)) => {
            line.len() > start.len() + end.len() && line.starts_with(start) && line.ends_with(end)
        }
    }
}
