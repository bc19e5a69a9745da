//! Many questions at the same time, and not too many.

use std::{future::poll_fn, task::Poll};

/// Asks about each of these, `most` of them at the same time. The answers come as they are given,
/// in no order.
///
/// What is asked is a part of the task that asks, and ends with it.
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
