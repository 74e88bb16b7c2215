//! What surrounds the code: globals, processes, locks, time, the device, objects and functions.

mod common;

use common::{error, instance, run, value, values, with};
use objectscript_engine::{Device, Iris, IrisError};

#[test]
fn globals_have_a_namespace_and_an_order() {
    let body = "    set ^a(2) = \"two\", ^a(10) = \"ten\", ^a(\"b\") = \"b\", ^|\"USER\"|a = 1\n    set $namespace = \"USER\", out = ^a_$data(^a(2)), key = \"\"\n    for {\n        set key = $order(^|\"%SYS\"|a(key))\n        quit:key=\"\"\n        set out = out_\",\"_key\n    }\n    merge copy = ^|\"%SYS\"|a\n    kill ^|\"%SYS\"|a(2)\n    return out_\" \"_$data(^|\"%SYS\"|a)_copy(2)_$increment(^a)_$order(copy(\"\"), -1)_$get(^|\"%SYS\"|a(2), \"gone\")";
    assert_eq!(run(body).value.as_deref(), Some("10,2,10,b 10two2bgone"));
    assert_eq!(run("    set ^%p = 1, $namespace = \"USER\"\n    return ^%p").value.as_deref(), Some("1"));
}

#[test]
fn job_waits_for_a_process_and_takes_values() {
    let text = "    job Q^X(5, , {})::10\n    set first = $test\n    job Q^X()::10\n    return first_$test\n----\nQ(x, y, z) public {\n    set ^seen(x) = $data(y)_$data(z)_z_$namespace\n}\n";
    let (_root, mut iris) = instance(|root| Iris::new(root));
    let (body, rest) = text.split_once("----\n").expect("two parts");
    iris.load("X.mac", &format!("ROUTINE X\nP() public {{\n{body}}}\n{rest}"));
    assert_eq!(iris.run("P^X", &[]).value.as_deref(), Some("11"));
    assert_eq!(iris.global("seen", &["5"]), None, "nothing has run yet");
    let ran = iris.run_jobs();
    assert_eq!(iris.global("seen", &["5"]).as_deref(), Some("01%SYS"));
    assert_eq!(ran[1].error.as_ref().map(|error| error.name.as_str()), Some("<UNDEFINED>"));
    iris.refuse_jobs(1);
    assert_eq!(iris.run("P^X", &[]).value.as_deref(), Some("01"));
    assert_eq!(iris.now(), 10.0);
}

/// A label that has a list of parameters wants one, be it an empty one.
#[test]
fn job_of_a_procedure_needs_parentheses() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load(
        "X.mac",
        "ROUTINE X\nOld\n    quit\nP() public {\n    job P^X::1\n}\nQ() public {\n    job Old^X::1\n}\n",
    );
    let why = iris.try_run("P^X", &[]).expect_err("it is refused");
    assert!(why.contains("JOB P^X without parentheses"), "{why}");
    assert_eq!(iris.run("Q^X", &[]).error, None);
}

#[test]
fn locks_belong_to_processes() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load(
        "X.mac",
        "ROUTINE X\nTake() public {\n    lock +^a(1):5\n    return $test\n}\nGive() public {\n    lock -^a(1)\n}\n",
    );
    let other = iris.new_process();
    assert_eq!(iris.run("Take^X", &[]).value.as_deref(), Some("1"));
    assert_eq!(iris.run("Take^X", &[]).value.as_deref(), Some("1"), "again, by the same process");
    let take = |iris: &mut Iris| iris.run_in(other, "Take^X", &[]).expect("supported").value;
    assert_eq!((take(&mut iris).as_deref(), iris.now()), (Some("0"), 5.0));
    iris.run("Give^X", &[]);
    assert_eq!(take(&mut iris).as_deref(), Some("0"), "it was taken twice");
    iris.run("Give^X", &[]);
    assert_eq!(take(&mut iris).as_deref(), Some("1"));
    iris.end_process(other);
    assert_eq!(iris.run("Take^X", &[]).value.as_deref(), Some("1"));
    iris.run("Give^X", &[]);
    iris.hold_lock("^a", Some(3.0));
    let before = iris.now();
    assert_eq!((iris.run("Take^X", &[]).value.as_deref(), iris.now() - before), (Some("1"), 3.0));
}

#[test]
fn time_passes_in_hang_alone() {
    let body = "    set before = $zhorolog, date = $zdatetime($horolog, 3)\n    hang 90.5\n    return date_\"|\"_$zdatetime($ztimestamp, 3, 1, 3)_\"|\"_($zhorolog - before)";
    assert_eq!(run(body).value.as_deref(), Some("2026-01-01 00:00:00|2026-01-01 00:01:30.500|90.5"));
}

#[test]
fn zhorolog_begins_anew_with_iris_and_horolog_does_not() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load("X.mac", "ROUTINE X\nP() public {\n    hang 90\n    return $zhorolog_\" \"_$zdatetime($horolog, 3)\n}\n");
    assert_eq!(iris.run("P^X", &[]).value.as_deref(), Some("90 2026-01-01 00:01:30"));
    iris.restart();
    assert_eq!(iris.run("P^X", &[]).value.as_deref(), Some("90 2026-01-01 00:03:00"));
}

#[test]
fn write_knows_its_column_and_its_device() {
    let ran = run("    write \"ab\", ?5, \"c\", !, ?2, \"d\", *65, 1 + 1");
    assert_eq!(ran.output, "ab   c\n  dA2");
    let ran = with("    write \"a\"", |iris| iris.set_device(objectscript_engine::FIRST, Device::Broken));
    assert_eq!(ran.error.expect("no device").display, "<WRITE>P+1^X");
}

#[test]
fn a_private_procedure_is_for_its_own_routine() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load(
        "Y.mac",
        "ROUTINE Y\nHidden() private {\n    return 1\n}\nOpen() public {\n    return $$Hidden()_$$Hidden^Y()\n}\n",
    );
    iris.load("X.mac", "ROUTINE X\nP() public {\n    return $$Open^Y()_$$Hidden^Y()\n}\n");
    assert_eq!(iris.run("Open^Y", &[]).value.as_deref(), Some("11"));
    assert_eq!(iris.run("P^X", &[]).error.expect("private").display, "<NOLINE>P+1^X *Hidden^Y");
}

#[test]
fn what_is_ordered_fails_and_what_is_not_does_not() {
    let text = "    for i = 1:1:3 {\n        try {\n            do ##class(%SYS.System).WriteToConsoleLog(i, 0, 0, \"x\")\n        } catch e {\n            set ^failed(i) = e.Name\n        }\n    }";
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load("X.mac", &format!("ROUTINE X\nP() public {{\n{text}\n}}\n"));
    iris.fail_nth("%SYS.System.WriteToConsoleLog", 2, IrisError::system("<PROTECT>"));
    iris.run("P^X", &[]);
    assert_eq!(iris.console().len(), 2);
    assert_eq!(iris.global("failed", &["2"]).as_deref(), Some("<PROTECT>"));
    assert_eq!(iris.calls_of("WriteToConsoleLog"), 3);
    iris.fail_next("job", IrisError::system("<PROTECT>"));
    assert_eq!(iris.unmet_orders(), ["job Call(1) <PROTECT>"]);
}

#[test]
fn json_keeps_its_types() {
    let text = r#"    set o = {}.%FromJSON("{""a"":""x\u00e9\n"",""t"":true,""f"":false,""n"":null,""d"":1.50,""l"":[1,{""b"":2}]}")"#;
    let json = |body: &str| run(&format!("{text}\n{body}")).value.expect("a value");
    assert_eq!(json("    return o.%ToJSON()"), r#"{"a":"xé\n","t":true,"f":false,"n":null,"d":1.5,"l":[1,{"b":2}]}"#);
    assert_eq!(json("    return o.t_o.f_o.n_o.d_o.l.%Get(1).b_o.missing"), "101.52");
    assert_eq!(json("    if (o.f) {\n        return \"yes\"\n    }\n    return \"no\""), "no");
    assert_eq!(json("    if (o.t) {\n        return \"yes\"\n    }\n    return \"no\""), "yes");
    assert_eq!(
        json(
            "    return o.%GetTypeOf(\"f\")_o.%GetTypeOf(\"n\")_o.%GetTypeOf(\"d\")_o.%GetTypeOf(\"l\")_o.%GetTypeOf(\"x\")"
        ),
        "booleannullnumberarrayunassigned"
    );
    assert_eq!(json("    return o.%IsDefined(\"n\")_o.%IsDefined(\"x\")_o.%Size()_o.l.%Size()"), "1062");
    assert_eq!(
        json(
            "    do o.%Set(\"t\", 0, \"boolean\"), o.%Remove(\"l\"), o.%Remove(\"a\")\n    set o.new = \"5\", o.number = 5\n    return o.%ToJSON()"
        ),
        r#"{"t":false,"f":false,"n":null,"d":1.5,"new":"5","number":5}"#
    );
    assert_eq!(
        json(
            "    set out = \"\", i = o.%GetIterator()\n    while i.%GetNext(.k, .v, .t) {\n        set out = out_k_t_\" \"\n    }\n    return out"
        ),
        "astring tboolean fboolean nnull dnumber larray "
    );
    assert_eq!(
        value("{\"a\": (1 + 1), \"b\": [true, null, (\"x\"_1)], \"c\": .5}.%ToJSON()"),
        r#"{"a":2,"b":[true,null,"x1"],"c":0.5}"#
    );
    let broken = error("    set o = {}.%FromJSON(\"{:}\")");
    assert_eq!(broken, "Parsing error 3 Line 1 Offset 2");
}

#[test]
fn functions_on_texts_and_lists() {
    values(&[
        ("$piece(\"a,b,c\", \",\", 2)", "b"),
        ("$piece(\"a,b,c\", \",\", 2, 9)", "b,c"),
        ("$piece(\"abc\", \",\")", "abc"),
        ("$extract(\"abcd\", 2)", "b"),
        ("$extract(\"abcd\", *)", "d"),
        ("$extract(\"abcd\", 2, *-1)", "bc"),
        ("$extract(\"abcd\", 0)", ""),
        ("$length(\"a,b\", \",\")_$length(\"\")_$length(\"\", \",\")", "201"),
        ("$find(\"abcb\", \"b\")_$find(\"abcb\", \"b\", 3)_$find(\"abc\", \"x\")", "350"),
        ("$translate(\"a-b\", \"-a\", \"_\")", "_b"),
        ("$replace(\"aXbX\", \"X\", \"--\")", "a--b--"),
        ("$zconvert(\"aé\", \"U\")_$zcvt(\"AB\", \"L\")", "AÉab"),
        ("$length($zconvert(\"é\", \"O\", \"UTF8\"))", "2"),
        ("$zstrip(\"  a  b \", \"<=>W\")", "a b"),
        ("$zstrip(\" a b \", \"<>W\")", "a b"),
        ("$zstrip(\"a1b2\", \"*N\")", "ab"),
        ("$justify(3.14159, 8, 2)_$justify(\"ab\", 4)", "    3.14  ab"),
        ("$char(65, 66)_$ascii(\"A\")_$ascii(\"\")", "AB65-1"),
        ("$list($listbuild(\"a\", 2, \"c\"), 2)_$listlength($lb(1, , 3))", "23"),
        ("$listtostring($list($lb(1, 2, 3), 2, *), \"+\")", "2+3"),
        ("$listget($lb(1), 5, \"d\")_$listfind($listfromstring(\"a,b\"), \"b\")", "d2"),
        ("$isobject({})_$isobject(\"x\")", "10"),
        ("$number(\"12x\")_$number(\"1.0\")", "1"),
    ]);
    let body = "    set a = \"x,y\", l = $listbuild(1)\n    set $piece(a, \",\", 4) = \"z\", $list(l, 3) = 9\n    return a_$listlength(l)_$list(l, 3)";
    assert_eq!(run(body).value.as_deref(), Some("x,y,,z39"));
}

#[test]
fn a_status_is_0_and_a_text_or_1() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load("X.mac", "ROUTINE X\n#include %occStatus\nP() public {\n    set sc = $$$ERROR($$$GeneralError, \"broken\")\n    set text = $$$ISERR(sc)_$$$ISOK($$$OK)_$system.Status.GetErrorText(sc)\n    try {\n        $$$ThrowOnError(sc)\n    } catch e {\n        return text_\"|\"_e.DisplayString()_\"|\"_(e.AsStatus() = sc)\n    }\n}\nQ() public {\n    try {\n        set x = y\n    } catch e {\n        return $system.Status.GetErrorText(e.AsStatus())\n    }\n}\n");
    assert_eq!(iris.run("P^X", &[]).value.as_deref(), Some("11ERROR #5001: broken|ERROR #5001: broken|1"));
    assert_eq!(iris.run("Q^X", &[]).value.as_deref(), Some("ERROR #5002: ObjectScript error: <UNDEFINED>Q+2^X *y"));
}
