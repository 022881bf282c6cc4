//! Who asks for a page, and how they want to see it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::header::{ACCEPT_LANGUAGE, ALLOW, AUTHORIZATION, HOST, ORIGIN, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::app::App;
use super::cookie::Cookie;
use super::problem::{self, Problem};
use super::section::Section;
use crate::accounts::{Caller, Deed, Permission, Role, Session, User};
use crate::words::{Language, Words};

/// Who asks for a page, and how they want to see it. Every handler can take one.
#[derive(Clone, Debug)]
pub(crate) struct Visitor(Arc<Seen>);

/// What is seen of a visitor.
#[derive(Debug)]
pub(crate) struct Seen {
    identity: Identity,
    /// The language they read.
    pub(crate) words: Words,
    /// The colours they chose.
    pub(crate) theme: Theme,
    /// What the last page left to say: a key below `notice`, and what is filled in there.
    pub(crate) notice: Option<(String, String)>,
    /// What they ask for: path and query.
    pub(crate) target: String,
    /// Where they ask from.
    pub(crate) address: IpAddr,
    /// What their browser calls itself.
    agent: String,
    /// Whether they ask for a part of a page, by htmx.
    pub(crate) wants_part: bool,
    /// Whether they ask the API, as programs do.
    pub(crate) is_api: bool,
    is_same_origin: bool,
    /// Sections that there are and that they may see.
    pub(crate) sections: Vec<Section>,
}

/// By what somebody is known.
#[derive(Debug)]
enum Identity {
    Nobody,
    /// A browser's session.
    Session(Session),
    /// A program's token, which no other site can make it send, and what role bounds what it may.
    Token(User, Role),
}

/// Which colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system has it.
    #[default]
    Auto,
    Light,
    Dark,
}

impl Theme {
    pub(crate) const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// As it is kept, and in the keys of words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(crate) fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == text)
    }
}

impl Visitor {
    /// Who is logged in.
    pub(crate) fn user(&self) -> Option<&User> {
        self.0.user()
    }

    /// The name of who is logged in.
    pub(crate) fn name(&self) -> Option<String> {
        self.user().map(|user| user.name.clone())
    }

    /// Whether they may do that at all; a site contact, to sources of their own. The table of routes
    /// has asked this before a handler is called: this is for what pages show.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.0.may(permission)
    }

    /// Whether they may do all that the user may: a token may be for less.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.identity {
            Identity::Nobody => false,
            Identity::Session(_) => true,
            Identity::Token(user, bound) => {
                user.role.is_within(*bound) && (user.role.owns() || !bound.owns())
            }
        }
    }

    /// Whose sources they may see; `None`: everybody's.
    pub(crate) fn confined_to(&self) -> Option<&str> {
        let is_confined = match &self.identity {
            Identity::Token(user, bound) => user.role.owns() || bound.owns(),
            _ => self.user().is_some_and(|user| user.role.owns()),
        };
        self.user().filter(|_| is_confined).map(User::site)
    }

    /// Whether they are still let in, as who they were.
    pub(crate) async fn is_still_in(&self, app: &App) -> bool {
        let Some(user) = self.user() else { return false };
        let is_open = match self.session() {
            Some(key) => app.accounts.has_session(key).await,
            None => Ok(true),
        };
        let now = app.accounts.user(&user.name).await;
        is_open.unwrap_or(false) && now.is_ok_and(|now| now.is_some_and(|now| now.body == *user))
    }

    /// What the session is kept under that they ask in.
    pub(crate) fn session(&self) -> Option<&str> {
        match &self.identity {
            Identity::Session(session) => Some(&session.key),
            Identity::Nobody | Identity::Token(..) => None,
        }
    }

    /// Where they log in from.
    pub(crate) fn caller(&self) -> Caller {
        Caller { address: self.address.to_string(), agent: self.agent.clone() }
    }

    /// What forms must send along; empty where nobody is logged in.
    pub(crate) fn csrf(&self) -> &str {
        match &self.identity {
            Identity::Session(session) => session.csrf(),
            Identity::Nobody | Identity::Token(..) => "",
        }
    }

    /// Whether a form with this token was sent from a page of theirs.
    pub(super) fn wrote(&self, csrf: Option<&str>) -> bool {
        match &self.identity {
            Identity::Nobody => self.is_same_origin,
            Identity::Session(session) => {
                self.is_same_origin && csrf.is_some_and(|csrf| session.wrote(csrf))
            }
            Identity::Token(..) => true,
        }
    }

    /// Enters in the audit log what they did. What was done stays done if that fails; then the log
    /// of the process has it.
    pub(crate) async fn did(&self, app: &App, what: &str, about: impl ToString + Send) {
        self.did_as(self.name(), app, what, about).await;
    }

    /// The same as somebody whom they are only just known to be.
    pub(super) async fn did_as(
        &self,
        who: Option<String>,
        app: &App,
        what: &str,
        about: impl ToString + Send,
    ) {
        let deed = Deed {
            who,
            what: what.to_owned(),
            about: about.to_string(),
            address: self.address.to_string(),
        };
        if let Err(error) = app.accounts.audit(&deed, app.now()).await {
            tracing::error!(%error, ?deed, "cannot be entered in the audit log");
        }
    }

    async fn of(
        app: &App,
        sections: &[(Section, Permission)],
        request: &request::Parts,
    ) -> Result<Self, Problem> {
        let headers = &request.headers;
        let is_api =
            matches!(request.uri.path(), path if path.starts_with("/api/") || path == "/metrics");
        let identity = Identity::of(app, headers, is_api).await?;
        let chosen = Cookie::Language.of(headers).and_then(Language::of_tag);
        let accepted = || Language::accepted(text(headers, &ACCEPT_LANGUAGE)?);
        let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
        let mut seen = Seen {
            identity,
            words: Words::of(chosen.or_else(accepted).unwrap_or_default()),
            theme: Cookie::Theme.of(headers).and_then(Theme::of).unwrap_or_default(),
            notice: Cookie::Notice.of(headers).map(|notice| {
                let (key, value) = notice.split_once(':').unwrap_or((notice, ""));
                (key.to_owned(), value.to_owned())
            }),
            target: request.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned(),
            address: peer.map_or(Ipv4Addr::LOCALHOST.into(), |peer| peer.0.ip()),
            agent: text(headers, &USER_AGENT).unwrap_or_default().to_owned(),
            wants_part: headers.contains_key("hx-request"),
            is_api,
            is_same_origin: is_same_origin(headers),
            sections: Vec::new(),
        };
        if seen.user().is_some_and(|user| !user.must_change) {
            let may = |(_, needed): &&(Section, Permission)| seen.may(*needed);
            seen.sections = sections.iter().filter(may).map(|(section, _)| *section).collect();
        }
        Ok(Self(Arc::new(seen)))
    }
}

impl Seen {
    fn user(&self) -> Option<&User> {
        match &self.identity {
            Identity::Nobody => None,
            Identity::Session(session) => Some(&session.user),
            Identity::Token(user, _) => Some(user),
        }
    }

    fn may(&self, permission: Permission) -> bool {
        match &self.identity {
            Identity::Nobody => false,
            Identity::Session(session) => session.user.role.may(permission),
            Identity::Token(user, bound) => user.role.may(permission) && bound.may(permission),
        }
    }
}

impl Identity {
    /// Tokens are for the API, sessions for everything.
    async fn of(app: &App, headers: &HeaderMap, is_api: bool) -> Result<Self, Problem> {
        let bearer = text(headers, &AUTHORIZATION).and_then(|it| it.strip_prefix("Bearer "));
        if let Some(token) = bearer.filter(|_| is_api) {
            let user = app.accounts.token_user(token.trim(), app.now()).await?;
            return Ok(user.map_or(Self::Nobody, |(user, bound)| Self::Token(user, bound)));
        }
        let Some(token) = Cookie::Session.of(headers) else { return Ok(Self::Nobody) };
        let session = app.accounts.session(token, app.now()).await?;
        Ok(session.map_or(Self::Nobody, Self::Session))
    }
}

impl std::ops::Deref for Visitor {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.0
    }
}

/// Whether a browser says that a request comes from a page of the host it goes to. Programs that say
/// nothing of the kind are not made to ask by other sites.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    authority.is_some_and(|(_, authority)| text(headers, &HOST) == Some(authority))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What [`recognise`] needs: the app, and which sections there are.
#[derive(Clone, Debug)]
pub(super) struct Doorman {
    pub(super) app: App,
    pub(super) sections: Arc<[(Section, Permission)]>,
}

/// Finds out who asks, and shows them what went wrong in their language.
pub(super) async fn recognise(
    State(doorman): State<Doorman>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = match Visitor::of(&doorman.app, &doorman.sections, &parts).await {
        Ok(visitor) => visitor,
        Err(problem) => return problem::bare(&problem),
    };
    parts.extensions.insert(visitor.clone());
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(problem) = Problem::take(&mut response) {
        let mut page = match visitor.is_api {
            true => problem::json(&problem),
            false => problem::page(&visitor, &problem),
        };
        page.headers_mut().extend(response.headers_mut().remove(ALLOW).map(|it| (ALLOW, it)));
        response = page;
    }
    if visitor.notice.is_some() && response.extensions_mut().remove::<NoticeShown>().is_some() {
        Cookie::Notice.clear(doorman.app.secure, response.headers_mut());
    }
    response
}

/// A response in which the notice was shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoticeShown;

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Response> {
        let visitor = parts.extensions.get::<Self>().cloned();
        visitor.ok_or_else(|| {
            Problem::unavailable("a page was asked for without finding out by whom").into_response()
        })
    }
}
