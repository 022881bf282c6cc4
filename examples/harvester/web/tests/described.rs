//! The API does what its own description says, whatever is sent: schemathesis makes requests from it,
//! sound and unsound ones. Skipped where it is not installed: `third_party/install.sh` does that.

use std::path::Path;
use std::process::{Command, Stdio};

use harvest_pipeline::store::{RunKind, RunRequest};

use super::*;

/// What is looked at in every answer. Not whether all that the description allows is taken: what
/// options a kind of sources has, only the kind knows.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,\
                      negative_data_rejection,unsupported_method,ignored_auth";
/// A stream does not end; and whoever locks the administrator, or revokes the token, ends the test.
/// Connect asks whatever address is made up.
const EXCLUDED: [&str; 5] = [
    "/api/connect",
    "/api/events",
    "/api/tokens/{key}",
    "/api/users/{user}",
    "/api/users/{user}/password",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_sent_gets_an_answer_that_is_not_described() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let schemathesis = root.join(".venv/bin/schemathesis");
    if !schemathesis.exists() {
        eprintln!(
            "SKIPPED: schemathesis is not installed; examples/tests/third_party/install.sh does that"
        );
        return;
    }
    let world = World::in_one_database().await;
    for id in ["one", "two"] {
        world.source(id).await;
    }
    world.store.request_run(&RunRequest::new("one", RunKind::Harvest)).await.unwrap();
    world.user("root", Role::Administrator).await;
    let accounts = &world.app.accounts;
    let root = accounts.user("root").await.unwrap().unwrap().body;
    let token = accounts.add_token(&root, for_tests(), Utc::now()).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service =
        world.router.clone().into_make_service_with_connect_info::<std::net::SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, service).await });

    let mut command = Command::new(schemathesis);
    command
        .current_dir(world.folder.path())
        .args(["run", &format!("http://{address}/api/openapi.json")])
        .args(["--header", &format!("Authorization: Bearer {}", token.reveal())])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", "15", "--seed", "1", "--max-time", "45"])
        .args(["--continue-on-failure", "--request-timeout", "10"]);
    for path in EXCLUDED {
        command.args(["--exclude-path", path]);
    }
    command.stdin(Stdio::null());
    let ran = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    server.abort();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
}
