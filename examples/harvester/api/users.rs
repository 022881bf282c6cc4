//! Users: who may do what, for administrators.

use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use super::exchange::{Body, Created, Gone, Limit, Listing, Params, Reply};
use super::version::{Expected, Version, Versioned};
use crate::accounts::{AccountError, Document, Permission, Role, Standing, User};
use crate::web::App;
use crate::web::parts::form::is_mail;
use crate::web::problem::Problem;
use crate::web::settings::people::{self, known};
use crate::web::visitor::Visitor;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Permission::Administer;
    vec![
        Endpoint::get("/api/users", Administer, "The users, by name", list),
        Endpoint::post(
            "/api/users",
            Administer,
            "Adds a user, with a password that is good for the first login",
            add,
        ),
        Endpoint::get("/api/users/{user}", Administer, "A user", get),
        Endpoint::put(
            "/api/users/{user}",
            Administer,
            "Changes what a user is; role and lock of somebody else only",
            change,
        ),
        Endpoint::delete(
            "/api/users/{user}",
            Administer,
            "Removes a user, with all sessions and tokens",
            remove,
        ),
        Endpoint::post(
            "/api/users/{user}/password",
            Administer,
            "Gives a user a password that is good for the next login",
            reset,
        ),
    ]
}

/// Somebody who can log in.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Person {
    /// What they log in with.
    name: String,
    /// What they are.
    role: Role,
    /// The owner of the sources that a site contact looks after.
    site: String,
    /// Where reports go.
    mail: Option<String>,
    /// Whether they cannot log in.
    locked: bool,
    /// Whether they must change their password before anything else.
    must_change: bool,
    /// Since when there is this user.
    created: DateTime<Utc>,
}

impl From<User> for Person {
    fn from(user: User) -> Self {
        Self {
            site: user.site().to_owned(),
            name: user.name,
            role: user.role,
            mail: user.mail,
            locked: user.locked,
            must_change: user.must_change,
            created: user.created,
        }
    }
}

impl Person {
    fn version(&self) -> Version {
        Version::of(&(self.role, &self.site, &self.mail, self.locked, self.created))
    }

    fn versioned(user: Document<User>) -> Versioned<Reply<Self>> {
        let person = Self::from(user.body);
        Versioned { version: person.version(), answer: Reply(person) }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only those behind this name.
    after: Option<String>,
    /// So many at most.
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Params(wanted): Params<Wanted>,
) -> Result<Listing<Person>, Problem> {
    let found = app.accounts.users(wanted.after.as_deref(), wanted.limit.rows()).await?;
    let found = found.into_iter().map(|user| user.body.into()).collect();
    Ok(Listing::new(&visitor, wanted.limit.get(), found, |user: &Person| user.name.clone()))
}

async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Versioned<Reply<Person>>, Problem> {
    Ok(Person::versioned(known(&app, &name).await?))
}

/// A user to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    /// What they log in with.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[!-~]+$"))]
    name: String,
    /// What they are.
    role: Role,
    /// The owner of the sources that a site contact looks after; none: the user's name.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[!-~]+$"))]
    site: Option<String>,
    /// Where reports go.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[!-?A-~]+@[!-?A-~]+$"))]
    mail: Option<String>,
}

/// A user, and the password that is good for one login. It is told this once.
#[derive(Debug, Serialize, JsonSchema)]
struct LetIn {
    /// The user.
    user: Person,
    /// The password.
    password: String,
}

async fn add(
    State(app): State<App>,
    visitor: Visitor,
    Body(new): Body<NewPerson>,
) -> Result<Created<LetIn>, Problem> {
    let NewPerson { name, role, site, mail } = new;
    let standing = Changed { role, site, mail, locked: false }.standing()?;
    let added = people::add(&app, &visitor, &name, standing).await;
    let password = added.map_err(|error| match error {
        AccountError::Name => Problem::bad_request(format!("name: {error}")),
        error => error.into(),
    })?;
    let user: Person = known(&app, &name).await?.body.into();
    let at = format!("/api/users/{}", super::in_path(&user.name));
    Ok(Created { at, value: LetIn { user, password: password.reveal().to_owned() } })
}

/// What can be changed of a user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Changed {
    /// What they are.
    role: Role,
    /// The owner of the sources that a site contact looks after; none: the user's name.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[!-~]+$"))]
    site: Option<String>,
    /// Where reports go.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[!-?A-~]+@[!-?A-~]+$"))]
    mail: Option<String>,
    /// Whether they cannot log in.
    #[serde(default)]
    locked: bool,
}

impl Changed {
    fn standing(self) -> Result<Standing, Problem> {
        let Self { role, site, mail, locked } = self;
        if site.as_ref().is_some_and(|site| !people::is_sound(site)) {
            return Err(Problem::bad_request("site: its name has 1 to 200 characters"));
        }
        if mail.as_ref().is_some_and(|mail| !is_mail(mail)) {
            return Err(Problem::bad_request("mail: that is no address"));
        }
        Ok(Standing { role, site, mail, locked })
    }
}

async fn change(
    State(app): State<App>,
    visitor: Visitor,
    expected: Expected,
    Path(name): Path<String>,
    Body(changed): Body<Changed>,
) -> Result<Versioned<Reply<Person>>, Problem> {
    let standing = changed.standing()?;
    let user = known(&app, &name).await?;
    expected.check(Some(&Person::from(user.body.clone()).version()))?;
    people::change(&app, &visitor, user, standing).await?;
    Ok(Person::versioned(known(&app, &name).await?))
}

async fn remove(
    State(app): State<App>,
    visitor: Visitor,
    expected: Expected,
    Path(name): Path<String>,
) -> Result<Gone, Problem> {
    let user = known(&app, &name).await?.body;
    expected.check(Some(&Person::from(user.clone()).version()))?;
    people::remove(&app, &visitor, &user).await?;
    Ok(Gone)
}

async fn reset(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Reply<LetIn>, Problem> {
    let user = known(&app, &name).await?.body;
    let password = people::reset(&app, &visitor, &user).await?;
    let user = known(&app, &name).await?.body.into();
    Ok(Reply(LetIn { user, password: password.reveal().to_owned() }))
}
