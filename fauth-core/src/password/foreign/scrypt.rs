//! scrypt ([RFC 7914](https://www.rfc-editor.org/rfc/rfc7914)), as other systems store it.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{
    super::cost::{Broken, Means, ScryptCeiling, ScryptCost, Work},
    parts::{Salt, Tag},
};

/// No known system uses more. It also bounds the memory in addition to the large table: 128 bytes
/// for each `r` and `p`.
const HIGHEST_R: u32 = 32;

/// A stored scrypt hash under the ceiling. No `Debug`: it would print the hash.
pub(in crate::password) struct ScryptHash {
    cost: ScryptCost,
    salt: Salt,
    tag: Tag,
}

impl ScryptHash {
    pub(super) fn new(
        cost: ScryptCost,
        (salt, tag): (Salt, Tag),
        ceiling: ScryptCeiling,
    ) -> Result<Self, &'static str> {
        let ScryptCost { log_n, r, p } = cost;
        if log_n == 0 || r == 0 || p == 0 {
            return Err("impossible scrypt parameters");
        }
        // The exponent is checked first, so nothing here overflows.
        let fits = log_n < 32
            && r <= HIGHEST_R
            && p <= ceiling.parallelism
            && table_bytes(cost) <= u64::from(ceiling.memory_kib) * 1024;
        if fits { Ok(Self { cost, salt, tag }) } else { Err("scrypt parameters above the ceiling") }
    }

    pub(super) const fn work(&self) -> Work {
        Work::Scrypt(self.cost)
    }

    pub(super) fn randomise(&mut self) -> Result<(), getrandom::Error> {
        getrandom::fill(&mut self.salt.0)?;
        getrandom::fill(&mut self.tag.0)
    }

    pub(super) fn matches(&self, password: &[u8], means: &Means) -> Result<bool, Broken> {
        means.meter.ran(self.work());
        let ScryptCost { log_n, r, p } = self.cost;
        let params =
            ::scrypt::Params::new(log_n, r, p).map_err(|_| Broken("scrypt refused its parameters"))?;
        reserve(table_bytes(self.cost))?;
        let mut computed = Zeroizing::new(vec![0; self.tag.0.len()]);
        ::scrypt::scrypt(password, &self.salt.0, &params, &mut computed)
            .map_err(|_| Broken("scrypt refused the length of its hash"))?;
        Ok(computed.ct_eq(&self.tag.0).into())
    }
}

/// 128 · N · r.
const fn table_bytes(cost: ScryptCost) -> u64 {
    (128 * cost.r as u64) << cost.log_n
}

/// Checks that this much memory can be allocated. The crate allocates its table itself, and the
/// process aborts if that fails. So the same amount is requested just before, in a way that may
/// fail.
fn reserve(bytes: u64) -> Result<(), Broken> {
    const NO_MEMORY: Broken = Broken("no memory for scrypt");
    let bytes = usize::try_from(bytes).map_err(|_| NO_MEMORY)?;
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| NO_MEMORY)
}
