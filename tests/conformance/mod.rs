//! What every mechanism has to do, whatever its cloud: each scene is played once for each of the six, over sockets and by the built
//! library. What one cloud or one mechanism alone knows is in `aws`, `azure` and `gcp`.

mod local;
mod member;
mod scenes;

use simulation::cloud::Mechanism;

/// A test for each scene, so that a failure names the mechanism and the scene.
macro_rules! play {
    ($mechanism:ident: $($scene:ident)*) => {
        $(#[test] fn $scene() { super::scenes::$scene(super::Mechanism::$mechanism); })*
    };
}

/// All scenes of a mechanism, and those that not every mechanism has.
macro_rules! conforms {
    ($($module:ident: $mechanism:ident $($more:ident)*;)*) => {
        $(mod $module {
            play! { $mechanism:
                moves_there_and_back_and_changes_nothing_else
                takes_the_vip_that_nobody_has
                moves_two_vips_and_ends_a_split
                leaves_what_is_here_already
                tells_of_a_dry_run_and_changes_nothing
                releases_what_is_here_and_nothing_else
                tells_who_has_the_vip_and_only_reads
                is_refused_and_changes_nothing
                finds_a_change_whose_answer_was_lost
                finds_a_release_whose_answer_was_lost
                stays_where_it_is_while_no_change_is_accepted
                $($more)*
            }
        })*
    };
}

conforms! {
    aws_route: AwsRoute takes_the_public_address_along;
    aws_secondary_ip: AwsSecondaryIp takes_the_public_address_along;
    azure_ip_config: AzureIpConfig takes_the_public_address_along;
    azure_route: AzureRoute;
    gcp_alias_ip: GcpAliasIp takes_the_public_address_along;
    gcp_route: GcpRoute;
}
