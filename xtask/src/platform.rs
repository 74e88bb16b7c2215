//! What a release is built for.

use clap::ValueEnum;

/// The oldest glibc that the library has to run with, that of Red Hat Enterprise Linux 8.
pub const GLIBC: (u32, u32) = (2, 28);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    #[value(name = "x86_64")]
    X86_64,
    #[value(name = "aarch64")]
    Aarch64,
}

impl Platform {
    pub const ALL: [Platform; 2] = [Platform::X86_64, Platform::Aarch64];

    pub fn name(self) -> &'static str {
        match self {
            Platform::X86_64 => "x86_64",
            Platform::Aarch64 => "aarch64",
        }
    }

    /// Rust's name for it.
    pub fn triple(self) -> String {
        format!("{}-unknown-linux-gnu", self.name())
    }

    /// Zig's name for it, with the glibc to link against.
    pub fn zig_target(self) -> String {
        format!("{}-linux-gnu.{}.{}", self.name(), GLIBC.0, GLIBC.1)
    }

    /// The Debian packages that hold its C library on a machine of another kind, and the folder they put it in.
    pub fn foreign_libc(self) -> ([&'static str; 2], &'static str) {
        match self {
            Platform::X86_64 => (["libc6-amd64-cross", "libgcc-s1-amd64-cross"], "usr/x86_64-linux-gnu"),
            Platform::Aarch64 => (["libc6-arm64-cross", "libgcc-s1-arm64-cross"], "usr/aarch64-linux-gnu"),
        }
    }

    /// Whether this machine runs it without help.
    pub fn is_native(self) -> bool {
        cfg!(target_os = "linux") && std::env::consts::ARCH == self.name()
    }

    /// The name of the release, of its archive and of the folder in it.
    pub fn release(self) -> String {
        format!("mirrorvip-{}-linux-{}", crate::VERSION, self.name())
    }
}
