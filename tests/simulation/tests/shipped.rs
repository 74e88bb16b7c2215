//! What is shipped cannot stop the clock.

use std::path::Path;
use std::process::Command;

#[test]
fn no_shipped_build_has_a_clock_that_stops() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal,features", "--package", "mirrorvip", "--invert", "tokio"])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    let (found, why) = (String::from_utf8_lossy(&tree.stdout), String::from_utf8_lossy(&tree.stderr));
    assert!(
        tree.status.success() && found.contains("tokio feature \"rt\""),
        "cargo tree shows no features: {found}{why}"
    );
    assert!(!found.contains("tokio feature \"test-util\""), "{found}");
}
