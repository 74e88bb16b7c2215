//! Sources that were spoilt in one place, each with the test that has to notice when they run. What can be seen without
//! running them is in `tests/objectscript.rs`.

use super::{
    hooks, install, repeats,
    site::{Check, shipped},
    start_stop, terminal, watch,
};
use std::panic::catch_unwind;

/// The test, the file, what stands there and what is put in its place.
const DAMAGE: &[(Check, &str, &str, &str)] = &[
    (
        hooks::other_namespace,
        "ZMIRRORVIP.mac",
        "        new $namespace\n        set $namespace = \"%SYS\"\n        set report = $$Call(\"Acquire\", reason)",
        "        set $namespace = \"%SYS\"\n        set report = $$Call(\"Acquire\", reason)",
    ),
    (install::from_nothing, "ZMIRRORVIP/Metrics.cls", "PRODUCT = \"mirrorvip\"", "PRODUCT = \"mvip\""),
    (install::from_nothing, "ZMIRRORVIPSETUP.mac", "DailyFrequencyTime = 0", "DailyFrequencyTime = 1"),
    (
        install::own_routines,
        "ZMIRRORVIPSETUP.mac",
        "if '$system.Mirror.IsMember() { do ReleaseAtStop",
        "do ReleaseAtStop",
    ),
    (install::removed, "ZMIRRORVIPSETUP.mac", "    kill ^ZMIRRORVIP\n", "    kill ^ZMIRRORVIP(\"library\")\n"),
    (hooks::one_call, "ZMIRROR.mac", "return 1", "return 0"),
    (hooks::one_call, "ZMIRROR.mac", "return 1", "return"),
    (hooks::one_call, "ZMIRROR.mac", "(\"NotifyBecomePrimary\")", "(\"CheckBecomePrimaryOK\")"),
    (hooks::one_call, "ZMIRROR.mac", "TakeOver^ZMIRRORVIP", "Takeover^ZMIRRORVIP"),
    (hooks::one_call, "ZMIRROR.mac", "TakeOver^ZMIRRORVIP(reason)", "TakeOver^ZMIRRORVIP(reason, 1)"),
    (
        hooks::one_call,
        "ZMIRROR.mac",
        "do CallZMIRRORVIP(\"NotifyBecomePrimary\")",
        "job CallZMIRRORVIP(\"NotifyBecomePrimary\")",
    ),
    (hooks::one_call, "ZMIRRORVIP.mac", "            do Log(report)\n        }\n        if", "        }\n        if"),
    (hooks::one_call, "ZMIRRORVIP.mac", "$$Call(\"Acquire\", reason)", "$$Call(\"Release\", reason)"),
    (hooks::one_call, "ZMIRRORVIP.mac", "$$Call(\"Acquire\", reason)", "$$Call(\"Acquire\", \"terminal\")"),
    (hooks::one_call, "ZMIRRORVIP.mac", "    do Unload(libraryId)\n", ""),
    (
        hooks::not_moved,
        "ZMIRRORVIP.mac",
        "WriteToConsoleLog(line, 0, severity,",
        "WriteToConsoleLog(line, severity, 0,",
    ),
    (hooks::one_call, "ZMIRRORVIP.mac", "WriteToConsoleLog(line, 0,", "WriteToConsolLog(line, 0,"),
    (hooks::one_call, "ZMIRRORVIP.mac", "request.%ToJSON()", "request.%ToJson()"),
    (hooks::one_call, "ZMIRRORVIP.mac", "    set text = report.summary\n", "    set text = reprt.summary\n"),
    (hooks::skipped, "ZMIRRORVIP.mac", "(report.outcome '= \"skipped\")", "(report.outcome '= \"skiped\")"),
    (hooks::not_moved, "ZMIRRORVIP.mac", "_\"; \"_report.error.remedy", "_\"; \"_report.remedy"),
    (hooks::not_moved, "ZMIRRORVIP.mac", "    return ''report.retry", "    return 1"),
    (hooks::not_moved, "ZMIRRORVIP.mac", "(report.severity = 1): 1, 1: 2)", "(report.severity = 1): 1, 1: 1)"),
    (hooks::odd_reports, "ZMIRRORVIP.mac", "(report.severity = 1): 1, 1: 2)", "1: report.severity)"),
    (hooks::odd_reports, "ZMIRRORVIP.mac", "$translate(text, $char(10, 13), \"  \")", "text"),
    (hooks::bad_library, "ZMIRRORVIP.mac", "if (report.summary = \"\") {", "if (report.summary = 0) {"),
    (hooks::bad_library, "ZMIRRORVIP.mac", "($classname(report) '= \"%Library.DynamicObject\")", "(report = \"\")"),
    (hooks::bad_library, "ZMIRRORVIP.mac", "$$Failure(tried, error.DisplayString(), remedy)", "{}"),
    (hooks::bad_library, "ZMIRRORVIP.mac", "_$$Quoted(answer)_", "_answer_"),
    (
        start_stop::any_failure,
        "ZMIRRORVIP.mac",
        "    } catch error {\n        do WriteLine(2, \"could not handle",
        "    } catch (error) {\n        throw error\n        do WriteLine(2, \"could not handle",
    ),
    (
        hooks::without_logic,
        "ZMIRROR.mac",
        "            do ##class(%SYS.System).WriteToConsoleLog(text, 0, 2, \"Utility.Event\")\n        } catch {",
        "        } catch {",
    ),
    (hooks::without_logic, "ZMIRROR.mac", "WriteToConsoleLog(text, 0, 2,", "WriteToConsoleLog(text, 0, 1,"),
    (hooks::without_logic, "ZMIRROR.mac", "for \"_reason_\": \"", "\""),
    (hooks::failed_takeover, "ZMIRROR.mac", "do NotPrimary^ZMIRRORVIP()", "do ReleaseAtStop^ZMIRRORVIP()"),
    (
        hooks::failed_takeover,
        "ZMIRRORVIP.mac",
        "ZMIRRORVIP(\"metric\", \"holder\")) = 1)",
        "ZMIRRORVIP(\"metrics\", \"holder\")) = 1)",
    ),
    (hooks::starts_a_job, "ZMIRRORVIP.mac", "job Finish^ZMIRRORVIP(reason)::10", "do Finish^ZMIRRORVIP(reason)"),
    (hooks::starts_a_job, "ZMIRRORVIP.mac", "job Finish^ZMIRRORVIP(reason)::10", "job Repeat^ZMIRRORVIP(reason)::10"),
    (
        hooks::starts_a_job,
        "ZMIRRORVIP.mac",
        "if ('$test) {\n                do WriteLine",
        "if ($test) {\n                do WriteLine",
    ),
    (repeats::until_held, "ZMIRRORVIP.mac", "(pause * 2), 1: 30)", "pause, 1: 30)"),
    (repeats::until_held, "ZMIRRORVIP.mac", "(('again) || (says '= said))", "(1)"),
    (
        repeats::until_held,
        "ZMIRRORVIP.mac",
        "    set said = \"\"\n    set pause",
        "    set said = \"not_moved unavailable\"\n    set pause",
    ),
    (repeats::until_final, "ZMIRRORVIP.mac", "(report.ok || (report.outcome = \"lost\"))", "(report.ok)"),
    (repeats::until_final, "ZMIRRORVIP.mac", "            if ('again) {\n                return\n            }\n", ""),
    (repeats::no_longer_primary, "ZMIRRORVIP.mac", "if ($$BelongsHere()) {", "if (1) {"),
    (
        repeats::no_longer_primary,
        "ZMIRRORVIP.mac",
        "    if ('$system.Mirror.IsPrimary()) {\n        return 0\n    }\n    set status",
        "    set status",
    ),
    (
        repeats::no_longer_primary,
        "ZMIRRORVIP.mac",
        "$zconvert(status, \"L\") [ \"trouble\"",
        "$zconvert(status, \"L\") = \"trouble\"",
    ),
    (
        repeats::no_longer_primary,
        "ZMIRRORVIP.mac",
        "set status = $listtostring(status, \",\", 1)",
        "set status = $list(status, 2)",
    ),
    (
        repeats::asked_each_time,
        "ZMIRRORVIP.mac",
        "        if ($$BelongsHere()) {\n            set wasPrimary = 1",
        "        if (wasPrimary || $$BelongsHere()) {\n            set wasPrimary = 1",
    ),
    (
        repeats::waits_for_primary,
        "ZMIRRORVIP.mac",
        "set wasPrimary = (reason '= \"CheckBecomePrimaryOK\")",
        "set wasPrimary = 1",
    ),
    (
        repeats::waits_for_primary,
        "ZMIRRORVIP.mac",
        "            if ('wasPrimary) {\n                do WriteLine(1,",
        "            if ('wasPrimary) {\n                do WriteLine(2,",
    ),
    (repeats::gives_up, "ZMIRRORVIP.mac", "$$Setting(\"giveUpAfterSeconds\", 600)", "$$Setting(\"giveUpAfter\", 600)"),
    (
        repeats::gives_up,
        "ZMIRRORVIP.mac",
        "$$Setting(\"giveUpAfterSeconds\", 600)",
        "$$Setting(\"giveUpAfterSeconds\", 6000)",
    ),
    (repeats::gives_up, "ZMIRRORVIP.mac", "if ($$Now() >= end) {", "if (0) {"),
    (repeats::gives_up, "ZMIRRORVIP.mac", "return $zhorolog", "return 0"),
    (repeats::one_at_a_time, "ZMIRRORVIP.mac", "set locked = $test", "set locked = 1"),
    (repeats::one_at_a_time, "ZMIRRORVIP.mac", "(\"finish\"):0", "(\"finish\"):600"),
    (
        repeats::error_in_between,
        "ZMIRRORVIP.mac",
        "    if (locked) {\n        lock -^|\"%SYS\"|ZMIRRORVIP(\"finish\")\n    }",
        "",
    ),
    (start_stop::start, "ZSTART.mac", "job AcquireAtStart^ZMIRRORVIP::10", "do AcquireAtStart^ZMIRRORVIP()"),
    (start_stop::start, "ZMIRRORVIP.mac", "do TakeOver(\"ZSTART\")", "do TakeOver(\"terminal\")"),
    (
        start_stop::clone,
        "ZMIRRORVIP.mac",
        "    set standalone = 0\n",
        "    set standalone = 1\n    return standalone\n",
    ),
    (start_stop::clone, "ZMIRRORVIP.mac", "return $$Setting(\"standalone\", 0)", "return $$Setting(\"standalone\", 1)"),
    (start_stop::member, "ZSTART.mac", "if ('$system.Mirror.IsMember()) {", "if ('$system.Mirror.IsPrimary()) {"),
    (start_stop::member, "ZSTOP.mac", "if ('$system.Mirror.IsMember()) {", "if (1) {"),
    (start_stop::stop, "ZMIRRORVIP.mac", "$$Setting(\"releaseOnStop\", 0)", "$$Setting(\"releaseOnStop\", 1)"),
    (start_stop::stop, "ZSTOP.mac", "do ReleaseAtStop^ZMIRRORVIP()", "job ReleaseAtStop^ZMIRRORVIP()"),
    (start_stop::unknown, "ZMIRRORVIP.mac", "set file = $$ManagerDirectory()_file", "set file = \"/\"_file"),
    (
        start_stop::unknown,
        "ZSTART.mac",
        "            if ('$test) {\n                set problem = \"no process was free within 10 s\"\n            }\n",
        "",
    ),
    (
        start_stop::any_failure,
        "ZSTART.mac",
        "    } catch error {\n        set problem = error.DisplayString()",
        "    } catch error {\n        throw error",
    ),
    (watch::all_well, "ZMIRRORVIP/Task.cls", "do Watch^ZMIRRORVIP()", "do Status^ZMIRRORVIP()"),
    (watch::all_well, "ZMIRRORVIP.mac", "if ((before '= \"\") && (before '= \"held\"))", "if (1)"),
    (
        watch::others,
        "ZMIRRORVIP.mac",
        "        if ($$MustHold()) {\n            do Look()",
        "        if (1) {\n            do Look()",
    ),
    (
        watch::policies,
        "ZMIRRORVIP.mac",
        "$$Setting(\"repairDrift\", \"unheld\")",
        "$$Setting(\"repairDrift\", \"always\")",
    ),
    (watch::policies, "ZMIRRORVIP.mac", "((policy = \"never\") || ", "((policy = \"no\") || "),
    (watch::policies, "ZMIRRORVIP.mac", "(policy '= \"always\")", "(policy = \"always\")"),
    (
        watch::told_once,
        "ZMIRRORVIP.mac",
        "    if (outcome '= before) {\n        // Once",
        "    if (1) {\n        // Once",
    ),
    (watch::told_once, "ZMIRRORVIP.mac", "    set ^ZMIRRORVIP(\"drift\") = outcome\n", ""),
    (watch::no_flapping, "ZMIRRORVIP.mac", "(since > 600)): \"\"", "(since > -1)): \"\""),
    (watch::no_flapping, "ZMIRRORVIP.mac", "        set ^ZMIRRORVIP(\"repaired\") = $$Now()\n", ""),
    (watch::no_flapping, "ZMIRRORVIP.mac", "    if (outcome = \"unheld\") {\n        return \"\"\n    }\n", ""),
    (
        watch::no_flapping,
        "ZMIRRORVIP.mac",
        "    if (drift '= \"unheld\") {\n        set ^ZMIRRORVIP(\"repaired\")",
        "    if (1) {\n        set ^ZMIRRORVIP(\"repaired\")",
    ),
    (watch::failing_repair, "ZMIRRORVIP.mac", "    set ^ZMIRRORVIP(\"drift\", \"repair\") = says\n", ""),
    (watch::asked_again, "ZMIRRORVIP.mac", "if ((obstacle = \"\") && $$MustHold()) {", "if (obstacle = \"\") {"),
    (watch::failed_look, "ZMIRRORVIP.mac", "((outcome = \"\") || (outcome = \"unknown\"))", "(outcome = \"unknown\")"),
    (watch::metrics, "ZMIRRORVIP/Metrics.cls", "..SetSensor(\"holder\"", "..SetSensor(\"holders\""),
    (watch::metrics, "ZMIRRORVIP/Metrics.cls", "(\"metric\", \"ms\")", "(\"metric\", \"holder\")"),
    (watch::metrics, "ZMIRRORVIP.mac", "\",moved,already_held,held,\"", "\",moved,already_held,\""),
    (
        watch::metrics,
        "ZMIRRORVIP.mac",
        "kill ^ZMIRRORVIP(\"drift\"), ^ZMIRRORVIP(\"metric\", \"holder\")",
        "kill ^ZMIRRORVIP(\"drift\")",
    ),
    (
        terminal::readable,
        "ZMIRRORVIP.mac",
        "    new $namespace\n    set $namespace = \"%SYS\"\n    return $$Call(function",
        "    set $namespace = \"%SYS\"\n    return $$Call(function",
    ),
    (terminal::readable, "ZMIRRORVIP.mac", "$$Padded(name, 10)", "$$Padded(name, 9)"),
    (terminal::readable, "ZMIRRORVIP.mac", "(width(column) + 2)", "width(column)"),
    (terminal::readable, "ZMIRRORVIP.mac", "return before_\" -> \"_after", "return after_\" -> \"_before"),
    (terminal::checks, "ZMIRRORVIP.mac", "$listbuild(\"result\", \"name\")", "$listbuild(\"name\", \"result\")"),
    (
        terminal::last,
        "ZMIRRORVIP.mac",
        "ZMIRRORVIP(\"last\", \"report\") = report.%ToJSON()",
        "ZMIRRORVIP(\"last\", \"json\") = report.%ToJSON()",
    ),
    (
        terminal::backup,
        "ZMIRRORVIP.mac",
        "        if ('$system.Mirror.IsPrimary()) {\n            write",
        "        if ($system.Mirror.IsPrimary()) {\n            write",
    ),
    (
        terminal::no_library,
        "ZMIRRORVIP.mac",
        "do ShowField(\"remedy\", error.remedy)",
        "do ShowField(\"remedy\", error.remedies)",
    ),
    (
        terminal::help,
        "ZMIRRORVIP.mac",
        "$$ManagerDirectory(), \"mirrorvip.json\"",
        "$$ManagerDirectory(), \"mirrorvip.jsn\"",
    ),
    (install::from_nothing, "ZMIRRORVIPSETUP.mac", "    do InstallClasses(source)\n", ""),
    (install::from_nothing, "ZMIRRORVIPSETUP.mac", "to_\".new\", to), \"rename", "to_\".new\", to_\".2\"), \"rename"),
    (install::from_nothing, "ZMIRRORVIPSETUP.mac", "set task.DailyIncrement = 1", "set task.DailyIncrement = 60"),
    (
        install::repeated,
        "ZMIRRORVIPSETUP.mac",
        "    if ($$TaskId() '= \"\") {\n        do Say(\"kept\"",
        "    if (0) {\n        do Say(\"kept\"",
    ),
    (
        install::repeated,
        "ZMIRRORVIPSETUP.mac",
        "    if (##class(%File).Exists(to)) {\n        do Say(\"kept\", to)\n        return\n    }\n",
        "",
    ),
    (
        install::upgraded,
        "ZMIRRORVIPSETUP.mac",
        "set to = folder_name_\"-\"_##class(%File).GetFileSize(from)_\".so\"",
        "do Check(##class(%File).Delete(to), \"x\")",
    ),
    (install::own_routines, "ZMIRRORVIPSETUP.mac", "return '$$IsOurs(routine)", "return $$IsOurs(routine)"),
    (
        install::own_routines,
        "ZMIRRORVIPSETUP.mac",
        "return (##class(%Routine).Exists(routine_\".INT\") || ##class(%Routine).Exists(routine_\".OBJ\"))",
        "return 0",
    ),
    (
        install::from_nothing,
        "ZMIRRORVIPSETUP.mac",
        "set sample = $$InManagerDirectory(\"mirrorvip.sample.json\")",
        "set sample = to",
    ),
    (
        install::own_routines,
        "ZMIRRORVIPSETUP.mac",
        "        if ($$IsOurs(routine)) {\n",
        "        if (##class(%Routine).Exists(routine_\".MAC\")) {\n",
    ),
    (install::removed, "ZMIRRORVIPSETUP.mac", "    do RemoveTask()\n", ""),
    (install::removed, "ZMIRRORVIPSETUP.mac", "        set ^ZMIRRORVIP(\"installed\", to) = \"\"\n", ""),
    (
        install::bad_library,
        "ZMIRRORVIPSETUP.mac",
        "    if ('version.ok) {\n        do Fail(version.summary)\n    }\n",
        "",
    ),
    (install::failing_steps, "ZMIRRORVIPSETUP.mac", "    if (status) {\n        return\n    }\n", "    return\n"),
    (
        install::by_package_manager,
        "ZMIRRORVIP/Setup.cls",
        "do Uninstall^ZMIRRORVIPSETUP(1)",
        "do Uninstall^ZMIRRORVIPSETUP()",
    ),
    (install::by_package_manager, "ZMIRRORVIP/Setup.cls", "set status = error.AsStatus()", "set status = 1"),
];

#[test]
fn each_damage_is_noticed_when_it_runs() {
    let mut missed = Vec::new();
    for (check, file, from, to) in DAMAGE {
        let mut sources = shipped();
        let text = sources.get_mut(*file).expect("a shipped file");
        if !text.contains(from) {
            missed.push(format!("{file} no longer contains {from:?}: bring the table up to date"));
            continue;
        }
        *text = text.replacen(from, to, 1);
        if catch_unwind(|| check(&sources)).is_ok() {
            missed.push(format!("{file}: {from:?} => {to:?} was not noticed"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
