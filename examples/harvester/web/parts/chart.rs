//! Charts, drawn on the server as SVG with nothing but attributes and classes.

use chrono::{DateTime, Utc};
use harvest_pipeline::store::Coverage;
use maud::{Markup, html};

use super::moment;

/// The drawings are so wide and high in units of their own; the style sheet scales them.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 80.0;

/// A bar: how high, of that how much is bad, and what a pointer is told.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) total: u64,
    pub(crate) bad: u64,
    pub(crate) title: String,
    pub(crate) href: Option<String>,
}

/// Bars side by side. The same numbers must stand on the page as text, too, and where they lead to must be
/// reached otherwise: the tabulator does not stop at each bar.
pub(crate) fn bars(label: &str, bars: &[Bar]) -> Markup {
    let most = bars.iter().map(|bar| bar.total).max().unwrap_or_default().max(1) as f64;
    let step = WIDTH / bars.len().max(12) as f64;
    let height = |count: u64| HEIGHT * count as f64 / most;
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="group"
            aria-label=(label) {
            line.axis x1="0" x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) {}
            @for (at, bar) in bars.iter().enumerate() {
                @let (left, wide) = (rounded(at as f64 * step + 1.0), rounded(step - 2.0));
                // Something is seen of every bar.
                @let (all, bad) = (rounded(height(bar.total).max(2.0)), rounded(height(bar.bad)));
                a href=[bar.href.as_deref()] tabindex="-1" {
                    title { (bar.title) }
                    rect.bar x=(left) y=(rounded(HEIGHT - all)) width=(wide) height=(all) {}
                    @if bar.bad > 0 {
                        rect.bar-bad x=(left) y=(rounded(HEIGHT - bad.max(2.0))) width=(wide)
                            height=(bad.max(2.0)) {}
                    }
                }
            }
        }
    }
}

/// A part of a whole: which kind, how many, and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Share<'a> {
    pub(crate) class: &'static str,
    pub(crate) count: u64,
    pub(crate) name: &'a str,
}

/// A whole in its parts, side by side. The same numbers must stand on the page as text, too.
pub(crate) fn shares(label: &str, shares: &[Share<'_>]) -> Markup {
    let whole = shares.iter().map(|share| share.count).sum::<u64>().max(1) as f64;
    let mut left = 0.0;
    let placed = shares.iter().filter(|share| share.count > 0).map(|share| {
        let (from, wide) = (left, WIDTH * share.count as f64 / whole);
        left += wide;
        // Something is seen of every part.
        (share, rounded(from), rounded(wide.max(1.5)))
    });
    html! {
        svg.chart.flat viewBox={ "0 0 " (WIDTH) " 12" } preserveAspectRatio="none" role="img"
            aria-label=(label) {
            rect.share-none x="0" y="0" width=(WIDTH) height="12" {}
            @for (share, from, wide) in placed {
                rect class={ "share-" (share.class) } x=(from) y="0" width=(wide) height="12" {
                    title { (share.name) ": " (share.count) }
                }
            }
        }
    }
}

/// Which time was covered, and which never was. What came after the last harvest is neither: the next
/// one covers it.
pub(crate) fn timeline(label: &str, covered: &[Coverage], now: DateTime<Utc>) -> Markup {
    let ends = covered.iter().flat_map(|it| [it.from, Some(it.until)]).flatten();
    let Some((begin, end)) = ends.clone().min().zip(ends.max()) else { return html! {} };
    let span = ((now - begin).num_seconds().max(1)) as f64;
    let at =
        |time: DateTime<Utc>| WIDTH * ((time - begin).num_seconds() as f64 / span).clamp(0.0, 1.0);
    html! {
        figure.timeline {
            svg.chart.low viewBox={ "0 0 " (WIDTH) " 24" } preserveAspectRatio="none" role="img"
                aria-label=(label) {
                defs {
                    pattern id="gap" width="8" height="8" patternUnits="userSpaceOnUse" {
                        path.hatch d="M0 8 L8 0" {}
                    }
                }
                rect.ahead x="0" y="2" width=(WIDTH) height="20" {}
                rect.gap x="0" y="2" width=(rounded(at(end))) height="20" fill="url(#gap)" {}
                @for stretch in covered {
                    @let from = stretch.from.map_or(0.0, at);
                    @let width = rounded((at(stretch.until) - from).max(1.0));
                    rect class=(if stretch.is_empty() { "covered empty" } else { "covered" })
                        x=(rounded(from)) y="2" width=(width) height="20" {}
                }
            }
            figcaption { (moment(begin)) span { (moment(now)) } }
        }
    }
}

/// To hundredths: what is finer is not seen, and only makes the page longer.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use harvest_pipeline::RunId;

    use super::*;

    #[test]
    fn a_bar_is_as_high_as_its_number() {
        let bar = |total, bad| Bar { total, bad, title: "<b>".to_owned(), href: None };
        let drawn = bars("Records", &[bar(100, 0), bar(50, 25)]).into_string();
        assert!(drawn.contains(r#"y="0" width="48" height="80""#), "{drawn}");
        assert!(
            drawn.contains(r#"class="bar-bad" x="51" y="60" width="48" height="20""#),
            "{drawn}"
        );
        assert!(drawn.contains("&lt;b&gt;") && !drawn.contains("style"));
        assert!(bars("None", &[]).into_string().contains("<svg"));
    }

    #[test]
    fn parts_of_a_whole_are_as_wide_as_their_numbers() {
        let share = |class, count| Share { class, count, name: "<b>" };
        let drawn = shares("All", &[share("created", 3), share("none", 0), share("failed", 1)]);
        let drawn = drawn.into_string();
        assert!(drawn.contains(r#"class="share-created" x="0" y="0" width="450""#), "{drawn}");
        assert!(drawn.contains(r#"class="share-failed" x="450" y="0" width="150""#), "{drawn}");
        assert!(!drawn.contains("<b>"));
    }

    #[test]
    fn time_that_was_not_covered_stays_free() {
        let begin = DateTime::from_timestamp(0, 0).unwrap();
        let day = |days| begin + TimeDelta::days(days);
        let covered = [
            Coverage::new(Some(begin), day(1), RunId(1)).with_records(5, 0),
            Coverage::new(Some(day(3)), day(4), RunId(2)),
        ];
        let drawn = timeline("Covered", &covered, day(4)).into_string();
        assert!(drawn.contains(r#"class="covered" x="0" y="2" width="150""#), "{drawn}");
        assert!(drawn.contains(r#"class="covered empty" x="450" y="2" width="150""#), "{drawn}");
        assert!(drawn.contains(r#"class="gap" x="0" y="2" width="600""#), "{drawn}");
        // Behind the last harvest nothing is missing yet.
        let later = timeline("Covered", &covered, day(8)).into_string();
        assert!(later.contains(r#"class="gap" x="0" y="2" width="300""#), "{later}");
        assert_eq!(timeline("Nothing", &[], begin).into_string(), "");
    }
}
