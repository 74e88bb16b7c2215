//! The instance's own classes: the console log, the mirror, directories, the version.

use super::Natives;
use crate::{
    iris::{mirror::Role, world::ConsoleLine},
    value::{Value, list},
};

pub fn register(natives: &mut Natives) {
    const OBJECT: &str = "%RegisteredObject";
    natives.complete(OBJECT);
    natives.unknown(OBJECT, &["%IsA", "%Extends", "%ConstructClone", "%ClassName", "%ValidateObject", "%GetParameter"]);

    natives.add("%SYS.System", "WriteToConsoleLog", 3..=4, |call| {
        let severity = match call.text(2).as_str() {
            "0" => 0,
            "1" => 1,
            "2" => 2,
            "3" => 3,
            other => return call.run.refuse(&format!("the severity {other:?}")),
        };
        if !matches!(call.text(1).as_str(), "0" | "1") {
            return call.run.refuse("a flag that is not 0 or 1");
        }
        let line = ConsoleLine {
            text: call.text(0),
            severity,
            event: call.text(3),
            at: call.run.world.now,
            process: call.run.process.number,
        };
        call.run.world.console.push(line);
        Ok(Value::from(1))
    });
    natives.add("%SYS.System", "GetInstanceName", 0..=0, |_| Ok(Value::from("IRIS")));

    // "NodeName:InstanceName", of which the first is "the capitalized FQDN of the node".
    natives.add("%SYS.System", "GetUniqueInstanceName", 0..=1, |_| Ok(Value::from("HOST.EXAMPLE.COM:IRIS")));

    const UTIL: &str = "%SYSTEM.Util";
    natives.add(UTIL, "ManagerDirectory", 0..=0, |call| Ok(Value::from(call.run.world.manager_directory.as_str())));
    natives
        .add(UTIL, "BinaryDirectory", 0..=0, |call| Ok(Value::from(format!("{}/bin/", call.run.world.root.display()))));
    natives.add("%SYSTEM.Version", "GetVersion", 0..=0, |call| Ok(Value::from(call.run.world.version.as_str())));

    const MIRROR: &str = "%SYSTEM.Mirror";
    let role = |natives: &mut Natives, method, holds: fn(Role) -> bool| {
        natives.add(MIRROR, method, 0..=0, move |call| Ok(Value::from(holds(call.run.world.mirror.role))));
    };
    natives.add(MIRROR, "IsMember", 0..=0, |call| {
        Ok(Value::from(match call.run.world.mirror.role {
            Role::None => 0,
            Role::Async => 2,
            _ => 1,
        }))
    });
    role(natives, "IsPrimary", |role| role == Role::Primary);
    role(natives, "IsBackup", |role| role == Role::Backup);
    role(natives, "IsAsyncMember", |role| role == Role::Async);
    // "Returns the name of the mirror if the instance is configured as a failover mirror member or NULL if it is not."
    natives.add(MIRROR, "MirrorName", 0..=0, |call| {
        let mirror = &call.run.world.mirror;
        Ok(Value::from(if matches!(mirror.role, Role::None | Role::Async) { "" } else { mirror.name.as_str() }))
    });
    natives.add(MIRROR, "GetMirrorNames", 0..=0, |call| {
        let mirror = &call.run.world.mirror;
        Ok(match mirror.role {
            Role::None => Value::empty(),
            _ => Value::from(list::build(&[Some(Value::from(mirror.name.as_str()))])),
        })
    });
    natives.add(MIRROR, "GetMemberType", 0..=0, |call| Ok(Value::from(call.run.world.mirror.kind())));
    natives.add(MIRROR, "GetMemberStatus", 0..=0, |call| {
        // Status, then what goes with it: `Trouble` of a primary, journal transfer and dejournaling of others. What a test does
        // not name is an empty place.
        let status = call.run.world.mirror.status();
        let mut items: Vec<Option<Value>> = status.split(',').map(|item| Some(Value::from(item))).collect();
        items.resize(3.max(items.len()), None);
        Ok(Value::from(list::build(&items)))
    });
}
