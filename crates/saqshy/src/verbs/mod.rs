//! One module per verb.

pub mod config;
pub mod journal;
pub mod lake;
pub mod law;
pub mod rules;
pub mod scan;
pub mod serve;
pub mod user;
