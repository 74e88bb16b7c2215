//! Macros, put into the text before it is read: the grammar leaves their arguments raw. Lines stay where they are.

use super::tree::Fault;
use std::collections::BTreeMap;

/// What the include files of IRIS define, as far as it is known here. `%1` stands for an argument.
const KNOWN: &[(&str, &str, &str)] = &[
    ("%occStatus", "OK", "1"),
    ("%occStatus", "ISOK", "(+(%1))"),
    ("%occStatus", "ISERR", "('(%1))"),
    ("%occStatus", "GETERRORCODE", "##class(%SYSTEM.Status).GetErrorCodes(%1)"),
    ("%occStatus", "GETERRORMESSAGE", "##class(%SYSTEM.Status).GetErrorText(%1)"),
    ("%occStatus", "ThrowOnError", "do ##class(%Exception.StatusException).ThrowOnError(%1)"),
    ("%occStatus", "ThrowStatus", "throw ##class(%Exception.StatusException).CreateFromStatus(%1)"),
    ("%occStatus", "ERROR", "##class(%SYSTEM.Status).Error(%*)"),
    ("%occStatus", "ADDSC", "##class(%SYSTEM.Status).AppendStatus(%1,%2)"),
    ("%occErrors", "GeneralError", "5001"),
    ("%occErrors", "CacheError", "5002"),
    ("%occErrors", "ObjectScriptError", "5002"),
    ("%occErrors", "FileDoesNotExist", "5012"),
    ("%occMessages", "FormatText", "##class(%SYSTEM.Status).FormatText(%*)"),
    ("%occConstant", "YES", "1"),
    ("%occConstant", "NO", "0"),
    ("%occConstant", "TRUE", "1"),
    ("%occConstant", "FALSE", "0"),
    ("%occConstant", "NULLOREF", "\"\""),
];

/// What an include file brings with it.
fn included(name: &str) -> Option<&'static [&'static str]> {
    match name.strip_suffix(".inc").unwrap_or(name) {
        "%occStatus" => Some(&["%occStatus", "%occErrors"]),
        "%occErrors" => Some(&["%occErrors"]),
        "%occMessages" => Some(&["%occMessages"]),
        "%occConstant" => Some(&["%occConstant"]),
        "%occInclude" => Some(&["%occStatus", "%occErrors", "%occMessages", "%occConstant"]),
        _ => None,
    }
}

struct Macro {
    parameters: Vec<String>,
    body: String,
}

impl Macro {
    /// Of a known macro, the number of arguments is that of the highest place in its body.
    fn takes(&self, arguments: usize) -> bool {
        if !self.parameters.is_empty() {
            return self.parameters.len() == arguments;
        }
        if self.body.contains("%*") {
            return arguments > 0;
        }
        (1..=9).filter(|place| self.body.contains(&format!("%{place}"))).max().unwrap_or(0) == arguments
    }
}

/// The text without `#include` and `#define` lines, and without `$$$` macros.
///
/// # Errors
/// An include file or macro that is not known.
pub fn expand(file: &str, text: &str, every_include: bool) -> Result<String, Fault> {
    let mut macros = BTreeMap::new();
    // A class has %occInclude without asking for it.
    let include = |macros: &mut BTreeMap<String, Macro>, names: &[&str]| {
        for (_, name, body) in KNOWN.iter().filter(|(home, ..)| names.contains(home)) {
            macros.insert((*name).to_owned(), Macro { parameters: Vec::new(), body: (*body).to_owned() });
        }
    };
    if every_include {
        include(&mut macros, included("%occInclude").unwrap_or_default());
    }
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = |what: String| Fault::Unsupported(format!("{file}:{}: {what}", index + 1));
        let trimmed = line.trim_start();
        let lower = trimmed.to_ascii_lowercase();
        if let Some(names) = lower.strip_prefix("#include").or_else(|| lower.strip_prefix("include ")) {
            for name in trimmed[trimmed.len() - names.len()..].split(',').map(|name| name.trim_matches([' ', '(', ')']))
            {
                let homes = included(name).ok_or_else(|| at(format!("the include file {name} is not known")))?;
                include(&mut macros, homes);
            }
            lines.push(String::new());
        } else if lower.starts_with("#define ") {
            let (name, parsed) = define(trimmed[8..].trim_start()).map_err(at)?;
            macros.insert(name, parsed);
            lines.push(String::new());
        } else if lower.starts_with('#')
            && !lower.starts_with("#dim")
            && !lower.starts_with("#;")
            && !lower.starts_with("##class")
        {
            return Err(at(format!("the directive {trimmed} is not supported")));
        } else {
            lines.push(replace(line, &macros, 0).map_err(at)?);
        }
    }
    Ok(lines.join("\n") + "\n")
}

fn define(rest: &str) -> Result<(String, Macro), String> {
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '%').collect();
    if name.is_empty() {
        return Err("#define without a name".into());
    }
    let mut body = &rest[name.len()..];
    let mut parameters = Vec::new();
    if body.starts_with('(') {
        let (list, length) = arguments(body).ok_or("#define without a closing parenthesis")?;
        parameters = list.iter().map(|parameter| parameter.trim().to_owned()).collect();
        body = &body[length..];
    }
    if body.to_ascii_lowercase().contains("##continue") {
        return Err("##continue is not supported".into());
    }
    Ok((name, Macro { parameters, body: body.trim().to_owned() }))
}

fn replace(line: &str, macros: &BTreeMap<String, Macro>, depth: u8) -> Result<String, String> {
    if depth > 20 {
        return Err("macros without an end".into());
    }
    let mut out = String::new();
    let mut rest = line;
    let mut quoted = false;
    while let Some(next) = rest.chars().next() {
        if !quoted && (rest.starts_with("//") || rest.starts_with("##;") || rest.starts_with("#;")) {
            break;
        }
        if quoted || !rest.starts_with("$$$") {
            quoted ^= next == '"';
            out.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        }
        let name: String = rest[3..].chars().take_while(|c| c.is_alphanumeric() || *c == '%').collect();
        let found = macros.get(&name).ok_or_else(|| format!("the macro $$${name} is not known"))?;
        rest = &rest[3 + name.len()..];
        let mut given = Vec::new();
        if !found.takes(0)
            && let Some((list, length)) = arguments(rest)
        {
            given = list;
            rest = &rest[length..];
        }
        if !found.takes(given.len()) {
            return Err(format!("the macro $$${name} does not take {} arguments", given.len()));
        }
        let mut body = found.body.clone();
        for (parameter, value) in found.parameters.iter().zip(&given) {
            body = body.replace(parameter.as_str(), value);
        }
        for (place, value) in given.iter().enumerate().filter(|_| found.parameters.is_empty()) {
            body = body.replace(&format!("%{}", place + 1), value);
        }
        body = body.replace("%*", &given.join(","));
        out.push_str(&replace(&body, macros, depth + 1)?);
    }
    Ok(out + rest)
}

/// The texts between parentheses at the start, and how long all of it is.
fn arguments(text: &str) -> Option<(Vec<String>, usize)> {
    let mut list = vec![String::new()];
    let (mut depth, mut quoted) = (0, false);
    for (place, next) in text.char_indices() {
        match next {
            _ if depth == 0 && next != '(' => return None,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '{' | '[' => {
                depth += 1;
                if depth == 1 {
                    continue;
                }
            }
            ')' | '}' | ']' => {
                depth -= 1;
                if depth == 0 {
                    return Some((list, place + 1));
                }
            }
            ',' if depth == 1 => {
                list.push(String::new());
                continue;
            }
            _ => {}
        }
        list.last_mut()?.push(next);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_become_text_and_lines_stay() {
        let source = "ROUTINE X\n#include %occStatus\n#define Twice(%x) (%x * 2)\n set a = $$$Twice($$$OK), b = \"$$$OK\"\n quit:$$$ISERR(f(1, 2)) // $$$Any\n";
        let text = expand("x.mac", source, false).expect("known macros");
        assert_eq!(text.lines().count(), source.lines().count());
        assert!(text.contains("set a = (1 * 2), b = \"$$$OK\""), "{text}");
        assert!(text.contains("quit:('(f(1, 2)))"), "{text}");
        assert!(expand("x.mac", " set a = $$$Foo\n", false).is_err());
        assert!(expand("x.mac", "#include Other\n", false).is_err());
    }
}
