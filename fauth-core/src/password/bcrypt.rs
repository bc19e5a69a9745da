//! bcrypt: strict parsing of stored strings, computation without truncation, and comparison.

use ::bcrypt::HashParts;
use subtle::ConstantTimeEq as _;

use super::cost::{Broken, Means, Work};

pub(super) const LOWEST_COST: u32 = 4;

/// The longest password, in bytes, whose terminator still fits in the key.
pub(super) const LONGEST_NEW: usize = 71;
/// The longest password, in bytes, that fills the key exactly. It has no terminator. Because
/// passwords here never contain NUL, no other password has the same key.
pub(super) const LONGEST_STORED: usize = 72;

const HASH_BYTES: usize = 60;
const DIGEST_BYTES: usize = 31;

/// A stored bcrypt hash under the ceiling. No `Debug`: it would print the hash.
pub(super) struct BcryptHash {
    cost: u32,
    salt: [u8; 16],
    /// As text, in bcrypt's own base64.
    digest: [u8; DIGEST_BYTES],
}

impl BcryptHash {
    pub(super) fn parse(text: &str, ceiling: u32) -> Result<Self, &'static str> {
        const SHAPE: &str = "not the form of a bcrypt hash";

        let (version, rest) = text.strip_prefix("$2").and_then(|rest| rest.split_once('$')).ok_or(SHAPE)?;
        match version {
            "a" | "b" | "y" => {}
            "" | "x" => return Err("bcrypt version of a faulty implementation"),
            _ => return Err("unknown bcrypt version"),
        }
        // The crate's own parser accepts `+4` as a cost.
        let cost = match rest.split_once('$') {
            Some((cost, _)) if cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit()) => cost,
            _ => return Err(SHAPE),
        };
        let cost: u32 = cost.parse().map_err(|_| SHAPE)?;
        if cost < LOWEST_COST {
            return Err("impossible bcrypt cost");
        }
        if cost > ceiling {
            return Err("bcrypt cost above the ceiling");
        }
        let parts: HashParts = text.parse().map_err(|_| SHAPE)?;
        let digest = *text.as_bytes().last_chunk().ok_or(SHAPE)?;
        Ok(Self { cost, salt: parts.get_salt_raw(), digest })
    }

    /// Returns a hash that matches no password, at the given cost.
    pub(super) fn dummy(cost: u32) -> Result<Self, getrandom::Error> {
        let mut hash = Self { cost, salt: [0; 16], digest: [0; DIGEST_BYTES] };
        hash.randomise()?;
        Ok(hash)
    }

    pub(super) fn create(password: &[u8], cost: u32, means: &Means) -> Result<String, Broken> {
        means.meter.ran(Work::Bcrypt(cost));
        ::bcrypt::non_truncating_hash(password, cost).map_err(|error| match error {
            ::bcrypt::BcryptError::Rand(_) => Broken("no randomness"),
            _ => Broken("bcrypt failed"),
        })
    }

    pub(super) fn matches(&self, password: &[u8], means: &Means) -> Result<bool, Broken> {
        means.meter.ran(Work::Bcrypt(self.cost));
        // The truncating function is used only for the length at which it has nothing to truncate.
        // The other one fails at that length, because it counts the terminator, and must fail above
        // it.
        let computed: [u8; HASH_BYTES] = if password.len() == LONGEST_STORED {
            ::bcrypt::hash_with_salt_bytes(password, self.cost, self.salt)
        } else {
            ::bcrypt::non_truncating_hash_with_salt_bytes(password, self.cost, self.salt)
        }
        .map_err(|_| Broken("bcrypt failed"))?;
        let digest: &[u8; DIGEST_BYTES] = computed.last_chunk().ok_or(Broken("bcrypt failed"))?;
        Ok(digest.ct_eq(&self.digest).into())
    }

    pub(super) const fn cost(&self) -> u32 {
        self.cost
    }

    /// Randomises salt and digest, so that the hash keeps its cost and matches no password.
    pub(super) fn randomise(&mut self) -> Result<(), getrandom::Error> {
        getrandom::fill(&mut self.salt)?;
        getrandom::fill(&mut self.digest)
    }

    pub(super) const fn is_below(&self, target: u32) -> bool {
        self.cost < target
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TAIL: &str = "$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    fn refusal(text: &str) -> Option<&'static str> {
        BcryptHash::parse(text, 12).err()
    }

    #[test]
    fn versions_and_costs() {
        for head in ["$2a$05", "$2b$04", "$2y$12"] {
            assert_eq!(refusal(&format!("{head}{TAIL}")), None, "{head}");
        }
        let faulty = Some("bcrypt version of a faulty implementation");
        assert_eq!(refusal(&format!("$2x$05{TAIL}")), faulty);
        assert_eq!(refusal(&format!("$2$05{TAIL}")), faulty);
        assert_eq!(refusal(&format!("$2c$05{TAIL}")), Some("unknown bcrypt version"));
        assert_eq!(refusal(&format!("$2B$05{TAIL}")), Some("unknown bcrypt version"));
        assert_eq!(refusal(&format!("$2b$13{TAIL}")), Some("bcrypt cost above the ceiling"));
        assert_eq!(refusal(&format!("$2b$31{TAIL}")), Some("bcrypt cost above the ceiling"));
        assert_eq!(refusal(&format!("$2b$99{TAIL}")), Some("bcrypt cost above the ceiling"));
        assert_eq!(refusal(&format!("$2b$03{TAIL}")), Some("impossible bcrypt cost"));
        assert_eq!(refusal(&format!("$2b$00{TAIL}")), Some("impossible bcrypt cost"));
        let shape = Some("not the form of a bcrypt hash");
        for head in ["$2b$+5", "$2b$-5", "$2b$5", "$2b$ 5", "$2b$005", "$2b$", "2b$05", "$2b", "", "$3b$05"] {
            assert_eq!(refusal(&format!("{head}{TAIL}")), shape, "{head}");
        }
        assert_eq!(refusal(&format!("$2b$05{TAIL}A")), shape);
        assert_eq!(refusal(&format!("$2b$05{}", TAIL.replace("E5Y", "£Y"))), shape);
        assert_eq!(refusal(&format!("$2b$05{}", TAIL.replace('E', "!"))), shape);
    }

    #[test]
    fn bytes_above_ascii_are_not_signed() {
        // The published cases that distinguish a correct bcrypt from the one called 2x. They are
        // not UTF-8.
        for (hash, password) in [
            ("$2a$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", &b"\xa3"[..]),
            ("$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", b"\xa3"),
            ("$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", b"\xff\xff\xa3"),
            ("$2a$05$/OK.fbVrR/bpIqNJ5ianF.6IflQkJytoRVc1yuaNtHfiuq.FRlSIS", b"\xa3ab"),
        ] {
            let hash = BcryptHash::parse(hash, 12).unwrap();
            assert_eq!(hash.matches(password, &Means::default()), Ok(true));
            assert_eq!(hash.matches(b"\xa4", &Means::default()), Ok(false));
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "shows what the crate's own functions do")]
    fn nothing_longer_than_the_key_is_compared() {
        let text = ::bcrypt::hash([b'x'; 100], 4).unwrap();
        let hash = BcryptHash::parse(&text, 12).unwrap();
        let matches = |bytes: usize| hash.matches(&vec![b'x'; bytes], &Means::default());
        assert_eq!(::bcrypt::verify([b'x'; 100], &text).ok(), Some(true), "the crate cuts");
        assert_eq!(matches(71), Ok(false));
        assert_eq!(matches(72), Ok(true));
        assert_eq!(matches(73), Err(Broken("bcrypt failed")));
        assert_eq!(matches(100), Err(Broken("bcrypt failed")));
        assert_eq!(BcryptHash::create(&[b'x'; 72], 4, &Means::default()), Err(Broken("bcrypt failed")));
        assert!(BcryptHash::create(&[b'x'; 71], 4, &Means::default()).is_ok());
    }

    /// Mostly valid strings, half of them with one character exchanged.
    fn nearly_bcrypt() -> impl Strategy<Value = String> {
        let sound = r"\$2[abyxc]\$(0[0-9]|1[0-9]|31|\+5)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.COaiy26]";
        (sound, proptest::option::of((0..60_usize, any::<char>()))).prop_map(
            |(text, exchange)| match exchange {
                None => text,
                Some((place, new)) => {
                    text.chars().enumerate().map(|(at, old)| if at == place { new } else { old }).collect()
                }
            },
        )
    }

    proptest! {
        #[test]
        fn the_crate_reads_alike_but_for_what_is_refused_on_purpose(text in nearly_bcrypt()) {
            let parts = text.parse::<HashParts>().ok().filter(|parts| {
                let version = ["$2a$", "$2b$", "$2y$"].iter().any(|version| text.starts_with(version));
                version && (4..=12).contains(&parts.get_cost()) && !text.contains('+')
            });
            let hash = BcryptHash::parse(&text, 12).ok();
            prop_assert_eq!(hash.is_some(), parts.is_some());
            if let (Some(hash), Some(parts)) = (hash, parts) {
                prop_assert_eq!((hash.cost, hash.salt), (parts.get_cost(), parts.get_salt_raw()));
                prop_assert!(parts.to_string().ends_with(std::str::from_utf8(&hash.digest).unwrap()));
            }
        }
    }
}
