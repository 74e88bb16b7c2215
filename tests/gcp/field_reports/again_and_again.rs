//! Operations that Google accepts and that fail, each time.

use super::super::{Member, common::*, writes};
use super::PATCH;
use crate::common::field_reports::told;
use cloudsim::gcp::{Simulator, VIP, VM_A, VM_B, World};
use serde_json::json;
use std::time::Duration;

/// The last operation has not ended when the call does. What made the others fail says more.
#[test]
fn an_operation_that_fails_each_time_is_told_with_its_cause() {
    for (id, code, message) in [
        ("GCP-103", "RESOURCE_NOT_READY", "The resource is not ready."),
        ("GCP-104", "INTERNAL_ERROR", "Internal error. Please try again."),
    ] {
        let sim = Simulator::start(World::article());
        (0..40).for_each(|_| sim.operations().fail_next(VM_B, code, message));
        sim.operations().duration_of(VM_B, Duration::from_millis(700));
        let report = Member::b(&sim).with(json!({ "deadlineSeconds": 5 })).hook();
        told(id, &report);
        assert!(writes(&sim).iter().filter(|write| **write == format!("{PATCH} {VM_B}")).count() > 2, "{report:#}");
    }
}

/// Google takes only so many changes of one resource in a while, and waiting helps.
#[test]
fn a_rate_of_changes_that_is_exceeded_passes() {
    let sim = Simulator::start(World::article());
    let exceed = || {
        let message = "Operation rate exceeded for resource.";
        sim.operations().fail_next(VM_B, "RESOURCE_OPERATION_RATE_EXCEEDED", message);
    };
    exceed();
    told("GCP-105", &Member::b(&sim).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));

    let sim = Simulator::start(World::article());
    let message = "Operation rate exceeded for resource.";
    (0..40).for_each(|_| sim.operations().fail_next(VM_A, "RESOURCE_OPERATION_RATE_EXCEEDED", message));
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 6 })).hook();
    told("GCP-106", &report);
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_A));
}
