//! What is given out again, and the switch that takes it out of the lists.

use std::time::Duration;

use harvest_pipeline::RunState;

use super::plant::Plant;
use super::*;

/// Waits until the clock shows another second: datestamps have no finer parts.
async fn next_second() {
    let begun = Utc::now().timestamp();
    while Utc::now().timestamp() == begun {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ask(world: &World, path: &str, query: &str) -> String {
    let answer = world.get(&Browser::default(), &format!("{path}?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}?{query}: {}", answer.body);
    answer.body
}

/// The names in a list, as they come: `a b-`.
async fn listed(world: &World, path: &str, more: &str) -> String {
    let query = format!("verb=ListIdentifiers&metadataPrefix=oai_dc{more}");
    let body = ask(world, path, &query).await;
    if body.contains("code=\"noRecordsMatch\"") {
        return "none".to_owned();
    }
    let headers = body.split("<header").skip(1).map(|header| {
        let name = header.split("<identifier>").nth(1).unwrap().split('<').next().unwrap();
        let mark = if header.starts_with(" status=\"deleted\"") { "-" } else { "" };
        format!("{}{mark}", name.rsplit(['/', ':']).next().unwrap())
    });
    headers.collect::<Vec<_>>().join(" ")
}

fn response_date(body: &str) -> String {
    body.split("<responseDate>").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

async fn two_sources() -> Plant {
    let plant = Plant::new().await;
    for source in ["maps", "old/prints"] {
        plant.source(source, None).await;
        for name in ["a", "b"] {
            plant.put(source, name, &format!("{name} of {source}"));
        }
        plant.harvest(source).await;
    }
    plant
}

async fn switch(plant: &Plant, to: &str) {
    let operator = plant.world.user(&format!("operator-{to}"), Role::Operator).await;
    let answer = plant.world.post(&operator, "/sources/maps/output", &[("to", to)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
}

#[tokio::test]
async fn all_sources_are_one_repository_and_each_is_one_of_its_own() {
    let plant = two_sources().await;
    let world = &plant.world;
    let identify = ask(world, "/oai", "verb=Identify").await;
    assert!(identify.contains("<baseURL>http://harvest.test/oai</baseURL>"), "{identify}");
    let all = ask(world, "/oai", "verb=ListRecords&metadataPrefix=oai_dc").await;
    for name in ["maps:", "old~2Fprints:"] {
        assert!(all.contains(&format!("<identifier>oai:harvest.test:{name}")), "{all}");
    }
    let sets = ask(world, "/oai", "verb=ListSets").await;
    assert!(sets.contains("<setSpec>old~2Fprints</setSpec>"), "{sets}");
    let in_set = ask(world, "/oai", "verb=ListIdentifiers&metadataPrefix=oai_dc&set=maps").await;
    assert_eq!(in_set.matches("<header>").count(), 2);
    assert!(!in_set.contains("prints"), "{in_set}");

    let one = "/oai/old%2Fprints";
    let identify = ask(world, one, "verb=Identify").await;
    assert!(identify.contains("<baseURL>http://harvest.test/oai/old%2Fprints</baseURL>"));
    let records = ask(world, one, "verb=ListRecords&metadataPrefix=oai_dc").await;
    assert_eq!(records.matches("<record>").count(), 2);
    assert!(!records.contains("oai:harvest.test"), "their own names: {records}");
    let nobody = world.get(&Browser::default(), "/oai/nobody?verb=Identify").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn lists_go_on_page_by_page_through_all_sources() {
    let plant = two_sources().await;
    let app = &plant.world.app;
    let settings = ProvideSettings { page_records: 1, ..ProvideSettings::default() };
    let holdings = Holdings {
        store: Arc::clone(&app.store),
        catalogue: Arc::clone(&app.catalogue),
        documents: app.accounts.documents().clone(),
        tally: Tally::default(),
        folder: None,
        callers: None,
    };
    let base = "http://harvest.test/".parse().unwrap();
    let router = Provide::new(settings, base, holdings).await.unwrap().router();
    let mut names = Vec::new();
    let mut query = "metadataPrefix=oai_dc&from=2020-01-01".to_owned();
    loop {
        let request = Request::get(format!("/oai?verb=ListIdentifiers&{query}"));
        let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let body = World::read(answer).await.body;
        let between =
            |start: &str| body.split(start).nth(1).map(|it| it.split('<').next().unwrap());
        names.push(between("<identifier>").unwrap().to_owned());
        match between("<resumptionToken") {
            Some(token) if !token.ends_with('>') => {
                let token = token.split('>').nth(1).unwrap();
                query = format!("resumptionToken={token}");
            }
            _ => break,
        }
    }
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
}

///
#[tokio::test]
async fn while_output_is_off_lists_are_empty_and_single_records_and_identify_answer() {
    let plant = two_sources().await;
    let world = &plant.world;
    let before = ask(world, "/oai/maps", "verb=ListRecords&metadataPrefix=oai_dc").await;
    let name = before.split("<identifier>").nth(1).unwrap().split('<').next().unwrap();
    switch(&plant, "off").await;
    for (path, more) in [
        ("/oai/maps", ""),
        ("/oai/maps", "&from=2020-01-01"),
        ("/oai/maps", "&from=2020-01-01T00:00:00Z&until=2999-01-01T00:00:00Z"),
        ("/oai", "&set=maps"),
    ] {
        for verb in ["ListRecords", "ListIdentifiers"] {
            let query = format!("verb={verb}&metadataPrefix=oai_dc{more}");
            let body = ask(world, path, &query).await;
            assert!(body.contains("code=\"noRecordsMatch\""), "{path} {query}: {body}");
        }
    }
    assert_eq!(listed(world, "/oai", "").await, "a b", "the other source is on");
    let identify = ask(world, "/oai/maps", "verb=Identify").await;
    assert!(identify.contains("<repositoryName>"), "{identify}");
    let name = format!("verb=GetRecord&metadataPrefix=oai_dc&identifier={name}");
    assert!(ask(world, "/oai/maps", &name).await.contains("of maps"));
    assert!(ask(world, "/oai/maps", "verb=ListMetadataFormats").await.contains("oai_dc"));
    let viewer = world.user("viewer", Role::Viewer).await;
    assert!(world.get(&viewer, "/sources/maps").await.body.contains("Off"));
}

#[tokio::test]
async fn who_asked_while_output_was_off_is_given_what_they_missed_when_they_come_back() {
    let plant = two_sources().await;
    let world = &plant.world;
    // Somebody is up to date; then something changes, and output is turned off.
    let identify = ask(world, "/oai/maps", "verb=Identify").await;
    let up_to_date = format!("&from={}", response_date(&identify));
    next_second().await;
    plant.put("maps", "b", "new before the switch");
    plant.harvest("maps").await;
    switch(&plant, "off").await;
    plant.put("maps", "c", "new while it is off");
    plant.harvest("maps").await;
    // They ask meanwhile, get nothing, and go by the time of the answer.
    assert_eq!(listed(world, "/oai/maps", &up_to_date).await, "none");
    next_second().await;
    let body = ask(world, "/oai/maps", "verb=Identify").await;
    let next = format!("&from={}", response_date(&body));
    assert_eq!(listed(world, "/oai/maps", &next).await, "none");
    next_second().await;
    switch(&plant, "on").await;
    let mut found: Vec<_> = {
        let found = listed(world, "/oai/maps", &next).await;
        found.split(' ').map(str::to_owned).collect()
    };
    found.sort();
    // What they had already may come again; what they missed must.
    assert!(found.contains(&"b".to_owned()) && found.contains(&"c".to_owned()), "{found:?}");
    // And it came with one change of the time only.
    assert_eq!(world.app.provide.make_up().await.unwrap(), 0);
}

#[tokio::test]
async fn who_did_not_ask_while_output_was_off_is_given_only_what_changed() {
    let plant = two_sources().await;
    let world = &plant.world;
    next_second().await;
    let identify = ask(world, "/oai/maps", "verb=Identify").await;
    let up_to_date = format!("&from={}", response_date(&identify));
    switch(&plant, "off").await;
    plant.put("maps", "c", "new while it is off");
    plant.harvest("maps").await;
    switch(&plant, "on").await;
    assert_eq!(listed(world, "/oai/maps", &up_to_date).await, "c");
}

#[tokio::test]
async fn who_asked_all_sources_is_made_up_for_too() {
    let plant = two_sources().await;
    let world = &plant.world;
    switch(&plant, "off").await;
    assert_eq!(listed(world, "/oai", "").await, "a b");
    next_second().await;
    let identify = ask(world, "/oai", "verb=Identify").await;
    let next = format!("&from={}", response_date(&identify));
    switch(&plant, "on").await;
    assert_eq!(listed(world, "/oai", &next).await, "a b");
}

#[tokio::test]
async fn what_is_undone_or_deleted_is_listed_as_a_change() {
    let plant = two_sources().await;
    let world = &plant.world;
    plant.put("maps", "b", "another title");
    let changed = plant.harvest("maps").await;
    assert_eq!(plant.state(changed).await, RunState::Succeeded);
    next_second().await;
    let identify = ask(world, "/oai/maps", "verb=Identify").await;
    let next = format!("&from={}", response_date(&identify));
    assert_eq!(listed(world, "/oai/maps", &next).await, "none");
    world.app.catalogue.undo(&"maps".into(), changed).await.unwrap();
    assert_eq!(listed(world, "/oai/maps", &next).await, "b");
    let records = ask(world, "/oai/maps", "verb=ListRecords&metadataPrefix=oai_dc").await;
    assert!(records.contains("b of maps") && !records.contains("another title"));
    // Of an archived source everything stays.
    let mut definition = world.store.source(&"maps".into()).await.unwrap().unwrap().definition;
    definition.status = harvest_pipeline::store::SourceStatus::Archived;
    world.store.change_source(&definition).await.unwrap();
    assert_eq!(listed(world, "/oai", "&set=maps").await.split(' ').count(), 2);
}

#[tokio::test]
async fn the_switch_is_set_by_form_and_by_the_api_and_stays_where_it_is_not_named() {
    let plant = two_sources().await;
    let world = &plant.world;
    let operator = world.user("operator", Role::Operator).await;
    let program = world.program("program", Role::Operator).await;
    let source = async || {
        let answer = world.get(&program, "/api/sources/maps").await;
        serde_json::from_str::<serde_json::Value>(&answer.body).unwrap()
    };
    let put = async |definition: &serde_json::Value| {
        let request = program.request("PUT", "/api/sources/maps");
        let request = request.header(CONTENT_TYPE, "application/json");
        let answer = world.ask(request.body(Body::from(definition.to_string())).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    };
    let mut definition = source().await["definition"].clone();
    assert_eq!(definition["output"], "on");
    definition["output"] = "off".into();
    // Folders are the administrators' alone; the API would refuse an operator's.
    definition["kind"] = "oai-pmh".into();
    definition["options"] = json!({ "url": "https://maps.example/oai" });
    put(&definition).await;
    let off = source().await;
    assert_eq!(off["definition"]["output"], "off");
    assert!(off["output_off_since"].is_string());
    definition.as_object_mut().unwrap().remove("output");
    put(&definition).await;
    assert_eq!(source().await["output_off_since"], off["output_off_since"]);

    let page = world.get(&operator, "/sources/maps/edit").await.body;
    assert!(page.contains("name=\"output\""), "{page}");
    let stored = world.store.source(&"maps".into()).await.unwrap().unwrap();
    let mut fields = crate::web::sources::filled(&stored.definition);
    fields.iter_mut().filter(|(name, _)| name == "output").for_each(|field| {
        field.1 = "on".to_owned();
    });
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    let answer = world.post(&operator, "/sources/maps/edit", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(source().await["definition"]["output"], "on");
}

#[tokio::test]
async fn what_is_disabled_is_not_there() {
    let world = World::new().await;
    let holdings = Holdings {
        store: Arc::clone(&world.store),
        catalogue: Arc::clone(&world.app.catalogue),
        documents: world.app.accounts.documents().clone(),
        tally: Tally::default(),
        folder: None,
        callers: None,
    };
    let settings = ProvideSettings { enabled: false, ..ProvideSettings::default() };
    let base = "http://harvest.test/".parse().unwrap();
    let provide = Provide::new(settings, base, holdings).await.unwrap();
    assert_eq!(provide.oai(), None);
    let request = Request::get("/oai?verb=Identify").body(Body::empty()).unwrap();
    let answer = provide.router().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}
