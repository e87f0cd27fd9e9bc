//! Stage 7, emission: a program becomes image bytes, with known answers and notes. Same inputs, same bytes.

mod answers;
mod check;
mod codes;
mod write;

pub use answers::{Answers, answers, network_answers};
pub use check::check_image;
pub use codes::check_codes;
pub use write::{VectorData, vector_list, write_image, write_program};
