//! The result mail that IRDB sends to an institution after each harvest.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Audience, Harvested};
use crate::run::RunState;

/// The subject, word for word: people file their mail by it.
const SUBJECT: &str = "ハーベスト処理結果の通知メールです。";

pub(super) fn write(
    harvests: &[Harvested],
    audience: Audience,
    now: DateTime<Utc>,
) -> (String, String) {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{SUBJECT}\n");
    for harvest in harvests {
        institution(&mut text, harvest, audience);
    }
    let _ = writeln!(text, "通知日時: {}", now.to_rfc3339_opts(SecondsFormat::Secs, true));
    (SUBJECT.to_owned(), text)
}

fn institution(text: &mut String, harvest: &Harvested, audience: Audience) {
    let Harvested { source, run, .. } = harvest;
    let status = match run.state {
        RunState::Succeeded => "正常終了",
        RunState::SucceededWithErrors => "正常終了(エラーあり)",
        RunState::Failed => "異常終了",
        RunState::Cancelled => "中止",
        _ => "処理中",
    };
    let counters = &run.counters;
    let _ = writeln!(text, "機関: {}", source.title);
    let _ = writeln!(text, "URL: {}", source.url().unwrap_or_default());
    let _ = writeln!(text, "ハーベストステータス: {status}");
    let _ = writeln!(text, "処理件数: {}", counters.total());
    let _ = writeln!(text, "  新規: {}", counters.created);
    let _ = writeln!(text, "  更新: {}", counters.updated);
    let _ = writeln!(text, "  削除: {}", counters.deleted);
    let _ = writeln!(text, "  変更なし: {}", counters.unchanged);
    let _ = writeln!(text, "  レコードエラー: {}", counters.failed);
    if let Some(failure) = &run.failure {
        let url = failure.url.as_deref().unwrap_or_default();
        let _ = match failure.at_source {
            true => writeln!(text, "\nServer error: GET {url} resulted in: {}", failure.message),
            false => writeln!(text, "\nError: {} {url}", failure.message),
        };
    }
    text.push('\n');
    for event in harvest.events(audience.least()) {
        let event = &event.event;
        let record = event.scope.record.as_deref().unwrap_or("-");
        let _ = writeln!(text, "[{}] {record}: {}", event.level, event.message);
    }
    if let Some(next) = harvest.next_due {
        let next = next.format("%Y-%m-%d %H:%M UTC");
        let _ = writeln!(text, "\n次回ハーベスト起算日時: {next}");
    }
    text.push('\n');
}
