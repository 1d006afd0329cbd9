//! A host that serves `echo`: it answers what it is asked, and counts for as long as somebody listens.
//!
//! A parent starts it; by hand it says that it has none. With the feature `faults` it fails as
//! `MAINSTAY_HOST_FAULTS` says.

use mainstay_host::protocol::Failure;
use mainstay_host::{Call, Contract, Host, Items, Raw, Serves, record};
use std::process::ExitCode;

struct Echo;

impl Contract for Echo {
    const NAME: &'static str = "echo";
    const VERSION: u32 = 3;
    type Request = String;
    type Reply = String;
    type Item = String;
    type Codec = Raw;
}

/// What a vendor's library would be: made on the thread that uses it.
#[derive(Debug, Default)]
struct Device {
    calls: u64,
}

impl Serves<Echo> for Device {
    fn reply(&mut self, call: &mut Call<'_>, request: String) -> Result<String, Failure> {
        self.calls += 1;
        record!(call, "the device is asked for the {}. time", self.calls);
        match request.as_str() {
            "" => Err(Failure::new(1_000, "there is nothing to answer")),
            "tired" => {
                call.recycle("it has been asked enough");
                Ok(request)
            }
            _ => Ok(request),
        }
    }

    fn stream(&mut self, items: &mut Items<'_, Echo>, request: String) -> Result<(), Failure> {
        let most: u64 = request
            .parse()
            .map_err(|_| Failure::new(1_001, format!("`{request}` is no number to count to")))?;
        (1..=most).try_for_each(|number| items.send(&number.to_string()))?;
        Ok(())
    }
}

fn main() -> ExitCode {
    let host = match Host::<Echo>::connect() {
        Ok(host) => host,
        Err(error) => {
            eprintln!("native: {error}");
            return ExitCode::FAILURE;
        }
    };
    host.status("opens the device");
    let mut device = Device::default();
    host.ready();
    match host.serve_with(&mut device) {
        Ok(_) => ExitCode::SUCCESS,
        Err(gone) => {
            eprintln!("native: {gone}");
            ExitCode::FAILURE
        }
    }
}
