//! The operator's binary; see `yagura --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    yagura::cli::main()
}
