//! What becomes of a request to a face, whether it came over a socket or within the process.
//!
//! A request goes: into the log, half the latency, faults, throttle, the face, the other half, out.

use std::sync::Arc;
use std::time::Duration;

use crate::faults::{Fault, Faults, GARBAGE};
use crate::log::{Call, Entry, Log};
use crate::server::{Answer, Face, Label, Request};

/// One face with what may happen to its calls.
pub(crate) struct Desk<W> {
    face: Arc<dyn Face>,
    faults: Arc<Faults<W>>,
    log: Log,
}

/// What goes back over the wire.
pub(crate) enum Reply {
    Whole(Answer),
    Half(Answer),
    Nothing,
    Never,
}

impl<W> Desk<W> {
    pub(crate) fn new(face: Arc<dyn Face>, faults: Arc<Faults<W>>, log: Log) -> Self {
        Self { face, faults, log }
    }

    /// What the request asks for.
    pub(crate) fn label(&self, request: &Request) -> Label {
        self.face.label(request)
    }

    /// Writes a call into the log; the entry is open until it is dropped.
    pub(crate) fn open(&self, label: &Label) -> Entry {
        self.log.open(Call {
            face: label.face.into(),
            action: label.action.clone(),
            target: label.target.clone(),
            params: label.params.clone(),
            principal: label.principal.clone(),
            started: Duration::ZERO,
            ended: None,
            status: 0,
            code: None,
            dry_run: label.dry_run,
        })
    }

    /// What becomes of a call, and when.
    pub(crate) async fn process(&self, request: &Request, label: &Label) -> Reply {
        let half_way = self.faults.round_trip(label.face) / 2;
        pause(half_way).await;
        let fault = self.faults.due(label.face, &label.action, &label.target);
        match fault {
            Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
            Some(Fault::Revoke) => self.faults.revoke_tokens(),
            _ => {}
        }
        let reply = match self.refuse(fault.as_ref(), label) {
            Some(reply) => reply,
            None => {
                if let Some(wait) = self.face.wait(request) {
                    wait.await;
                }
                self.answer(fault, request, label)
            }
        };
        pause(half_way).await;
        reply
    }

    /// What becomes of a call that is not processed.
    fn refuse(&self, fault: Option<&Fault>, label: &Label) -> Option<Reply> {
        match fault {
            Some(Fault::HangBefore) => return Some(Reply::Never),
            Some(Fault::DropBefore) => return Some(Reply::Nothing),
            Some(Fault::Redirect { status, location }) => {
                let mut answer = Answer::new(*status, "text/html", "<html>over there</html>");
                answer.headers.push(("location".into(), location.clone()));
                return Some(Reply::Whole(answer));
            }
            Some(Fault::Error { status, code, message, retry_after }) => {
                let mut answer = self.face.refusal(*status, code, message);
                answer.headers.extend(retry_after.map(|seconds| ("retry-after".into(), seconds.to_string())));
                return Some(Reply::Whole(answer));
            }
            _ => {}
        }
        if let Some(refusal) = self.face.throttled()
            && self.faults.throttled(&label.action)
        {
            return Some(Reply::Whole(refusal));
        }
        if let Some(refusal) = self.face.crowded()
            && self.faults.crowded(label.face, label.caller())
        {
            return Some(Reply::Whole(refusal));
        }
        None
    }

    fn answer(&self, fault: Option<Fault>, request: &Request, label: &Label) -> Reply {
        let answer = self.face.answer(request, label);
        match fault {
            Some(Fault::HangAfter) => Reply::Never,
            Some(Fault::DropAfter) => Reply::Nothing,
            Some(Fault::HalfBody) => Reply::Half(answer),
            Some(Fault::ErrorAfter { status, code, message }) => {
                Reply::Whole(self.face.refusal(status, &code, &message))
            }
            Some(Fault::ElsewhereIn { header, host }) => Reply::Whole(elsewhere(answer, &header, &host)),
            Some(Fault::Garbage(body)) => {
                Reply::Whole(Answer { status: 200, body: body.into(), code: Some(GARBAGE.into()), ..answer })
            }
            _ => Reply::Whole(answer),
        }
    }
}

/// The same path and query at another host.
fn elsewhere(mut answer: Answer, header: &str, host: &str) -> Answer {
    for (_, value) in answer.headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case(header)) {
        let path = value.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path.to_owned());
        *value = format!("http://{host}/{}", path.unwrap_or_default());
    }
    answer
}

/// Sleeps; not at all is not the same to a timer as for no time.
async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
