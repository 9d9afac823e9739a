//! What each request does.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

use super::access::{Bearer, refusal};
use super::{Limits, Shared, carried_out};
use crate::control::limits_desk::{Proposal, Standing, Submission};
use crate::control::limits_file::Difference;
use crate::control::names::Names;
use crate::pipeline::operator::{Command, KillCause, OperatorNote, Scope};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeRequest {
    scope: String,
    #[serde(default)]
    who: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsRequest {
    text: String,
    #[serde(default)]
    who: String,
    why: String,
    version: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfirmRequest {
    id: u32,
    #[serde(default)]
    who: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReconcileRequest {
    symbol: String,
    position: i64,
    #[serde(default)]
    who: String,
    why: String,
}

type Refused = (u16, String);

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| (400, format!("the body is not what this wants: {error}")))
}

/// Who asks: whose token it is, else who they say they are. Both texts are asked for.
fn person(bearer: &Bearer, who: &str, why: &str) -> Result<(String, OperatorNote), Refused> {
    let said = who.trim();
    let who = match &bearer.0 {
        Some(name) if said.is_empty() || said.eq_ignore_ascii_case(name) => name.as_str(),
        Some(name) => {
            return Err((403, format!("this token is {name}'s, and who says {said:?}: leave who out")));
        }
        None if said.is_empty() => return Err((400, "who is missing: who asks for it?".to_owned())),
        None => said,
    };
    if why.trim().is_empty() {
        return Err((400, "why is missing: the journal keeps it".to_owned()));
    }
    Ok((who.to_owned(), OperatorNote::new(who, why.trim())))
}

fn answer(result: Result<Value, Refused>) -> Response {
    match result {
        Ok(value) => {
            ([(header::CONTENT_TYPE, "application/json")], Body::from(value.to_string())).into_response()
        }
        Err((status, what)) => refusal(status, &what),
    }
}

type Common = (State<Arc<Shared>>, Extension<Bearer>);

pub(super) async fn kill((State(shared), Extension(bearer)): Common, body: Bytes) -> Response {
    let work = async {
        let ScopeRequest { scope, who, why } = read(&body)?;
        let (_, note) = person(&bearer, &who, &why)?;
        let scope = shared.names.scope(&scope).map_err(|what| (400, what))?;
        let command = Command::Kill { scope, cause: KillCause::Operator };
        let is_obeyed = shared.stop(note, command, scope == Scope::All).await;
        Ok(carried_out(is_obeyed))
    };
    answer(work.await)
}

pub(super) async fn reset((State(shared), Extension(bearer)): Common, body: Bytes) -> Response {
    let work = async {
        let ScopeRequest { scope, who, why } = read(&body)?;
        let (_, note) = person(&bearer, &who, &why)?;
        let scope = shared.names.scope(&scope).map_err(|what| (400, what))?;
        let is_obeyed = shared.give(note, &[Command::Reset { scope }]).await.map_err(|what| (503, what))?;
        let mut said = carried_out(is_obeyed);
        said["killed"] = json!(shared.kill.is_set());
        said["cause"] = json!(shared.kill.cause().map(KillCause::name));
        if shared.kill.is_final() {
            said["final"] = json!("the journal has failed: nothing lifts that, start anew with --resume");
        }
        Ok(said)
    };
    answer(work.await)
}

pub(super) async fn reconcile((State(shared), Extension(bearer)): Common, body: Bytes) -> Response {
    let work = async {
        let ReconcileRequest { symbol, position, who, why } = read(&body)?;
        let (_, note) = person(&bearer, &who, &why)?;
        let instrument = shared.names.instrument(&symbol);
        let instrument = instrument.ok_or_else(|| (400, format!("symbol {symbol:?} is not configured")))?;
        let ours = shared.board.position(instrument);
        let command = Command::Reconcile { instrument, position };
        let is_obeyed = shared.give(note, &[command]).await.map_err(|what| (503, what))?;
        let mut said = carried_out(is_obeyed);
        said["ours"] = json!(ours);
        said["killed"] = json!(shared.kill.is_set());
        Ok(said)
    };
    answer(work.await)
}

pub(super) async fn limits((State(shared), Extension(bearer)): Common, body: Bytes) -> Response {
    let work = async {
        let LimitsRequest { text, who, why, version } = read(&body)?;
        let (who, note) = person(&bearer, &who, &why)?;
        submit(&shared, "limits", &text, &who, note, version).await
    };
    answer(work.await)
}

pub(super) async fn confirm((State(shared), Extension(bearer)): Common, body: Bytes) -> Response {
    let work = async {
        let ConfirmRequest { id, who, why } = read(&body)?;
        let (who, note) = person(&bearer, &who, &why)?;
        let mut limits = shared.limits.lock().await;
        let submission = limits.now().confirm(id, &who, shared.now_s()).map_err(|what| (409, what))?;
        put_in_force(&shared, limits, note, &submission).await
    };
    answer(work.await)
}

/// Gives decide what was allowed, and says what it has made of it. While decide is waited for the desk is free for others.
async fn put_in_force(
    shared: &Shared,
    mut limits: MutexGuard<'_, Limits>,
    note: OperatorNote,
    submission: &Submission,
) -> Result<Value, Refused> {
    let commands: Vec<_> = submission.changes().map(Command::SetLimit).collect();
    let given = shared.put(note, &commands).await.map_err(|what| (503, what))?;
    limits.desk.given(submission);
    drop(limits);
    let is_obeyed = shared.is_obeyed(given).await;
    let mut limits = shared.limits.lock().await;
    let desk = limits.now();
    let mut said = carried_out(is_obeyed);
    said["version"] = json!(desk.version());
    for (key, standing) in
        [("applied", Standing::InForce), ("waiting", Standing::Waiting), ("refused", Standing::Refused)]
    {
        let of = submission.differences.iter().zip(submission.changes());
        let such: Vec<_> = of
            .filter(|(_, change)| desk.standing(change) == standing)
            .map(|(difference, _)| *difference)
            .collect();
        if !such.is_empty() || standing == Standing::InForce {
            said[key] = shown(&shared.names, &such);
        }
    }
    Ok(said)
}

fn shown(names: &Names, differences: &[Difference]) -> Value {
    differences.iter().map(|difference| difference.show(names)).collect()
}

fn proposed(names: &Names, proposal: Option<&Proposal>, now_s: u64) -> Value {
    proposal.map_or(Value::Null, |proposal| {
        json!({
            "id": proposal.id,
            "who": proposal.who,
            "changes": shown(names, &proposal.differences),
            "seconds_left": proposal.until_s.saturating_sub(now_s),
        })
    })
}

/// A limits file of somebody: what tightens goes to decide, what loosens waits. A proposal is noted in the journal too.
async fn submit(
    shared: &Shared,
    name: &str,
    text: &str,
    who: &str,
    note: OperatorNote,
    version: Option<u32>,
) -> Result<Value, Refused> {
    let mut limits = shared.limits.lock().await;
    let desk = limits.now();
    if let Some(version) = version.filter(|&version| version != desk.version()) {
        let now = desk.version();
        return Err((409, format!("the limits in force are version {now}, not {version}: look at /status")));
    }
    desk.is_settled().map_err(|what| (409, what))?;
    let now_s = shared.now_s();
    let submission = desk.submit(name, text, who, now_s).map_err(|what| (400, what))?;
    if submission.differences.is_empty() && submission.proposed.is_none() {
        desk.given(&submission);
        let version = desk.version();
        return Ok(json!({ "carried_out": true, "version": version, "applied": [], "proposed": null }));
    }
    let proposal = proposed(&shared.names, submission.proposed.as_ref(), now_s);
    let mut said = put_in_force(shared, limits, note, &submission).await?;
    said["proposed"] = proposal;
    Ok(said)
}

/// SIGHUP: the limits file again.
pub(super) async fn read_again(shared: &Shared, file: Option<&Path>) {
    let Some(file) = file else {
        eprintln!(
            "warptick: SIGHUP: the configuration names no limits file (limits = \"FILE\"): nothing was read"
        );
        return;
    };
    let name = file.display().to_string();
    let note = OperatorNote::new("SIGHUP", "the limits file was read again");
    let said = match std::fs::read_to_string(file) {
        Ok(text) => submit(shared, &name, &text, "SIGHUP", note, None).await.map_err(|(_, what)| what),
        Err(error) => Err(format!("{name}: {error}")),
    };
    match said {
        Ok(said) => eprintln!("warptick: SIGHUP: {said}"),
        Err(what) => eprintln!("warptick: SIGHUP: {what}; nothing was changed"),
    }
}

pub(super) async fn status((State(shared), _): Common) -> Response {
    shared.look_at_pulses().await;
    let names = &shared.names;
    let mut limits = shared.limits.lock().await;
    let (now_s, desk) = (shared.now_s(), limits.now());
    let proposal = proposed(names, desk.proposal(now_s), now_s);
    drop(limits);
    let (up, lost) = (shared.sessions.up(), shared.sessions.lost());
    let has = |mask: u64, venue: usize| venue < 64 && mask >> venue & 1 == 1;
    let sessions = names.venues().iter().enumerate();
    let sessions: Vec<_> = sessions
        .map(|(at, venue)| json!({ "venue": venue, "up": has(up, at), "lost": has(lost, at) }))
        .collect();
    let now = Instant::now();
    let pulses = shared.pulses.lock().await;
    let threads: Vec<_> = pulses
        .iter()
        .map(|seen| {
            let age = now.saturating_duration_since(seen.changed).as_millis();
            json!({ "stage": seen.name, "in_loop": seen.count != 0, "heartbeat_age_ms": age as u64 })
        })
        .collect();
    let blocks = shared.board.blocks().into_iter();
    let blocks: Vec<_> =
        blocks.map(|(scope, cause)| json!({ "scope": names.show(scope), "cause": cause.name() })).collect();
    let held = names.instruments().iter().map(|(symbol, number)| (symbol, shared.board.position(*number)));
    let positions: serde_json::Map<_, _> = held
        .filter(|(_, position)| *position != 0)
        .map(|(symbol, position)| (symbol.clone(), json!(position)))
        .collect();
    answer(Ok(json!({
        "killed": shared.kill.is_set(),
        "cause": shared.kill.cause().map(KillCause::name),
        "core_killed": shared.board.is_killed(),
        "blocks": blocks,
        "open_orders": shared.board.open_orders(),
        "decisions": shared.board.decision(),
        "sessions": sessions,
        "threads": threads,
        "positions": positions,
        "limits_version": shared.board.limits_version(),
        "proposal": proposal,
    })))
}
