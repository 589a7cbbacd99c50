//! Reports. What a run came to is data first, the [`RunResult`](result::RunResult); every other file is a
//! rendering of it, one format a file here.

pub mod drawing;
#[cfg(test)]
pub(crate) mod example;
pub mod json;
pub mod number;
pub mod result;
pub mod table;
pub mod terminal;
pub mod words;
