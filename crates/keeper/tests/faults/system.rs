//! A keeper as the first process of a container, and the smallest one there is.
