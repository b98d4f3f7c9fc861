//! Everything that formats: the answer on standard output and the talk on standard error.
