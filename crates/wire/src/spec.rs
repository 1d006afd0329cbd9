//! The spec file: what an operator writes, `mainstay.yaml`.
