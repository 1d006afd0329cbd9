//! The control plane: HTTP and JSON over a Unix socket.
