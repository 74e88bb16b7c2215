//! Connections that break and names that nobody answers: the process survives them, and its signals are its own.

use super::*;
use cloudsim::{Fault, Rule};
use common::{ACQUIRE, CHECK, RELEASE, STATUS};
use nix::libc;
use std::{
    ffi::CString,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream, UdpSocket},
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The host was started with SIGPIPE as the kernel has it: the first one would end the process.
fn start_mortal() -> Host {
    let mut host = start();
    let snapshot = host.command("snapshot");
    assert!(snapshot.contains(",13:DFL/") && snapshot.contains(" blocked=0000000000000000 "), "{snapshot}");
    host
}

#[test]
fn a_connection_may_break_at_any_request() {
    let sim = simulator(2);
    let mut host = start_mortal();
    let before = host.command("snapshot");
    for fault in [Fault::DropBefore, Fault::DropAfter, Fault::HalfBody] {
        for skip in [0, 1, 5, 11, 12, 13, 14] {
            sim.faults().clear();
            sim.change(|world| *world = super::world(2));
            sim.faults().on(Rule { times: 2, ..Rule::nth("*", skip, fault.clone()) });
            let result = host.call(ACQUIRE, &hook(&sim, 5));
            // Two lost connections in five seconds hold nobody up.
            assert_ends(&result, "moved", &["-"]);
            assert_eq!(host.command("snapshot"), before, "{fault:?} at {skip}");
        }
    }
    sim.faults().clear();
    for (action, fault) in [("DescribeRouteTables", Fault::DropBefore), ("DeleteRoute", Fault::DropAfter)] {
        sim.faults().on(Rule::always("ec2", action, fault));
    }
    for (number, expected) in [(STATUS, "unknown"), (CHECK, "not_ready"), (RELEASE, "not_released")] {
        assert_ends(&host.call(number, &hook(&sim, 1)), expected, &["unavailable", "deadline"]);
        assert_eq!(host.command("snapshot"), before, "{expected}");
    }
    assert!(host.finish().success());
}

/// Accepts, reads a little and resets each connection: whoever then writes gets SIGPIPE.
struct Rude {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Rude {
    fn start(read: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("bound");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                // What stays unread makes the kernel reset the connection instead of ending it.
                let mut stream = stream;
                let mut some = vec![0; read];
                let _ = stream.read(&mut some);
            }
        });
        Self { address, stop }
    }
}

impl Drop for Rude {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread up.
        let _ = TcpStream::connect(self.address);
    }
}

#[test]
fn a_reset_connection_does_not_end_the_process() {
    let sim = simulator(1);
    let mut host = start_mortal();
    let before = host.command("snapshot");
    for read in [0, 1, 100] {
        let rude = Rude::start(read);
        for (place, scheme) in [("metadata", "http"), ("ec2", "http"), ("ec2", "https")] {
            let overlay = json!({ "aws": { "endpoints": { place: format!("{scheme}://{}", rude.address) } } });
            let request = request(&sim, overlay, json!({ "deadlineSeconds": 1 }));
            for (number, expected) in [(ACQUIRE, "not_moved"), (STATUS, "unknown")] {
                assert_ends(&host.call(number, &request), expected, &["unavailable", "deadline"]);
                assert_eq!(host.command("snapshot"), before, "{place} {scheme} {read}");
            }
        }
    }
    assert!(host.finish().success());
}

/// Runs `act` while the host stands still.
fn while_stopped(pid: u32, act: impl FnOnce()) {
    let id = libc::pid_t::try_from(pid).expect("a process id");
    // SAFETY: the process is a child of ours that has not been waited for.
    let signal = |number| assert_eq!(unsafe { libc::kill(id, number) }, 0);
    let stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    };
    signal(libc::SIGSTOP);
    let until = Instant::now() + GRACE;
    while !stopped() {
        assert!(Instant::now() < until, "the host does not stop");
        thread::yield_now();
    }
    act();
    signal(libc::SIGCONT);
}

fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("a socket of ours");
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).expect("a socket of ours");
                return stream;
            }
            Err(why) => assert!(Instant::now() < until, "nobody connects: {why}"),
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_write_to_a_broken_connection_does_not_end_the_process() {
    // What it takes for a real SIGPIPE: an answer that TLS must protest against, on a connection that by then has been
    // ended and reset. The process stands still meanwhile, so that it finds all of it at once.
    let sim = simulator(1);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("bound"));
    let overlay = json!({ "aws": { "endpoints": { "ec2": url } } });
    let request = request(&sim, overlay, json!({ "deadlineSeconds": 2 }));
    let mut host = start_mortal();
    let before = host.command("snapshot");
    let pid = host.pid();
    thread::scope(|scope| {
        let call = scope.spawn(|| host.call(ACQUIRE, &request));
        let mut stream = accept(&listener);
        stream.read_exact(&mut [0]).expect("the beginning of a handshake; the rest of it stays unread");
        while_stopped(pid, || {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("the other side is still there");
            stream.shutdown(Shutdown::Write).expect("a socket of ours");
            drop(stream);
        });
        // Nobody listens any more when the library tries again.
        drop(listener);
        let result = call.join().expect("the host answers");
        assert_ends(&result, "not_moved", &["unavailable", "deadline"]);
    });
    assert_eq!(host.command("snapshot"), before);
    assert!(host.finish().success());
}

/// Lets a program see another /etc/resolv.conf, in a mount namespace of its own.
fn with_resolv_conf(command: &mut Command, file: &Path) {
    let source = CString::new(file.as_os_str().as_bytes()).expect("no NUL");
    let checked = |status: libc::c_int| if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    let enter = move || {
        let none = std::ptr::null();
        // SAFETY: system calls with constant strings and one that the closure owns; they change this process alone,
        // which is about to become the program.
        unsafe {
            checked(libc::unshare(libc::CLONE_NEWNS))?;
            checked(libc::mount(none, c"/".as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, none.cast()))?;
            checked(libc::mount(source.as_ptr(), c"/etc/resolv.conf".as_ptr(), none, libc::MS_BIND, none.cast()))
        }
    };
    // SAFETY: between fork and exec the closure makes three system calls and allocates nothing.
    unsafe { command.pre_exec(enter) };
}

/// A name server that takes questions and never answers.
const DEAD_SERVER: Ipv4Addr = Ipv4Addr::new(127, 71, 0, 53);
/// One that is not there.
const NO_SERVER: Ipv4Addr = Ipv4Addr::new(127, 71, 0, 54);

#[test]
fn a_dead_name_server_does_not_hold_the_call() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut probe = Command::new("true");
    with_resolv_conf(&mut probe, file.path());
    let allowed = probe.status();
    // Both protocols: a resolver may try the other one.
    let udp = UdpSocket::bind((DEAD_SERVER, 53));
    let tcp = TcpListener::bind((DEAD_SERVER, 53));
    if allowed.is_err() || udp.is_err() || tcp.is_err() {
        say(&format!("NOT TESTED: a dead name server needs root and mount namespaces: {allowed:?}, {udp:?}, {tcp:?}"));
        return;
    }
    let sim = simulator(1);
    for server in [DEAD_SERVER, NO_SERVER] {
        std::fs::write(file.path(), format!("nameserver {server}\n")).expect("a file of ours");
        let mut host = start_with(|command| with_resolv_conf(command, file.path()));
        let before = host.command("snapshot");
        for (number, expected, seconds) in
            [(ACQUIRE, "not_moved", 1), (STATUS, "unknown", 2), (ACQUIRE, "not_moved", 4)]
        {
            let overlay = json!({ "aws": { "endpoints": { "ec2": "https://ec2.invalid.example" } } });
            let request = request(&sim, overlay, json!({ "deadlineSeconds": seconds }));
            let line = format!("call {number} {}", irishost::c_host::hex(&request));
            let (answer, threads) = host.max_threads_while(&line);
            let result = CallResult::parse(&answer);
            assert_ends(&result, expected, &["deadline", "unavailable"]);
            if seconds == 4 {
                assert_names(&result, "no name server answered for ec2.invalid.example");
            }
            assert!(result.elapsed <= Duration::from_secs(seconds) + GRACE, "{server}: {:?}", result.elapsed);
            assert_eq!(threads, 1);
            assert_eq!(host.command("snapshot"), before);
        }
        assert_eq!(host.command("threads-created"), "threads-created 0");
        assert_eq!(host.stdout_and_stderr(), (vec![], vec![]));
    }
    if let Ok(udp) = udp {
        udp.set_nonblocking(true).expect("a socket of ours");
        assert!(udp.recv(&mut [0; 512]).is_ok(), "the dead server was asked");
    }
}

#[track_caller]
fn assert_names(result: &CallResult, why: &str) {
    let report = result.json();
    let told = |key: &str| report["error"][key].as_str().unwrap_or_default().to_owned();
    assert!(told("message").contains(why) && told("remedy").contains("/etc/resolv.conf"), "{why}: {report:#}");
}

/// One that answers each question with "there is no such name" (RFC 1035, section 4.1.1: QR, RA, and RCODE 3).
const EMPTY_SERVER: Ipv4Addr = Ipv4Addr::new(127, 71, 0, 55);

#[test]
fn a_name_that_does_not_exist_is_told_as_that() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), format!("nameserver {EMPTY_SERVER}\n")).expect("a file of ours");
    let mut probe = Command::new("true");
    with_resolv_conf(&mut probe, file.path());
    let allowed = probe.status();
    let udp = UdpSocket::bind((EMPTY_SERVER, 53));
    let (Ok(_), Ok(udp)) = (&allowed, &udp) else {
        say(&format!("NOT TESTED: a name server of its own needs root and mount namespaces: {allowed:?}, {udp:?}"));
        return;
    };
    let server = udp.try_clone().expect("a socket of ours");
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = server.recv_from(&mut question) {
            let answer = &mut question[..length];
            answer[2] |= 0x80;
            answer[3] = 0x83;
            let _ = server.send_to(answer, from);
        }
    });
    let sim = simulator(1);
    let mut host = start_with(|command| with_resolv_conf(command, file.path()));
    let overlay = json!({ "aws": { "endpoints": { "ec2": "https://ec2.invalid.example" } } });
    let result = host.call(ACQUIRE, &request(&sim, overlay, json!({ "deadlineSeconds": 2 })));
    assert_ends(&result, "not_moved", &["unavailable"]);
    assert_names(&result, "the name ec2.invalid.example does not exist");
}
