//! Registering operations. There is no way to register one without saying who may call it.

use anyhow::anyhow;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::ApiError;
use crate::App;
use crate::access::Permission;

/// Name of the header that a changing request must carry with the value `1`. A page of another
/// origin cannot set it without a CORS permission, which this server never gives.
pub const CSRF_HEADER: &str = "x-saqshy-csrf";

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// Everybody, before signing in.
    Public,
    /// Whoever is signed in: one's own session.
    SignedIn,
    /// Whoever holds the permission.
    Allowed(Permission),
}

/// Collects operations and their gates.
pub struct Api {
    router: OpenApiRouter<App>,
}

impl Api {
    pub(crate) fn new(document: utoipa::openapi::OpenApi) -> Self {
        Self {
            router: OpenApiRouter::with_openapi(document),
        }
    }

    /// An operation that leaves no trace in the journal, for holders of `permission`.
    pub fn read(self, permission: Permission, routes: UtoipaMethodRouter<App>) -> Self {
        self.add(Gate::Allowed(permission), false, routes)
    }

    /// An operation that is journalled, for holders of `permission`.
    pub fn write(self, permission: Permission, routes: UtoipaMethodRouter<App>) -> Self {
        self.add(Gate::Allowed(permission), true, routes)
    }

    /// An operation on one's own session that is not journalled.
    pub fn signed_in_read(self, routes: UtoipaMethodRouter<App>) -> Self {
        self.add(Gate::SignedIn, false, routes)
    }

    /// An operation on one's own session that is journalled.
    pub fn signed_in_write(self, routes: UtoipaMethodRouter<App>) -> Self {
        self.add(Gate::SignedIn, true, routes)
    }

    /// A journalled operation that needs no session: signing in.
    pub fn public_write(self, routes: UtoipaMethodRouter<App>) -> Self {
        self.add(Gate::Public, true, routes)
    }

    fn add(
        mut self,
        gate: Gate,
        journalled: bool,
        (schemas, mut paths, methods): UtoipaMethodRouter<App>,
    ) -> Self {
        for item in paths.paths.values_mut() {
            let operations = [
                &mut item.get,
                &mut item.post,
                &mut item.put,
                &mut item.patch,
                &mut item.delete,
            ];
            for operation in operations.into_iter().flatten() {
                describe(operation, gate, journalled);
            }
        }
        let guard = from_fn_with_state(gate, guard);
        let methods = methods.route_layer(guard);
        self.router = self.router.routes((schemas, paths, methods));
        self
    }

    pub(crate) fn into_router(self) -> OpenApiRouter<App> {
        self.router
    }
}

/// Writes the gate into the API document: `x-saqshy`, the security requirement, the refusals.
fn describe(operation: &mut Operation, gate: Gate, journalled: bool) {
    let permission = match gate {
        Gate::Public => None,
        Gate::SignedIn => Some("session"),
        Gate::Allowed(permission) => Some(permission.name()),
    };
    let note = serde_json::json!({ "permission": permission, "journalled": journalled });
    operation.extensions = Some(Extensions::from_iter([("x-saqshy", note)]));
    let refusal = |what: &str| {
        let body = Content::new(Some(RefOr::Ref(Ref::from_schema_name("ErrorBody"))));
        RefOr::T(
            ResponseBuilder::new()
                .description(what)
                .content("application/json", body)
                .build(),
        )
    };
    let responses = &mut operation.responses.responses;
    responses.insert("default".to_owned(), refusal("Refused or failed"));
    if gate != Gate::Public {
        let scopes: [&str; 0] = [];
        operation.security = Some(vec![SecurityRequirement::new("session", scopes)]);
        responses.insert("401".to_owned(), refusal("Not signed in"));
        responses.insert("403".to_owned(), refusal("The permission is missing"));
    }
}

async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    match admit(gate, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// The application comes with the request (see `http::router`); without it nothing is admitted.
async fn admit(gate: Gate, request: &mut Request) -> Result<(), ApiError> {
    let app = request.extensions().get::<App>().cloned();
    let app = app.ok_or_else(|| ApiError::internal(anyhow!("request without application")))?;
    let changing = !matches!(*request.method(), Method::GET | Method::HEAD);
    if gate != Gate::Public {
        let who = app.who(request.headers()).await?;
        if let Gate::Allowed(permission) = gate
            && !who.permissions.contains(&permission)
        {
            return Err(ApiError::not_allowed(permission));
        }
        request.extensions_mut().insert(who);
    }
    let marked = request
        .headers()
        .get(CSRF_HEADER)
        .is_some_and(|value| value == "1");
    if changing && !marked {
        return Err(ApiError::csrf_header_missing());
    }
    Ok(())
}
