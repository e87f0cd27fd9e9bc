//! The golden model against tract: the digits, networks by chance, and the networks of the shared data folder.

mod digits;
mod random;
mod shared;
