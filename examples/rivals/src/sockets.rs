//! Sockets
use crate::{Result, part::Part};
pub(crate) fn part() -> Result<Part> { Err("the measurement is not there yet".into()) }
pub(crate) fn serve(_: &str, _: &str) -> Result<()> { Err("no".into()) }
