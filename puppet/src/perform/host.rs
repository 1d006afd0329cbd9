//! The puppet as a host: what it is asked, it does.

use super::Puppet;
use mainstay_host::protocol::code;
use mainstay_host::{Call, Contract, Failure, Host, Items, Raw, Serves, Voice};
use std::io;
use std::time::Duration;

/// What the puppet serves: texts, as [`Asked`] understands them.
struct Speaks<const VERSION: u32>;

impl<const VERSION: u32> Contract for Speaks<VERSION> {
    const NAME: &'static str = puppet::CONTRACT;
    const VERSION: u32 = VERSION;
    type Request = String;
    type Reply = String;
    type Item = String;
    type Codec = Raw;
}

struct Asked {
    puppet: Puppet,
    kept: Vec<String>,
    reloads: u32,
}

/// Serves until it is asked to end.
pub(super) fn serve(puppet: &Puppet, version: u32) -> io::Result<()> {
    let asked = Asked { puppet: puppet.clone(), kept: Vec::new(), reloads: 0 };
    match version {
        1 => serve_as::<1>(asked),
        _ => serve_as::<2>(asked),
    }
}

fn serve_as<const VERSION: u32>(mut asked: Asked) -> io::Result<()> {
    let host = Host::<Speaks<VERSION>>::connect().map_err(io::Error::other)?;
    host.serve_with(&mut asked).map_err(io::Error::other)?;
    Ok(())
}

impl<const VERSION: u32> Serves<Speaks<VERSION>> for Asked {
    fn reply(&mut self, call: &mut Call<'_>, request: String) -> Result<String, Failure> {
        let (verb, rest) = request.split_once(' ').unwrap_or((&request, ""));
        match verb {
            "echo" => Ok(rest.to_owned()),
            "pid" => {
                let seconds = if rest.is_empty() { Ok(0.0) } else { rest.parse() };
                super::sleep(Duration::from_secs_f64(seconds.map_err(malformed)?));
                Ok(std::process::id().to_string())
            }
            "env" => Ok(std::env::var(rest).unwrap_or_else(|_| "unset".into())),
            "keep" => {
                self.kept.push(rest.to_owned());
                Ok(self.kept.len().to_string())
            }
            "kept" => Ok(self.kept.join(",")),
            "reloads" => Ok(self.reloads.to_string()),
            "bytes" => Ok("x".repeat(number(rest)?)),
            "note" => {
                call.record(rest);
                Ok(String::new())
            }
            "status" => {
                call.status(rest);
                Ok(String::new())
            }
            "recycle" => {
                call.recycle(rest);
                Ok(String::new())
            }
            "extend-for-ever" => {
                let voice = Voice::clone(call);
                let extend = move || loop {
                    voice.extend(Duration::from_secs(60));
                    super::sleep(Duration::from_millis(10));
                };
                let thread = std::thread::Builder::new().spawn(extend);
                thread.map(|_| String::new()).map_err(malformed)
            }
            "panic" => panic!("{rest}"),
            "fail" => Err(Failure::new(code::FIRST_OWN, rest)),
            "steps" => {
                let steps = crate::step::parse_all(rest.split(' ')).map_err(malformed)?;
                self.puppet.perform(&steps).map_err(malformed)?;
                Ok(self.puppet.expand("{child}"))
            }
            // It goes on only once nobody waits any more.
            "await-cancel" => {
                while !call.is_cancelled() {
                    super::sleep(Duration::from_millis(1));
                }
                self.kept.push("cancelled".into());
                Ok(String::new())
            }
            _ => Err(malformed(format!("no such request: {verb}"))),
        }
    }

    fn stream(
        &mut self,
        items: &mut Items<'_, Speaks<VERSION>>,
        request: String,
    ) -> Result<(), Failure> {
        let (verb, rest) = request.split_once(' ').unwrap_or((&request, ""));
        let most = match verb {
            "count" => number(rest)?,
            "count-and-fail" => number(rest)?,
            _ => return Err(malformed(format!("no such stream: {verb}"))),
        };
        for item in 1..=most {
            if items.send(&item.to_string()).is_err() {
                self.kept.push(format!("cancelled before {item}"));
                return Ok(());
            }
        }
        match verb {
            "count-and-fail" => Err(Failure::new(code::FIRST_OWN, "on purpose")),
            _ => Ok(()),
        }
    }

    fn reload(&mut self) {
        self.reloads += 1;
    }
}

fn number(text: &str) -> Result<usize, Failure> {
    text.parse().map_err(malformed)
}

fn malformed(why: impl ToString) -> Failure {
    Failure::new(code::MALFORMED, why.to_string())
}
