//! Argon2: strict parsing of stored strings, computation and comparison.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use subtle::ConstantTimeEq as _;

use super::cost::{ArgonCost, Broken, Means, Work};

const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

/// In bytes. Shorter tags may match by chance, and longer ones belong to no password hash.
const STORED_TAG: (usize, usize) = (16, 64);
/// In bytes. Eight is the minimum of Argon2.
const STORED_SALT: (usize, usize) = (8, 64);

/// A stored Argon2 hash under the ceiling. No `Debug`: it would print the hash.
pub(super) struct ArgonHash {
    algorithm: Algorithm,
    version: Version,
    cost: ArgonCost,
    salt: Vec<u8>,
    tag: Vec<u8>,
}

impl ArgonHash {
    /// Parses `$argon2id$v=19$m=19456,t=2,p=1$salt$tag` and its variants.
    ///
    /// The parser of the `argon2` crate is not used, because it accepts any parameters and takes a
    /// missing version for the newest one, although it means the oldest.
    pub(super) fn parse(text: &str, ceiling: ArgonCost) -> Result<Self, &'static str> {
        const SHAPE: &str = "not the form of an argon2 hash";

        let mut parts = text.strip_prefix('$').ok_or(SHAPE)?.split('$');
        let algorithm = match parts.next() {
            Some("argon2id") => Algorithm::Argon2id,
            Some("argon2i") => Algorithm::Argon2i,
            Some("argon2d") => Algorithm::Argon2d,
            _ => return Err("unknown argon2 variant"),
        };
        let mut parameters = parts.next().ok_or(SHAPE)?;
        let version = match parameters.strip_prefix("v=") {
            None => Version::V0x10,
            Some(version) => {
                parameters = parts.next().ok_or(SHAPE)?;
                match version {
                    "16" => Version::V0x10,
                    "19" => Version::V0x13,
                    _ => return Err("unknown argon2 version"),
                }
            }
        };
        let (Some(salt), Some(tag), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SHAPE);
        };

        let cost = parse_cost(parameters).ok_or("unreadable argon2 parameters")?;
        if !cost.is_possible() {
            return Err("impossible argon2 parameters");
        }
        if !cost.fits(ceiling) {
            return Err("argon2 parameters above the ceiling");
        }
        let salt = decode(salt, STORED_SALT).ok_or("unusable argon2 salt")?;
        let tag = decode(tag, STORED_TAG).ok_or("unusable argon2 tag")?;
        Ok(Self { algorithm, version, cost, salt, tag })
    }

    /// Returns a hash that matches no password, at the given cost.
    pub(super) fn dummy(cost: ArgonCost) -> Result<Self, getrandom::Error> {
        Ok(Self {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            cost,
            salt: random::<SALT_BYTES>()?.to_vec(),
            tag: random::<TAG_BYTES>()?.to_vec(),
        })
    }

    pub(super) fn create(password: &[u8], cost: ArgonCost, means: &Means) -> Result<String, Broken> {
        let salt = random::<SALT_BYTES>().map_err(|_| Broken("no randomness"))?;
        let tag = compute(Algorithm::Argon2id, Version::V0x13, cost, &salt, TAG_BYTES, password, means)?;
        let ArgonCost { memory_kib, iterations, parallelism } = cost;
        Ok(format!(
            "$argon2id$v=19$m={memory_kib},t={iterations},p={parallelism}${}${}",
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(tag),
        ))
    }

    pub(super) fn matches(&self, password: &[u8], means: &Means) -> Result<bool, Broken> {
        let tag =
            compute(self.algorithm, self.version, self.cost, &self.salt, self.tag.len(), password, means)?;
        Ok(tag.ct_eq(&self.tag).into())
    }

    pub(super) const fn cost(&self) -> ArgonCost {
        self.cost
    }

    /// Randomises salt and tag, so that the hash keeps its cost and matches no password.
    pub(super) fn randomise(&mut self) -> Result<(), getrandom::Error> {
        getrandom::fill(&mut self.salt)?;
        getrandom::fill(&mut self.tag)
    }

    /// Returns `true` if the hash is weaker in any respect than one that [`create`](Self::create)
    /// makes.
    pub(super) fn is_below(&self, target: ArgonCost) -> bool {
        self.algorithm != Algorithm::Argon2id
            || self.version != Version::V0x13
            || self.salt.len() < SALT_BYTES
            || self.tag.len() < TAG_BYTES
            || self.cost.is_below(target)
    }
}

fn compute(
    algorithm: Algorithm,
    version: Version,
    cost: ArgonCost,
    salt: &[u8],
    tag_bytes: usize,
    password: &[u8],
    means: &Means,
) -> Result<Vec<u8>, Broken> {
    means.meter.ran(Work::Argon2(cost));
    let params = Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(tag_bytes))
        .map_err(|_| Broken("argon2 refused its parameters"))?;
    let (mut tag, blocks) = (vec![0; tag_bytes], params.block_count());
    let argon2 = Argon2::new(algorithm, version, params);
    let hash = |memory: &mut [Block]| argon2.hash_password_into_with_memory(password, salt, &mut tag, memory);
    match means.memory.lend(blocks, hash) {
        Some(Ok(())) => Ok(tag),
        Some(Err(_)) => Err(Broken("argon2 failed")),
        None => Err(Broken("no memory for argon2")),
    }
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Parses `m=…,t=…,p=…`. The order is fixed and no other field is allowed, as in the reference
/// implementation.
fn parse_cost(text: &str) -> Option<ArgonCost> {
    let mut fields = text.split(',');
    let cost = ArgonCost {
        memory_kib: number(fields.next()?.strip_prefix("m=")?)?,
        iterations: number(fields.next()?.strip_prefix("t=")?)?,
        parallelism: number(fields.next()?.strip_prefix("p=")?)?,
    };
    fields.next().is_none().then_some(cost)
}

/// Parses a number of digits only, so that signs and second spellings of a number are refused.
pub(super) fn number(text: &str) -> Option<u32> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if canonical { text.parse().ok() } else { None }
}

fn decode(text: &str, (shortest, longest): (usize, usize)) -> Option<Vec<u8>> {
    if text.len() > longest.div_ceil(3) * 4 {
        return None;
    }
    let bytes = STANDARD_NO_PAD.decode(text).ok()?;
    (shortest..=longest).contains(&bytes.len()).then_some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CEILING: ArgonCost = ArgonCost { memory_kib: 64, iterations: 4, parallelism: 4 };
    const SALT: &str = "c29tZXNhbHQ";
    const TAG: &str = "WhZiGPRdlDjPkKV4qVN1Pw";

    fn refusal(text: &str) -> Option<&'static str> {
        ArgonHash::parse(text, CEILING).err()
    }

    fn costs(parameters: &str) -> Option<&'static str> {
        refusal(&format!("$argon2id$v=19${parameters}${SALT}${TAG}"))
    }

    #[test]
    fn parameters_are_read_up_to_the_ceiling() {
        assert_eq!(costs("m=64,t=4,p=4"), None);
        assert_eq!(costs("m=8,t=1,p=1"), None);
        let above = Some("argon2 parameters above the ceiling");
        assert_eq!(costs("m=65,t=4,p=4"), above);
        assert_eq!(costs("m=64,t=5,p=4"), above);
        assert_eq!(costs("m=64,t=4,p=5"), above);
        assert_eq!(costs("m=4294967295,t=1,p=1"), above);
        assert_eq!(costs("m=8,t=4294967295,p=1"), above);
        let impossible = Some("impossible argon2 parameters");
        assert_eq!(costs("m=31,t=1,p=4"), impossible);
        assert_eq!(costs("m=8,t=1,p=4294967295"), impossible);
        let unreadable = Some("unreadable argon2 parameters");
        for parameters in [
            "",
            "m=64",
            "m=64,t=1",
            "m=64,p=1,t=1",
            "t=1,m=64,p=1",
            "m=64,t=1,p=1,",
            "m=64,t=1,p=1,keyid=AAAA",
            "m=64,t=1,p=1,data=AAAA",
            "m=+64,t=1,p=1",
            "m=064,t=1,p=1",
            "m=64,t=0,p=1",
            "m= 64,t=1,p=1",
            "m=,t=1,p=1",
            "m=64,t=4294967297,p=1",
            "M=64,t=1,p=1",
        ] {
            assert_eq!(costs(parameters), unreadable, "{parameters}");
        }
    }

    #[test]
    fn salt_and_tag_have_bounds() {
        let sized = |salt: usize, tag: usize| {
            let encode = |bytes| STANDARD_NO_PAD.encode(vec![7; bytes]);
            refusal(&format!("$argon2i$v=19$m=8,t=1,p=1${}${}", encode(salt), encode(tag)))
        };
        assert_eq!(sized(8, 16), None);
        assert_eq!(sized(64, 64), None);
        assert_eq!(sized(7, 16), Some("unusable argon2 salt"));
        assert_eq!(sized(65, 16), Some("unusable argon2 salt"));
        assert_eq!(sized(100_000, 16), Some("unusable argon2 salt"));
        assert_eq!(sized(8, 15), Some("unusable argon2 tag"));
        assert_eq!(sized(8, 65), Some("unusable argon2 tag"));
        let tail = |tail: &str| refusal(&format!("$argon2id$v=19$m=8,t=1,p=1${tail}"));
        assert_eq!(tail(&format!("{SALT}=${TAG}")), Some("unusable argon2 salt"));
        assert_eq!(tail(&format!("c29tZXNhbHR${TAG}")), Some("unusable argon2 salt"), "stray bits");
        assert_eq!(tail(SALT), Some("not the form of an argon2 hash"));
        assert_eq!(tail(&format!("{SALT}${TAG}$")), Some("not the form of an argon2 hash"));
    }

    #[test]
    fn a_missing_version_is_the_oldest() {
        let version = |part: &str| {
            ArgonHash::parse(&format!("$argon2i${part}m=8,t=1,p=1${SALT}${TAG}"), CEILING)
                .map(|hash| hash.version)
                .ok()
        };
        assert_eq!(version(""), Some(Version::V0x10));
        assert_eq!(version("v=16$"), Some(Version::V0x10));
        assert_eq!(version("v=19$"), Some(Version::V0x13));
        for part in ["v=18$", "v=20$", "v=019$", "v=$", "v=19$v=19$", "V=19$"] {
            assert_eq!(version(part), None, "{part}");
        }
    }

    #[test]
    fn anything_weaker_than_a_new_hash_is_below_it() {
        let target = ArgonCost { memory_kib: 32, iterations: 2, parallelism: 2 };
        let (salt, tag) = (STANDARD_NO_PAD.encode([1; 16]), STANDARD_NO_PAD.encode([2; 32]));
        let below = |head: &str, salt: &str, tag: &str| {
            ArgonHash::parse(&format!("{head}${salt}${tag}"), CEILING).map(|hash| hash.is_below(target))
        };
        assert_eq!(below("$argon2id$v=19$m=32,t=2,p=2", &salt, &tag), Ok(false));
        assert_eq!(below("$argon2id$v=19$m=64,t=4,p=4", &salt, &tag), Ok(false));
        assert_eq!(below("$argon2id$v=19$m=31,t=2,p=2", &salt, &tag), Ok(true));
        assert_eq!(below("$argon2id$v=19$m=64,t=1,p=2", &salt, &tag), Ok(true));
        assert_eq!(below("$argon2id$v=19$m=64,t=4,p=1", &salt, &tag), Ok(true));
        assert_eq!(below("$argon2i$v=19$m=32,t=2,p=2", &salt, &tag), Ok(true));
        assert_eq!(below("$argon2d$v=19$m=32,t=2,p=2", &salt, &tag), Ok(true));
        assert_eq!(below("$argon2id$v=16$m=32,t=2,p=2", &salt, &tag), Ok(true));
        assert_eq!(below("$argon2id$m=32,t=2,p=2", &salt, &tag), Ok(true));
        assert_eq!(below("$argon2id$v=19$m=32,t=2,p=2", SALT, &tag), Ok(true));
        assert_eq!(below("$argon2id$v=19$m=32,t=2,p=2", &salt, TAG), Ok(true));
    }

    proptest! {
        #[test]
        fn what_is_read_is_under_the_ceiling_and_reads_alike_in_the_crate(
            head in r"\$argon2(id|i|d|x)(\$v=(16|19|[0-9]{1,3}))?",
            m in r"[1-9][0-9]|[0-9+]{1,11}", t in r"[0-5]|[0-9]{1,11}", p in r"[0-5]|[0-9]{1,11}",
            salt in proptest::collection::vec(any::<u8>(), 6..67), tag in proptest::collection::vec(any::<u8>(), 14..67),
            stray in r"|[A-Za-z0-9+/=$]",
        ) {
            let encode = |bytes| STANDARD_NO_PAD.encode(bytes);
            let text = format!("{head}$m={m},t={t},p={p}${}{stray}${}", encode(&salt), encode(&tag));
            if let Ok(hash) = ArgonHash::parse(&text, CEILING) {
                prop_assert!(hash.cost.is_possible() && hash.cost.fits(CEILING));
                prop_assert!((8..=64).contains(&hash.salt.len()) && (16..=64).contains(&hash.tag.len()));
                if stray.is_empty() {
                    prop_assert_eq!((&hash.salt, &hash.tag), (&salt, &tag));
                }
                // The crate's parser accepts salts of up to 48 bytes.
                prop_assume!(hash.salt.len() <= 48);
                let theirs = argon2::PasswordHash::new(&text).unwrap();
                prop_assert_eq!(theirs.algorithm.as_str(), hash.algorithm.as_str());
                prop_assert_eq!(theirs.params.get_decimal("m"), Some(hash.cost.memory_kib));
                prop_assert_eq!(theirs.params.get_decimal("t"), Some(hash.cost.iterations));
                prop_assert_eq!(theirs.params.get_decimal("p"), Some(hash.cost.parallelism));
            }
        }
    }
}
