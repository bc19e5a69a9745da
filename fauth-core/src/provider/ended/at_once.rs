//! Runs many questions concurrently, up to a limit.

use std::{future::poll_fn, task::Poll};

/// Asks about each of these, `most` at a time. The answers are in the order in which they arrive.
///
/// The questions are part of the task that asks, and are dropped with it.
pub(super) async fn at_once<T, A: Future>(
    most: usize,
    items: impl IntoIterator<Item = T>,
    ask: impl Fn(T) -> A,
) -> Vec<A::Output> {
    let mut left = items.into_iter();
    let (mut asked, mut answers) = (Vec::new(), Vec::new());
    poll_fn(|context| {
        loop {
            asked.retain_mut(|one: &mut std::pin::Pin<Box<A>>| match one.as_mut().poll(context) {
                Poll::Ready(answer) => {
                    answers.push(answer);
                    false
                }
                Poll::Pending => true,
            });
            let before = asked.len();
            asked.extend(
                left.by_ref().take(most.max(1).saturating_sub(before)).map(|item| Box::pin(ask(item))),
            );
            if asked.is_empty() {
                return Poll::Ready(());
            }
            if asked.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await;
    answers
}
