//! From a spec file to a declared tree.
