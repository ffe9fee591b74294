//===- Linker.cpp - objects to libraries ----------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Linker.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

static constexpr const char *runtimeArchive = "libmpc_runtime.a";
/// The C library as an emitted library may see it (runtime/CMakeLists.txt):
/// names and versions of old systems, so that nothing newer can be linked by
/// accident.
static constexpr const char *systemStubs[] = {
    "libpthread.so.0", "libdl.so.2", "libc.so.6", "ld-linux-x86-64.so.2"};

static std::string inFolder(StringRef folder, const Twine &name) {
  SmallString<128> path(folder);
  sys::path::append(path, name);
  return path.str().str();
}

static Expected<std::string> findLinker(StringRef program) {
  if (!program.empty()) {
    if (program.contains('/')) {
      if (sys::fs::can_execute(program))
        return program.str();
    } else if (ErrorOr<std::string> path = sys::findProgramByName(program)) {
      return *path;
    }
    return createStringError("linker '" + program +
                             "' not found or not executable");
  }
  // Debian has /usr/bin/ld.lld-22 and the folder of the LLVM that mpc was built
  // with, which is known through its shared library only.
  std::string versioned = "ld.lld-" + std::to_string(LLVM_VERSION_MAJOR);
  std::string folder =
      "/usr/lib/llvm-" + std::to_string(LLVM_VERSION_MAJOR) + "/bin";
  for (StringRef name : {StringRef(versioned), StringRef("ld.lld")}) {
    if (ErrorOr<std::string> path = sys::findProgramByName(name))
      return *path;
    if (ErrorOr<std::string> path = sys::findProgramByName(name, {folder}))
      return *path;
  }
  return createStringError(
      "no linker: neither " + versioned +
      " nor ld.lld is in PATH; install lld or name one with --linker");
}

Expected<mpc::Linker> mpc::Linker::create(StringRef program,
                                          StringRef runtimeDirectory) {
  Linker linker;
  Expected<std::string> path = findLinker(program);
  if (!path)
    return path.takeError();
  if (runtimeDirectory.empty())
    return createStringError("the runtime of emitted libraries was not found: "
                             "there is no " +
                             Twine(runtimeArchive) +
                             " in the folder lib beside the compiler's bin");
  linker.program = *path;
  linker.runtimeDirectory = runtimeDirectory.str();
  for (std::string file : {std::string(runtimeArchive),
                           std::string("mpc/stubs/") + systemStubs[0]})
    if (!sys::fs::exists(inFolder(runtimeDirectory, file)))
      return createStringError(
          "the runtime of emitted libraries was not found: there is no '" +
          inFolder(runtimeDirectory, file) + "'");
  return linker;
}

static Error writeFile(StringRef path, StringRef bytes) {
  std::error_code code;
  raw_fd_ostream os(path, code);
  if (!code) {
    os << bytes;
    os.close();
    code = os.error();
    os.clear_error();
  }
  if (code)
    return createStringError(code,
                             "cannot write '" + path + "': " + code.message());
  return Error::success();
}

Expected<std::unique_ptr<MemoryBuffer>>
mpc::Linker::run(ArrayRef<std::string> flags, ArrayRef<ObjectBytes> objects,
                 ArrayRef<std::string> libraries,
                 StringRef versionScript) const {
  SmallString<128> folder;
  if (std::error_code code = sys::fs::createUniqueDirectory("mpc", folder))
    return createStringError(code, "cannot make a temporary folder in '" +
                                       sys::path::parent_path(folder) +
                                       "': " + code.message());
  auto cleanUp = make_scope_exit([&] { sys::fs::remove_directories(folder); });

  std::vector<std::string> arguments{program};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  if (!versionScript.empty()) {
    std::string path = inFolder(folder, "exports");
    if (Error error = writeFile(path, versionScript))
      return error;
    arguments.push_back("--version-script=" + path);
  }
  for (auto [index, object] : enumerate(objects)) {
    std::string path = inFolder(folder, Twine(index) + ".o");
    if (Error error = writeFile(path, StringRef(object.data(), object.size())))
      return error;
    arguments.push_back(path);
  }
  arguments.insert(arguments.end(), libraries.begin(), libraries.end());
  std::string output = inFolder(folder, "output"),
              log = inFolder(folder, "log");
  arguments.push_back("-o");
  arguments.push_back(output);

  SmallVector<StringRef> references(arguments.begin(), arguments.end());
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(log),
                                          StringRef(log)};
  std::string message;
  int status =
      sys::ExecuteAndWait(program, references, std::nullopt, redirects,
                          /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  if (status != 0) {
    std::string reason = message;
    if (auto text = MemoryBuffer::getFile(log))
      reason += (*text)->getBuffer().trim().str();
    if (reason.empty())
      reason = "exit status " + std::to_string(status);
    return createStringError("linking with '" + program +
                             "' failed: " + reason);
  }
  ErrorOr<std::unique_ptr<MemoryBuffer>> result = MemoryBuffer::getFile(
      output, /*IsText=*/false, /*RequiresNullTerminator=*/false,
      /*IsVolatile=*/true); // read, not mapped: the file goes away
  if (!result)
    return createStringError(result.getError(),
                             "cannot read what '" + program + "' wrote");
  return std::move(*result);
}

Expected<std::unique_ptr<MemoryBuffer>>
mpc::Linker::linkShared(ArrayRef<ObjectBytes> objects,
                        ArrayRef<std::string> exports) const {
  std::string script = "{ global:";
  for (const std::string &name : exports)
    script += " " + name + ";";
  script += " local: *; };\n";
  std::vector<std::string> libraries{
      inFolder(runtimeDirectory, runtimeArchive)};
  for (const char *stub : systemStubs)
    libraries.push_back(inFolder(runtimeDirectory, Twine("mpc/stubs/") + stub));
  return run({"-shared", "--gc-sections", "-Bsymbolic", "--exclude-libs=ALL",
              "--as-needed", "--icf=all", "--hash-style=gnu", "--build-id=none",
              "--strip-all", "-zdefs", "-znoexecstack", "-zrelro", "-znow"},
             objects, libraries, script);
}

Expected<std::unique_ptr<MemoryBuffer>>
mpc::Linker::linkRelocatable(ArrayRef<ObjectBytes> objects,
                             StringRef exported) const {
  Expected<std::unique_ptr<MemoryBuffer>> linked =
      run({"-r", "--build-id=none"}, objects,
          {inFolder(runtimeDirectory, runtimeArchive)}, "");
  if (!linked)
    return linked.takeError();
  auto object =
      object::ObjectFile::createELFObjectFile((*linked)->getMemBufferRef());
  if (!object)
    return object.takeError();

  // Two models in one program: everything but the query function is local.
  objcopy::ConfigManager config;
  config.Common.OutputFilename = "object";
  config.Common.StripUnneeded = true;
  if (Error error = config.Common.SymbolsToKeepGlobal.addMatcher(
          objcopy::NameOrPattern::create(exported, objcopy::MatchStyle::Literal,
                                         [](Error error) { return error; })))
    return error;
  SmallVector<char, 0> bytes;
  raw_svector_ostream os(bytes);
  if (Error error = objcopy::executeObjcopyOnBinary(config, **object, os))
    return error;
  return MemoryBuffer::getMemBufferCopy(StringRef(bytes.data(), bytes.size()));
}

Expected<std::unique_ptr<MemoryBuffer>>
mpc::createArchive(const MemoryBuffer &object, StringRef memberName) {
  NewArchiveMember member(MemoryBufferRef(object.getBuffer(), memberName));
  SmallVector<NewArchiveMember, 1> members;
  members.push_back(std::move(member));
  return writeArchiveToBuffer(members, SymtabWritingMode::NormalSymtab,
                              object::Archive::K_GNU, /*Deterministic=*/true,
                              /*Thin=*/false);
}
