//! What is not loaded: what IRIS would not compile, and what the grammar reads as something else than is meant. A routine
//! that was damaged must not seem to run.

mod common;

use common::instance;
use objectscript_engine::{
    Iris,
    source::{self, Fault},
};

fn routine(text: &str) -> Result<(), String> {
    match source::routine("x.mac", text) {
        Ok(_) => Ok(()),
        Err(Fault::Compile(why) | Fault::Unsupported(why)) => Err(why),
    }
}

fn body(body: &str) -> Result<(), String> {
    routine(&format!("ROUTINE X\nP(p) public {{\n{body}\n}}\n"))
}

/// One body a line, `\n` for a new line.
const BODIES: &str = r#"
 set x = 1 +
 set x = 1 2
 set x += 1
 set x == 1
 set x = a != b
 set x = 'abc'
 set x = "abc
 set x = (1
 set x = {"a": b}
 set x = {"a": 1,}
 set x = [1,]
 set  x = 1
 set x = 1set y = 2
 do Q()do Q()
 set:x  y = 1
 quit:x = 1
 quit set x = 1
 quit 1, 2
 hang 1, 2
 hang
 write
 write "a",,"b"
 throw
 if 1 { set x = 1 } else if 2 { set y = 2 }
 if (x) then { set x = 1 }
 if 1 set x = 1\n else set x = 2
 if x
 if  set x = 1
 else { set x = 1 }
 for i = 1:1:3
 for i=1::5 { set x = 1 }
 do { set x = 1 }
 do\n . set x = 1
 try { set x = 1 }
 try { quit 1 } catch e { }
 try { set x = 1 } catch e { quit 1 }
 for { quit 1 }
 for { if x { quit 1 } }
 continue
 try { continue } catch e { }
 new x
 new
 new (x)
 set x = a()
 set ^a() = 1
 set ^ = 1
 set x = ^(1)
 set x = ^||a
 set $horolog = 1
 set é = 1
 set thisNameIsMuchLongerThanThirtyOneCharacters = 1
 do Q(.x(1))
 set x = .y
 set x = $foo(1)
 set x = $get()
 set x = $get(a, b, c)
 set x = $length()
 set x = $length(, 1)
 set x = $zf()
 set x = $piece(a)
 set x = $order(a(1), 1, b)
 set x = $system.Mirror.IsPrimary
 set x = $system.Mirror.Foo.Bar()
 set x = ##class(A)b.C()
 set x = $$P+1^X()
 set x = @y
 do @x
 goto P
 xecute "set x = 1"
 use 0
 read x
 tstart
 break
 &sql(select 1)
Label\n set x = 1
 set x = 1 }
"#;

#[test]
fn bodies_are_refused() {
    let taken: Vec<_> =
        BODIES.lines().filter(|text| !text.is_empty() && body(&text.replace("\\n", "\n")).is_ok()).collect();
    assert!(taken.is_empty(), "{}", taken.join("\n"));
    for text in [
        " set x = 1 // \"",
        " if x { set y = 1 }set z = 1",
        " if x set y = 1\n else  set y = 2",
        " for { continue:x  quit:y }",
        " for { try { continue } catch e { } }",
        " new %x, $namespace",
        " set x = $get(a, b), y = $order(a(\"\"), -1), z = $listbuild(, 1)",
        " set ok = 1;",
    ] {
        assert_eq!(body(text), Ok(()), "{text}");
    }
}

#[test]
fn routines_are_refused() {
    for text in [
        "P() public {\n}\n",
        "ROUTINE X [Type=INT]\nP() public {\n}\n",
        "ROUTINE X\nP public {\n}\n",
        "ROUTINE X\nP() publik {\n}\n",
        "ROUTINE X\nP() public {\n",
        "ROUTINE X\nP() public {\n}\nP() public {\n}\n",
        "ROUTINE X\nP(a, a) public {\n}\n",
        "ROUTINE X\nP(a..., b) public {\n}\n",
        "ROUTINE X\nP() public {\n}\n set x = 1\n",
        "ROUTINE X\nset x = 1\n",
        "ROUTINE X\n#include %occStatus\nP() public {\n    quit $$$ISERR(1, 2)\n}\n",
        "ROUTINE X\n#include %occStatus\nP() public {\n    quit $$$ISERR\n}\n",
        "ROUTINE X\n#include %occStatus\nP() public {\n    quit $$$ISEROR(1)\n}\n",
        "ROUTINE X\n#define Twice(%a) %a * 2\nP() public {\n    quit $$$Twice(1, 2)\n}\n",
        "ROUTINE X\n#define\nP() public {\n}\n",
        "ROUTINE X\n#if 1\nP() public {\n}\n#endif\n",
    ] {
        assert!(routine(text).is_err(), "{text}");
    }
}

#[test]
fn classes_are_refused() {
    for (from, to) in [
        ("%RegisteredObject", "%RegisterdObject"),
        ("As %Status", "As %Staus"),
        ("a As %String", "a As %Strng"),
        ("ClassMethod M", "ClasMethod M"),
        ("return 1", "return $$$Ok"),
        ("return 1", "return 1 +"),
        ("Parameter P = 1;", "Parameter P = 1"),
        ("Parameter P = 1;", "Parameter P = 1;\n\nParameter P = 2;"),
        ("{\n    return", "{{\n    return"),
    ] {
        let text = "Class A.B Extends %RegisteredObject\n{\n\nParameter P = 1;\n\nClassMethod M(a As %String) As %Status\n{\n    return 1\n}\n\n}\n";
        let load = |text: &str| {
            let (_root, mut iris) = instance(|root| Iris::new(root));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| iris.load("A.B.cls", text))).is_ok()
        };
        assert!(load(text) && text.contains(from));
        assert!(!load(&text.replacen(from, to, 1)), "{from} -> {to}");
    }
}
