//! The trusted issuers of a provider, checked in `build`.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::inner::{Foreign, ForeignUsers};
use crate::{
    config::AuthConfig,
    error::ConfigError,
    remote::KeyContext,
    token::TokenPayload,
    trusted_issuer::{IssuerResolver, Tenants, Trusted, TrustedIssuer},
    user::{AuthUser, UserLoader},
};

/// Every token of another issuer is compared with each of them.
const MAX_ISSUERS: usize = 100;

/// The settings for other issuers.
pub(super) struct ForeignOptions<U> {
    pub(super) issuers: Vec<TrustedIssuer>,
    pub(super) users: Option<ForeignUsers<U>>,
    /// And how many of its answers are kept.
    pub(super) resolver: Option<(Box<dyn IssuerResolver>, usize)>,
}

impl<U> Default for ForeignOptions<U> {
    fn default() -> Self {
        Self { issuers: Vec::new(), users: None, resolver: None }
    }
}

impl<U> ForeignOptions<U> {
    /// Is no other issuer trusted?
    pub(super) const fn is_empty(&self) -> bool {
        self.issuers.is_empty() && self.resolver.is_none()
    }

    /// Checks all settings; `None` if no other issuer is trusted. `loader` finds the users of other
    /// issuers if nothing else was set for them.
    pub(super) fn build(
        self,
        config: &AuthConfig,
        context: KeyContext,
        has_own_tokens: bool,
        loader: Option<Arc<dyn UserLoader<U>>>,
    ) -> Result<Option<Box<Foreign<U>>>, ConfigError> {
        let is_empty = self.is_empty();
        let Self { issuers, users, resolver } = self;
        if is_empty {
            return users.map_or(Ok(None), |users| Err(nobody_trusted(&users)));
        }
        if issuers.len() > MAX_ISSUERS {
            let problem = format!("there are more than {MAX_ISSUERS}");
            return Err(ConfigError::new("trusted_issuer", problem, "trust fewer"));
        }
        let mut trusted: Vec<Arc<Trusted>> = Vec::new();
        for issuer in issuers {
            let issuer = issuer.build()?;
            refuse_same(&issuer, &trusted, config)?;
            trusted.push(Arc::new(issuer));
        }
        let tenants = resolver.map(|(resolver, capacity)| Tenants::new(resolver, capacity, context));
        let tenants = tenants.transpose()?;
        let users = users.or_else(|| loader.map(ForeignUsers::Loader));
        let users = users.ok_or_else(|| no_foreign_users(has_own_tokens))?;
        Ok(Some(Box::new(Foreign {
            issuers: trusted,
            users,
            max_token_bytes: config.max_token_bytes(),
            own: config.issuer().map(Into::into),
            tenants,
        })))
    }
}

fn nobody_trusted<U>(users: &ForeignUsers<U>) -> ConfigError {
    let (field, problem) = match users {
        ForeignUsers::Claims(_) => {
            ("user_from_claims", "there is no trusted issuer whose claims could be read")
        }
        ForeignUsers::Loader(_) => {
            ("foreign_user_loader", "there is no trusted issuer whose users could be loaded")
        }
    };
    ConfigError::new(field, problem, "call `.trusted_issuer(…)`, or `.user_loader(…)` for own tokens")
}

fn no_foreign_users(has_own_tokens: bool) -> ConfigError {
    if has_own_tokens {
        ConfigError::new(
            "foreign_user_loader",
            "other issuers are trusted in addition to own tokens, and there is no loader for their \
             users: `user_loader` is called for own subjects only",
            "call `.user_from_claims(…)` or `.foreign_user_loader(…)`",
        )
    } else {
        let fix = "call `.user_loader(…)` or `.user_from_claims(…)`";
        ConfigError::new("user_loader", "there is no user loader", fix)
    }
}

fn refuse_same(issuer: &Trusted, others: &[Arc<Trusted>], config: &AuthConfig) -> Result<(), ConfigError> {
    let name = issuer.issuer();
    if config.issuer() == Some(name) {
        return Err(ConfigError::new(
            "trusted_issuer",
            format!("`{name}` is also the issuer of own tokens, so that tokens could not be told apart"),
            "give the own tokens another `issuer`, or leave the trusted issuer out",
        ));
    }
    if others.iter().any(|other| other.issuer() == name) {
        return Err(ConfigError::new(
            "trusted_issuer",
            format!("`{name}` was added twice"),
            "describe each issuer once: it may have several audiences and algorithms",
        ));
    }
    Ok(())
}

impl<U> Foreign<U> {
    /// Passes the clock and the events to the sources of keys.
    pub(super) fn prepare(&self, context: &KeyContext) -> Result<(), ConfigError> {
        self.issuers.iter().try_for_each(|issuer| issuer.prepare(context.clone()))
    }

    /// The names of the issuers.
    pub(super) fn names(&self) -> Vec<String> {
        self.issuers.iter().map(|issuer| issuer.issuer().to_owned()).collect()
    }

    /// The longest time for which a token of any of them can be accepted.
    pub(super) fn longest(&self) -> Duration {
        let longest = self.issuers.iter().map(|issuer| issuer.longest()).max();
        let longest = Duration::from_secs(longest.unwrap_or_default());
        if self.tenants.is_some() { longest.max(Tenants::longest()) } else { longest }
    }
}

/// For a provider without own tokens and API keys.
pub(super) fn no_users<U: AuthUser>() -> Arc<dyn UserLoader<U>> {
    Arc::new(async |_: Arc<TokenPayload>| Ok::<Option<U>, Infallible>(None))
}
