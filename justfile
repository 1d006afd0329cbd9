# A menu. What has logic lives in `cargo xtask` and `.ci/run`.

# Lists the recipes.
default:
    @just --list

# Format, lints, spelling, dependencies, tidy.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    typos
    taplo fmt --check
    cargo deny check --allow unused-wrapper bans licenses sources
    cargo xtask tidy
    cargo xtask no-std

# All tests; names narrow them down.
test *args:
    cargo test --workspace --all-features {{ args }}

# The documentation, private items too.
doc *args:
    RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --all-features --no-deps --document-private-items {{ args }}

# The simulator; without arguments it tells what it takes.
sim *args="--help":
    cargo xtask sim {{ args }}

# The core's benchmarks.
bench *args:
    cargo bench -p mainstay-core {{ args }}

# The library beside its peers, in a workspace of its own.
peers *args:
    cd benches/peers && cargo run --release --features mainstay -- {{ args }}

# Everything that CI runs.
all:
    bash .ci/run
