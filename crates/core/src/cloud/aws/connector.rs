//! Lets the AWS SDK speak through this library's own HTTP client, so that time-outs, proxy, roots and name look-ups are
//! the same for every cloud, and nothing runs on a second thread.

use crate::{
    error::Code,
    net::transport::{Client, LARGEST_OF_EC2, Request, Sent, Trouble},
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use url::Url;

/// This library's HTTP client, as the SDK wants one.
#[derive(Debug, Clone)]
pub struct Connector(pub Client);

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            // EC2 and STS requests are small forms in memory.
            let (parts, body) = request.into_parts();
            let request = Request {
                method: parts.method,
                url: Url::parse(&parts.uri.to_string()).map_err(|error| ConnectorError::user(error.into()))?,
                headers: parts.headers,
                body: body.bytes().map(<[u8]>::to_vec).unwrap_or_default(),
                pulse: None,
            };
            let response = client.send(request, LARGEST_OF_EC2).await.map_err(to_connector_error)?;
            let status =
                StatusCode::try_from(response.status).map_err(|error| ConnectorError::other(error.into(), None))?;
            let (headers, body) = (response.headers, response.body);
            if status.is_success()
                && let Some((message, remedy)) = wrong_success(&body)
            {
                let message = message.to_owned();
                let trouble = Trouble { sent: Sent::Maybe, code: Code::Unavailable, message, remedy };
                return Err(to_connector_error(trouble));
            }
            let mut answer = HttpResponse::new(status, SdkBody::from(body));
            for (name, value) in &headers {
                if let Ok(value) = value.to_str() {
                    answer.headers_mut().append(name.as_str().to_owned(), value.to_owned());
                }
            }
            Ok(answer)
        })
    }
}

/// Why the body of a success is none, and what to do. The SDK finds neither.
fn wrong_success(body: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = String::from_utf8_lossy(body);
    if !is_whole(&text) {
        return Some((
            "the answer is no whole document of this API",
            "something between this machine and AWS cuts answers or gives its own; look for a proxy",
        ));
    }
    // "return: Is true if the request succeeds, and an error otherwise" (EC2 API reference).
    text.contains("<return>false</return>").then_some((
        "the answer says `return` false",
        "call again; if this happens every time, ask AWS Support why this call does nothing",
    ))
}

/// Whether the body of a success is one whole response. The SDK accepts a truncated XML document: of three route tables in
/// such a document, the SDK would return one.
fn is_whole(text: &str) -> bool {
    let text = text.trim();
    if text.starts_with('{') {
        return true; // A container's credentials come as JSON, whose parser rejects a truncated text.
    }
    let root = match text.strip_prefix("<?") {
        Some(declared) => declared.split_once("?>").map(|(_, rest)| rest.trim_start()),
        None => Some(text),
    };
    let name = root
        .and_then(|root| root.strip_prefix('<'))
        .and_then(|root| root.split([' ', '>', '/', '\n', '\t', '\r']).next());
    let Some(name) = name.filter(|name| name.ends_with("Response") && !matches!(*name, "Response" | "ErrorResponse"))
    else {
        return false;
    };
    text.ends_with(&format!("</{name}>"))
        || (text.ends_with("/>") && root.is_some_and(|root| root.matches('<').count() == 1))
}

fn to_connector_error(trouble: Trouble) -> ConnectorError {
    let sent = trouble.sent;
    let error = ConnectorError::io(Box::new(trouble));
    if sent == Sent::No { error.never_connected() } else { error }
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn a_truncated_or_foreign_body_is_rejected() {
        for whole in [
            "<ReplaceRouteResponse xmlns=\"x\"><return>true</return></ReplaceRouteResponse>",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeAddressesResponse>\n</DescribeAddressesResponse>\n",
            "{\"AccessKeyId\":\"x\"}",
            "<DescribeSubnetsResponse/>",
        ] {
            assert!(is_whole(whole), "{whole}");
        }
        for other in [
            "",
            "<html></html>",
            "<DescribeRouteTablesResponse><routeTableSet><item></item>",
            "<Response><Errors/></Response>",
            "<DescribeRouteTablesResponse><item/>",
        ] {
            assert!(!is_whole(other), "{other}");
        }
    }
}
