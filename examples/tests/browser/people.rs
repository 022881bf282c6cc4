//! Letting people in, and keeping them out, in a real browser.

use super::driver::{Browser, Shape};
use super::visit;

const PASSWORD: &str = "a long password";

#[tokio::test]
async fn somebody_is_let_in_with_a_password_for_one_login_and_kept_out_again() {
    // The administrator has come in with the password of the first start, and changed it.
    let Some((system, administrator)) = visit(Shape::Desk).await else { return };
    administrator.goto(&system.at("/settings")).await;
    assert!(administrator.text("main").await.contains("This session"));
    administrator.screenshot("settings-account").await;
    administrator.goto(&system.at("/settings/new-user")).await;
    administrator.fill("name", "vera").await;
    administrator.press("input[name='role'][value='operator']").await;
    administrator.fill("mail", "nobody").await;
    administrator.press("main button.primary").await;
    administrator.wait_for("[aria-invalid='true']").await;
    administrator.screenshot("settings-user-error").await;
    administrator.fill("mail", "vera@library.example").await;
    administrator.press("main button.primary").await;
    administrator.wait_for("code.secret").await;
    administrator.screenshot("settings-user-created").await;
    let given = administrator.text("code.secret").await;

    let Some(vera) = Browser::start(Shape::Phone).await else { return };
    vera.goto(&system.at("/sources")).await;
    vera.fill("name", "vera").await;
    vera.fill("password", &given).await;
    vera.press("main button.primary").await;
    vera.wait_for("[name='again']").await;
    vera.fill("old", &given).await;
    vera.fill("new", PASSWORD).await;
    vera.fill("again", PASSWORD).await;
    vera.press("main button.primary").await;
    vera.wait_for(".notice").await;
    vera.goto(&system.at("/sources")).await;
    vera.wait_for("a[href='/sources/new']").await;
    for (path, name) in
        [("/settings", "phone-settings-account"), ("/settings/tokens", "phone-settings-tokens")]
    {
        vera.goto(&system.at(path)).await;
        vera.screenshot(name).await;
        assert!(vera.fits().await, "{path} is wider than the phone");
    }
    vera.fill("purpose", "a script").await;
    vera.press("main form[action='/settings/tokens'] button.primary").await;
    vera.wait_for("code.secret").await;
    assert!(vera.text("code.secret").await.starts_with("hvt_"));

    administrator.goto(&system.at("/settings/users")).await;
    administrator.screenshot("settings-users").await;
    administrator.goto(&system.at("/settings/users/vera")).await;
    administrator.screenshot("settings-user").await;
    administrator.press("button[name='to'][value='locked']").await;
    administrator.wait_for(".notice").await;
    assert!(administrator.text("main").await.contains("Locked"));
    vera.goto(&system.at("/sources")).await;
    vera.wait_for("[name='password']").await;
    vera.fill("name", "vera").await;
    vera.fill("password", PASSWORD).await;
    vera.press("main button.primary").await;
    vera.wait_for(".errors").await;
    assert!(vera.text(".errors").await.contains("wrong"));
    vera.close().await;

    administrator.goto(&system.at("/settings/audit")).await;
    administrator.screenshot("settings-audit").await;
    let log = administrator.text("main table").await;
    for deed in ["User created", "User locked", "Login refused", "Password changed"] {
        assert!(log.contains(deed), "{deed}: {log}");
    }
    administrator.goto(&system.at("/settings/installation")).await;
    administrator.screenshot("settings-installation").await;
    assert!(administrator.text("main").await.contains("Alive"));
    administrator.close().await;
}
