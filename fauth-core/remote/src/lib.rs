#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod client;
mod cryptography;
mod error;
mod fetch;
mod roots;

pub use client::HttpFetchBuilder;
pub use error::HttpFetchError;
pub use fetch::HttpFetch;
