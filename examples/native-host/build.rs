//! Compiles the vendor's library.

fn main() {
    println!("cargo::rerun-if-changed=vendor");
    // It is as it is: nobody here mends it, an optimiser neither.
    cc::Build::new()
        .opt_level(0)
        .file("vendor/cnc.c")
        .include("vendor")
        .warnings(false)
        .compile("cnc");
}
