//! What a keeper hands to the program it becomes. Descriptors are named by their numbers: they stay open.
