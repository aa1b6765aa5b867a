//! What reports and pages show alike: two names side by side with what they state marked by its meaning, kinds and states in
//! words, text as safe HTML; in Chinese and English. Pure.

pub mod compare;
pub mod html;
pub mod kinds;
pub mod lang;
