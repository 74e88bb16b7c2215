//! The ObjectScript routines, held to what can be seen without IRIS: the grammar that InterSystems publishes, and a few
//! rules that no grammar knows (`objectscript/rules.rs`). Not seen here: a misspelt method or property of an IRIS class,
//! and whatever only IRIS itself can answer.

mod rules;

use rules::faults;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What each file is for: the routine that it holds, and the labels that others rely on.
const ROUTINES: &[(&str, &str, &[&str])] = &[
    ("ZMIRROR.mac", "ZMIRROR", &["CheckBecomePrimaryOK", "NotifyBecomePrimary", "NotifyBecomePrimaryFailed"]),
    (
        "ZMIRRORVIP.mac",
        "ZMIRRORVIP",
        &[
            "TakeOver",
            "Finish",
            "AcquireAtStart",
            "ReleaseAtStop",
            "NotPrimary",
            "Watch",
            "Status",
            "Check",
            "Acquire",
            "Release",
            "Last",
            "Explain",
            "Support",
            "Help",
            "Install",
            "Uninstall",
            "Version",
            "MirrorName",
        ],
    ),
    ("ZMIRRORVIPSETUP.mac", "ZMIRRORVIPSETUP", &["Install", "Uninstall"]),
    ("ZMIRRORVIPSUPPORT.mac", "ZMIRRORVIPSUPPORT", &["Explain", "Support"]),
    ("ZSTART.mac", "%ZSTART", &["SYSTEM"]),
    ("ZSTOP.mac", "%ZSTOP", &["SYSTEM"]),
];

/// Called by IRIS itself, directly or not: they throw nothing, and what they reach has no device to write to.
const UNATTENDED: &[(&str, &str)] = &[
    ("ZMIRROR", "CheckBecomePrimaryOK"),
    ("ZMIRROR", "NotifyBecomePrimary"),
    ("ZMIRROR", "NotifyBecomePrimaryFailed"),
    ("%ZSTART", "SYSTEM"),
    ("%ZSTOP", "SYSTEM"),
    ("ZMIRRORVIP", "TakeOver"),
    ("ZMIRRORVIP", "Finish"),
    ("ZMIRRORVIP", "AcquireAtStart"),
    ("ZMIRRORVIP", "ReleaseAtStop"),
    ("ZMIRRORVIP", "NotPrimary"),
    ("ZMIRRORVIP", "Watch"),
];

/// The callout table, whose names the library tells apart by their case.
const FUNCTIONS: &[&str] = &["Version", "Acquire", "Status", "Check", "Release"];

#[test]
fn every_file_is_known() {
    let mut found: Vec<String> = fs::read_dir(directory())
        .expect("objectscript/")
        .map(|entry| entry.expect("entry").file_name().into_string().expect("UTF-8"))
        .filter(|name| name.ends_with(".mac"))
        .collect();
    found.sort();
    let known: Vec<&str> = ROUTINES.iter().map(|(file, ..)| *file).collect();
    assert_eq!(found, known, "a new routine is to be named in ROUTINES");
}

#[test]
fn the_shipped_routines_have_no_fault() {
    let faults = faults(&shipped());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Each row spoils the shipped text in one place, and names the rule that has to notice: `rule file: from => to`, with
/// `\n` for a new line.
const DAMAGE: &str = r#"
syntax ZMIRROR.mac: CheckBecomePrimaryOK() public { => CheckBecomePrimaryOK public {
syntax ZMIRROR.mac: ("NotifyBecomePrimary") => ("NotifyBecomePrimary)
syntax ZMIRROR.mac: try { => try
syntax ZMIRROR.mac: } catch error { => } cacth error {
syntax ZMIRROR.mac: ##class(%SYS.System) => ##class(%SYS.System
syntax ZMIRROR.mac: "_reason_" => "__reason_"
syntax ZMIRROR.mac:     return 1\n} =>     return 1\n
syntax ZSTART.mac: job AcquireAtStart^ZMIRRORVIP()::10 => job AcquireAtStart^ZMIRRORVIP()::
job ZSTART.mac: job AcquireAtStart^ZMIRRORVIP()::10 => job AcquireAtStart^ZMIRRORVIP::10
syntax ZSTART.mac: set problem = "" => set problem == ""
syntax ZSTART.mac: set problem = "" => sett problem = ""
syntax ZSTART.mac: if (problem '= "") { => if (problem != "") {
syntax ZSTART.mac: if ('$test) { => if ('$test {
syntax ZSTART.mac: ROUTINE %ZSTART [Type=MAC] => %ZSTART [Type=MAC]
syntax ZMIRRORVIP.mac: {"reason": (reason)} => {"reason" (reason)}
syntax ZMIRRORVIP.mac: {}.%FromJSON(answer) => {.%FromJSON(answer)
syntax ZMIRRORVIP.mac: {"ok": false, => {"ok": false
syntax ZMIRRORVIP.mac: $zf(-4, 2, libraryId) => $zf(-4, 2, libraryId
syntax ZMIRRORVIP.mac: for column = 1:1:columns { => for (column = 1; column < 9; column++) {
syntax ZMIRRORVIP.mac: (.index, .item) => (.index, .)
syntax ZMIRRORVIP.mac: if (locked) { => if (locked) then {
syntax ZMIRRORVIP.mac: $select((holder = ""): "nobody", 1: holder) => $select(holder = "")
syntax ZMIRRORVIP.mac: new $namespace => new $namespace =
syntax ZMIRRORVIP.mac: set line = "  " => set line = '  '
syntax ZMIRRORVIP.mac:         return\n =>         return +\n
header ZSTART.mac: ROUTINE %ZSTART => ROUTINE ZSTART
header ZMIRROR.mac: [Type=MAC] => [Type=INT]
entry ZMIRROR.mac: NotifyBecomePrimary() public => NotifyBecomesPrimary() public
entry ZSTART.mac: SYSTEM() public => SYSTEM() private
call ZMIRROR.mac: TakeOver^ZMIRRORVIP => Takeover^ZMIRRORVIP
call ZMIRROR.mac: TakeOver^ZMIRRORVIP => Log^ZMIRRORVIP
call ZMIRROR.mac: TakeOver^ZMIRRORVIP(reason) => TakeOver^ZMIRRORVIP(reason, 1)
call ZSTART.mac: AcquireAtStart^ZMIRRORVIP()::10 => AcquireAtStart^ZMIRORVIP()::10
call ZMIRRORVIP.mac: set report = $$Call("Status", "task") => set report = $$Cal("Status", "task")
call ZMIRRORVIP.mac: $$ManagerDirectory(), "mirrorvip.json" => $$Directory^ZMIRRORVIP()
function ZMIRRORVIP.mac: $$CallAlone("Acquire", hook) => $$CallAlone("acquire", hook)
function ZMIRRORVIP.mac: $$CallInSYS("Release") => $$CallInSYS("RELEASE")
function ZMIRRORVIP.mac: $zf(-4, 3, libraryId, function) => $ZF(-4,3,libraryId,"Aquire")
function ZMIRRORVIP.mac: $zf(-4, 3, libraryId, function) => $zf(-4, 3, libraryId, tried)
function ZMIRRORVIP.mac: $zf(-4, 3, libraryId, function) => 2
function ZMIRRORVIP.mac: $zf(-5, libraryId, functionId, => $zf(-5, libraryId, function,
quit ZMIRRORVIP.mac: set status = $zf(-4, 2, libraryId) => quit $zf(-4, 2, libraryId)
quit ZMIRRORVIP.mac: write line, item.message, ! => quit 1
order ZMIRRORVIP.mac: (width - $length(text)) => width - $length(text) + 1
order ZMIRRORVIP.mac: if (before = after) { => if before = after && part {
order ZMIRRORVIP.mac: if ('$isobject(items)) { => if ('items = "") {
variable ZMIRRORVIP.mac: do TakeOver("ZSTART") => do TakeOver(reason)
variable ZMIRRORVIP.mac: (.index, .part) => (.index, .prat)
variable ZMIRRORVIP.mac: } catch error { => } catch {
variable ZMIRRORVIP.mac: set columns =  => set colums = 
macro ZMIRRORVIP.mac: $$LibraryPath() => $$$LibraryPath()
device ZMIRRORVIP.mac: set line = "mirrorvip: " => write !  set line = "mirrorvip: "
device ZSTART.mac: set problem = "" => use 0  set problem = ""
throw ZMIRROR.mac: do CallZMIRRORVIP("CheckBecomePrimaryOK") => do TakeOver^ZMIRRORVIP("CheckBecomePrimaryOK")
throw ZMIRROR.mac: } catch error {\n => } catch error {\n        do TakeOver^ZMIRRORVIP(reason)\n
throw ZSTART.mac: set problem = error.DisplayString() => set problem = $zstrip(error.DisplayString(), "*C")
throw ZMIRRORVIP.mac: return standalone => return $zstrip($$LibraryPath(), "*W")
throw ZMIRRORVIP.mac:     if (locked) {\n        do LetOthers()\n    }\n}\n\nRepeat( =>     if ($$LibraryPath() '= "") {\n        do LetOthers()\n    }\n}\n\nRepeat(
call ZMIRROR.mac: NotPrimary^ZMIRRORVIP() => NotPrimary^ZMIRRORVIP(1)
call ZSTOP.mac: ReleaseAtStop^ZMIRRORVIP => ReleaseAtStop^ZMIRROR
entry ZSTOP.mac: SYSTEM() public => SYSTEMS() public
device ZMIRRORVIP.mac: set giveUpAfter =  => write !  set giveUpAfter = 
throw ZMIRRORVIP.mac:     try {\n        set line = =>     set text = $extract(text, 1, 500)\n    try {\n        set line =
answer ZMIRROR.mac:     return 1\n =>     return 0\n
answer ZMIRROR.mac:     return 1\n => \n
"#;

#[test]
fn damage_is_refused() {
    let mut missed = Vec::new();
    for row in DAMAGE.lines().filter(|row| !row.is_empty()) {
        let (place, change) = row.split_once(": ").expect(row);
        let (rule, file) = place.split_once(' ').expect(row);
        let change = change.replace("\\n", "\n");
        let (from, to) = change.split_once(" => ").expect(row);
        let mut sources = shipped();
        let text = sources.get_mut(file).expect(row);
        assert!(text.contains(from), "{file} no longer contains {from:?}: bring the table up to date");
        *text = text.replacen(from, to, 1);
        let faults = faults(&sources);
        if !faults.iter().any(|fault| fault.starts_with(rule)) {
            missed.push(format!("{row}\n  was not noticed; found: {faults:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// JOB of a label with a list of parameters needs parentheses, also in what a person is told to type.
#[test]
fn every_job_that_is_told_has_its_parentheses() {
    let mut told = 0;
    let docs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).expect("docs/");
    let pages = docs.map(|entry| entry.expect("entry").path()).filter(|path| path.is_file());
    let routines = ROUTINES.iter().map(|(file, ..)| directory().join(file));
    for path in pages.chain(routines) {
        let text = fs::read_to_string(&path).expect("text");
        let without = text.lines().find(|line| line.contains("^ZMIRRORVIP::"));
        assert_eq!(without, None, "{}", path.display());
        told += text.matches("^ZMIRRORVIP()::").count();
    }
    assert!(told >= 4, "{told} were found");
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("objectscript")
}

fn shipped() -> BTreeMap<&'static str, String> {
    ROUTINES.iter().map(|(file, ..)| (*file, fs::read_to_string(directory().join(file)).expect(file))).collect()
}
