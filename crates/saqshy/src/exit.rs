//! Exit codes: 0 done, 1 found something wrong, 2 bad usage or input, 3 could not reach a needed
//! service, 130 interrupted.

use std::process::ExitCode;

/// How a verb ended that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// The verb worked and what it looked at is wrong: a changed file, a refused rule.
    FoundWrong,
    /// Ctrl-C; what was done until then has been told.
    Interrupted,
}

/// Why a verb could not run to its end.
#[derive(Debug)]
pub enum Failure {
    /// Bad usage or input.
    Input(anyhow::Error),
    /// A needed service or folder could not be reached.
    Unreachable(anyhow::Error),
}

/// Most errors of a verb come from its input; what is out of reach says so with [`unreachable`].
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        Failure::Input(error)
    }
}

/// Marks an error as "could not reach".
pub fn unreachable(error: impl Into<anyhow::Error>) -> Failure {
    Failure::Unreachable(error.into())
}

/// Prints a failure with its chain of causes and gives the exit code.
pub fn report(outcome: Result<Exit, Failure>) -> ExitCode {
    let (error, code) = match outcome {
        Ok(Exit::Done) => return ExitCode::SUCCESS,
        Ok(Exit::FoundWrong) => return ExitCode::from(1),
        Ok(Exit::Interrupted) => return ExitCode::from(130),
        Err(Failure::Input(error)) => (error, 2),
        Err(Failure::Unreachable(error)) => (error, 3),
    };
    if is_broken_pipe(&error) {
        return ExitCode::SUCCESS;
    }
    eprintln!("saqshy: {error:#}");
    ExitCode::from(code)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_a_normal_end() {
        let pipe = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(
            &anyhow::Error::new(pipe).context("writing hits")
        ));
        assert!(!is_broken_pipe(&anyhow::anyhow!("no such rule")));
    }
}
