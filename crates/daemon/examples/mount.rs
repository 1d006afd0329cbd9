//! A web service of your own with a supervision tree, which shows and takes commands in two places: on a Unix socket,
//! for `mainstay status --socket mount.sock`, and below `/supervision` of its own pages.
//!
//! ```sh
//! cargo run -p mainstay-daemon --example mount -- 127.0.0.1:8080 mount.sock
//! curl 127.0.0.1:8080/ 127.0.0.1:8080/supervision/v1/status
//! curl --unix-socket mount.sock http://localhost/v1/explain/flaky
//! ```

use axum::routing::get;
use axum::{Extension, Router};
use mainstay::{BoxError, Context, Fault, Handle, supervisor, task, tree};
use mainstay_daemon::api::{Caller, Listener, Role, Roles, Service, router, serve_unix};
use std::future::IntoFuture;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let socket = arguments.next().unwrap_or_else(|| "mount.sock".into());

    let owner = tree()
        .child(task("reader", waits))
        .child(supervisor("app").child(task("db", waits)).child(task("cache", waits).needs("db")))
        .child(task("flaky", fails).optional())
        .start()?;
    let service = Service::new(owner.handle()).name("mount");

    // The command line reaches it here. The kernel says who asks: you and root may do everything.
    let listener = Listener::bind(socket.as_ref(), 0o600)?;
    let on_socket = serve_unix(listener, service.clone(), Roles::default(), ended(owner.handle()));

    // Among your own pages you say who asks. Here it is whoever reaches the port, which only this machine can.
    let who = Caller::new("whoever reaches the port", Some(Role::Admin));
    let pages = Router::new()
        .route("/", get(|| async { "a service\n" }))
        .nest("/supervision", router(service).layer(Extension(who)));
    let listener = tokio::net::TcpListener::bind(address).await?;
    let on_port =
        axum::serve(listener, pages).with_graceful_shutdown(ended(owner.handle())).into_future();

    let (report, (), served) = tokio::join!(owner.run(), on_socket, on_port);
    served?;
    println!("{report}");
    Ok(())
}

/// Waits for the end of the tree.
async fn ended(handle: Handle) {
    handle.ended().await;
}

async fn waits(cx: Context) {
    cx.stopped().await;
}

async fn fails(cx: Context) -> Result<(), Fault> {
    tokio::select! {
        () = cx.stopped() => Ok(()),
        () = tokio::time::sleep(Duration::from_secs(1)) => {
            Err(Fault::transient(std::io::Error::other("the upstream hung up")))
        }
    }
}
