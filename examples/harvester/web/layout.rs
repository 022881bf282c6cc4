//! The frame of every page: navigation, who is logged in, language and colours.

use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::section::Section;
use super::visitor::{NoticeShown, Theme, Visitor};
use crate::words::Language;

/// htmx makes no style sheet of its own, runs no script out of attributes, and asks nobody else.
const HTMX: &str = r#"{"includeIndicatorStyles":false,"allowEval":false,"selfRequestsOnly":true,"historyCacheSize":0,"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},{"code":"422","swap":true},{"code":"[45]..","swap":true,"error":true}]}"#;

/// A page.
#[derive(Debug)]
pub(crate) struct Page {
    markup: Markup,
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = self.markup.into_response();
        response.extensions_mut().insert(NoticeShown);
        response
    }
}

/// A page of a section, with its title as heading.
pub(crate) fn page(
    visitor: &Visitor,
    title: &str,
    section: Option<Section>,
    body: &Markup,
) -> Page {
    with_actions(visitor, title, section, &html! {}, body)
}

/// The same, with what can be done beside the heading.
pub(crate) fn with_actions(
    visitor: &Visitor,
    title: &str,
    section: Option<Section>,
    actions: &Markup,
    body: &Markup,
) -> Page {
    let words = visitor.words;
    let theme = (visitor.theme != Theme::Auto).then(|| visitor.theme.as_str());
    let markup = html! {
        (DOCTYPE)
        html lang=(words.language().tag()) data-theme=[theme] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="htmx-config" content=(HTMX);
                title { (title) " · " (words.text("app.name")) }
                link rel="icon" href=(assets::ICON.path()) type="image/svg+xml";
                link rel="stylesheet" href=(assets::STYLE.path());
                script src=(assets::HTMX.path()) defer {}
                script src=(assets::HTMX_SSE.path()) defer {}
            }
            body hx-ext="sse" {
                a.skip href="#content" { (words.text("app.skip")) }
                (side(visitor, section))
                main #content tabindex="-1" {
                    (notice(visitor))
                    header.heading {
                        h1 { (title) }
                        div.actions { (actions) }
                    }
                    (body)
                }
                footer.foot { (account(visitor)) (preferences(visitor)) }
            }
        }
    };
    Page { markup }
}

/// What the last page left to say.
fn notice(visitor: &Visitor) -> Markup {
    let said = visitor.notice.as_ref().and_then(|(key, value)| {
        let key = format!("notice.{key}");
        visitor.words.find(&key).map(|_| visitor.words.fill(&key, &[("value", value)]))
    });
    html! {
        @if let Some(said) = said { div.notice role="status" { (said) } }
    }
}

fn side(visitor: &Visitor, here: Option<Section>) -> Markup {
    let words = visitor.words;
    html! {
        header.side {
            a.brand href="/" { (words.text("app.name")) }
            @if !visitor.sections.is_empty() {
                nav aria-label=(words.text("app.navigation")) {
                    @for section in &visitor.sections {
                        @let current = (here == Some(*section)).then_some("page");
                        a href=(section.path()) aria-current=[current] { (words.text(section.key())) }
                    }
                }
            }
        }
    }
}

/// Who is logged in, and the way out.
fn account(visitor: &Visitor) -> Markup {
    let words = visitor.words;
    html! {
        @if let Some(user) = visitor.user() {
            form.account method="post" action="/logout" {
                (csrf(visitor))
                span title=(words.text(&format!("role.{}", user.role.as_str()))) {
                    (words.fill("app.logged-in", &[("name", &user.name)]))
                }
                a href="/password" { (words.text("app.change-password")) }
                button.link { (words.text("app.log-out")) }
            }
        } @else {
            p.account { a href="/login" { (words.text("app.log-in")) } }
        }
    }
}

/// Language and colours, as buttons: no script is needed.
pub(super) fn preferences(visitor: &Visitor) -> Markup {
    let words = visitor.words;
    html! {
        form.preferences method="post" action="/preferences" {
            (csrf(visitor))
            input type="hidden" name="back" value=(visitor.target);
            fieldset {
                legend { (words.text("app.language")) }
                @for language in Language::ALL {
                    @let chosen = words.language() == language;
                    button.link name="language" value=(language.tag()) lang=(language.tag())
                        aria-pressed=(chosen) { (language.name()) }
                }
            }
            fieldset {
                legend { (words.text("app.theme")) }
                @for theme in Theme::ALL {
                    @let chosen = visitor.theme == theme;
                    button.link name="theme" value=(theme.as_str()) aria-pressed=(chosen) {
                        (words.text(&format!("app.theme-{}", theme.as_str())))
                    }
                }
            }
        }
    }
}

/// What every form that changes something must send along.
pub(crate) fn csrf(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name="csrf" value=(visitor.csrf()); }
}
