//! The program as its own child: told to run one case, so many times.

use std::io;

use crate::Case;

const RUN: &str = "--run";
const TIMES: &str = "--times";

/// The request to run one case and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildRequest {
    /// The name of the case.
    pub name: String,
    /// How often it is to be run.
    pub times: u64,
}

/// Whether the program was called with `--run NAME --times N`. Then it does that and ends.
pub fn child_request(arguments: impl IntoIterator<Item = String>) -> Option<ChildRequest> {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let name = value_of(&arguments, RUN)?.to_owned();
    let times = value_of(&arguments, TIMES)?.parse().ok()?;
    Some(ChildRequest { name, times })
}

fn value_of<'a>(arguments: &'a [String], option: &str) -> Option<&'a str> {
    arguments.iter().skip_while(|argument| *argument != option).nth(1).map(String::as_str)
}

impl ChildRequest {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// None of the cases has this name.
    pub fn run(&self, cases: &mut [Case<'_>]) -> io::Result<()> {
        let case = cases.iter_mut().find(|case| case.name() == self.name);
        case.ok_or_else(|| io::Error::other(format!("no case is called {:?}", self.name)))?.run(self.times);
        Ok(())
    }

    /// The arguments that [`child_request`] reads.
    pub(crate) fn arguments(name: &str, times: u64) -> [String; 4] {
        [RUN.to_owned(), name.to_owned(), TIMES.to_owned(), times.to_string()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let request = ChildRequest { name: "a b".to_owned(), times: 3 };
        assert_eq!(child_request(ChildRequest::arguments("a b", 3)), Some(request.clone()));
        let before = ["program", "--bench"].map(str::to_owned);
        let all = before.into_iter().chain(ChildRequest::arguments("a b", 3));
        assert_eq!(child_request(all), Some(request));
    }

    #[test]
    fn other_arguments_are_no_request() {
        for line in ["", "program", "--run", "--run a", "--run a --times", "--run a --times b", "--times 3"] {
            assert_eq!(child_request(line.split_whitespace().map(str::to_owned)), None, "{line}");
        }
    }

    #[test]
    fn runs_the_case_it_names() {
        let (mut one, mut two) = (0, 0);
        let mut cases = [Case::new("one", || one += 1), Case::new("two", || two += 1)];
        ChildRequest { name: "two".to_owned(), times: 5 }.run(&mut cases).unwrap();
        ChildRequest { name: "three".to_owned(), times: 5 }.run(&mut cases).unwrap_err();
        drop(cases);
        assert_eq!((one, two), (0, 5));
    }
}
