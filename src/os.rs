//! The operating system: signals, where names are looked up, the terminal's width. The only file with `unsafe` lines, each with its proof.
#![expect(
    unsafe_code,
    reason = "signal masks, the C library's name services and the terminal's width have no safe interface in std"
)]

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use crate::exit::Signal;

/// How a sleep ended: the error is the signal that cut it short.
pub type Slept = Result<(), Signal>;

/// Time between a signal and the hard end of the process, where something cannot be interrupted (connect): what was started may have to be
/// canceled meanwhile.
#[cfg(unix)]
const GRACE: Duration = Duration::from_secs(5);

/// Lets every part of the program see that it was asked to end. Clones share one state.
#[derive(Clone, Default)]
pub struct Interrupt {
    state: Arc<Mutex<State>>,
    raised: Arc<Condvar>,
}

#[derive(Default)]
struct State {
    signal: Option<Signal>,
    hooks: Vec<Box<dyn FnOnce() + Send>>,
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interrupt")
    }
}

impl Interrupt {
    pub fn new() -> Self {
        Self::default()
    }

    /// The first signal that arrived, if any.
    pub fn signal(&self) -> Option<Signal> {
        lock(&self.state).signal
    }

    /// Marks the interrupt, wakes every sleeper and runs the hooks. Later signals change nothing.
    pub fn raise(&self, signal: Signal) {
        let mut state = lock(&self.state);
        if state.signal.is_some() {
            return;
        }
        state.signal = Some(signal);
        let hooks = std::mem::take(&mut state.hooks);
        drop(state);
        self.raised.notify_all();
        for hook in hooks {
            hook();
        }
    }

    /// Runs `hook` when a signal arrives (at once if one has): used to shut down requests under way.
    pub fn on_raise(&self, hook: Box<dyn FnOnce() + Send>) {
        let mut state = lock(&self.state);
        if state.signal.is_none() {
            state.hooks.push(hook);
            return;
        }
        drop(state);
        hook();
    }

    /// Sleeps for `duration` of real time or until a signal arrives.
    pub fn sleep(&self, duration: Duration) -> Slept {
        let state = lock(&self.state);
        let (state, _) = self
            .raised
            .wait_timeout_while(state, duration, |state| state.signal.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        state.signal.map_or(Ok(()), Err)
    }
}

/// The lock, even after a panic of another thread: no lock of ours is held while a value is half written.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// First call of `main`, before any thread: fixes how names are looked up, blocks the signals and starts the one thread that takes them.
pub fn prepare() -> Interrupt {
    fix_name_look_ups();
    let interrupt = Interrupt::new();
    #[cfg(unix)]
    {
        // SAFETY: no handler of ours is installed, so no code runs at the signal. From here on a write beyond the limit of a file's size is an
        // error of that write; std has done the same for SIGPIPE.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        // SAFETY: the handler calls only `_exit`, which a handler may call at any moment.
        unsafe { libc::signal(libc::SIGABRT, aborted as *const () as libc::sighandler_t) };
        signals(interrupt.clone());
    }
    interrupt
}

/// The standard library aborts if no memory is left, and at a panic in a release build. The exit code is then 6, not the 134 of an abort.
#[cfg(unix)]
extern "C" fn aborted(_: libc::c_int) {
    // SAFETY: ends the process at once without running destructors; no memory is touched.
    unsafe { libc::_exit(libc::c_int::from(crate::exit::Exit::Unknown.code())) };
}

/// Host names come from the hosts file and from name servers, whatever the image's `nsswitch.conf` says: a static program would load
/// the modules named there, which were built for another C library, and crash.
fn fix_name_look_ups() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: the signature is that of `<nss.h>`, glibc 2.0 and later.
        unsafe extern "C" {
            fn __nss_configure_lookup(
                database: *const libc::c_char,
                services: *const libc::c_char,
            ) -> libc::c_int;
        }
        // SAFETY: both pointers are to NUL-terminated texts that are never freed; no other thread exists that could look a name up meanwhile.
        unsafe { __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr()) };
    }
    // The C library reads these: with them a CI/CD variable would change where a name leads.
    for variable in ["LOCALDOMAIN", "RES_OPTIONS", "HOSTALIASES"] {
        // SAFETY: no other thread exists yet that could read the environment meanwhile.
        unsafe { std::env::remove_var(variable) };
    }
}

#[cfg(unix)]
fn signals(interrupt: Interrupt) {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` initialises the set that the later calls read; every pointer is to a live local; the null pointers are
    // "no new action" and "old mask not wanted". No other thread exists yet, so all later threads inherit the mask.
    let set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for number in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
            // What the parent ignores stays ignored (`nohup`, background jobs of a shell): blocking would make it pending instead.
            let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
            let known = libc::sigaction(number, std::ptr::null(), action.as_mut_ptr()) == 0;
            if known && action.assume_init().sa_sigaction == libc::SIG_IGN {
                continue;
            }
            libc::sigaddset(set.as_mut_ptr(), number);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
        set.assume_init()
    };
    let started = std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || take_signals(&set, &interrupt));
    if started.is_err() {
        // SAFETY: the set is initialised; without a thread to take them the signals go back to their default, which ends the process.
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut()) };
    }
}

#[cfg(unix)]
fn take_signals(set: &libc::sigset_t, interrupt: &Interrupt) {
    let mut number = 0;
    // SAFETY: the set is initialised and blocked in this thread; `number` is a live local.
    if unsafe { libc::sigwait(set, &raw mut number) } != 0 {
        return;
    }
    let signal = match number {
        libc::SIGHUP => Signal::Hangup,
        libc::SIGINT => Signal::Interrupt,
        _ => Signal::Terminate,
    };
    interrupt.raise(signal);
    // The main thread leaves the ordinary way and takes this thread with it, unless it is stuck in a connect.
    std::thread::sleep(GRACE);
    // SAFETY: ends the process at once without running destructors; no memory is touched.
    unsafe { libc::_exit(128 + i32::from(signal.number())) };
}

/// Sixty-four random bits, for jitter.
pub fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}
