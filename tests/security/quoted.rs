//! Answers that quote what was sent to them: a report, and so messages.log, must not repeat it.

use super::{Scene, common::*, in_each_cloud};
use cloudsim::{Fault, Rule};

/// As a server may quote it: whole, in capitals, as in a URL, and cut off.
fn quotes(secret: &str) -> Vec<String> {
    let encoded = secret.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let mut quotes = vec![secret.to_owned(), secret.to_uppercase(), encoded];
    if secret.len() > 120 {
        quotes.push(secret[..60].to_owned());
        quotes.push(secret[60..].to_owned());
    }
    quotes
}

#[test]
fn a_secret_that_an_answer_quotes_is_not_in_the_report() {
    in_each_cloud(|Scene { cloud, member, fault, secrets }| {
        let face = match cloud {
            "aws" => "ec2",
            "azure" => "arm",
            _ => "compute",
        };
        for quote in secrets.iter().flat_map(|secret| quotes(secret)) {
            let refusal = Fault::error(403, &format!("Denied{quote}"), &format!("'{quote}' may not"));
            fault(Rule { face, action: None, target: None, skip: 0, times: usize::MAX, fault: refusal });
            for number in [ACQUIRE, STATUS, CHECK, RELEASE] {
                let report = member.call(number, serde_json::json!({})).to_string();
                assert!(!report.to_lowercase().contains(&quote.to_lowercase()), "{cloud}: {quote} in {report}");
                assert!(report.contains("(not shown)"), "{cloud}: {report}");
            }
        }
    });
}
