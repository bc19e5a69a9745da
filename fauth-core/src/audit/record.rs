//! The record of a router that registers what it mounts.

use std::{panic::Location, sync::Arc};

use super::{
    declaration::{Declaration, Listed, Methods, limit, push, under},
    entry::{Entry, EntryKind},
    finding::Finding,
    pattern::Pattern,
    precedence::Precedence,
    report::Audit,
};
use crate::{
    access::{
        Access,
        strictness::{both, is_at_least_as_strict},
    },
    rules::RouteRules,
};

/// Everything that an audited router has mounted, in the order of registration. Adapters fill it;
/// [`audit`](Self::audit) turns it into a report.
#[derive(Debug, Clone)]
pub struct RouteRecord {
    precedence: Precedence,
    leaves: Vec<Leaf>,
    added: usize,
    /// The listed path rules in front of it.
    rules: Vec<Arc<Declaration>>,
}

/// Something that answers requests, and the way to it.
#[derive(Debug, Clone)]
struct Leaf {
    what: What,
    /// The path of the router that it was added to.
    mount: String,
    path: String,
    location: &'static Location<'static>,
    /// The choices of the routers on the way, outermost first.
    choices: Vec<Choice>,
    /// The path rules that its requests pass, innermost first.
    rules: Vec<RouteRules>,
    /// The limits in front of the routers that contain it, innermost first.
    limits: Vec<Arc<Declaration>>,
}

#[derive(Debug, Clone)]
enum What {
    /// Open, possibly behind a limit of its own.
    Open {
        methods: Methods,
        limit: Option<Arc<Declaration>>,
    },
    Fallback,
    Unseen {
        is_flat: bool,
    },
    Guarded {
        methods: Methods,
        guard: Arc<Declaration>,
    },
    Group(Arc<Declaration>),
    Endpoint {
        methods: Methods,
        kind: EntryKind,
        access: Access,
        limits: Vec<Box<str>>,
        all: Arc<Declaration>,
    },
}

/// What one router compares with its other routes.
#[derive(Debug, Clone)]
struct Choice {
    /// The item added to this router: a route or a mount.
    item: Shape,
    /// Everything behind it, as seen from this router.
    whole: Shape,
    order: usize,
    /// Whether it takes requests of all methods.
    takes_all: bool,
}

/// A path, or everything below it.
#[derive(Debug, Clone)]
struct Shape {
    path: String,
    is_prefix: bool,
}

impl Shape {
    fn pattern(&self, precedence: Precedence) -> Pattern {
        match (self.is_prefix, precedence) {
            (false, _) => Pattern::of_route(&self.path),
            (true, Precedence::MostSpecific { .. }) => Pattern::of_prefix(&self.path),
            (true, Precedence::FirstRegistered) => Pattern::of_literal_prefix(&self.path),
        }
    }

    fn under(&self, prefix: &str, precedence: Precedence) -> Self {
        Self { path: precedence.join(prefix, &self.path), is_prefix: self.is_prefix }
    }
}

impl RouteRecord {
    /// The record of a router without routes.
    #[must_use]
    pub const fn new(precedence: Precedence) -> Self {
        Self { precedence, leaves: Vec::new(), added: 0, rules: Vec::new() }
    }

    /// Adds a route without a guard.
    #[track_caller]
    pub fn open(&mut self, methods: &Methods, path: &str) {
        self.add(path, false, false, What::Open { methods: methods.clone(), limit: None });
    }

    /// Adds a route without a guard, at a path whose requests no other route gets, whatever their
    /// method.
    #[track_caller]
    pub fn open_resource(&mut self, methods: &Methods, path: &str) {
        self.add(path, false, true, What::Open { methods: methods.clone(), limit: None });
    }

    /// Puts a limit in front of the open route that was added last. It stays open.
    pub fn limited(&mut self, declaration: &Arc<Declaration>) {
        if let Some(What::Open { limit, .. }) = self.leaves.last_mut().map(|leaf| &mut leaf.what) {
            *limit = Some(Arc::clone(declaration));
        }
    }

    /// Adds a route behind a guard of its own, which covers all methods of the path.
    #[track_caller]
    pub fn guarded(&mut self, methods: &Methods, path: &str, guard: &Arc<Declaration>) {
        self.add(path, false, true, What::Guarded { methods: methods.clone(), guard: Arc::clone(guard) });
    }

    /// Adds a group, mounted at this path.
    #[track_caller]
    pub fn group(&mut self, path: &str, group: &Arc<Declaration>) {
        let whole = self.precedence.join(path, group.prefix());
        self.add(&whole, true, true, What::Group(Arc::clone(group)));
        if let Some(leaf) = self.leaves.last_mut() {
            path.clone_into(&mut leaf.mount);
        }
    }

    /// Adds the ready-made endpoints and the pages beside them.
    #[track_caller]
    pub fn endpoints(&mut self, all: &Arc<Declaration>) {
        for Listed { methods, path, kind, access, limits } in all.listed() {
            let (takes_all, all) = (kind == EntryKind::Endpoint, Arc::clone(all));
            self.add(&path, false, takes_all, What::Endpoint { methods, kind, access, limits, all });
        }
    }

    /// Adds the handler for requests that match no route.
    #[track_caller]
    pub fn fallback(&mut self) {
        self.add("", true, true, What::Fallback);
        // Every other route takes precedence.
        if let Some(choice) = self.leaves.last_mut().and_then(|leaf| leaf.choices.first_mut()) {
            choice.order = usize::MAX;
        }
    }

    /// Adds a part below this path that cannot be inspected. It counts as open.
    #[track_caller]
    pub fn unseen(&mut self, path: &str) {
        self.add(path, true, true, What::Unseen { is_flat: false });
    }

    /// The same, for a part whose routes the router merges with its own, so that each of them may
    /// win against others.
    #[track_caller]
    pub fn unseen_routes(&mut self, path: &str) {
        self.add(path, true, false, What::Unseen { is_flat: true });
    }

    /// Puts path rules in front of everything added so far.
    pub fn protect(&mut self, rules: &RouteRules, declaration: &Arc<Declaration>) {
        for leaf in &mut self.leaves {
            leaf.rules.push(rules.clone());
        }
        self.rules.push(Arc::clone(declaration));
    }

    /// Puts a limit in front of everything added so far.
    pub fn limit(&mut self, declaration: &Arc<Declaration>) {
        for leaf in &mut self.leaves {
            leaf.limits.push(Arc::clone(declaration));
        }
    }

    /// Merges the routes of another router into this one, below this path.
    pub fn merge(&mut self, path: &str, other: Self) {
        let start = self.added;
        self.rules.extend(other.rules);
        for mut leaf in other.leaves {
            leaf.lies_under(path, self.precedence);
            if let Some(choice) = leaf.choices.first_mut() {
                choice.item = choice.item.under(path, self.precedence);
                choice.whole = choice.whole.under(path, self.precedence);
                choice.order = choice.order.saturating_add(start);
            }
            self.leaves.push(leaf);
        }
        self.added = start.saturating_add(other.added);
    }

    /// Adds another router, which handles everything below this path.
    pub fn nest(&mut self, path: &str, other: Self) {
        let order = self.next();
        self.rules.extend(other.rules);
        for mut leaf in other.leaves {
            leaf.lies_under(path, self.precedence);
            let Some(inner) = leaf.choices.first() else { continue };
            let item = Shape { path: path.to_owned(), is_prefix: true };
            let whole = inner.whole.under(path, self.precedence);
            leaf.choices.insert(0, Choice { item, whole, order, takes_all: true });
            self.leaves.push(leaf);
        }
    }

    #[track_caller]
    fn add(&mut self, path: &str, is_prefix: bool, takes_all: bool, what: What) {
        let path = self.precedence.join("", path);
        let item = Shape { path: path.clone(), is_prefix };
        let choice = Choice { whole: item.clone(), item, order: self.next(), takes_all };
        let (mount, location) = (String::new(), Location::caller());
        let (choices, rules, limits) = (vec![choice], Vec::new(), Vec::new());
        self.leaves.push(Leaf { what, mount, path, location, choices, rules, limits });
    }

    fn next(&mut self) -> usize {
        self.added = self.added.saturating_add(1);
        self.added
    }

    /// Tells guards, groups, ready-made endpoints and the limits of open routes their final paths,
    /// for [`AuthProvider::audit`](crate::AuthProvider::audit). Call it on the outermost router.
    pub fn settle(&self) {
        for leaf in &self.leaves {
            match &leaf.what {
                What::Guarded { methods, guard: declared }
                | What::Open { methods, limit: Some(declared) } => {
                    declared.place(methods, &leaf.path, self.precedence);
                }
                What::Group(group) => group.place(&Methods::any(), &leaf.mount, self.precedence),
                What::Endpoint { all, .. } => all.place(&Methods::any(), &leaf.mount, self.precedence),
                What::Open { limit: None, .. } | What::Fallback | What::Unseen { .. } => {}
            }
        }
    }

    /// All routes, with findings.
    #[must_use]
    pub fn audit(&self) -> Audit {
        let mut entries: Vec<_> = self.rules.iter().flat_map(|rules| rules.entries()).collect();
        let mut findings = Vec::new();
        for leaf in &self.leaves {
            let winner = self.leaves.iter().find(|other| other.takes_all_of(leaf, self.precedence));
            let first = entries.len();
            leaf.list(self.precedence, &mut entries);
            let own = entries.get_mut(first..).unwrap_or_default();
            if let Some(winner) = winner {
                for entry in own.iter_mut() {
                    entry.is_reachable = false;
                }
                findings.extend(own.first().map(|entry| Finding::unreachable(entry, &winner.entry())));
            } else {
                findings
                    .extend(self.leaves.iter().flat_map(|group| leaf.beside(group, own, self.precedence)));
            }
            if leaf.declaration().is_some_and(Declaration::is_incomplete) {
                findings.push(Finding::incomplete());
            }
        }
        Audit::new(entries, findings)
    }
}

impl Leaf {
    fn lies_under(&mut self, path: &str, precedence: Precedence) {
        self.path = precedence.join(path, &self.path);
        self.mount = precedence.join(path, &self.mount);
    }

    /// The choice at which two leaves diverge: the first router that distinguishes them.
    fn parting<'a>(&'a self, other: &'a Self) -> Option<(&'a Choice, &'a Choice)> {
        self.choices.iter().zip(&other.choices).find(|(own, other)| own.order != other.order)
    }

    /// Returns whether every request for the other one comes here.
    fn takes_all_of(&self, other: &Self, precedence: Precedence) -> bool {
        let Some((own, other)) = self.parting(other) else { return false };
        own.takes_all
            && own.wins_against(other, precedence)
            && own.item.pattern(precedence).covers(&other.whole.pattern(precedence))
    }

    /// The findings if requests below the path of this group come here and not to the group.
    fn beside(&self, group: &Self, entries: &[Entry], precedence: Precedence) -> Vec<Finding> {
        let (What::Group(_), Some((own, of_group))) = (&group.what, self.parting(group)) else {
            return Vec::new();
        };
        if matches!(self.what, What::Endpoint { kind: EntryKind::Endpoint, .. })
            || !own.whole.pattern(precedence).overlaps(&of_group.whole.pattern(precedence))
        {
            return Vec::new();
        }
        // Regardless of the requirements: users of another provider are different users.
        let declared = self.declaration().zip(group.declaration());
        let is_of_others = declared.is_some_and(|(own, other)| own.provider() != other.provider());
        let group = group.entry();
        let weaker = entries
            .iter()
            .filter(|entry| is_of_others || !is_at_least_as_strict(&entry.access, &group.access));
        if matches!(self.what, What::Unseen { is_flat: true }) {
            if precedence == Precedence::FirstRegistered && of_group.order < own.order {
                return Vec::new();
            }
            weaker.map(|entry| Finding::may_lie_beside(entry, &group)).collect()
        } else if own.wins_against(of_group, precedence) {
            // For a group, its own line is enough.
            let lines = if matches!(self.what, What::Group(_)) { 1 } else { usize::MAX };
            weaker.take(lines).map(|entry| Finding::beside(entry, &group)).collect()
        } else {
            Vec::new()
        }
    }

    fn declaration(&self) -> Option<&Declaration> {
        match &self.what {
            What::Guarded { guard: declaration, .. }
            | What::Group(declaration)
            | What::Endpoint { all: declaration, .. } => Some(declaration),
            What::Open { .. } | What::Fallback | What::Unseen { .. } => None,
        }
    }

    /// Its line; one that represents all of them if there are several.
    fn entry(&self) -> Entry {
        let (path, kind, access) = match &self.what {
            What::Open { .. } => (self.path.clone(), EntryKind::Route, Access::Open),
            What::Fallback => (under(&self.path), EntryKind::Fallback, Access::Open),
            What::Unseen { .. } => (under(&self.path), EntryKind::Unseen, Access::Open),
            What::Guarded { guard, .. } => (self.path.clone(), EntryKind::Route, guard.access().clone()),
            What::Group(group) => (under(&self.path), EntryKind::Group, group.access().clone()),
            What::Endpoint { kind, access, .. } => (self.path.clone(), *kind, access.clone()),
        };
        let location = match &self.what {
            What::Group(declaration) | What::Endpoint { all: declaration, .. } => declaration.location(),
            _ => self.location,
        };
        Entry {
            method: None,
            path: path.into(),
            is_relative: false,
            kind,
            access,
            limits: Vec::new(),
            location,
            is_reachable: true,
        }
    }

    /// Its lines, with the requirements of the rules in front of it, and the limits.
    fn list(&self, precedence: Precedence, entries: &mut Vec<Entry>) {
        let first = entries.len();
        self.list_itself(precedence, entries);
        for entry in entries.get_mut(first..).unwrap_or_default() {
            for rules in &self.rules {
                entry.access = both(&asked_by(rules, entry.method(), &entry.path), &entry.access);
            }
        }
        for limit in &self.limits {
            limit.limit(entries.get_mut(first..).unwrap_or_default());
        }
    }

    fn list_itself(&self, precedence: Precedence, entries: &mut Vec<Entry>) {
        let Entry { path, kind, access, location, .. } = self.entry();
        let methods = match &self.what {
            What::Open { methods, .. } | What::Guarded { methods, .. } | What::Endpoint { methods, .. } => {
                methods
            }
            What::Fallback | What::Unseen { .. } => &Methods::any(),
            What::Group(group) => return group.list_group(&self.mount, precedence, None, entries),
        };
        let listed = entries.len();
        push(entries, methods, &path, kind, &access, location);
        let own = entries.get_mut(listed..).unwrap_or_default();
        match &self.what {
            What::Guarded { guard: declared, .. } | What::Open { limit: Some(declared), .. } => {
                declared.limit(own);
            }
            What::Endpoint { limits, .. } => limit(own, limits),
            _ => {}
        }
    }
}

/// The requirement of the rules at this path. If methods differ, the one that opens it for requests
/// without a credential.
fn asked_by(rules: &RouteRules, method: Option<&str>, path: &str) -> Access {
    let methods = method.map_or_else(|| rules.methods(), |method| vec![method]);
    let asked: Vec<_> =
        methods.iter().map(|method| rules.access_of(rules.decide_route(method, path))).collect();
    let open = asked.iter().find(|access| access.admits_anonymous()).or(asked.last());
    open.map_or(Access::Open, |access| (*access).clone())
}

impl Choice {
    /// Returns whether this one gets a request that matches both.
    fn wins_against(&self, other: &Self, precedence: Precedence) -> bool {
        match precedence {
            // A fallback comes last, however specific its path is.
            Precedence::MostSpecific { .. } if self.order == usize::MAX => false,
            Precedence::MostSpecific { .. } if other.order == usize::MAX => true,
            Precedence::MostSpecific { rest_may_be_empty } => self
                .item
                .pattern(precedence)
                .is_more_specific_than(&other.item.pattern(precedence), rest_may_be_empty),
            Precedence::FirstRegistered => self.order < other.order,
        }
    }
}
