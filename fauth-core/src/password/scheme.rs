//! All schemes behind one type: parsing a stored string, its cost, and whether a password matches.

use std::hint::black_box;

use zeroize::Zeroizing;

#[cfg(feature = "foreign-hashes")]
use super::foreign::ForeignHash;
use super::{
    argon::ArgonHash,
    bcrypt::{self, BcryptHash},
    ceilings::Ceilings,
    cost::{Broken, Cost, Means, Work},
    own::{OwnHash, OwnSchemes},
    pepper::{Marked, Pepper, Peppers},
    unusable::{NO_PASSWORD, PEPPER, Unusable, scheme_name},
};

/// Longer than any string of a known scheme with parameters under the ceilings.
const LONGEST_STORED: usize = 512;

/// The settings of new hashes.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) cost: Cost,
    pub(super) pepper: Option<&'a Pepper>,
}

impl Target<'_> {
    /// Returns the longest new password in bytes that the scheme accepts.
    pub(super) const fn longest_new_password(self) -> usize {
        match (self.cost, self.pepper) {
            (Cost::Argon2(_), _) | (_, Some(_)) => usize::MAX,
            (Cost::Bcrypt(_), None) => bcrypt::LONGEST_NEW,
        }
    }

    pub(super) fn create(self, password: &[u8], means: &Means) -> Result<String, Broken> {
        match self.pepper {
            None => self.hash(password, means),
            Some(pepper) => {
                let peppered = peppered(pepper, password)?;
                Ok(pepper.mark(&self.hash(peppered.as_bytes(), means)?))
            }
        }
    }

    fn hash(self, password: &[u8], means: &Means) -> Result<String, Broken> {
        match self.cost {
            Cost::Argon2(cost) => ArgonHash::create(password, cost, means),
            Cost::Bcrypt(cost) => BcryptHash::create(password, cost, means),
        }
    }

    /// Returns a hash that matches no password, with the same work as a new one.
    pub(super) fn dummy(self) -> Result<StoredHash, getrandom::Error> {
        let hash = match self.cost {
            Cost::Argon2(cost) => StoredHash::Argon2(ArgonHash::dummy(cost)?),
            Cost::Bcrypt(cost) => StoredHash::Bcrypt(BcryptHash::dummy(cost)?),
        };
        Ok(match self.pepper {
            None => hash,
            Some(pepper) => StoredHash::Peppered(pepper.clone(), Box::new(hash)),
        })
    }
}

fn peppered(pepper: &Pepper, password: &[u8]) -> Result<Zeroizing<String>, Broken> {
    pepper.apply(password).ok_or(Broken("the pepper cannot be used"))
}

/// How stored hashes are read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) ceilings: Ceilings,
    pub(super) peppers: &'a Peppers,
    pub(super) own: &'a OwnSchemes,
}

/// A stored hash that is safe to compute.
pub(super) enum StoredHash {
    Argon2(ArgonHash),
    Bcrypt(BcryptHash),
    /// One of the two above, with a pepper.
    Peppered(Pepper, Box<Self>),
    #[cfg(feature = "foreign-hashes")]
    Foreign(ForeignHash),
    Own(OwnHash),
}

impl StoredHash {
    pub(super) fn parse(text: &str, reading: Reading<'_>) -> Result<Self, Unusable> {
        let unusable = |scheme, problem| Unusable { scheme, problem, detail: None };
        if text.len() > LONGEST_STORED {
            return Err(unusable(scheme_name(text), "longer than any password hash"));
        }
        match reading.peppers.read(text) {
            Marked::Plain => {}
            Marked::With(pepper, hash) => {
                let hash = Self::parse_own(hash, reading.ceilings)?;
                return Ok(Self::Peppered(pepper.clone(), Box::new(hash)));
            }
            Marked::Unknown(id) => {
                return Err(Unusable { detail: Some(id.into()), ..unusable(PEPPER, "unknown pepper") });
            }
            Marked::Malformed => return Err(unusable(PEPPER, "not the form of a peppered hash")),
        }
        if let Some(hash) = reading.own.read(text) {
            return Ok(Self::Own(hash));
        }
        #[cfg(feature = "foreign-hashes")]
        if let Some(hash) = ForeignHash::parse(text, reading.ceilings) {
            return hash.map(Self::Foreign).map_err(|problem| unusable(scheme_name(text), problem));
        }
        Self::parse_own(text, reading.ceilings)
    }

    /// Parses a hash in the form this crate writes, without a pepper.
    fn parse_own(text: &str, ceilings: Ceilings) -> Result<Self, Unusable> {
        let scheme = scheme_name(text);
        let unusable = |problem| Unusable { scheme, problem, detail: None };
        match scheme {
            "argon2" => ArgonHash::parse(text, ceilings.argon2).map(Self::Argon2).map_err(unusable),
            "bcrypt" => BcryptHash::parse(text, ceilings.bcrypt).map(Self::Bcrypt).map_err(unusable),
            NO_PASSWORD => Err(unusable("no password is set")),
            _ => Err(unusable("unsupported scheme")),
        }
    }

    /// Randomises salt and digest, so that the hash keeps its work and matches no password. Returns
    /// `false` if that cannot be done.
    pub(super) fn randomise(&mut self) -> Result<bool, getrandom::Error> {
        match self {
            Self::Argon2(hash) => hash.randomise()?,
            Self::Bcrypt(hash) => hash.randomise()?,
            Self::Peppered(_, hash) => return hash.randomise(),
            #[cfg(feature = "foreign-hashes")]
            Self::Foreign(hash) => hash.randomise()?,
            Self::Own(_) => return Ok(false),
        }
        Ok(true)
    }

    /// Returns the work of one verification, if it is known.
    pub(super) fn work(&self) -> Option<Work> {
        match self {
            Self::Argon2(hash) => Some(Work::Argon2(hash.cost())),
            Self::Bcrypt(hash) => Some(Work::Bcrypt(hash.cost())),
            Self::Peppered(_, hash) => hash.work(),
            #[cfg(feature = "foreign-hashes")]
            Self::Foreign(hash) => Some(hash.work()),
            Self::Own(_) => None,
        }
    }

    /// Returns the longest password in bytes that this hash can have been made from without
    /// truncation.
    pub(super) const fn longest_password(&self) -> usize {
        match self {
            Self::Argon2(_) | Self::Peppered(..) | Self::Own(_) => usize::MAX,
            Self::Bcrypt(_) => bcrypt::LONGEST_STORED,
            #[cfg(feature = "foreign-hashes")]
            Self::Foreign(hash) => hash.longest_password(),
        }
    }

    /// Compares the password. Here only a scheme of the application can still find its hash
    /// unusable.
    pub(super) fn matches(&self, password: &[u8], means: &Means) -> Result<Result<bool, Unusable>, Broken> {
        match self {
            Self::Argon2(hash) => hash.matches(password, means).map(Ok),
            Self::Bcrypt(hash) => hash.matches(password, means).map(Ok),
            Self::Peppered(pepper, hash) => hash.matches(peppered(pepper, password)?.as_bytes(), means),
            #[cfg(feature = "foreign-hashes")]
            Self::Foreign(hash) => hash.matches(password, means).map(Ok),
            Self::Own(hash) => Ok(hash.matches(password)),
        }
    }

    /// Does the work of [`matches`](Self::matches) and discards the outcome.
    pub(super) fn spend(&self, password: &[u8], means: &Means) -> Result<(), Broken> {
        let password = password.get(..self.longest_password()).unwrap_or(password);
        // An optimiser might remove a computation whose result is unused.
        drop(black_box(self.matches(password, means)?));
        Ok(())
    }

    /// Returns `true` if the hash is of another scheme than new hashes, is weaker, or has another
    /// pepper.
    pub(super) fn is_below(&self, target: Target<'_>) -> bool {
        match self {
            Self::Peppered(pepper, hash) => !pepper.is(target.pepper) || hash.is_weaker(target.cost),
            _ => target.pepper.is_some() || self.is_weaker(target.cost),
        }
    }

    fn is_weaker(&self, target: Cost) -> bool {
        match (self, target) {
            (Self::Argon2(hash), Cost::Argon2(target)) => hash.is_below(target),
            (Self::Bcrypt(hash), Cost::Bcrypt(target)) => hash.is_below(target),
            _ => true,
        }
    }
}
