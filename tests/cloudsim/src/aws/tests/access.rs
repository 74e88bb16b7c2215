//! Who may speak, and what they may do.

use super::super::world::World;
use super::super::{MEMBER_A, Simulator};
use super::*;

const LIST: &str = "Action=DescribeRouteTables&Version=2016-11-15";

fn ask(sim: &Simulator, signer: &Signer) -> (u16, String) {
    let reply = signer.post(&sim.ec2_url(), LIST).unwrap();
    (reply.status, reply.text("Code").to_owned())
}

#[test]
fn a_signature_must_be_right_in_every_part() {
    let sim = Simulator::start(World::overlay(1));
    let good = Signer::default();
    let ago = |minutes: u64| SystemTime::now() - Duration::from_secs(60 * minutes);
    assert_eq!(ask(&sim, &good).0, 200);
    assert_eq!(ask(&sim, &Signer { time: ago(14), ..good.clone() }).0, 200);
    for (signer, status, code) in [
        (Signer { secret: "other".into(), ..good.clone() }, 403, "SignatureDoesNotMatch"),
        (Signer { key: "AKIDNOBODY".into(), ..good.clone() }, 401, "AuthFailure"),
        (Signer { token: Some("stray".into()), ..good.clone() }, 401, "AuthFailure"),
        (Signer { region: "us-east-1", ..good.clone() }, 401, "AuthFailure"),
        (Signer { service: "sts", ..good.clone() }, 401, "AuthFailure"),
        (Signer { time: ago(16), ..good.clone() }, 400, "RequestExpired"),
        (Signer { time: SystemTime::now() + Duration::from_secs(960), ..good.clone() }, 400, "RequestExpired"),
    ] {
        assert_eq!(ask(&sim, &signer), (status, code.to_owned()));
    }
}

#[test]
fn what_was_signed_must_be_what_was_sent() {
    let sim = Simulator::start(World::overlay(1));
    let url = sim.ec2_url();
    let signer = Signer::default();
    let send = |headers: &[(String, String)], body: &str| {
        let reply = exchange(&url, "POST", "/", headers, body).unwrap();
        (reply.status, reply.text("Code").to_owned())
    };
    assert_eq!(send(&[], LIST), (403, "MissingAuthenticationToken".into()));
    let other = LIST.replace("RouteTables", "Vpcs");
    assert_eq!(send(&signer.headers(&url, LIST), &other), (403, "SignatureDoesNotMatch".into()));
    let mut headers = signer.headers(&url, LIST);
    for (name, value) in &mut headers {
        if name == "authorization" {
            *value = value.replace("host;", "");
        }
    }
    assert_eq!(send(&headers, LIST), (403, "SignatureDoesNotMatch".into()));
    let broken = [("authorization".to_owned(), "AWS4-HMAC-SHA256 Credential=x".to_owned())];
    assert_eq!(send(&broken, LIST), (400, "IncompleteSignature".into()));
}

#[test]
fn credentials_of_an_instance_work_until_they_expire() {
    let sim = Simulator::start(World::overlay(1));
    let signer = |sim: &Simulator| {
        let credentials = sim.credentials(MEMBER_A);
        Signer {
            key: credentials.access_key,
            secret: credentials.secret,
            token: credentials.token,
            ..Signer::default()
        }
    };
    let first = signer(&sim);
    assert_eq!(ask(&sim, &first).0, 200);
    assert_eq!(ask(&sim, &Signer { token: None, ..first.clone() }), (401, "AuthFailure".into()));
    let principal = sim.log()[0].principal.clone().unwrap();
    assert!(principal.ends_with(&format!("assumed-role/mirrorvip/{MEMBER_A}")), "{principal}");
    sim.expire_credentials();
    assert_eq!(ask(&sim, &first), (400, "RequestExpired".into()));
    assert_eq!(ask(&sim, &signer(&sim)).0, 200);
    assert_eq!(ask(&sim, &Signer::default()).0, 200, "the static key does not expire");
}

#[test]
fn permissions_can_be_taken_away_in_whole_and_in_part() {
    let sim = Simulator::start(World::overlay(2));
    let delete = |table| {
        let params = [("RouteTableId", table), ("DestinationCidrBlock", VIP)];
        let reply = ec2(&sim, "DeleteRoute", &params);
        (reply.status, reply.text("Code").to_owned())
    };
    let unauthorized = (403, "UnauthorizedOperation".to_owned());
    let not_found = (400, "InvalidRoute.NotFound".to_owned());
    let other = "rtb-00000000000000002";
    sim.change(|world| world.deny_on("mirrorvip", "ec2:DeleteRoute", TABLE));
    assert_eq!((delete(TABLE), delete(other)), (unauthorized.clone(), not_found.clone()));
    sim.change(|world| world.deny("mirrorvip", "ec2:*"));
    assert_eq!((delete(TABLE), delete(other)), (unauthorized.clone(), unauthorized));
    sim.change(|world| {
        world.allow("mirrorvip", "ec2:*");
        world.allow("mirrorvip", "ec2:DeleteRoute");
    });
    assert_eq!((delete(TABLE), delete(other)), (not_found.clone(), not_found));
}

#[test]
fn a_role_is_assumed_where_that_is_allowed() {
    let mut world = World::overlay(1);
    world.add_assumable_role("routing", "mirrorvip");
    world.deny("mirrorvip", "ec2:DescribeRouteTables");
    let sim = Simulator::start(world);
    let arn = "arn:aws:iam::123456789012:role/routing";
    let reply = sts(&sim, &[("RoleArn", arn), ("RoleSessionName", "takeover"), ("DurationSeconds", "900")]);
    assert_eq!(reply.status, 200, "{}", reply.body);
    let signer = Signer {
        key: reply.text("AccessKeyId").into(),
        secret: reply.text("SecretAccessKey").into(),
        token: Some(reply.text("SessionToken").into()),
        ..Signer::default()
    };
    assert_eq!(ask(&sim, &Signer::default()), (403, "UnauthorizedOperation".into()));
    assert_eq!(ask(&sim, &signer).0, 200);
    assert!(sim.log().last().unwrap().principal.as_deref().unwrap().ends_with("assumed-role/routing/takeover"));

    for (params, status, code) in [
        (vec![("RoleArn", "arn:aws:iam::123456789012:role/other"), ("RoleSessionName", "x1")], 403, "AccessDenied"),
        (vec![("RoleArn", arn)], 400, "ValidationError"),
        (vec![("RoleArn", arn), ("RoleSessionName", "a b")], 400, "ValidationError"),
        (vec![("RoleArn", arn), ("RoleSessionName", "x1"), ("DurationSeconds", "60")], 400, "ValidationError"),
    ] {
        let reply = sts(&sim, &params);
        assert!(reply.body.contains("<ErrorResponse"), "{}", reply.body);
        assert_eq!(reply.outcome(), (status, code), "{params:?}");
    }
    sim.change(|world| world.deny("mirrorvip", "sts:AssumeRole"));
    assert_eq!(sts(&sim, &[("RoleArn", arn), ("RoleSessionName", "x1")]).outcome(), (403, "AccessDenied"));
}
