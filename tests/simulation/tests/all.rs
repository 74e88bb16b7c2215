//! The suites of the simulation, in one program: `cargo test -p simulation sweeps::` runs one of them.

/// A test of each mechanism, by its name.
macro_rules! of_each_mechanism {
    ($check:ident) => {
        #[test]
        #[cfg(feature = "aws")]
        fn aws_route() {
            $check(Mechanism::AwsRoute);
        }
        #[test]
        #[cfg(feature = "aws")]
        fn aws_secondary_ip() {
            $check(Mechanism::AwsSecondaryIp);
        }
        #[test]
        fn azure_ip_config() {
            $check(Mechanism::AzureIpConfig);
        }
        #[test]
        fn azure_route() {
            $check(Mechanism::AzureRoute);
        }
        #[test]
        fn gcp_alias_ip() {
            $check(Mechanism::GcpAliasIp);
        }
        #[test]
        fn gcp_route() {
            $check(Mechanism::GcpRoute);
        }
    };
}

mod bystanders;
mod interleavings;
mod readiness;
mod seeds;
mod shipped;
mod sweeps;
mod transcripts;
