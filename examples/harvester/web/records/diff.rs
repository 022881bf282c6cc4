//! Two texts line by line: what is in both, what only in one.

use maud::{Markup, html};

use crate::words::Words;

/// The largest table of lines against lines that is made; beyond it all is said to be changed.
const LARGEST: usize = 4_000_000;

/// A line, and in which of the texts it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Both(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// The two texts as one, with marks at what differs.
pub(in crate::web) fn show(words: Words, old: &str, new: &str) -> Markup {
    html! {
        pre.diff tabindex="0" role="region" aria-label=(words.text("record.diff")) {
            @for line in lines(old, new) {
                @match line {
                    Line::Both(text) => span { "  " (text) "\n" },
                    Line::Old(text) => del { "- " (text) "\n" },
                    Line::New(text) => ins { "+ " (text) "\n" },
                }
            }
        }
    }
}

/// The shortest way from one text to the other, by their longest common sequence of lines.
fn lines<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let before = old.iter().zip(&new).take_while(same).count();
    let (old_rest, new_rest) = (&old[before..], &new[before..]);
    let behind = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(same).count();
    let old_rest = &old_rest[..old_rest.len() - behind];
    let new_rest = &new_rest[..new_rest.len() - behind];
    let mut all: Vec<_> = old[..before].iter().map(|line| Line::Both(line)).collect();
    between(old_rest, new_rest, &mut all);
    all.extend(old[old.len() - behind..].iter().map(|line| Line::Both(line)));
    all
}

fn between<'a>(old: &[&'a str], new: &[&'a str], all: &mut Vec<Line<'a>>) {
    let width = new.len() + 1;
    if old.len().saturating_add(1).saturating_mul(width) > LARGEST {
        all.extend(old.iter().map(|line| Line::Old(line)));
        all.extend(new.iter().map(|line| Line::New(line)));
        return;
    }
    // How many lines the ends from here on have in common.
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            all.push(Line::Both(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || (i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            all.push(Line::Old(old[i]));
            i += 1;
        } else {
            all.push(Line::New(new[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(old: &str, new: &str) -> String {
        let mark = |line: &Line<'_>| match line {
            Line::Both(text) => format!(" {text}"),
            Line::Old(text) => format!("-{text}"),
            Line::New(text) => format!("+{text}"),
        };
        lines(old, new).iter().map(mark).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn what_stays_is_in_both() {
        assert_eq!(marked("a\nb\nc\nd", "a\nc\nx\nd"), " a|-b| c|+x| d");
        assert_eq!(marked("", "a\nb"), "+a|+b");
        assert_eq!(marked("a\nb", ""), "-a|-b");
        assert_eq!(marked("a\na\na", "a\na"), " a| a|-a");
        assert_eq!(marked("", ""), "");
    }

    #[test]
    fn texts_too_long_to_compare_are_shown_one_after_the_other() {
        let text = |mark: &str| (0..3000).map(|n| format!("{mark}{n}\n")).collect::<String>();
        let all = lines(&text("a"), &text("b")).len();
        assert_eq!(all, 6000);
    }

    #[test]
    fn lines_are_shown_as_text() {
        let shown = show(Words::default(), "<script>", "<b>").into_string();
        assert!(shown.contains("&lt;script&gt;") && !shown.contains("<script>"), "{shown}");
    }
}
