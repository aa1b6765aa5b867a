//! What all tests of the store share: short ways to say things, and a throwaway PostgreSQL.
#![allow(dead_code)] // each test binary uses a part

pub mod postgres;
pub mod words;
