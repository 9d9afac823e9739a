//! Who may speak to the port: the right Host and Origin, and a token. Refusals in JSON.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Shared;

/// Whose token a request has carried; `None`: that of whoever says who they are.
#[derive(Clone, Debug)]
pub(super) struct Bearer(pub(super) Option<String>);

/// An answer that says what is wrong.
pub(super) fn refusal(status: u16, what: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], Body::from(json!({ "error": what }).to_string()))
        .into_response()
}

/// Lets a request through that may speak, with its [`Bearer`].
pub(super) async fn check(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    match bearer(&shared, request.headers()) {
        Ok(bearer) => {
            request.extensions_mut().insert(bearer);
            next.run(request).await
        }
        Err((status, what)) => refusal(status, what),
    }
}

fn bearer(shared: &Shared, headers: &HeaderMap) -> Result<Bearer, (u16, &'static str)> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
    let ours = |authority: &str| {
        shared.address.is_some_and(|address| {
            let named = [address.to_string(), format!("localhost:{}", address.port())];
            named.iter().any(|name| name.eq_ignore_ascii_case(authority))
        })
    };
    if !text(header::HOST).is_some_and(ours) {
        return Err((403, "Host is not this port: call it by 127.0.0.1:PORT or localhost:PORT"));
    }
    if let Some(origin) = text(header::ORIGIN)
        && !origin.strip_prefix("http://").is_some_and(ours)
    {
        return Err((403, "Origin is not this port: no web page may speak here"));
    }
    let given = text(header::AUTHORIZATION).and_then(|given| given.strip_prefix("Bearer "));
    let Some(given) = given else {
        return Err((401, "no token: send `Authorization: Bearer TOKEN`"));
    };
    // Every token is compared, so that the time says nothing about which.
    let matching = shared.tokens.iter().fold(None, |found, token| {
        if token.token.equals(given.trim().as_bytes()) { Some(Bearer(token.name.clone())) } else { found }
    });
    matching.ok_or((401, "wrong token: it is what operator.token_env or people names"))
}
