//! The pages of the list of route tables.

use crate::{
    cloud::aws::{clients::As, error::page_is_gone, session::Session},
    error::{Error, Result},
    net::retry::Kind,
};
use aws_sdk_ec2::types::{Filter, RouteTable};
use std::time::Duration;

const CALL: &str = "ec2:DescribeRouteTables";
/// We stop after this many pages of a hundred: no VPC has ten thousand route tables.
const MOST_PAGES: usize = 100;

/// Reads every page. Where EC2 does not know the token of a page any more, the list begins again, once: it gave that token itself a
/// moment ago.
///
/// # Errors
/// EC2's; `unexpected` for a list that never ends.
pub async fn read(
    session: &Session,
    vpc: &str,
    filters: &[Filter],
    longest: Option<Duration>,
) -> Result<Vec<RouteTable>> {
    let mut has_begun_again = false;
    let (mut found, mut next) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let caller = longest.map_or_else(|| session.patient(), |longest| session.within(longest));
        let page = session
            .call_by(&caller, As::RouteTableRole, Kind::Read, CALL, vpc, async |ec2| {
                // 100 is the largest page (API reference); without a size EC2 need not paginate at all.
                ec2.describe_route_tables()
                    .set_filters(Some(filters.to_vec()))
                    .max_results(100)
                    .set_next_token(next.clone())
                    .send()
                    .await
            })
            .await;
        let page = match page {
            Err(error) if next.is_some() && page_is_gone(&error) && !has_begun_again => {
                has_begun_again = true;
                (found, next) = (Vec::new(), None);
                continue;
            }
            page => page?,
        };
        next = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        found.extend(page.route_tables.unwrap_or_default());
        if next.is_none() {
            return Ok(found);
        }
    }
    let message = format!("{CALL} on {vpc}: the list has more than {MOST_PAGES} pages");
    Err(Error::impostor(message, "AWS"))
}
