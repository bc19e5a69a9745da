//! What an operation costs: time, allocations, instructions.
//!
//! Absolute times depend on the machine and on its neighbours. So all cases are timed in the same
//! process, in turns, and what counts is their ratio; and where time is too noisy, instructions and
//! allocations are not.
//!
//! A program that measures looks like this:
//!
//! ```no_run
//! use std::{env, error::Error};
//!
//! use measure::{Case, Counter, Effort, Report, child_request, count_instructions, measure};
//!
//! fn main() -> Result<(), Box<dyn Error>> {
//!     let mut cases = [
//!         Case::new("join", || ["a", "b"].join("")),
//!         Case::new("format", || format!("{}{}", "a", "b")).against("join"),
//!     ];
//!     // To count instructions, the program is started again with the request to run one case.
//!     if let Some(request) = child_request(env::args()) {
//!         return Ok(request.run(&mut cases)?);
//!     }
//!     let mut measured = measure(&mut cases, Effort::Normal);
//!     let counter = Counter::detect();
//!     if let Some(counter) = counter {
//!         count_instructions(&mut measured, counter)?;
//!     }
//!     let report = Report::new(measured, counter);
//!     // `report` is a table when it is displayed, and `report.to_json()` is the same for machines.
//!     std::fs::write("report.txt", report.to_string())?;
//!     Ok(())
//! }
//! ```
//!
//! The crate `allocation-counter` brings a global allocator, so every program that links this one
//! has it. Counting is switched off while something is timed or its instructions are counted; what
//! is left is a look at a thread-local flag for each allocation, and that growing a block always
//! moves it. Together that is about one percent.

mod case;
mod child;
mod counter;
mod report;
mod timing;

pub use case::{Case, Measured};
pub use child::{ChildRequest, child_request};
pub use counter::{Counter, count_instructions};
pub use report::Report;
pub use timing::{Effort, measure, median};
