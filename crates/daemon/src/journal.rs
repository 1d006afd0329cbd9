//! What has happened: append-only segments of framed, checksummed records.
