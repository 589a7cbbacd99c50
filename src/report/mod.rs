//! Reports. What a run came to is data first, the [`RunResult`](result::RunResult); every other file is a
//! rendering of it, one format a file here.

pub mod bill;
pub mod comparison;
pub mod cost_tree;
pub mod csv;
pub mod drawing;
#[cfg(test)]
pub(crate) mod example;
pub mod experiment;
pub mod folder;
pub mod follow;
mod incidents;
pub mod json;
mod losses;
pub mod markdown;
pub mod number;
pub mod price_list;
mod refused_reads;
pub mod result;
mod streams;
pub mod sweep;
pub mod table;
pub mod terminal;
pub mod words;
mod writes;
