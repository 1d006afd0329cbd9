//! What comes over the link and is no order.
