//! The one line for messages.log. What happened and what to do stay whole for as long as they can; what lies between gives way, since
//! the report has all of it.

/// The most characters of a line.
const LONGEST: usize = 250;
/// A few words tell nothing.
const LEAST: usize = 20;
/// What is kept for the cause, if what to do can do with less.
const FOR_THE_CAUSE: usize = 40;
/// Where something was left out.
const CUT: &str = "...";

/// A line before it is bounded.
pub struct Line {
    /// What happened.
    pub what: String,
    /// What came in between, with the sign before it.
    pub why: Option<(&'static str, String)>,
    /// What to do about it; empty where there is nothing to do.
    pub act: String,
    /// The command that shows the rest.
    pub more: &'static str,
}

impl Line {
    /// Whole, or with as much of each as has room, and then with the command that shows the rest.
    pub fn bounded(self) -> String {
        let [what, act] = [&self.what, &self.act].map(|text| plain(text));
        let (sign, why) = self.why.map(|(sign, why)| (sign, plain(&why))).unwrap_or_default();
        let whole = joined(&what, sign, &why, &act);
        if length(&whole) <= LONGEST {
            return whole;
        }
        // Which call it was is the first that the report tells.
        let why = without_call(&why);
        let more = format!("; more: do {}^ZMIRRORVIP", self.more);
        let room = LONGEST - length(&more);
        let what = cut(&what, room);
        let left = room.saturating_sub(length(&what) + "; ".len());
        let act = if left < LEAST {
            String::new()
        } else {
            cut(first_clause(&act), left.min(LEAST.max(left.saturating_sub(FOR_THE_CAUSE))))
        };
        let left = room.saturating_sub(length(&joined(&what, sign, "", &act)) + sign.len());
        let why = if left < LEAST { String::new() } else { cut(why, left) };
        joined(&what, sign, &why, &act) + &more
    }
}

fn joined(what: &str, sign: &str, why: &str, act: &str) -> String {
    let why = if why.is_empty() { String::new() } else { format!("{sign}{why}") };
    let act = if act.is_empty() { String::new() } else { format!("; {act}") };
    format!("{what}{why}{act}")
}

/// The cause without `ec2:ReplaceRoute on rtb-1: ` before it.
fn without_call(why: &str) -> &str {
    let Some((call, cause)) = why.split_once(": ") else { return why };
    let is_call = call.split_once(" on ").is_some_and(|(call, _)| {
        call.starts_with("the operation of ") || call.split_once(':').is_some_and(|(_, name)| !name.is_empty())
    });
    if is_call && !cause.is_empty() { cause } else { why }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// What to do first.
fn first_clause(act: &str) -> &str {
    let end = ["; ", ". ", " ("].iter().filter_map(|sign| act.find(sign)).min();
    end.and_then(|end| act.get(..end)).unwrap_or(act)
}

/// At a space, if there is one near the end.
fn cut(text: &str, most: usize) -> String {
    if length(text) <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(CUT.len())).collect();
    let end = kept.rfind(' ').filter(|end| kept.len() - end < 25).unwrap_or(kept.len());
    kept.get(..end).unwrap_or(&kept).trim_end_matches([' ', ',', ':', ';']).to_owned() + CUT
}

/// On one line, with the names in place of the paths that the clouds write for them.
fn plain(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    let words: Vec<String> = text.split(' ').map(short).collect();
    words.join(" ")
}

/// `mirrora290_z1/vip` of an Azure id, `isc-primary-001` of a Google path, `role/vip` of an ARN.
fn short(word: &str) -> String {
    let is_outside = |character: char| !character.is_ascii_alphanumeric() && character != '/';
    let inner = word.trim_matches(is_outside);
    let Some((before, after)) = word.split_once(inner).filter(|_| !inner.is_empty()) else { return word.to_owned() };
    let segments: Vec<&str> = inner.split('/').collect();
    let name =
        if let Some((_, resource)) = inner.split_once("/providers/").filter(|_| inner.starts_with("/subscriptions/")) {
            // The namespace, then kinds and names in turn.
            let names: Vec<&str> = resource.split('/').skip(2).step_by(2).collect();
            names.join("/")
        } else if segments.contains(&"projects") && segments.len() > 4 {
            segments.last().copied().unwrap_or_default().to_owned()
        } else if inner.starts_with("arn:") {
            inner.splitn(6, ':').last().unwrap_or_default().to_owned()
        } else {
            return word.to_owned();
        };
    if name.is_empty() { word.to_owned() } else { format!("{before}{name}{after}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(what: &str, why: &str, act: &str) -> String {
        Line { what: what.into(), why: Some((": ", why.into())), act: act.into(), more: "Last" }.bounded()
    }

    #[test]
    fn a_line_that_fits_is_whole() {
        assert_eq!(
            line("VIP x did not move", "it is denied", "allow it; then call"),
            "VIP x did not move: it is denied; allow it; then call"
        );
        assert_eq!(line("VIP x is here", "", ""), "VIP x is here");
        assert_eq!(line("VIP x did\nnot move", "", "call\tagain"), "VIP x did not move; call again");
    }

    #[test]
    fn what_to_do_outlives_what_came_between() {
        let act = "allow ec2:ReplaceRoute to this instance's role; see section 4 of install-aws.md, which has the whole policy";
        let what = "VIP 192.168.255.10/32 did not move and nothing was changed";
        let text = line(
            what,
            &"ec2:ReplaceRoute on rtb-1: 403 UnauthorizedOperation, you are not authorized. ".repeat(5),
            act,
        );
        assert!(text.starts_with(&format!("{what}: 403 UnauthorizedOperation, you are ")), "{text}");
        assert!(
            text.ends_with("...; allow ec2:ReplaceRoute to this instance's role; more: do Last^ZMIRRORVIP"),
            "{text}"
        );
    }

    #[test]
    fn the_cause_outlives_the_call() {
        let long = "x ".repeat(90);
        for (why, kept) in [
            (
                "arm:PUT networkInterfaces on mirrorb280_z2: PrivateIPAddressIsAllocated: it is",
                "PrivateIPAddressIsAllocated: it",
            ),
            ("the operation of instances.updateNetworkInterface on isc-001 failed: FULL: none is", "FULL: none is"),
            ("the interface a of `azure.nics` does not exist: it is", "the interface a"),
            ("10.0.0.254 depends on this: it is", "10.0.0.254 depends on this"),
        ] {
            let text = line("VIP x did not move", &format!("{why} {long}"), &"call again ".repeat(9));
            assert!(text.starts_with(&format!("VIP x did not move: {kept}")), "{text}");
        }
    }

    #[test]
    fn what_happened_stays_whole() {
        let what =
            "VIP 10.0.1.200/32 was changed towards this member (eni-0b000000000000002) but this could not be confirmed";
        let act = "allow ec2:ReplaceRoute to this instance's role (install-aws.md has the whole policy)";
        let text = line(what, &"it is denied. ".repeat(30), act);
        assert!(text.starts_with(&format!("{what}: it is denied. it is ")), "{text}");
        assert!(text.ends_with("; allow ec2:ReplaceRoute to this instance's role; more: do Last^ZMIRRORVIP"), "{text}");
    }

    #[test]
    fn no_line_is_too_long_whatever_it_is_made_of() {
        for n in [1, 20, 90, 100, 130, 249, 260, 900] {
            for m in [0, 1, 30, 110, 240, 800] {
                for l in [0, 15, 95, 105, 300] {
                    let text = line(&"ü".repeat(n), &"y".repeat(m), &"z ".repeat(l / 2));
                    assert!(length(&text) <= LONGEST, "{n} {m} {l}: {text}");
                    assert!(text.starts_with('ü') && (l == 0 || n > 200 || text.contains("; z")), "{text}");
                }
            }
        }
    }

    #[test]
    fn paths_give_way_to_names() {
        for (long, name) in [
            (
                "/subscriptions/0-1/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/mirrora290_z1",
                "mirrora290_z1",
            ),
            (
                "'/subscriptions/0/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/a/ipConfigurations/vip',",
                "'a/vip',",
            ),
            ("https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/isc-001:", "isc-001:"),
            ("projects/p/zones/z/instances/isc-001", "isc-001"),
            ("arn:aws:iam::111122223333:role/vip", "role/vip"),
            ("projects/p", "projects/p"),
            ("10.0.0.1/24", "10.0.0.1/24"),
        ] {
            assert_eq!(plain(&format!("it is {long} there")), format!("it is {name} there"));
        }
    }
}
