//! Users: who there is, what they are, and letting them in.

pub(super) mod create;
pub(super) mod detail;
pub(super) mod list;

use maud::{Markup, html};

use crate::accounts::{AccountError, Role, Standing, User};
use crate::web::parts::form::{Errors, Field, is_mail};
use crate::web::parts::{Tone, badge};
use crate::web::problem::Problem;
use crate::web::settings::{people, role_name};
use crate::web::sources::Typed;
use crate::words::Words;

/// How it is with a user, at a glance.
fn state(words: Words, user: &User) -> Markup {
    html! {
        @if user.locked { (badge(Tone::Bad, words.text("user.locked"))) }
        @else if user.must_change { (badge(Tone::Warning, words.text("user.must-change"))) }
        @else { (badge(Tone::Good, words.text("user.active"))) }
    }
}

/// The fields of what a user is.
fn fields(words: Words, typed: &Typed, errors: &Errors) -> Markup {
    let roles = Role::ALL.map(|role| {
        (role.as_str().to_owned(), format!("{}: {}", role_name(words, role), may(words, role)))
    });
    html! {
        (Field::radio("role", words.text("user.role"), roles.into())
            .value(typed.get("role")).show(words, errors))
        (Field::text("site", words.text("user.site"))
            .value(typed.get("site")).hint(words.text("user.site-hint")).show(words, errors))
        (Field::text("mail", words.text("user.mail"))
            .value(typed.get("mail")).hint(words.text("user.mail-hint")).show(words, errors))
    }
}

/// What somebody of a role may do, in words.
fn may(words: Words, role: Role) -> &'static str {
    words.find(&format!("user.may.{}", role.as_str())).unwrap_or_default()
}

/// What a form is filled with.
fn fill(standing: &Standing) -> Typed {
    let mut typed = Typed::default();
    typed.put("role", standing.role.as_str());
    typed.put("site", standing.site.clone().unwrap_or_default());
    typed.put("mail", standing.mail.clone().unwrap_or_default());
    typed
}

/// What was typed; what is wrong with it is added to the errors.
fn read(words: Words, typed: &Typed, errors: &mut Errors) -> Option<Standing> {
    let role = Role::ALL.into_iter().find(|role| role.as_str() == typed.get("role"));
    if role.is_none() {
        errors.add("role", words.fill("form.choice", &[("field", &words.text("user.role"))]));
    }
    let site = typed.some("site").map(str::to_owned);
    if site.as_ref().is_some_and(|site| !people::is_sound(site)) {
        errors.add("site", words.text("user.site-invalid"));
    }
    let mail = typed.some("mail").map(str::to_owned);
    if mail.as_ref().is_some_and(|mail| !is_mail(mail)) {
        errors.add("mail", words.fill("form.mail", &[("field", &words.text("user.mail"))]));
    }
    let role = role.filter(|_| errors.is_empty())?;
    Some(Standing { role, site, mail, locked: false })
}

/// What is refused, as what is wrong with a form.
fn refused(words: Words, error: AccountError) -> Result<Errors, Problem> {
    let (field, key) = match &error {
        AccountError::Name => ("name", "user.name-invalid"),
        AccountError::NameTaken(_) => ("name", "user.name-taken"),
        AccountError::LastAdministrator => ("role", "user.last-administrator"),
        AccountError::Oneself => ("role", "user.oneself"),
        _ => return Err(error.into()),
    };
    let mut errors = Errors::none();
    errors.add(field, words.text(key));
    Ok(errors)
}

/// What is refused, as a problem of its own.
fn not_done(words: Words, error: AccountError) -> Problem {
    match refused(words, error) {
        Ok(errors) => Problem::refused(errors.messages().next().unwrap_or_default()),
        Err(problem) => problem,
    }
}
