//===- Output.cpp - files that appear whole or not at all -----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Output.h"
#include "mpc/Support/TensorFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
namespace fs = llvm::sys::fs;

LogicalResult mpc::checkWritable(Location loc, StringRef flag, StringRef path) {
  SmallString<128> folder(llvm::sys::path::parent_path(path));
  if (folder.empty())
    folder = ".";
  fs::file_status status;
  if (std::error_code error = fs::status(folder, status))
    return emitError(loc) << flag << " " << path << ": " << folder << ": "
                          << error.message();
  if (!fs::is_directory(status))
    return emitError(loc) << flag << " " << path << ": " << folder
                          << " is not a folder";
  if (fs::is_directory(path))
    return emitError(loc) << flag << " " << path
                          << " is a folder; expected the name of a file in it";
  if (std::error_code error = fs::access(folder, fs::AccessMode::Write))
    return emitError(loc) << flag << " " << path << ": " << folder
                          << " cannot be written: " << error.message();
  return success();
}

LogicalResult
mpc::checkDistinct(Location loc,
                   ArrayRef<std::pair<StringRef, StringRef>> files) {
  llvm::StringMap<StringRef> flags;
  for (auto [flag, path] : files) {
    if (path.empty() || path == "-" || isSpecialFile(path.str()))
      continue;
    SmallString<128> whole(path);
    (void)fs::make_absolute(whole);
    llvm::sys::path::remove_dots(whole, /*remove_dot_dot=*/true);
    auto [it, isNew] = flags.try_emplace(whole, flag);
    if (!isNew)
      return emitError(loc) << flag << " " << path << " is the same file as "
                            << it->second << "; expected another name";
  }
  return success();
}

LogicalResult mpc::writeFile(Location loc, StringRef path,
                             function_ref<LogicalResult(raw_ostream &)> write) {
  if (isSpecialFile(path.str())) {
    std::error_code error;
    llvm::raw_fd_ostream os(path, error);
    if (!error && failed(write(os)))
      return failure();
    os.flush();
    error = error ? error : os.error();
    os.clear_error();
    return error ? LogicalResult(emitError(loc)
                                 << path
                                 << " cannot be written: " << error.message())
                 : success();
  }
  auto temporary =
      fs::TempFile::create(path + ".%%%%%%.tmp", fs::all_read | fs::all_write);
  if (!temporary)
    return emitError(loc) << path << " cannot be written: "
                          << llvm::toString(temporary.takeError());
  auto discard = [&](std::string why) -> LogicalResult {
    llvm::consumeError(temporary->discard());
    return why.empty()
               ? failure()
               : LogicalResult(emitError(loc)
                               << path << " cannot be written: " << why);
  };
  {
    llvm::raw_fd_ostream os(temporary->FD, /*shouldClose=*/false);
    if (failed(write(os)))
      return discard("");
    os.flush();
    if (os.has_error()) {
      std::string why = os.error().message();
      os.clear_error();
      return discard(why);
    }
  }
  if (llvm::Error error = temporary->keep(path))
    return discard(llvm::toString(std::move(error)));
  return success();
}
