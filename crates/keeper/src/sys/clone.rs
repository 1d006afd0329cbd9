//! Making a process the way `vfork` does: nothing of the parent is copied, however large it is.
//!
//! The new process begins in the parent's memory, on a stack of its own, while the calling thread is
//! suspended until it executes its program or ends. So it may do nothing but system calls on memory that was
//! prepared before: no allocation, no lock, no call of the C library that keeps state for all threads
//! (`setuid` is one). What it does stands in a list of [`Act`]s; the first that fails is written where the
//! parent reads it.
#![expect(
    unsafe_code,
    reason = "no safe crate offers clone3, nor what a process does between it and exec"
)]

use super::act::{Act, call, perform};
use libc::{c_char, c_int, c_long};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::io;
use std::mem;
use std::ptr;

/// All there is to execute a program: texts that live for as long as this does.
#[derive(Debug)]
pub(crate) struct Program {
    /// Where the program may be, in order.
    pub(crate) paths: Vec<CString>,
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: Vec<CString>,
    /// Variables whose value is the process's own number, which only it knows.
    pub(crate) own_number: Vec<&'static CStr>,
}

/// How a process is made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Making<'a> {
    /// The cgroup it begins in.
    pub(crate) cgroup: Option<BorrowedFd<'a>>,
    pub(crate) pid_namespace: bool,
    /// Whether the caller wants a descriptor of the process.
    pub(crate) pidfd: bool,
    /// Whether it shares the table of descriptors until its first act, which must be
    /// [`Act::OwnDescriptors`].
    pub(crate) shares_descriptors: bool,
}

/// A process that executes its program.
#[derive(Debug)]
pub(crate) struct Born {
    pub(crate) pid: i32,
    pub(crate) pidfd: Option<OwnedFd>,
}

/// Why there is no process.
#[derive(Debug)]
pub(crate) enum Unborn {
    /// It could not be made.
    Clone(io::Error),
    /// This act failed.
    Act(usize, io::Error),
    /// No program could be executed.
    Execute(io::Error),
}

/// What the parent prepares and both sides see.
struct Shared<'a> {
    acts: &'a [Act],
    paths: Vec<*const c_char>,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    /// Where the number of the process is written, each behind the name of its variable.
    numbers: Vec<*mut u8>,
    /// The act that failed, or one more than there are.
    failed: usize,
    error: c_int,
}

/// Makes a process, waits until it executes its program, and returns it.
///
/// A process that fails before is gone when this returns: it leaves nothing to wait for.
pub(crate) fn make_process(
    making: Making<'_>,
    acts: &[Act],
    program: &Program,
) -> Result<Born, Unborn> {
    let pointers = |texts: &[CString]| -> Vec<*const c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
    };
    let mut own: Vec<Vec<u8>> = program.own_number.iter().map(|name| own_number(name)).collect();
    let mut environment = pointers(&program.environment);
    environment.pop();
    environment.extend(own.iter().map(|text| text.as_ptr().cast::<c_char>()));
    environment.push(ptr::null());
    let numbers = own
        .iter_mut()
        .zip(&program.own_number)
        .map(|(text, name)| text[name.count_bytes() + 1..].as_mut_ptr())
        .collect();
    let mut shared = Shared {
        acts,
        paths: pointers(&program.paths),
        arguments: pointers(&program.arguments),
        environment,
        numbers,
        failed: usize::MAX,
        error: 0,
    };
    let kept = STACK.with_borrow_mut(Option::take);
    let mut stack = kept.map_or_else(Stack::new, Ok).map_err(Unborn::Clone)?;
    let mask = block_signals();
    let changes_user = acts.iter().any(|act| matches!(act, Act::User(_) | Act::Group(_)));
    let is_dumpable = changes_user && dumpable();
    // SAFETY: `shared` and all it points to outlive the call, because this thread is suspended until the
    // new process has executed a program or ended; `stack` is used by nobody else.
    let made = unsafe { make(making, &mut stack, &raw mut shared) };
    if is_dumpable {
        // Who changes its user makes its memory undumpable, and that was ours as well.
        set_dumpable();
    }
    restore_signals(&mask);
    STACK.set(Some(stack));
    let born = made.map_err(Unborn::Clone)?;
    // SAFETY: the new process writes here before this thread goes on, which the compiler cannot see.
    let (failed, error) = unsafe {
        (ptr::read_volatile(&raw const shared.failed), ptr::read_volatile(&raw const shared.error))
    };
    if failed == usize::MAX {
        return Ok(born);
    }
    super::reap::wait_for(born.pid);
    let error = io::Error::from_raw_os_error(error);
    Err(if failed < acts.len() { Unborn::Act(failed, error) } else { Unborn::Execute(error) })
}

/// Returns `NAME=` with room for any number and its end.
fn own_number(name: &CStr) -> Vec<u8> {
    let mut text = name.to_bytes().to_vec();
    text.push(b'=');
    text.extend([0; 12]);
    text
}

/// The stack of the new process. It is small: nothing there is deep. Below it is a page that nobody may touch.
struct Stack {
    base: *mut libc::c_void,
}

thread_local! {
    /// One process is made at a time by a thread, so it needs one stack.
    static STACK: RefCell<Option<Stack>> = const { RefCell::new(None) };
}

impl Stack {
    const SIZE: usize = 64 * 1024;
    const GUARD: usize = 64 * 1024;

    fn new() -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        let size = Self::GUARD + Self::SIZE;
        // SAFETY: a fresh mapping touches nothing that exists.
        let base = unsafe { libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Self { base };
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the part above the guard is of the same mapping.
        let opened = unsafe { libc::mprotect(stack.bottom(), Self::SIZE, rights) };
        if opened == 0 { Ok(stack) } else { Err(io::Error::last_os_error()) }
    }

    /// Returns its lowest usable address.
    fn bottom(&self) -> *mut libc::c_void {
        self.base.wrapping_byte_add(Self::GUARD)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this size, and whoever ran on it has gone elsewhere.
        unsafe { libc::munmap(self.base, Self::GUARD + Self::SIZE) };
    }
}

/// Blocks every signal in this thread, so that no handler of the parent runs in the new process.
fn block_signals() -> libc::sigset_t {
    // SAFETY: both sets are plain memory that the calls fill.
    unsafe {
        let (mut all, mut before) = (mem::zeroed(), mem::zeroed());
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        before
    }
}

fn dumpable() -> bool {
    // SAFETY: a plain question.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 }
}

fn set_dumpable() {
    // SAFETY: it allows what was allowed before.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
}

fn restore_signals(mask: &libc::sigset_t) {
    // SAFETY: the set was filled by `block_signals`.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, ptr::from_ref(mask), ptr::null_mut()) };
}

/// The arguments of clone3 as the kernel has them since 5.7.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// # Safety
///
/// `shared` and all that it points to stay valid and are touched by nobody else until this returns.
unsafe fn make(making: Making<'_>, stack: &mut Stack, shared: *mut Shared<'_>) -> io::Result<Born> {
    let mut pidfd: c_int = -1;
    let mut flags = libc::CLONE_VM | libc::CLONE_VFORK;
    if making.pidfd {
        flags |= libc::CLONE_PIDFD;
    }
    if making.pid_namespace {
        flags |= libc::CLONE_NEWPID;
    }
    if making.shares_descriptors {
        flags |= libc::CLONE_FILES;
    }
    let mut args = CloneArgs {
        flags: u64::from(flags.cast_unsigned()),
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        stack: stack.bottom() as u64,
        stack_size: Stack::SIZE as u64,
        ..CloneArgs::default()
    };
    if let Some(cgroup) = making.cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: the new process runs `child` on the stack given, with what the caller promised.
    let pid = unsafe { clone3(&args, child, shared.cast()) };
    if pid < 0 {
        let error = i32::try_from(-pid).unwrap_or(libc::EINVAL);
        return Err(io::Error::from_raw_os_error(error));
    }
    // SAFETY: the kernel has just opened it for us.
    let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
    Ok(Born { pid: i32::try_from(pid).unwrap_or(i32::MAX), pidfd })
}

/// Calls clone3; the new process calls `child(shared)`, which never returns.
///
/// # Safety
///
/// As for [`make`]; the arguments must name a stack.
#[cfg(target_arch = "x86_64")]
unsafe fn clone3(
    args: &CloneArgs,
    child: unsafe extern "C" fn(*mut libc::c_void) -> !,
    shared: *mut libc::c_void,
) -> i64 {
    let mut result: i64 = libc::SYS_clone3;
    // SAFETY: in the parent only the registers named change. In the new process the stack pointer is the
    // end of the stack in `args`, aligned to 16, as a call wants it; it never comes back from the call.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inout("rax") result,
            in("rdi") ptr::from_ref(args),
            in("rsi") size_of::<CloneArgs>(),
            in("r12") shared,
            in("r13") child,
            out("rcx") _,
            out("r11") _,
        );
    }
    result
}

/// See the other one.
///
/// # Safety
///
/// As for [`make`]; the arguments must name a stack.
#[cfg(target_arch = "aarch64")]
unsafe fn clone3(
    args: &CloneArgs,
    child: unsafe extern "C" fn(*mut libc::c_void) -> !,
    shared: *mut libc::c_void,
) -> i64 {
    let mut result = ptr::from_ref(args) as i64;
    // SAFETY: as on the other architecture.
    unsafe {
        std::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x20",
            "blr x21",
            "brk 1",
            "2:",
            inout("x0") result,
            in("x1") size_of::<CloneArgs>(),
            in("x8") libc::SYS_clone3,
            in("x20") shared,
            in("x21") child,
        );
    }
    result
}

/// The life of the new process up to its program.
///
/// # Safety
///
/// `shared` is a [`Shared`] that stays valid until this process executes its program or ends.
unsafe extern "C" fn child(shared: *mut libc::c_void) -> ! {
    let shared = shared.cast::<Shared<'_>>();
    // SAFETY: the parent is suspended, so nobody else reads or writes it.
    let shared = unsafe { &mut *shared };
    for (index, act) in shared.acts.iter().enumerate() {
        // SAFETY: this is the new process.
        if let Err(error) = unsafe { perform(act) } {
            leave(shared, index, error);
        }
    }
    // SAFETY: plain questions and writes to the room that `own_number` made.
    unsafe {
        let pid = libc::syscall(libc::SYS_getpid);
        for &at in &shared.numbers {
            write_number(at, pid);
        }
    }
    unblock_signals();
    let error = execute(shared);
    let last = shared.acts.len();
    leave(shared, last, error)
}

fn leave(shared: &mut Shared<'_>, failed: usize, error: c_int) -> ! {
    // SAFETY: the fields are valid; the parent reads them once this process is gone.
    unsafe {
        ptr::write_volatile(&raw mut shared.error, error);
        ptr::write_volatile(&raw mut shared.failed, failed);
    }
    loop {
        // SAFETY: ends this process alone; nothing of the parent's is run.
        unsafe { libc::syscall(libc::SYS_exit_group, 127) };
    }
}

/// # Safety
///
/// There is room for a number of this size and its end.
unsafe fn write_number(at: *mut u8, number: c_long) {
    let (mut digits, mut count, mut rest) = ([0_u8; 12], 0_usize, number.unsigned_abs());
    loop {
        digits[count] = b'0' + (rest % 10) as u8;
        count += 1;
        rest /= 10;
        if rest == 0 || count == 11 {
            break;
        }
    }
    for index in 0..count {
        // SAFETY: no more than 11 digits, and room for 12.
        unsafe { at.add(index).write(digits[count - 1 - index]) };
    }
}

/// Tries each path in turn, as `execvp` does, and returns the error that tells most.
fn execute(shared: &Shared<'_>) -> c_int {
    let mut told = libc::ENOENT;
    for &path in &shared.paths {
        if path.is_null() {
            break;
        }
        // SAFETY: texts and lists that end with a null, prepared by the parent.
        let error = unsafe {
            call(libc::syscall(
                libc::SYS_execve,
                path,
                shared.arguments.as_ptr(),
                shared.environment.as_ptr(),
            ))
        };
        match error {
            Ok(()) | Err(libc::ENOENT | libc::ENOTDIR) => {}
            // Found and not allowed: another may do, else this is what to say.
            Err(libc::EACCES) => told = libc::EACCES,
            Err(error) => return error,
        }
    }
    told
}

fn unblock_signals() {
    let none = 0_u64;
    // SAFETY: the kernel's set is 8 bytes.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const none,
            ptr::null::<u64>(),
            8,
        )
    };
}
