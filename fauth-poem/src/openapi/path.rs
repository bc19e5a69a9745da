//! The endpoints of one path, which may be of several groups.

use poem::{Endpoint, EndpointExt as _, Request, Response, Result, endpoint::BoxEndpoint, http::Method};

use super::{
    doors::Doors,
    error::ApiError,
    source::{AtOnePath, Methods},
};

/// The endpoints of one path, each behind the guards of its group.
#[derive(Default)]
pub(super) struct OnePath {
    parts: Vec<Part>,
    /// Which part answers what none of them has.
    otherwise: usize,
}

/// Those of one API.
struct Part {
    methods: Vec<Method>,
    endpoint: BoxEndpoint<'static>,
}

impl OnePath {
    pub(super) fn add(&mut self, path: &str, doors: &Doors, endpoints: Methods) -> Result<(), ApiError> {
        let methods: Vec<Method> = endpoints.keys().cloned().collect();
        if let Some(twice) = methods.iter().find(|method| self.part_of(method).is_some()) {
            return Err(ApiError::OperationTwice { method: twice.as_str().into(), path: path.into() });
        }
        // A path on which everybody may do something is known to everybody.
        if doors.is_empty() {
            self.otherwise = self.parts.len();
        }
        let endpoint = doors.close(AtOnePath::new(endpoints).boxed());
        self.parts.push(Part { methods, endpoint });
        Ok(())
    }

    fn part_of(&self, method: &Method) -> Option<&Part> {
        self.parts.iter().find(|part| part.methods.contains(method))
    }
}

impl Endpoint for OnePath {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        // As poem does it: HEAD is GET where there is none.
        let as_get = || self.part_of(&Method::GET).filter(|_| *request.method() == Method::HEAD);
        let part = self.part_of(request.method()).or_else(as_get);
        match part.or_else(|| self.parts.get(self.otherwise)) {
            Some(part) => part.endpoint.call(request).await,
            None => Err(poem::error::NotFoundError.into()),
        }
    }
}
