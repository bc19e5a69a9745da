//! The providers that live in this process, so that `build` can report two that would accept each
//! other's users as their own.
//!
//! It compares what is visible inside one process: names, fingerprints of keys, locations of
//! stores. Two processes that share a store or secret cannot be detected this way.

use std::{
    any::TypeId,
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use zeroize::Zeroizing;

use crate::{error::ConfigError, store::StoreLocation, token::TokenProfile};

/// What is known of a provider for as long as it lives.
pub(super) struct Resident {
    pub(super) application: Box<str>,
    /// The type of its users, and the type's name.
    pub(super) users: (TypeId, &'static str),
    /// Of each of its keys.
    pub(super) fingerprints: Vec<Zeroizing<String>>,
    /// The location of each of its stores.
    pub(super) places: Vec<StoreLocation>,
    pub(super) profile: TokenProfile,
    /// The names of the cookies of its CSRF tokens.
    pub(super) csrf_cookies: Vec<Box<str>>,
    /// It was declared that it may share its application with others.
    pub(super) may_share: bool,
}

/// The providers of one process.
pub(super) struct Registry(Mutex<State>);

struct State {
    residents: Vec<Weak<Resident>>,
    /// The applications with a logged warning, and whether that was about their cookies. Names come
    /// from the configuration, so this set is small.
    warned: BTreeSet<(Box<str>, bool)>,
}

/// What two providers of one application have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Common {
    Secret,
    Store,
}

/// A warning about the second of two providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Warning {
    /// Both belong to one application.
    Twice,
    /// Both also have a memory store of their own, so each knows only its own logouts.
    TwoMemories,
    /// Different applications, but with the same cookie name for CSRF tokens.
    OneCsrfCookie,
}

/// The registry of this process.
pub(super) static PROCESS: Registry = Registry::new();

impl Registry {
    const fn new() -> Self {
        Self(Mutex::new(State { residents: Vec::new(), warned: BTreeSet::new() }))
    }

    /// Registers a provider, if it can live beside the others. It is removed when the last clone of
    /// the result is dropped. Each warning is returned once for each application.
    pub(super) fn admit(&self, new: Resident) -> Result<(Arc<Resident>, Option<Warning>), ConfigError> {
        // A panic leaves the data consistent, so poisoning is ignored.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.residents.retain(|other| other.strong_count() > 0);
        let others: Vec<_> = state.residents.iter().filter_map(Weak::upgrade).collect();
        let mut warning = None;
        for other in others.iter().filter(|other| !new.may_share && !other.may_share) {
            new.refuse_other_format(other)?;
            let found = new.compare(other)?;
            let is_shared = || new.shares_csrf_cookie_with(other).then_some(Warning::OneCsrfCookie);
            warning = found.or(warning).or_else(is_shared);
        }
        let warning = warning.filter(|warning| {
            let is_of_cookie = *warning == Warning::OneCsrfCookie;
            state.warned.insert((new.application.clone(), is_of_cookie))
        });
        let new = Arc::new(new);
        state.residents.push(Arc::downgrade(&new));
        Ok((new, warning))
    }

    /// The user types of all living providers, each once.
    pub(super) fn users(&self) -> Vec<&'static str> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let users = state.residents.iter().filter_map(Weak::upgrade).map(|resident| resident.users.1);
        users.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Resident {
    /// What two providers of one name have in common.
    fn common(&self, other: &Self) -> Option<Common> {
        if self.shares_key_with(other) {
            Some(Common::Secret)
        } else if self.shares_store_with(other) {
            Some(Common::Store)
        } else {
            None
        }
    }

    fn shares_key_with(&self, other: &Self) -> bool {
        self.fingerprints.iter().any(|own| other.fingerprints.contains(own))
    }

    fn shares_store_with(&self, other: &Self) -> bool {
        self.places.iter().any(|own| other.places.iter().any(|place| own.is_same_as(place)))
    }

    fn shares_csrf_cookie_with(&self, other: &Self) -> bool {
        self.csrf_cookies.iter().any(|own| other.csrf_cookies.contains(own))
    }

    /// Tokens in the format of the Python fauth do not name their application.
    fn refuse_other_format(&self, other: &Self) -> Result<(), ConfigError> {
        let names_it = |resident: &Self| resident.profile == TokenProfile::Standard;
        let same_name = self.application == other.application;
        if same_name || (names_it(self) && names_it(other)) || !self.shares_key_with(other) {
            return Ok(());
        }
        let problem = format!(
            "the application `{}` has the same secret as `{}` in this process, and tokens in the format of \
             the Python fauth do not say of which application they are",
            self.application, other.application,
        );
        Err(ConfigError::new(
            "token_profile",
            problem,
            "give each application a secret of its own, or use the standard profile for both",
        ))
    }

    fn compare(&self, other: &Self) -> Result<Option<Warning>, ConfigError> {
        if self.application != other.application {
            return Ok(None);
        }
        let Some(common) = self.common(other) else { return Ok(None) };
        if self.users.0 != other.users.0 {
            return Err(self.same_name(other, common));
        }
        let remembers_alone = |resident: &Self| {
            !resident.places.is_empty() && resident.places.iter().all(|place| !place.can_be_shared())
        };
        let two_memories = remembers_alone(self) && remembers_alone(other) && !self.shares_store_with(other);
        Ok(Some(if two_memories { Warning::TwoMemories } else { Warning::Twice }))
    }

    fn same_name(&self, other: &Self, common: Common) -> ConfigError {
        let common = match common {
            Common::Secret => "secret",
            Common::Store => "store",
        };
        let problem = format!(
            "two providers in this process have the name `{}` and one {common}, one for users of type `{}` and \
             one for users of type `{}`: each would accept the other's users as its own",
            self.application, other.users.1, self.users.1,
        );
        ConfigError::new(
            "application",
            problem,
            "give each a name (`AuthConfigBuilder::application`, FAUTH_APPLICATION), or call \
             `.danger_share_application()` if they are one application",
        )
    }
}

impl Warning {
    pub(super) fn raise(self, application: &str) {
        match self {
            Self::Twice => tracing::warn!(
                target: "fauth",
                application,
                "a second provider was built for one application: build it once and clone it, clones share \
                 everything; another application needs a name of its own (FAUTH_APPLICATION)"
            ),
            Self::TwoMemories => tracing::warn!(
                target: "fauth",
                application,
                "a second provider was built for one application, with a memory store of its own: a logout at \
                 one is unknown to the other, so that it works in one worker only; build the provider once, \
                 outside of the function that makes an application for each worker (before \
                 `HttpServer::new` in actix-web), and clone it into that"
            ),
            Self::OneCsrfCookie => tracing::warn!(
                target: "fauth",
                application,
                "another provider of this process has the same cookie for its CSRF tokens: on one host each \
                 overwrites that of the other, so that scripts are refused; give one of them a name of its \
                 own (`CsrfTokens::cookie_name`)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Customer;
    struct Staff;

    fn resident<U: 'static>(
        application: &str,
        secret: &str,
        place: impl Into<Option<StoreLocation>>,
    ) -> Resident {
        Resident {
            application: application.into(),
            users: (TypeId::of::<U>(), std::any::type_name::<U>()),
            fingerprints: vec![Zeroizing::new(secret.to_owned())],
            places: Vec::from_iter(place.into()),
            profile: TokenProfile::Standard,
            csrf_cookies: Vec::new(),
            may_share: false,
        }
    }

    fn here(contents: &Arc<()>) -> StoreLocation {
        StoreLocation::in_process(contents)
    }

    #[track_caller]
    fn admitted(registry: &Registry, new: Resident) -> (Arc<Resident>, Option<Warning>) {
        registry.admit(new).unwrap()
    }

    #[track_caller]
    fn refused(registry: &Registry, new: Resident, field: &str) -> ConfigError {
        let Err(error) = registry.admit(new) else { panic!("admitted") };
        assert_eq!(error.field(), field, "{error}");
        error
    }

    #[test]
    fn users_of_two_types_do_not_share_a_name_and_a_secret() {
        let registry = Registry::new();
        let (first, warning) = admitted(&registry, resident::<Customer>("shop", "one", None));
        assert_eq!(warning, None);
        let error = refused(&registry, resident::<Staff>("shop", "one", None), "application");
        for word in ["shop", "secret", "Customer", "Staff", "FAUTH_APPLICATION", "danger_share_application"] {
            assert!(error.to_string().contains(word), "{word}: {error}");
        }
        let mut rotated = resident::<Staff>("shop", "two", None);
        rotated.fingerprints.push(Zeroizing::new("one".to_owned()));
        refused(&registry, rotated, "application");
        let others = [("shop", "two"), ("staff", "one")];
        for (name, secret) in others {
            assert_eq!(admitted(&registry, resident::<Staff>(name, secret, None)).1, None);
        }
        drop(first);
        assert_eq!(admitted(&registry, resident::<Staff>("shop", "one", None)).1, None, "it is gone");
    }

    #[test]
    fn users_of_two_types_do_not_share_a_name_and_a_store() {
        let (registry, contents, others) = (Registry::new(), Arc::new(()), Arc::new(()));
        let _first = admitted(&registry, resident::<Customer>("shop", "one", here(&contents)));
        let error = refused(&registry, resident::<Staff>("shop", "two", here(&contents)), "application");
        assert!(error.problem().contains("one store"), "{error}");
        for place in [Some(here(&others)), None, Some(StoreLocation::unknown())] {
            assert_eq!(admitted(&registry, resident::<Staff>("shop", "two", place)).1, None);
        }
        assert!(registry.admit(resident::<Staff>("staff", "two", here(&contents))).is_ok());
    }

    #[test]
    fn who_says_so_may_share() {
        for first_says_it in [true, false] {
            let registry = Registry::new();
            let mut first = resident::<Customer>("shop", "one", None);
            let mut second = resident::<Staff>("shop", "one", None);
            (if first_says_it { &mut first } else { &mut second }).may_share = true;
            let _first = admitted(&registry, first);
            assert_eq!(admitted(&registry, second).1, None);
        }
        // What two have said of themselves says nothing of a third.
        let registry = Registry::new();
        let mut first = resident::<Customer>("shop", "one", None);
        first.may_share = true;
        let _first = admitted(&registry, first);
        let _second = admitted(&registry, resident::<Customer>("shop", "one", None));
        refused(&registry, resident::<Staff>("shop", "one", None), "application");
    }

    #[test]
    fn the_same_provider_twice_is_warned_of_once_for_each_application() {
        let registry = Registry::new();
        let (shared, alone) = (Arc::new(()), [Arc::new(()), Arc::new(())]);
        let build = |name: &str, place: Option<StoreLocation>| {
            admitted(&registry, resident::<Customer>(name, "one", place))
        };
        let mut residents = vec![build("shop", Some(here(&shared))).0];
        for expected in [Some(Warning::Twice), None, None] {
            let (resident, warning) = build("shop", Some(here(&shared)));
            residents.push(resident);
            assert_eq!(warning, expected);
        }
        residents.push(build("staff", Some(here(&alone[0]))).0);
        assert_eq!(build("staff", Some(here(&alone[1]))).1, Some(Warning::TwoMemories));
        residents.push(build("jobs", Some(here(&alone[0]))).0);
        assert_eq!(build("jobs", None).1, Some(Warning::Twice), "a provider without a store");
        // A logout reaches both by what others can reach, be it only one of several stores.
        let (here, elsewhere) = (|| here(&alone[1]), StoreLocation::unknown);
        for (name, first, second) in [
            ("web", vec![here()], vec![elsewhere()]),
            ("api", vec![elsewhere()], vec![here()]),
            ("app", vec![here()], vec![StoreLocation::in_process(&alone[0]), elsewhere()]),
            ("cli", vec![elsewhere(), here()], vec![StoreLocation::in_process(&shared)]),
        ] {
            let at = |places| Resident { places, ..resident::<Customer>(name, "one", None) };
            let first = admitted(&registry, at(first)).0;
            assert_eq!(admitted(&registry, at(second)).1, Some(Warning::Twice), "{name}");
            residents.push(first);
        }
    }

    #[test]
    fn one_csrf_cookie_of_two_applications_is_warned_of() {
        let registry = Registry::new();
        let with = |application: &str, secret: &str, cookies: &[&str]| Resident {
            csrf_cookies: cookies.iter().map(|name| (*name).into()).collect(),
            ..resident::<Customer>(application, secret, None)
        };
        let _first = admitted(&registry, with("shop", "one", &["__Host-csrf"]));
        for (name, cookies, expected) in [
            ("staff", ["__Host-staff-csrf"].as_slice(), None),
            ("none", &[], None),
            ("other", &["csrf", "__Host-csrf"], Some(Warning::OneCsrfCookie)),
            ("other", &["__Host-csrf"], None),
        ] {
            assert_eq!(admitted(&registry, with(name, name, cookies)).1, expected, "{name}");
        }
        // What is worse is said first.
        let second = admitted(&registry, with("shop", "one", &["__Host-csrf"]));
        assert_eq!(second.1, Some(Warning::Twice));
        let mut said = with("said", "two", &["__Host-csrf"]);
        said.may_share = true;
        assert_eq!(admitted(&registry, said).1, None);
    }

    #[test]
    fn one_store_of_several_is_a_store_in_common() {
        let (registry, stores) = (Registry::new(), [Arc::new(()), Arc::new(()), Arc::new(())]);
        let at = |places: [usize; 2]| places.map(|place| here(&stores[place])).to_vec();
        let first = Resident { places: at([0, 1]), ..resident::<Customer>("shop", "one", None) };
        let second = Resident { places: at([2, 1]), ..resident::<Staff>("shop", "two", None) };
        let _first = admitted(&registry, first);
        refused(&registry, second, "application");
    }

    /// While an application moves from one format to the other.
    #[test]
    fn one_application_may_have_both_formats() {
        for [first, second] in [
            [TokenProfile::PythonFauthMigration, TokenProfile::Standard],
            [TokenProfile::Standard, TokenProfile::PythonFauth],
        ] {
            let registry = Registry::new();
            let at = |profile| Resident { profile, ..resident::<Customer>("shop", "one", None) };
            let _first = admitted(&registry, at(first));
            assert_eq!(admitted(&registry, at(second)).1, Some(Warning::Twice));
        }
    }

    #[test]
    fn the_python_formats_need_a_secret_of_their_own() {
        for profile in [TokenProfile::PythonFauth, TokenProfile::PythonFauthMigration] {
            for first_is_python in [true, false] {
                let registry = Registry::new();
                let mut first = resident::<Customer>("shop", "one", None);
                let mut second = resident::<Customer>("staff", "one", None);
                (if first_is_python { &mut first } else { &mut second }).profile = profile;
                let _first = admitted(&registry, first);
                let error = refused(&registry, second, "token_profile");
                assert!(error.problem().contains("shop") && error.problem().contains("staff"), "{error}");
                let mut third = resident::<Customer>("staff", "two", None);
                third.profile = profile;
                assert!(registry.admit(third).is_ok(), "a secret of its own");
            }
        }
    }

    #[test]
    fn a_panic_elsewhere_does_not_stop_providers_from_being_built() {
        let registry = Registry::new();
        let outcome = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _guard = registry.0.lock();
                    panic!("while the registry is locked");
                })
                .join()
        });
        assert!(outcome.is_err() && registry.0.is_poisoned());
        assert!(registry.admit(resident::<Customer>("shop", "one", None)).is_ok());
    }

    #[test]
    fn providers_that_are_gone_leave_nothing_behind() {
        let registry = Registry::new();
        for _ in 0..100 {
            drop(admitted(&registry, resident::<Customer>("shop", "one", None)));
        }
        assert_eq!(registry.0.lock().unwrap().residents.len(), 1, "the last one, until the next comes");
    }
}
