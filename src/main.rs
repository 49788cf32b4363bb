//! The `menshen` program: catches early signals, then hands over to the library.

use std::process::ExitCode;

/// Header-heavy work allocates and frees small pieces all the time; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything else: until a handler stands, a SIGHUP kills the process.
    let early = menshen::server::EarlySignals::catch();
    menshen::cli::main(early)
}
