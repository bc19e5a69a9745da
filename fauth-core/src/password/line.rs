//! The line in front of the hasher: which waiting request is next.

use super::queue::{FairQueue, Full, Ticket};
use crate::client::{AddressBlock, ClientInfo};

/// The number of turns that strangers get before a user gets one, while both wait.
const STRANGERS_IN_A_ROW: u8 = 3;

/// The client or user on whose behalf a password is hashed or verified.
///
/// It decides the order while the hasher is busy. Clients take turns by address. Users who have
/// proven their identity wait in a share of their own, which no flood of logins fills.
///
/// `&ClientInfo` and `&Granted<U>` convert into this type.
///
/// # Security
/// [`User`](Self::User) is for users authenticated by a session, an API key or a one-time token. A
/// client that has only sent a name is a [`Client`](Self::Client).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum OnBehalfOf<'a> {
    /// A client, identified by its address: for logins and registrations.
    Client(&'a ClientInfo),
    /// The user with this subject: for changing or resetting a password.
    User(&'a str),
}

impl<'a> From<&'a ClientInfo> for OnBehalfOf<'a> {
    fn from(client: &'a ClientInfo) -> Self {
        Self::Client(client)
    }
}

impl OnBehalfOf<'_> {
    pub(super) fn place(self) -> Place {
        match self {
            Self::Client(client) => Place::Stranger(client.address_block()),
            Self::User(subject) => Place::User(subject.into()),
        }
    }
}

/// The queue and key under which a request waits.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// By address. All clients with an unknown address are one.
    Stranger(Option<AddressBlock>),
    /// By subject.
    User(Box<str>),
}

/// A place in the line.
pub(super) enum Position {
    Stranger(Ticket<Option<AddressBlock>>),
    User(Ticket<Box<str>>),
}

/// Two queues, each fair by itself, that take turns.
pub(super) struct Line<T> {
    strangers: FairQueue<Option<AddressBlock>, T>,
    users: FairQueue<Box<str>, T>,
    strangers_in_a_row: u8,
}

impl<T> Line<T> {
    pub(super) const fn new(strangers: usize, users: usize) -> Self {
        Self { strangers: FairQueue::new(strangers), users: FairQueue::new(users), strangers_in_a_row: 0 }
    }

    #[cfg(test)]
    pub(super) const fn is_empty(&self) -> bool {
        self.strangers.is_empty() && self.users.is_empty()
    }

    /// Takes a place, and returns the request that was displaced for it.
    pub(super) fn enter(&mut self, place: Place, waiting: T) -> Result<(Position, Option<T>), Full> {
        match place {
            Place::Stranger(block) => {
                let (ticket, displaced) = self.strangers.enter(block, waiting)?;
                Ok((Position::Stranger(ticket), displaced))
            }
            Place::User(subject) => {
                let (ticket, displaced) = self.users.enter(subject, waiting)?;
                Ok((Position::User(ticket), displaced))
            }
        }
    }

    /// Gives a place up. Returns `None` if it was lost already.
    pub(super) fn leave(&mut self, position: &Position) -> Option<T> {
        match position {
            Position::Stranger(ticket) => self.strangers.leave(ticket),
            Position::User(ticket) => self.users.leave(ticket),
        }
    }

    pub(super) fn next(&mut self) -> Option<T> {
        let is_for_users = self.strangers.is_empty() || self.strangers_in_a_row >= STRANGERS_IN_A_ROW;
        if is_for_users && let Some(user) = self.users.next() {
            self.strangers_in_a_row = 0;
            return Some(user);
        }
        self.strangers_in_a_row = self.strangers_in_a_row.saturating_add(1);
        self.strangers.next()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    fn stranger(last: u8) -> Place {
        let client = ClientInfo::unknown().with_address([192, 0, 2, last].into());
        OnBehalfOf::from(&client).place()
    }

    fn user(subject: &str) -> Place {
        OnBehalfOf::User(subject).place()
    }

    fn drain(line: &mut Line<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| line.next()).collect()
    }

    #[test]
    fn users_have_one_turn_of_four_while_strangers_wait() {
        let mut line = Line::new(8, 8);
        for _ in 0..7 {
            line.enter(stranger(1), "s").unwrap();
        }
        for _ in 0..4 {
            line.enter(user("alice"), "u").unwrap();
        }
        assert_eq!(drain(&mut line), ["s", "s", "s", "u", "s", "s", "s", "u", "s", "u", "u"]);
        assert!(line.is_empty());
    }

    #[test]
    fn a_user_who_comes_later_waits_for_three_at_most() {
        let mut line = Line::new(8, 8);
        for _ in 0..8 {
            line.enter(stranger(1), "s").unwrap();
        }
        for _ in 0..4 {
            assert_eq!(line.next(), Some("s"), "there is no user");
        }
        line.enter(user("alice"), "u").unwrap();
        assert_eq!(line.next(), Some("u"));
    }

    #[test]
    fn a_full_queue_of_strangers_leaves_room_for_users_and_the_other_way_round() {
        let mut line = Line::new(2, 1);
        line.enter(stranger(1), "s").unwrap();
        line.enter(stranger(2), "s").unwrap();
        assert!(line.enter(stranger(3), "s").is_err());
        line.enter(user("alice"), "u").unwrap();
        assert!(line.enter(user("bob"), "u").is_err());
        assert_eq!(line.next(), Some("s"));
        assert!(line.enter(stranger(3), "s").is_ok());
    }

    /// One account does not lock the others out.
    #[test]
    fn users_take_turns_by_subject() {
        let mut line = Line::new(0, 3);
        for name in ["mallory 1", "mallory 2", "mallory 3"] {
            line.enter(user("mallory"), name).unwrap();
        }
        let (_, displaced) = line.enter(user("alice"), "alice").unwrap();
        assert_eq!(displaced, Some("mallory 3"));
        assert_eq!(drain(&mut line), ["mallory 1", "alice", "mallory 2"]);
    }

    #[test]
    fn clients_without_an_address_are_one() {
        let mut line = Line::new(3, 0);
        let unknown = || OnBehalfOf::from(&ClientInfo::unknown()).place();
        for name in ["unknown 1", "unknown 2", "unknown 3"] {
            line.enter(unknown(), name).unwrap();
        }
        assert!(line.enter(unknown(), "unknown 4").is_err());
        let (position, displaced) = line.enter(stranger(1), "known").unwrap();
        assert_eq!(displaced, Some("unknown 3"));
        assert_eq!(line.leave(&position), Some("known"));
        assert_eq!(line.leave(&position), None);
        assert_eq!(drain(&mut line), ["unknown 1", "unknown 2"]);
    }
}
