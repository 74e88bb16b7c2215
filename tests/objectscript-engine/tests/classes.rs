//! Class files, and what an installer does with files, routines, classes and tasks.

mod common;

use common::instance;
use objectscript_engine::{Answer, Callouts, Iris, Mirror, Missing, NoLibrary, RealLibrary, Role, Value};
use std::fs;

const TASK: &str = r#"/// Checks once a day.
Class ZMirrorVIP.Task Extends %SYS.Task.Definition [ Final ]
{

Parameter TaskName = "mirrorvip check";

Property Deep As %Boolean;

/// Runs.
Method OnTask() As %Status
{
    set sc = $$$OK
    try {
        set text = ..Text("x", .length)
        set ..Deep = 1
        do Check^ZRTN(text_length_..Deep)
        quit:'$system.Mirror.IsPrimary()
        throw ##class(%Exception.General).%New("primary", 5001)
    } catch error {
        set sc = error.AsStatus()
    }
    quit sc
}

ClassMethod Text(a As %String, Output length As %Integer, suffix As %String = {"-"_..#TaskName}) As %String
{
    set length = $length(a)
    return a_suffix
}

}
"#;

const SENSORS: &str = r#"Class ZMirrorVIP.Sensors Extends %SYS.Monitor.SAM.Abstract
{

Parameter PRODUCT = "mirrorvip";

Method GetSensors() As %Status
{
    do ..SetSensor("ready", 1, "vip")
    return ..Own()
}

Method Own() As %Status [ Private ]
{
    return $$$OK
}

}
"#;

#[test]
fn a_task_and_a_monitor_class_run() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load("Task.cls", TASK);
    iris.load("Sensors.cls", SENSORS);
    iris.load("ZRTN.mac", "ROUTINE ZRTN\nCheck(text) public {\n    set ^checked = text\n}\n");
    assert_eq!(iris.run_method("ZMirrorVIP.Task", "OnTask", &[]).value.as_deref(), Some("1"));
    assert_eq!(iris.global("checked", &[]).as_deref(), Some("x-mirrorvip check11"));
    iris.set_mirror(Mirror::member(Role::Primary));
    let status = iris.run_method("ZMirrorVIP.Task", "OnTask", &[]).value.expect("a status");
    assert!(status.starts_with("0 "), "{status:?}");
    assert_eq!(iris.run("ZMirrorVIP.Task:Text", &["a"]).value.as_deref(), Some("a-mirrorvip check"));

    assert_eq!(iris.run_method("ZMirrorVIP.Sensors", "GetSensors", &[]).value.as_deref(), Some("1"));
    assert_eq!(iris.sensors(), [("ready".to_owned(), "1".to_owned(), "id=\"vip\"".to_owned())]);
}

/// As IRIS puts them on its page, or not at all.
#[test]
fn labels_are_the_same_each_time() {
    let class = |body: &str| SENSORS.replace("    do ..SetSensor(\"ready\", 1, \"vip\")", body);
    let sensors = |body: &str| {
        let (_root, mut iris) = instance(|root| Iris::new(root));
        iris.load("Sensors.cls", &class(body));
        iris.run_method("ZMirrorVIP.Sensors", "GetSensors", &[]);
        iris.sensors()
            .into_iter()
            .map(|(name, value, labels)| format!("{name}{{{labels}}} {value}"))
            .collect::<Vec<_>>()
    };
    let two = "    set labels(\"id\") = \"M\", labels(\"outcome\") = \"moved\"\n    do ..SetSensorLabels(\"last\", 1, .labels), ..SetSensor(\"plain\", 2.5)";
    assert_eq!(sensors(two), ["last{id=\"M\",outcome=\"moved\"} 1", "plain{} 2.5"]);
    for body in [
        "    do ..SetSensor(\"a\", 1), ..SetSensor(\"a\", 1, \"x\")",
        "    do ..SetSensor(\"a\", \"moved\")",
        "    set labels(\"outcome\") = \"moved\"\n    do ..SetSensorLabels(\"a\", 1, .labels)",
    ] {
        assert!(std::panic::catch_unwind(|| sensors(body)).is_err(), "{body}");
    }
}

#[test]
fn methods_are_inherited_and_called_above() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load("A.cls", "Class My.A Extends %RegisteredObject\n{\n\nParameter P = 1;\n\nProperty Name;\n\nMethod %OnNew(name) As %Status\n{\n    set ..Name = name\n    return 1\n}\n\nMethod Say(x) As %String\n{\n    return \"A\"_x_..#P_..Name\n}\n\n}\n");
    iris.load("B.cls", "Class My.B Extends My.A\n{\n\nParameter P = 2;\n\nMethod Say(x) As %String\n{\n    return \"B\"_##super(x)_$this.Name\n}\n\nClassMethod Run() As %String\n{\n    set b = ..%New(\"n\")\n    return b.Say(7)_$classmethod(\"My.B\", \"Two\")_##class(My.A).#P\n}\n\nClassMethod Two() As %String\n{\n    return \"two\"\n}\n\nClassMethod Wrong()\n{\n    do ..Missing()\n}\n\n}\n");
    assert_eq!(iris.run("My.B:Run", &[]).value.as_deref(), Some("BA72nntwo1"));
    assert_eq!(iris.run("My.B:Wrong", &[]).error.expect("missing").name, "<METHOD DOES NOT EXIST>");
    assert_eq!(iris.run("My.B:Say", &["1"]).error.expect("no class method").name, "<METHOD DOES NOT EXIST>");
}

#[test]
fn an_installer_can_copy_load_and_register() {
    let (root, mut iris) = instance(|root| Iris::new(root));
    let source = root.path().join("source");
    fs::create_dir(&source).expect("a directory");
    fs::write(source.join("lib.so"), "library").expect("a file");
    fs::write(source.join("ZNEW.mac"), "ROUTINE ZNEW [Type=MAC]\nP() public {\n    return 5\n}\n").expect("a file");
    fs::write(source.join("Task.cls"), TASK).expect("a file");
    fs::write(source.join("broken.mac"), "ROUTINE broken\nP( {\n").expect("a file");
    iris.load("X.mac", r#"ROUTINE X
#include %occStatus
Install(source) public {
    set target = $system.Util.ManagerDirectory()_"mirrorvip/"
    if '##class(%File).CreateDirectoryChain(target, .code) {
        return "directory "_code
    }
    if '##class(%File).CopyFile(source_"/lib.so", target_"new.so", 1, .code) {
        return "copy "_code
    }
    if '##class(%Library.File).Rename(target_"new.so", target_"lib.so") {
        return "rename"
    }
    $$$ThrowOnError($system.OBJ.Load(source_"/ZNEW.mac", "ck-d"))
    $$$ThrowOnError($system.OBJ.Load(source_"/Task.cls", "ck-d"))
    set exists = ##class(%Routine).Exists("ZNEW.MAC")_##class(%Routine).Exists("ZOLD.MAC")_##class(%Dictionary.ClassDefinition).%ExistsId("ZMirrorVIP.Task")
    set broken = $system.OBJ.Load(source_"/broken.mac", "ck-d"), absent = $system.OBJ.Load(source_"/absent.mac")
    set task = ##class(%SYS.Task).%New()
    set task.Name = "check", task.NameSpace = "%SYS", task.TaskClass = "ZMirrorVIP.Task"
    $$$ThrowOnError(task.%Save())
    $$$ThrowOnError(##class(SYS.Monitor.SAM.Config).AddApplicationClass("ZMirrorVIP.Sensors", "%SYS"))
    set rows = ##class(%SQL.Statement).%ExecDirect(, "select ID from %SYS.Task where Name = ?", "check")
    set found = ""
    while rows.%Next() {
        set found = found_rows.ID_","
    }
    return exists_$$$ISERR(broken)_$system.Status.GetErrorText(absent)_found_$$P^ZNEW()
}
Write() public {
    set routine = ##class(%Routine).%New("ZMADE.MAC")
    do routine.WriteLine("P() public {"), routine.WriteLine("    return 7"), routine.WriteLine("}")
    $$$ThrowOnError(routine.Save())
    $$$ThrowOnError(routine.Compile())
    set opened = ##class(%Routine).%OpenId("ZMADE.MAC"), lines = 0
    while 'opened.AtEnd {
        set line = opened.ReadLine(), lines = lines + 1
    }
    set result = $$P^ZMADE()_lines_line
    do ##class(%Routine).Delete("ZMADE.MAC")
    return result_##class(%Routine).Exists("ZMADE.MAC")
}
Stream() public {
    set stream = ##class(%Stream.FileCharacter).%New()
    $$$ThrowOnError(stream.LinkToFile("out.txt"))
    do stream.WriteLine("one"), stream.Write("two")
    $$$ThrowOnError(stream.%Save())
    set again = ##class(%Stream.FileCharacter).%New()
    do again.LinkToFile("out.txt")
    set out = again.ReadLine()_again.AtEnd_again.Read(2)_again.Read()_again.AtEnd
    return out_##class(%File).GetFileSize("out.txt")_##class(%File).Exists("none")
}
"#);
    let source = source.display().to_string();
    let ran = iris.run("Install^X", &[&source]);
    let expected = format!("1011ERROR #5012: File '{source}/absent.mac' does not exist1001,5");
    assert_eq!((ran.value.as_deref(), &ran.error), (Some(expected.as_str()), &None));
    assert_eq!(fs::read_to_string(root.path().join("mirrorvip/lib.so")).expect("copied"), "library");
    assert_eq!(iris.stored("%SYS.Task", "TaskClass"), [(1001, "ZMirrorVIP.Task".to_owned())]);
    assert_eq!(iris.run("Write^X", &[]).value.as_deref(), Some("73}0"));
    assert_eq!(iris.run("Stream^X", &[]).value.as_deref(), Some("one0two170"));
}

#[test]
fn a_test_can_add_a_class() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.natives().add("%Custom.Thing", "Twice", 2..=2, |call| {
        call.set(1, "seen");
        Ok(Value::from(format!("{0}{0}", call.text(0))))
    });
    iris.load(
        "X.mac",
        "ROUTINE X\nP() public {\n    set x = ##class(%Custom.Thing).Twice(\"ab\", .y)\n    return x_y\n}\n",
    );
    assert_eq!(iris.run("P^X", &[]).value.as_deref(), Some("ababseen"));
}

/// Two libraries of which each answers with its own path and what it was asked.
#[derive(Default)]
struct Paths(Vec<String>);

impl Callouts for Paths {
    fn load(&mut self, path: &str) -> Result<u32, String> {
        self.0.push(path.into());
        Ok(u32::try_from(self.0.len()).expect("few"))
    }

    fn function(&mut self, _: u32, name: &str) -> Option<u32> {
        (name == "F").then_some(1)
    }

    fn call(&mut self, library: u32, function: u32, arguments: &[String]) -> Result<Answer, String> {
        Ok(format!("{}#{function}({})", self.0[library as usize - 1], arguments.join(",")).into())
    }

    fn unload(&mut self, _: u32) {}
}

#[test]
fn zf_has_four_forms() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.set_callouts(Paths::default());
    iris.load(
        "X.mac",
        r#"ROUTINE X
P() public {
    set out = $zf(-3, "/a", "F", 1)_" "_$zf(-3, "", "F")_" "
    set id = $zf(-4, 1, "/b"), out = out_$zf(-5, id, $zf(-4, 3, id, "F"), 2, 3)_" "
    do Use($zf(-4, 5, 7, "/c"))
    set out = out_$zf(-6, 7, 1, "x")_" "_$zf(-6, 7)_" "
    do Use($zf(-4, 2, id))
    try {
        set out = out_$zf(-5, id, 1)
    } catch error {
        set out = out_error.Name
    }
    return out_$zf(-3, "")
}
Use(status) private {
}
"#,
    );
    let expected = "/a#1(1) /a#1() /b#1(2,3) /c#1(x) /c <FUNCTION>0";
    assert_eq!(iris.run("P^X", &[]).value.as_deref(), Some(expected));
}

/// The documentation names errors; in public code 0 is seen as well.
#[test]
fn zf_says_in_several_ways_that_something_is_missing() {
    for (missing, said) in [(Missing::Zero, "0"), (Missing::Error("<FUNCTION>"), "<FUNCTION>")] {
        let (_root, mut iris) = instance(|root| Iris::new(root));
        iris.set_callouts(Paths::default());
        iris.set_missing(missing, missing);
        iris.load("X.mac", "ROUTINE X\nP() public {\n    try {\n        return $zf(-4, 3, $zf(-4, 1, \"/b\"), \"G\")\n    } catch error {\n        return error.Name\n    }\n}\n");
        assert_eq!(iris.run("P^X", &[]).value.as_deref(), Some(said));
        iris.set_callouts(NoLibrary);
        iris.load("X.mac", "ROUTINE X\nP() public {\n    try {\n        return $zf(-4, 1, \"/b\")\n    } catch error {\n        return error.Name\n    }\n}\n");
        assert_eq!(iris.run("P^X", &[]).value.as_deref(), Some(said));
    }
}

#[test]
fn a_real_library_that_is_not_there_or_is_none_does_not_load() {
    let (root, mut iris) = instance(|root| Iris::new(root));
    fs::write(root.path().join("text.so"), "no library").expect("a file");
    iris.set_callouts(RealLibrary::new(root.path()));
    iris.load("X.mac", "ROUTINE X\nP(path) public {\n    set x = $zf(-4, 1, path)\n}\n");
    for path in ["/nowhere/lib.so", &root.path().join("text.so").display().to_string()] {
        assert_eq!(iris.run("P^X", &[path]).error.expect("no library").name, "<DYNAMIC LIBRARY LOAD>");
    }
}

#[test]
fn a_clock_can_change_the_mirror() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load("X.mac", "ROUTINE X\nP() public {\n    for i = 1:1:100 {\n        quit:$system.Mirror.IsPrimary()\n        hang 1\n    }\n    return i_$system.Mirror.IsMember()_$list($system.Mirror.GetMemberStatus())\n}\n");
    iris.set_mirror(Mirror::member(Role::Neither));
    iris.set_mirror_at(4.5, Mirror::member(Role::Backup));
    iris.set_mirror_at(6.5, Mirror::member(Role::Primary));
    assert_eq!(iris.run("P^X", &[]).value.as_deref(), Some("81Primary"));
}
