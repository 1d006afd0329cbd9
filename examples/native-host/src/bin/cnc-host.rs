//! The host: the only program that links the vendor's library. Whatever that does, it does it here.

use mainstay_host::{Failure, Host, record};
use native_host::{Cnc, MACHINE, Reply, Request};
use std::process::ExitCode;

fn main() -> ExitCode {
    let host = match Host::<Cnc>::connect() {
        Ok(host) => host,
        Err(error) => {
            eprintln!("cnc-host: {error}");
            return ExitCode::FAILURE;
        }
    };
    // The library wants to be called by one thread alone, so this one serves.
    let served = host.serve(|call, request| match request {
        Request::Read { axis } => {
            record!(call, "cnc_read({axis})");
            library::read(axis).map(Reply::Position).map_err(machine)
        }
        Request::Subscribe { axis } => {
            record!(call, "cnc_subscribe({axis})");
            library::subscribe(axis).map(|()| Reply::Subscribed).map_err(machine)
        }
        Request::Subscriptions => Ok(Reply::Count(library::subscriptions())),
    });
    match served {
        Ok(_) => ExitCode::SUCCESS,
        Err(gone) => {
            eprintln!("cnc-host: {gone}");
            ExitCode::FAILURE
        }
    }
}

/// What the machine says properly is an answer, and no reason to die.
fn machine(error: i32) -> Failure {
    Failure::new(MACHINE, format!("the machine says error {error}"))
}

/// The vendor's library.
#[expect(unsafe_code, reason = "it is written in C")]
mod library {
    use std::ffi::{c_int, c_long};

    unsafe extern "C" {
        fn cnc_read(axis: c_int, position: *mut c_long) -> c_int;
        fn cnc_subscribe(axis: c_int) -> c_int;
        fn cnc_subscriptions() -> c_int;
    }

    pub(crate) fn read(axis: i32) -> Result<i64, i32> {
        let mut position = 0;
        // SAFETY: none that holds: what the vendor promises is not so. That is why this is a host.
        match unsafe { cnc_read(axis, &raw mut position) } {
            0 => Ok(position),
            error => Err(error),
        }
    }

    pub(crate) fn subscribe(axis: i32) -> Result<(), i32> {
        // SAFETY: as above.
        match unsafe { cnc_subscribe(axis) } {
            0 => Ok(()),
            error => Err(error),
        }
    }

    pub(crate) fn subscriptions() -> i32 {
        // SAFETY: as above.
        unsafe { cnc_subscriptions() }
    }
}
