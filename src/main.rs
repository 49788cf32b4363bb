//! The `menshen` program. Its commands come with the rooms they need.

fn main() {}
