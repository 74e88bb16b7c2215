//! The network of a machine: each request travels, is processed by the cloud, and its response travels back.

use std::fmt;
use std::future::pending;
use std::time::Duration;

use cloudsim::Delivery;
use cloudsim::faults::GARBAGE;
use cloudsim::server::{Answer, Request as Arrived};
use http::{HeaderMap, HeaderName, HeaderValue};
use mirrorvip_core::error::Code;
use mirrorvip_core::net::transport::{Request, Response, Sending, Sent as Left, Transport, Trouble};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::{CallState, Machine, lock};
use crate::explore::Arrival;
use crate::record::Sent;
use crate::schedule::Trigger;

/// The transport of one machine.
pub(super) struct Wire(pub(super) Machine);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the wire of member {}", self.0.name())
    }
}

impl Transport for Wire {
    fn send<'a>(&'a self, request: Request, _: usize) -> Sending<'a> {
        Box::pin(async move {
            let ticket = self.leave(&request);
            let arrival = Arrival::of(&request, self.0.number, &self.0.scene);
            let Some(exchange) = self.0.scene.cloud.line().exchange(ticket.port, arrived(request)) else {
                return Err(trouble(Left::No, "connection refused"));
            };
            match ticket.fate {
                Travel::Refused => return Err(trouble(Left::No, "connection refused")),
                Travel::Lost => return pending().await,
                Travel::Arrives => {}
            }
            let (mut home, answer) = oneshot::channel();
            let machine = self.0.clone();
            // Spawned: what has left arrives, even if the process that sent it is no longer there.
            tokio::spawn(async move {
                travel(ticket.there).await;
                let scene = &machine.scene;
                let pass = match &scene.gate {
                    Some(gate) => gate.pass(arrival, &mut home, scene).await,
                    None => None,
                };
                let delivery = exchange.await;
                scene.look();
                machine.edit(&ticket, |sent, now| sent.processed = Some(now));
                if let (Some(gate), Some(pass)) = (&scene.gate, pass) {
                    let is_accepted = matches!(&delivery, Delivery::Whole(answer) if answer.status < 400);
                    gate.processed(pass, is_accepted, scene);
                }
                travel(ticket.back).await;
                let _ = home.send(delivery);
            });
            let Ok(delivery) = answer.await else { return pending().await };
            self.arrive(&ticket, &delivery);
            match delivery {
                Delivery::Whole(answer) => Ok(response(answer)),
                Delivery::Half(_) => Err(trouble(Left::Maybe, "the connection was closed in the middle of the answer")),
                Delivery::Nothing => Err(trouble(Left::Maybe, "the connection was closed before the answer")),
            }
        })
    }
}

/// No time is not the same to a timer as not to wait.
async fn travel(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// A request on its way.
#[derive(Clone, Copy)]
struct Ticket {
    call: u64,
    place: usize,
    port: u16,
    there: Duration,
    back: Duration,
    fate: Travel,
}

#[derive(Clone, Copy)]
enum Travel {
    Arrives,
    Lost,
    Refused,
}

impl Wire {
    /// Writes the request down, and decides how it will travel.
    fn leave(&self, request: &Request) -> Ticket {
        let scene = &self.0.scene;
        let now = scene.now();
        let cloud = &scene.cloud;
        let what = describe(request);
        let mut state = lock(&self.0.state);
        let latency = *lock(&scene.latency);
        let mut way = || {
            let usual = state.dice.u64(latency.ms.0..=latency.ms.1);
            let is_slow = latency.slow_one_in > 0 && state.dice.u32(0..latency.slow_one_in) == 0;
            Duration::from_millis(if is_slow { usual * state.dice.u64(1..=100) } else { usual })
        };
        let (there, back) = (way(), way());
        let outage = lock(&scene.outages).iter().copied().find(|outage| {
            outage.member == self.0.number && (outage.begins..outage.begins + outage.lasts).contains(&now)
        });
        let fate = match outage {
            Some(outage) if outage.refuses => Travel::Refused,
            Some(_) => Travel::Lost,
            None => Travel::Arrives,
        };
        let sent = Sent {
            what,
            at: now,
            is_change: cloud.is_change(request),
            is_api: cloud.is_api(request),
            after_the_blow: state.call.since_the_blow(now),
            processed: None,
            answered: None,
        };
        let place = state.call.requests.len();
        scene.tell(|| format!("{} {place:>3} >> {}", self.0.name(), sent.what));
        state.call.requests.push(sent);
        state.call.trip(|trigger| trigger == Trigger::Sent(place + 1));
        Ticket { call: state.call.number, place, port: request.url.port().unwrap_or_default(), there, back, fate }
    }

    fn arrive(&self, ticket: &Ticket, delivery: &Delivery) {
        let status = match delivery {
            // What answers in the cloud's place tells nothing.
            Delivery::Whole(answer) if answer.code.as_deref() == Some(GARBAGE) => 0,
            Delivery::Whole(answer) => answer.status,
            Delivery::Half(_) | Delivery::Nothing => 0,
        };
        self.0.edit(ticket, |sent, now| sent.answered = Some((now, status)));
        let mut state = lock(&self.0.state);
        state.call.answered += 1;
        let answered = state.call.answered;
        state.call.trip(|trigger| trigger == Trigger::Answered(answered));
        self.0.scene.tell(|| format!("{} {:>3} << {}", self.0.name(), ticket.place, words(delivery)));
    }
}

impl Machine {
    /// Adds to what is known of a request, unless its call is over.
    fn edit(&self, ticket: &Ticket, edit: impl FnOnce(&mut Sent, Duration)) {
        let now = self.scene.now();
        let CallState { number, requests, .. } = &mut lock(&self.state).call;
        if let Some(sent) = requests.get_mut(ticket.place).filter(|_| *number == ticket.call) {
            edit(sent, now);
        }
    }
}

fn arrived(request: Request) -> Arrived {
    let host = format!("{}:{}", request.url.host_str().unwrap_or_default(), request.url.port().unwrap_or(80));
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut headers: Vec<(String, String)> =
        request.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    // What a connection adds where it is missing.
    let mut add = |name: &str, value: String| {
        if !request.headers.contains_key(name) {
            headers.push((name.to_owned(), value));
        }
    };
    add("host", host);
    if !request.body.is_empty() || [http::Method::POST, http::Method::PUT].contains(&request.method) {
        add("content-length", request.body.len().to_string());
    }
    Arrived {
        method: request.method.as_str().into(),
        path: request.url.path().into(),
        query: request.url.query().unwrap_or_default().into(),
        headers,
        body: request.body,
    }
}

fn response(answer: Answer) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    Response { status: answer.status, headers, body: answer.body }
}

fn trouble(sent: Left, message: &str) -> Trouble {
    Trouble { sent, code: Code::Unavailable, message: message.into(), remedy: "check the way to the endpoint" }
}

fn describe(request: &Request) -> String {
    let body = String::from_utf8_lossy(&request.body);
    let action = body.strip_prefix("Action=").map(|_| body.chars().take(200).collect::<String>());
    let path: String = request.url.path().chars().take(200).collect();
    format!("{} :{}{path} {}", request.method, request.url.port().unwrap_or_default(), action.unwrap_or_default())
}

fn words(delivery: &Delivery) -> String {
    match delivery {
        Delivery::Whole(answer) => {
            let code = answer.code.as_deref().unwrap_or_default();
            format!("{} {code}", answer.status)
        }
        Delivery::Half(_) => "half an answer".into(),
        Delivery::Nothing => "closed without an answer".into(),
    }
}
