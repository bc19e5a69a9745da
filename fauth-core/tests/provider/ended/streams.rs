//! Streams that end with their authority.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use fauth_core::{ClientInfo, ended::EndReason};
use futures_core::Stream;

use super::{MINUTE, settle, socket};
use crate::support::World;

/// So many items, each ready at once; then the end, or nothing more.
struct Numbers {
    left: usize,
    ends: bool,
}

impl Stream for Numbers {
    type Item = usize;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<usize>> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Some(left))
            }
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_always_ready_ends_too() {
    let world = World::new();
    let (tokens, ended) = socket(&world, "alice").await;
    let mut stream = ended.clone().take_until(Numbers { left: usize::MAX, ends: false });
    for _ in 0..1000 {
        assert!(next(&mut stream).await.is_some());
    }
    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    settle().await;
    assert_eq!(next(&mut stream).await, None);
    assert_eq!(next(&mut stream).await, None, "and stays so");
    assert_eq!(ended.is_ended(), Some(EndReason::Revoked));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_is_woken_to_its_end() {
    let world = World::new();
    let (tokens, ended) = socket(&world, "alice").await;
    let mut stream = ended.take_until(Numbers { left: 2, ends: false });
    let reader = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(number) = next(&mut stream).await {
            seen.push(number);
        }
        seen
    });
    tokio::time::sleep(MINUTE).await;
    assert!(!reader.is_finished());
    world.auth.logout(&tokens.access, &ClientInfo::unknown()).await.unwrap();
    assert_eq!(reader.await.unwrap(), [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_over_by_itself_needs_no_end() {
    let world = World::new();
    let (_, ended) = socket(&world, "alice").await;
    let mut stream = ended.take_until(Numbers { left: 1, ends: true });
    assert_eq!(stream.size_hint(), (0, Some(1)), "it may end before");
    assert_eq!((next(&mut stream).await, next(&mut stream).await), (Some(0), None));
    assert_eq!(next(&mut stream).await, None);
}
