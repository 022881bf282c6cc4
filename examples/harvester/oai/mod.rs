//! `harvester oai …`: asks a repository and prints what it answers.

mod check;
mod describe;
mod lists;
mod serve;

use oai_pmh::{Client, Reply, Set};

use crate::args::{AddressArgs, FormatsArgs, GetArgs, GlobalArgs, OaiCommand};
use crate::findings::Findings;
use crate::progress::Console;
use crate::report::{Failure, Status};
use crate::{json, network, output};

pub(crate) async fn run(
    command: OaiCommand,
    args: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let client = |address: &AddressArgs| network::client(&address.url, args, console);
    match command {
        OaiCommand::Identify(address) => identify(&client(&address)?, args, console).await,
        OaiCommand::Formats(it) => formats(&client(&it.address)?, &it, args, console).await,
        OaiCommand::Sets(address) => sets(&client(&address)?, args, console).await,
        OaiCommand::Identifiers(list) => {
            lists::identifiers(&client(&list.address)?, &list, console).await
        }
        OaiCommand::Records(list) => lists::records(&client(&list.address)?, &list, console).await,
        OaiCommand::Check(it) => check::run(&it, args, console).await,
        OaiCommand::Serve(serve) => serve::run(&serve, args, console).await,
        OaiCommand::Get(get) => record(&client(&get.address)?, &get, console).await,
    }
}

async fn identify(
    client: &Client,
    args: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let identify = told(client.identify().await?, console);
    output::print(match args.json {
        true => describe::identify_json(&identify),
        false => describe::identify(&identify),
    })?;
    Ok(Status::Complete)
}

async fn formats(
    client: &Client,
    formats: &FormatsArgs,
    args: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let identifier = formats.identifier.as_deref();
    let formats = told(client.list_metadata_formats(identifier).await?, console);
    if formats.is_empty() {
        console.aside("there are no formats");
    }
    output::print(match args.json {
        true => describe::formats_json(&formats),
        false => describe::formats(&formats),
    })?;
    Ok(Status::Complete)
}

async fn sets(client: &Client, args: &GlobalArgs, console: &Console) -> Result<Status, Failure> {
    let mut found: Vec<Set> = Vec::new();
    let mut list = client.list_sets();
    let ended = lists::follow(&mut list, "sets", false, console, |page, findings| {
        for item in std::mem::take(&mut page.items) {
            match item {
                Ok(set) => found.push(set),
                Err(broken) => findings.failed(&broken),
            }
        }
        true
    })
    .await;
    output::print(match args.json {
        true => describe::sets_json(&found),
        false => describe::sets(&found),
    })?;
    ended
}

async fn record(client: &Client, get: &GetArgs, console: &Console) -> Result<Status, Failure> {
    let record = told(client.get_record(&get.identifier, &get.format).await?, console);
    let mut line = Vec::new();
    json::record(&mut line, &record);
    output::print(line)?;
    Ok(Status::Complete)
}

/// The answer, once the repairs to it have been told.
fn told<T>(reply: Reply<T>, console: &Console) -> T {
    let mut findings = Findings::new(console);
    findings.repaired(&reply.issues);
    findings.summarise();
    reply.body
}
