//! What a takeover costs in round trips and bytes, counted at the seam to the network: the table in docs/performance.md. A cold
//! call of the core, over real TLS, against the simulated clouds.
//!
//! A program of its own, because its tests tell by the time which request waits for which: no other test may run beside them.

#[path = "common/mod.rs"]
mod common;
#[path = "round_trips/counting.rs"]
mod counting;

use cloudsim::{Simulator, Stage, aws, azure, gcp};
use common::{Scene, assert_outcome, merge, scenes::OVERLAY_VIP};
use counting::acquire;
use serde_json::{Value, json};
use std::{fmt, fs, io::Write, time::Duration};

/// Long beside what this machine spends on a request, so that requests that wait for one another are told from those side by
/// side.
const LATENCY: Duration = Duration::from_millis(100);
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");

/// One line of the table.
#[derive(Debug, PartialEq)]
struct Row {
    scene: &'static str,
    requests: usize,
    in_sequence: usize,
    handshakes: usize,
    /// In hundreds of bytes, since identifiers and dates differ in length.
    sent: usize,
    received: usize,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kilobytes = |hundreds: usize| format!("{}.{}", hundreds / 10, hundreds % 10);
        let (sent, received) = (kilobytes(self.sent), kilobytes(self.received));
        write!(
            f,
            "| {} | {} | {} | {} | {sent} | {received} |",
            self.scene, self.requests, self.in_sequence, self.handshakes
        )
    }
}

/// A takeover by the second member, which has never called before.
fn measure<S: Stage>(scene: &'static str, faces: &[&str], sim: &Simulator<S>, overlay: &Value) -> Row
where
    Simulator<S>: Scene,
{
    for face in faces {
        sim.faults().latency(face, LATENCY);
    }
    let mut bundle = tempfile::NamedTempFile::new().expect("a file");
    bundle.write_all(sim.ca_pem().as_bytes()).expect("write the authority");
    let mut config = sim.config(Simulator::<S>::MEMBERS[1]);
    merge(&mut config, &json!({ "http": { "caBundle": bundle.path() } }));
    merge(&mut config, overlay);
    let (report, traffic) = acquire(&config);
    assert_outcome(&report, "moved");
    assert_eq!(traffic.requests, sim.log().len(), "{scene}: every request passes the seam, the SDK's as well");
    let hundreds = |bytes: usize| (bytes + 50) / 100;
    Row {
        scene,
        requests: traffic.requests,
        in_sequence: traffic.in_sequence,
        handshakes: sim.handshakes(),
        sent: hundreds(traffic.bytes_sent),
        received: hundreds(traffic.bytes_received),
    }
}

fn on_aws(scene: &'static str, world: aws::World, overlay: Value) -> Row {
    measure(scene, &["ec2", "imds"], &aws::Simulator::start_tls(world), &overlay)
}

fn on_azure(scene: &'static str, world: azure::World, overlay: Value) -> Row {
    measure(scene, &["arm", "imds"], &azure::Simulator::start_tls(world), &overlay)
}

fn on_gcp(scene: &'static str, world: gcp::World, overlay: Value) -> Row {
    measure(scene, &["compute", "metadata"], &gcp::Simulator::start_tls(world), &overlay)
}

fn rows() -> Vec<Row> {
    let routed = || aws::World::overlay(1).held(OVERLAY_VIP, aws::ENI_A);
    let secondary = json!({ "vip": aws::SECONDARY_IP, "aws": { "mechanism": "secondaryIp" } });
    let azure_route =
        json!({ "vip": "10.1.0.254/32", "azure": { "mechanism": "route", "routeTables": [azure::ROUTE_TABLE] } });
    let gcp_route = json!({ "vip": gcp::ROUTED_VIP, "gcp": { "mechanism": "route" } });
    vec![
        on_aws("AWS `route`, one table", routed(), json!({})),
        on_aws(
            "AWS `route`, one table, Elastic IP",
            routed().with_elastic_ip(aws::ENI_A),
            json!({ "aws": { "publicIp": aws::ELASTIC_IP } }),
        ),
        on_aws("AWS `secondaryIp`", aws::World::one_subnet(), secondary),
        on_azure("Azure `ipConfig`", azure::World::article(), json!({})),
        on_azure(
            "Azure `ipConfig`, public address",
            azure::World::article_with_public_ip(),
            json!({ "azure": { "publicIp": azure::PUBLIC_IP } }),
        ),
        on_azure("Azure `route`, one table", azure::World::routes(), azure_route),
        on_gcp("GCP `aliasIp`", gcp::World::article(), json!({})),
        on_gcp(
            "GCP `aliasIp`, public address",
            gcp::World::article_with_public_ip(),
            json!({ "gcp": { "publicIp": gcp::PUBLIC_IP } }),
        ),
        on_gcp("GCP `route`", gcp::World::routes(), gcp_route),
    ]
}

/// `MIRRORVIP_UPDATE_FIGURES` writes today's figures into the page.
#[test]
fn a_takeover_costs_what_the_page_says() {
    let page = fs::read_to_string(PAGE).expect("the page");
    let is_row = |line: &&str| line.starts_with("| ") && line.contains(" `");
    let told: Vec<&str> = page.lines().filter(is_row).collect();
    let rows = rows();
    if std::env::var_os("MIRRORVIP_UPDATE_FIGURES").is_some() {
        let (mut lines, mut rows) = (Vec::new(), rows.iter());
        for line in page.lines() {
            match is_row(&line) {
                true => lines.extend(rows.next().map(ToString::to_string)),
                false => lines.push(line.to_owned()),
            }
        }
        lines.extend(rows.map(ToString::to_string));
        fs::write(PAGE, lines.join("\n") + "\n").expect("write the page");
        return;
    }
    assert_eq!(told.len(), rows.len(), "{PAGE} lists other scenes");
    for (told, row) in told.iter().zip(&rows) {
        let cells: Vec<&str> = told.trim_matches('|').split('|').map(str::trim).collect();
        let [scene, counts @ .., sent, received] = cells.as_slice() else { panic!("no row: {told}") };
        assert_eq!(*scene, row.scene);
        let measured = [row.requests, row.in_sequence, row.handshakes].map(|count| count.to_string());
        assert_eq!(counts, measured, "{scene}: requests, in sequence, handshakes; {row}");
        for (told, measured) in [(sent, row.sent), (received, row.received)] {
            let told: f64 = told.parse().expect("kilobytes");
            let measured = measured as f64 / 10.0;
            assert!((told - measured).abs() <= 0.2 + told * 0.05, "{scene}: {told} kB on the page, {measured} kB here");
        }
    }
}
