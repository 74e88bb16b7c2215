//! What is different in ObjectScript from what its reader expects, one test for each.

mod common;

use common::{error, instance, run, values};
use objectscript_engine::Iris;

#[test]
fn operators_go_strictly_from_left_to_right() {
    values(&[
        ("2+3*4", "20"),
        ("2 + 3 * 4", "20"),
        ("2+(3*4)", "14"),
        ("1 = 1 = 1", "1"),
        ("5 = 5 _ \"x\"", "1x"),
        ("10-2-3", "5"),
        ("-2+5", "3"),
        ("'1 + 1", "1"),
        ("'(1 + 1)", "0"),
        ("1 ! 0 & 0", "0"),
        ("2 > 1 > 0", "1"),
        ("3 '> 2 '= 1", "1"),
    ]);
    // (1 && n) < 3 is always so: the mistake that makes a loop without an end.
    assert_eq!(run("    set n = 9\n    return 1 && $increment(n) < 3").value.as_deref(), Some("1"));
    let ran = run(
        "    set n = 0\n    set a = 0 && $increment(n), b = 1 || $increment(n), c = 0 & $increment(n)\n    return n",
    );
    assert_eq!(ran.value.as_deref(), Some("1"), "only & evaluates both sides");
}

#[test]
fn a_loop_without_an_end_is_no_error_of_iris() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load("X.mac", "ROUTINE X\nP() public {\n    try {\n        while 1 {\n        }\n    } catch e {\n    }\n}\n");
    iris.set_step_limit(1000);
    let why = iris.try_run("P^X", &[]).expect_err("it does not end");
    assert!(why.starts_with("X.mac:4: the step limit"), "{why}");
    iris.load("Y.mac", "ROUTINE Y\nP() public {\n    for i = 1:1:1 {\n        try {\n            if 1 {\n                set x = 1 + $select(1: 1 + $$P())\n            }\n        } catch e {\n        }\n    }\n}\nLong() public {\n    set x = \"x\"\n    for {\n        set x = x_x\n    }\n}\n");
    let why = iris.try_run("P^Y", &[]).expect_err("it does not end");
    assert!(why.starts_with("Y.mac:6: ") && why.contains("calls without an end"), "{why}");
    assert_eq!(iris.run("Long^Y", &[]).error.expect("too long").display, "<MAXSTRING>Long+3^Y");
}

#[test]
fn texts_become_numbers() {
    values(&[
        ("\"2DOGS\" + 1", "3"),
        ("\"DOGS\" + 1", "1"),
        ("+\"1.50\"", "1.5"),
        ("\"1.0\" = 1", "0"),
        ("+\"1.0\" = 1", "1"),
        ("1.0 = 1", "1"),
        (".1 + .2", ".3"),
        ("\"abc\" > 0", "0"),
        ("7 \\ 2", "3"),
        ("7 # 3", "1"),
        ("-7 # 3", "2"),
        ("2 ** 10", "1024"),
        ("1 / 4", ".25"),
        ("'\"0\"", "1"),
        ("'\"true\"", "1"),
        ("\"1E2\" + 0", "100"),
    ]);
    assert_eq!(error("    return 1 / 0"), "<DIVIDE>P+1^X");
}

#[test]
fn texts_compare_as_texts() {
    values(&[
        ("\"b\" ] \"a\"", "1"),
        ("\"a\" ] \"a\"", "0"),
        ("2 ] 10", "1"),
        ("2 ]] 10", "0"),
        ("\"a\" ]] 10", "1"),
        ("\"abc\" [ \"b\"", "1"),
        ("\"abc\" '[ \"b\"", "0"),
        ("\"abc\" [ \"\"", "1"),
        ("\"10.0.0.1\" ? 1.3N1\".\"1.3N1\".\"1.3N1\".\"1.3N", "1"),
        ("\"abc\" '? 3N", "1"),
    ]);
}

#[test]
fn postconditionals_guard_one_command_or_one_argument() {
    let ran = run(
        "    set a = 0\n    set:a=1 a = 5\n    set:a=0 a = 2\n    do:a=2 Add(.a):a=3, Add(.a):a=2\n    quit:a=4 \"four\"\n    return a\n----\nAdd(x) {\n    set x = x + 1\n}\n",
    );
    assert_eq!(ran.value.as_deref(), Some("3"));
}

#[test]
fn quit_leaves_a_try_and_return_the_procedure() {
    let ran = run("    set a = 1\n    try {\n        quit\n        set a = 2\n    } catch e {\n    }\n    return a");
    assert_eq!(ran.value.as_deref(), Some("1"));
    assert_eq!(run("    try {\n        return 5\n    } catch e {\n    }\n    return 6").value.as_deref(), Some("5"));
    let ran = run(
        "    for i = 1:1:5 {\n        try {\n            quit\n        } catch e {\n        }\n    }\n    return i",
    );
    assert_eq!(ran.value.as_deref(), Some("5"), "QUIT left the TRY, not the loop");
    let ran = run("    try {\n        set a = b\n    } catch e {\n        quit\n    }\n    return \"after\"");
    assert_eq!(ran.value.as_deref(), Some("after"));
}

#[test]
#[should_panic(expected = "X.mac:4: QUIT argument not allowed")]
fn quit_with_a_value_in_a_try_does_not_compile() {
    run("    try {\n        quit 1\n    } catch e {\n    }");
}

#[test]
fn a_procedure_has_variables_of_its_own() {
    let text = "    set a = 1, %b = 2\n    do Q()\n    return a_%b_$data(c)\n----\nQ() {\n    set a = 5, %b = $data(a)_%b, c = 1\n}\n";
    assert_eq!(run(text).value.as_deref(), Some("1120"));
    let public = "    do Q()\n    do R()\n    return shared\n----\nQ() [ shared ] {\n    set shared = 1\n}\nR() [ shared ] {\n    set shared = shared + 1\n}\n";
    assert_eq!(run(public).error.expect("shared is private in P").display, "<UNDEFINED>P+3^X *shared");
    let old = "    set x = 1\n    do Old\n    return $get(x)_$get(%y)\n----\nOld\n    set x = 2, %y = 3\n    quit\n";
    assert_eq!(run(old).value.as_deref(), Some("13"), "a label without braces cannot see them");
}

#[test]
fn new_restores_at_the_end_of_an_old_label() {
    let text = "    do Old\n    return %x_%y\n----\nOld\n    set %x = 1, %y = 1\n    do Inner\n    quit\nInner\n    new %x\n    set %x = 2, %y = 2\n    quit\n";
    assert_eq!(run(text).value.as_deref(), Some("12"));
}

#[test]
fn arguments_can_be_references_left_out_or_many() {
    let text = "    set a = 1\n    do Q(.a, , 7, 8)\n    return a\n----\nQ(x, y = \"d\", rest...) {\n    set x = x_y_rest_rest(1)_rest(2)\n}\n";
    assert_eq!(run(text).value.as_deref(), Some("1d278"));
    let text = "    set list = 2, list(1) = \"a\", list(2) = \"b\"\n    return $$Q(list...)\n----\nQ(x, y) {\n    return y_x\n}\n";
    assert_eq!(run(text).value.as_deref(), Some("ba"));
    let text = "    do Q(.new)\n    return new(1)\n----\nQ(x) {\n    set x(1) = \"array\"\n}\n";
    assert_eq!(run(text).value.as_deref(), Some("array"));
    let missing = "    return $$Q()\n----\nQ(x) {\n    return x\n}\n";
    assert_eq!(run(missing).error.expect("x was left out").display, "<UNDEFINED>Q+1^X *x");
    let many = "    do Q(1, 2)\n----\nQ(x) {\n}\n";
    assert_eq!(run(many).error.expect("one too many").name, "<PARAMETER>");
}

#[test]
fn select_and_case_take_the_first_that_fits() {
    values(&[
        ("$select(0: 1/0, 1: \"b\", 1/0: \"c\")", "b"),
        ("$case(2, 1: \"a\", 2: \"b\", : 1/0)", "b"),
        ("$case(9, 1: \"a\", : \"z\")", "z"),
    ]);
    assert_eq!(error("    return $select(0: 1)"), "<SELECT>P+1^X");
    assert_eq!(error("    return $case(9, 1: 1)"), "<ILLEGAL VALUE>P+1^X");
}

/// <https://docs.intersystems.com/irislatest/csp/docbook/DocBook.UI.Page.cls?KEY=RCOS_fzdatetime_erropt>: dates from 0 to
/// 2980013 and times up to 86399 are valid.
#[test]
fn dates_and_times_have_their_bounds() {
    values(&[
        ("$zdate(0, 3)", "1840-12-31"),
        ("$zdate(\"47117,1\", 3)", "1970-01-01"),
        ("$zdate(58073, 3)", "1999-12-31"),
        ("$zdate(58133, 3)", "2000-02-29"),
        ("$zdate(2980013, 3)", "9999-12-31"),
        ("$zdatetime(\"67568,86399.25\", 3, 1, 2)", "2025-12-29 23:59:59.25"),
    ]);
    for (body, expected) in [
        ("    return $zdate(-1, 3)", "<VALUE OUT OF RANGE>P+1^X"),
        ("    return $zdate(2980014, 3)", "<VALUE OUT OF RANGE>P+1^X"),
        ("    return $zdate(999999999999999999, 3)", "<VALUE OUT OF RANGE>P+1^X"),
        ("    return $zdatetime(\"1,86400\", 3)", "<ILLEGAL VALUE>P+1^X"),
        ("    return $zdatetime(\"1,-1\", 3)", "<ILLEGAL VALUE>P+1^X"),
    ] {
        assert_eq!(error(body), expected, "{body}");
    }
}

#[test]
fn what_is_not_there_has_iris_s_name() {
    for (body, expected) in [
        ("    return x", "<UNDEFINED>P+1^X *x"),
        ("    set x(\"a\") = 1\n    return x(\"b\", 2)", "<UNDEFINED>P+2^X *x(\"b\",2)"),
        ("    return ^nothing(1)", "<UNDEFINED>P+1^X *^nothing(1)"),
        ("    do Nowhere", "<NOLINE>P+1^X *Nowhere^X"),
        ("    do A^NOWHERE", "<NOROUTINE>P+1^X *NOWHERE"),
        ("    do A^|\"NOWHERE\"|X", "<NAMESPACE>P+1^X *NOWHERE"),
        ("    set $namespace = \"NOWHERE\"", "<NAMESPACE>P+1^X *NOWHERE"),
        ("    set x = 1\n    return x.y", "<INVALID OREF>P+2^X"),
        ("    set x = {}\n    do x.%Sise()", "<METHOD DOES NOT EXIST>P+2^X *%Sise,%Library.DynamicObject"),
        ("    do ##class(My.Class).Do()", "<CLASS DOES NOT EXIST>P+1^X *My.Class"),
        ("    set x(\"\") = 1", "<SUBSCRIPT>P+1^X *\"\""),
        ("    return $$Q()\n----\nQ() {\n}\n", "<COMMAND>P+1^X"),
        ("    set x = $zf(-4, 1, \"/nothing.so\")", "<DYNAMIC LIBRARY LOAD>P+1^X"),
        ("    set x = $zf(-5, 1, 1)", "<FUNCTION>P+1^X"),
        ("    return $listget(\"abc\", 1)", "<LIST>P+1^X"),
    ] {
        assert_eq!(error(body), expected, "{body}");
    }
}

#[test]
fn what_the_engine_does_not_know_is_no_error_of_iris() {
    for body in [
        "    do ##class(%Net.HttpRequest).Get()",
        "    set x = {}.%Add(1)",
        "    do ##class(%SYS.System).Misspelt()",
        "    do $system.Process.Misspelt()",
        "    do Anything^%SS",
        "    return $zcvt(\"a\", \"O\", \"URL\")",
        "    set x = ##class(%SYS.Task).%New()\n    set x.Misspelt = 1",
        "    do ##class(%File).Delete(\"/etc/passwd\")",
    ] {
        let (_root, mut iris) = instance(|root| Iris::new(root));
        let text = format!("ROUTINE X\nP() public {{\n    try {{\n{body}\n    }} catch e {{\n    }}\n}}\n");
        iris.load("X.mac", &text);
        let why = iris.try_run("P^X", &[]).expect_err(body);
        assert!(why.contains("X.mac:") || why.contains("outside of the instance"), "{why}");
    }
}

#[test]
fn for_has_many_forms() {
    for (head, expected) in [
        ("i = 1:1:3", "1,2,3,"),
        ("i = 3:-1:1", "3,2,1,"),
        ("i = 1:1:0", ""),
        ("i = 1, 5, 7:1:8", "1,5,7,8,"),
        ("i = \"a\", \"b\"", "a,b,"),
        ("i = 1:.5:2", "1,1.5,2,"),
    ] {
        let ran = run(&format!(
            "    set out = \"\"\n    for {head} {{\n        set out = out_i_\",\"\n    }}\n    return out"
        ));
        assert_eq!(ran.value.as_deref(), Some(expected), "{head}");
    }
    let ran = run(
        "    set n = 0\n    for {\n        set n = n + 1\n        continue:n<3\n        quit:n>5\n    }\n    return n",
    );
    assert_eq!(ran.value.as_deref(), Some("6"));
    assert_eq!(run("    for i = 1:1:3 {\n    }\n    return i").value.as_deref(), Some("3"), "the last value stays");
    assert_eq!(run("    for i = 1:1:3 set %last = i quit:i=2\n    return %last").value.as_deref(), Some("2"));
    let ran = run(
        "    set n = 5\n    do {\n        set n = n - 1\n    } while (n > 2)\n    while (n < 9) {\n        set n = n * 2\n    }\n    return n",
    );
    assert_eq!(ran.value.as_deref(), Some("16"));
}

#[test]
fn new_namespace_comes_back_after_an_error() {
    let text = "    set before = $namespace\n    try {\n        do Q()\n    } catch e {\n    }\n    return before_$namespace\n----\nQ() {\n    new $namespace\n    set $namespace = \"USER\"\n    set x = y\n}\n";
    assert_eq!(run(text).value.as_deref(), Some("%SYS%SYS"));
    let leaks = "    do Q()\n    return $namespace\n----\nQ() {\n    set $namespace = \"USER\"\n}\n";
    assert_eq!(run(leaks).value.as_deref(), Some("USER"), "without NEW it stays");
}

#[test]
fn throw_reaches_the_nearest_catch() {
    let text = "    try {\n        do Q()\n    } catch e {\n        return e.Name_\"|\"_e.Code_\"|\"_e.Data_\"|\"_e.DisplayString()\n    }\n----\nQ() {\n    try {\n        do R()\n    } catch e {\n        throw e\n    }\n}\nR() {\n    throw ##class(%Exception.General).%New(\"mine\", 7, , \"data\")\n}\n";
    assert_eq!(run(text).value.as_deref(), Some("mine|7|data|mine 7 data"));
    let again = "    try {\n        set x = y\n    } catch e {\n        set z = $get(z)_1\n        try {\n            throw e\n        } catch inner {\n            return inner.Name_inner.Data_z\n        }\n    }";
    assert_eq!(run(again).value.as_deref(), Some("<UNDEFINED>*y1"));
    assert_eq!(
        error(
            "    try {\n        set x = 1\n    } catch e {\n    }\n    throw ##class(%Exception.General).%New(\"n\")"
        ),
        "n"
    );
}

#[test]
fn test_belongs_to_the_procedure() {
    let text =
        "    if 1 set a = 1\n    do Q()\n    else  set a = 2\n    return a_$test\n----\nQ() {\n    if 0 set b = 1\n}\n";
    assert_eq!(run(text).value.as_deref(), Some("11"));
}
