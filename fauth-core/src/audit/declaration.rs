//! Declarations of an application: a guard, a group of routes, the ready-made endpoints.

use std::{
    panic::Location,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    entry::{Entry, EntryKind},
    precedence::Precedence,
};
use crate::{
    access::{Access, strictness::both},
    rules::RouteRules,
};

/// The methods of a route.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Methods(Vec<Box<str>>);

impl Methods {
    /// Any method, or methods that the framework does not expose.
    #[must_use]
    pub const fn any() -> Self {
        Self(Vec::new())
    }

    /// These methods. HEAD is left out if GET is among them. An empty list equals
    /// [`any`](Self::any), so that unknown methods are not shown as none.
    #[must_use]
    pub fn of(methods: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut methods: Vec<Box<str>> = methods.into_iter().map(|method| method.as_ref().into()).collect();
        if methods.iter().any(|method| &**method == "GET") {
            methods.retain(|method| &**method != "HEAD");
        }
        methods.sort_unstable();
        methods.dedup();
        Self(methods)
    }

    /// Each method; one `None` for any.
    pub(super) fn each(&self) -> Vec<Option<Box<str>>> {
        if self.0.is_empty() { vec![None] } else { self.0.iter().cloned().map(Some).collect() }
    }
}

/// The maximum number of routes of a group, or places of a guard, that are listed; a finding
/// reports more.
const MAX_PARTS: usize = 4096;

/// A guard, a group or the ready-made endpoints, as declared by the application.
///
/// The guard holds the declaration, and the provider lists it in
/// [`AuthProvider::audit`](crate::AuthProvider::audit) for as long as it is held.
#[derive(Debug)]
pub struct Declaration {
    kind: EntryKind,
    access: Access,
    location: &'static Location<'static>,
    /// The provider whose users it admits; 0 if unknown.
    provider: u64,
    /// The path of a group that knows it when it is created; otherwise empty.
    prefix: Box<str>,
    /// Its limits, as text.
    limits: Vec<Box<str>>,
    /// Whether an enclosing group lists it.
    is_inside: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    parts: Vec<Part>,
    places: Vec<Place>,
    is_incomplete: bool,
}

/// A part of a group, below its path.
#[derive(Debug, Clone)]
struct Part {
    path: Box<str>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Route {
        methods: Methods,
        kind: EntryKind,
        access: Option<Access>,
        limits: Vec<Box<str>>,
        location: &'static Location<'static>,
    },
    Group(Arc<Declaration>),
}

/// A part with its own access rule: a ready-made endpoint, a page beside one, or a rule.
pub(super) struct Listed {
    pub(super) methods: Methods,
    pub(super) path: Box<str>,
    pub(super) kind: EntryKind,
    pub(super) access: Access,
    pub(super) limits: Vec<Box<str>>,
}

/// Where it was mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    methods: Methods,
    path: Box<str>,
    precedence: Precedence,
}

impl Declaration {
    #[track_caller]
    pub(crate) fn of_guard(access: Access) -> Self {
        Self::new(EntryKind::Guard, access, "")
    }

    #[track_caller]
    pub(crate) fn of_group(access: Access, prefix: &str) -> Self {
        Self::new(EntryKind::Group, access, prefix)
    }

    /// Limits without a guard.
    pub(crate) fn of_limits(limits: Vec<Box<str>>, location: &'static Location<'static>) -> Self {
        Self { location, limits, ..Self::new(EntryKind::Limit, Access::Open, "") }
    }

    #[track_caller]
    pub(crate) fn of_endpoints() -> Self {
        Self::new(EntryKind::Endpoint, Access::Open, "")
    }

    /// All rules of an application, each as a line.
    #[track_caller]
    pub(crate) fn of_rules(rules: &RouteRules) -> Self {
        let declaration = Self::new(EntryKind::Rule, rules.access_of(rules.decided_by_default()).clone(), "");
        for (path, methods, decided) in rules.listed() {
            let access = Some(rules.access_of(decided).clone());
            declaration.add_part(&path, EntryKind::Rule, &Methods::of(methods), access);
        }
        declaration
    }

    #[track_caller]
    fn new(kind: EntryKind, access: Access, prefix: &str) -> Self {
        Self {
            kind,
            access,
            location: Location::caller(),
            provider: 0,
            prefix: prefix.into(),
            limits: Vec::new(),
            is_inside: AtomicBool::new(false),
            known: Mutex::default(),
        }
    }

    /// The same, for the users of this provider.
    pub(crate) fn of_provider(self, provider: u64) -> Self {
        Self { provider, ..self }
    }

    pub(super) const fn provider(&self) -> u64 {
        self.provider
    }

    /// The same, with another access rule.
    pub(crate) fn with_access(&self, access: Access) -> Self {
        self.changed(access, self.limits.clone())
    }

    /// The same, with one more limit.
    pub(crate) fn with_limit(&self, limit: &str) -> Self {
        let limits = self.limits.iter().cloned().chain([limit.into()]).collect();
        self.changed(self.access.clone(), limits)
    }

    fn changed(&self, access: Access, limits: Vec<Box<str>>) -> Self {
        Self {
            kind: self.kind,
            access,
            limits,
            location: self.location,
            provider: self.provider,
            prefix: self.prefix.clone(),
            is_inside: AtomicBool::new(false),
            known: Mutex::new(self.known().clone()),
        }
    }

    /// The access rule.
    #[must_use]
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// Where the application declared it.
    #[must_use]
    pub const fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Registers a route of this group for audits: its path within the group, and its methods. It
    /// does not change who may access it.
    #[track_caller]
    pub fn add_route(&self, methods: &Methods, path: &str) {
        self.add_part(path, EntryKind::Route, methods, None);
    }

    /// Registers a fallback of this group; `path` is that of its mount within the group.
    #[track_caller]
    pub fn add_mount(&self, path: &str) {
        let path = format!("{}/*", path.trim_end_matches('/'));
        self.add_part(&path, EntryKind::Route, &Methods::any(), None);
    }

    /// Registers a group mounted in this one, at this path.
    pub fn add_group(&self, path: &str, group: &Arc<Self>) {
        group.is_inside.store(true, Ordering::Relaxed);
        self.add(Part { path: path.into(), content: Content::Group(Arc::clone(group)) });
    }

    /// Replaces what is known about the ready-made endpoints.
    pub(crate) fn set_endpoints<'a>(
        &self,
        endpoints: impl Iterator<Item = (String, &'static str, Access, Vec<Box<str>>)>,
        pages: impl Iterator<Item = &'a str>,
    ) {
        let part = |path: &str, methods, kind, access, limits| {
            let (access, location) = (Some(access), self.location);
            Part { path: path.into(), content: Content::Route { methods, kind, access, limits, location } }
        };
        let endpoint = |(path, methods, access, limits): (String, &str, _, _)| {
            part(&path, Methods::of(methods.split(", ")), EntryKind::Endpoint, access, limits)
        };
        // A page comes first, as adapters mount it.
        let page = |path| part(path, Methods::of(["GET"]), EntryKind::Route, Access::Open, Vec::new());
        let parts = pages.map(page).chain(endpoints.map(endpoint)).collect();
        self.known().parts = parts;
    }

    #[track_caller]
    fn add_part(&self, path: &str, kind: EntryKind, methods: &Methods, access: Option<Access>) {
        let (methods, limits, location) = (methods.clone(), Vec::new(), Location::caller());
        let content = Content::Route { methods, kind, access, limits, location };
        self.add(Part { path: path.into(), content });
    }

    fn add(&self, part: Part) {
        let mut known = self.known();
        if known.parts.len() < MAX_PARTS {
            known.parts.push(part);
        } else {
            known.is_incomplete = true;
        }
    }

    /// Registers where it was mounted: the path of a guarded route, or the path of a group.
    pub(super) fn place(&self, methods: &Methods, path: &str, precedence: Precedence) {
        let place = Place { methods: methods.clone(), path: path.into(), precedence };
        let mut known = self.known();
        if known.places.contains(&place) {
            return;
        }
        if known.places.len() < MAX_PARTS {
            known.places.push(place);
        } else {
            known.is_incomplete = true;
        }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn is_incomplete(&self) -> bool {
        self.known().is_incomplete
    }

    /// The ready-made endpoints and the pages beside them, or the rules.
    pub(super) fn listed(&self) -> Vec<Listed> {
        let listed = |Part { path, content }| match content {
            Content::Route { methods, kind, access: Some(access), limits, .. } => {
                Some(Listed { methods, path, kind, access, limits })
            }
            _ => None,
        };
        self.known().parts.clone().into_iter().filter_map(listed).collect()
    }

    /// Everything known without a router that registers what it mounts.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        if self.is_inside.load(Ordering::Relaxed) {
            return entries;
        }
        let places = self.known().places.clone();
        if places.is_empty() {
            self.list(&Methods::any(), "", Precedence::most_specific(), &mut entries);
            let is_relative = self.prefix.is_empty() && self.kind != EntryKind::Rule;
            for entry in &mut entries {
                entry.is_relative = is_relative;
            }
        }
        for place in places {
            self.list(&place.methods, &place.path, place.precedence, &mut entries);
        }
        entries
    }

    /// Adds the limits to these entries.
    pub(super) fn limit(&self, entries: &mut [Entry]) {
        limit(entries, &self.limits);
    }

    fn list(&self, methods: &Methods, path: &str, precedence: Precedence, entries: &mut Vec<Entry>) {
        let listed = entries.len();
        match self.kind {
            EntryKind::Group => self.list_group(path, precedence, None, entries),
            // A guard in front of a group.
            EntryKind::Guard if !self.known().parts.is_empty() => {
                self.list_group(path, precedence, None, entries);
            }
            // Rules match whole paths, wherever they are mounted.
            EntryKind::Rule => {
                for Listed { methods, path, kind, access, .. } in self.listed() {
                    push(entries, &methods, &path, kind, &access, self.location);
                }
            }
            EntryKind::Endpoint => {
                for Listed { methods, path: own, kind, access, limits } in self.listed() {
                    let first = entries.len();
                    push(entries, &methods, &precedence.join(path, &own), kind, &access, self.location);
                    limit(entries.get_mut(first..).unwrap_or_default(), &limits);
                }
            }
            kind => {
                let kind = if path.is_empty() { kind } else { EntryKind::Route };
                push(entries, methods, path, kind, &self.access, self.location);
                self.limit(entries.get_mut(listed..).unwrap_or_default());
            }
        }
    }

    /// The group and its parts, mounted at `path`, behind the requirements of an `outer` group.
    pub(super) fn list_group(
        &self,
        path: &str,
        precedence: Precedence,
        outer: Option<&Access>,
        entries: &mut Vec<Entry>,
    ) {
        let access = outer.map_or_else(|| self.access.clone(), |outer| both(outer, &self.access));
        let (base, listed) = (precedence.join(path, &self.prefix), entries.len());
        push(entries, &Methods::any(), &under(&base), EntryKind::Group, &access, self.location);
        let parts = self.known().parts.clone();
        for Part { path, content } in parts {
            let path = precedence.join(&base, &path);
            match content {
                Content::Route { methods, kind, location, .. } => {
                    push(entries, &methods, &path, kind, &access, location);
                }
                Content::Group(group) => group.list_group(&path, precedence, Some(&access), entries),
            }
        }
        self.limit(entries.get_mut(listed..).unwrap_or_default());
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds these limits to the entries.
pub(super) fn limit(entries: &mut [Entry], limits: &[Box<str>]) {
    for entry in entries {
        entry.limits.extend_from_slice(limits);
    }
}

/// Everything below this path.
pub(super) fn under(path: &str) -> String {
    format!("{}/*", path.trim_end_matches('/'))
}

pub(super) fn push(
    entries: &mut Vec<Entry>,
    methods: &Methods,
    path: &str,
    kind: EntryKind,
    access: &Access,
    location: &'static Location<'static>,
) {
    entries.extend(methods.each().into_iter().map(|method| Entry {
        method,
        path: path.into(),
        is_relative: false,
        kind,
        access: access.clone(),
        limits: Vec::new(),
        location,
        is_reachable: true,
    }));
}
