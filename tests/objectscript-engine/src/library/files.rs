//! `%File`, on real files under the instance's root.

use super::{Call, Natives};
use crate::{
    iris::{errors::Outcome, world::EPOCH_DAY},
    value::Value,
};
use std::{fs, io, path::Path};

const CLASS: &str = "%Library.File";

pub fn register(natives: &mut Natives) {
    natives.add(CLASS, "Exists", 1..=1, |call| Ok(Value::from(call.path(0)?.exists())));
    natives.add(CLASS, "DirectoryExists", 1..=1, |call| Ok(Value::from(call.path(0)?.is_dir())));
    natives.add(CLASS, "Delete", 1..=2, |call| {
        let path = call.path(0)?;
        Ok(told(call, 1, fs::remove_file(path)))
    });
    natives.add(CLASS, "Rename", 2..=3, |call| {
        let (from, to) = (call.path(0)?, call.path(1)?);
        Ok(told(call, 2, fs::rename(from, to)))
    });
    natives.add(CLASS, "CopyFile", 2..=4, |call| {
        let (from, to) = (call.path(0)?, call.path(1)?);
        let overwrite = call.value(2).is_some_and(|overwrite| overwrite.is_true());
        let copied = match to.exists() && !overwrite {
            true => Err(io::Error::from(io::ErrorKind::AlreadyExists)),
            false => fs::copy(from, to).map(drop),
        };
        Ok(told(call, 3, copied))
    });
    natives.add(CLASS, "CreateDirectory", 1..=2, |call| {
        let path = call.path(0)?;
        Ok(told(call, 1, fs::create_dir(path)))
    });
    natives.add(CLASS, "CreateDirectoryChain", 1..=2, |call| {
        let path = call.path(0)?;
        Ok(told(call, 1, fs::create_dir_all(path)))
    });
    natives.add(CLASS, "RemoveDirectory", 1..=2, |call| {
        let path = call.path(0)?;
        Ok(told(call, 1, fs::remove_dir(path)))
    });
    // The number of files that were copied is the fourth argument's; 1 where all went well ("Copy Directories", %Library.File).
    natives.add(CLASS, "CopyDir", 2..=6, |call| {
        let (from, to) = (call.path(0)?, call.path(1)?);
        let overlay = call.value(2).is_some_and(|overlay| overlay.is_true());
        let copied = if to.exists() && !overlay { Ok(None) } else { copy_all(&from, &to).map(Some) };
        let count = copied.ok().flatten();
        call.set(3, count.unwrap_or(0));
        Ok(Value::from(count.is_some()))
    });
    natives.add(CLASS, "RemoveDirectoryTree", 1..=1, |call| {
        let path = call.path(0)?;
        Ok(Value::from(fs::remove_dir_all(path).is_ok()))
    });
    natives.add(CLASS, "GetFileSize", 1..=1, |call| {
        let path = call.path(0)?;
        let size = fs::metadata(path).ok().and_then(|found| i64::try_from(found.len()).ok());
        Ok(Value::from(size.unwrap_or(-1)))
    });
    // In $HOROLOG's form, of UTC where the second argument is true; here the two are one. Empty where there is no such file.
    natives.add(CLASS, "GetFileDateModified", 1..=2, |call| {
        let modified = fs::metadata(call.path(0)?).and_then(|found| found.modified()).ok();
        let since = modified.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(since.map_or_else(Value::empty, |since| {
            let (days, seconds) = (since.as_secs() / 86_400 + u64::from(EPOCH_DAY), since.as_secs() % 86_400);
            Value::from(format!("{days},{seconds}.{:03}", since.subsec_millis()))
        }))
    });
    natives.add(CLASS, "NormalizeFilename", 1..=2, normalized);
    natives.add(CLASS, "NormalizeDirectory", 1..=2, |call| {
        let text = normalized(call)?.to_text().to_string();
        Ok(Value::from(if text.ends_with('/') { text } else { text + "/" }))
    });
    natives
        .add(CLASS, "GetFilename", 1..=1, |call| Ok(Value::from(call.text(0).rsplit('/').next().unwrap_or_default())));
    natives.add(CLASS, "GetDirectory", 1..=1, |call| {
        let text = call.text(0);
        Ok(Value::from(text.rfind('/').map_or("", |slash| &text[..=slash])))
    });
    natives.add(CLASS, "ManagerDirectory", 0..=0, |call| Ok(Value::from(call.run.world.manager_directory.as_str())));
}

fn copy_all(from: &Path, to: &Path) -> io::Result<usize> {
    fs::create_dir_all(to)?;
    let mut count = 0;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            count += copy_all(&path, &to)?;
        } else {
            fs::copy(&path, &to)?;
            count += 1;
        }
    }
    Ok(count)
}

/// 1, or 0 with the negative number of the operating system's error in the output argument.
fn told(call: &Call<'_, '_>, output: usize, result: io::Result<()>) -> Value {
    let code = result.as_ref().err().map_or(0, |why| -i64::from(why.raw_os_error().unwrap_or(17)));
    call.set(output, code);
    Value::from(result.is_ok())
}

fn normalized(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (name, directory) = (call.text(0), call.text(1));
    if name.contains("..") {
        return call.run.refuse("a file name with ..");
    }
    let base = match directory.as_str() {
        "" => call.run.world.manager_directory.clone(),
        directory => format!("{}/", directory.trim_end_matches('/')),
    };
    Ok(Value::from(if name.starts_with('/') { name } else { base + &name }))
}
